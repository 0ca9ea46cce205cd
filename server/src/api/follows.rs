//! The records that the caller follows, and what others did to them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync_core::id::Millis;

use crate::app::App;
use crate::auth::Person;
use crate::body::Body;
use crate::error::Error;
use crate::reading::{Entry, Event, FollowedNews, Linked, Reading, Who};
use crate::store::marks;

/// What somebody follows.
#[derive(Serialize)]
pub struct Followed {
    news: Vec<News>,
    records: Vec<Linked>,
    /// What to say when they have seen it.
    position: u64,
}

/// What somebody else did.
#[derive(Serialize)]
struct News {
    about: Linked,
    #[serde(flatten)]
    who: Who,
    at: Millis,
    /// What was made about the record.
    made: Option<Linked>,
    /// What was changed in the record itself.
    entries: Vec<Entry>,
}

impl News {
    fn of(FollowedNews { about, who, happened }: FollowedNews) -> Self {
        let (made, entries) = match happened.event {
            Event::Record(row) => (Some(Linked { id: row.id, kind: row.kind, title: row.title, archived: row.archived }), Vec::new()),
            Event::Change(entries) => (None, entries),
        };
        Self { about, who, at: happened.at, made, entries }
    }
}

/// `GET /api/v1/me/followed`: what others did to the records that the caller follows, the last first, and those records.
///
/// # Errors
/// When nobody is signed in.
pub async fn followed(State(app): State<App>, Person(caller): Person) -> Result<Json<Followed>, Error> {
    let reading = Reading::of(&app, &caller);
    let following = reading.following().await?;
    let (position, records) = (following.position, following.records);
    Ok(Json(Followed { news: following.news.into_iter().map(News::of).collect(), records, position }))
}

/// Up to where somebody has seen it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    position: u64,
}

/// `POST /api/v1/me/followed/seen`: all up to there.
///
/// # Errors
/// When nobody is signed in.
pub async fn seen(State(app): State<App>, Person(caller): Person, Body(Seen { position }): Body<Seen>) -> Result<StatusCode, Error> {
    app.store.has_seen(caller.workspace, marks::followed(caller.user), position).await?;
    Ok(StatusCode::NO_CONTENT)
}
