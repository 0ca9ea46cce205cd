//! What is written when two records become one: the survivor gets what it lacks, the other one is marked; and what goes back when
//! they are two again.
//!
//! Nothing is copied that could not be taken back: rows of lists, logs and counters stay where they are,
//! and what points at the duplicate goes on doing so. Never decides who survives: people do.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value as Json};

use super::country::Country;
use super::{APART, FIELD, normal};
use crate::actions::taking_back::taking_back;
use crate::id::{ChangeHash, DeviceId, Millis, RecordId, UserId};
use crate::record::Stored;
use crate::record::change::Change;
use crate::record::fields::FieldEdit;
use crate::record::path::child;
use crate::schema::{Field, Kind, Merge, ValueType};

/// Whose value of a field the survivor has afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its own.
    Own,
    /// The other record's.
    Other,
    /// Everything that either has.
    Both,
}

/// One of the two records.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Which.
    pub id: RecordId,
    /// What it shows.
    pub fields: &'a Map<String, Json>,
}

/// What people can choose for a field, the most sensible first; nothing where there is nothing to choose.
pub fn choices(field: &Field, own: Option<&Json>, other: Option<&Json>, home: Country) -> Vec<Keep> {
    let (own, other) = (own.filter(|value| is_something(value)), other.filter(|value| is_something(value)));
    if field.hidden || [FIELD, APART].contains(&&*field.name) || own == other {
        return Vec::new();
    }
    let Some(other) = other else { return Vec::new() };
    match &field.merge {
        // A no is kept, though it stays when the records are parted again.
        Merge::Monotone if *other == Json::Bool(true) => vec![Keep::Other, Keep::Own],
        Merge::Monotone => Vec::new(),
        Merge::Register | Merge::Visible => match own {
            Some(_) => vec![Keep::Own, Keep::Other],
            None => vec![Keep::Other, Keep::Own],
        },
        Merge::Set if missing(field, own, other, home).is_empty() => Vec::new(),
        Merge::Set | Merge::Text => vec![Keep::Both, Keep::Own],
        Merge::List | Merge::Log | Merge::Counter | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => Vec::new(),
    }
}

/// The edits of a merge: what the survivor is given, then the duplicate's mark. Of a field `keep` is told what can be chosen.
pub fn merging(
    (kind, home): (&Kind, Country),
    survivor: Side<'_>,
    duplicate: Side<'_>,
    keep: impl Fn(&Field, &[Keep]) -> Keep,
) -> Vec<(RecordId, Vec<FieldEdit>)> {
    let mut edits = Vec::new();
    for field in &kind.fields {
        let (own, other) = (survivor.fields.get(&*field.name), duplicate.fields.get(&*field.name));
        let possible = choices(field, own, other, home);
        let wanted = keep(field, &possible);
        if let Some(other) = other.filter(|_| possible.contains(&wanted)) {
            edits.extend(given((field, home), own, other, wanted));
        }
    }
    let mark = FieldEdit::Add { field: FIELD.to_owned(), value: survivor.id.to_string() };
    let mut all = vec![(duplicate.id, vec![mark])];
    if !edits.is_empty() {
        all.insert(0, (survivor.id, edits));
    }
    all
}

/// The edits that give back what a merge gave to the survivor, where nobody has changed it since: each of one field, to be written
/// one after the other. Of both records all changes, each after those it follows.
pub fn giving_back(kind: &Kind, duplicate: &[Stored], (survivor, changes): (RecordId, Vec<Stored>)) -> Vec<Vec<FieldEdit>> {
    let given = given_with_mark(duplicate, survivor, &changes);
    if given.is_empty() {
        return Vec::new();
    }
    let mut steps = Vec::new();
    for (_, edits) in taking_back(kind, changes, &given).0 {
        let fields: BTreeSet<&str> = edits.iter().map(FieldEdit::field).collect();
        let of = |name: &str| edits.iter().filter(|edit| edit.field() == name).cloned().collect();
        steps.extend(fields.into_iter().map(of));
    }
    steps
}

/// Which changes of a survivor were written with the duplicate's last mark, and so are of the same act; but a merge makes no record.
fn given_with_mark(duplicate: &[Stored], survivor: RecordId, changes: &[Stored]) -> HashSet<ChangeHash> {
    let path = child(FIELD, &survivor.to_string());
    let marks = |change: &&Stored| Change::read(&change.body).is_ok_and(|read| read.ops.iter().any(|op| op.path() == Some(&*path)));
    let Some(act) = duplicate.iter().rfind(marks).and_then(act_of) else { return HashSet::new() };
    changes.iter().skip(1).filter(|change| act_of(change) == Some(act)).map(|change| change.hash).collect()
}

/// What the changes of an act have in common, whatever records they are of: who, on which device, when.
fn act_of(change: &Stored) -> Option<(UserId, DeviceId, Millis)> {
    Some((change.user, change.device, Change::read(&change.body).ok()?.time))
}

fn given((field, home): (&Field, Country), own: Option<&Json>, other: &Json, keep: Keep) -> Vec<FieldEdit> {
    let name = field.name.to_string();
    match (keep, &field.merge) {
        (Keep::Own, _) => Vec::new(),
        (Keep::Both, Merge::Set) => missing(field, own, other, home),
        (Keep::Both, Merge::Text) => {
            let (own, other) = (own.and_then(Json::as_str).unwrap_or_default(), other.as_str().unwrap_or_default());
            let insert = if own.is_empty() { other.to_owned() } else { format!("\n\n{other}") };
            vec![FieldEdit::Splice { field: name, at: own.chars().count(), delete: 0, insert }]
        }
        (Keep::Other | Keep::Both, _) => vec![FieldEdit::Set { field: name, value: other.clone() }],
    }
}

/// The elements and rows of a set that only the other record has.
fn missing(field: &Field, own: Option<&Json>, other: &Json, home: Country) -> Vec<FieldEdit> {
    let own = own.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let others = other.as_array().map_or(&[][..], Vec::as_slice);
    if field.items.is_empty() {
        let only = others.iter().filter(|element| !own.contains(element)).filter_map(Json::as_str);
        return only.map(|value| FieldEdit::Add { field: field.name.to_string(), value: value.to_owned() }).collect();
    }
    let known: Vec<Vec<String>> = own.iter().map(|row| says(field, row, home)).collect();
    let only = others.iter().filter(|row| !known.contains(&says(field, row, home)));
    only.filter_map(|row| {
        let id = row.get("id").and_then(Json::as_str)?;
        // Flags such as "primary" are about the record that the row comes from.
        let is_kept = |item: &&Field| item.value != ValueType::Boolean;
        let values = field.items.iter().filter(is_kept).filter_map(|item| Some((item.name.to_string(), row.get(&*item.name)?.clone())));
        Some(FieldEdit::SetRow { field: field.name.to_string(), row: id.to_owned(), values: values.collect() })
    })
    .collect()
}

/// What makes a row another one: its required parts, numbers and addresses written one way.
fn says(field: &Field, row: &Json, home: Country) -> Vec<String> {
    let text = |item: &Field| {
        let value = row.get(&*item.name)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(match &item.value {
            ValueType::Phone => normal::phone(&text, home).unwrap_or(text),
            ValueType::Email => normal::email(&text).unwrap_or(text),
            ValueType::String
            | ValueType::Paragraph
            | ValueType::Integer
            | ValueType::Number
            | ValueType::Boolean
            | ValueType::Date
            | ValueType::Datetime
            | ValueType::Choice
            | ValueType::Link
            | ValueType::Url
            | ValueType::Money
            | ValueType::Address
            | ValueType::Period
            | ValueType::Geo
            | ValueType::Unknown(_) => text,
        })
    };
    let required = field.items.iter().filter(|item| item.required);
    required.map(|item| text(item).unwrap_or_default()).collect()
}

fn is_something(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(elements) => !elements.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn edits(own: Json, other: Json, keep: impl Fn(&Field) -> Option<Keep>) -> Vec<(RecordId, Vec<FieldEdit>)> {
        let kind = Schema::builtin().kind("party").unwrap();
        let (own, other) = (own.as_object().unwrap(), other.as_object().unwrap());
        let side = |name: &str, fields| Side { id: RecordId::of_cause(name), fields };
        merging((kind, Country::default()), side("survivor", own), side("duplicate", other), |field, possible| {
            keep(field).or_else(|| possible.first().copied()).unwrap_or(Keep::Own)
        })
    }

    #[test]
    fn the_survivor_gets_what_it_lacks_and_the_duplicate_a_mark() {
        let own = json!({"name": "佳美", "tags": ["vip"], "phones": [{"id": "a", "value": "13812345678", "primary": true}]});
        let other = json!({
            "name": "佳美办公", "industry": "print", "tags": ["vip", "fair"], "do_not_call": true,
            "phones": [{"id": "b", "value": "+86 138 1234 5678"}, {"id": "c", "value": "0755-88881234", "label": "office", "primary": true}],
        });
        let all = edits(own, other, |_| None);
        let survivor = RecordId::of_cause("survivor");
        let values = json!({"value": "0755-88881234", "label": "office"}).as_object().unwrap().clone();
        assert_eq!(
            all,
            [
                (
                    survivor,
                    vec![
                        FieldEdit::SetRow { field: "phones".into(), row: "c".into(), values },
                        FieldEdit::set("industry", "print"),
                        FieldEdit::Add { field: "tags".into(), value: "fair".into() },
                        FieldEdit::set("do_not_call", true),
                    ]
                ),
                (RecordId::of_cause("duplicate"), vec![FieldEdit::Add { field: FIELD.into(), value: survivor.to_string() }]),
            ]
        );
    }

    #[test]
    fn people_choose_field_by_field() {
        let own = json!({"name": "佳美", "notes": "a"});
        let other = json!({"name": "佳美办公", "notes": "b", "industry": "print"});
        let choose = |field: &Field| match &*field.name {
            "name" => Some(Keep::Other),
            "industry" => Some(Keep::Own),
            _ => None,
        };
        let all = edits(own, other, choose);
        let splice = FieldEdit::Splice { field: "notes".into(), at: 1, delete: 0, insert: "\n\nb".into() };
        assert_eq!(all[0].1, [FieldEdit::set("name", "佳美办公"), splice]);
    }

    #[test]
    fn two_that_say_the_same_need_only_the_mark() {
        let all = edits(json!({"name": "佳美", "source": "fair"}), json!({"name": "佳美", "source": ""}), |_| Some(Keep::Other));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].0, RecordId::of_cause("duplicate"));
    }
}
