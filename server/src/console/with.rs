//! Signing in through another system: away to it, and back.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::desk::GuestLanguage;
use super::sign_in::{Left, Step, ask, entered, show};
use super::words::Words;
use crate::app::App;
use crate::auth::doors::client;
use crate::auth::oidc::{ATTEMPT_S, Attempt, OidcError, Returned};
use crate::auth::{AuthError, ClientAddress, Cookie, session_cookie};
use crate::error::Error;
use crate::language::Language;
use crate::place::Path;

fn redirect_uri(app: &App, headers: &HeaderMap) -> String {
    format!("{}/sign-in/back", app.address(headers))
}

/// `GET /sign-in/with/{provider}`: away to the provider.
///
/// # Errors
/// When there is no such provider.
pub async fn away(
    State(app): State<App>,
    GuestLanguage(language): GuestLanguage,
    Path(provider): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    match app.providers.begin(&provider, &redirect_uri(&app, &headers), app.clock.now()).await {
        Ok((url, attempt)) => {
            let cookie = Cookie::BEGUN.set(app.config.is_https(), &attempt.write(), ATTEMPT_S)?;
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response())
        }
        Err(error) => refused(&app, language, error).await,
    }
}

/// `GET /sign-in/back`: what the provider sent the browser back with.
///
/// # Errors
/// When the database fails; what else goes wrong is answered with the form.
pub async fn back(
    State(app): State<App>,
    address: ClientAddress,
    GuestLanguage(language): GuestLanguage,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Result<Response, Error> {
    let attempt = Cookie::BEGUN.read(&headers, app.config.is_https()).and_then(Attempt::read);
    let Some(attempt) = attempt else { return refused(&app, language, OidcError::NotBegun).await };
    let client = client(&headers, address, session_cookie(&headers, app.config.is_https()));
    let done = app.auth.sign_in_through(&app.providers, &attempt, &returned, &redirect_uri(&app, &headers), client).await;
    let mut response = match done {
        Ok(signed_in) => entered(&app, &headers, &signed_in)?,
        Err(error) => refused(&app, language, error).await?,
    };
    response.headers_mut().append(header::SET_COOKIE, Cookie::BEGUN.set(app.config.is_https(), "", 0)?);
    Ok(response)
}

/// The form again, with what went wrong; what an operator can put right is in the log.
async fn refused(app: &App, language: Language, error: OidcError) -> Result<Response, Error> {
    let words = Words(language);
    let (status, key) = match error {
        OidcError::UnknownProvider(_) => return Err(Error::NotFound),
        OidcError::NotBegun => (StatusCode::BAD_REQUEST, "door.not_begun"),
        OidcError::Declined(_) => (StatusCode::FORBIDDEN, "door.declined"),
        OidcError::Nobody => (StatusCode::FORBIDDEN, "door.nobody"),
        OidcError::Auth(AuthError::CodeNeeded(asked)) => return ask(app, language, *asked).await,
        OidcError::Auth(AuthError::WrongPassword) => (StatusCode::FORBIDDEN, "door.nobody"),
        OidcError::Auth(other) => return Err(other.into()),
        OidcError::Remote { .. } => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a sign-in through a provider failed");
            (StatusCode::BAD_GATEWAY, "door.provider_failed")
        }
        OidcError::Token { .. } => {
            tracing::warn!(error = &error as &dyn std::error::Error, "what a provider said of somebody was not believed");
            (StatusCode::BAD_GATEWAY, "door.not_believed")
        }
    };
    show(app, language, None, status, Step::Password { error: Some(words.say(key).to_owned()), left: Left::Nothing }).await
}
