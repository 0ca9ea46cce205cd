//! Keeps the full-text index behind the feed: what was written is found a moment later.
//!
//! Runs beside the doors. A crash loses nothing: it goes on from its mark.

use sync_core::id::WorkspaceId;
use sync_core::projection::searched;
use sync_core::search::index_text;

use crate::app::App;
use crate::jobs::runs::Runs;
use crate::store::{StoreError, search, workspaces};

/// Rows that are put in together: the writer is held no longer than a blink.
const STEP: u32 = 300;

/// Follows the feed until the server stops.
pub async fn follow(app: App) {
    let mut head = app.intake.head();
    loop {
        let done = catch_up(&app).await;
        if let Err(error) = &done {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the search index was not brought up to date; the next change tries again"
            );
        }
        app.runs.note(Runs::INDEX, app.clock.now(), &done);
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return },
            () = app.until_stopping() => return,
        }
    }
}

/// Puts in whatever is not in the index yet.
///
/// # Errors
/// When the database fails.
pub async fn catch_up(app: &App) -> Result<(), StoreError> {
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    for workspace in all {
        while step(app, workspace.workspace).await? {}
    }
    Ok(())
}

/// Some of it; answers whether there may be more.
async fn step(app: &App, workspace: WorkspaceId) -> Result<bool, StoreError> {
    let mut tx = app.store.reader().await?;
    let mark = search::mark(&mut tx, workspace).await?;
    let rows = search::changed_after(&mut tx, workspace, mark, STEP).await?;
    drop(tx);
    let Some(last) = rows.last().map(|row| row.position) else { return Ok(false) };
    let (rules, more) = (app.intake.rules(workspace), rows.len() == STEP as usize);
    let mut entries = Vec::new();
    for row in rows {
        // What other facets hold is not for everybody: a search would tell that it is there.
        let others = rules.schema.kind(&row.kind).map(|kind| searched(kind, &[row.facets[0].clone(), None, None])).unwrap_or_default();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let is_listed = rules.schema.kind(&row.kind).is_some();
        entries.push((row.record, if is_listed { index_text(&row.title, &others) } else { String::new() }));
    }
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { search::put(tx, workspace, &entries, last).await })).await?;
    Ok(more)
}
