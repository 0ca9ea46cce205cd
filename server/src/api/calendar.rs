//! The address of somebody's calendar, and the calendar behind it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sync_core::id::Millis;

use crate::app::App;
use crate::auth::Person;
use crate::calendar;
use crate::error::Error;
use crate::place::Path;

/// Since when the caller's calendar has an address.
#[derive(Serialize)]
pub struct Shared {
    since: Option<Millis>,
}

/// A new address: shown once, on this answer.
#[derive(Serialize)]
pub struct Address {
    url: String,
}

/// `GET /calendar/{file}`: the calendar, for programs that know its address and nothing else.
///
/// # Errors
/// When the address leads nowhere.
pub async fn feed(State(app): State<App>, Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let text = calendar::feed(&app, &file, &app.address(&headers)).await?;
    let hash: String = Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{hash}\"");
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let kind = "text/calendar; charset=utf-8".to_owned();
    let saved = "inline; filename=\"rapport.ics\"".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, saved), (header::ETAG, etag)], text).into_response())
}

/// `GET /api/v1/calendars`: whether the caller's calendar has an address.
///
/// # Errors
/// When nobody is signed in.
pub async fn since(State(app): State<App>, Person(caller): Person) -> Result<Json<Shared>, Error> {
    Ok(Json(Shared { since: calendar::since(&app, caller.workspace, caller.user).await? }))
}

/// `POST /api/v1/calendars`: a new address; the one before leads nowhere.
///
/// # Errors
/// When nobody is signed in.
pub async fn renew(State(app): State<App>, Person(caller): Person, headers: HeaderMap) -> Result<(StatusCode, Json<Address>), Error> {
    let token = calendar::renew(&app, &caller).await?;
    let url = format!("{}{}", app.address(&headers), calendar::path(&token));
    Ok((StatusCode::CREATED, Json(Address { url })))
}

/// `DELETE /api/v1/calendars`: the address leads nowhere any more.
///
/// # Errors
/// When there was none.
pub async fn withdraw(State(app): State<App>, Person(caller): Person) -> Result<StatusCode, Error> {
    if calendar::withdraw(&app, &caller).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Error::NotFound) }
}
