//! Signing in and out, and the language.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::desk::{Desk, GuestLanguage, page};
use super::words::{Words, other};
use super::{assets, list};
use crate::app::App;
use crate::auth::doors::{Credentials, client, cookie};
use crate::auth::{AuthError, Caller, ClientAddress, SignedIn, session_cookie};
use crate::error::Error;
use crate::language::Language;
use crate::store::{StoreError, people, workspaces};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    words: Words,
    other: (&'static str, &'static str),
    action: String,
    login: String,
    workspace: Option<String>,
    step: Step,
    /// Other systems: name, and what the button says.
    providers: Vec<(String, String)>,
    style: &'static str,
    script: &'static str,
    icons: &'static str,
    logo: &'static str,
}

/// What is asked for.
pub(super) enum Step {
    /// Login and password.
    Password { error: Option<String> },
    /// A code of the second factor.
    Code { ticket: String, error: Option<String> },
}

/// `GET /sign-in`: the form.
pub async fn form(State(app): State<App>, GuestLanguage(language): GuestLanguage) -> Result<Response, Error> {
    show(&app, language, None, StatusCode::OK, Step::Password { error: None }).await
}

pub(super) async fn show(
    app: &App,
    language: Language,
    typed: Option<&Credentials>,
    status: StatusCode,
    step: Step,
) -> Result<Response, Error> {
    let several = workspaces::all(&mut app.store.reader().await?).await?.len() > 1;
    let asked = typed.map(Credentials::asked).unwrap_or_default();
    let form = SignInPage {
        words: Words(language),
        other: other(language),
        action: format!("/sign-in?lang={}", list::encoded(language.tag())),
        login: asked.0.to_owned(),
        workspace: several.then(|| asked.1.to_owned()),
        step,
        providers: app.providers.list().map(|(name, label)| (name.to_owned(), Words(language).fill("door.with", &[label]))).collect(),
        style: assets::style(),
        script: assets::script(),
        icons: assets::icons(),
        logo: assets::logo(),
    };
    page(status, &form)
}

/// `POST /sign-in`: a new session in a cookie, whatever the browser held before.
///
/// # Errors
/// When the database fails; what the person can put right is answered with the form.
pub async fn enter(
    State(app): State<App>,
    address: ClientAddress,
    GuestLanguage(language): GuestLanguage,
    headers: HeaderMap,
    credentials: Result<Form<Credentials>, FormRejection>,
) -> Result<Response, Error> {
    let Form(credentials) = credentials?;
    let https = app.config.is_https();
    let error = match credentials.sign_in(&app, client(&headers, address, session_cookie(&headers, https))).await {
        Ok(signed_in) => return entered(&app, &signed_in),
        Err(error) => error,
    };
    let retry = if let AuthError::Throttled { retry_after_s } = &error { Some(HeaderValue::from(*retry_after_s)) } else { None };
    let (status, step) = next_step(Words(language), &credentials, error)?;
    let mut response = show(&app, language, Some(&credentials), status, step).await?;
    if let Some(retry) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, retry);
    }
    Ok(response)
}

/// What is asked for next of somebody who is not in yet; what they cannot put right is an error.
fn next_step(words: Words, credentials: &Credentials, error: AuthError) -> Result<(StatusCode, Step), Error> {
    let again = |status, error: String| Ok((status, Step::Password { error: Some(error) }));
    match error {
        AuthError::CodeNeeded(ticket) => Ok((StatusCode::OK, Step::Code { ticket: ticket.reveal().to_owned(), error: None })),
        AuthError::WrongSecond => {
            let ticket = credentials.ticket().map(|ticket| ticket.reveal().to_owned()).unwrap_or_default();
            Ok((StatusCode::UNAUTHORIZED, Step::Code { ticket, error: Some(words.say("door.wrong_code").to_owned()) }))
        }
        AuthError::Throttled { retry_after_s } => {
            again(StatusCode::TOO_MANY_REQUESTS, words.count("door.throttled", retry_after_s.div_ceil(60)))
        }
        AuthError::NoWorkspace => again(StatusCode::UNPROCESSABLE_ENTITY, words.say("door.no_workspace").to_owned()),
        AuthError::WrongPassword => again(StatusCode::UNAUTHORIZED, words.say("door.wrong").to_owned()),
        other => Err(other.into()),
    }
}

/// Into the console, and nowhere else, with the session in a cookie.
pub(super) fn entered(app: &App, signed_in: &SignedIn) -> Result<Response, Error> {
    let cookie = cookie(app.config.is_https(), signed_in.token.reveal(), signed_in.max_age_s)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// `POST /sign-out`: the session ends, the cookie goes.
pub async fn leave(State(app): State<App>, caller: Caller) -> Result<Response, Error> {
    app.auth.sign_out(&caller).await?;
    let cookie = cookie(app.config.is_https(), "", 0)?;
    let language = list::encoded(caller.language.tag());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&format!("/sign-in?lang={language}"))).into_response())
}

/// The language somebody wants to read.
#[derive(Deserialize)]
pub struct Wanted {
    language: Language,
}

/// `POST /language`: from now on, everywhere; back to where they were.
pub async fn switch_language(desk: Desk, headers: HeaderMap, Form(wanted): Form<Wanted>) -> Result<Redirect, Error> {
    let (workspace, user, language) = (desk.caller.workspace, desk.caller.user, wanted.language);
    desk.app
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { people::set_language(tx, workspace, user, language).await }))
        .await?;
    Ok(Redirect::to(&came_from(&headers)))
}

/// The path of the page before: never another host, whatever the header says.
fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<axum::http::Uri>().ok());
    let path = referer.and_then(|uri| uri.path_and_query().map(ToString::to_string));
    path.filter(|path| path.starts_with('/') && !path.starts_with("//")).unwrap_or_else(|| "/".to_owned())
}
