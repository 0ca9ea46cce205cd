//! What would become of a row: made, changed field by field, or left as it is. Never writes.

use serde_json::{Map, Value as Json};
use sync_core::id::RecordId;
use sync_core::projection;
use sync_core::record::fields::{ARCHIVED, FieldEdit};
use sync_core::schema::{Field, Kind};

use super::draft::Draft;
use super::edits::edits;

/// What happens to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// It is made.
    New,
    /// It is changed.
    Changed,
    /// It says so already.
    Unchanged,
}

/// What would become of a row of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The row's line in the file.
    pub line: u64,
    /// The record.
    pub record: RecordId,
    /// What happens to it.
    pub becomes: Becomes,
    /// The fields that are written, and what is computed from them.
    pub fields: Vec<Difference>,
}

/// What happens to a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field, or that the record is archived.
    pub field: String,
    /// What stands there.
    pub old: Option<Json>,
    /// What would.
    pub new: Option<Json>,
}

/// What changes make of a record, field by field.
pub(super) fn differences(kind: &Kind, record: RecordId, before: &Map<String, Json>, changes: &[Vec<FieldEdit>]) -> Vec<Difference> {
    let known = kind.fields.iter().enumerate().filter_map(|(index, field)| Some((index, before.get(&*field.name)?.clone())));
    let as_it_is = edits(kind, record, &Map::new(), &Draft { values: known.collect(), ..Draft::default() });
    let after = projection::made(kind, &as_it_is.iter().chain(changes).flatten().cloned().collect::<Vec<_>>());
    let is_written = |name: &str| changes.iter().flatten().any(|edit| edit.field() == name);
    // What was once chosen, and when, nothing here knows.
    let is_foreseen = |field: &Field| field.computed().is_some_and(|formula| !formula.looks_back());
    let of_fields = kind.fields.iter().filter(|field| is_written(&field.name) || is_foreseen(field)).map(|field| &*field.name);
    let difference = |name: &str| {
        let (old, new) = (before.get(name).cloned(), after.get(name).cloned());
        (old != new).then(|| Difference { field: name.to_owned(), old, new })
    };
    let archived = is_written(ARCHIVED).then(|| Difference { field: ARCHIVED.to_owned(), old: None, new: Some(Json::Bool(true)) });
    of_fields.filter_map(difference).chain(archived).collect()
}

impl Preview {
    /// A line for a terminal, with fields as programs call them.
    pub fn told(&self, kind: &str) -> String {
        let line = self.line;
        let text = |value: &Option<Json>| value.as_ref().map_or_else(|| "nothing".to_owned(), Json::to_string);
        let field = |one: &Difference| match (self.becomes, &one.old) {
            (Becomes::New, _) => format!("{}: {}", one.field, text(&one.new)),
            _ => format!("{}: {} -> {}", one.field, text(&one.old), text(&one.new)),
        };
        let fields = self.fields.iter().map(field).collect::<Vec<_>>().join(", ");
        match self.becomes {
            Becomes::New => format!("line {line}: new {kind} with {fields}"),
            Becomes::Changed => format!("line {line}: changed {kind} {}: {fields}", self.record),
            Becomes::Unchanged => format!("line {line}: unchanged {kind} {}", self.record),
        }
    }
}
