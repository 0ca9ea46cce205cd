//! Keeps the views for reporting tools what the kinds say, from the start and whenever a kind changes.

use std::time::Duration;

use sync_core::schema::Schema;

use crate::app::App;
use crate::jobs::following;
use crate::store::{StoreError, views, workspaces};

/// Brings the views up to date; answers how many changed. Those of the built-in kinds are there before any workspace is: one
/// may be made beside a server that runs, by another process.
///
/// # Errors
/// When the database fails.
pub async fn renew(app: &App) -> Result<usize, StoreError> {
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    let rules: Vec<_> = all.iter().map(|one| app.intake.rules(one.workspace)).collect();
    let schemas = std::iter::once(Schema::builtin()).chain(rules.iter().map(|rules| &*rules.schema));
    let wanted = views::of(schemas.flat_map(Schema::kinds).map(|kind| &**kind));
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { views::put(tx, &wanted).await })).await
}

/// Brings the views up to date now and after every change of a kind. Runs until the server stops.
pub async fn follow(app: App) {
    following::follow_rules(app, "views for reporting", Duration::MAX, |app| async move { renew(&app).await }).await;
}
