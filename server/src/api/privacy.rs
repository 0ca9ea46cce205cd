//! What the law asks about one person: everything, as a file; and erasing it, with the proof.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sync_core::id::{Millis, RecordId};

use super::request::Params;
use crate::app::App;
use crate::auth::Person;
use crate::error::Error;
use crate::place::Path;
use crate::privacy::{self, HeldBy, Proof};
use crate::reading::Slice;

/// A record that was erased.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasedView {
    id: RecordId,
    kind: String,
    at: Millis,
    by: Option<String>,
    proof: serde_json::Value,
    devices: Vec<HeldBy>,
}

/// `GET /api/v1/privacy/{id}`: everything about a record, to hand to the person.
///
/// # Errors
/// When it is out of sight, or the caller may not.
pub async fn dossier(State(app): State<App>, Person(caller): Person, Path(id): Path<RecordId>) -> Result<Response, Error> {
    let mut response = Json(privacy::take_out(&app, &caller, id).await?).into_response();
    let name = format!("attachment; filename=\"{id}.json\"");
    let name = HeaderValue::try_from(name).map_err(|error| Error::Internal(error.into()))?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// `POST /api/v1/privacy/{id}/erase`: for good, everywhere; the answer is the proof.
///
/// # Errors
/// When it is out of sight, or the caller may not.
pub async fn erase(State(app): State<App>, Person(caller): Person, Path(id): Path<RecordId>) -> Result<Json<Proof>, Error> {
    // In a task of its own: it is not left half-way when the client hangs up.
    let erased = tokio::spawn(async move { privacy::erase(&app, &caller, id).await });
    erased.await.unwrap_or(Err(Error::NotKept)).map(Json)
}

/// What was forgotten of a record that stays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forgotten {
    /// How many changes of its history are gone.
    changes: u64,
}

/// `POST /api/v1/privacy/{id}/forget`: what once stood in a record that stays, for good, everywhere.
///
/// # Errors
/// When it is out of sight, or the caller may not.
pub async fn forget(State(app): State<App>, Person(caller): Person, Path(id): Path<RecordId>) -> Result<Json<Forgotten>, Error> {
    let forgotten = tokio::spawn(async move { privacy::forget_past(&app, &caller, id).await });
    forgotten.await.unwrap_or(Err(Error::NotKept)).map(|changes| Json(Forgotten { changes }))
}

/// `GET /api/v1/privacy`: what was erased, with the proofs, newest first.
///
/// # Errors
/// When the caller may not, or a parameter is wrong.
pub async fn list(State(app): State<App>, Person(caller): Person, mut params: Params) -> Result<Json<Slice<ErasedView>>, Error> {
    let asked = params.asked()?;
    params.done()?;
    let Slice { rows, next } = privacy::erasures(&app, &caller, &asked).await?;
    let mut tx = app.store.reader().await?;
    let mut views = Vec::new();
    for row in rows {
        let devices = privacy::phones(&mut tx, caller.workspace, &row).await?;
        let proof = serde_json::from_str(&row.proof).unwrap_or_default();
        views.push(ErasedView { id: row.record, kind: row.kind, at: row.at, by: row.by.map(|by| by.to_string()), proof, devices });
    }
    Ok(Json(Slice { rows: views, next }))
}
