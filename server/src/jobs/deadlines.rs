//! Approvals whose time is over: the deputy is told when it is, not when somebody happens to look.
//!
//! Decides nothing and keeps nothing: whose turn it is follows from rule, words and clock. Every process tells the pages
//! that are open at it.

use std::time::Duration;

use sync_core::id::{Millis, WorkspaceId};

use super::runs::Runs;
use crate::app::App;
use crate::store::approvals::{Courses, Waiting};
use crate::store::rejected::ChangeName;
use crate::store::{StoreError, approvals, workspaces};

/// How often it is looked: deadlines are hours, and a deputy is told within the minute.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Tells deputies until the server stops. What fails is looked at again: no deadline is passed over.
pub async fn run(app: App) {
    // What was over before this process began is told, too: nobody knows whether it was.
    let mut seen = Millis::MIN;
    loop {
        let done = round(&app, seen).await;
        match &done {
            Ok(until) => seen = *until,
            Err(error) => tracing::error!(error = error as &dyn std::error::Error, "deadlines of approvals could not be looked at"),
        }
        app.runs.note(Runs::DEADLINES, app.clock.now(), &done);
        if !app.pause(LOOK_EVERY).await {
            return;
        }
    }
}

/// Tells the deputies of all steps whose time was over after `seen`. Answers until when it has looked.
///
/// # Errors
/// When the database fails.
pub async fn round(app: &App, seen: Millis) -> Result<Millis, StoreError> {
    let now = app.clock.now();
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    for workspace in all.into_iter().map(|known| known.workspace) {
        for change in over(app, workspace, seen, now).await? {
            app.intake.tell_turn(workspace, change);
        }
    }
    Ok(now.max(seen))
}

/// The edits whose step's time was over after `seen`.
async fn over(app: &App, workspace: WorkspaceId, seen: Millis, now: Millis) -> Result<Vec<ChangeName>, StoreError> {
    let mut tx = app.store.reader().await?;
    if approvals::rules(&mut tx, workspace).await?.is_empty() {
        return Ok(Vec::new());
    }
    let waiting = approvals::waiting(&mut tx, workspace).await?;
    let courses = Courses::of(&mut tx, workspace, waiting.iter()).await?;
    let changes: Vec<ChangeName> = waiting.iter().map(|edit| edit.change).collect();
    let words = approvals::words(&mut tx, workspace, &changes).await?;
    let is_over = |edit: &&Waiting| {
        let given = words.get(&edit.change).map(Vec::as_slice).unwrap_or_default();
        let Some(steps) = courses.steps(edit) else { return false };
        let turn = courses.turn(&steps, given, edit, now);
        turn.is_some_and(|turn| turn.is_handed_over && turn.due.is_some_and(|due| due > seen))
    };
    Ok(waiting.iter().filter(is_over).map(|edit| edit.change).collect())
}
