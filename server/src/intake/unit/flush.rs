//! What a unit of work has decided, written in a few statements.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sync_core::id::{Facet, RecordId};
use sync_core::merge::{self, Conflict};
use sync_core::projection::{Projection, project};

use super::sight::Written;
use super::{DocKey, Unit};
use crate::intake::cache::Shown;
use crate::projection;
use crate::store::records::{self, ConflictRow, DocumentRow, Heading, LinkRow, NewChange, RecordRow};
use crate::store::{Result, Tx, devices, rejected, renewals};

/// A document, and what people disagree on in it.
type Disputed = (DocKey, Vec<Conflict>);

impl Unit<'_> {
    /// Writes everything that was accepted, from `first` on, and everything that was not.
    /// Answers a further position of the feed, if somebody's sight changed by it.
    pub async fn flush(&mut self, tx: &mut Tx, first: u64) -> Result<Option<u64>> {
        let begun_anew = std::mem::take(&mut self.begun_anew);
        let (mut changes, mut gaps) = (Vec::with_capacity(self.accepted.len()), Vec::new());
        for (index, accepted) in self.accepted.iter_mut().enumerate() {
            let position = first + index as u64;
            accepted.stored.position = Some(position);
            if let Some(open) = self.open.get_mut(&(accepted.stored.record, accepted.stored.facet)) {
                open.held.position = position;
            }
            let key = (accepted.stored.record, accepted.stored.facet);
            if begun_anew.iter().any(|(begun, from)| *begun == key && index < *from) {
                gaps.push(position);
                continue;
            }
            changes.push(NewChange {
                position,
                stored: accepted.stored.clone(),
                actor: accepted.actor,
                seq: accepted.seq,
                edit_time: accepted.edit_time,
                import: accepted.import,
            });
        }
        // In the order of the table's keys: what is written together stands together, and is found there later.
        let mut dirty: Vec<DocKey> = self.open.iter().filter(|(_, open)| open.dirty).map(|(key, _)| *key).collect();
        dirty.sort_unstable();
        let documents: Vec<(DocKey, DocumentRow)> = dirty.iter().map(|key| (*key, self.document_row(key))).collect();
        let workspace = self.workspace;
        let keeping = async {
            for (key, _) in begun_anew {
                renewals::take_away(tx, workspace, key, None).await?;
                renewals::forget_what_was_said(tx, workspace, key.0).await?;
            }
            renewals::leave_gaps(tx, workspace, &gaps).await?;
            records::insert_changes(tx, workspace, &changes).await?;
            records::put_documents(tx, workspace, &documents).await
        };
        // SQLite writes on a thread of its own: what the documents show is worked out meanwhile.
        let (kept, (projected, conflicts)) = tokio::join!(keeping, async { self.shown(&dirty) });
        kept?;
        let written = self.flush_rows(tx, projected).await?;
        self.flush_conflicts(tx, conflicts, &changes).await?;
        if let Some(governing) = &mut self.governing {
            governing.flush(tx, self.workspace).await?;
        }
        self.flush_archived(tx).await?;
        self.flush_shaped(tx).await?;
        rejected::insert_rejected(tx, self.workspace, &self.rejected).await?;
        let at = changes.iter().filter_map(|change| change.stored.received_at).max().unwrap_or(0);
        rejected::settle_rejected(tx, self.workspace, &self.settled, at).await?;
        devices::keep_actors(tx, self.workspace, &self.returned).await?;
        if self.changes_rules() {
            self.owe_kinds(tx).await?;
        }
        self.settle_sight(tx, written).await
    }

    pub(super) fn document_row(&self, key: &DocKey) -> DocumentRow {
        let open = &self.open[key];
        DocumentRow { kind: open.kind.name.clone(), changes: open.changes, position: open.held.position }
    }

    /// What documents show, and what people disagree on in those where somebody does or did.
    fn shown(&self, dirty: &[DocKey]) -> (Vec<(DocKey, Projection)>, Vec<Disputed>) {
        let (mut projected, mut conflicts) = (Vec::with_capacity(dirty.len()), Vec::new());
        for key in dirty {
            let open = &self.open[key];
            projected.push((*key, project(&open.kind, key.1, &open.held.doc)));
            let found = merge::conflicts(&open.kind, key.1, &open.held.doc);
            if !found.is_empty() || open.had_conflicts {
                conflicts.push((*key, found));
            }
        }
        (projected, conflicts)
    }

    /// Answers the records whose main rows were written.
    async fn flush_rows(&mut self, tx: &mut Tx, projected: Vec<(DocKey, Projection)>) -> Result<Vec<Written>> {
        let mut before = self.rows_before(tx, projected.iter().map(|(key, _)| key)).await?;
        let mut headings: HashMap<RecordId, Heading> = before.iter().map(|(record, row)| (*record, row.heading())).collect();
        let mut rows: BTreeMap<RecordId, RecordRow> = BTreeMap::new();
        let (mut gone, mut new, mut written) = (Vec::new(), Vec::new(), Vec::new());
        for (key, mut projected) in projected {
            let (record, facet) = key;
            let open = &self.open[&key];
            let old = rows.remove(&record).or_else(|| before.remove(&record));
            let was = match &open.held.shown {
                Some(shown) => {
                    headings.insert(record, shown.heading.clone());
                    shown.links.clone()
                }
                None => old.as_ref().map(|row| projection::kept_links(&open.kind, facet, row)).unwrap_or_default(),
            };
            let is = std::mem::take(&mut projected.links);
            let link = |(role, target): &(String, RecordId)| LinkRow {
                source: record,
                source_kind: open.kind.name.clone(),
                role: role.clone(),
                target: *target,
            };
            gone.extend(was.difference(&is).map(link));
            new.extend(is.difference(&was).map(link));
            if facet == Facet::Main {
                written.push(self.written(&key, old.as_ref()));
            }
            let row = projection::row(&open.kind, key, projected, open.held.position, old);
            if facet == Facet::Main {
                self.remember(&key, is, &written, row.heading());
            }
            rows.insert(record, row);
        }
        let is_under_another = |row: &RecordRow| headings.get(&row.record) != Some(&row.heading());
        let (others, same): (Vec<_>, Vec<_>) = rows.into_values().partition(is_under_another);
        let own = self.rules.schema.own_columns();
        records::put_rows(tx, self.workspace, own, &same, false).await?;
        records::put_rows(tx, self.workspace, own, &others, true).await?;
        records::change_links(tx, self.workspace, &gone, &new).await?;
        let turned = gone.iter().chain(&new).map(|link| (&link.source_kind, &*link.role, link.source));
        crate::intake::aliases::settle(tx, self.workspace, turned).await?;
        Ok(written)
    }

    /// The rows of these documents' records as the database has them, where more than the document itself is needed to
    /// write them again. A record that is made now has none, and of one that was written a moment ago it is known what
    /// was: the usual bulk push and the usual edit ask nothing.
    async fn rows_before<'k>(
        &mut self,
        tx: &mut Tx,
        dirty: impl Iterator<Item = &'k DocKey> + Clone,
    ) -> Result<HashMap<RecordId, RecordRow>> {
        for (record, _) in dirty.clone().filter(|(_, facet)| *facet != Facet::Main) {
            if let Some(open) = self.open.get_mut(&(*record, Facet::Main)) {
                open.held.shown = None;
            }
        }
        let is_known = |record| self.open.get(&(record, Facet::Main)).is_some_and(|open| open.held.shown.is_some());
        let asked: HashSet<RecordId> =
            dirty.map(|(record, _)| *record).filter(|record| self.kept.contains(record) && !is_known(*record)).collect();
        records::rows_of(tx, self.workspace, &asked.into_iter().collect::<Vec<_>>()).await
    }

    /// Remembers what the last row says, where one document alone says it.
    fn remember(&mut self, key: &DocKey, links: BTreeSet<(String, RecordId)>, written: &[Written], heading: Heading) {
        let (Some(open), Some(written)) = (self.open.get_mut(key), written.last()) else { return };
        let is_alone = open.kind.facets().len() == 1;
        open.held.shown = is_alone.then(|| Box::new(Shown { links, facts: written.facts.clone(), heading }));
    }

    async fn flush_conflicts(&self, tx: &mut Tx, conflicts: Vec<Disputed>, changes: &[NewChange]) -> Result<()> {
        let documents: Vec<DocKey> = conflicts.iter().map(|(key, _)| *key).collect();
        let mut rows = Vec::new();
        for (key, conflicts) in conflicts.into_iter().filter(|(_, conflicts)| !conflicts.is_empty()) {
            let ((record, facet), kind) = (key, &self.open[&key].kind.name);
            let makers = records::makers_of(tx, self.workspace, key).await?;
            let since =
                changes.iter().find(|change| change.stored.record == record).and_then(|change| change.stored.received_at).unwrap_or(0);
            for conflict in conflicts {
                let values_json = super::super::claims_json(&conflict, &makers);
                rows.push(ConflictRow {
                    record,
                    facet,
                    path: conflict.path,
                    kind: kind.clone(),
                    field: conflict.field,
                    values_json,
                    since,
                });
            }
        }
        records::replace_conflicts(tx, self.workspace, &documents, &rows).await
    }
}
