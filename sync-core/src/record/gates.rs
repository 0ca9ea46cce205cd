//! What a record must have before it comes into a state, and whether it has.
//!
//! An author who puts a record into a state is held to it, on the phone as on the server. Where edits meet that nobody could
//! have known of, the record stands in its state without the fact: nothing is refused then, and `unmet_of` says so.

use serde_json::{Map, Value as Json};

use super::fields::{BadEdit, FieldEdit};
use super::valid::BadValue;
use crate::schema::{Choice, Field, Kind, Label, Merge, Need};

/// What a field has, by its name.
type Facts<'f> = &'f dyn Fn(&str) -> Option<Json>;

/// The needs of the state that a choice is in which a record does not meet.
pub fn unmet<'k>(field: &'k Field, state: &str, facts: Facts<'_>) -> Vec<&'k Need> {
    let needs = field.option(state).map(|option| &option.needs[..]).unwrap_or_default();
    needs.iter().filter(|need| !is_met(need, facts(&need.field).as_ref())).collect()
}

/// All needs of a record's states which it does not meet, with the choice and the state they belong to.
pub fn unmet_of<'k>(kind: &'k Kind, row: &'k Map<String, Json>) -> Vec<(&'k Field, &'k str, Vec<&'k Need>)> {
    let facts = |name: &str| row.get(name).cloned();
    let of = |field: &'k Field| {
        let state = row.get(&*field.name)?.as_str()?;
        Some((field, state, unmet(field, state, &facts)))
    };
    kind.fields.iter().filter(|field| !field.hidden).filter_map(of).filter(|(.., needs)| !needs.is_empty()).collect()
}

fn is_met(need: &Need, value: Option<&Json>) -> bool {
    let says = |value: &Json| need.is.as_ref().map_or_else(|| is_said(value), |is| value.as_str() == Some(is));
    match (&need.part, value) {
        (_, None) => false,
        (Some(part), Some(Json::Array(rows))) => rows.iter().filter_map(|row| row.get(&**part)).any(says),
        (None, Some(Json::Array(elements))) if need.is.is_some() => elements.iter().any(says),
        (_, Some(value)) => says(value),
    }
}

/// Whether a value says anything.
pub fn is_said(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::String(text) => !text.trim().is_empty(),
        Json::Array(elements) => !elements.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
    }
}

/// The fields that a state asks for and a record does not say.
pub fn unsaid<'k>(kind: &'k Kind, option: &Choice, row: &Map<String, Json>) -> Vec<&'k Field> {
    let asked = option.asks.iter().filter_map(|name| kind.field(name));
    asked.filter(|field| !field.hidden && !row.get(&*field.name).is_some_and(is_said)).collect()
}

/// What stands against putting a record into the states that edits choose. `before` is what it has.
pub(super) fn mistakes(kind: &Kind, before: &Map<String, Json>, edits: &[FieldEdit]) -> Vec<BadEdit> {
    let facts = |name: &str| kind.field(name).and_then(|field| after(before, field, edits));
    let mut found = Vec::new();
    for (field, option) in moves(kind, before, edits) {
        let lacking = unmet(field, &option.value, &facts);
        if !lacking.is_empty() {
            let labels: Vec<Label> = lacking.iter().map(|need| need.label(kind)).collect();
            let problem = BadValue::Unmet { state: Box::new(option.label.clone()), lacking: labels };
            found.push(BadEdit::BadValue { field: field.name.to_string(), problem });
        }
    }
    found
}

/// The states that edits put a record into: who writes what stands already moves nothing.
pub(crate) fn moves<'k>(kind: &'k Kind, before: &Map<String, Json>, edits: &[FieldEdit]) -> Vec<(&'k Field, &'k Choice)> {
    let is_moved = |field: &Field, state: &str| before.get(&*field.name).and_then(Json::as_str) != Some(state);
    let moved = chosen(kind, edits).into_iter().filter(|(field, state)| is_moved(field, state));
    moved.filter_map(|(field, state)| Some((field, field.option(state)?))).collect()
}

/// The fields that [`mistakes`] and [`moves`] look at besides what edits write.
pub(super) fn beside<'k>(kind: &'k Kind, edits: &[FieldEdit]) -> Vec<&'k Field> {
    let mut beside = Vec::new();
    for (field, state) in chosen(kind, edits) {
        let Some(option) = field.option(state).filter(|option| !option.needs.is_empty() || !option.tasks.is_empty()) else { continue };
        beside.push(field);
        beside.extend(kind.owner.as_ref().and_then(|owner| kind.field(owner)));
        beside.extend(option.needs.iter().filter_map(|need| kind.field(&need.field)));
    }
    beside
}

/// The states that edits choose: of each choice the last one.
fn chosen<'k, 'e>(kind: &'k Kind, edits: &'e [FieldEdit]) -> Vec<(&'k Field, &'e str)> {
    let state = |field: &'k Field| {
        let value = edits.iter().rev().find_map(|edit| match edit {
            FieldEdit::Set { field: name, value } if *name == *field.name => value.as_str(),
            _ => None,
        })?;
        Some((field, value))
    };
    kind.fields.iter().filter(|field| !field.options.is_empty() && field.merge != Merge::Set).filter_map(state).collect()
}

/// What a field has once edits are written.
fn after(before: &Map<String, Json>, field: &Field, edits: &[FieldEdit]) -> Option<Json> {
    let mut value = before.get(&*field.name).cloned();
    for edit in edits.iter().filter(|edit| edit.field() == &*field.name) {
        match edit {
            FieldEdit::Set { value: set, .. } => value = Some(set.clone()),
            FieldEdit::Splice { insert, .. } if !insert.is_empty() => value = Some(Json::from(insert.as_str())),
            FieldEdit::Increment { .. } => value = value.or(Some(Json::from(0))),
            FieldEdit::Add { value: element, .. } => rows(&mut value).push(Json::from(element.as_str())),
            FieldEdit::Remove { value: element, .. } => rows(&mut value).retain(|known| known.as_str() != Some(element)),
            FieldEdit::RemoveRow { row, .. } => rows(&mut value).retain(|known| known["id"] != **row),
            FieldEdit::SetRow { row, values, .. } | FieldEdit::Append { item: row, values, .. } => write_row(rows(&mut value), row, values),
            FieldEdit::MoveRow { .. } | FieldEdit::Splice { .. } => {}
        }
    }
    value
}

fn rows(value: &mut Option<Json>) -> &mut Vec<Json> {
    if !matches!(value, Some(Json::Array(_))) {
        *value = Some(Json::Array(Vec::new()));
    }
    match value {
        Some(Json::Array(rows)) => rows,
        _ => unreachable!("it was made one"),
    }
}

fn write_row(rows: &mut Vec<Json>, row: &str, values: &Map<String, Json>) {
    let at = rows.iter().position(|known| known["id"] == *row).unwrap_or_else(|| {
        rows.push(Json::Object(Map::from_iter([("id".to_owned(), Json::from(row))])));
        rows.len() - 1
    });
    if let Some(Json::Object(known)) = rows.get_mut(at) {
        known.extend(values.clone());
    }
}
