//! Decisions about edits that were not accepted.

use axum::Json;
use axum::extract::State;

use super::request::{Acceptance, Refusal};
use crate::app::App;
use crate::auth::Caller;
use crate::body::Body;
use crate::error::Error;
use crate::intake::Ruling;
use crate::place::Path;
use crate::reading::{Reading, RefusedEdit};
use crate::store::rejected::ChangeLink;
use crate::writing::Writing;

/// `GET /api/v1/rejected/{change}`: one of them.
///
/// # Errors
/// When it is not there.
pub async fn one(State(app): State<App>, caller: Caller, Path(change): Path<String>) -> Result<Json<RefusedEdit>, Error> {
    shown(&app, &caller, named(&change)?).await
}

/// `POST /api/v1/rejected/{change}/accept`: writes it into the record, or `edits` in its place.
///
/// # Errors
/// When it is not there, was decided, the caller may not, or the record does not take it.
pub async fn accept(
    State(app): State<App>,
    caller: Caller,
    Path(change): Path<String>,
    Body(acceptance): Body<Acceptance>,
) -> Result<Json<RefusedEdit>, Error> {
    let change = named(&change)?;
    Writing::of(&app, &caller).accept(change, acceptance.edits).await?;
    shown(&app, &caller, change).await
}

/// `POST /api/v1/rejected/{change}/decline`: leaves it out, and tells its author why.
///
/// # Errors
/// When it is not there, was decided, or the caller may not.
pub async fn decline(
    State(app): State<App>,
    caller: Caller,
    Path(change): Path<String>,
    Body(refusal): Body<Refusal>,
) -> Result<Json<RefusedEdit>, Error> {
    let change = named(&change)?;
    Writing::of(&app, &caller).review_one(change, Ruling::Decline(refusal.reason)).await?;
    shown(&app, &caller, change).await
}

/// `POST /api/v1/rejected/{change}/return`: gives it back to its author, with what should be changed.
///
/// # Errors
/// When it is not there, was decided, nothing is said, or the caller may not.
pub async fn give_back(
    State(app): State<App>,
    caller: Caller,
    Path(change): Path<String>,
    Body(refusal): Body<Refusal>,
) -> Result<Json<RefusedEdit>, Error> {
    let change = named(&change)?;
    Writing::of(&app, &caller).review_one(change, Ruling::Return(refusal.reason.unwrap_or_default())).await?;
    shown(&app, &caller, change).await
}

/// `POST /api/v1/rejected/{change}/reopen`: takes a refusal back.
///
/// # Errors
/// When it is not there, was neither declined nor returned, or the caller may not.
pub async fn reopen(State(app): State<App>, caller: Caller, Path(change): Path<String>) -> Result<Json<RefusedEdit>, Error> {
    let change = named(&change)?;
    Writing::of(&app, &caller).review_one(change, Ruling::Reopen).await?;
    shown(&app, &caller, change).await
}

/// What is no name of a change names nothing.
fn named(text: &str) -> Result<ChangeLink, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

async fn shown(app: &App, caller: &Caller, change: ChangeLink) -> Result<Json<RefusedEdit>, Error> {
    Ok(Json(Reading::of(app, caller).proposal(change).await?.ok_or(Error::NotFound)?.edit))
}
