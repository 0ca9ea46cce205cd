//! API keys: those of who is signed in; to administrators, everybody's.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::access::Right;
use sync_core::id::RecordId;

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use crate::auth::grant::Scopes;
use crate::auth::{NewKey, key_ends_at};
use crate::error::Error;
use crate::place::Path;
use crate::store::keys::{self, ApiKey};
use crate::store::people;

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<String>,
    typed: Typed,
    made: Option<String>,
    rows: Vec<KeyView>,
}

struct KeyView {
    id: String,
    name: String,
    owner: String,
    scopes: String,
    used: Option<Shown>,
    expires: Option<Shown>,
    over: Option<&'static str>,
}

/// A key to make, as typed.
#[derive(Deserialize, Default)]
pub struct Typed {
    name: String,
    scopes: String,
    days: String,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// `GET /keys`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let notice = asked.done.map(|_| desk.words.say("key.was_revoked"));
    let typed = Typed { days: "90".to_owned(), ..Typed::default() };
    show(&desk, StatusCode::OK, KeysShown { notice, typed, ..KeysShown::default() }).await
}

/// What is on the page beside the keys.
#[derive(Default)]
struct KeysShown {
    notice: Option<&'static str>,
    problem: Option<String>,
    typed: Typed,
    made: Option<String>,
}

async fn show(desk: &Desk, status: StatusCode, shown: KeysShown) -> Result<Response, Error> {
    let mut tx = desk.app.store.reader().await?;
    let users = people::users(&mut tx, desk.caller.workspace).await?;
    let mut all = keys::all(&mut tx, desk.caller.workspace).await?;
    drop(tx);
    if !desk.may(Right::Administer) {
        all.retain(|key| key.user == desk.caller.user);
    }
    let owner = |key: &ApiKey| {
        let user = users.iter().find(|user| user.user == key.user);
        user.map_or_else(|| desk.words.say("who.unknown").to_owned(), |user| user.name.clone())
    };
    let KeysShown { notice, problem, typed, made } = shown;
    let page = KeysPage {
        frame: desk.frame(desk.words.say("menu.keys"), "/keys").await?,
        notice,
        problem,
        typed,
        made,
        rows: all.iter().map(|key| key_view(desk, key, owner(key))).collect(),
    };
    answer(status, &page)
}

fn key_view(desk: &Desk, key: &ApiKey, owner: String) -> KeyView {
    let expired = key.expires_at.is_some_and(|at| at <= desk.now);
    KeyView {
        id: key.key.to_string(),
        name: key.name.clone(),
        owner,
        scopes: key.scopes.clone(),
        used: key.last_used_at.map(format::moment),
        expires: key.expires_at.map(format::moment),
        over: match (key.revoked_at, expired) {
            (Some(_), _) => Some(desk.words.say("key.revoked")),
            (None, true) => Some(desk.words.say("key.expired")),
            (None, false) => None,
        },
    }
}

/// `POST /keys`: the key is on the answer, and nowhere again.
pub async fn make(desk: Desk, Form(typed): Form<Typed>) -> Result<Response, Error> {
    let ends_at = typed.days.trim().parse().ok().and_then(|days| key_ends_at(desk.now, days));
    let problem = match (Scopes::read(&typed.scopes, desk.reading.schema()), ends_at, typed.name.trim()) {
        (_, _, "") => desk.words.say("key.no_name").to_owned(),
        (Err(bad), _, _) => desk.words.0.of(&bad.to_string(), &bad.message_zh()).to_owned(),
        (_, None, _) => desk.words.say("key.bad_days").to_owned(),
        (Ok(scopes), Some(ends_at), name) => {
            let (workspace, user) = (desk.caller.workspace, desk.caller.user);
            let (name, expires_at) = (name.to_owned(), Some(ends_at));
            let (token, _) = desk.app.auth.make_key(NewKey { workspace, user, by: Some(user), name, scopes, expires_at }).await?;
            let made = Some(token.reveal().to_owned());
            return show(&desk, StatusCode::OK, KeysShown { made, ..KeysShown::default() }).await;
        }
    };
    show(&desk, StatusCode::UNPROCESSABLE_ENTITY, KeysShown { problem: Some(problem), typed, ..KeysShown::default() }).await
}

/// `POST /keys/{key}/revoke`: one's own, or anybody's for administrators.
pub async fn revoke(desk: Desk, Path(key): Path<RecordId>) -> Result<Response, Error> {
    let user = desk.caller.user;
    let owner = (!desk.may(Right::Administer)).then_some(user);
    if !desk.app.auth.revoke_key(desk.caller.workspace, key, owner, Some(user)).await? {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to("/keys?done=revoked").into_response())
}
