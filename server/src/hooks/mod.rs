//! Webhooks: addresses elsewhere that are told what happens to records, signed and as often as it takes.
//!
//! By the Standard Webhooks convention: `webhook-id`, `webhook-timestamp`, `webhook-signature`. A webhook sees
//! what the person sees who added it, field by field, through `reading`. Never follows a redirect and never
//! connects to an address that was not checked.

mod collect;
mod deliver;
pub mod guard;
pub mod signed;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};
use sync_core::schema::{Kind, Merge, Schema};
use sync_core::spelling::{self, did_you_mean, did_you_mean_zh};
use tokio::sync::Mutex;

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::secret::random;
use crate::jobs::runs::Runs;
use crate::reading::Reading;
use crate::store::hooks::{self, Delivery, Replay, Webhook};
use crate::store::{StoreError, workspaces};

/// How long what was delivered is kept for looking at and sending again.
const KEPT_MS: Millis = 30 * 86_400_000;
/// How often due deliveries are looked for when nothing happens.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS_PER_SWEEP: u32 = 3600;

/// One round at a time in this process; other processes are kept apart by the database.
pub type Round = Arc<Mutex<()>>;

/// A webhook to add.
#[derive(Debug, Clone)]
pub struct NewHook {
    /// Where.
    pub workspace: WorkspaceId,
    /// Whose sight it has; who adds it.
    pub user: UserId,
    /// Its address.
    pub url: String,
    /// What it is told.
    pub events: Events,
    /// Whether it is not told what its own user did.
    pub skip_own: bool,
}

/// What a webhook is told: `party.created`, `deal.updated.stage`, `offer.*`, `*.archived`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events(Vec<String>);

/// Why something is no event that a webhook is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// Nothing at all.
    #[error("a webhook is told of something: name events such as `party.created`, `deal.updated.stage`, `offer.*`, `*.archived` or `*`")]
    Nothing,
    /// A text that is no event.
    #[error("`{0}` is no event: expected such as `party.created`, `deal.updated.stage`, `offer.*`, `*.archived` or `*`")]
    Form(String),
    /// There is no such kind, and the one that was meant, if one is close.
    #[error("there is no kind `{kind}`{}", did_you_mean(meant.as_deref()))]
    Kind {
        /// What was typed.
        kind: String,
        /// What is close to it.
        meant: Option<String>,
    },
    /// The kind has no such field that anybody writes: a computed one changes with those that it is computed of.
    #[error("nobody writes a field `{field}` of `{kind}`{}", did_you_mean(meant.as_deref()))]
    Field {
        /// The kind, or `*`.
        kind: String,
        /// What was typed.
        field: String,
        /// What is close to it.
        meant: Option<String>,
    },
    /// A webhook is told what its person sees, and they never see that.
    #[error("you may not see what `{0}` is about: a webhook of yours would never be told")]
    Unseen(String),
}

impl BadEvent {
    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            BadEvent::Nothing => "请填写事件，例如“party.created deal.updated.stage *.archived”".to_owned(),
            BadEvent::Unseen(event) => format!("“{event}”涉及您无权查看的内容：不会收到任何通知"),
            BadEvent::Form(text) => format!("“{text}”不是事件，格式应如“party.created deal.updated.stage *.archived”"),
            BadEvent::Kind { kind, meant } => format!("没有名为“{kind}”的对象{}", did_you_mean_zh(meant.as_deref())),
            BadEvent::Field { kind, field, meant } => format!("“{kind}”没有可写入的字段“{field}”{}", did_you_mean_zh(meant.as_deref())),
        }
    }
}

/// What can happen to a record.
const ACTIONS: [&str; 5] = ["created", "updated", "archived", "restored", "*"];

impl std::str::FromStr for Events {
    type Err = BadEvent;

    fn from_str(text: &str) -> Result<Self, BadEvent> {
        let good = |word: &str| {
            let parts: Vec<&str> = word.split('.').collect();
            match parts[..] {
                ["*"] => true,
                [kind, action] => !kind.is_empty() && ACTIONS.contains(&action),
                [kind, "updated", field] => !kind.is_empty() && !field.is_empty(),
                _ => false,
            }
        };
        let words: Vec<String> = text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        match words.iter().find(|word| !good(word)) {
            Some(bad) => Err(BadEvent::Form(bad.clone())),
            None if words.is_empty() => Err(BadEvent::Nothing),
            None => Ok(Self(words)),
        }
    }
}

impl std::fmt::Display for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Events {
    /// Whether some event of a kind may be one of these.
    pub fn concern(&self, kind: &str) -> bool {
        self.0.iter().any(|word| word.split('.').next().is_some_and(|own| own == "*" || own == kind))
    }

    /// Reads what a new webhook is to be told: what can happen, and what its person sees.
    ///
    /// # Errors
    /// The first that cannot, or that they do not see.
    pub fn read(text: &str, reading: &Reading) -> Result<Self, BadEvent> {
        let events: Self = text.parse()?;
        events.0.iter().try_for_each(|word| can_happen(word, reading.schema()))?;
        match events.0.iter().find(|word| !is_seen(word, reading)) {
            Some(unseen) => Err(BadEvent::Unseen(unseen.clone())),
            None => Ok(events),
        }
    }

    /// Whether an event is one of these.
    pub fn cover(&self, kind: &str, action: &str, changed: &[String]) -> bool {
        self.0.iter().any(|word| {
            let mut parts = word.split('.');
            let kinds = parts.next().is_some_and(|own| own == "*" || own == kind);
            let actions = parts.next().is_none_or(|own| own == "*" || own == action);
            kinds && actions && parts.next().is_none_or(|field| changed.iter().any(|one| one == field))
        })
    }
}

/// Whether somebody sees the kind and the field that an event names.
fn is_seen(word: &str, reading: &Reading) -> bool {
    let mut parts = word.split('.');
    let name = parts.next().unwrap_or_default();
    let field = parts.nth(1);
    let sees = |kind: &Arc<Kind>| field.is_none_or(|field| reading.may_read(kind, field));
    name == "*" && field.is_none() || reading.kinds().filter(|kind| name == "*" || *kind.name == *name).any(sees)
}

/// Whether there are the kind and the field that an event names.
fn can_happen(word: &str, schema: &Schema) -> Result<(), BadEvent> {
    let mut parts = word.split('.');
    let name = parts.next().unwrap_or_default();
    if name != "*" && !schema.kinds().any(|kind| *kind.name == *name) {
        let meant = spelling::meant(name, schema.kinds().map(|kind| &*kind.name)).map(str::to_owned);
        return Err(BadEvent::Kind { kind: name.to_owned(), meant });
    }
    let Some(field) = parts.nth(1) else { return Ok(()) };
    let of_these = schema.kinds().filter(|kind| name == "*" || *kind.name == *name).flat_map(|kind| &kind.fields);
    let written: BTreeSet<&str> = of_these.filter(|field| field.merge != Merge::Derived).map(|field| &*field.name).collect();
    if written.contains(field) {
        return Ok(());
    }
    let meant = spelling::meant(field, written).map(str::to_owned);
    Err(BadEvent::Field { kind: name.to_owned(), field: field.to_owned(), meant })
}

/// The secret as receivers are given it.
pub fn shown_secret(hook: &Webhook) -> String {
    signed::shown(&hook.secret)
}

/// Adds a webhook: it is told what happens from now on.
///
/// # Errors
/// When the database fails.
pub async fn add(app: &App, new: NewHook) -> Result<Webhook, StoreError> {
    let now = app.clock.now();
    let head = workspaces::by_id(&mut app.store.reader().await?, new.workspace).await?.map_or(0, |workspace| workspace.head);
    let hook = Webhook {
        webhook: RecordId::new(now, random()),
        user: new.user,
        url: new.url,
        events: new.events.to_string(),
        secret: random(),
        skip_own: new.skip_own,
        position: head,
        created_at: now,
        paused_at: None,
    };
    let (kept, workspace) = (hook.clone(), new.workspace);
    app.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                hooks::add(tx, workspace, &kept).await?;
                let note = Note::of(workspace, Some(kept.user), Act::WebhookChanged, kept.webhook);
                note.with(json!({"added": guard::origin(&kept.url), "events": kept.events})).write(tx, now).await
            })
        })
        .await?;
    Ok(hook)
}

/// What is done to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It goes, with the log of its deliveries.
    Remove,
    /// It is told nothing until it goes on.
    Pause,
    /// It goes on where it stopped.
    Resume,
}

/// Changes a webhook; answers whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn change(app: &App, workspace: WorkspaceId, webhook: RecordId, change: Change, by: Option<UserId>) -> Result<bool, StoreError> {
    let now = app.clock.now();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (done, word) = match change {
                    Change::Remove => (hooks::remove(tx, workspace, webhook).await?, "removed"),
                    Change::Pause => (hooks::pause(tx, workspace, webhook, Some(now)).await?, "paused"),
                    Change::Resume => (hooks::pause(tx, workspace, webhook, None).await?, "resumed"),
                };
                if done {
                    let note = Note::of(workspace, by, Act::WebhookChanged, webhook);
                    note.with(json!({ "change": word })).write(tx, now).await?;
                }
                Ok(done)
            })
        })
        .await
}

/// What changes of a webhook; what is not named stays.
#[derive(Debug, Default)]
pub struct Edit {
    /// Its address.
    pub url: Option<String>,
    /// What it is told.
    pub events: Option<String>,
    /// Whether it is not told what its own user did.
    pub skip_own: Option<bool>,
}

impl Edit {
    /// Makes the change; whoever changes the address or the events is whose sight the webhook has from then on.
    fn make(self, hook: &mut Webhook, by: UserId) {
        let url = self.url.filter(|url| *url != hook.url);
        let events = self.events.filter(|events| *events != hook.events);
        if url.is_some() || events.is_some() {
            hook.user = by;
        }
        hook.url = url.unwrap_or_else(|| hook.url.clone());
        hook.events = events.unwrap_or_else(|| hook.events.clone());
        hook.skip_own = self.skip_own.unwrap_or(hook.skip_own);
    }
}

/// Changes what a webhook is told and where, and so through whose eyes: nobody sends elsewhere what only others see, so
/// what was made with another's sight is withdrawn. Its secret and its log stay, and it goes on where it is. Answers
/// whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn edit(app: &App, workspace: WorkspaceId, webhook: RecordId, edit: Edit, by: UserId) -> Result<bool, StoreError> {
    let now = app.clock.now();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let Some(was) = hooks::one(tx, workspace, webhook).await? else { return Ok(false) };
                let mut edited = was.clone();
                edit.make(&mut edited, by);
                hooks::edit(tx, workspace, &edited).await?;
                if was.user != edited.user {
                    hooks::withdraw(tx, workspace, webhook).await?;
                }
                if was.url != edited.url {
                    hooks::hurry(tx, workspace, webhook, now).await?;
                }
                let note = Note::of(workspace, Some(by), Act::WebhookChanged, webhook);
                let detail = json!({"change": "edited", "address": guard::origin(&edited.url), "events": edited.events});
                note.with(detail).write(tx, now).await?;
                Ok(true)
            })
        })
        .await
}

/// Sends something once more, if its body is still there.
///
/// # Errors
/// When the database fails.
pub async fn replay(
    app: &App,
    workspace: WorkspaceId,
    webhook: RecordId,
    delivery: RecordId,
    by: Option<UserId>,
) -> Result<Replay, StoreError> {
    let now = app.clock.now();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let done = hooks::replay(tx, workspace, webhook, delivery, now).await?;
                if matches!(done, Replay::Queued) {
                    let note = Note::of(workspace, by, Act::WebhookChanged, webhook);
                    note.with(json!({"change": "replayed", "delivery": delivery})).write(tx, now).await?;
                }
                Ok(done)
            })
        })
        .await
}

/// Sends a ping, to see whether anybody answers.
///
/// # Errors
/// When the database fails.
pub async fn ping(app: &App, workspace: WorkspaceId, webhook: RecordId, by: Option<UserId>) -> Result<RecordId, StoreError> {
    let now = app.clock.now();
    let body = json!({"type": "ping", "timestamp": collect::rfc3339(now), "data": {}}).to_string();
    let delivery = waiting(webhook, "ping", body, now);
    let id = delivery.delivery;
    let sending = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            hooks::add_delivery(tx, workspace, &delivery).await?;
            let note = Note::of(workspace, by, Act::WebhookChanged, webhook);
            note.with(json!({ "change": "pinged" })).write(tx, now).await
        })
    });
    sending.await?;
    Ok(id)
}

fn waiting(webhook: RecordId, event: &str, body: String, now: Millis) -> Delivery {
    Delivery {
        delivery: RecordId::new(now, random()),
        webhook,
        event: event.to_owned(),
        body,
        created_at: now,
        attempts: 0,
        next_at: Some(now),
        state: "waiting".to_owned(),
        status: None,
        problem: None,
        tried_at: None,
    }
}

/// One round: what happened since the last one is written down for whoever is to be told, and what is due is sent.
///
/// # Errors
/// When the database fails; what was not done is done in the next round.
pub async fn round(app: &App) -> Result<(), StoreError> {
    let _one = app.hooks.lock().await;
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    for workspace in all {
        collect::collect(app, workspace.workspace).await?;
        deliver::deliver(app, workspace.workspace).await?;
    }
    Ok(())
}

/// Rounds whenever something happened or is due. Runs for ever.
pub async fn run(app: App) {
    let mut head = app.intake.head();
    let mut looks = 0;
    loop {
        let done = round(&app).await;
        app.runs.note(Runs::HOOKS, app.clock.now(), &done);
        if let Err(error) = &done {
            tracing::warn!(error = error as &dyn std::error::Error, "webhooks could not be told; it is tried again");
        }
        if looks == 0 {
            sweep(&app).await;
        }
        looks = (looks + 1) % LOOKS_PER_SWEEP;
        tokio::time::timeout(LOOK_EVERY, head.changed()).await.ok();
    }
}

async fn sweep(app: &App) {
    let before = app.clock.now() - KEPT_MS;
    let swept = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            for workspace in workspaces::all(tx).await? {
                hooks::sweep(tx, workspace.workspace, before).await?;
            }
            Ok(())
        })
    });
    if let Err(error) = swept.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "old deliveries could not be removed; it is tried again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_cover_what_they_say() {
        let events: Events = "party.created, deal.updated.stage *.archived".parse().unwrap();
        let changed = ["stage".to_owned()];
        for (kind, action, changed, expected) in [
            ("party", "created", &changed[..], true),
            ("party", "updated", &changed, false),
            ("deal", "updated", &changed, true),
            ("deal", "updated", &[], false),
            ("offer", "archived", &[], true),
        ] {
            assert_eq!(events.cover(kind, action, changed), expected, "{kind}.{action}");
        }
        assert!("*".parse::<Events>().unwrap().cover("anything", "updated", &[]));
        for bad in ["", "party", "party.deleted", "party.created.name", "party.updated.", ".created", "a.b.c.d"] {
            assert!(bad.parse::<Events>().is_err(), "{bad}");
        }
    }
}
