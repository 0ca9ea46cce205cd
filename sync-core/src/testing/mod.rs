//! Two phones and a wire, as small as can be: for the tests of this crate.
//!
//! A change goes the whole way: field edits, path edits, bytes, the fence, the document. Never a mock.

pub mod edits;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::fence::{self, Pen, Refusal};
use crate::id::{ActorId, ChangeHash, Facet, Millis};
use crate::merge::{self, Conflict};
use crate::record::doc::{Doc, Inadmissible};
use crate::record::fields::{FieldEdit, path_edits};
use crate::record::history::texts_of;
use crate::record::reference;
use crate::schema::{Kind, Schema};

/// Ten in the morning of some day; tests count minutes from here.
pub const TEN: Millis = 1_790_000_000_000;
/// One minute.
pub const MINUTE: Millis = 60_000;

/// The actor of the server's own pen.
pub const SERVER: ActorId = ActorId([0xee; 16]);

/// A change on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub facet: Facet,
    pub hash: ChangeHash,
    pub body: Vec<u8>,
}

/// One replica of one record.
#[derive(Clone)]
pub struct Phone {
    pub actor: ActorId,
    pub kind: Arc<Kind>,
    pub docs: BTreeMap<Facet, Doc>,
    pub log: Vec<Sent>,
}

impl Phone {
    pub fn new(kind: Arc<Kind>, actor: u8) -> Self {
        Self { actor: ActorId([actor; 16]), kind, docs: BTreeMap::new(), log: Vec::new() }
    }

    /// Edits the record, `minute` minutes after ten. What is written must be what everybody accepts.
    pub fn edit(&mut self, minute: Millis, edits: &[FieldEdit]) -> Vec<Sent> {
        let docs = self.docs.clone();
        let by_facet = path_edits(&self.kind, |facet| docs.get(&facet), edits).unwrap();
        let mut sent = Vec::new();
        for (facet, paths) in by_facet {
            let before = self.docs.entry(facet).or_default();
            let mut after = before.clone();
            let Some(written) = after.write(self.actor, TEN + minute * MINUTE, &paths) else { continue };
            let read = fence::inspect(&written.hash, &written.bytes).unwrap();
            assert_eq!(read, written.change);
            fence::check_beside(before, docs.get(&Facet::Main), &self.kind, facet, &read, pen(&self.actor)).unwrap();
            *before = after;
            sent.push(Sent { facet, hash: written.hash, body: written.bytes });
        }
        self.log.extend(sent.iter().cloned());
        sent
    }

    /// Receives a change through the fence.
    pub fn receive(&mut self, sent: &Sent) -> Result<(), Refusal> {
        let change = fence::inspect(&sent.hash, &sent.body)?;
        let main = self.docs.get(&Facet::Main).cloned();
        let doc = self.docs.entry(sent.facet).or_default();
        if doc.contains(&sent.hash) {
            return Err(Inadmissible::Duplicate.into());
        }
        let mut after = doc.clone();
        after.apply(&change, sent.hash, &texts_of(&self.kind))?;
        fence::check_beside(doc, main.as_ref(), &self.kind, sent.facet, &change, pen(&change.actor))?;
        *doc = after;
        self.log.push(sent.clone());
        Ok(())
    }

    pub fn row(&self, facet: Facet) -> Map<String, Json> {
        self.docs.get(&facet).map(|doc| merge::row(&self.kind, facet, doc)).unwrap_or_default()
    }

    /// What the main facet shows in a field; null when it shows nothing.
    pub fn shows(&self, field: &str) -> Json {
        self.row(Facet::Main).get(field).cloned().unwrap_or(Json::Null)
    }

    pub fn conflicts(&self) -> Vec<Conflict> {
        self.docs.iter().flat_map(|(facet, doc)| merge::conflicts(&self.kind, *facet, doc)).collect()
    }

    /// The values that people disagree about at a path, newest first.
    pub fn claims(&self, path: &str) -> Vec<Json> {
        let conflicts = self.conflicts();
        let found = conflicts.iter().find(|conflict| conflict.path == path);
        found.map(|conflict| conflict.claims.iter().map(|claim| claim.value.clone()).collect()).unwrap_or_default()
    }

    /// Automerge reads every facet as we do.
    pub fn agrees_with_automerge(&self) {
        for (facet, doc) in &self.docs {
            let bodies = self.log.iter().filter(|sent| sent.facet == *facet).map(|sent| sent.body.as_slice());
            reference::compare(doc, bodies, &texts_of(&self.kind)).unwrap();
        }
    }
}

fn pen(actor: &ActorId) -> Pen {
    if *actor == SERVER { Pen::Server } else { Pen::Device }
}

/// A built-in kind.
pub fn kind(name: &str) -> Arc<Kind> {
    Schema::builtin().kind(name).unwrap().clone()
}

/// Two phones that hold the same record, made by the first one at ten.
pub fn two_phones(kind: &Arc<Kind>, birth: &[FieldEdit]) -> (Phone, Phone) {
    let (mut ann, mut bo) = (Phone::new(kind.clone(), 0xa1), Phone::new(kind.clone(), 0xb0));
    ann.edit(0, birth);
    sync(&mut ann, &mut bo);
    (ann, bo)
}

/// The phones exchange what the other lacks; both then show the same, and so does automerge. Returns
/// what was refused.
pub fn sync(one: &mut Phone, other: &mut Phone) -> Vec<Refusal> {
    let mut refused = Vec::new();
    let logs = [one.log.clone(), other.log.clone()];
    for (from, to) in [(&logs[0], &mut *other), (&logs[1], &mut *one)] {
        for sent in from {
            match to.receive(sent) {
                Ok(()) | Err(Refusal::Inadmissible(Inadmissible::Duplicate)) => {}
                Err(refusal) => refused.push(refusal),
            }
        }
    }
    if refused.is_empty() {
        for facet in Facet::ALL {
            assert_eq!(one.row(facet), other.row(facet));
        }
        assert_eq!(one.conflicts(), other.conflicts());
    }
    one.agrees_with_automerge();
    other.agrees_with_automerge();
    refused
}

pub fn set(field: &str, value: impl Into<Json>) -> FieldEdit {
    FieldEdit::set(field, value)
}

pub fn add_to(field: &str, value: &str) -> FieldEdit {
    FieldEdit::Add { field: field.into(), value: value.into() }
}

pub fn remove_from(field: &str, value: &str) -> FieldEdit {
    FieldEdit::Remove { field: field.into(), value: value.into() }
}

pub fn set_row(field: &str, row: &str, values: Json) -> FieldEdit {
    FieldEdit::SetRow { field: field.into(), row: row.into(), values: object(values) }
}

pub fn remove_row(field: &str, row: &str) -> FieldEdit {
    FieldEdit::RemoveRow { field: field.into(), row: row.into() }
}

pub fn move_row(field: &str, row: &str, after: Option<&str>) -> FieldEdit {
    FieldEdit::MoveRow { field: field.into(), row: row.into(), after: after.map(str::to_owned) }
}

pub fn append(field: &str, item: &str, values: Json) -> FieldEdit {
    FieldEdit::Append { field: field.into(), item: item.into(), values: object(values) }
}

pub fn increment(field: &str, by: i64) -> FieldEdit {
    FieldEdit::Increment { field: field.into(), by }
}

pub fn splice(field: &str, at: usize, delete: usize, insert: &str) -> FieldEdit {
    FieldEdit::Splice { field: field.into(), at, delete, insert: insert.into() }
}

pub fn yuan(amount: i64) -> Json {
    json!({"amount": amount, "currency": "CNY"})
}

fn object(json: Json) -> Map<String, Json> {
    json.as_object().unwrap().clone()
}

/// Random numbers that are the same in every run (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Whether one in `odds` happens.
    pub fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
