//! Webhooks: who is told what, and what became of it.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::id::RecordId;

use super::ask::{self, Question};
use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use crate::api::hooks::{HookChange, added, check, edited, replayed};
use crate::error::Error;
use crate::hooks::{self, Change};
use crate::place::Path;
use crate::store::hooks::{self as kept, Delivery, Failing, WITHDRAWN, Webhook};

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
    skip_own: bool,
    since: Shown,
    paused: bool,
    /// Since when nothing arrives, the last answer, the next attempt.
    failing: Vec<String>,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct HookPage {
    frame: Frame,
    hook: HookView,
    typed: Typed,
    problem: Option<String>,
    notice: Option<&'static str>,
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
    /// Whether it can be sent again.
    kept: bool,
}

/// A webhook to add or to change, as typed; or what else is done to one.
#[derive(Deserialize, Default)]
pub struct Typed {
    #[serde(default)]
    url: String,
    #[serde(default)]
    events: String,
    skip_own: Option<String>,
    act: Option<String>,
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
    let mut tx = desk.app.store.reader().await?;
    let all = kept::all(&mut tx, desk.caller.workspace).await?;
    let failing = kept::failing(&mut tx, desk.caller.workspace).await?;
    drop(tx);
    let frame = desk.frame(desk.words.say("menu.webhooks"), "/webhooks").await?;
    let rows = all.iter().map(|hook| hook_view(desk, hook, failing.get(&hook.webhook))).collect();
    answer(status, &HooksPage { frame, problem, secret, typed, rows })
}

/// Since when nothing arrives, the last answer, the next attempt.
fn failing_view(desk: &Desk, hook: &Webhook, failing: &Failing) -> Vec<String> {
    let words = desk.words;
    let outcome = failing.status.map(|status| status.to_string()).or_else(|| failing.problem.clone()).unwrap_or_default();
    let moment = |at| format::moment(at).text();
    let next = failing.next_at.filter(|_| hook.paused_at.is_none());
    vec![
        words.fill("hook.failing", &[&moment(failing.since)]),
        words.fill("hook.last_answer", &[&outcome]),
        next.map_or_else(|| words.say("hook.no_next").to_owned(), |at| words.fill("hook.next_try", &[&moment(at)])),
    ]
}

fn hook_view(desk: &Desk, hook: &Webhook, failing: Option<&Failing>) -> HookView {
    HookView {
        skip_own: hook.skip_own,
        failing: failing.map(|failing| failing_view(desk, hook, failing)).unwrap_or_default(),
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
    let notice = asked.done.map(|done| desk.words.say(if done == "edit" { "hook.was_edited" } else { "hook.queued" }));
    show_one(&desk, id, StatusCode::OK, notice, None, None).await
}

async fn show_one(
    desk: &Desk,
    id: RecordId,
    status: StatusCode,
    notice: Option<&'static str>,
    problem: Option<String>,
    typed: Option<Typed>,
) -> Result<Response, Error> {
    let mut tx = desk.app.store.reader().await?;
    let hook = kept::one(&mut tx, desk.caller.workspace, id).await?.ok_or(Error::NotFound)?;
    let failing = kept::failing(&mut tx, desk.caller.workspace).await?;
    let deliveries = kept::deliveries(&mut tx, desk.caller.workspace, id, SHOWN).await?;
    drop(tx);
    let hook = hook_view(desk, &hook, failing.get(&id));
    let as_it_is = || Typed { url: hook.url.clone(), events: hook.events.clone(), skip_own: hook.skip_own.then(String::new), act: None };
    let page = HookPage {
        frame: desk.frame(desk.words.say("menu.webhooks"), "/webhooks").await?,
        typed: typed.unwrap_or_else(as_it_is),
        hook,
        problem,
        notice,
        rows: deliveries.into_iter().map(|delivery| delivery_view(desk, delivery)).collect(),
    };
    answer(status, &page)
}

/// `GET /webhooks/{id}/remove`: asks, and says what goes.
pub async fn ask_remove(desk: Desk, Path(id): Path<RecordId>) -> Result<Response, Error> {
    check(&desk.app, &desk.caller)?;
    let (words, mut tx) = (desk.words, desk.app.store.reader().await?);
    let hook = kept::one(&mut tx, desk.caller.workspace, id).await?.ok_or(Error::NotFound)?;
    let (all, waiting) = kept::count(&mut tx, desk.caller.workspace, id).await?;
    drop(tx);
    let counted = [("hook.lost_log", all), ("hook.lost_waiting", waiting)].into_iter().filter(|(_, count)| *count > 0);
    let mut lost = vec![words.say("hook.lost_secret").to_owned()];
    lost.extend(counted.map(|(key, count)| words.count(key, count)));
    lost.push(words.say("hook.lost_instead").to_owned());
    let question = Question {
        text: words.fill("hook.ask_remove", &[&hook.url]),
        lost,
        action: format!("/webhooks/{id}"),
        act: "remove",
        button: words.say("hook.remove"),
        back: format!("/webhooks/{id}"),
    };
    ask::ask(&desk, "/webhooks", question).await
}

fn delivery_view(desk: &Desk, delivery: Delivery) -> DeliveryView {
    let (colour, state) = match delivery.state.as_str() {
        "delivered" => ("green", desk.words.say("hook.delivered")),
        "failed" => ("red", desk.words.say("hook.failed")),
        _ => ("amber", desk.words.say("hook.waiting")),
    };
    let problem = |problem: String| if problem == WITHDRAWN { desk.words.say("hook.withdrawn").to_owned() } else { problem };
    DeliveryView {
        kept: !delivery.body.is_empty(),
        id: delivery.delivery.to_string(),
        event: delivery.event,
        at: format::moment(delivery.created_at),
        colour,
        state,
        outcome: delivery.status.map(|status| status.to_string()).or(delivery.problem.map(problem)).unwrap_or_default(),
        attempts: delivery.attempts,
        next: delivery.next_at.map(format::moment),
    }
}

/// `POST /webhooks/{id}`: edit, pause, resume, ping or remove it.
pub async fn change(desk: Desk, Path(id): Path<RecordId>, Form(typed): Form<Typed>) -> Result<Response, Error> {
    check(&desk.app, &desk.caller)?;
    let (workspace, by) = (desk.caller.workspace, Some(desk.caller.user));
    let change = match typed.act.as_deref() {
        Some("edit") => return edit(&desk, id, typed).await,
        Some("remove") => Change::Remove,
        Some("pause") => Change::Pause,
        Some("resume") => Change::Resume,
        Some("ping") => {
            hooks::ping(&desk.app, workspace, id, by).await?;
            return Ok(Redirect::to(&format!("/webhooks/{id}?done=ping")).into_response());
        }
        _ => return Err(Error::NotFound),
    };
    hooks::change(&desk.app, workspace, id, change, by).await?.then_some(()).ok_or(Error::NotFound)?;
    let next = if change == Change::Remove { "/webhooks".to_owned() } else { format!("/webhooks/{id}") };
    Ok(Redirect::to(&next).into_response())
}

async fn edit(desk: &Desk, id: RecordId, typed: Typed) -> Result<Response, Error> {
    let url = Some(typed.url.trim().to_owned());
    let wanted = HookChange { url, events: Some(typed.events.clone()), skip_own: Some(typed.skip_own.is_some()), ..HookChange::default() };
    match edited(&desk.app, &desk.caller, id, wanted).await {
        Ok(()) => Ok(Redirect::to(&format!("/webhooks/{id}?done=edit")).into_response()),
        Err(error @ Error::Invalid { .. }) => {
            let problem = error.problem();
            let text = problem.text.in_language(desk.words.0).to_owned();
            show_one(desk, id, problem.status, None, Some(text), Some(typed)).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /webhooks/{id}/deliveries/{delivery}/replay`.
pub async fn replay(desk: Desk, Path((id, delivery)): Path<(RecordId, RecordId)>) -> Result<Redirect, Error> {
    check(&desk.app, &desk.caller)?;
    replayed(&desk.app, &desk.caller, id, delivery).await?;
    Ok(Redirect::to(&format!("/webhooks/{id}?done=replay")))
}
