//! Records: lists, single ones, and what is written to them.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sync_core::id::RecordId;

use super::request::{Changes, Creation, IfMatch, Params, Target};
use super::taken;
use super::values::edits_of;
use crate::app::App;
use crate::auth::Caller;
use crate::body::Body;
use crate::cards::{CARD_TYPE, cards, has_cards};
use crate::error::Error;
use crate::intake::NotEdited;
use crate::place::Path;
use crate::reading::{Disagreement, LinkedRecord, List, Listing, Reading, RecordView};
use crate::writing::{Batch, Outcome, Writing};

/// The disagreements of one record.
#[derive(Serialize)]
pub struct Disagreements {
    rows: Vec<Disagreement>,
}

/// `GET /api/v1/{kind}`: a page of records.
///
/// # Errors
/// When a parameter is wrong, or names what the caller may not see.
pub async fn list(State(app): State<App>, caller: Caller, Path(kind): Path<String>, mut params: Params) -> Result<Json<Listing>, Error> {
    let reading = Reading::of(&app, &caller);
    let (total, shelf, offset_minutes, words) = (params.total()?, params.shelf()?, params.offset_minutes()?, params.words()?);
    let query = reading.query(&kind, params.of_query()?)?;
    let list = reading.narrowed(List { shelf, total, offset_minutes, ..List::of(query) }, &words)?;
    taken::page(&app, &caller, &list).await
}

/// `POST /api/v1/{kind}`: makes a record.
///
/// # Errors
/// When it exists, lacks a required field, or a value does not fit.
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    Body(creation): Body<Creation>,
) -> Result<Response, Error> {
    let (reading, writing) = (Reading::of(&app, &caller), Writing::of(&app, &caller));
    let Creation { id, fields, mut edits } = creation;
    let new_id = || writing.new_id().to_string();
    let declared = reading.kind(&kind)?;
    edits.extend(edits_of(declared, fields, new_id).map_err(NotEdited::from)?);
    let id = writing.create(&kind, id, edits).await?;
    let made = shown(&app, &caller, &kind, id).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v1/{kind}/{id}"))], made).into_response())
}

/// `GET /api/v1/{kind}/{id}`: a record with its links and disagreements.
///
/// # Errors
/// When it is not there.
pub async fn get(State(app): State<App>, caller: Caller, Target { kind, id }: Target, headers: HeaderMap) -> Result<Response, Error> {
    let response = shown(&app, &caller, &kind, id).await?;
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|tags| tags.split(','));
    let etag = response.headers().get(header::ETAG).cloned();
    match etag {
        Some(etag) if known.map(str::trim).any(|tag| tag.as_bytes() == etag.as_bytes()) => {
            Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response())
        }
        _ => Ok(response),
    }
}

/// The results of a batch.
#[derive(Serialize)]
pub struct Outcomes {
    results: Vec<Outcome>,
}

/// `POST /api/v1/{kind}/batch`: many records at once, made or brought up to date.
///
/// # Errors
/// When the batch as a whole cannot be taken.
pub async fn batch(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    Body(batch): Body<Batch>,
) -> Result<Json<Outcomes>, Error> {
    Ok(Json(Outcomes { results: Writing::of(&app, &caller).batch(&kind, batch).await? }))
}

/// `PATCH /api/v1/{kind}/{id}`: edits fields, and answers the record after it. Values that stand there already are no edit.
///
/// # Errors
/// When it is not there, or an edit is not taken.
pub async fn edit(
    State(app): State<App>,
    caller: Caller,
    Target { kind, id }: Target,
    IfMatch(seen): IfMatch,
    Body(Changes { fields, edits }): Body<Changes>,
) -> Result<Response, Error> {
    let writing = Writing::of(&app, &caller).if_still(seen);
    if fields.is_empty() {
        writing.edit(&kind, id, edits).await?;
    } else {
        writing.change(&kind, id, fields, edits).await?;
    }
    shown(&app, &caller, &kind, id).await
}

/// `POST /api/v1/{kind}/{id}/archive`: puts it away.
///
/// # Errors
/// When it is not there, or the caller may not.
pub async fn archive(
    State(app): State<App>,
    caller: Caller,
    Target { kind, id }: Target,
    IfMatch(seen): IfMatch,
) -> Result<Response, Error> {
    Writing::of(&app, &caller).if_still(seen).archive(&kind, id).await?;
    shown(&app, &caller, &kind, id).await
}

/// `POST /api/v1/{kind}/{id}/restore`: brings it back from the archive.
///
/// # Errors
/// When it is not there, is not archived, or the caller may not.
pub async fn restore(
    State(app): State<App>,
    caller: Caller,
    Target { kind, id }: Target,
    IfMatch(seen): IfMatch,
) -> Result<Response, Error> {
    Writing::of(&app, &caller).if_still(seen).restore(&kind, id).await?;
    shown(&app, &caller, &kind, id).await
}

/// `GET /api/v1/{kind}/{id}/card`: the record as a vCard, for address books.
///
/// # Errors
/// When it is not there, or is of a kind that no address book has.
pub async fn card(State(app): State<App>, caller: Caller, Target { kind, id }: Target) -> Result<Response, Error> {
    let reading = Reading::of(&app, &caller);
    if !has_cards(reading.kind(&kind)?) {
        return Err(Error::NotFound);
    }
    let record = find(&app, &caller, &kind, id).await?;
    let saved = format!("attachment; filename=\"{id}.vcf\"");
    let text = cards(&reading, [&record.row]).await?;
    taken::note_card(&app, &caller, &kind, id).await?;
    Ok(([(header::CONTENT_TYPE, CARD_TYPE.to_owned()), (header::CONTENT_DISPOSITION, saved)], text).into_response())
}

/// `GET /api/v1/{kind}/{id}/conflicts`: where people disagree about the record.
///
/// # Errors
/// When it is not there.
pub async fn record_conflicts(State(app): State<App>, caller: Caller, target: Target) -> Result<Json<Disagreements>, Error> {
    Ok(Json(Disagreements { rows: find(&app, &caller, &target.kind, target.id).await?.disagreements }))
}

/// A record of a kind, as the caller sees it now.
pub(super) async fn find(app: &App, caller: &Caller, kind: &str, id: RecordId) -> Result<RecordView, Error> {
    let found = Reading::of(app, caller).record(id).await?;
    found.filter(|record| &*record.row.kind == kind).ok_or(Error::NotFound)
}

/// The same as an answer: the version stands in `ETag`, too.
pub(super) async fn shown(app: &App, caller: &Caller, kind: &str, id: RecordId) -> Result<Response, Error> {
    let view = find(app, caller, kind, id).await?;
    let tag = format!("\"{}\"", view.row.version);
    let linked_from = Reading::of(app, caller).linked_from(id).await?;
    Ok(([(header::ETAG, tag)], Json(LinkedRecord { view, linked_from })).into_response())
}
