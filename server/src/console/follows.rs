//! The records that somebody follows: what others did to them, and following one or no longer.

use askama::Template;
use axum::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::actions::follow::{FOLLOW, following};
use sync_core::id::RecordId;

use super::desk::{Desk, Frame, icon, page as answer};
use super::history;
use super::mentions::Seen;
use super::record::{Editing, show, view};
use super::timeline::{self, EventView};
use super::{format, why};
use crate::error::Error;
use crate::place::Path;
use crate::reading::{Following, Linked, Names};
use crate::store::marks;

#[derive(Template)]
#[template(path = "followed.html")]
struct FollowedPage {
    frame: Frame,
    /// Up to where the feed has been read for the page.
    position: u64,
    news: Vec<(RecordView, EventView)>,
    records: Vec<RecordView>,
}

/// A record that is followed.
struct RecordView {
    icon: String,
    href: String,
    title: String,
}

impl RecordView {
    fn of(linked: &Linked) -> Self {
        let title = if linked.title.is_empty() { format::short(&linked.id.to_string()) } else { linked.title.clone() };
        Self { icon: icon(&linked.kind).to_owned(), href: format!("/records/{}/{}", linked.kind, linked.id), title }
    }
}

/// `GET /followed`: what others did to what the caller follows, the last first, and all that they follow.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    let following = desk.reading.following().await?;
    let names = names(&desk, &following).await?;
    let mut news = Vec::new();
    for one in &following.news {
        let kind = desk.reading.kind(&one.about.kind)?;
        news.push((RecordView::of(&one.about), timeline::view_of(&desk, kind, &names, &one.happened, &one.who)));
    }
    let records = following.records.iter().map(RecordView::of).collect();
    let frame = desk.frame(desk.words.say("menu.followed"), "/followed").await?;
    answer(StatusCode::OK, &FollowedPage { frame, position: following.position, news, records })
}

/// What the records are called that news name, asked for together.
async fn names(desk: &Desk, following: &Following) -> Result<Names, Error> {
    let mut ids = Vec::new();
    for one in &following.news {
        let kind = desk.reading.kind(&one.about.kind)?;
        ids.extend(history::linked(kind, timeline::entries(&one.happened), None));
    }
    let mut names = desk.reading.names_of(ids).await?;
    names.extend(following.names.clone());
    Ok(names)
}

/// `POST /followed/seen`: all that was done up to there.
pub async fn seen(desk: Desk, Form(Seen { position }): Form<Seen>) -> Result<Redirect, Error> {
    desk.app.store.has_seen(desk.caller.workspace, marks::followed(desk.caller.user), position).await?;
    Ok(Redirect::to("/followed"))
}

/// Where somebody came from.
#[derive(Deserialize)]
pub struct From {
    #[serde(default)]
    back: String,
}

/// `POST /records/{kind}/{id}/follow`.
pub async fn follow(desk: Desk, Path((kind, id)): Path<(String, RecordId)>) -> Result<Response, Error> {
    let view = view(&desk, &kind, id).await?;
    // Followed in two windows, it is followed once.
    if !desk.reading.follows_of(id).await?.is_empty() {
        return Ok(Redirect::to(&format!("/records/{kind}/{id}")).into_response());
    }
    let written = desk.writing().create(FOLLOW, None, following(view.row.id, desk.caller.user)).await;
    let written = why::written(&desk, desk.reading.kind(FOLLOW)?, written)?.map(|_| ());
    told(&desk, &kind, id, written, "").await
}

/// `POST /records/{kind}/{id}/unfollow`: by whichever device it was followed.
pub async fn unfollow(desk: Desk, Path((kind, id)): Path<(String, RecordId)>, Form(from): Form<From>) -> Result<Response, Error> {
    view(&desk, &kind, id).await?;
    let mut written = Ok(());
    for follow in desk.reading.follows_of(id).await? {
        let archived = desk.writing().archive(FOLLOW, follow).await;
        written = written.and(why::written(&desk, desk.reading.kind(FOLLOW)?, archived)?);
    }
    told(&desk, &kind, id, written, &from.back).await
}

async fn told(desk: &Desk, kind: &str, id: RecordId, written: Result<(), why::Why>, back: &str) -> Result<Response, Error> {
    match written {
        Ok(()) if back == "followed" => Ok(Redirect::to("/followed").into_response()),
        Ok(()) => Ok(Redirect::to(&format!("/records/{kind}/{id}")).into_response()),
        Err(why) => show(desk, kind, id, Editing { error: Some(why.text), ..Editing::default() }, None).await,
    }
}
