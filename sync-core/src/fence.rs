//! The admission fence: what every change from outside passes, on the server and on the device.
//!
//! Two steps, cheap and safe first. [`inspect`] looks at the bytes alone: size, form, hash, time.
//! [`check`] looks at each operation and the field it names: is it a sort of edit that the field
//! takes, does the value fit, may it still change. Whether the change fits the record's history is
//! `Doc::apply`'s to say, and who may do what is `access`'s. Nothing here, and nothing after it, hands
//! outside bytes to automerge.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use crate::id::{ChangeHash, Facet, Millis};
use crate::merge;
use crate::planted::{Bug, is_planted};
use crate::protocol::code;
use crate::record::change::{Change, Malformed, Op};
use crate::record::doc::{Doc, Inadmissible, Put};
use crate::record::fields::ARCHIVED;
use crate::record::list;
use crate::record::path::{POSITION, Path, escape, unescape};
use crate::record::text::genesis;
use crate::record::valid::{self, BadValue};
use crate::schema::{Field, Kind, Merge};
use crate::value::Scalar;

/// Changes dated before this (2000-01-01) or after [`LATEST`] are no edits by people.
pub const EARLIEST: Millis = 946_684_800_000;
/// 2100-01-01.
pub const LATEST: Millis = 4_102_444_800_000;

/// Whose pen wrote a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pen {
    /// A device's.
    Device,
    /// The server's own: it may assign what only the server assigns.
    Server,
}

/// Why a change is not admitted. Nothing was touched.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not an admissible change.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is dated outside of 2000 to 2100.
    #[error("the change is dated outside of 2000 to 2100")]
    Time,
    /// It does not fit the record's history.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// The kind has no such field in this facet.
    #[error("kind `{kind}` has no field `{path}` in its {facet} facet")]
    UnknownField {
        /// The kind.
        kind: String,
        /// The path that was named.
        path: String,
        /// The facet it was sent for.
        facet: Facet,
    },
    /// The field does not take this sort of edit.
    #[error("field `{field}` does not take this edit: {reason}")]
    WrongOp {
        /// The field.
        field: String,
        /// What the field takes.
        reason: &'static str,
    },
    /// A value does not fit its field.
    #[error("field `{field}`: {problem}")]
    BadValue {
        /// The field.
        field: String,
        /// What is wrong.
        problem: BadValue,
    },
    /// The field may not change any more.
    #[error("field `{field}` is frozen while `{by}` is `{value}`")]
    Frozen {
        /// The field.
        field: String,
        /// The field that decides.
        by: String,
        /// What it says.
        value: String,
    },
}

impl Refusal {
    /// The stable code for it, of [`code`].
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Malformed(_) | Refusal::Time => code::MALFORMED,
            Refusal::Inadmissible(_) => code::INADMISSIBLE,
            Refusal::UnknownField { .. } => code::UNKNOWN_FIELD,
            Refusal::WrongOp { .. } | Refusal::BadValue { .. } => code::BAD_VALUE,
            Refusal::Frozen { .. } => code::FROZEN,
        }
    }

    /// The field concerned, if it is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Refusal::Malformed(_) | Refusal::Time | Refusal::Inadmissible(_) => None,
            Refusal::UnknownField { path, .. } => Some(path),
            Refusal::WrongOp { field, .. } | Refusal::BadValue { field, .. } | Refusal::Frozen { field, .. } => Some(field),
        }
    }

    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            Refusal::Malformed(_) => "数据格式不正确，未被接受".to_owned(),
            Refusal::Time => "修改时间不在 2000 年至 2100 年之间".to_owned(),
            Refusal::Inadmissible(_) => "与该记录的历史不一致，未被接受".to_owned(),
            Refusal::UnknownField { kind, path, .. } => format!("对象“{kind}”没有字段“{path}”"),
            Refusal::WrongOp { field, .. } => format!("字段“{field}”不支持这种修改"),
            Refusal::BadValue { field, .. } => format!("字段“{field}”的值不符合要求"),
            Refusal::Frozen { field, by, value } => format!("“{by}”为“{value}”时，字段“{field}”不能再修改"),
        }
    }
}

/// Looks at the bytes of a change: size, form, claimed hash, time.
///
/// # Errors
/// [`Refusal`] for everything that is not exactly what we write ourselves.
pub fn inspect(claimed: &ChangeHash, body: &[u8]) -> Result<Change, Refusal> {
    let (change, hash) = if is_planted(Bug::SkipRoundTrip) {
        let change = Change::read(body)?;
        (change, ChangeHash(hash_of(body)))
    } else {
        Change::parse(body)?
    };
    if hash != *claimed {
        return Err(Malformed::WrongHash.into());
    }
    if !(EARLIEST..LATEST).contains(&change.time) {
        return Err(Refusal::Time);
    }
    Ok(change)
}

/// The hash of the bytes as they are, right or wrong.
fn hash_of(body: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(body.get(8..).unwrap_or_default()).into()
}

/// Looks at each operation and the field it names. `doc` is the facet as it is before the change.
///
/// # Errors
/// The first [`Refusal`].
pub fn check(doc: &Doc, kind: &Kind, facet: Facet, change: &Change, pen: Pen) -> Result<(), Refusal> {
    check_beside(doc, None, kind, facet, change, pen)
}

/// As [`check`], for a facet besides main: `main` is the record's main facet, which may say that fields
/// of this one are frozen.
///
/// # Errors
/// The first [`Refusal`].
pub fn check_beside(doc: &Doc, main: Option<&Doc>, kind: &Kind, facet: Facet, change: &Change, pen: Pen) -> Result<(), Refusal> {
    // Whose field decides is frozen by its own facet, or by main.
    let deciding = |path: &str| {
        let field = kind.field(path.split('/').next().unwrap_or_default());
        let decider = field.and_then(|field| field.frozen.as_ref()).and_then(|frozen| kind.field(&frozen.field));
        main.filter(|_| decider.is_some_and(|decider| decider.facet != facet)).unwrap_or(doc)
    };
    let made_rows = made_rows(change);
    let mut texts_seen = HashSet::new();
    for op in &change.ops {
        match op {
            Op::Put { path, value, pred } => {
                let target = Target::of(kind, facet, path)?;
                target.not_frozen(deciding(path), kind)?;
                let replaced: Vec<&Put> = doc.named(change, path, pred).collect();
                target.takes_put(doc, value, &replaced, &made_rows, pen)?;
            }
            Op::Delete { path, .. } => {
                let target = Target::of(kind, facet, path)?;
                target.not_frozen(deciding(path), kind)?;
                target.takes_delete()?;
            }
            Op::Increment { path, by, .. } => {
                let target = Target::of(kind, facet, path)?;
                target.not_frozen(deciding(path), kind)?;
                target.is_merged_by(&Merge::Counter, "it is no counter")?;
                valid::increment(*by).map_err(|problem| target.bad(problem))?;
            }
            Op::MakeText { path } => return Err(Target::of(kind, facet, path)?.wrong("texts make themselves")),
            Op::Insert { text, .. } | Op::Remove { text, .. } => {
                if texts_seen.insert(text.actor) {
                    let target = text_target(kind, facet, change, text.actor)?;
                    target.not_frozen(deciding(target.path), kind)?;
                }
            }
        }
    }
    text_lengths(doc, kind, facet, change)
}

/// The fields that a change touches, with the value where it writes a whole one: what `access` decides on.
/// Something may be said twice where a change goes back to a field.
pub fn touched<'a>(kind: &'a Kind, change: &'a Change) -> Vec<Touch<'a>> {
    let mut touched: Vec<Touch<'_>> = Vec::new();
    // Characters are removed one by one, thousands of them at times.
    let mut last_text = None;
    for op in &change.ops {
        let touch = match op {
            Op::Put { path, value, .. } => Touch::of(path, Some(value)),
            Op::Delete { path, .. } | Op::Increment { path, .. } | Op::MakeText { path } => Touch::of(path, None),
            Op::Insert { text, .. } | Op::Remove { text, .. } if last_text.replace(text.actor) == Some(text.actor) => None,
            Op::Insert { text, .. } | Op::Remove { text, .. } => {
                let maker = change.actor_at(text.actor);
                let named = |field: &&Field| field.merge == Merge::Text && Some(genesis(&field.name).actor) == maker;
                kind.fields.iter().find(named).map(|field| Touch { field: &field.name, item: None, value: None })
            }
        };
        // What concerns one field stands together, too: the same is said once.
        let is_said = |touch: &Touch<'_>| touched.iter().rev().take_while(|said| said.field == touch.field).any(|said| said == touch);
        if let Some(touch) = touch.filter(|touch| !is_said(touch)) {
            touched.push(touch);
        }
    }
    touched
}

/// A field, or a sub-field of a row, that a change touches.
#[derive(Debug, Clone, PartialEq)]
pub struct Touch<'a> {
    /// The field.
    pub field: &'a str,
    /// The sub-field.
    pub item: Option<&'a str>,
    /// The value it writes, if it writes one.
    pub value: Option<&'a Scalar>,
}

impl<'a> Touch<'a> {
    fn of(path: &'a str, value: Option<&'a Scalar>) -> Option<Self> {
        Path::parse(path).map(|parsed| Touch { field: parsed.field, item: parsed.item, value })
    }
}

/// Where an operation aims.
struct Target<'a> {
    path: &'a str,
    parsed: Path<'a>,
    /// `None` for the reserved `archived`.
    field: Option<&'a Field>,
}

impl<'a> Target<'a> {
    fn of(kind: &'a Kind, facet: Facet, path: &'a str) -> Result<Self, Refusal> {
        let unknown = || Refusal::UnknownField { kind: kind.name.to_string(), path: path.to_owned(), facet };
        let parsed = Path::parse(path).ok_or_else(unknown)?;
        if path == ARCHIVED && facet == Facet::Main {
            return Ok(Self { path, parsed, field: None });
        }
        let field = kind.field(parsed.field).filter(|field| field.facet == facet).ok_or_else(unknown)?;
        Ok(Self { path, parsed, field: Some(field) })
    }

    fn wrong(&self, reason: &'static str) -> Refusal {
        Refusal::WrongOp { field: self.path.to_owned(), reason }
    }

    fn bad(&self, problem: BadValue) -> Refusal {
        Refusal::BadValue { field: self.path.to_owned(), problem }
    }

    fn is_merged_by(&self, merge: &Merge, reason: &'static str) -> Result<(), Refusal> {
        let fits = self.field.is_some_and(|field| field.merge == *merge) && self.parsed.key.is_none();
        if fits { Ok(()) } else { Err(self.wrong(reason)) }
    }

    fn not_frozen(&self, doc: &Doc, kind: &Kind) -> Result<(), Refusal> {
        let Some(frozen) = self.field.and_then(|field| field.frozen.as_ref()) else { return Ok(()) };
        let by = kind.field(&frozen.field).and_then(|field| merge::shown(doc, field));
        match by.as_ref().and_then(|value| value.as_str()) {
            Some(value) if frozen.values.iter().any(|state| state == value) => {
                Err(Refusal::Frozen { field: self.parsed.field.to_owned(), by: frozen.field.to_string(), value: value.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn takes_put(&self, doc: &Doc, value: &Scalar, replaced: &[&Put], made: &HashSet<&str>, pen: Pen) -> Result<(), Refusal> {
        let Some(field) = self.field else {
            return if matches!(value, Scalar::Bool(_)) { Ok(()) } else { Err(self.wrong("a record is archived or it is not")) };
        };
        let fits = |field: &Field| valid::scalar(field, value).map_err(|problem| self.bad(problem));
        match (&field.merge, self.parsed.key, self.parsed.item) {
            (Merge::Register | Merge::Visible, None, None) => fits(field),
            (Merge::Unknown(_), ..) => self.takes_unknown(value),
            (Merge::Monotone, None, None) => {
                fits(field)?;
                self.not_below(field, value, replaced)
            }
            (Merge::Assigned, None, None) if pen == Pen::Server => fits(field),
            (Merge::Assigned, ..) => Err(self.wrong("only the server writes it")),
            (Merge::Counter, None, None) => self.takes_start(value, replaced),
            (Merge::Set | Merge::List, Some(key), None) => self.takes_marker(field, key, value),
            (Merge::Set | Merge::List, Some(key), Some(item)) if !field.items.is_empty() => {
                self.takes_item(doc, field, (key, item), value, made)
            }
            (Merge::Log, Some(key), None) => self.takes_log_item(doc, field, key, value),
            (Merge::Derived, ..) => Err(self.wrong("it is computed, never written")),
            (Merge::Text, ..) => Err(self.wrong("a text takes characters, not values")),
            (Merge::Register | Merge::Visible | Merge::Monotone | Merge::Counter | Merge::Set | Merge::List | Merge::Log, ..) => {
                Err(self.wrong("its path has another form"))
            }
        }
    }

    /// Compared with what its author saw: a lower value written elsewhere at the same time does no harm.
    fn not_below(&self, field: &Field, value: &Scalar, replaced: &[&Put]) -> Result<(), Refusal> {
        let new = valid::rank(field, value);
        let mut seen = replaced.iter().filter_map(|put| valid::rank(field, &put.value));
        if seen.all(|old| new.as_ref().is_some_and(|new| *new >= old)) { Ok(()) } else { Err(self.wrong("it never goes back")) }
    }

    fn takes_marker(&self, field: &Field, key: &str, value: &Scalar) -> Result<(), Refusal> {
        if *value != Scalar::Bool(true) {
            return Err(self.wrong("an element is there or it is not"));
        }
        let word = self.unescaped(key)?;
        let checked = if field.items.is_empty() { valid::element(field, &word) } else { valid::row_id(&word) };
        checked.map_err(|problem| self.bad(problem))
    }

    /// The word that a path segment stands for; refused when the same word has another, plainer path.
    fn unescaped<'k>(&self, key: &'k str) -> Result<Cow<'k, str>, Refusal> {
        let word = unescape(key);
        if escape(&word) == key { Ok(word) } else { Err(self.wrong("its path is not escaped as paths are")) }
    }

    /// A policy of a newer build: carried through, but for what would hurt every reader.
    fn takes_unknown(&self, value: &Scalar) -> Result<(), Refusal> {
        match value {
            Scalar::Float(number) if !number.is_finite() => Err(self.bad(BadValue::Type { expected: "a finite number" })),
            Scalar::Counter(start) => valid::increment(*start).map_err(|problem| self.bad(problem)),
            Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::Text(_) => Ok(()),
        }
    }

    fn takes_start(&self, value: &Scalar, replaced: &[&Put]) -> Result<(), Refusal> {
        match value {
            Scalar::Counter(start) if replaced.is_empty() => valid::increment(*start).map_err(|problem| self.bad(problem)),
            _ => Err(self.wrong("a counter is started once and then incremented")),
        }
    }

    fn takes_item(&self, doc: &Doc, field: &Field, (key, item): (&str, &str), value: &Scalar, made: &HashSet<&str>) -> Result<(), Refusal> {
        if !made.contains(&self.path[..field.name.len() + 1 + key.len()]) && !doc.knows(&self.path[..field.name.len() + 1 + key.len()]) {
            return Err(self.wrong("its row was never made"));
        }
        if item == POSITION && field.merge == Merge::List {
            let fits = matches!(value, Scalar::Text(text) if list::is_position(text));
            return if fits { Ok(()) } else { Err(self.wrong("a position is a text of letters and digits that does not end with 0")) };
        }
        let item = field.item(item).ok_or_else(|| self.bad(BadValue::NoSuchItem))?;
        valid::scalar(item, value).map_err(|problem| self.bad(problem))
    }

    fn takes_log_item(&self, doc: &Doc, field: &Field, key: &str, value: &Scalar) -> Result<(), Refusal> {
        // The same item may be derived on two devices from one cause: then it is the same.
        if doc.knows(self.path) && doc.values(self.path).iter().any(|put| put.value != *value) {
            return Err(self.bad(BadValue::ItemExists));
        }
        valid::row_id(&self.unescaped(key)?).map_err(|problem| self.bad(problem))?;
        let is_canonical = |object: &Map<String, Json>| Scalar::from_json(&Json::Object(object.clone())) == *value;
        let object = value.to_object().filter(is_canonical);
        let object = object.ok_or_else(|| self.bad(BadValue::Type { expected: "an object in canonical JSON" }))?;
        valid::item(field, &object).map_err(|problem| self.bad(problem))
    }

    fn takes_delete(&self) -> Result<(), Refusal> {
        match self.field.map(|field| &field.merge) {
            Some(Merge::Set | Merge::List) if self.parsed.key.is_some() && self.parsed.item.is_none() => Ok(()),
            Some(Merge::Unknown(_)) => Ok(()),
            Some(Merge::Log) => Err(self.wrong("items are never removed")),
            Some(Merge::Set | Merge::List | Merge::Register | Merge::Visible | Merge::Counter | Merge::Text) | None => {
                Err(self.wrong("it is cleared by writing null, never removed"))
            }
            Some(Merge::Monotone | Merge::Assigned | Merge::Derived) => Err(self.wrong("it is never removed")),
        }
    }
}

/// The rows whose markers this change writes.
fn made_rows(change: &Change) -> HashSet<&str> {
    let marker = |op: &'_ Op| matches!(op, Op::Put { path, .. } if path.matches('/').count() == 1);
    change.ops.iter().filter(|op| marker(op)).filter_map(Op::path).collect()
}

fn text_target<'a>(kind: &'a Kind, facet: Facet, change: &Change, maker: u32) -> Result<Target<'a>, Refusal> {
    let maker = change.actor_at(maker);
    let named = |field: &&Field| field.merge == Merge::Text && field.facet == facet && Some(genesis(&field.name).actor) == maker;
    match kind.fields.iter().find(named) {
        Some(field) => Target::of(kind, facet, &field.name),
        None => Err(Refusal::UnknownField { kind: kind.name.to_string(), path: "text".to_owned(), facet }),
    }
}

fn text_lengths(doc: &Doc, kind: &Kind, facet: Facet, change: &Change) -> Result<(), Refusal> {
    for field in kind.fields.iter().filter(|field| field.merge == Merge::Text && field.facet == facet) {
        let maker = genesis(&field.name).actor;
        let here = |op: &&Op| matches!(op, Op::Insert { text, .. } if change.actor_at(text.actor) == Some(maker));
        let added: usize = change.ops.iter().filter(here).map(Op::count).sum();
        let chars = added + if added > 0 { doc.text_elements(&field.name) } else { 0 };
        if chars > valid::MAX_TEXT_CHARS {
            let problem = BadValue::TooLong { chars, limit: valid::MAX_TEXT_CHARS };
            return Err(Refusal::BadValue { field: field.name.to_string(), problem });
        }
    }
    Ok(())
}
