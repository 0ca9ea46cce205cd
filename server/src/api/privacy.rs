//! What the law asks about one person: everything, as a file; and erasing it, with the proof.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sync_core::id::{Millis, RecordId};

use crate::app::App;
use crate::auth::Person;
use crate::error::Error;
use crate::privacy::{self, HeldBy, Proof};

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

/// What was erased.
#[derive(Serialize)]
pub struct Erasures {
    rows: Vec<ErasedView>,
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

/// `GET /api/v1/privacy`: what was erased, with the proofs.
///
/// # Errors
/// When the caller may not.
pub async fn list(State(app): State<App>, Person(caller): Person) -> Result<Json<Erasures>, Error> {
    let all = privacy::all_erased(&app, &caller).await?;
    let mut tx = app.store.reader().await?;
    let mut rows = Vec::new();
    for row in all {
        let devices = privacy::phones(&mut tx, caller.workspace, &row).await?;
        let proof = serde_json::from_str(&row.proof).unwrap_or_default();
        rows.push(ErasedView { id: row.record, kind: row.kind, at: row.at, by: row.by.map(|by| by.to_string()), proof, devices });
    }
    Ok(Json(Erasures { rows }))
}
