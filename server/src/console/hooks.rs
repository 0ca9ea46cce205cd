//! Webhooks: who is told what, and what became of it.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use serde::Deserialize;
use sync_core::id::RecordId;

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use crate::api::hooks::{added, check};
use crate::error::Error;
use crate::hooks::{self, Change};
use crate::store::hooks::{self as kept, Delivery, Webhook};

/// Deliveries that are shown.
const SHOWN: u32 = 50;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct HooksPage {
    frame: Frame,
    problem: Option<String>,
    secret: Option<String>,
    typed: Typed,
    rows: Vec<HookView>,
}

struct HookView {
    id: String,
    url: String,
    events: String,
    since: Shown,
    paused: bool,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct HookPage {
    frame: Frame,
    hook: HookView,
    notice: bool,
    rows: Vec<DeliveryView>,
}

struct DeliveryView {
    id: String,
    event: String,
    at: Shown,
    colour: &'static str,
    state: &'static str,
    outcome: String,
    attempts: u32,
    next: Option<Shown>,
}

/// A webhook to add, as typed.
#[derive(Deserialize, Default)]
pub struct Typed {
    url: String,
    events: String,
    skip_own: Option<String>,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// `GET /webhooks`.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    check(&desk.app, &desk.caller)?;
    show(&desk, StatusCode::OK, None, None, Typed::default()).await
}

async fn show(desk: &Desk, status: StatusCode, problem: Option<String>, secret: Option<String>, typed: Typed) -> Result<Response, Error> {
    let all = kept::all(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let frame = desk.frame(desk.words.say("menu.webhooks"), "/webhooks").await?;
    answer(status, &HooksPage { frame, problem, secret, typed, rows: all.iter().map(hook_view).collect() })
}

fn hook_view(hook: &Webhook) -> HookView {
    HookView {
        id: hook.webhook.to_string(),
        url: hook.url.clone(),
        events: hook.events.clone(),
        since: format::moment(hook.created_at),
        paused: hook.paused_at.is_some(),
    }
}

/// `POST /webhooks`: the secret is on the answer, and nowhere again.
pub async fn make(desk: Desk, Form(typed): Form<Typed>) -> Result<Response, Error> {
    check(&desk.app, &desk.caller)?;
    match added(&desk.app, &desk.caller, typed.url.trim().to_owned(), &typed.events, typed.skip_own.is_some()).await {
        Ok(hook) => show(&desk, StatusCode::OK, None, Some(hooks::shown_secret(&hook)), Typed::default()).await,
        Err(error @ Error::Invalid { .. }) => {
            let problem = error.problem();
            let text = problem.text.in_language(desk.words.0).to_owned();
            show(&desk, problem.status, Some(text), None, typed).await
        }
        Err(other) => Err(other),
    }
}

/// `GET /webhooks/{id}`: what it was told.
pub async fn one(desk: Desk, Path(id): Path<RecordId>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk.app, &desk.caller)?;
    let mut tx = desk.app.store.reader().await?;
    let hook = kept::all(&mut tx, desk.caller.workspace).await?.into_iter().find(|hook| hook.webhook == id).ok_or(Error::NotFound)?;
    let deliveries = kept::deliveries(&mut tx, desk.caller.workspace, id, SHOWN).await?;
    drop(tx);
    let page = HookPage {
        frame: desk.frame(desk.words.say("menu.webhooks"), "/webhooks").await?,
        hook: hook_view(&hook),
        notice: asked.done.is_some(),
        rows: deliveries.into_iter().map(|delivery| delivery_view(&desk, delivery)).collect(),
    };
    answer(StatusCode::OK, &page)
}

fn delivery_view(desk: &Desk, delivery: Delivery) -> DeliveryView {
    let (colour, state) = match delivery.state.as_str() {
        "delivered" => ("green", desk.words.say("hook.delivered")),
        "failed" => ("red", desk.words.say("hook.failed")),
        _ => ("amber", desk.words.say("hook.waiting")),
    };
    DeliveryView {
        id: delivery.delivery.to_string(),
        event: delivery.event,
        at: format::moment(delivery.created_at),
        colour,
        state,
        outcome: delivery.status.map(|status| status.to_string()).or(delivery.problem).unwrap_or_default(),
        attempts: delivery.attempts,
        next: delivery.next_at.map(format::moment),
    }
}

/// What to do with a webhook.
#[derive(Deserialize)]
pub struct Wanted {
    act: String,
}

/// `POST /webhooks/{id}`: pause, resume, ping or remove it.
pub async fn change(desk: Desk, Path(id): Path<RecordId>, Form(wanted): Form<Wanted>) -> Result<Redirect, Error> {
    check(&desk.app, &desk.caller)?;
    let (workspace, by) = (desk.caller.workspace, Some(desk.caller.user));
    let change = match wanted.act.as_str() {
        "remove" => Change::Remove,
        "pause" => Change::Pause,
        "resume" => Change::Resume,
        "ping" => {
            hooks::ping(&desk.app, workspace, id).await?;
            return Ok(Redirect::to(&format!("/webhooks/{id}?done=ping")));
        }
        _ => return Err(Error::NotFound),
    };
    if !hooks::change(&desk.app, workspace, id, change, by).await? {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to(if change == Change::Remove { "/webhooks".to_owned() } else { format!("/webhooks/{id}") }.as_str()))
}

/// `POST /webhooks/{id}/deliveries/{delivery}/replay`.
pub async fn replay(desk: Desk, Path((id, delivery)): Path<(RecordId, RecordId)>) -> Result<Redirect, Error> {
    check(&desk.app, &desk.caller)?;
    if !hooks::replay(&desk.app, desk.caller.workspace, id, delivery).await? {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to(&format!("/webhooks/{id}?done=replay")))
}
