//! Keeps the full-text index behind the feed: what was written is found a moment later.
//!
//! Runs beside the doors. A crash loses nothing: it goes on from its mark.

use std::time::Duration;

use serde_json::Value as Json;
use sync_core::id::{Facet, RecordId, WorkspaceId};
use sync_core::projection::{disputed, searched};
use sync_core::schema::Kind;
use sync_core::search::index_text;

use crate::app::App;
use crate::jobs::following;
use crate::jobs::runs::Runs;
use crate::store::records::{self, ConflictRow};
use crate::store::{StoreError, marks, search};

/// Rows that are put in together: the writer is held no longer than a blink.
const STEP: u32 = 300;

/// What was written is found a moment later: whoever waits for an answer or a page comes first, and changes that come
/// in a burst are put in together.
const PAUSE: Duration = Duration::from_millis(50);

/// Follows the feed until the server stops.
pub async fn follow(app: App) {
    following::follow(app, Runs::INDEX, PAUSE, |app| async move { catch_up(&app).await }).await;
}

/// Puts in whatever is not in the index yet.
///
/// # Errors
/// When the database fails.
pub async fn catch_up(app: &App) -> Result<(), StoreError> {
    following::in_every_workspace(app, |app, workspace| async move { step(&app, workspace).await }).await
}

/// Some of it; answers whether there may be more.
async fn step(app: &App, workspace: WorkspaceId) -> Result<bool, StoreError> {
    let mut tx = app.store.reader().await?;
    let mark = marks::of(&mut tx, workspace, marks::INDEX).await?;
    let rows = search::changed_after(&mut tx, workspace, mark, STEP).await?;
    let Some(last) = rows.last().map(|row| row.position) else { return Ok(false) };
    let ids: Vec<RecordId> = rows.iter().map(|row| row.record).collect();
    let open = records::conflicts_of(&mut tx, workspace, &ids).await?;
    drop(tx);
    let (rules, more) = (app.intake.rules(workspace), rows.len() == STEP as usize);
    let mut entries = Vec::new();
    for row in rows {
        // What other facets hold is not for everybody: a search would tell that it is there.
        let mut others = rules.schema.kind(&row.kind).map(|kind| searched(kind, &[row.facets[0].clone(), None, None])).unwrap_or_default();
        let of_row = open.iter().filter(|open| open.record == row.record && open.facet == Facet::Main);
        others.extend(of_row.flat_map(|open| rules.schema.kind(&row.kind).map(|kind| claimed(kind, open)).unwrap_or_default()));
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let is_listed = rules.schema.kind(&row.kind).is_some();
        entries.push((row.record, if is_listed { index_text(&row.title, &others) } else { String::new() }));
    }
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { search::put(tx, workspace, &entries, last).await })).await?;
    Ok(more)
}

/// What the values of a disagreement say.
fn claimed(kind: &Kind, open: &ConflictRow) -> Vec<String> {
    let claims: Vec<Json> = serde_json::from_str(&open.values_json).unwrap_or_default();
    disputed(kind, claims.iter().filter_map(|claim| Some((open.field.as_str(), claim.get("value")?))))
}
