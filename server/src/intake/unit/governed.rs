//! What records that say who may do what must pass besides, and what follows from them.

use sync_core::id::{Facet, KindName, Millis, RecordId};
use sync_core::protocol::Pushed;
use sync_core::record::change::Change;
use sync_core::record::doc::Doc;
use sync_core::record::history::texts_of;
use sync_core::schema::Kind;

use super::super::Author;
use super::super::decide::Refused;
use super::super::govern::{Effect, Governing, is_governed};
use super::Unit;
use crate::store::{Result, Tx};

impl Unit<'_> {
    pub(super) async fn load_governing(&mut self, tx: &mut Tx, kinds: impl Iterator<Item = &KindName>) -> Result<()> {
        for kind in kinds.filter(|kind| is_governed(kind)) {
            if self.governing.is_none() {
                self.governing = Some(Governing::load(tx, self.workspace).await?);
            }
            if let Some(governing) = &mut self.governing {
                governing.need(tx, self.workspace, kind).await?;
            }
        }
        Ok(())
    }

    /// What follows beyond its record from a pushed change that fits it.
    pub(super) fn effect_of(&self, kind: &Kind, pushed: &Pushed, change: &Change) -> Result<Option<Effect>, Refused> {
        let empty = Doc::default();
        let before = self.open.get(&(pushed.record, pushed.facet)).map_or(&empty, |open| &open.held.doc);
        let after = || {
            let mut after = before.clone();
            // It fits: that was asked first.
            after.apply(change, pushed.hash, &texts_of(kind)).ok();
            after
        };
        self.govern(kind, pushed.record, pushed.facet, before, after)
    }

    /// What follows beyond its record from a change that may be made otherwise.
    pub(super) fn govern(
        &self,
        kind: &Kind,
        record: RecordId,
        facet: Facet,
        before: &Doc,
        after: impl FnOnce() -> Doc,
    ) -> Result<Option<Effect>, Refused> {
        match &self.governing {
            Some(governing) if facet == Facet::Main && is_governed(&kind.name) => {
                governing.check(&self.rules.schema, kind, record, before, &after())
            }
            _ => Ok(None),
        }
    }

    pub(super) fn follow(&mut self, author: &Author, now: Millis, effect: Option<Effect>) {
        if let Some((governing, effect)) = self.governing.as_mut().zip(effect) {
            governing.apply(self.workspace, author.user, now, effect);
        }
    }

    /// As [`Unit::follow`], where the audit log tells of it already.
    pub(super) fn follow_unnoted(&mut self, effect: Option<Effect>) {
        if let Some((governing, effect)) = self.governing.as_mut().zip(effect) {
            governing.take_unnoted(effect);
        }
    }
}
