//! The phone that somebody's codes are sent to: adding it, changing it, taking it away.
//!
//! Never shows a number whole: whoever sits at somebody's screen reads it otherwise.

use askama::Template;
use axum::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::account::{Present, knows_password, refused, shown_once};
use super::desk::{Desk, Frame, page as answer};
use super::sign_in::not_sent;
use crate::auth::{AuthError, BadNumber, ClientAddress, Factor, NotSent};
use crate::error::Error;

#[derive(Template)]
#[template(path = "phone.html")]
struct PhonePage {
    frame: Frame,
    number: String,
    problem: Option<String>,
}

/// A new number, and the present password.
#[derive(Deserialize)]
pub struct NewNumber {
    number: String,
    present: String,
}

/// The code that was sent.
#[derive(Deserialize)]
pub struct Typed {
    code: String,
}

/// `GET /account/phone`: where the code is typed that was sent to a new number.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    show(&desk, StatusCode::OK, None).await
}

async fn show(desk: &Desk, status: StatusCode, problem: Option<String>) -> Result<Response, Error> {
    let second = desk.app.auth.second_state(desk.caller.workspace, desk.caller.user).await?;
    let Some(number) = second.pending.filter(|_| desk.app.auth.sends_sms()) else {
        return Ok(Redirect::to("/account").into_response());
    };
    answer(status, &PhonePage { frame: desk.frame(desk.words.say("account.sms"), "/account").await?, number, problem })
}

/// `POST /account/phone`: a new number, to which a code goes out.
pub async fn add(desk: Desk, address: ClientAddress, Form(typed): Form<NewNumber>) -> Result<Response, Error> {
    if let Err(refused) = knows_password(&desk, &typed.present).await? {
        return Ok(refused);
    }
    if !desk.app.auth.sends_sms() {
        return Err(Error::NotFound);
    }
    match desk.app.auth.begin_number(desk.caller.workspace, desk.caller.user, &typed.number).await {
        Ok(()) => send(&desk, address).await,
        Err(BadNumber::Form) => refused(&desk, desk.words.say("account.sms_no_number").to_owned()).await,
        Err(BadNumber::Same) => refused(&desk, desk.words.say("account.sms_same").to_owned()).await,
        Err(BadNumber::Store(error)) => Err(error.into()),
    }
}

/// `POST /account/phone/again`: another code.
pub async fn again(desk: Desk, address: ClientAddress) -> Result<Response, Error> {
    send(&desk, address).await
}

async fn send(desk: &Desk, address: ClientAddress) -> Result<Response, Error> {
    let problem = match desk.app.auth.send_code(desk.caller.workspace, desk.caller.user, true, address.0).await {
        Ok(()) | Err(NotSent::Nobody) => return Ok(Redirect::to("/account/phone").into_response()),
        Err(NotSent::Store(error)) => return Err(error.into()),
        Err(why) => why,
    };
    let status = if let NotSent::NotTaken(_) = problem { StatusCode::BAD_GATEWAY } else { StatusCode::TOO_MANY_REQUESTS };
    show(desk, status, Some(not_sent(desk.words, &problem))).await
}

/// `POST /account/phone/code`: from now on codes are sent there. Recovery codes, if there were none, are on the answer.
pub async fn confirm(desk: Desk, Form(typed): Form<Typed>) -> Result<Response, Error> {
    match desk.app.auth.confirm_number(desk.caller.workspace, desk.caller.user, &typed.code).await {
        Ok(codes) if codes.is_empty() => Ok(Redirect::to("/account?done=sms").into_response()),
        Ok(codes) => shown_once(&desk, &codes).await,
        Err(AuthError::WrongSecond) => {
            show(&desk, StatusCode::UNPROCESSABLE_ENTITY, Some(desk.words.say("door.wrong_code").to_owned())).await
        }
        Err(other) => Err(other.into()),
    }
}

/// `POST /account/phone/off`.
pub async fn remove(desk: Desk, Form(typed): Form<Present>) -> Result<Response, Error> {
    if let Err(refused) = knows_password(&desk, &typed.present).await? {
        return Ok(refused);
    }
    desk.app.auth.drop_second(desk.caller.workspace, desk.caller.user, &[Factor::Sms], Some(desk.caller.user)).await?;
    Ok(Redirect::to("/account?done=sms_gone").into_response())
}
