//! What is put away and brought back: the audit log tells of it, whichever door it comes through.

use std::collections::BTreeMap;

use serde_json::json;
use sync_core::id::{Facet, KindName, Millis, RecordId, UserId};
use sync_core::merge;

use super::{DocKey, Unit};
use crate::audit::{Act, Note};
use crate::intake::Author;
use crate::store::{Result, Tx};

/// A record that was put away, or brought back.
pub(super) struct PutAway {
    /// Nobody: the operator.
    by: Option<UserId>,
    kind: KindName,
    record: RecordId,
    at: Millis,
    act: Act,
}

/// Who did what to records of which kind.
type ActOf = (Option<UserId>, KindName, &'static str);

impl Unit<'_> {
    /// Whether a document stands as put away.
    pub(super) fn is_put_away(&self, key: &DocKey) -> bool {
        key.1 == Facet::Main && self.open.get(key).is_some_and(|open| merge::is_archived(&open.held.doc))
    }

    /// Notes that an accepted change has put its record away, or brought it back.
    pub(super) fn note_archived(&mut self, author: &Author, at: Millis, record: RecordId, kind: &KindName, act: Act) {
        // The operator writes in the workspace's own name.
        let by = (author.user.0 != self.workspace.0).then_some(author.user);
        self.archived.push(PutAway { by, kind: kind.clone(), record, at, act });
    }

    /// Writes it down: one entry for what somebody put away, or brought back, of one kind at once.
    pub(super) async fn flush_archived(&mut self, tx: &mut Tx) -> Result<()> {
        let mut acts: BTreeMap<ActOf, (Act, Millis, Vec<RecordId>)> = BTreeMap::new();
        for PutAway { by, kind, record, at, act } in self.archived.drain(..) {
            acts.entry((by, kind, act.as_str())).or_insert((act, at, Vec::new())).2.push(record);
        }
        for ((by, kind, _), (act, at, records)) in acts {
            Note::of(self.workspace, by, act, kind).with(json!({ "records": records })).write(tx, at).await?;
        }
        Ok(())
    }
}
