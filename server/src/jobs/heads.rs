//! Where each audit log ends, in the server's own log: it leaves the machine with that, and a log that was cut or written
//! anew no longer goes through it.

use std::collections::HashMap;
use std::time::Duration;

use sync_core::id::WorkspaceId;

use crate::app::App;
use crate::audit;
use crate::store::trail::{self, Head};
use crate::store::{StoreError, workspaces};

/// How often it is told: so much of the log at most can be cut unseen.
const TELL_EVERY: Duration = Duration::from_secs(60 * 60);

/// Tells it until the server stops, of logs in which something was written since.
pub async fn run(app: App) {
    let mut told = HashMap::new();
    loop {
        if let Err(error) = round(&app, &mut told).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the ends of the audit logs could not be read");
        }
        if !app.pause(TELL_EVERY).await {
            return;
        }
    }
}

async fn round(app: &App, told: &mut HashMap<WorkspaceId, Head>) -> Result<(), StoreError> {
    let mut tx = app.store.reader().await?;
    for workspace in workspaces::all(&mut tx).await?.into_iter().map(|known| known.workspace) {
        let Some(head) = trail::head(&mut tx, workspace).await? else { continue };
        if told.insert(workspace, head) != Some(head) {
            tracing::info!(%workspace, head = audit::head_text(&head), "the audit log ends here");
        }
    }
    Ok(())
}
