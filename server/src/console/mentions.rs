//! What colleagues want somebody to see: the notes that name them. And whom a note that is being typed may name.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use serde::Deserialize;
use serde_json::Value as Json;

use super::desk::{Desk, Frame, icon, page as answer};
use super::format::{self, Shown};
use crate::error::Error;
use crate::reading::{Colleague, Mention};
use crate::store::marks;

/// Teams that are offered besides.
const TEAMS_OFFERED: usize = 3;

/// Colleagues that are offered behind an at sign: more are not looked through, one more letter is typed.
const OFFERED: usize = 8;

#[derive(Template)]
#[template(path = "mentions.html")]
struct MentionsPage {
    frame: Frame,
    rows: Vec<MentionView>,
}

struct MentionView {
    who: String,
    when: Shown,
    text: String,
    /// Its page.
    href: String,
    /// What it is about: icon, page, what names it.
    about: Vec<(String, String, String)>,
    is_new: bool,
    position: u64,
}

/// `GET /mentions`: those written last come first.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    let rows = desk.reading.mentions().await?.into_iter().map(|mention| view(&desk, mention)).collect();
    let frame = desk.frame(desk.words.say("menu.mentions"), "/mentions").await?;
    answer(StatusCode::OK, &MentionsPage { frame, rows })
}

fn view(desk: &Desk, Mention { note, by, about, named_at, is_new }: Mention) -> MentionView {
    let text = |name: &str| note.fields.get(name).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let about = about
        .into_iter()
        .map(|linked| {
            let href = format!("/records/{}/{}", linked.kind, linked.id);
            let title = if linked.title.is_empty() { format::short(&linked.id.to_string()) } else { linked.title };
            (icon(&linked.kind).to_owned(), href, title)
        })
        .collect();
    MentionView {
        who: by.map_or_else(|| desk.words.say("who.unknown").to_owned(), |by| by.title),
        when: format::moment(note.created_at),
        href: format!("/records/{}/{}", note.kind, note.id),
        text: text("body").unwrap_or_else(|| note.title.clone()),
        about,
        is_new,
        position: named_at,
    }
}

/// Up to which position of the feed somebody has seen what waits for them.
#[derive(Deserialize)]
pub struct Seen {
    /// The position.
    pub position: u64,
}

/// `POST /mentions/seen`: this one, and those that named the caller before it.
pub async fn seen(desk: Desk, Form(Seen { position }): Form<Seen>) -> Result<Redirect, Error> {
    desk.app.store.has_seen(desk.caller.workspace, marks::mentions(desk.caller.user), position).await?;
    Ok(Redirect::to("/mentions"))
}

/// What stands behind an at sign so far.
#[derive(Deserialize)]
pub struct Typed {
    q: String,
}

#[derive(Template)]
#[template(path = "mention_offer.html")]
struct Offer {
    people: Vec<Colleague>,
    /// Names, and how many are in each.
    teams: Vec<(String, String)>,
}

/// `GET /mentions/offer`: the colleagues and teams that a note may name, those called most like what was typed first.
pub async fn offer(desk: Desk, Query(typed): Query<Typed>) -> Result<Response, Error> {
    let teams = desk.reading.offered_teams(&typed.q, TEAMS_OFFERED).await?;
    let teams = teams.into_iter().map(|(team, people)| (team, desk.words.count("role.people", people))).collect();
    answer(StatusCode::OK, &Offer { people: desk.reading.offered(&typed.q, OFFERED).await?, teams })
}
