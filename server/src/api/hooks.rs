//! Webhooks: for people who administer, never for keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync_core::access::Right;
use sync_core::id::{Millis, RecordId};

use crate::app::App;
use crate::auth::{Caller, Person};
use crate::body::Body;
use crate::error::{Error, Text};
use crate::hooks::{self, BadEvent, Change, Edit, Events, NewHook, guard};
use crate::place::Path;
use crate::reading::Reading;
use crate::store::hooks::{self as kept, Delivery, Failing, Replay, Webhook};

/// Deliveries that are shown.
const SHOWN: u32 = 100;

/// Everything of one sort.
#[derive(Serialize)]
pub struct Rows<T> {
    rows: Vec<T>,
}

/// A webhook.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HookView {
    id: RecordId,
    url: String,
    events: String,
    skip_own: bool,
    created_at: Millis,
    paused_at: Option<Millis>,
    /// In the list, where it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<FailingView>,
    /// What deliveries are signed with; only on the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Since when a webhook does not answer, and what came last.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailingView {
    since: Millis,
    next_at: Option<Millis>,
    status: Option<u16>,
    problem: Option<String>,
}

impl From<Failing> for FailingView {
    fn from(Failing { since, next_at, status, problem }: Failing) -> Self {
        Self { since, next_at, status, problem }
    }
}

/// Something that a webhook was told, or is to be.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    id: RecordId,
    event: String,
    state: String,
    attempts: u32,
    created_at: Millis,
    tried_at: Option<Millis>,
    next_at: Option<Millis>,
    status: Option<u16>,
    problem: Option<String>,
}

/// A webhook to add.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HookWanted {
    url: String,
    events: String,
    #[serde(default)]
    skip_own: bool,
}

/// What to change; what is not named stays.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HookChange {
    #[serde(default)]
    pub paused: Option<bool>,
    /// Its address.
    #[serde(default)]
    pub url: Option<String>,
    /// What it is told.
    #[serde(default)]
    pub events: Option<String>,
    /// Whether it is not told what its own user did.
    #[serde(default)]
    pub skip_own: Option<bool>,
}

impl HookChange {
    /// Whether something else changes than that it is paused.
    fn is_edit(&self) -> bool {
        self.url.is_some() || self.events.is_some() || self.skip_own.is_some()
    }
}

impl HookView {
    fn of(hook: Webhook, secret: Option<String>) -> Self {
        let Webhook { webhook: id, url, events, skip_own, created_at, paused_at, .. } = hook;
        Self { id, url, events, skip_own, created_at, paused_at, failing: None, secret }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let Delivery { delivery: id, event, state, attempts, created_at, tried_at, next_at, status, problem, .. } = delivery;
        Self { id, event, state, attempts, created_at, tried_at, next_at, status, problem }
    }
}

/// Whoever adds a webhook sends data away: that is for those who administer.
pub fn check(app: &App, caller: &Caller) -> Result<(), Error> {
    let no = || Error::Forbidden(Text::new("Webhooks are the administrators'.", "Webhook 由管理员管理。"));
    app.intake.rules(caller.workspace).roles.may(&caller.role, Right::Administer).then_some(()).ok_or_else(no)
}

/// Adds a webhook from what somebody typed; shared with the console.
pub async fn added(app: &App, caller: &Caller, url: String, events: &str, skip_own: bool) -> Result<Webhook, Error> {
    let events = read_events(app, caller, events)?;
    check_url(app, &url).await?;
    Ok(hooks::add(app, NewHook { workspace: caller.workspace, user: caller.user, url, events, skip_own }).await?)
}

fn read_events(app: &App, caller: &Caller, typed: &str) -> Result<Events, Error> {
    let invalid = |bad: BadEvent| invalid("events", bad.to_string(), &bad.message_zh());
    Events::read(typed, &Reading::of(app, caller)).map_err(invalid)
}

async fn check_url(app: &App, url: &str) -> Result<(), Error> {
    let resolved = guard::resolve(url, &app.config.webhooks).await;
    resolved.map(drop).map_err(|refused| match refused {
        guard::Refused::Port(port) => {
            invalid("url", refused.to_string(), &format!("不允许访问端口 {port}：仅限 443 及服务器配置所允许的端口"))
        }
        refused => invalid("url", refused.to_string(), "网址应为可从公网访问的 https:// 地址"),
    })
}

fn invalid(field: &str, en: String, zh: &str) -> Error {
    Error::Invalid { field: Some(field.to_owned()), message: Text::new(en, zh) }
}

/// Changes what a webhook is told and where; whoever changes that is whose sight it has. Shared with the console.
pub async fn edited(app: &App, caller: &Caller, id: RecordId, change: HookChange) -> Result<(), Error> {
    let was = kept::one(&mut app.store.reader().await?, caller.workspace, id).await?.ok_or(Error::NotFound)?;
    let events = change.events.as_deref().map(|events| read_events(app, caller, events)).transpose()?;
    if let Some(url) = change.url.as_ref().filter(|url| **url != was.url) {
        check_url(app, url).await?;
    }
    let edit = Edit { url: change.url, events: events.map(|events| events.to_string()), skip_own: change.skip_own };
    hooks::edit(app, caller.workspace, id, edit, caller.user).await?.then_some(()).ok_or(Error::NotFound)
}

/// Sends a delivery once more; shared with the console.
pub async fn replayed(app: &App, caller: &Caller, id: RecordId, delivery: RecordId) -> Result<(), Error> {
    match hooks::replay(app, caller.workspace, id, delivery, Some(caller.user)).await? {
        Replay::Queued => Ok(()),
        Replay::Absent => Err(Error::NotFound),
        Replay::Withdrawn => Err(Error::Conflict(Text::new(
            "Somebody else has changed the webhook since: what it was told before, with another person's sight, is not sent again.",
            "此后他人修改了该 Webhook：此前按另一人的可见范围生成的内容不再重新发送。",
        ))),
    }
}

/// `GET /api/v1/webhooks`.
///
/// # Errors
/// When the caller may not administer.
pub async fn list(State(app): State<App>, Person(caller): Person) -> Result<Json<Rows<HookView>>, Error> {
    check(&app, &caller)?;
    let mut tx = app.store.reader().await?;
    let all = kept::all(&mut tx, caller.workspace).await?;
    let mut failing = kept::failing(&mut tx, caller.workspace).await?;
    let view = |hook: Webhook| HookView { failing: failing.remove(&hook.webhook).map(FailingView::from), ..HookView::of(hook, None) };
    Ok(Json(Rows { rows: all.into_iter().map(view).collect() }))
}

/// `POST /api/v1/webhooks`: told what happens from now on; the secret is on this answer alone.
///
/// # Errors
/// When the address may not be called, or an event is not understood.
pub async fn make(
    State(app): State<App>,
    Person(caller): Person,
    Body(new): Body<HookWanted>,
) -> Result<(StatusCode, Json<HookView>), Error> {
    check(&app, &caller)?;
    let hook = added(&app, &caller, new.url, &new.events, new.skip_own).await?;
    let secret = hooks::shown_secret(&hook);
    Ok((StatusCode::CREATED, Json(HookView::of(hook, Some(secret)))))
}

/// `PATCH /api/v1/webhooks/{id}`: another address, other events; pauses it, or lets it go on.
///
/// # Errors
/// When there is no such webhook, the address may not be called, an event is not understood, or nothing is to change.
pub async fn change(
    State(app): State<App>,
    Person(caller): Person,
    Path(id): Path<RecordId>,
    Body(wanted): Body<HookChange>,
) -> Result<StatusCode, Error> {
    check(&app, &caller)?;
    let (is_edit, paused) = (wanted.is_edit(), wanted.paused);
    if !is_edit && paused.is_none() {
        let message =
            Text::new("Name what changes: `url`, `events`, `skipOwn` or `paused`.", "请指明要修改的内容：url、events、skipOwn 或 paused。");
        return Err(Error::Invalid { field: None, message });
    }
    if is_edit {
        edited(&app, &caller, id, wanted).await?;
    }
    let Some(paused) = paused else { return Ok(StatusCode::NO_CONTENT) };
    let change = if paused { Change::Pause } else { Change::Resume };
    let done = hooks::change(&app, caller.workspace, id, change, Some(caller.user)).await?;
    done.then_some(StatusCode::NO_CONTENT).ok_or(Error::NotFound)
}

/// `DELETE /api/v1/webhooks/{id}`.
///
/// # Errors
/// When there is no such webhook.
pub async fn remove(State(app): State<App>, Person(caller): Person, Path(id): Path<RecordId>) -> Result<StatusCode, Error> {
    check(&app, &caller)?;
    let done = hooks::change(&app, caller.workspace, id, Change::Remove, Some(caller.user)).await?;
    done.then_some(StatusCode::NO_CONTENT).ok_or(Error::NotFound)
}

/// `GET /api/v1/webhooks/{id}/deliveries`: the newest ones.
///
/// # Errors
/// When the caller may not administer, or there is no such webhook.
pub async fn deliveries(
    State(app): State<App>,
    Person(caller): Person,
    Path(id): Path<RecordId>,
) -> Result<Json<Rows<DeliveryView>>, Error> {
    check(&app, &caller)?;
    let mut tx = app.store.reader().await?;
    kept::one(&mut tx, caller.workspace, id).await?.ok_or(Error::NotFound)?;
    let found = kept::deliveries(&mut tx, caller.workspace, id, SHOWN).await?;
    Ok(Json(Rows { rows: found.into_iter().map(DeliveryView::from).collect() }))
}

/// `POST /api/v1/webhooks/{id}/deliveries/{delivery}/replay`: sends it once more.
///
/// # Errors
/// When there is no such delivery, or it was withdrawn.
pub async fn replay(
    State(app): State<App>,
    Person(caller): Person,
    Path((id, delivery)): Path<(RecordId, RecordId)>,
) -> Result<StatusCode, Error> {
    check(&app, &caller)?;
    replayed(&app, &caller, id, delivery).await?;
    Ok(StatusCode::ACCEPTED)
}
