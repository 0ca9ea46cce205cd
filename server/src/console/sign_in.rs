//! Signing in and out, and the language.

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::desk::{Desk, GuestLanguage, page};
use super::words::{Words, other};
use super::{assets, list};
use crate::app::App;
use crate::auth::doors::{Credentials, client};
use crate::auth::secret::Token;
use crate::auth::{Asked, AuthError, Caller, ClientAddress, Cookie, NotSent, SignedIn, session_cookie};
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
    /// What somebody left who was in.
    left: Left,
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
    Password {
        /// What went wrong.
        error: Option<String>,
        /// What somebody left who was in.
        left: Left,
    },
    /// A code of the second factor.
    Code(CodeStep),
}

/// What somebody left who was signed out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: they were not in.
    #[default]
    Nothing,
    /// A page.
    Page,
    /// A form that was not saved.
    Form,
}

impl Left {
    /// As an address says it.
    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Page => "page",
            Self::Form => "form",
        }
    }

    fn said(word: &str) -> Self {
        [Self::Page, Self::Form].into_iter().find(|left| left.word() == word).unwrap_or_default()
    }

    fn notice(self, words: &Words) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Page => Some(words.say("door.left_page")),
            Self::Form => Some(words.say("door.left_form")),
        }
    }
}

/// What the address of the form says.
#[derive(Debug, Default, Deserialize)]
pub struct AskedIn {
    #[serde(default)]
    left: String,
}

/// A code of the second factor, and how it comes.
pub(super) struct CodeStep {
    ticket: String,
    error: Option<String>,
    notice: Option<String>,
    label: String,
    hint: &'static str,
    by_sms: bool,
    /// The button that sends a code by SMS, and where it goes.
    send: Option<(String, String)>,
}

impl CodeStep {
    /// With what became of the message, if one was to be sent.
    fn of(words: Words, Asked { ticket, ways, sent }: &Asked) -> Self {
        let by_sms = sent.is_some() || !ways.app;
        let (label, send) = match &ways.number {
            Some(number) if by_sms => (words.fill("door.sms_code", &[number]), Some(words.say("door.sms_again").to_owned())),
            Some(number) => (words.say("door.code").to_owned(), Some(words.fill("door.sms_instead", &[number]))),
            None if ways.app => (words.say("door.code").to_owned(), None),
            None => (words.say("door.recovery_code").to_owned(), None),
        };
        let (notice, error) = match sent {
            Some(Ok(())) => (Some(words.say("door.sms_sent").to_owned()), None),
            Some(Err(NotSent::Early { after_s })) => (Some(words.count("door.sms_early", *after_s)), None),
            Some(Err(why)) => (None, Some(not_sent(words, why))),
            None => (None, None),
        };
        let send = send.map(|text| (text, format!("/sign-in/code?lang={}", list::encoded(words.0.tag()))));
        let hint = if ways.app || ways.number.is_some() { words.say("door.code_hint") } else { words.say("door.sms_gone") };
        Self { ticket: ticket.reveal().to_owned(), error, notice, label, hint, by_sms, send }
    }
}

/// Why no code came, for people.
pub(super) fn not_sent(words: Words, why: &NotSent) -> String {
    match why {
        NotSent::Early { after_s } => words.count("door.sms_early", *after_s),
        NotSent::TooMany { retry_after_s } => words.count("door.sms_too_many", retry_after_s.div_ceil(60)),
        NotSent::Nobody | NotSent::NotTaken(_) | NotSent::Store(_) => words.say("door.sms_not_taken").to_owned(),
    }
}

/// A code is asked for, and may have been sent.
pub(super) async fn ask(app: &App, language: Language, asked: Asked) -> Result<Response, Error> {
    let status = match asked.sent {
        Some(Err(NotSent::TooMany { .. })) => StatusCode::TOO_MANY_REQUESTS,
        Some(Err(NotSent::NotTaken(_))) => StatusCode::BAD_GATEWAY,
        Some(Err(NotSent::Store(error))) => return Err(error.into()),
        _ => StatusCode::OK,
    };
    show(app, language, None, status, Step::Code(CodeStep::of(Words(language), &asked))).await
}

/// `GET /sign-in`: the form.
pub async fn form(State(app): State<App>, GuestLanguage(language): GuestLanguage, Query(asked): Query<AskedIn>) -> Result<Response, Error> {
    show(&app, language, None, StatusCode::OK, Step::Password { error: None, left: Left::said(&asked.left) }).await
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
    let left = if let Step::Password { left, .. } = &step { *left } else { Left::Nothing };
    let form = SignInPage {
        words: Words(language),
        other: other(language),
        action: format!("/sign-in?lang={}", list::encoded(language.tag())),
        login: asked.0.to_owned(),
        workspace: several.then(|| asked.1.to_owned()),
        step,
        left,
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
        Ok(signed_in) => return entered(&app, &headers, &signed_in),
        Err(error) => error,
    };
    let retry = if let AuthError::Throttled { retry_after_s } = &error { Some(HeaderValue::from(*retry_after_s)) } else { None };
    let mut response = next_step(&app, language, &credentials, error).await?;
    if let Some(retry) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, retry);
    }
    Ok(response)
}

/// `POST /sign-in/code`: a code by SMS, for the first time or again, to whoever has a ticket.
///
/// # Errors
/// When the database fails; what the person can put right is answered with the form.
pub async fn send_code(
    State(app): State<App>,
    address: ClientAddress,
    GuestLanguage(language): GuestLanguage,
    credentials: Result<Form<Credentials>, FormRejection>,
) -> Result<Response, Error> {
    let Form(credentials) = credentials?;
    let asked = match credentials.ticket() {
        Some(ticket) => app.auth.ask_again(ticket, address.0).await,
        None => Err(AuthError::WrongPassword),
    };
    match asked {
        Ok(asked) => ask(&app, language, asked).await,
        Err(error) => next_step(&app, language, &credentials, error).await,
    }
}

/// What is asked for next of somebody who is not in yet; what they cannot put right is an error.
async fn next_step(app: &App, language: Language, credentials: &Credentials, error: AuthError) -> Result<Response, Error> {
    let words = Words(language);
    let (status, error) = match error {
        AuthError::CodeNeeded(asked) => return ask(app, language, *asked).await,
        AuthError::WrongSecond => {
            let wrong = words.say("door.wrong_code").to_owned();
            match credentials.ticket() {
                Some(ticket) => return wrong_code(app, language, credentials, ticket, wrong).await,
                None => (StatusCode::UNAUTHORIZED, wrong),
            }
        }
        AuthError::Throttled { retry_after_s } => {
            (StatusCode::TOO_MANY_REQUESTS, words.count("door.throttled", retry_after_s.div_ceil(60)))
        }
        AuthError::NoWorkspace => (StatusCode::UNPROCESSABLE_ENTITY, words.say("door.no_workspace").to_owned()),
        AuthError::WrongPassword => (StatusCode::UNAUTHORIZED, words.say("door.wrong").to_owned()),
        other => return Err(other.into()),
    };
    show(app, language, Some(credentials), status, Step::Password { error: Some(error), left: Left::Nothing }).await
}

/// The same once more, and nothing is sent.
async fn wrong_code(app: &App, language: Language, credentials: &Credentials, ticket: Token, wrong: String) -> Result<Response, Error> {
    let ways = app.auth.ways_of(&ticket).await?;
    let step = CodeStep::of(Words(language), &Asked { ticket, ways, sent: credentials.by_sms().then_some(Ok(())) });
    show(app, language, None, StatusCode::UNAUTHORIZED, Step::Code(CodeStep { notice: None, error: Some(wrong), ..step })).await
}

/// To the page of the console that was asked for, and nowhere else, with the session in a cookie.
pub(super) fn entered(app: &App, headers: &HeaderMap, signed_in: &SignedIn) -> Result<Response, Error> {
    let https = app.config.is_https();
    let wanted = Cookie::WANTED.read(headers, https).and_then(|text| String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok());
    let session = Cookie::SESSION.set(https, signed_in.token.reveal(), signed_in.max_age_s)?;
    let mut response = Redirect::to(wanted.as_deref().filter(|path| is_here(path)).unwrap_or("/")).into_response();
    response.headers_mut().append(header::SET_COOKIE, session);
    if wanted.is_some() {
        response.headers_mut().append(header::SET_COOKIE, Cookie::WANTED.set(https, "", 0)?);
    }
    Ok(response)
}

/// To the form, which says so to whoever was in; whoever signs in there comes to the page that they asked for, or to the one from
/// which they sent what could not be taken.
pub(super) fn asked_in(app: &App, asked: &Parts) -> Response {
    let was_in = Cookie::SESSION.read(&asked.headers, app.config.is_https()).is_some();
    let here = || asked.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let (path, left) = match asked.method {
        Method::GET => (here(), if was_in { Left::Page } else { Left::Nothing }),
        // Who wanted to be out is.
        Method::POST if asked.uri.path() != "/sign-out" => (came_from(&asked.headers), Left::Form),
        _ => ("/".to_owned(), Left::Nothing),
    };
    let door = if left == Left::Nothing { "/sign-in".to_owned() } else { format!("/sign-in?left={}", left.word()) };
    let response = Redirect::to(&door).into_response();
    if path == "/" { response } else { coming_back(app, &path, response) }
}

/// An answer to whoever has to sign in first to see a page, with what remembers it.
pub(super) fn coming_back(app: &App, path: &str, mut response: Response) -> Response {
    let may = path.len() <= WANTED_BYTES_MAX && is_here(path);
    if let Some(Ok(cookie)) = may.then(|| Cookie::WANTED.set(app.config.is_https(), &URL_SAFE_NO_PAD.encode(path), WANTED_S)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// How long it is remembered what page was asked for: who signs in later begins at the beginning.
const WANTED_S: i64 = 600;

/// Of longer addresses browsers may drop the cookie, and more with it.
const WANTED_BYTES_MAX: usize = 2_000;

/// Whether an address is a path of ours, whoever wrote it into the cookie.
fn is_here(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t'])
}

/// `POST /sign-out`: the session ends, the cookie goes.
pub async fn leave(State(app): State<App>, caller: Caller) -> Result<Response, Error> {
    app.auth.sign_out(&caller).await?;
    let cookie = Cookie::SESSION.set(app.config.is_https(), "", 0)?;
    let language = list::encoded(caller.language.tag());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&format!("/sign-in?lang={language}"))).into_response())
}

/// The language somebody wants to read.
#[derive(Deserialize)]
pub struct Wanted {
    language: Language,
    back: Option<String>,
}

/// `POST /language`: from now on, everywhere; back to where they were.
pub async fn switch_language(desk: Desk, headers: HeaderMap, Form(wanted): Form<Wanted>) -> Result<Redirect, Error> {
    let (workspace, user, language) = (desk.caller.workspace, desk.caller.user, wanted.language);
    desk.app
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { people::set_language(tx, workspace, user, language).await }))
        .await?;
    Ok(Redirect::to(&wanted.back.filter(|path| is_here(path)).unwrap_or_else(|| came_from(&headers))))
}

/// The path of the page before: never another host, whatever the header says.
pub(super) fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<axum::http::Uri>().ok());
    let path = referer.and_then(|uri| uri.path_and_query().map(ToString::to_string));
    path.filter(|path| is_here(path)).unwrap_or_else(|| "/".to_owned())
}
