//! From what a record has to what a row wants it to have, in as few edits as that takes.
//!
//! What is equal is not written: the history stays short, and taking an import back touches nothing else.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use sync_core::id::RecordId;
use sync_core::record::fields::{ARCHIVED, FieldEdit};
use sync_core::schema::{Field, Kind, Label, Merge, ValueType};
use sync_core::value::canonical;

use super::draft::Draft;
use crate::jobs::cell::{self, label};

/// Characters of a text that one change takes; longer texts go in with several.
const TEXT_CHUNK_CHARS: usize = 4_000;

/// The edits of a record, one list for each change. `current` is its row over all facets; empty for a new one.
pub fn edits(kind: &Kind, record: RecordId, current: &Map<String, Json>, draft: &Draft) -> Vec<Vec<FieldEdit>> {
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for (index, value) in &draft.values {
        let field = &kind.fields[*index];
        let old = current.get(&*field.name);
        let longer = old.and_then(Json::as_str).zip(value.as_str()).filter(|_| draft.lines.contains(index));
        let longer = longer.map(|(old, line)| Json::from(cell::with_line(line, old)));
        let value = longer.as_ref().unwrap_or(value);
        if is_same(field, old, value) {
            continue;
        }
        if let (Merge::Text, Json::String(text)) = (&field.merge, value) {
            let mut chunks = chunks(field, text).into_iter();
            first.extend(chunks.next());
            later.extend(chunks.map(|chunk| vec![chunk]));
            continue;
        }
        first.extend(of_field(field, record, old, value));
    }
    let mut all = vec![first];
    all.append(&mut later);
    if draft.archived && current.get(ARCHIVED) != Some(&Json::Bool(true)) {
        all.last_mut().expect("there is a first list").push(FieldEdit::archive());
    }
    all.retain(|edits| !edits.is_empty());
    all
}

/// Whether a value is what is there already. Blanks around a number or an address say nothing: cells come without them.
fn is_same(field: &Field, old: Option<&Json>, value: &Json) -> bool {
    let is_line = field.items.is_empty() && matches!(field.value, ValueType::Phone | ValueType::Email | ValueType::Url);
    let texts = old.and_then(Json::as_str).zip(value.as_str()).filter(|_| is_line);
    old == Some(value) || texts.is_some_and(|(old, value)| old.trim() == value.trim())
}

fn chunks(field: &Field, text: &str) -> Vec<FieldEdit> {
    let characters: Vec<char> = text.chars().collect();
    let mut chunks = characters.chunks(TEXT_CHUNK_CHARS).map(|chunk| chunk.iter().collect::<String>());
    let mut edits = vec![FieldEdit::set(&field.name, chunks.next().unwrap_or_default())];
    let splice =
        |(index, insert)| FieldEdit::Splice { field: field.name.to_string(), at: (index + 1) * TEXT_CHUNK_CHARS, delete: 0, insert };
    edits.extend(chunks.enumerate().map(splice));
    edits
}

fn of_field(field: &Field, record: RecordId, old: Option<&Json>, value: &Json) -> Vec<FieldEdit> {
    match &field.merge {
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Unknown(_) | Merge::Text => {
            vec![FieldEdit::set(&field.name, value.clone())]
        }
        Merge::Set if field.items.is_empty() => elements(field, old, value),
        Merge::Set | Merge::List => rows(field, record, old, value),
        Merge::Log => items(field, record, old, value),
        Merge::Counter => {
            let by = value.as_i64().unwrap_or_default().saturating_sub(old.and_then(Json::as_i64).unwrap_or_default());
            vec![FieldEdit::Increment { field: field.name.to_string(), by }]
        }
        // Refused by the mapping; in JSON our own export says it, and it is computed again.
        Merge::Derived => Vec::new(),
    }
}

/// Only what comes and what goes is written: an old element that nobody would be let write today may stay.
fn elements(field: &Field, old: Option<&Json>, value: &Json) -> Vec<FieldEdit> {
    let words =
        |json: &Json| -> Option<BTreeSet<String>> { json.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect() };
    let Some(new) = words(value) else { return vec![FieldEdit::set(&field.name, value.clone())] };
    let old = old.and_then(words).unwrap_or_default();
    let name = || field.name.to_string();
    let come = new.difference(&old).map(|value| FieldEdit::Add { field: name(), value: value.clone() });
    let go = old.difference(&new).map(|value| FieldEdit::Remove { field: name(), value: value.clone() });
    come.chain(go).collect()
}

/// The objects of an array, each with its id taken out.
fn objects(value: &Json) -> Vec<Row> {
    let object = |json: &Json| {
        let mut values = json.as_object().cloned().unwrap_or_default();
        let id = values.remove("id").and_then(|id| id.as_str().map(str::to_owned));
        (id, values)
    };
    value.as_array().into_iter().flatten().map(object).collect()
}

/// Rows with ids are all there is afterwards; rows without are added unless one like them is there.
fn rows(field: &Field, record: RecordId, old: Option<&Json>, value: &Json) -> Vec<FieldEdit> {
    let (old, new) = (old.map(objects).unwrap_or_default(), objects(value));
    let name = || field.name.to_string();
    let mut edits = Vec::new();
    for (id, values) in &new {
        let contains = |(_, known): &&Row| values.iter().all(|(key, value)| same(field, known, key, value));
        let known = match id {
            Some(id) => old.iter().find(|(known, _)| known.as_ref() == Some(id)),
            None if field.key.is_empty() => old.iter().find(contains),
            None => {
                let fits = meant(field, &old, values);
                fits.iter().copied().find(|row| contains(row)).or_else(|| fits.first().copied())
            }
        };
        let known_id = known.and_then(|(id, _)| id.clone()).filter(|_| id.is_none());
        let row = id.clone().or(known_id).unwrap_or_else(|| free_id(record, field, values, &old));
        match known {
            Some((_, known)) => {
                let mut changed: Map<String, Json> = values
                    .iter()
                    .filter(|(key, value)| !same(field, known, key, value))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                if id.is_some() {
                    changed.extend(known.keys().filter(|key| !values.contains_key(*key)).map(|key| (key.clone(), Json::Null)));
                }
                if !changed.is_empty() {
                    edits.push(FieldEdit::SetRow { field: name(), row, values: changed });
                }
            }
            None => edits.push(FieldEdit::SetRow { field: name(), row, values: values.clone() }),
        }
    }
    if new.iter().all(|(id, _)| id.is_some()) {
        let gone = old.iter().filter_map(|(id, _)| id.as_ref()).filter(|id| !new.iter().any(|(kept, _)| kept.as_ref() == Some(*id)));
        edits.extend(gone.map(|row| FieldEdit::RemoveRow { field: name(), row: row.clone() }));
    }
    edits
}

type Row = (Option<String>, Map<String, Json>);

/// Whether a row says a value at a place, however it is written.
fn same(field: &Field, known: &Map<String, Json>, key: &String, value: &Json) -> bool {
    match field.item(key) {
        Some(item) => is_same(item, known.get(key), value),
        None => known.get(key) == Some(value),
    }
}

/// The rows that say the same where the field's key tells rows apart: several where the row of the file says too little, and
/// none where there is no key.
fn meant<'r>(field: &Field, old: &'r [Row], values: &Map<String, Json>) -> Vec<&'r Row> {
    if field.key.is_empty() {
        return Vec::new();
    }
    let parts: Vec<&Field> = field.key.iter().filter_map(|name| field.item(name)).collect();
    let agrees = |part: &&Field, known: &Map<String, Json>| match (said(part, values), said(part, known)) {
        (None, _) => true,
        (new, old) => new == old,
    };
    let fits: Vec<&Row> = old.iter().filter(|(_, known)| parts.iter().all(|part| agrees(part, known))).collect();
    // Of several, the one that says no more than the file does is meant.
    let plain = |row: &&&Row| parts.iter().all(|part| said(part, &row.1) == said(part, values));
    let exact: Vec<&Row> = fits.iter().filter(plain).copied().collect();
    if exact.len() == 1 { exact } else { fits }
}

/// What a part says by which rows are told apart: of an amount its currency, of a period its begin, and of no number none.
fn said(part: &Field, row: &Map<String, Json>) -> Option<Json> {
    let value = row.get(&*part.name).filter(|value| !value.is_null());
    match part.value {
        ValueType::Money => value?.get("currency").cloned(),
        ValueType::Period => value?.get("start").cloned(),
        ValueType::Integer | ValueType::Number => Some(Json::from(value.and_then(Json::as_f64).unwrap_or_default())),
        _ => Some(value?.as_str().map_or_else(|| value.cloned().unwrap_or_default(), |text| text.trim().to_lowercase().into())),
    }
}

/// What is wrong with rows that are told apart by a key: one that may mean several rows of the record, or two that mean one.
pub fn unclear(kind: &Kind, current: &Map<String, Json>, draft: &Draft) -> Vec<Label> {
    let mut found = Vec::new();
    for (field, value) in draft.values.iter().map(|(index, value)| (&kind.fields[*index], value)).filter(|(field, _)| !field.key.is_empty())
    {
        let old = current.get(&*field.name).map(objects).unwrap_or_default();
        let mut before: Vec<(Meant, Map<String, Json>)> = Vec::new();
        for (_, values) in objects(value).into_iter().filter(|(id, _)| id.is_none()) {
            let fits = meant(field, &old, &values);
            let is_there = fits.iter().any(|(_, known)| values.iter().all(|(key, value)| same(field, known, key, value)));
            if fits.len() > 1 && !is_there {
                found.push(of_key(
                    field,
                    ("several rows of “{}” fit: say more of {}, or remove all but one", "“{}”中有多行符合：请补充{}，或只保留一行"),
                ));
            }
            let means = match fits.first() {
                Some((id, _)) => Meant::Row(id.clone()),
                None => Meant::Key(field.key.iter().map(|name| said(field.item(name)?, &values)).collect()),
            };
            if before.iter().any(|(other, known)| *other == means && *known != values) {
                found.push(of_key(
                    field,
                    ("two rows of “{}” mean the same one: tell them apart by {}", "“{}”中有两行指同一行：请用{}加以区分"),
                ));
            }
            before.push((means, values));
        }
    }
    found
}

/// The row that another one means: one that is there, or a new one with a key.
#[derive(PartialEq)]
enum Meant {
    Row(Option<String>),
    Key(Vec<Option<Json>>),
}

/// A sentence about a field and the parts of its key.
fn of_key(field: &Field, (en, zh): (&str, &str)) -> Label {
    let parts: Vec<&Field> = field.key.iter().filter_map(|name| field.item(name)).collect();
    let names = |text: fn(&Label) -> &str, between: &str| parts.iter().map(|part| text(&part.label)).collect::<Vec<_>>().join(between);
    let fill = |text: &str, field: &str, names: String| text.replacen("{}", field, 1).replacen("{}", &names, 1);
    label(fill(en, &field.label.en, names(|one| &one.en, ", ")), fill(zh, &field.label.zh, names(|one| &one.zh, "、")))
}

fn items(field: &Field, record: RecordId, old: Option<&Json>, value: &Json) -> Vec<FieldEdit> {
    let old = old.map(objects).unwrap_or_default();
    let mut edits = Vec::new();
    for (id, values) in objects(value) {
        let id = id.unwrap_or_else(|| id_of(record, field, &values));
        // One with the same id and other content is refused when it is written: items are never altered.
        if !old.iter().any(|(known, content)| known.as_ref() == Some(&id) && *content == values) {
            edits.push(FieldEdit::Append { field: field.name.to_string(), item: id, values });
        }
    }
    edits
}

/// The id of a row that is none of those there. One that was brought in under its key and says another key by now keeps its id.
fn free_id(record: RecordId, field: &Field, values: &Map<String, Json>, old: &[Row]) -> String {
    let first = id_of(record, field, values);
    let is_taken = |row: &String| !field.key.is_empty() && old.iter().any(|(known, _)| known.as_ref() == Some(row));
    let next = |row: &String| Some(RecordId::of_cause(&format!("beside {row}")).to_string());
    std::iter::successors(Some(first.clone()), next).find(|row| !is_taken(row)).unwrap_or(first)
}

/// The same row of the same record has the same id, however often it is brought in: one that is told by its key whatever else
/// it says.
fn id_of(record: RecordId, field: &Field, values: &Map<String, Json>) -> String {
    let by_key: Map<String, Json> =
        field.key.iter().filter_map(|name| Some((name.to_string(), said(field.item(name)?, values)?))).collect();
    let told = if by_key.is_empty() { values.clone() } else { by_key };
    let cause = format!("imported row {record} {} {}", field.name, canonical(&Json::Object(told)));
    RecordId::of_cause(&cause).to_string()
}
