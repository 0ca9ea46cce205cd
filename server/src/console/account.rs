//! The account of who is signed in: password, second factor, sessions elsewhere, their own phones.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::id::UserId;

use super::desk::{Desk, Frame, page as answer};
use super::devices::{self, DeviceView};
use super::format::{self, Shown};
use super::words::{Words, other};
use super::{agents, assets, either};
use crate::auth::grant::Grant;
use crate::auth::secret::Code;
use crate::auth::{AuthError, Factor, OWN_PASSWORD, PasswordError, SecondState};
use crate::error::{Error, Text};
use crate::files::{hex, unhex};
use crate::qr::Square;
use crate::store::people::{SecretHash, Session};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<String>,
    second_since: Option<Shown>,
    recovery_left: String,
    /// Codes by SMS, where there is anything to say of them.
    sms: Option<SmsView>,
    calendar_since: Option<Shown>,
    /// The new address of the calendar, once.
    calendar_url: Option<String>,
    sessions: Vec<SessionView>,
    /// Where the form that ends one of them goes.
    end: String,
    phones: Vec<DeviceView>,
}

/// Codes by SMS.
struct SmsView {
    /// Where they are sent to, and since when.
    number: Option<(String, Shown)>,
    pending: Option<String>,
    /// Whether a number can be added or changed.
    sends: bool,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    words: Words,
    other: (&'static str, &'static str),
    login: String,
    problem: Option<String>,
    action: &'static str,
    style: &'static str,
    script: &'static str,
    icons: &'static str,
    logo: &'static str,
}

/// Where somebody is signed in.
pub(super) struct SessionView {
    pub id: String,
    /// What it was begun with, in words, and as that calls itself.
    pub program: String,
    pub agent: String,
    pub address: String,
    pub since: Shown,
    pub seen: String,
    pub seen_iso: String,
    pub present: bool,
}

#[derive(Template)]
#[template(path = "second.html")]
struct SecondPage {
    frame: Frame,
    problem: Option<String>,
    setting_up: Option<SettingUp>,
    codes: Vec<String>,
}

struct SettingUp {
    square: Square,
    typed: String,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// `GET /account`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let notice = asked.done.and_then(|done| match done.as_str() {
        "password" => Some(desk.words.say("account.password_set")),
        "second" => Some(desk.words.say("account.second_gone")),
        "sms" => Some(desk.words.say("account.sms_set")),
        "sms_gone" => Some(desk.words.say("account.sms_gone")),
        "calendar" => Some(desk.words.say("account.calendar_gone")),
        "hand_back" => Some(desk.words.say("device.handing_back")),
        "lost" => Some(desk.words.say("device.being_wiped")),
        devices::NEVER_LET_IN => Some(desk.words.say("device.never_let_in")),
        "sessions" => Some(desk.words.say("account.sessions_ended")),
        _ => None,
    });
    show(&desk, StatusCode::OK, notice, None, None).await
}

/// The account again, with what is wrong.
pub(super) async fn refused(desk: &Desk, problem: String) -> Result<Response, Error> {
    show(desk, StatusCode::UNPROCESSABLE_ENTITY, None, Some(problem), None).await
}

async fn show(
    desk: &Desk,
    status: StatusCode,
    notice: Option<&'static str>,
    problem: Option<String>,
    calendar_url: Option<String>,
) -> Result<Response, Error> {
    let (workspace, user) = (desk.caller.workspace, desk.caller.user);
    let second = desk.app.auth.second_state(workspace, user).await?;
    let page = AccountPage {
        frame: desk.frame(desk.words.say("account.title"), "/account").await?,
        notice,
        problem,
        second_since: second.since.map(format::moment),
        recovery_left: desk.words.count("account.recovery_left", second.recovery_codes),
        sms: sms_view(desk, second),
        calendar_since: crate::calendar::since(&desk.app, workspace, user).await?.map(format::moment),
        calendar_url,
        sessions: sessions_of(desk, user).await?,
        end: "/account/sessions/end".to_owned(),
        phones: devices::own(desk).await?,
    };
    answer(status, &page)
}

/// Without a provider there is nothing to set up; a number that is there can still be taken away.
fn sms_view(desk: &Desk, second: SecondState) -> Option<SmsView> {
    let sends = desk.app.auth.sends_sms();
    let number = second.number.map(|(number, since)| (number, format::moment(since)));
    (sends || number.is_some()).then_some(SmsView { number, pending: second.pending.filter(|_| sends), sends })
}

/// Where somebody is signed in, as a page shows it.
pub(super) async fn sessions_of(desk: &Desk, user: UserId) -> Result<Vec<SessionView>, Error> {
    let sessions = desk.app.auth.sessions(desk.caller.workspace, user).await?;
    Ok(sessions.iter().map(|session| session_view(desk, session)).collect())
}

fn session_view(desk: &Desk, session: &Session) -> SessionView {
    SessionView {
        id: hex(&session.token_hash),
        program: agents::named(desk.words, &session.agent),
        agent: session.agent.clone(),
        address: session.address.clone(),
        since: format::moment(session.created_at),
        seen: desk.words.ago(session.last_seen_at, desk.now),
        seen_iso: format::iso(session.last_seen_at),
        present: session.token_hash == desk.caller.session,
    }
}

/// A new password, and the present one.
#[derive(Deserialize)]
pub struct NewPassword {
    present: String,
    new: String,
}

/// `GET /account/password`: for whose password somebody else chose; others have a form among the rest of their account.
pub async fn own_password(desk: Desk) -> Result<Response, Error> {
    match desk.caller.grant {
        Grant::GivenPassword => choose(&desk, StatusCode::OK, None),
        _ => Ok(Redirect::to("/account").into_response()),
    }
}

fn choose(desk: &Desk, status: StatusCode, problem: Option<String>) -> Result<Response, Error> {
    let (style, script, icons, logo) = (assets::style(), assets::script(), assets::icons(), assets::logo());
    let (login, other) = (desk.caller.login.clone(), other(desk.words.0));
    answer(status, &PasswordPage { words: desk.words, other, login, problem, action: OWN_PASSWORD, style, script, icons, logo })
}

/// `POST /account/password`: sessions elsewhere end.
pub async fn password(desk: Desk, Form(typed): Form<NewPassword>) -> Result<Response, Error> {
    let problem = match desk.app.auth.change_password(&desk.caller, &typed.present, &typed.new).await {
        Ok(()) => return Ok(Redirect::to("/account?done=password").into_response()),
        Err(PasswordError::Bad(bad)) => Error::from(bad).problem().text.in_language(desk.words.0).to_owned(),
        Err(PasswordError::Present(why)) => wrong_password(&desk, why)?,
        Err(PasswordError::Store(error)) => return Err(error.into()),
    };
    match desk.caller.grant {
        Grant::GivenPassword => choose(&desk, StatusCode::UNPROCESSABLE_ENTITY, Some(problem)),
        _ => refused(&desk, problem).await,
    }
}

/// Whether the present password is the one that was typed; else the account again, with what is wrong.
pub(super) async fn knows_password(desk: &Desk, present: &str) -> Result<Result<(), Response>, Error> {
    let Err(why) = desk.app.auth.confirm_password(&desk.caller, present).await else { return Ok(Ok(())) };
    Ok(Err(refused(desk, wrong_password(desk, why)?).await?))
}

/// What to say when the present password is not the one that was typed.
fn wrong_password(desk: &Desk, why: AuthError) -> Result<String, Error> {
    match why {
        AuthError::Throttled { retry_after_s } => Ok(desk.words.count("door.throttled", retry_after_s.div_ceil(60))),
        AuthError::Store(error) => Err(error.into()),
        _ => Ok(desk.words.say("account.wrong").to_owned()),
    }
}

/// `GET /account/second`: the square to scan; while a factor is in use there is nothing to set up.
pub async fn second(desk: Desk) -> Result<Response, Error> {
    set_up(&desk, StatusCode::OK, None).await
}

async fn set_up(desk: &Desk, status: StatusCode, problem: Option<String>) -> Result<Response, Error> {
    let Some(shared) = desk.app.auth.begin_second(desk.caller.workspace, desk.caller.user).await? else {
        return Ok(Redirect::to("/account").into_response());
    };
    let place = desk.app.config.listen.public_url.as_deref().and_then(|url| url.split("//").nth(1)).unwrap_or("CRM");
    let square = Square::of(&shared.address(&desk.caller.login, place))
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("the address of a second factor does not fit into a QR code")))?;
    let frame = desk.frame(desk.words.say("account.second"), "/account").await?;
    answer(status, &SecondPage { frame, problem, setting_up: Some(SettingUp { square, typed: shared.typed() }), codes: Vec::new() })
}

/// The first code of a new factor, and the present password: whoever finds a session open may not lock its owner out.
#[derive(Deserialize)]
pub struct FirstCode {
    code: String,
    present: String,
}

/// `POST /account/second`: from now on it is asked for. The recovery codes are on the answer, and nowhere again.
pub async fn confirm_second(desk: Desk, Form(typed): Form<FirstCode>) -> Result<Response, Error> {
    if let Err(why) = desk.app.auth.confirm_password(&desk.caller, &typed.present).await {
        return set_up(&desk, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong_password(&desk, why)?)).await;
    }
    match desk.app.auth.confirm_second(desk.caller.workspace, desk.caller.user, &typed.code).await {
        Ok(codes) => shown_once(&desk, &codes).await,
        Err(AuthError::WrongSecond) => {
            set_up(&desk, StatusCode::UNPROCESSABLE_ENTITY, Some(desk.words.say("door.wrong_code").to_owned())).await
        }
        Err(other) => Err(other.into()),
    }
}

/// The recovery codes of a new factor, shown once.
pub(super) async fn shown_once(desk: &Desk, codes: &[Code]) -> Result<Response, Error> {
    let frame = desk.frame(desk.words.say("account.second"), "/account").await?;
    let codes = codes.iter().map(Code::reveal).collect();
    answer(StatusCode::OK, &SecondPage { frame, problem: None, setting_up: None, codes })
}

/// The present password.
#[derive(Deserialize)]
pub struct Present {
    pub(super) present: String,
}

/// `POST /account/second/off`.
pub async fn drop_second(desk: Desk, Form(typed): Form<Present>) -> Result<Response, Error> {
    if let Err(refused) = knows_password(&desk, &typed.present).await? {
        return Ok(refused);
    }
    desk.app.auth.drop_second(desk.caller.workspace, desk.caller.user, &[Factor::App], Some(desk.caller.user)).await?;
    Ok(Redirect::to("/account?done=second").into_response())
}

/// Which session to end; without one, all others.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    session: String,
}

impl Which {
    /// The one that is meant, if it is one.
    pub(super) fn one(&self) -> Result<Option<SecretHash>, Error> {
        let message = || Text::new("There is no such session.", "没有该会话。");
        let unknown = || Error::Invalid { field: Some("session".to_owned()), message: message() };
        if self.session.is_empty() { Ok(None) } else { unhex(&self.session).map(Some).ok_or_else(unknown) }
    }
}

/// `POST /account/sessions/end`.
pub async fn end_sessions(desk: Desk, Form(which): Form<Which>) -> Result<Response, Error> {
    let one = which.one()?;
    desk.app.auth.end_sessions(&desk.caller, desk.caller.user, one).await?;
    Ok(Redirect::to("/account?done=sessions").into_response())
}

/// What to do with the calendar's address.
#[derive(Deserialize)]
pub struct CalendarWanted {
    act: String,
}

/// `POST /account/calendar`: a new secret address, shown once; or none any more.
pub async fn calendar(desk: Desk, headers: HeaderMap, Form(wanted): Form<CalendarWanted>) -> Result<Response, Error> {
    if either("act", &wanted.act, "withdraw", "renew")? {
        crate::calendar::withdraw(&desk.app, &desk.caller).await?;
        return Ok(Redirect::to("/account?done=calendar").into_response());
    }
    let token = crate::calendar::renew(&desk.app, &desk.caller).await?;
    let url = format!("{}{}", desk.app.address(&headers), crate::calendar::path(&token));
    show(&desk, StatusCode::OK, None, None, Some(url)).await
}
