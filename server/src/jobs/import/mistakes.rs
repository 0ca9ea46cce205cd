//! All that is wrong with the edits of a row, so that nobody corrects a file once for each mistake. Never writes.

use serde_json::{Map, Value as Json};
use sync_core::record::authored;
use sync_core::record::fields::{BadEdit, FieldEdit, path_edits};
use sync_core::schema::{Kind, Label};

use super::reasons::reason_in;
use crate::intake::NotEdited;
use crate::jobs::cell::label;

/// What stands against changes of a record that has `before`, in the words that people see.
pub(super) fn mistakes(kind: &Kind, before: &Map<String, Json>, changes: &[Vec<FieldEdit>]) -> Vec<Label> {
    let mut found: Vec<BadEdit> = Vec::new();
    for edits in changes {
        found.extend(unfit(kind, edits));
        found.extend(authored::mistakes(kind, before, edits));
    }
    let mut told: Vec<Label> = Vec::new();
    for reason in found.into_iter().map(|bad| reason_in(kind, &NotEdited::BadEdit(bad))) {
        if !told.contains(&reason) {
            told.push(reason);
        }
    }
    told
}

/// Each edit that does not fit its field; of rows each part.
fn unfit(kind: &Kind, edits: &[FieldEdit]) -> Vec<BadEdit> {
    let Err(whole) = path_edits(kind, |_| None, edits) else { return Vec::new() };
    let alone = |edit: FieldEdit| path_edits(kind, |_| None, std::slice::from_ref(&edit)).err();
    let each: Vec<BadEdit> = edits.iter().flat_map(parts).filter_map(alone).collect();
    // What fits by itself may still be too much for one change.
    if each.is_empty() { vec![whole] } else { each }
}

/// An edit of a row as one for each part.
fn parts(edit: &FieldEdit) -> Vec<FieldEdit> {
    let one = |(name, value): (&String, &Json)| Map::from_iter([(name.clone(), value.clone())]);
    match edit {
        FieldEdit::SetRow { field, row, values } if !values.is_empty() => {
            let part = |value| FieldEdit::SetRow { field: field.clone(), row: row.clone(), values: one(value) };
            values.iter().map(part).collect()
        }
        FieldEdit::Append { field, item, values } if !values.is_empty() => {
            let part = |value| FieldEdit::Append { field: field.clone(), item: item.clone(), values: one(value) };
            values.iter().map(part).collect()
        }
        _ => vec![edit.clone()],
    }
}

/// Several reasons as one.
pub(super) fn joined(reasons: &[Label]) -> Label {
    let texts = |text: fn(&Label) -> &str, between: &str| reasons.iter().map(text).collect::<Vec<_>>().join(between);
    label(texts(|reason| reason.en.as_str(), "; "), texts(|reason| reason.zh.as_str(), "；"))
}
