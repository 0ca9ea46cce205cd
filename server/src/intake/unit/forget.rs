//! Forgetting what once stood in a record that stays: its documents begin anew with what stands.

use serde_json::json;
use sync_core::id::{ActorId, Facet, Millis, RecordId};
use sync_core::record::Stored;
use sync_core::record::generation::renew;
use sync_core::record::history::document;
use sync_core::schema::Kind;

use super::{DocKey, Unit};
use crate::audit::{Act, Note};
use crate::auth::secret::random;
use crate::intake::cache::Cache;
use crate::intake::{Author, NotForgotten};
use crate::store::renewals::{self, Beginning, Replacement};
use crate::store::{Result, Tx, records, workspaces};

impl Unit<'_> {
    /// Replaces the changes of a record by what is left of each, and has devices be sent them. Answers how many changes went.
    /// Nothing else may have been written in this unit.
    pub async fn forget_past(
        &mut self,
        tx: &mut Tx,
        cache: &mut Cache,
        by: &Author,
        now: Millis,
        record: RecordId,
    ) -> Result<std::result::Result<u64, NotForgotten>> {
        self.load(tx, cache, Facet::ALL.map(|facet| (record, facet)).into()).await?;
        let kind = self.kinds.get(&record).and_then(|name| self.rules.schema.kind(name)).cloned();
        let Some(kind) = kind else { return Ok(Err(NotForgotten::NoSuchRecord)) };
        let changes = records::changes_of(tx, self.workspace, &[record]).await?;
        let mut renewed = Vec::new();
        for facet in Facet::ALL {
            let of_facet: Vec<Stored> = changes.iter().filter(|stored| stored.facet == facet).cloned().collect();
            if !of_facet.is_empty() {
                let Some(kept) = replacements(&kind, &of_facet) else { return Ok(Err(NotForgotten::TooLarge)) };
                renewed.push(((record, facet), kept));
            }
        }
        let mut gone = 0;
        for (key, kept) in renewed {
            // Whoever made them, the server has written them: no device gets to call their pen its own.
            self.returned.extend(kept.iter().map(|kept| (kept.actor, (self.pen.device, now))));
            gone += self.begin_anew(tx, &kind, key, kept).await?;
        }
        renewals::forget_what_was_said(tx, self.workspace, record).await?;
        let position = workspaces::advance_head(tx, self.workspace, 1).await?;
        renewals::mark(tx, self.workspace, position, record).await?;
        Note::of(self.workspace, Some(by.user), Act::PastForgotten, record).with(json!({"changes": gone})).write(tx, now).await?;
        Ok(Ok(gone))
    }

    async fn begin_anew(&mut self, tx: &mut Tx, kind: &Kind, key: DocKey, kept: Vec<Replacement>) -> Result<u64> {
        let gone = renewals::replace(tx, self.workspace, key, &kept).await?;
        let stored: Vec<Stored> = kept.into_iter().map(|kept| kept.stored).collect();
        if let Some(open) = self.open.get_mut(&key) {
            open.held.change_bytes = stored.iter().map(|stored| stored.body.len()).sum();
            open.held.doc = document(kind, &stored).0;
            open.changes = stored.len() as u64;
            // Claims name changes, and of two values of one moment the other one may be shown now.
            open.dirty = true;
        }
        tx.begins(Beginning { workspace: self.workspace, changes: stored.into_iter().map(Into::into).collect() });
        Ok(gone)
    }
}

/// What takes the place of a document's changes.
fn replacements(kind: &Kind, changes: &[Stored]) -> Option<Vec<Replacement>> {
    let renewed = renew(kind, changes, ActorId::new(random()))?;
    let kept = renewed.into_iter().filter_map(|renewed| {
        let of = changes.iter().find(|stored| stored.hash == renewed.of)?;
        let stored = Stored { hash: renewed.written.hash, body: renewed.written.bytes, ..of.clone() };
        Some(Replacement { stored, actor: renewed.written.change.actor, seq: renewed.written.change.seq })
    });
    Some(kept.collect())
}
