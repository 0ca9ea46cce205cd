//! Compares records behind the feed: what was written is offered as a likely duplicate a moment later.
//!
//! Runs beside the doors. A record meets only those it shares a key with, so that hundreds of thousands
//! work. A crash loses nothing: it goes on from its mark.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value as Json};
use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::likely::Profile;
use sync_core::actions::duplicates::{FIELD, can_merge};
use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::schema::Kind;

use crate::app::App;
use crate::intake::{Rules, settle_aliases};
use crate::jobs::following;
use crate::jobs::runs::Runs;
use crate::store::duplicates::{self, PairRow};
use crate::store::records::{self, RecordRow};
use crate::store::{StoreError, Tx, aliases, marks, search, sequences};

/// Rows that are compared together: the writer is held no longer than a blink.
const STEP: u32 = 100;

/// Changes come in bursts, and a commit of its own for each would cost as much as the change.
const PAUSE: Duration = Duration::from_millis(200);

/// Follows the feed until the server stops.
pub async fn follow(app: App) {
    following::follow(app, Runs::DUPLICATES, PAUSE, |app| async move { catch_up(&app).await }).await;
}

/// Compares whatever has not been compared yet.
///
/// # Errors
/// When the database fails.
pub async fn catch_up(app: &App) -> Result<(), StoreError> {
    following::in_every_workspace(app, |app, workspace| async move { step(&app, workspace).await }).await
}

/// Compares some records at once: who merges two, or parts them, looks at the page of likely duplicates next.
///
/// # Errors
/// When the database fails.
pub async fn compare_now(app: &App, workspace: WorkspaceId, kind: &KindName, records: Vec<RecordId>) -> Result<(), StoreError> {
    let rules = app.intake.rules(workspace);
    let Some(kind) = rules.schema.kind(kind).filter(|kind| can_merge(kind)).cloned() else { return Ok(()) };
    app.store.write(move |tx| Box::pin(async move { compare_again(tx, workspace, &kind, &records).await })).await
}

async fn compare_again(tx: &mut Tx, workspace: WorkspaceId, kind: &Kind, these: &[RecordId]) -> Result<(), StoreError> {
    let rows = records::rows_of(tx, workspace, these).await?.into_values().filter(|row| row.kind == kind.name).collect();
    let rows = with_survivors(tx, workspace, rows).await?;
    compare_all(tx, workspace, kind, rows).await
}

/// Some of it; answers whether there may be more.
async fn step(app: &App, workspace: WorkspaceId) -> Result<bool, StoreError> {
    let mut tx = app.store.reader().await?;
    let mark = marks::of(&mut tx, workspace, marks::DUPLICATES).await?;
    // Asked with a reader first: most of the time there is nothing, and the writer is not disturbed.
    if search::changed_after(&mut tx, workspace, mark, 1).await?.is_empty() {
        return Ok(false);
    }
    drop(tx);
    let rules = app.intake.rules(workspace);
    app.store.write(move |tx| Box::pin(async move { compare(tx, workspace, &rules, mark).await })).await
}

async fn compare(tx: &mut Tx, workspace: WorkspaceId, rules: &Rules, mark: u64) -> Result<bool, StoreError> {
    let rows = search::changed_after(tx, workspace, mark, STEP).await?;
    let Some(last) = rows.last().map(|row| row.position) else { return Ok(false) };
    let more = rows.len() == STEP as usize;
    let mut by_kind: BTreeMap<KindName, Vec<RecordRow>> = BTreeMap::new();
    for row in rows {
        by_kind.entry(row.kind.clone()).or_default().push(row);
    }
    for (name, rows) in by_kind {
        if let Some(kind) = rules.schema.kind(&name).filter(|kind| can_merge(kind)) {
            let rows = with_survivors(tx, workspace, rows).await?;
            compare_all(tx, workspace, kind, rows).await?;
        }
    }
    marks::set(tx, workspace, marks::DUPLICATES, last).await?;
    Ok(more)
}

/// A mark changes who stands for a group: all of it is looked at again.
async fn with_survivors(tx: &mut Tx, workspace: WorkspaceId, mut rows: Vec<RecordRow>) -> Result<Vec<RecordRow>, StoreError> {
    for row in &rows {
        // Marks from before anybody kept who stands for whom; otherwise it is so already.
        if fields(row).contains_key(FIELD) {
            settle_aliases(tx, workspace, std::iter::once((&row.kind, FIELD, row.record))).await?;
        }
    }
    let ids: Vec<RecordId> = rows.iter().map(|row| row.record).collect();
    let marks = aliases::marks_around(tx, workspace, &ids).await?;
    let mut touched: BTreeSet<RecordId> = marks.into_iter().flat_map(|(duplicate, original)| [duplicate, original]).collect();
    for row in &rows {
        touched.remove(&row.record);
    }
    let touched: Vec<RecordId> = touched.into_iter().collect();
    rows.extend(records::rows_of(tx, workspace, &touched).await?.into_values());
    Ok(rows)
}

async fn compare_all(tx: &mut Tx, workspace: WorkspaceId, kind: &Kind, rows: Vec<RecordRow>) -> Result<(), StoreError> {
    // Of now, and not of rules that are about to be read again.
    let home = Country::of(sequences::settings(tx, workspace).await?.as_ref());
    let ids: Vec<RecordId> = rows.iter().map(|row| row.record).collect();
    let hidden = aliases::survivors_of(tx, workspace, &ids).await?;
    let mut profiles = Vec::new();
    for row in &rows {
        let is_compared = !row.archived && !hidden.contains_key(&row.record);
        let profile = if is_compared { Profile::of(kind, &fields(row), home) } else { Profile::default() };
        // All keys first: records that came together meet each other.
        duplicates::put_keys(tx, workspace, &kind.name, row.record, &profile.keys()).await?;
        profiles.push((row.record, profile));
    }
    for (record, profile) in profiles {
        let pairs = pairs(tx, workspace, (kind, home), (record, &profile)).await?;
        duplicates::put_pairs(tx, workspace, &kind.name, record, &pairs).await?;
    }
    Ok(())
}

async fn pairs(
    tx: &mut Tx,
    workspace: WorkspaceId,
    (kind, home): (&Kind, Country),
    (record, profile): (RecordId, &Profile),
) -> Result<Vec<PairRow>, StoreError> {
    let mut others = duplicates::sharing(tx, workspace, &kind.name, &profile.keys()).await?;
    others.remove(&record);
    let others: Vec<RecordId> = others.into_iter().collect();
    let rows = records::rows_of(tx, workspace, &others).await?;
    let likely = rows.into_values().filter_map(|row| {
        let other = Profile::of(kind, &fields(&row), home);
        let likeness = profile.compare(&other);
        let is_pair = likeness.is_likely() && !profile.is_decided(record, &other, row.record);
        let (one, other) = (record.min(row.record), record.max(row.record));
        is_pair.then_some(PairRow { one, other, weight: likeness.weight })
    });
    Ok(likely.collect())
}

/// What few may read is no evidence: only the main facet.
fn fields(row: &RecordRow) -> Map<String, Json> {
    row.facets[0].as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}
