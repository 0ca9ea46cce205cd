//! The kinds of the workspace, as the caller may use them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use sync_core::schema::Kind;

use super::actions;
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::place::Path;
use crate::reading::Reading;

/// All kinds that the caller may see records of.
#[derive(Serialize)]
pub struct Kinds {
    rows: Vec<KindAnswer>,
}

/// A kind with what the caller may do.
#[derive(Serialize)]
pub struct KindAnswer {
    #[serde(flatten)]
    kind: Kind,
    /// What may be done with some record: `create`, `edit`, ...
    may: Map<String, Value>,
    /// The fields that the caller may write.
    writable: Vec<String>,
}

/// `GET /api/v1/kinds`: every kind in sight, with its fields and labels.
pub async fn kinds(State(app): State<App>, caller: Caller) -> Json<Kinds> {
    let reading = Reading::of(&app, &caller);
    let rows = reading.kinds().map(|kind| answer(&reading, kind)).collect();
    Json(Kinds { rows })
}

/// `GET /api/v1/kinds/{kind}`: one of them.
///
/// # Errors
/// When there is none of this name.
pub async fn kind(State(app): State<App>, caller: Caller, Path(name): Path<String>) -> Result<Json<KindAnswer>, Error> {
    let reading = Reading::of(&app, &caller);
    Ok(Json(answer(&reading, reading.kind(&name)?)))
}

fn answer(reading: &Reading, kind: &std::sync::Arc<Kind>) -> KindAnswer {
    let mut shown = Kind::clone(kind);
    shown.fields.retain(|field| !field.hidden && reading.may_read(kind, &field.name));
    let writable = shown.fields.iter().filter(|field| reading.may_write(kind, &field.name)).map(|field| field.name.to_string()).collect();
    KindAnswer { kind: shown, may: actions(reading, kind), writable }
}
