//! What a unit of work has decided, written in a few statements.

use std::collections::{BTreeSet, HashMap, HashSet};

use sync_core::id::{Facet, RecordId};
use sync_core::merge;
use sync_core::projection::project;

use super::sight::Written;
use super::{DocKey, Unit};
use crate::intake::cache::Shown;
use crate::projection;
use crate::store::records::{self, ConflictRow, DocumentRow, Heading, LinkRow, NewChange, RecordRow};
use crate::store::{Result, Tx, devices, rejected};

impl Unit<'_> {
    /// Writes everything that was accepted, from `first` on, and everything that was not.
    /// Answers a further position of the feed, if somebody's sight changed by it.
    pub async fn flush(&mut self, tx: &mut Tx, first: u64) -> Result<Option<u64>> {
        let mut changes = Vec::with_capacity(self.accepted.len());
        for (index, accepted) in self.accepted.iter_mut().enumerate() {
            let position = first + index as u64;
            accepted.stored.position = Some(position);
            if let Some(open) = self.open.get_mut(&(accepted.stored.record, accepted.stored.facet)) {
                open.held.position = position;
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
        records::insert_changes(tx, self.workspace, &changes).await?;
        let dirty: Vec<DocKey> = self.open.iter().filter(|(_, open)| open.dirty).map(|(key, _)| *key).collect();
        let documents: Vec<(DocKey, DocumentRow)> = dirty.iter().map(|key| (*key, self.document_row(key))).collect();
        records::put_documents(tx, self.workspace, &documents).await?;
        let written = self.flush_rows(tx, &dirty).await?;
        self.flush_conflicts(tx, &dirty, &changes).await?;
        if let Some(governing) = &mut self.governing {
            governing.flush(tx, self.workspace).await?;
        }
        self.flush_archived(tx).await?;
        rejected::insert_rejected(tx, self.workspace, &self.rejected).await?;
        let at = changes.iter().filter_map(|change| change.stored.received_at).max().unwrap_or(0);
        rejected::settle_rejected(tx, self.workspace, &self.settled, at).await?;
        devices::keep_actors(tx, self.workspace, &self.returned).await?;
        if self.changes_rules() {
            self.owe_kinds(tx).await?;
        }
        self.settle_sight(tx, written).await
    }

    fn document_row(&self, key: &DocKey) -> DocumentRow {
        let open = &self.open[key];
        DocumentRow { kind: open.kind.name.clone(), changes: open.changes, position: open.held.position }
    }

    /// Answers the records whose main rows were written.
    async fn flush_rows(&mut self, tx: &mut Tx, dirty: &[DocKey]) -> Result<Vec<Written>> {
        let mut before = self.rows_before(tx, dirty).await?;
        let mut headings: HashMap<RecordId, Heading> = before.iter().map(|(record, row)| (*record, row.heading())).collect();
        let mut rows: HashMap<RecordId, RecordRow> = HashMap::new();
        let (mut gone, mut new, mut written) = (Vec::new(), Vec::new(), Vec::new());
        for key in dirty {
            let (record, facet) = *key;
            let open = &self.open[key];
            let old = rows.remove(&record).or_else(|| before.remove(&record));
            let was = match &open.held.shown {
                Some(shown) => {
                    headings.insert(record, shown.heading.clone());
                    shown.links.clone()
                }
                None => old.as_ref().map(|row| projection::kept_links(&open.kind, facet, row)).unwrap_or_default(),
            };
            let mut projected = project(&open.kind, facet, &open.held.doc);
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
                written.push(self.written(key, old.as_ref()));
            }
            let mut row = projection::row(&open.kind, record, facet, projected, old);
            row.position = row.position.max(open.held.position);
            if facet == Facet::Main {
                self.remember(key, is, &written, row.heading());
            }
            rows.insert(record, row);
        }
        let is_under_another = |row: &RecordRow| headings.get(&row.record) != Some(&row.heading());
        let (others, same): (Vec<_>, Vec<_>) = rows.into_values().partition(is_under_another);
        records::put_rows(tx, self.workspace, &same, false).await?;
        records::put_rows(tx, self.workspace, &others, true).await?;
        records::change_links(tx, self.workspace, &gone, &new).await?;
        let turned = gone.iter().chain(&new).map(|link| (&link.source_kind, &*link.role, link.source));
        crate::intake::aliases::settle(tx, self.workspace, turned).await?;
        Ok(written)
    }

    /// The rows of these documents' records as the database has them, where more than the document itself is needed to
    /// write them again. A record that is made now has none, and of one that was written a moment ago it is known what
    /// was: the usual bulk push and the usual edit ask nothing.
    async fn rows_before(&mut self, tx: &mut Tx, dirty: &[DocKey]) -> Result<HashMap<RecordId, RecordRow>> {
        for (record, _) in dirty.iter().filter(|(_, facet)| *facet != Facet::Main) {
            if let Some(open) = self.open.get_mut(&(*record, Facet::Main)) {
                open.held.shown = None;
            }
        }
        let is_known = |record| self.open.get(&(record, Facet::Main)).is_some_and(|open| open.held.shown.is_some());
        let asked: HashSet<RecordId> =
            dirty.iter().map(|(record, _)| *record).filter(|record| self.kept.contains(record) && !is_known(*record)).collect();
        records::rows_of(tx, self.workspace, &asked.into_iter().collect::<Vec<_>>()).await
    }

    /// Remembers what the last row says, where one document alone says it.
    fn remember(&mut self, key: &DocKey, links: BTreeSet<(String, RecordId)>, written: &[Written], heading: Heading) {
        let (Some(open), Some(written)) = (self.open.get_mut(key), written.last()) else { return };
        let is_alone = open.kind.facets().len() == 1;
        open.held.shown = is_alone.then(|| Box::new(Shown { links, facts: written.facts.clone(), heading }));
    }

    async fn flush_conflicts(&self, tx: &mut Tx, dirty: &[DocKey], changes: &[NewChange]) -> Result<()> {
        let (mut documents, mut conflicts) = (Vec::new(), Vec::new());
        for key in dirty {
            let open = &self.open[key];
            let found = merge::conflicts(&open.kind, key.1, &open.held.doc);
            if !found.is_empty() || open.had_conflicts {
                documents.push(*key);
                conflicts.extend(found.into_iter().map(|conflict| (*key, open.kind.name.clone(), conflict)));
            }
        }
        let mut rows = Vec::new();
        for ((record, facet), kind, conflict) in conflicts {
            let makers = records::makers_of(tx, self.workspace, (record, facet)).await?;
            let since =
                changes.iter().find(|change| change.stored.record == record).and_then(|change| change.stored.received_at).unwrap_or(0);
            let values_json = super::super::claims_json(&conflict, &makers);
            rows.push(ConflictRow { record, facet, path: conflict.path, kind, field: conflict.field, values_json, since });
        }
        records::replace_conflicts(tx, self.workspace, &documents, &rows).await
    }
}
