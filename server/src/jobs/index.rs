//! Keeps the full-text index behind the feed: what was written is found a moment later.
//!
//! Runs beside the doors. A crash loses nothing: it goes on from its mark.

use std::time::Duration;

use serde_json::Value as Json;
use sync_core::id::{Facet, RecordId, WorkspaceId};
use sync_core::projection::{disputed, searched};
use sync_core::schema::{Kind, Schema};
use sync_core::search::index_text;

use crate::app::App;
use crate::jobs::following;
use crate::jobs::runs::Runs;
use crate::store::records::{self, ConflictRow, RecordRow};
use crate::store::search::{self, Marks};
use crate::store::{StoreError, Tx};

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

/// Some of it; answers whether there may be more. New rows come first, then entries of an older form are written again.
async fn step(app: &App, workspace: WorkspaceId) -> Result<bool, StoreError> {
    let mut tx = app.store.reader().await?;
    let before = search::marks_of(&mut tx, workspace).await?;
    let Marks { index, again, .. } = before;
    let mut rows = search::changed_after(&mut tx, workspace, index, STEP).await?;
    let is_new = !rows.is_empty();
    if !is_new && again < index {
        rows = search::changed_after(&mut tx, workspace, again, STEP).await?;
    }
    let last = rows.last().map(|row| row.position);
    let marks = match (is_new, last) {
        (false, None) if again == index => return Ok(false),
        (false, last) => Marks { again: last.unwrap_or(index), ..before },
        (true, last) => {
            let last = last.unwrap_or(index);
            Marks { index: last, again: if again == index { last } else { again }, ..before }
        }
    };
    let more = rows.len() == STEP as usize || marks.again < marks.index;
    put(app, tx, workspace, rows, (before, marks)).await?;
    Ok(more)
}

/// Puts some records in again at once: what is forgotten of them is in no word of the index.
///
/// # Errors
/// When the database fails.
pub async fn put_now(app: &App, workspace: WorkspaceId, these: &[RecordId]) -> Result<(), StoreError> {
    let mut tx = app.store.reader().await?;
    let marks = search::marks_of(&mut tx, workspace).await?;
    let rows = records::rows_of(&mut tx, workspace, these).await?.into_values().collect();
    put(app, tx, workspace, rows, (marks, marks)).await
}

async fn put(
    app: &App,
    mut tx: Tx,
    workspace: WorkspaceId,
    rows: Vec<RecordRow>,
    (before, marks): (Marks, Marks),
) -> Result<(), StoreError> {
    let ids: Vec<RecordId> = rows.iter().map(|row| row.record).collect();
    let open = records::conflicts_of(&mut tx, workspace, &ids).await?;
    drop(tx);
    let rules = app.intake.rules(workspace);
    let entries: Vec<(RecordId, String)> = rows.into_iter().map(|row| (row.record, words_of(&rules.schema, &row, &open))).collect();
    app.store.write(move |tx| Box::pin(async move { search::put(tx, workspace, &entries, before, marks).await })).await
}

/// What a record is found by; nothing if its kind is not known.
fn words_of(schema: &Schema, row: &RecordRow, open: &[ConflictRow]) -> String {
    let Some(kind) = schema.kind(&row.kind) else { return String::new() };
    // What other facets hold is not for everybody: a search would tell that it is there.
    let mut others = searched(kind, &[row.facets[0].clone(), None, None]);
    let of_row = open.iter().filter(|open| open.record == row.record && open.facet == Facet::Main);
    others.extend(of_row.flat_map(|open| claimed(kind, open)));
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    index_text(&row.title, &others)
}

/// What the values of a disagreement say.
fn claimed(kind: &Kind, open: &ConflictRow) -> Vec<String> {
    let claims: Vec<Json> = serde_json::from_str(&open.values_json).unwrap_or_default();
    disputed(kind, claims.iter().filter_map(|claim| Some((open.field.as_str(), claim.get("value")?))))
}
