//! After a restore: what took access away since the backup takes it away again, before anybody may connect.

use serde_json::json;
use sync_core::id::{UserId, WorkspaceId};

use super::Auth;
use crate::audit::{Act, Note};
use crate::files::hex;
use crate::store::{StoreError, ledger};

impl Auth {
    /// Takes away again what the ledger beside the database says was taken away and a restored database does not know of, and
    /// writes into the audit log that it was restored. Answers who was shut out again: their own records do not say so yet.
    ///
    /// # Errors
    /// When the ledger cannot be read, or the database fails.
    pub(crate) async fn follow_ledger(&self) -> Result<Vec<(WorkspaceId, UserId)>, StoreError> {
        let is_restored = ledger::is_restored(&mut self.store.reader().await?).await?;
        if !is_restored && !self.store.is_behind().await? {
            return Ok(Vec::new());
        }
        let (store, now) = (self.store.clone(), self.clock.now());
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let again = ledger::follow(tx, &store, now).await?;
                    for (workspace, before) in ledger::take_restored(tx).await? {
                        let head = before.map(|(number, hash)| json!({ "entries": number, "head": hex(&hash) }));
                        let note = Note::of(workspace, None, Act::DatabaseRestored, workspace);
                        note.with(json!({ "before": head })).write(tx, now).await?;
                    }
                    for (workspace, lines) in &again.lines {
                        tracing::info!(%workspace, lines, "what had been taken away before a restore was taken away again");
                        let note = Note::of(*workspace, None, Act::WithdrawnAgain, workspace);
                        note.with(json!({ "withdrawn": lines })).write(tx, now).await?;
                    }
                    Ok(again.people)
                })
            })
            .await
    }
}
