//! Edits as people make them, field by field, turned into edits of paths.
//!
//! The one way from a form, an API call, an import or an app to a change. Checks every value against
//! its field, so that what a device writes is what the server accepts. Never decides who may edit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::change::{MAX_CHANGE_BYTES, MAX_CHANGE_OPS};
use super::doc::{Doc, Edit};
use super::path;
use super::valid::{self, BadValue};
use crate::id::{ActorId, Facet};
use crate::schema::reader::{nearest, nearest_zh};
use crate::schema::{Field, Kind, Label, Merge};
use crate::value::Scalar;

/// The reserved field that every kind has: archiving is how records are deleted.
pub const ARCHIVED: &str = "archived";

/// One edit of one field. As JSON: `{"op": "set", "field": "name", "value": "佳美"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldEdit {
    /// Writes a value: of a register, a text, a monotone value; a whole set of strings or links; `null` clears.
    Set {
        /// The field.
        field: String,
        /// Its new value.
        value: Json,
    },
    /// Adds an element to a set of strings or links.
    Add {
        /// The field.
        field: String,
        /// The element.
        value: String,
    },
    /// Removes an element from a set of strings or links.
    Remove {
        /// The field.
        field: String,
        /// The element.
        value: String,
    },
    /// Makes a row, or writes some of its sub-fields.
    SetRow {
        /// The field.
        field: String,
        /// The row's id, chosen by who makes it.
        row: String,
        /// Sub-fields to write; `null` clears one.
        values: Map<String, Json>,
    },
    /// Removes a row.
    RemoveRow {
        /// The field.
        field: String,
        /// The row's id.
        row: String,
    },
    /// Moves a row of a list behind another one, or to the front.
    MoveRow {
        /// The field.
        field: String,
        /// The row's id.
        row: String,
        /// The row it goes behind; `null` for the front.
        after: Option<String>,
    },
    /// Adds an item to a log. An item is never altered.
    Append {
        /// The field.
        field: String,
        /// The item's id, chosen by who makes it; ids sort by time.
        item: String,
        /// What it holds.
        values: Map<String, Json>,
    },
    /// Adds to a counter.
    Increment {
        /// The field.
        field: String,
        /// How much; negative to subtract.
        by: i64,
    },
    /// Replaces characters of a text; positions count Unicode scalar values.
    Splice {
        /// The field.
        field: String,
        /// Where.
        at: usize,
        /// How many characters go.
        delete: usize,
        /// What comes.
        insert: String,
    },
}

impl FieldEdit {
    /// The field it edits.
    pub fn field(&self) -> &str {
        match self {
            FieldEdit::Set { field, .. }
            | FieldEdit::Add { field, .. }
            | FieldEdit::Remove { field, .. }
            | FieldEdit::SetRow { field, .. }
            | FieldEdit::RemoveRow { field, .. }
            | FieldEdit::MoveRow { field, .. }
            | FieldEdit::Append { field, .. }
            | FieldEdit::Increment { field, .. }
            | FieldEdit::Splice { field, .. } => field,
        }
    }

    /// The texts that it writes or takes away, as far as each is a value of its own: ids of records are such.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            FieldEdit::Set { value: Json::Array(values), .. } => values.iter().filter_map(Json::as_str).collect(),
            FieldEdit::Set { value, .. } => value.as_str().into_iter().collect(),
            FieldEdit::Add { value, .. } | FieldEdit::Remove { value, .. } => vec![value],
            FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => values.values().filter_map(Json::as_str).collect(),
            FieldEdit::RemoveRow { .. } | FieldEdit::MoveRow { .. } | FieldEdit::Increment { .. } | FieldEdit::Splice { .. } => Vec::new(),
        }
    }

    /// Writes a value of a field.
    pub fn set(field: &str, value: impl Into<Json>) -> Self {
        FieldEdit::Set { field: field.to_owned(), value: value.into() }
    }

    /// Archives the record.
    pub fn archive() -> Self {
        Self::set(ARCHIVED, true)
    }

    /// Brings an archived record back.
    pub fn restore() -> Self {
        Self::set(ARCHIVED, false)
    }
}

/// An edit that does not fit its kind.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadEdit {
    /// The kind has no such field.
    #[error("kind `{kind}` has no field `{field}`{}", .meant.en)]
    UnknownField {
        /// The kind.
        kind: String,
        /// The field that was named.
        field: String,
        /// What follows on that: the field that was meant, or those that there are.
        meant: Box<Label>,
    },
    /// The field does not take this sort of edit.
    #[error("field `{field}` cannot be edited by `{op}`: {reason}")]
    WrongOp {
        /// The field.
        field: String,
        /// The edit's `op`.
        op: &'static str,
        /// What the field takes.
        reason: &'static str,
    },
    /// A value does not fit its field.
    #[error("field `{field}`: {problem}")]
    BadValue {
        /// The field, with the sub-field if it is one.
        field: String,
        /// What is wrong.
        problem: BadValue,
    },
}

impl BadEdit {
    /// The field concerned, with the sub-field if it is one.
    pub fn field(&self) -> &str {
        match self {
            BadEdit::UnknownField { field, .. } | BadEdit::WrongOp { field, .. } | BadEdit::BadValue { field, .. } => field,
        }
    }

    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            BadEdit::UnknownField { kind, field, meant } => format!("对象“{kind}”没有字段“{field}”{}", meant.zh),
            BadEdit::WrongOp { field, reason: COMPUTED, .. } => format!("字段“{field}”由系统计算，不能写入：请不要提交该字段"),
            BadEdit::WrongOp { field, op, .. } => format!("字段“{field}”不支持 {op} 操作"),
            BadEdit::BadValue { field, problem } => format!("字段“{field}”：{}", problem.message_zh()),
        }
    }
}

/// Turns field edits into edits of paths, one list for each facet that they touch: one change each. An
/// edit sees what those before it did. `doc` gives the record's documents as they are now; a facet that
/// was never written has none.
///
/// # Errors
/// [`BadEdit`] for the first edit that does not fit; nothing is to be written then.
pub fn path_edits<'a>(
    kind: &Kind,
    doc: impl Fn(Facet) -> Option<&'a Doc>,
    edits: &[FieldEdit],
) -> Result<BTreeMap<Facet, Vec<Edit>>, BadEdit> {
    let mut by_facet: BTreeMap<Facet, Vec<Edit>> = BTreeMap::new();
    let empty = Doc::default();
    let mut tried: BTreeMap<&str, Doc> = BTreeMap::new();
    for (index, edit) in edits.iter().enumerate() {
        if edit.field() == ARCHIVED {
            by_facet.entry(Facet::Main).or_default().extend(archive(edit)?);
            continue;
        }
        let unknown = || unknown(kind, edit.field());
        let field = kind.field(edit.field()).ok_or_else(unknown)?;
        let doc = doc(field.facet).unwrap_or(&empty);
        let new = of_field(field, tried.get(edit.field()).unwrap_or(doc), edit)?;
        if edits[index + 1..].iter().any(|later| later.field() == edit.field()) {
            let tried = tried.entry(edit.field()).or_insert_with(|| doc.clone());
            tried.write(NOBODY, 0, &new);
        }
        let list = by_facet.entry(field.facet).or_default();
        new.into_iter().for_each(|new| add(list, new));
    }
    by_facet.retain(|_, list| !list.is_empty());
    by_facet.values().try_for_each(|list| fits_one_change(list))?;
    Ok(by_facet)
}

/// The edits that make a record, with the defaults of its kind where they say nothing of a choice and `may_add` one to what
/// is there so far. What makes nothing still makes nothing, and who clears a choice means it.
pub fn with_defaults(kind: &Kind, edits: &[FieldEdit], may_add: impl Fn(&[FieldEdit], &FieldEdit) -> bool) -> Vec<FieldEdit> {
    let mut all = edits.to_vec();
    let is_open = |field: &&Field| !edits.iter().any(|edit| edit.field() == &*field.name);
    for field in kind.fields.iter().filter(|_| !edits.is_empty()).filter(is_open) {
        let default = field.usual().map(|default| FieldEdit::set(&field.name, default));
        let fits = default.filter(|default| may_add(&all, default));
        all.extend(fits);
    }
    all
}

/// That a kind has no field of this name, and which was probably meant.
pub fn unknown(kind: &Kind, field: &str) -> BadEdit {
    let names = || kind.fields.iter().filter(|field| !field.hidden).map(|field| &*field.name);
    let meant = Box::new(Label { en: nearest(field, names()), zh: nearest_zh(field, names()) });
    BadEdit::UnknownField { kind: kind.name.to_string(), field: field.to_owned(), meant }
}

/// Who writes what is only tried.
const NOBODY: ActorId = ActorId([0; 16]);

/// One change writes a path once: the last edit of it counts, increments are added up, and what is
/// deleted takes its sub-fields along.
fn add(list: &mut Vec<Edit>, mut new: Edit) {
    match &mut new {
        Edit::Put { path, .. } => list.retain(|old| old.path() != path),
        Edit::Delete { path } => {
            let below = format!("{path}/");
            list.retain(|old| old.path() != path && !old.path().starts_with(&below));
        }
        Edit::Increment { path, by } => list.retain(|old| match old {
            Edit::Increment { path: same, by: earlier } if same == path => {
                *by = by.saturating_add(*earlier);
                false
            }
            Edit::Put { .. } | Edit::Delete { .. } | Edit::Increment { .. } | Edit::Splice { .. } => true,
        }),
        Edit::Splice { .. } => {}
    }
    list.push(new);
}

/// What does not fit one change would be written and then refused everywhere.
fn fits_one_change(list: &[Edit]) -> Result<(), BadEdit> {
    /// What an operation takes besides its path and value, at most: ids of its own and of what it replaces.
    const REST: usize = 16;
    let (mut ops, mut bytes) = (0, 0);
    for edit in list {
        let (these, carried) = match edit {
            Edit::Put { path, value: Scalar::Text(text) } => (1, path.len() + text.len()),
            Edit::Put { path, .. } | Edit::Delete { path } | Edit::Increment { path, .. } => (1, path.len()),
            Edit::Splice { delete, insert, .. } => (delete + insert.chars().count(), insert.len()),
        };
        ops += these;
        bytes += carried + REST * these;
        let too_long = |chars, limit| bad(edit.path(), BadValue::TooLong { chars, limit });
        if ops > MAX_CHANGE_OPS {
            return Err(too_long(ops, MAX_CHANGE_OPS));
        }
        if bytes > MAX_CHANGE_BYTES {
            return Err(too_long(bytes, MAX_CHANGE_BYTES));
        }
    }
    Ok(())
}

fn archive(edit: &FieldEdit) -> Result<Vec<Edit>, BadEdit> {
    match edit {
        FieldEdit::Set { value: Json::Bool(put_away), .. } => Ok(vec![Edit::Put { path: ARCHIVED.into(), value: Scalar::Bool(*put_away) }]),
        _ => Err(wrong(ARCHIVED, edit, "only `set` to true, which archives, or to false, which brings back")),
    }
}

/// What whoever writes a computed field is told.
const COMPUTED: &str = "it is computed, never written: leave it out";

/// What is said of a value for a computed field that is not what is computed.
pub fn computed(field: &str) -> BadEdit {
    BadEdit::WrongOp { field: field.to_owned(), op: "set", reason: COMPUTED }
}

fn wrong(field: &str, edit: &FieldEdit, reason: &'static str) -> BadEdit {
    let op = match edit {
        FieldEdit::Set { .. } => "set",
        FieldEdit::Add { .. } => "add",
        FieldEdit::Remove { .. } => "remove",
        FieldEdit::SetRow { .. } => "set_row",
        FieldEdit::RemoveRow { .. } => "remove_row",
        FieldEdit::MoveRow { .. } => "move_row",
        FieldEdit::Append { .. } => "append",
        FieldEdit::Increment { .. } => "increment",
        FieldEdit::Splice { .. } => "splice",
    };
    BadEdit::WrongOp { field: field.to_owned(), op, reason }
}

fn of_field(field: &Field, doc: &Doc, edit: &FieldEdit) -> Result<Vec<Edit>, BadEdit> {
    let rows = !field.items.is_empty();
    match (&field.merge, edit) {
        (Merge::Unknown(_), FieldEdit::Set { .. }) if doc.values(&field.name).iter().any(|put| matches!(put.value, Scalar::Counter(_))) => {
            Err(wrong(&field.name, edit, "it counts in a way that this version does not know"))
        }
        (Merge::Register | Merge::Visible | Merge::Assigned | Merge::Unknown(_), FieldEdit::Set { value, .. }) => {
            Ok(vec![put(&field.name, field, &field.name, value)?])
        }
        (Merge::Monotone, FieldEdit::Set { value, .. }) => {
            let new = put(&field.name, field, &field.name, value)?;
            let rank = valid::rank(field, &Scalar::from_json(value));
            let goes_back = doc.values(&field.name).iter().any(|put| valid::rank(field, &put.value) > rank);
            if goes_back { Err(wrong(&field.name, edit, "it never goes back")) } else { Ok(vec![new]) }
        }
        (Merge::Set, FieldEdit::Set { value: Json::Array(wanted), .. }) if !rows => whole_set(field, doc, wanted),
        (Merge::Set, FieldEdit::Add { value, .. }) if !rows => {
            element(field, value)?;
            Ok(vec![Edit::Put { path: path::child(&field.name, value), value: Scalar::Bool(true) }])
        }
        (Merge::Set, FieldEdit::Remove { value, .. }) if !rows => Ok(vec![Edit::Delete { path: path::child(&field.name, value) }]),
        (Merge::Set | Merge::List, FieldEdit::SetRow { row, values, .. }) if rows => set_row(field, doc, row, values),
        (Merge::Set | Merge::List, FieldEdit::RemoveRow { row, .. }) if rows => {
            Ok(vec![Edit::Delete { path: path::child(&field.name, row) }])
        }
        (Merge::List, FieldEdit::MoveRow { row, after, .. }) => {
            let pos = super::list::position_after(doc, &field.name, row, after.as_deref());
            Ok(vec![Edit::Put { path: path::row_field(&field.name, row, path::POSITION), value: Scalar::Text(pos.into()) }])
        }
        (Merge::Log, FieldEdit::Append { item, values, .. }) => append(field, doc, item, values),
        (Merge::Counter, FieldEdit::Increment { by, .. }) => {
            valid::increment(*by).map_err(|problem| bad(&field.name, problem))?;
            Ok(vec![Edit::Increment { path: field.name.to_string(), by: *by }])
        }
        (Merge::Text, FieldEdit::Splice { at, delete, insert, .. }) => {
            // Clamped here, so that "all the rest" may be said with a large number.
            let shown = doc.text(&field.name).map_or(0, |text| text.chars().count());
            let at = (*at).min(shown);
            splice(field, doc, at, (*delete).min(shown - at), insert)
        }
        (Merge::Text, FieldEdit::Set { value, .. }) => whole_text(field, doc, value),
        (Merge::Derived, _) => Err(wrong(&field.name, edit, COMPUTED)),
        (Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Unknown(_), _) => {
            Err(wrong(&field.name, edit, "use `set`"))
        }
        (Merge::Set, _) if rows => Err(wrong(&field.name, edit, "use `set_row` and `remove_row`")),
        (Merge::Set, _) => Err(wrong(&field.name, edit, "use `add`, `remove`, or `set` with a list")),
        (Merge::List, _) => Err(wrong(&field.name, edit, "use `set_row`, `move_row` and `remove_row`")),
        (Merge::Log, _) => Err(wrong(&field.name, edit, "use `append`: items are never altered")),
        (Merge::Counter, _) => Err(wrong(&field.name, edit, "use `increment`")),
        (Merge::Text, _) => Err(wrong(&field.name, edit, "use `splice`, or `set` with the whole text")),
    }
}

fn bad(field: &str, problem: BadValue) -> BadEdit {
    BadEdit::BadValue { field: field.to_owned(), problem }
}

fn put(path: &str, field: &Field, shown: &str, value: &Json) -> Result<Edit, BadEdit> {
    valid::json(field, value).map_err(|problem| bad(shown, problem))?;
    Ok(Edit::Put { path: path.to_owned(), value: Scalar::from_json(value) })
}

fn element(field: &Field, value: &str) -> Result<(), BadEdit> {
    valid::element(field, value).map_err(|problem| bad(&field.name, problem))
}

fn whole_set(field: &Field, doc: &Doc, wanted: &[Json]) -> Result<Vec<Edit>, BadEdit> {
    let mut words = Vec::new();
    for value in wanted {
        let word = value.as_str().ok_or_else(|| bad(&field.name, BadValue::Type { expected: "a list of texts" }))?;
        element(field, word)?;
        words.push(path::escape(word));
    }
    let present: Vec<String> = doc.below(&field.name).map(|(key, _)| key.to_owned()).collect();
    let gone = present.iter().filter(|key| !words.contains(key)).map(|key| Edit::Delete { path: format!("{}/{key}", field.name) });
    let new = words.iter().filter(|key| !present.contains(key));
    Ok(gone.chain(new.map(|key| Edit::Put { path: format!("{}/{key}", field.name), value: Scalar::Bool(true) })).collect())
}

fn set_row(field: &Field, doc: &Doc, row: &str, values: &Map<String, Json>) -> Result<Vec<Edit>, BadEdit> {
    valid::row_id(row).map_err(|problem| bad(&field.name, problem))?;
    let marker = path::child(&field.name, row);
    let mut edits = Vec::new();
    if doc.values(&marker).is_empty() {
        edits.push(Edit::Put { path: marker, value: Scalar::Bool(true) });
        if field.merge == Merge::List {
            let pos = super::list::position_at_end(doc, &field.name);
            edits.push(Edit::Put { path: path::row_field(&field.name, row, path::POSITION), value: Scalar::Text(pos.into()) });
        }
    }
    for (name, value) in values {
        let shown = format!("{}.{name}", field.name);
        let item = field.item(name).ok_or_else(|| bad(&shown, BadValue::NoSuchItem))?;
        edits.push(put(&path::row_field(&field.name, row, name), item, &shown, value)?);
    }
    Ok(edits)
}

fn append(field: &Field, doc: &Doc, item: &str, values: &Map<String, Json>) -> Result<Vec<Edit>, BadEdit> {
    valid::row_id(item).map_err(|problem| bad(&field.name, problem))?;
    let path = path::child(&field.name, item);
    if !doc.values(&path).is_empty() {
        return Err(bad(&field.name, BadValue::ItemExists));
    }
    valid::item(field, values).map_err(|problem| bad(&field.name, problem))?;
    Ok(vec![Edit::Put { path, value: Scalar::from_json(&Json::Object(values.clone())) }])
}

/// The shortest splice that turns the text as it is into the wanted one.
fn whole_text(field: &Field, doc: &Doc, value: &Json) -> Result<Vec<Edit>, BadEdit> {
    let wanted = match value {
        Json::Null => "",
        Json::String(text) => text,
        _ => return Err(bad(&field.name, BadValue::Type { expected: "a text" })),
    };
    let old: Vec<char> = doc.text(&field.name).unwrap_or_default().chars().collect();
    let new: Vec<char> = wanted.chars().collect();
    let front = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let back = old[front..].iter().rev().zip(new[front..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (delete, insert) = (old.len() - front - back, new[front..new.len() - back].iter().collect::<String>());
    splice(field, doc, front, delete, &insert)
}

fn splice(field: &Field, doc: &Doc, at: usize, delete: usize, insert: &str) -> Result<Vec<Edit>, BadEdit> {
    valid::text_length(insert, doc.text_elements(&field.name)).map_err(|problem| bad(&field.name, problem))?;
    if delete == 0 && insert.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Edit::Splice { path: field.name.to_string(), at, delete, insert: insert.to_owned() }])
}
