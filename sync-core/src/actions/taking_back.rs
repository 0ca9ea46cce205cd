//! What taking changes back writes: what they have written goes back where nobody has changed it since.
//!
//! Nothing is erased: taking back is written as edits like any others, and the history keeps both. Never decides whose changes
//! these are, nor who may take them back.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value as Json};

use super::duplicates::{APART, FIELD};
use crate::id::{ChangeHash, Facet, KindName, RecordId};
use crate::merge;
use crate::record::Stored;
use crate::record::change::{Change, Op};
use crate::record::doc::Doc;
use crate::record::fields::{ARCHIVED, FieldEdit};
use crate::record::history::document;
use crate::record::path::{POSITION, Path, unescape};
use crate::record::text::genesis;
use crate::schema::{Field, Kind, Label, Merge};
use crate::value::Scalar;

/// Something that stays as the changes, or somebody since, have made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// The field; empty for the whole record.
    pub field: String,
    /// Why, for people.
    pub why: Label,
    /// Whether it is of a sort that never goes back; otherwise somebody has changed it since, or may not write it.
    pub for_good: bool,
}

/// The edits that take some changes of records of a kind back, to be written one after the other, and what stays as it is. Of
/// each record all changes are given, each after those it follows.
pub fn taking_back(kind: &Kind, changes: Vec<Stored>, mine: &HashSet<ChangeHash>) -> (Vec<(RecordId, Vec<FieldEdit>)>, Vec<Left>) {
    let mut by_record: HashMap<RecordId, Vec<Stored>> = HashMap::new();
    for stored in changes {
        by_record.entry(stored.record).or_default().push(stored);
    }
    let (mut plans, mut left) = (Vec::new(), Vec::new());
    for (record, changes) in by_record {
        let mut leave = |field: &str, why: Label| {
            let for_good = why == for_good(field);
            left.push(Left { record, kind: kind.name.clone(), field: field.to_owned(), why, for_good });
        };
        let is_mine = |stored: &&Stored| mine.contains(&stored.hash);
        let edits = if changes.first().as_ref().is_some_and(is_mine) {
            let (main, _) = document(kind, changes.iter().filter(|stored| stored.facet == Facet::Main));
            match changes.iter().all(|stored| mine.contains(&stored.hash) || is_mark(stored)) {
                _ if merge::is_archived(&main) => Vec::new(),
                true => vec![FieldEdit::archive()],
                false => {
                    leave("", changed_since());
                    Vec::new()
                }
            }
        } else {
            let of = |facet| changes.iter().filter(|stored| stored.facet == facet).cloned().collect::<Vec<_>>();
            let mut edits = Vec::new();
            for changes in Facet::ALL.map(of) {
                let former = Former::of(kind, &changes, mine);
                match former.was_forgotten() {
                    true => leave("", Label::new("what stood there before was forgotten", "此前的内容已被清除")),
                    false => edits.extend(former.edits(&mut leave)),
                }
            }
            edits
        };
        plans.extend(in_steps(kind, edits).into_iter().filter(|edits| !edits.is_empty()).map(|edits| (record, edits)));
    }
    plans.sort_by_key(|(record, _)| *record);
    (plans, left)
}

/// What has to be written before the rest: what is archived takes no other edit, and a field that is frozen takes one once what
/// freezes it has gone back.
fn in_steps(kind: &Kind, edits: Vec<FieldEdit>) -> [Vec<FieldEdit>; 3] {
    let (first, edits): (Vec<_>, Vec<_>) = edits.into_iter().partition(|edit| *edit == FieldEdit::restore());
    let freezes = |name: &str| kind.fields.iter().any(|field| field.frozen.as_ref().is_some_and(|frozen| *frozen.field == *name));
    let (second, rest) = edits.into_iter().partition(|edit| freezes(edit.field()));
    [first, second, rest]
}

/// Whether a change says nothing but which record another one is, or is not: what a merge writes into a record that it takes
/// nothing from.
fn is_mark(stored: &Stored) -> bool {
    let marks = |op: &Op| op.path().and_then(Path::parse).is_some_and(|path| [FIELD, APART].contains(&path.field));
    Change::read(&stored.body).is_ok_and(|change| !change.ops.is_empty() && change.ops.iter().all(marks))
}

fn changed_since() -> Label {
    Label::new("somebody has changed it since", "之后有人改过")
}

fn for_good(field: &str) -> Label {
    Label::new(format!("`{field}` never goes back"), format!("“{field}”不能回退"))
}

/// A document now, and as it was before the changes touched it.
struct Former<'a> {
    kind: &'a Kind,
    now: Doc,
    before: Doc,
    /// As it was right after the last of them.
    after: Doc,
    mine: &'a HashSet<ChangeHash>,
    changes: Vec<Change>,
}

impl<'a> Former<'a> {
    fn of(kind: &'a Kind, stored: &[Stored], mine: &'a HashSet<ChangeHash>) -> Self {
        let is_mine = |stored: &Stored| mine.contains(&stored.hash);
        let first = stored.iter().position(is_mine).unwrap_or(stored.len());
        let last = stored.iter().rposition(is_mine).map_or(0, |index| index + 1);
        let read = |stored: &Stored| is_mine(stored).then(|| Change::read(&stored.body).ok()).flatten();
        Self {
            kind,
            now: document(kind, stored).0,
            before: document(kind, &stored[..first]).0,
            after: document(kind, &stored[..last]).0,
            mine,
            changes: stored.iter().filter_map(read).collect(),
        }
    }

    /// Whether what stood before was forgotten: nobody knows what to put back.
    fn was_forgotten(&self) -> bool {
        self.changes.iter().any(|change| self.now.begins_with(change))
    }

    fn edits(&self, leave: &mut impl FnMut(&str, Label)) -> Vec<FieldEdit> {
        let paths: BTreeSet<&str> = self.changes.iter().flat_map(|change| &change.ops).filter_map(Op::path).collect();
        let mut edits = Vec::new();
        for path in paths {
            edits.extend(self.path(path, leave));
        }
        for field in self.kind.fields.iter().filter(|field| field.merge == Merge::Text) {
            edits.extend(self.text(field, leave));
        }
        edits
    }

    fn path(&self, path: &str, leave: &mut impl FnMut(&str, Label)) -> Option<FieldEdit> {
        if path == ARCHIVED {
            return self.shelf().unwrap_or_else(|why| {
                leave(ARCHIVED, why);
                None
            });
        }
        let parsed = Path::parse(path)?;
        let field = self.kind.field(parsed.field)?;
        let edit = match (&field.merge, parsed.key.map(unescape), parsed.item) {
            (Merge::Counter, ..) => self.counter(field, path),
            (Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Unknown(_), None, None) => self.value(field),
            (Merge::Set, Some(word), None) if field.items.is_empty() => self.element(field, path, word.into_owned()),
            (Merge::Set | Merge::List, Some(row), None) => self.row(field, path, row.into_owned()),
            (Merge::Set | Merge::List, Some(row), Some(item)) => self.item(field, path, row.into_owned(), item),
            (Merge::Log, ..) => Err(for_good(&field.name)),
            (Merge::Text | Merge::Derived, ..) => Ok(None),
            (Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Unknown(_) | Merge::Set | Merge::List, ..) => {
                Ok(None)
            }
        };
        edit.unwrap_or_else(|why| {
            leave(&field.name, why);
            None
        })
    }

    /// What was archived comes back, and the other way round.
    fn shelf(&self) -> Result<Option<FieldEdit>, Label> {
        let (was, is) = (merge::is_archived(&self.before), merge::is_archived(&self.now));
        match was == is {
            true => Ok(None),
            false if !self.is_untouched(ARCHIVED) => Err(changed_since()),
            false => Ok(Some(if was { FieldEdit::archive() } else { FieldEdit::restore() })),
        }
    }

    /// Whether what stands at a path is only what the changes have written.
    fn is_untouched(&self, path: &str) -> bool {
        let puts = self.now.values(path);
        let was_there = !self.after.values(path).is_empty();
        puts.is_empty() != was_there && puts.iter().all(|put| self.mine.contains(&self.now.node(put.node).hash))
    }

    fn value(&self, field: &Field) -> Result<Option<FieldEdit>, Label> {
        let (former, now) = (merge::shown(&self.before, field), merge::shown(&self.now, field));
        if former == now {
            return Ok(None);
        }
        if !self.is_untouched(&field.name) {
            return Err(changed_since());
        }
        match field.merge {
            Merge::Monotone | Merge::Assigned => Err(for_good(&field.name)),
            _ => Ok(Some(FieldEdit::set(&field.name, former.unwrap_or(Json::Null)))),
        }
    }

    fn element(&self, field: &Field, path: &str, value: String) -> Result<Option<FieldEdit>, Label> {
        let (was, is) = (!self.before.values(path).is_empty(), !self.now.values(path).is_empty());
        if was == is {
            return Ok(None);
        }
        if !self.is_untouched(path) {
            return Err(changed_since());
        }
        let field = field.name.to_string();
        Ok(Some(if was { FieldEdit::Add { field, value } } else { FieldEdit::Remove { field, value } }))
    }

    fn row(&self, field: &Field, path: &str, row: String) -> Result<Option<FieldEdit>, Label> {
        let (was, is) = (!self.before.values(path).is_empty(), !self.now.values(path).is_empty());
        if was == is {
            return Ok(None);
        }
        let items_untouched = || field.items.iter().all(|item| self.after_is_now(&format!("{path}/{}", item.name)));
        if !self.is_untouched(path) || !items_untouched() {
            return Err(changed_since());
        }
        let name = field.name.to_string();
        Ok(Some(match was {
            true => FieldEdit::SetRow { field: name, values: self.former_row(field, &row), row },
            false => FieldEdit::RemoveRow { field: name, row },
        }))
    }

    fn after_is_now(&self, path: &str) -> bool {
        let values = |doc: &Doc| doc.values(path).iter().map(|put| put.value.to_json().to_string()).collect::<BTreeSet<_>>();
        values(&self.after) == values(&self.now)
    }

    fn former_row(&self, field: &Field, row: &str) -> Map<String, Json> {
        let rows = merge::shown(&self.before, field);
        let found = rows.as_ref().and_then(Json::as_array).and_then(|rows| rows.iter().find(|one| one["id"] == row));
        let mut values = found.and_then(Json::as_object).cloned().unwrap_or_default();
        values.remove("id");
        values
    }

    fn item(&self, field: &Field, path: &str, row: String, item: &str) -> Result<Option<FieldEdit>, Label> {
        let marker = path.rsplit_once('/').map_or(path, |(marker, _)| marker);
        let lived = |doc: &Doc| !doc.values(marker).is_empty();
        // A row that came or went is taken back as a whole.
        if item == POSITION || !lived(&self.before) || !lived(&self.now) {
            return Ok(None);
        }
        let former = self.former_row(field, &row).remove(item).unwrap_or(Json::Null);
        if !self.is_untouched(path) {
            return if self.after_is_now(path) { Ok(None) } else { Err(changed_since()) };
        }
        Ok(Some(FieldEdit::SetRow { field: field.name.to_string(), row, values: Map::from_iter([(item.to_owned(), former)]) }))
    }

    /// What was added is subtracted, whatever others have added since.
    fn counter(&self, field: &Field, path: &str) -> Result<Option<FieldEdit>, Label> {
        let added = |op: &Op| match op {
            Op::Increment { path: other, by, .. } if **other == *path => *by,
            Op::Put { path: other, value: Scalar::Counter(start), .. } if **other == *path => *start,
            _ => 0,
        };
        let sum: i64 = self.changes.iter().flat_map(|change| &change.ops).map(added).sum();
        Ok((sum != 0).then(|| FieldEdit::Increment { field: field.name.to_string(), by: -sum }))
    }

    fn text(&self, field: &Field, leave: &mut impl FnMut(&str, Label)) -> Option<FieldEdit> {
        let maker = Some(genesis(&field.name).actor);
        let here = |change: &Change, op: &Op| matches!(op, Op::Insert { text, .. } | Op::Remove { text, .. } if change.actor_at(text.actor) == maker);
        if !self.changes.iter().any(|change| change.ops.iter().any(|op| here(change, op))) {
            return None;
        }
        let text = |doc: &Doc| doc.text(&field.name).unwrap_or_default();
        if text(&self.now) == text(&self.before) {
            return None;
        }
        if text(&self.now) != text(&self.after) {
            leave(&field.name, changed_since());
            return None;
        }
        Some(FieldEdit::set(&field.name, text(&self.before)))
    }
}
