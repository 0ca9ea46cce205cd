//! What a change wanted to do, as the field edits that a person made.
//!
//! For drafts: a refused change is kept as edits that can be amended and sent again. Never writes a change.

use serde_json::{Map, Value as Json};

use super::change::{Change, Op};
use super::doc::{Doc, OpId};
use super::fields::{ARCHIVED, FieldEdit};
use super::history::{Stored, seen_by, texts_of};
use super::path::{POSITION, Path, unescape};
use super::{list, text::genesis};
use crate::id::{ChangeHash, Facet};
use crate::schema::{Field, Kind, Merge};
use crate::value::Scalar;

/// The field edits that a change consists of. `before` is the record as its author saw it, `after` the
/// same with the change applied. Paths that the kind does not know are left out.
pub fn field_edits(kind: &Kind, before: &Doc, after: &Doc, change: &Change) -> Vec<FieldEdit> {
    let mut reader = Reader { kind, after, edits: Vec::new() };
    for op in &change.ops {
        match op {
            Op::Put { path, value, .. } => reader.put(path, value),
            Op::Delete { path, .. } => reader.delete(path),
            Op::Increment { path, by, .. } => reader.edits.push(FieldEdit::Increment { field: path.to_string(), by: *by }),
            Op::MakeText { .. } | Op::Insert { .. } | Op::Remove { .. } => {}
        }
    }
    for field in kind.fields.iter().filter(|field| field.merge == Merge::Text) {
        reader.edits.extend(splices(field, before, change));
    }
    reader.edits
}

/// What a change wanted to write that is not in its record: `changes` are the record's, each after its parents.
pub fn wanted(kind: &Kind, facet: Facet, change: &Change, hash: ChangeHash, changes: &[Stored]) -> Vec<FieldEdit> {
    let earlier: Vec<Stored> = changes.iter().filter(|stored| stored.facet == facet).cloned().collect();
    let before = seen_by(kind, change, &earlier);
    field_edits(kind, &before, &with(kind, &before, change, hash), change)
}

/// A document with a change on top. One that does not fit its history is still read as far as its own operations go.
pub fn with(kind: &Kind, before: &Doc, change: &Change, hash: ChangeHash) -> Doc {
    let mut after = before.clone();
    if after.apply(change, hash, &texts_of(kind)).is_err() {
        return before.clone();
    }
    after
}

struct Reader<'a> {
    kind: &'a Kind,
    after: &'a Doc,
    edits: Vec<FieldEdit>,
}

impl Reader<'_> {
    fn put(&mut self, path: &str, value: &Scalar) {
        if path == ARCHIVED {
            self.edits.push(FieldEdit::set(ARCHIVED, *value == Scalar::Bool(true)));
            return;
        }
        let kind = self.kind;
        let Some((parsed, field)) = Path::parse(path).and_then(|parsed| Some((kind.field(parsed.field)?, parsed))).map(|(f, p)| (p, f))
        else {
            return;
        };
        let name = field.name.to_string();
        match (&field.merge, parsed.key.map(|key| unescape(key).into_owned()), parsed.item) {
            (Merge::Counter, ..) => {
                let Scalar::Counter(by) = value else { return };
                self.edits.push(FieldEdit::Increment { field: name, by: *by });
            }
            (Merge::Log, Some(item), None) => {
                self.edits.push(FieldEdit::Append { field: name, item, values: value.to_object().unwrap_or_default() });
            }
            (Merge::Set, Some(element), None) if field.items.is_empty() => {
                self.edits.push(FieldEdit::Add { field: name, value: element });
            }
            (Merge::Set | Merge::List, Some(row), None) => {
                self.row(&name, row);
            }
            (Merge::List, Some(row), Some(POSITION)) => self.moved(name, row),
            (Merge::Set | Merge::List, Some(row), Some(item)) => {
                let json = field.item(item).map_or_else(|| value.to_json(), |item| json_of(item, value));
                self.row(&name, row).insert(item.to_owned(), json);
            }
            (Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Unknown(_), None, None) => {
                self.edits.push(FieldEdit::Set { field: name, value: json_of(field, value) });
            }
            (
                Merge::Register
                | Merge::Visible
                | Merge::Monotone
                | Merge::Assigned
                | Merge::Unknown(_)
                | Merge::Set
                | Merge::List
                | Merge::Log
                | Merge::Text
                | Merge::Derived,
                ..,
            ) => {}
        }
    }

    fn delete(&mut self, path: &str) {
        let Some(parsed) = Path::parse(path) else { return };
        let (Some(field), Some(key), None) = (self.kind.field(parsed.field), parsed.key.map(|key| unescape(key).into_owned()), parsed.item)
        else {
            return;
        };
        let name = field.name.to_string();
        self.edits.push(match field.items.is_empty() {
            true => FieldEdit::Remove { field: name, value: key },
            false => FieldEdit::RemoveRow { field: name, row: key },
        });
    }

    /// The values of the row edit for a row, a new edit unless there is one.
    fn row(&mut self, name: &str, id: String) -> &mut Map<String, Json> {
        let same = |edit: &FieldEdit| matches!(edit, FieldEdit::SetRow { field, row, .. } if field == name && *row == id);
        let index = self.edits.iter().position(same).unwrap_or_else(|| {
            self.edits.push(FieldEdit::SetRow { field: name.to_owned(), row: id, values: Map::new() });
            self.edits.len() - 1
        });
        match &mut self.edits[index] {
            FieldEdit::SetRow { values, .. } => values,
            _ => unreachable!("the index is that of a row edit"),
        }
    }

    fn moved(&mut self, name: String, id: String) {
        let rows = list::rows(self.after, &name);
        let stands = rows.iter().position(|(_, row)| unescape(row) == id);
        let after = stands.and_then(|index| index.checked_sub(1)).map(|index| unescape(rows[index].1).into_owned());
        self.edits.push(FieldEdit::MoveRow { field: name, row: id, after });
    }
}

fn json_of(field: &Field, value: &Scalar) -> Json {
    match value {
        value if field.value.is_group() => value.to_object().map_or_else(|| value.to_json(), Json::Object),
        value => value.to_json(),
    }
}

/// A text's inserted and removed characters, as splices that follow each other.
fn splices(field: &Field, before: &Doc, change: &Change) -> Vec<FieldEdit> {
    let maker = genesis(&field.name).actor;
    let id_of = |id: OpId| (before.actors[id.actor as usize], id.counter);
    let mut shown: Vec<_> = before
        .texts
        .get(field.name.as_str())
        .map(|text| text.elements.iter().map(|element| (id_of(element.id), element.removed)).collect())
        .unwrap_or_default();
    let mut steps: Vec<(usize, usize, String)> = Vec::new();
    for (counter, op) in change.numbered() {
        let named = |reference: super::change::OpRef| change.actor_at(reference.actor).map(|actor| (actor, reference.counter));
        match op {
            Op::Insert { text, after, characters } if change.actor_at(text.actor) == Some(maker) => {
                let index =
                    after.and_then(named).and_then(|after| shown.iter().position(|(id, _)| *id == after)).map_or(0, |index| index + 1);
                let at = shown[..index].iter().filter(|(_, removed)| !removed).count();
                let typed = (counter..).zip(characters.chars()).map(|(counter, _)| ((change.actor, counter), false));
                drop(shown.splice(index..index, typed));
                match steps.last_mut() {
                    Some((start, _, typed)) if *start + typed.chars().count() == at => typed.push_str(characters),
                    _ => steps.push((at, 0, characters.clone())),
                }
            }
            Op::Remove { text, element } if change.actor_at(text.actor) == Some(maker) => {
                let Some(index) = named(*element).and_then(|element| shown.iter().position(|(id, _)| *id == element)) else { continue };
                if std::mem::replace(&mut shown[index].1, true) {
                    continue;
                }
                let at = shown[..index].iter().filter(|(_, removed)| !removed).count();
                match steps.last_mut() {
                    Some((start, count, typed)) if *start == at && typed.is_empty() => *count += 1,
                    _ => steps.push((at, 1, String::new())),
                }
            }
            _ => {}
        }
    }
    let edit = |(at, delete, insert)| FieldEdit::Splice { field: field.name.to_string(), at, delete, insert };
    steps.into_iter().map(edit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ActorId, Facet};
    use crate::record::fields::path_edits;
    use crate::schema::Schema;

    fn write(kind: &Kind, doc: &Doc, edits: &[FieldEdit]) -> (Doc, Change) {
        let paths = path_edits(kind, |_| Some(doc), edits).unwrap();
        let mut after = doc.clone();
        let written = after.write(ActorId([3; 16]), 1_700_000_000_000, &paths[&Facet::Main]).unwrap();
        (after, written.change)
    }

    #[test]
    fn a_change_reads_back_as_the_edits_it_was_made_of() {
        let kind = Schema::builtin().kind("party").unwrap();
        let values =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), Json::from(*value))).collect::<Map<_, _>>();
        let edits = vec![
            FieldEdit::set("name", "佳美"),
            FieldEdit::Add { field: "tags".into(), value: "a/b".into() },
            FieldEdit::SetRow { field: "phones".into(), row: "r1".into(), values: values(&[("label", "Office"), ("value", "+86 10 1")]) },
            FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "call back".into() },
        ];
        let (doc, change) = write(kind, &Doc::default(), &edits);
        assert_eq!(field_edits(kind, &Doc::default(), &doc, &change), edits);
        let later = vec![
            FieldEdit::Remove { field: "tags".into(), value: "a/b".into() },
            FieldEdit::RemoveRow { field: "phones".into(), row: "r1".into() },
            FieldEdit::archive(),
            FieldEdit::Splice { field: "notes".into(), at: 0, delete: 4, insert: "ring".into() },
        ];
        let (after, change) = write(kind, &doc, &later);
        assert_eq!(field_edits(kind, &doc, &after, &change), later);
    }
}
