//! Finds records by what they have in a field: for links, and for rows that match a record. Only what whoever imports may see.
//!
//! Read once for each field and kept for the run: a million records take about 100 MB.

use std::collections::{HashMap, HashSet};

use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::schema::Kind;

use crate::store::scope::Scope;
use crate::store::{Result, Tx, aliases, imports};
use crate::writing::values_at;

/// What a value leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// One record.
    One(RecordId),
    /// The one that stands for the record that has the value.
    Behind(RecordId),
    /// Several: nobody can say which is meant.
    Several(u32),
}

/// The records of some kinds by the text of some of their fields.
#[derive(Debug, Default)]
pub struct Directory {
    by_field: HashMap<(KindName, String), HashMap<String, Found>>,
}

impl Directory {
    /// Reads a kind's values of some fields, unless they were read before.
    pub async fn read(&mut self, tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, kind: &Kind, fields: &[&str]) -> Result<()> {
        let key = (kind.name.clone(), fields.join(" "));
        if self.by_field.contains_key(&key) {
            return Ok(());
        }
        // A record has several keys where rows of it have several values.
        let mut joined: HashMap<RecordId, Vec<Vec<String>>> = HashMap::new();
        for (index, name) in fields.iter().enumerate() {
            let (whole, part) = name.split_once('.').unwrap_or((name, ""));
            let Some(field) = kind.field(whole) else { continue };
            for (record, value) in imports::values_of(tx, workspace, scope, &kind.name, (field.facet, whole)).await? {
                let values = if part.is_empty() { vec![value] } else { texts_in(&value, part) };
                let known = if index == 0 { vec![Vec::new()] } else { joined.remove(&record).unwrap_or_default() };
                joined.insert(record, longer(known, index, &values));
            }
        }
        let mut found = HashMap::with_capacity(joined.len());
        let standing = aliases::standing(tx, workspace, scope, &kind.name).await?;
        // No row says nothing: a record without one of the values matches none, and is found as one without it.
        let known = joined.into_iter().flat_map(|(record, all)| all.into_iter().map(move |values| (record, values)));
        let known = known.filter(|(_, values)| !values.is_empty()).map(|(record, mut values)| {
            values.resize(fields.len(), String::new());
            (record, values)
        });
        let (behind, itself): (Vec<_>, Vec<_>) = known.partition(|(record, _)| standing.contains_key(record));
        for (record, values) in itself {
            add(&mut found, key_of(&values), Found::One(record));
        }
        // What a record has itself is meant before what one has that was merged into another.
        let behind = behind.into_iter().map(|(record, values)| (key_of(&values), standing[&record]));
        for (key, survivor) in behind.filter(|(key, _)| !found.contains_key(key)).collect::<Vec<_>>() {
            add(&mut found, key, Found::Behind(survivor));
        }
        self.by_field.insert(key, found);
        Ok(())
    }

    /// Takes what the records of a kind are also known by, which is no field of theirs.
    pub fn put(&mut self, kind: &KindName, name: &str, known: impl IntoIterator<Item = (String, RecordId)>) {
        let found = known.into_iter().map(|(value, record)| (value, Found::One(record))).collect();
        self.by_field.insert((kind.clone(), name.to_owned()), found);
    }

    /// What a value leads to.
    pub fn find(&self, kind: &KindName, fields: &[&str], value: &str) -> Option<Found> {
        self.by_field.get(&(kind.clone(), fields.join(" ")))?.get(value).copied()
    }

    /// By which fields records of a kind are looked up.
    pub fn looked_up_by(&self, kind: &KindName) -> Vec<Vec<String>> {
        let of_kind = self.by_field.keys().filter(|(known, _)| known == kind);
        of_kind.map(|(_, fields)| fields.split(' ').map(str::to_owned).collect()).collect()
    }

    /// The fields of a kind by which records are looked up, alone or together.
    pub fn fields_of(&self, kind: &KindName) -> HashSet<String> {
        self.looked_up_by(kind).into_iter().flatten().collect()
    }

    /// Notes a record that was just made.
    pub fn note(&mut self, kind: &KindName, fields: &[&str], value: String, record: RecordId) {
        if let Some(found) = self.by_field.get_mut(&(kind.clone(), fields.join(" "))) {
            add(found, value, Found::One(record));
        }
    }
}

/// What rows have in a part of theirs, from their JSON.
fn texts_in(rows: &str, part: &str) -> Vec<String> {
    serde_json::from_str(rows).map(|rows| values_at(&rows, part)).unwrap_or_default()
}

/// Each of the keys that has its values so far, with each of the values behind it.
fn longer(known: Vec<Vec<String>>, index: usize, values: &[String]) -> Vec<Vec<String>> {
    let with = |key: Vec<String>| match key.len() == index && !values.is_empty() {
        true => values.iter().map(|value| [&key[..], std::slice::from_ref(value)].concat()).collect(),
        false => vec![key],
    };
    known.into_iter().flat_map(with).collect()
}

/// Several values as one key; a unit separator is in no cell that a person typed.
pub fn key_of(values: &[String]) -> String {
    values.join("\u{1f}")
}

fn add(found: &mut HashMap<String, Found>, value: String, new: Found) {
    let several = |old: &mut Found| match old {
        Found::Several(count) => *count += 1,
        old if *old == new => {}
        Found::One(_) | Found::Behind(_) => *old = Found::Several(2),
    };
    found.entry(value).and_modify(several).or_insert(new);
}
