//! What other processes do to the same database, such as a second server or `rapport device revoke`, is heard here.
//!
//! Writing needs none of it: whoever writes reads in their transaction by which kinds and roles. It is for those who read:
//! live connections, open pages, and what runs behind the feed.

use std::collections::HashMap;
use std::time::Duration;

use sync_core::id::WorkspaceId;

use crate::app::App;
use crate::intake::IntakeError;
use crate::store::workspaces;

/// How long it takes at most until it is heard: so long a role that another server has tightened shows here what it showed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks until the server stops.
pub async fn run(app: App) {
    let mut heads = HashMap::new();
    loop {
        if let Err(error) = look(&app, &mut heads).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what other processes wrote was not looked at; it is tried again");
        }
        if !app.pause(LOOK_EVERY).await {
            return;
        }
    }
}

/// `heads`: how far each feed was at the last look.
async fn look(app: &App, heads: &mut HashMap<WorkspaceId, u64>) -> Result<(), IntakeError> {
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    for known in all {
        app.auth.announce_others(known.workspace).await?;
        let seen = heads.get(&known.workspace).copied();
        if seen != Some(known.head) {
            app.auth.announce_roles(known.workspace, seen.unwrap_or(known.head)).await?;
            app.intake.announce(known.workspace).await?;
            heads.insert(known.workspace, known.head);
        }
    }
    Ok(())
}
