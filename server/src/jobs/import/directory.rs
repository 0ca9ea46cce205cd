//! Finds records by what they have in a field: for links, and for rows that match a record. Only what whoever imports may see.
//!
//! Read once for each field and kept for the run: a million records take about 100 MB.

use std::collections::{HashMap, HashSet};

use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::likely::TAX_ID;
use sync_core::actions::duplicates::{can_merge, normal};
use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::schema::{Field, Kind, Merge, ValueType};

use super::draft::LOGIN;
use crate::store::scope::Scope;
use crate::store::{Result, Tx, aliases, imports, people};
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

/// The records of some kinds by the text of some of their fields, each way of writing one as the same.
#[derive(Debug, Default)]
pub struct Directory {
    /// The country whose numbers are written without its code.
    pub home: Country,
    by_field: HashMap<(KindName, String), Known>,
}

/// What leads to the records of a kind.
#[derive(Debug, Default)]
struct Known {
    /// The field that each part of a key is a value of.
    leaves: Vec<Option<Field>>,
    /// Where numbers without a country are.
    home: Country,
    found: HashMap<String, Found>,
}

impl Known {
    /// A key as it is written here.
    fn key(&self, value: &str) -> String {
        let leaves = self.leaves.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let parts = value.split(BETWEEN).zip(leaves);
        key_of(&parts.map(|(text, leaf)| leaf.map_or_else(|| text.to_owned(), |leaf| compared(leaf, text, self.home))).collect::<Vec<_>>())
    }

    fn add(&mut self, value: &str, new: Found) {
        let several = |old: &mut Found| match old {
            Found::Several(count) => *count += 1,
            old if *old == new => {}
            Found::One(_) | Found::Behind(_) => *old = Found::Several(2),
        };
        self.found.entry(self.key(value)).and_modify(several).or_insert(new);
    }
}

/// A value as it is compared with others: numbers, addresses of mail and of the web, and tax ids as duplicates are told by.
pub fn compared(field: &Field, text: &str, home: Country) -> String {
    let normal = match field.value {
        ValueType::Phone => normal::phone(text, home),
        ValueType::Email => normal::email(text),
        ValueType::Url => normal::domain(text),
        ValueType::String if *field.name == *TAX_ID => normal::tax_id(text),
        _ => None,
    };
    normal.unwrap_or_else(|| text.to_owned())
}

/// The fields that rows of a kind are matched by, if nobody says by what: those that it names, or else, where duplicates are
/// told, its tax id, an e-mail address, a web address, whichever comes first and the file has.
pub fn usual_matches(kind: &Kind, has: &dyn Fn(&str) -> bool) -> Vec<String> {
    let named: Vec<String> = kind.matches.iter().map(ToString::to_string).filter(|name| has(name)).collect();
    if named.is_empty() && has_keyed_rows(kind, has) {
        // Lines of a price list are about products that are there, by the number that they were given or by what they are called.
        let numbered = kind.fields.iter().filter(|field| field.merge == Merge::Assigned && !field.hidden).map(|field| &field.name);
        return numbered.chain([&kind.title]).find(|name| has(name)).map(ToString::to_string).into_iter().collect();
    }
    if !named.is_empty() || !can_merge(kind) {
        return named;
    }
    let leaves: Vec<(String, &ValueType)> = kind
        .fields
        .iter()
        .flat_map(|field| match field.items.is_empty() {
            true => vec![(field.name.to_string(), &field.value)],
            false => field.items.iter().map(|item| (format!("{}.{}", field.name, item.name), &item.value)).collect(),
        })
        .filter(|(name, _)| has(name))
        .collect();
    let first =
        |fits: &dyn Fn(&str, &ValueType) -> bool| leaves.iter().find(|(name, value)| fits(name, value)).map(|(name, _)| name.clone());
    let found = first(&|name, _| name == TAX_ID);
    let found = found.or_else(|| first(&|_, value| *value == ValueType::Email)).or_else(|| first(&|_, value| *value == ValueType::Url));
    found.into_iter().collect()
}

/// Whether a file has rows that are told apart by a key.
fn has_keyed_rows(kind: &Kind, has: &dyn Fn(&str) -> bool) -> bool {
    let is_told = |field: &Field| field.key.iter().any(|name| has(&format!("{}.{name}", field.name)));
    kind.fields.iter().any(is_told)
}

impl Directory {
    /// Of nothing yet, for a workspace in this country.
    pub fn of(home: Country) -> Self {
        Self { home, ..Self::default() }
    }

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
        let leaf = |name: &&str| match name.split_once('.') {
            Some((whole, part)) => kind.field(whole).and_then(|field| field.item(part)).cloned(),
            None => kind.field(name).cloned(),
        };
        let mut all = Known { leaves: fields.iter().map(leaf).collect(), home: self.home, found: HashMap::with_capacity(joined.len()) };
        let standing = aliases::standing(tx, workspace, scope, &kind.name).await?;
        // No row says nothing: a record without one of the values matches none, and is found as one without it.
        let known = joined.into_iter().flat_map(|(record, all)| all.into_iter().map(move |values| (record, values)));
        let known = known.filter(|(_, values)| !values.is_empty()).map(|(record, mut values)| {
            values.resize(fields.len(), String::new());
            (record, values)
        });
        let (behind, itself): (Vec<_>, Vec<_>) = known.partition(|(record, _)| standing.contains_key(record));
        for (record, values) in itself {
            all.add(&key_of(&values), Found::One(record));
        }
        // What a record has itself is meant before what one has that was merged into another.
        let behind = behind.into_iter().map(|(record, values)| (key_of(&values), standing[&record]));
        for (key, survivor) in behind.filter(|(key, _)| !all.found.contains_key(&all.key(key))).collect::<Vec<_>>() {
            all.add(&key, Found::Behind(survivor));
        }
        self.by_field.insert(key, all);
        Ok(())
    }

    /// Takes what colleagues are known by besides their names: their logins, and the e-mail addresses of those who may sign in.
    pub async fn read_colleagues(&mut self, tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, kind: &Kind) -> Result<()> {
        let users = people::users(tx, workspace).await?.into_iter().filter(|user| user.disabled_at.is_none());
        let logins: HashMap<RecordId, String> = users.map(|user| (RecordId(user.user.0), user.login)).collect();
        let mut all = Known::default();
        if let Some(field) = kind.fields.iter().find(|field| field.value == ValueType::Email) {
            let addresses = imports::values_of(tx, workspace, scope, &kind.name, (field.facet, &field.name)).await?;
            let active = addresses.into_iter().filter(|(record, _)| logins.contains_key(record));
            active.for_each(|(record, address)| all.add(&compared(field, &address, self.home), Found::One(record)));
        }
        logins.into_iter().for_each(|(record, login)| all.add(&login, Found::One(record)));
        self.by_field.insert((kind.name.clone(), LOGIN.to_owned()), all);
        Ok(())
    }

    /// What a value leads to.
    pub fn find(&self, kind: &KindName, fields: &[&str], value: &str) -> Option<Found> {
        let known = self.by_field.get(&(kind.clone(), fields.join(" ")))?;
        known.found.get(&known.key(value)).copied()
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
        if let Some(known) = self.by_field.get_mut(&(kind.clone(), fields.join(" "))) {
            known.add(&value, Found::One(record));
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

/// Stands between the values of a key: in no cell that a person typed.
const BETWEEN: &str = "\u{1f}";

/// Several values as one key.
pub fn key_of(values: &[String]) -> String {
    values.join(BETWEEN)
}
