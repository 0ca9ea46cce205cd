//! What happened to records, and what waits for somebody to decide.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::records::{find, shown};
use super::request::{IfMatch, Params, Resolution, Target};
use crate::app::App;
use crate::auth::Caller;
use crate::body::Body;
use crate::error::Error;
use crate::reading::{AsOf, Collisions, Explanation, History, OpenConflict, Reading, RefusedEdit, Slice};
use crate::writing::Writing;

/// `GET /api/v1/{kind}/{id}/history`: who changed what, newest first.
///
/// # Errors
/// When the record is not there.
pub async fn history(State(app): State<App>, caller: Caller, Target { kind, id }: Target) -> Result<Json<History>, Error> {
    find(&app, &caller, &kind, id).await?;
    Ok(Json(Reading::of(&app, &caller).history(id).await?.ok_or(Error::NotFound)?))
}

/// `GET /api/v1/{kind}/{id}/as-of?at=`: the record as the server showed it then.
///
/// # Errors
/// When the record is not there, or was not there then.
pub async fn as_of(State(app): State<App>, caller: Caller, Target { kind, id }: Target, mut params: Params) -> Result<Json<AsOf>, Error> {
    let at = params.at()?;
    params.done()?;
    find(&app, &caller, &kind, id).await?;
    Ok(Json(Reading::of(&app, &caller).as_of(id, at).await?.ok_or(Error::NotFound)?))
}

/// `GET /api/v1/{kind}/{id}/explain?user=`: why somebody does or does not see the record; oneself when nobody is named.
///
/// # Errors
/// When the record or the person is not there, or the caller may not ask about others.
pub async fn explain(
    State(app): State<App>,
    caller: Caller,
    Target { kind, id }: Target,
    mut params: Params,
) -> Result<Json<Explanation>, Error> {
    let user = params.user()?.unwrap_or(caller.user);
    params.done()?;
    find(&app, &caller, &kind, id).await?;
    Ok(Json(Reading::of(&app, &caller).explain(id, user).await?.ok_or(Error::NotFound)?))
}

/// `POST /api/v1/{kind}/{id}/conflicts/resolve`: settles a disagreement, by one of the values or another one.
///
/// # Errors
/// When nobody disagrees there, or the caller may not settle it.
pub async fn resolve(
    State(app): State<App>,
    caller: Caller,
    Target { kind, id }: Target,
    IfMatch(seen): IfMatch,
    Body(Resolution { path, value }): Body<Resolution>,
) -> Result<Response, Error> {
    Writing::of(&app, &caller).if_still(seen).resolve(&kind, id, &path, value).await?;
    shown(&app, &caller, &kind, id).await
}

/// `GET /api/v1/conflicts`: every open disagreement, oldest first.
///
/// # Errors
/// When a parameter is wrong.
pub async fn conflicts(State(app): State<App>, caller: Caller, mut params: Params) -> Result<Json<Slice<OpenConflict>>, Error> {
    let asked = params.asked()?;
    params.done()?;
    Ok(Json(Reading::of(&app, &caller).conflicts(&asked).await?))
}

/// `GET /api/v1/rejected`: every edit that was not accepted, newest first.
///
/// # Errors
/// When a parameter is wrong.
pub async fn rejected(State(app): State<App>, caller: Caller, mut params: Params) -> Result<Json<Slice<RefusedEdit>>, Error> {
    let (state, wanted, asked) = (params.refused_state()?, params.wanted()?, params.asked()?);
    params.done()?;
    Ok(Json(Reading::of(&app, &caller).rejected(state, &wanted, &asked).await?))
}

/// `GET /api/v1/quote-collisions`: where one customer holds two prices for one product.
///
/// # Errors
/// When the caller may not see quotes.
pub async fn quote_collisions(State(app): State<App>, caller: Caller) -> Result<Json<Collisions>, Error> {
    Ok(Json(Reading::of(&app, &caller).quote_collisions().await?))
}
