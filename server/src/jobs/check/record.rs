//! Records: documents replayed from their changes, by us and by automerge; rows, links and conflicts derived again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sync_core::id::{ChangeHash, Facet, KindName, RecordId, WorkspaceId};
use sync_core::merge;
use sync_core::projection::project;
use sync_core::record::Stored;
use sync_core::record::change::Change;
use sync_core::record::doc::Doc;
use sync_core::record::history::texts_of;
use sync_core::record::reference::compare;
use sync_core::schema::{Kind, Schema};

use super::{Place, Teller};
use crate::intake::claims_json;
use crate::projection;
use crate::store::records::{self, ConflictRow, DocKey, DocumentRow, Maker, RecordRow};
use crate::store::{Result, Tx, audit, owed};

/// What the database says about one record.
#[derive(Default)]
struct Kept {
    documents: BTreeMap<usize, DocumentRow>,
    changes: BTreeMap<usize, Vec<Stored>>,
    row: Option<RecordRow>,
    links: BTreeSet<(String, RecordId)>,
    conflicts: BTreeMap<(usize, String), ConflictRow>,
}

/// Checks some records.
pub(super) async fn check(
    tx: &mut Tx,
    workspace: WorkspaceId,
    schema: &Schema,
    batch: &[RecordId],
    is_fast: bool,
    teller: &mut Teller<'_>,
) -> Result<()> {
    let owed = owed::kinds(tx, workspace).await?;
    for (record, kept) in read(tx, workspace, batch).await? {
        let Some(kind) = kept.kind() else { continue };
        let is_owed = owed.contains(&kind);
        let one = One { kind: schema.kind(&kind).map(|kind| &**kind), name: kind, record, kept: &kept, is_fast, is_owed };
        one.check(teller);
    }
    Ok(())
}

async fn read(tx: &mut Tx, workspace: WorkspaceId, batch: &[RecordId]) -> Result<BTreeMap<RecordId, Kept>> {
    let mut all: BTreeMap<RecordId, Kept> = batch.iter().map(|record| (*record, Kept::default())).collect();
    let keys: Vec<DocKey> = batch.iter().flat_map(|record| Facet::ALL.map(|facet| (*record, facet))).collect();
    for ((record, facet), document) in records::documents(tx, workspace, &keys).await? {
        all.entry(record).or_default().documents.insert(facet as usize, document);
    }
    for stored in records::changes_of(tx, workspace, batch).await? {
        all.entry(stored.record).or_default().changes.entry(stored.facet as usize).or_default().push(stored);
    }
    for (record, row) in records::rows_of(tx, workspace, batch).await? {
        all.entry(record).or_default().row = Some(row);
    }
    for link in audit::links_from(tx, workspace, batch).await? {
        all.entry(link.source).or_default().links.insert((link.role, link.target));
    }
    for conflict in records::conflicts_of(tx, workspace, batch).await? {
        all.entry(conflict.record).or_default().conflicts.insert((conflict.facet as usize, conflict.path.clone()), conflict);
    }
    Ok(all)
}

impl Kept {
    /// The kind, as the first of the tables says that names the record.
    fn kind(&self) -> Option<KindName> {
        let change = self.changes.values().flatten().next().map(|stored| &stored.kind);
        let document = self.documents.values().next().map(|document| &document.kind);
        let conflict = self.conflicts.values().next().map(|conflict| &conflict.kind);
        let row = self.row.as_ref().map(|row| &row.kind);
        let kind = change.or(document).or(row).or(conflict).cloned();
        // Only links name it: any kind will do to say so.
        kind.or_else(|| (!self.links.is_empty()).then(|| "record".parse().ok()).flatten())
    }
}

/// A document as its changes make it.
type Replayed<'a> = (Facet, Doc, &'a [Stored]);

/// A record under the loupe.
struct One<'a> {
    /// Missing when the workspace does not define it any more: then only counts are compared.
    kind: Option<&'a Kind>,
    name: KindName,
    record: RecordId,
    kept: &'a Kept,
    is_fast: bool,
    /// Whether what the kind computes is other by now, and the server is about to write its rows again.
    is_owed: bool,
}

impl One<'_> {
    fn place(&self, facet: Option<Facet>) -> Place {
        Place::Record(self.name.clone(), self.record, facet)
    }

    fn check(&self, teller: &mut Teller<'_>) {
        let mut docs = Vec::new();
        for facet in Facet::ALL {
            let changes = self.kept.changes.get(&(facet as usize)).map_or(&[][..], |changes| changes);
            self.document(facet, changes, teller);
            if let Some(kind) = self.kind.filter(|_| !changes.is_empty()) {
                docs.push((facet, self.replay(kind, facet, changes, teller), changes));
            }
        }
        if let Some(kind) = self.kind {
            self.row(kind, &docs, teller);
            self.links(kind, &docs, teller);
            self.conflicts(kind, &docs, teller);
        }
    }

    /// The entry that says how far a document is.
    fn document(&self, facet: Facet, changes: &[Stored], teller: &mut Teller<'_>) {
        let place = self.place(Some(facet));
        for stored in changes.iter().filter(|stored| stored.kind != self.name) {
            teller.tell(place.clone(), "kind of a change", &self.name, &stored.kind);
        }
        match (self.kept.documents.get(&(facet as usize)), changes.last()) {
            (None, None) => {}
            (None, Some(_)) => teller.tell(place, "document", format!("{} changes", changes.len()), "no entry"),
            (Some(_), None) => teller.tell(place, "document", "no entry", "one without changes"),
            (Some(document), Some(last)) => {
                teller.compare(&place, "kind", &self.name, &document.kind);
                teller.compare(&place, "number of changes", &(changes.len() as u64), &document.changes);
                teller.compare(&place, "position of the last change", &last.position.unwrap_or_default(), &document.position);
            }
        }
    }

    fn replay(&self, kind: &Kind, facet: Facet, changes: &[Stored], teller: &mut Teller<'_>) -> Doc {
        let (place, texts) = (self.place(Some(facet)), texts_of(kind));
        let (mut doc, mut is_whole) = (Doc::default(), true);
        for stored in changes {
            let applied = match Change::read(&stored.body) {
                Ok(change) => doc.apply(&change, stored.hash, &texts).map(drop).map_err(|why| why.to_string()),
                Err(why) => Err(why.to_string()),
            };
            if let Err(why) = applied {
                is_whole = false;
                teller.tell(place.clone(), &format!("change {}", stored.hash), "one that fits", why);
            }
        }
        // What does not even fit here has been said; automerge is only asked about what does.
        if is_whole && !self.is_fast {
            let bodies = changes.iter().map(|stored| &stored.body[..]);
            if let Err(why) = compare(&doc, bodies, &texts) {
                teller.tell(place, "replay through automerge", "the same record", why);
            }
        }
        doc
    }

    fn row(&self, kind: &Kind, docs: &[Replayed<'_>], teller: &mut Teller<'_>) {
        let mut expected: Option<RecordRow> = None;
        for (facet, doc, changes) in docs {
            let last = changes.iter().filter_map(|stored| stored.position).max().unwrap_or_default();
            expected = Some(projection::row(kind, (self.record, *facet), project(kind, *facet, doc), last, expected.take()));
        }
        let place = self.place(None);
        let (expected, found) = match (expected, &self.kept.row) {
            (None, None) => return,
            (Some(_), None) => return teller.tell(place, "row", "one", "none"),
            (None, Some(_)) => return teller.tell(place, "row", "none", "one without changes"),
            (Some(expected), Some(found)) => (expected, found),
        };
        teller.compare(&place, "kind of the row", &expected.kind, &found.kind);
        if !self.is_owed {
            teller.compare(&place, "title", &expected.title, &found.title);
            teller.compare(&place, "sort title", &expected.sort_title, &found.sort_title);
        }
        teller.compare(&place, "archived", &expected.archived, &found.archived);
        teller.compare(&place, "created at", &expected.created_at, &found.created_at);
        teller.compare(&place, "updated at", &expected.updated_at, &found.updated_at);
        teller.compare(&place, "position", &expected.position, &found.position);
        for ((facet, expected), found) in Facet::ALL.into_iter().zip(expected.stamps()).zip(found.stamps()) {
            teller.compare(&self.place(Some(facet)), "time and position", &expected.unwrap_or_default(), &found.unwrap_or_default());
        }
        for facet in Facet::ALL.into_iter().filter(|_| !self.is_owed) {
            let of = |row: &RecordRow| row.facets[facet as usize].clone().unwrap_or_default();
            teller.compare(&self.place(Some(facet)), "row", &of(&expected), &of(found));
            let keys = |row: &RecordRow| row.sort[facet as usize].clone().unwrap_or_default();
            teller.compare(&self.place(Some(facet)), "sort keys", &keys(&expected), &keys(found));
        }
    }

    fn links(&self, kind: &Kind, docs: &[Replayed<'_>], teller: &mut Teller<'_>) {
        let of = |(facet, doc, _): &Replayed<'_>| project(kind, *facet, doc).links;
        let expected: BTreeSet<(String, RecordId)> = docs.iter().flat_map(of).collect();
        for (role, target) in expected.difference(&self.kept.links) {
            teller.tell(self.place(None), "link", format!("{role} to {target}"), "none");
        }
        for (role, target) in self.kept.links.difference(&expected) {
            teller.tell(self.place(None), "link", "none", format!("{role} to {target}"));
        }
    }

    fn conflicts(&self, kind: &Kind, docs: &[Replayed<'_>], teller: &mut Teller<'_>) {
        let mut expected = BTreeMap::new();
        for (facet, doc, changes) in docs {
            let maker = |stored: &Stored| {
                let received_at = stored.received_at.unwrap_or_default();
                (stored.hash, Maker { user: stored.user, device: stored.device, received_at })
            };
            let makers: HashMap<ChangeHash, Maker> = changes.iter().map(maker).collect();
            for conflict in merge::conflicts(kind, *facet, doc) {
                expected.insert((*facet as usize, conflict.path.clone()), claims_json(&conflict, &makers));
            }
        }
        for (key, claims) in &expected {
            let place = self.place(Facet::ALL.get(key.0).copied());
            let what = format!("disagreement at `{}`", key.1);
            match self.kept.conflicts.get(key) {
                None => teller.tell(place, &what, claims, "none"),
                Some(found) if found.values_json != *claims => teller.tell(place, &what, claims, &found.values_json),
                Some(_) => {}
            }
        }
        for key in self.kept.conflicts.keys().filter(|key| !expected.contains_key(key)) {
            teller.tell(self.place(Facet::ALL.get(key.0).copied()), &format!("disagreement at `{}`", key.1), "none", "one");
        }
    }
}
