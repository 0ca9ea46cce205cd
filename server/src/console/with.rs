//! Signing in through another system: away to it, and back.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::desk::GuestLanguage;
use super::sign_in::{Step, ask, entered, show};
use super::words::Words;
use crate::app::App;
use crate::auth::doors::client;
use crate::auth::oidc::{ATTEMPT_S, Attempt, OidcError, Returned};
use crate::auth::{AuthError, ClientAddress, session_cookie};
use crate::error::Error;
use crate::language::Language;

/// The cookie that holds what a sign-in began with.
fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-rapport-begun" } else { "rapport-begun" }
}

fn cookie(app: &App, value: &str, max_age_s: i64) -> Result<HeaderValue, Error> {
    let https = app.config.is_https();
    let secure = if https { "; Secure" } else { "" };
    // Lax: the way back from the provider comes from another site.
    let text = format!("{}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}", cookie_name(https));
    let mut value = HeaderValue::try_from(text).map_err(|error| Error::Internal(error.into()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn begun(app: &App, headers: &HeaderMap) -> Option<Attempt> {
    let name = cookie_name(app.config.is_https());
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';'));
    let found = cookies.filter_map(|pair| pair.trim().split_once('=')).find(|(known, _)| *known == name);
    Attempt::read(found?.1)
}

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
            let cookie = cookie(&app, &attempt.write(), ATTEMPT_S)?;
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
    let Some(attempt) = begun(&app, &headers) else { return refused(&app, language, OidcError::NotBegun).await };
    let client = client(&headers, address, session_cookie(&headers, app.config.is_https()));
    let done = app.auth.sign_in_through(&app.providers, &attempt, &returned, &redirect_uri(&app, &headers), client).await;
    let mut response = match done {
        Ok(signed_in) => entered(&app, &signed_in)?,
        Err(error) => refused(&app, language, error).await?,
    };
    response.headers_mut().append(header::SET_COOKIE, cookie(&app, "", 0)?);
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
    show(app, language, None, status, Step::Password { error: Some(words.say(key).to_owned()) }).await
}
