//! Works out behind the feed who has had the contents that file records name: by the rights of the moment in which they
//! were written. Whoever copies a file keeps the copy, whatever becomes of the original.

use std::time::Duration;

use sync_core::id::WorkspaceId;

use crate::app::App;
use crate::error::Error;
use crate::files::{proof, unhex};
use crate::jobs::following;
use crate::jobs::runs::Runs;
use crate::store::{StoreError, files, marks};

/// File records looked at together: the mark moves behind each lot.
const STEP: u32 = 100;

/// As short as a burst of changes lasts: what is asked is who sees the original now.
const PAUSE: Duration = Duration::from_millis(50);

/// Follows the feed until the server stops.
pub async fn follow(app: App) {
    following::follow(app, Runs::PROOFS, PAUSE, |app| async move { catch_up(&app).await }).await;
}

/// Looks at whatever was written since.
///
/// # Errors
/// When the database fails.
pub async fn catch_up(app: &App) -> Result<(), Error> {
    following::in_every_workspace(app, |app, workspace| async move { step(&app, workspace).await }).await
}

/// Some of it; answers whether there may be more.
async fn step(app: &App, workspace: WorkspaceId) -> Result<bool, Error> {
    let mut tx = app.store.reader().await?;
    let mark = marks::of(&mut tx, workspace, marks::PROOFS).await?;
    let found = files::named_after(&mut tx, workspace, mark, STEP).await?;
    drop(tx);
    let Some(last) = found.last().map(|row| row.position) else { return Ok(false) };
    for row in &found {
        for sha256 in row.names.iter().flatten().filter_map(|name| unhex(name)) {
            proof::settle(app, workspace, row.record, &sha256).await?;
        }
    }
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { marks::set(tx, workspace, marks::PROOFS, last).await })).await?;
    Ok(found.len() == STEP as usize)
}
