//! From what a record has to what a row wants it to have, in as few edits as that takes.
//!
//! What is equal is not written: the history stays short, and taking an import back touches nothing else.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use sync_core::id::RecordId;
use sync_core::record::fields::{ARCHIVED, FieldEdit};
use sync_core::schema::{Field, Kind, Merge, ValueType};
use sync_core::value::canonical;

use super::draft::Draft;
use crate::jobs::cell;

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
fn objects(value: &Json) -> Vec<(Option<String>, Map<String, Json>)> {
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
        let same = |known: &Map<String, Json>, key: &String, value: &Json| match field.item(key) {
            Some(item) => is_same(item, known.get(key), value),
            None => known.get(key) == Some(value),
        };
        let contains = |(_, known): &&(Option<String>, Map<String, Json>)| values.iter().all(|(key, value)| same(known, key, value));
        let known = match id {
            Some(id) => old.iter().find(|(known, _)| known.as_ref() == Some(id)),
            None => old.iter().find(contains),
        };
        let row = id.clone().unwrap_or_else(|| id_of(record, field, values));
        match known {
            Some((_, known)) => {
                let mut changed: Map<String, Json> = values
                    .iter()
                    .filter(|(key, value)| !same(known, key, value))
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

/// The same row of the same record has the same id, however often it is brought in.
fn id_of(record: RecordId, field: &Field, values: &Map<String, Json>) -> String {
    let cause = format!("imported row {record} {} {}", field.name, canonical(&Json::Object(values.clone())));
    RecordId::of_cause(&cause).to_string()
}
