//! What runs behind the feed: whenever something was written, a job does what is left for it to do.

use std::error::Error;
use std::time::Duration;

use sync_core::id::WorkspaceId;

use crate::app::App;
use crate::store::{StoreError, workspaces};

/// How long what has failed is left at most until it is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Lets a job catch up after every change, until the server stops. What fails is tried again with the next one.
///
/// `pause`: changes come in bursts, and a commit of its own for each can cost as much as the change.
pub(super) async fn follow<E, Done>(app: App, job: &'static str, pause: Duration, catch_up: impl Fn(App) -> Done)
where
    E: Error + 'static,
    Done: Future<Output = Result<(), E>>,
{
    let mut head = app.intake.head();
    loop {
        let done = catch_up(app.clone()).await;
        if let Err(error) = &done {
            tracing::error!(job, error = error as &dyn Error, "what runs behind the feed failed; the next change tries again");
        }
        app.runs.note(job, app.clock.now(), &done);
        tokio::select! {
            changed = tokio::time::timeout(LOOK_EVERY, head.changed()) => match changed {
                Ok(Err(_)) => return,
                Ok(Ok(())) => tokio::time::sleep(pause).await,
                Err(_) => {}
            },
            () = app.until_stopping() => return,
        }
    }
}

/// Keeps what is made from the kinds what they say: from the start, whenever a kind changes, and after a while even if
/// none has. Runs until the server stops.
pub(super) async fn follow_rules<Done>(app: App, what: &'static str, every: Duration, renew: impl Fn(App) -> Done)
where
    Done: Future<Output = Result<usize, StoreError>>,
{
    let mut rules = app.intake.follow_rules();
    loop {
        rules.mark_unchanged();
        if let Err(error) = renew(app.clone()).await {
            tracing::warn!(what, error = &error as &dyn Error, "what the kinds say was not renewed; what was there holds");
        }
        if let Ok(Err(_)) = tokio::time::timeout(every, rules.changed()).await {
            return;
        }
    }
}

/// Repeats a step in each workspace as long as it says that there may be more.
pub(super) async fn in_every_workspace<E, Done>(app: &App, step: impl Fn(App, WorkspaceId) -> Done) -> Result<(), E>
where
    E: From<StoreError>,
    Done: Future<Output = Result<bool, E>>,
{
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    for workspace in all {
        while step(app.clone(), workspace.workspace).await? {}
    }
    Ok(())
}
