//! From the feed to what each webhook is told: one event for each record that changed, as its person sees it.

use std::collections::BTreeSet;

use serde_json::json;
use sync_core::fence::{inspect, touched};
use sync_core::id::{KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::record::Stored;
use sync_core::record::fields::ARCHIVED;
use sync_core::value::Scalar;

use super::{Events, waiting};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::reading::Reading;
use crate::store::hooks::{self, Delivery, Webhook};
use crate::store::people::User;
use crate::store::{StoreError, people, records};

/// Changes that are looked at together: bounds how much is read and how long the transaction is.
const CHANGES: u32 = 500;

/// What happened to one record.
struct Happened {
    kind: KindName,
    record: RecordId,
    changed: BTreeSet<String>,
    /// What was said of it last: that it is archived, or that it is not.
    archived: Option<bool>,
    first: u64,
    by: BTreeSet<UserId>,
}

/// Writes down what each webhook of a workspace is to be told.
pub(super) async fn collect(app: &App, workspace: WorkspaceId) -> Result<(), StoreError> {
    let mut tx = app.store.reader().await?;
    let all = hooks::all(&mut tx, workspace).await?;
    drop(tx);
    for mut hook in all.into_iter().filter(|hook| hook.paused_at.is_none()) {
        while let Some(position) = told(app, workspace, &hook).await? {
            hook.position = position;
        }
    }
    Ok(())
}

/// One step of a webhook; answers how far it is when there is more.
async fn told(app: &App, workspace: WorkspaceId, hook: &Webhook) -> Result<Option<u64>, StoreError> {
    let mut tx = app.store.reader().await?;
    let changes = records::changes_after(&mut tx, workspace, hook.position, CHANGES).await?;
    let Some(last) = changes.last().and_then(|change| change.position) else { return Ok(None) };
    let user = people::user(&mut tx, workspace, hook.user).await?.filter(|user| user.disabled_at.is_none());
    drop(tx);
    let more = changes.len() == CHANGES as usize;
    let deliveries = match user {
        Some(user) => events(app, hook, user, &changes).await?,
        // Whoever is shut out sees nothing, and neither does what looks through their eyes.
        None => Vec::new(),
    };
    let told = hook.clone();
    let moved = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let moved = hooks::advance(tx, workspace, &told, last).await?;
            for delivery in deliveries.iter().filter(|_| moved) {
                hooks::add_delivery(tx, workspace, delivery).await?;
            }
            Ok(moved)
        })
    });
    // Another process that was faster goes on from there; with another person's sight, the next round does.
    Ok(moved.await?.then_some(last).filter(|_| more))
}

async fn events(app: &App, hook: &Webhook, user: User, changes: &[Stored]) -> Result<Vec<Delivery>, StoreError> {
    let (Ok(wanted), now) = (hook.events.parse::<Events>(), app.clock.now()) else { return Ok(Vec::new()) };
    let (own, caller) = (user.user, Caller::seeing(user));
    let reading = Reading::of(app, &caller);
    let mut deliveries = Vec::new();
    for happened in grouped(&reading, changes) {
        if !wanted.concern(&happened.kind) || hook.skip_own && happened.by.iter().all(|by| *by == own) {
            continue;
        }
        let row = match reading.row(happened.record).await {
            Ok(Some(row)) => row,
            // Out of sight.
            Ok(None) => continue,
            Err(error) => return Err(broken(error.into())),
        };
        let first = hooks::first_position(&mut app.store.reader().await?, caller.workspace, happened.record).await?;
        let changed: Vec<String> = happened.changed.iter().filter(|field| *field != ARCHIVED).cloned().collect();
        let action = match (first == Some(happened.first), happened.archived) {
            (true, _) => "created",
            (false, Some(true)) => "archived",
            (false, Some(false)) => "restored",
            (false, None) => "updated",
        };
        if (changed.is_empty() && action == "updated") || !wanted.cover(&row.kind, action, &changed) {
            continue;
        }
        let event = format!("{}.{action}", row.kind);
        let by: Vec<String> = happened.by.iter().map(ToString::to_string).collect();
        let data = json!({"record": row, "changed": changed, "by": by});
        let body = json!({"type": event, "timestamp": rfc3339(now), "data": data}).to_string();
        deliveries.push(waiting(hook.webhook, &event, body, now));
    }
    Ok(deliveries)
}

/// What happened, by record, in the order in which it began; of it, what the reader may see.
fn grouped(reading: &Reading, changes: &[Stored]) -> Vec<Happened> {
    let mut all: Vec<Happened> = Vec::new();
    for stored in changes {
        let Ok(kind) = reading.kind(&stored.kind) else { continue };
        // Nor who edited what the reader may not see.
        if !reading.shows(kind, stored.facet) {
            continue;
        }
        let Ok(change) = inspect(&stored.hash, &stored.body) else { continue };
        let touches = touched(kind, &change);
        let archived =
            touches.iter().filter(|touch| touch.field == ARCHIVED).find_map(|touch| touch.value).map(|put| *put == Scalar::Bool(true));
        let fields = touches.iter().map(|touch| touch.field.to_owned());
        let seen: Vec<String> = fields.filter(|field| field == ARCHIVED || reading.may_read(kind, field)).collect();
        let position = stored.position.unwrap_or_default();
        match all.iter_mut().find(|one| one.record == stored.record) {
            Some(one) => {
                one.changed.extend(seen);
                one.archived = archived.or(one.archived);
                one.by.insert(stored.user);
            }
            None => {
                let (changed, by) = (seen.into_iter().collect(), BTreeSet::from([stored.user]));
                all.push(Happened { kind: stored.kind.clone(), record: stored.record, changed, archived, first: position, by });
            }
        }
    }
    all
}

fn broken(error: Error) -> StoreError {
    match error {
        Error::Store(error) => error,
        _ => StoreError::BrokeOff,
    }
}

pub(super) fn rfc3339(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|at| at.to_string()).unwrap_or_default()
}
