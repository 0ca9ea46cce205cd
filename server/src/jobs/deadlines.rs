//! Approvals whose time is over: the deputy is told when it is, not when somebody happens to look.
//!
//! Decides nothing and keeps nothing: whose turn it is follows from rule, words and clock. Every process tells the pages
//! that are open at it.

use std::collections::HashMap;
use std::time::Duration;

use sync_core::actions::approvals::{Step, turn_after};
use sync_core::id::{KindName, Millis, WorkspaceId};

use super::runs::Runs;
use crate::app::App;
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
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = app.until_stopping() => return,
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
    let rules = approvals::rules(&mut tx, workspace).await?;
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let days = approvals::work_days(&mut tx, workspace).await?;
    let waiting = approvals::waiting(&mut tx, workspace).await?;
    let changes: Vec<ChangeName> = waiting.iter().map(|edit| edit.change).collect();
    let words = approvals::words(&mut tx, workspace, &changes).await?;
    let mut by_kind: HashMap<&KindName, Option<Vec<Step>>> = HashMap::new();
    for edit in &waiting {
        by_kind.entry(&edit.kind).or_insert_with(|| approvals::steps_of(&rules, &edit.kind));
    }
    let is_over = |edit: &&approvals::Waiting| {
        let given = words.get(&edit.change).map(|words| approvals::times(words)).unwrap_or_default();
        let steps = by_kind.get(&edit.kind).and_then(Option::as_ref);
        let turn = steps.and_then(|steps| turn_after(steps, &given, edit.came_at, now, &days));
        turn.is_some_and(|turn| turn.is_handed_over && turn.due.is_some_and(|due| due > seen))
    };
    Ok(waiting.iter().filter(is_over).map(|edit| edit.change).collect())
}
