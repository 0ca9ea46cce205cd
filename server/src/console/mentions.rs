//! What colleagues want somebody to see: the notes that name them. And whom a note that is being typed may name.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::id::UserId;
use sync_core::query::MAX_PAGE;
use sync_core::search::{Closeness, closeness};

use super::desk::{Desk, Frame, icon, page as answer};
use super::format::{self, Shown};
use crate::error::Error;
use crate::reading::{List, Mention, Row};
use crate::store::{StoreError, marks, people};

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

/// Up to which position of the feed somebody has seen what names them.
#[derive(Deserialize)]
pub struct Seen {
    position: u64,
}

/// `POST /mentions/seen`: this one, and those that named the caller before it.
pub async fn seen(desk: Desk, Form(Seen { position }): Form<Seen>) -> Result<Redirect, Error> {
    let (workspace, mark) = (desk.caller.workspace, marks::mentions(desk.caller.user));
    // Nobody has seen what is not written yet.
    let position = position.min(desk.since.unwrap_or_default());
    desk.app
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let before = marks::of(tx, workspace, &mark).await?;
                marks::set(tx, workspace, &mark, position.max(before)).await
            })
        })
        .await?;
    Ok(Redirect::to("/mentions"))
}

/// What stands behind an at sign so far.
#[derive(Deserialize)]
pub struct Typed {
    q: String,
}

/// Somebody whom a note may name.
struct Offered {
    id: String,
    name: String,
    login: String,
}

#[derive(Template)]
#[template(path = "mention_offer.html")]
struct Offer {
    people: Vec<Offered>,
}

/// `GET /mentions/offer`: the colleagues whom a note may name, those called most like what was typed first.
pub async fn offer(desk: Desk, Query(typed): Query<Typed>) -> Result<Response, Error> {
    let logins = logins(&desk).await?;
    let mut found: Vec<(Closeness, Offered)> = Vec::new();
    for member in colleagues(&desk).await? {
        let is_gone = member.fields.get("active") == Some(&Json::Bool(false));
        if member.title.is_empty() || is_gone || member.id.0 == desk.caller.user.0 {
            continue;
        }
        let login = logins.get(&UserId(member.id.0)).cloned().unwrap_or_default();
        let Some(fit) = fit(&typed.q, &member.title, &login) else { continue };
        found.push((fit, Offered { id: member.id.to_string(), name: member.title, login }));
    }
    found.sort_by_key(|(fit, _)| *fit);
    answer(StatusCode::OK, &Offer { people: found.into_iter().take(OFFERED).map(|(_, person)| person).collect() })
}

/// How well somebody's name or login fits what was typed; none if neither does.
fn fit(typed: &str, name: &str, login: &str) -> Option<Closeness> {
    if typed.trim().is_empty() {
        return Some(Closeness::Start);
    }
    [closeness(typed, name), closeness(typed, login)].into_iter().min().filter(|fit| *fit != Closeness::Elsewhere)
}

async fn logins(desk: &Desk) -> Result<HashMap<UserId, String>, Error> {
    let mut tx = desk.app.store.reader().await?;
    let users = people::users(&mut tx, desk.caller.workspace).await?;
    Ok(users.into_iter().map(|user| (user.user, user.login)).collect())
}

/// Everybody whom the caller sees, by name: who is the only one that is called so is decided among all of them.
pub async fn colleagues(desk: &Desk) -> Result<Vec<Row>, Error> {
    let size = MAX_PAGE.to_string();
    let (mut members, mut after) = (Vec::new(), None::<String>);
    loop {
        let params = [("maxSize", &*size), ("orderBy", "name")].into_iter().chain(after.as_deref().map(|after| ("after", after)));
        let Ok(query) = desk.reading.query("member", params) else { return Ok(members) };
        let page = desk.reading.list(&List::of(query)).await?;
        members.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return Ok(members);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_offered_by_name_by_pinyin_initials_and_by_login() {
        let cases = [
            ("", "王芳", "wf88", true),
            ("王", "王芳", "", true),
            ("wf", "王芳", "", true),
            ("wang", "王芳", "", true),
            ("mei", "王芳", "mei", true),
            ("chen", "Bo Chen", "bo", true),
            ("bo chen", "Bo Chen", "", true),
            ("hen", "Bo Chen", "bo", false),
            ("zz", "王芳", "wf88", false),
        ];
        for (typed, name, login, expected) in cases {
            assert_eq!(fit(typed, name, login).is_some(), expected, "{typed} {name} {login}");
        }
        assert!(fit("bo", "Bo Chen", "") < fit("bo", "Chen Bo", ""), "a name that begins so comes first");
    }
}
