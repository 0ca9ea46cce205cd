//! Kinds and fields as declared: what a record may hold, and how it is called.
//!
//! A kind is data: one file of `kinds/*.toml`, or the `definition` of a custom record of the kind
//! `kind`. Both come through [`Kind::parse`], the only way to read one. Never reads a record and never decides who may do what.

mod builtin;
mod check;
mod fill;
mod formula;
mod gate;
mod parse;
mod portrait;
pub(crate) mod reader;
mod validate;
mod words;
pub(crate) mod write;

pub use check::{BadDefinition, NotAllowed, allows_change};
pub use fill::Fill;
pub use formula::Formula;
pub use gate::{DAYS, Gap, Need};
pub(crate) use parse::label;
pub use parse::{BadKind, Reading};
pub use portrait::{From, Take, Trait};
pub use words::{
    COLOURS, DEFINITION_MAX, FIELDS_MAX, ITEMS_MAX, LABEL_MAX, OPTION_VALUE_MAX, OPTIONS_MAX, RESERVED, RESERVED_IN_ROWS, RESERVED_KINDS,
};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::id::{Facet, FieldName, KindName};

/// A word per language: `{ en = "Customer", zh = "客户" }`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// English.
    pub en: String,
    /// Simplified Chinese (zh-CN).
    pub zh: String,
}

impl Label {
    /// A word and what it is in Chinese.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// The word in a language; anything but Chinese reads English.
    pub fn in_language(&self, language: &str) -> &str {
        if language.starts_with("zh") { &self.zh } else { &self.en }
    }
}

/// What one scalar of a field is. Text on the wire is always a string; these say what the string means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// One line of text.
    String,
    /// Several lines of text.
    Paragraph,
    /// A whole number (i64).
    Integer,
    /// A number (f64, finite).
    Number,
    /// Yes or no.
    Boolean,
    /// A calendar day, `2026-05-03`.
    Date,
    /// A moment, milliseconds since 1970 UTC.
    Datetime,
    /// One of the field's `options`.
    Choice,
    /// The id of a record of one of the field's `to` kinds.
    Link,
    /// A phone number as typed.
    Phone,
    /// An e-mail address.
    Email,
    /// An http(s) address.
    Url,
    /// Group: `{"amount": minor units (i64), "currency": "CNY"}`.
    Money,
    /// Group: any of `country, region, city, postal_code, street` (strings).
    Address,
    /// Group: `{"start": date or millis, "end": ...}`, either may be missing.
    Period,
    /// Group: `{"lat": degrees, "lon": degrees}`.
    Geo,
    /// A type this build does not know: carried through untouched, shown as it is.
    #[serde(untagged)]
    Unknown(String),
}

impl ValueType {
    /// Whether the value is one JSON object that merges as a whole (policy G).
    pub fn is_group(&self) -> bool {
        matches!(self, ValueType::Money | ValueType::Address | ValueType::Period | ValueType::Geo)
    }
}

/// How concurrent edits of a field become one: the policies of `docs/kinds.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Merge {
    /// R: one value, the newest by edit time; the others stay in history.
    Register,
    /// V: as a register, and everybody sees all concurrent values until someone writes again.
    Visible,
    /// S: elements (strings, links, or rows when the field has `items`); adding beats removing.
    Set,
    /// C: the sum of all increments.
    Counter,
    /// T: text merged by character.
    Text,
    /// L: rows in an order that people set; moving and editing a row never disturb each other.
    List,
    /// A: items that are added and never altered.
    Log,
    /// M: never goes back: true stays true, the highest number, the latest date, the last option.
    Monotone,
    /// Z: written once, by the server only.
    Assigned,
    /// D: computed by the field's [`Formula`], never written.
    Derived,
    /// A policy this build does not know: the newest value is shown, all are kept.
    #[serde(untagged)]
    Unknown(String),
}

/// One value that a choice field may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The stored word.
    pub value: String,
    /// What people read.
    pub label: Label,
    /// `grey`, `blue`, `green`, `amber` or `red`; badges and boards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// How likely a record in this state comes true, in percent: boards weigh their sums by it, and what
    /// has one of 0 counts in no sum of a record's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// No longer offered: kept for the records that have it.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// What a record must have before somebody puts it into this state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// Fields that are asked for when somebody puts a record into this state; they may stay empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<FieldName>,
    /// What is to be done when a record comes into this state: the subjects of tasks about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// How many days a record may stay in this state; for ever, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// After how many days more its owner's superior is told, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate_days: Option<u32>,
    /// Of the choice that boards are apart by: the columns of this one's board; none for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// What an option weighs that is the end which was hoped for.
const CERTAIN: u8 = 100;
/// What one weighs that is an end and comes to nothing.
const NEVER: u8 = 0;

impl Choice {
    /// Whether what is in this state has come true.
    pub fn is_certain(&self) -> bool {
        self.weight == Some(CERTAIN)
    }

    /// Whether what is in this state never comes true.
    pub fn is_never(&self) -> bool {
        self.weight == Some(NEVER)
    }
}

/// Policy F: in some states of the record, a field may not change any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frozen {
    /// The field of the same record that decides.
    pub field: FieldName,
    /// It is frozen while that field has one of these values.
    #[serde(rename = "in")]
    pub values: Vec<String>,
}

impl Frozen {
    /// Whether a record whose deciding field has this value is past changing.
    pub fn holds(&self, state: Option<&str>) -> bool {
        state.is_some_and(|state| self.values.iter().any(|value| value == state))
    }
}

/// A field of a kind, or of the rows and items of such a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name within the kind: the first segment of its paths.
    pub name: FieldName,
    /// What people read.
    pub label: Label,
    /// What a value is.
    #[serde(rename = "type")]
    pub value: ValueType,
    /// How concurrent edits become one.
    pub merge: Merge,
    /// Which document of the record holds it.
    #[serde(skip_serializing_if = "is_main")]
    pub facet: Facet,
    /// A record without it is incomplete: refused at creation by people, flagged when it comes from a phone.
    #[serde(skip_serializing_if = "is_false")]
    pub required: bool,
    /// For a choice: the values, in order (a monotone choice goes only downwards in this list).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// For a choice: the option that a new record has until somebody says otherwise. An empty word takes away what a built-in
    /// field has; [`Field::usual`] asks.
    #[serde(skip_serializing_if = "is_nothing")]
    pub default: Option<String>,
    /// For a day or a moment that ends something: the field, or the part of the same row, that begins it. Nobody writes an
    /// end before its begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<FieldName>,
    /// For a number: the least that an author may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// For a number: the most that an author may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// For a link: the kinds it may point at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<KindName>,
    /// For a set or list of rows, and for a log: what each row or item holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Field>,
    /// For a set or list of rows: the parts by which rows that are brought in are told apart, of an amount its currency and
    /// of a period its begin. One that says the same there is the same row, with something else in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<FieldName>,
    /// For a part of rows: where its price is looked up while nobody types one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
    /// For a part of a log: the text of the record that it begins with while nobody types another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<FieldName>,
    /// From when on it may not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// For a derived field: how it is computed. Only what comes over the wire may lack it, and then shows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<Formula>,
    /// No longer used: kept for the records that have it, shown to nobody. Fields are never removed.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
}

impl Field {
    /// An option of a choice, by its stored word.
    pub fn option(&self, value: &str) -> Option<&Choice> {
        self.options.iter().find(|option| option.value == value)
    }

    /// The options that people may choose: those that are not hidden.
    pub fn offered(&self) -> impl Iterator<Item = &Choice> {
        self.options.iter().filter(|option| !option.hidden)
    }

    /// The option that a new record has until somebody says otherwise.
    pub fn usual(&self) -> Option<&str> {
        self.default.as_deref().filter(|default| !default.is_empty() && !self.hidden)
    }

    /// Where an option stands among those that are declared; behind them what is none.
    pub fn place_of(&self, value: &str) -> usize {
        self.options.iter().position(|option| option.value == value).unwrap_or(self.options.len())
    }

    /// The sub-field of a row or item.
    pub fn item(&self, name: &str) -> Option<&Field> {
        self.items.iter().find(|field| &*field.name == name)
    }
}

/// How a kind is shown as columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Board {
    /// The choice field whose options are the columns.
    pub by: FieldName,
    /// A money or number field summed per column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<FieldName>,
    /// The columns in which nothing is left to do: such records remind nobody, and stay with whoever closed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<String>,
    /// The choice whose options have boards of their own, perhaps with fewer columns: pipelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<FieldName>,
}

impl Board {
    /// Whether nothing is left to do about a record.
    pub fn is_closed(&self, row: &Map<String, Json>) -> bool {
        let state = row.get(&*self.by).and_then(Json::as_str);
        state.is_some_and(|state| self.closed.iter().any(|closed| closed == state))
    }
}

/// Whose the records of a kind are besides their owners'.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sharing {
    /// The link to what a record belongs to: whoever sees that sees the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<FieldName>,
    /// The set of the teams that a record is shared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams: Option<FieldName>,
    /// The set of the territories that a record is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub territories: Option<FieldName>,
    /// Its records are everyone's: whoever may read one may read all.
    #[serde(skip_serializing_if = "is_false")]
    pub everyone: bool,
    /// Its records are their owners' alone, however far a role goes.
    #[serde(skip_serializing_if = "is_false")]
    pub personal: bool,
    /// The yes or no that makes a record a key account: one person answers for it and for all that follows it. Stands with
    /// `manager`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<FieldName>,
    /// The link to that person: the record is theirs, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<FieldName>,
}

impl Sharing {
    /// Whether records are their owners' alone.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What makes a record a key account, and who answers for it then.
    pub fn key_account(&self) -> Option<(&FieldName, &FieldName)> {
        self.key.as_ref().zip(self.manager.as_ref())
    }
}

/// A heading of menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Heading {
    /// What is sold, to whom.
    Sales,
    /// What is done for customers.
    Service,
    /// What is offered, and what is aimed at.
    Market,
    /// What the system itself is worked with.
    System,
    /// How the workspace works: on a page of its own, in no menu.
    Settings,
}

impl Heading {
    /// Every heading, in the order of menus.
    pub const EVERY: [Self; 5] = [Self::Sales, Self::Service, Self::Market, Self::System, Self::Settings];

    /// Its word in definitions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Service => "service",
            Self::Market => "market",
            Self::System => "system",
            Self::Settings => "settings",
        }
    }
}

/// Where a kind stands in menus; by this they are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Menu {
    /// Under which heading.
    pub under: Heading,
    /// Before those of a greater place there.
    pub place: i64,
}

/// A record kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// Its name: `party`.
    pub name: KindName,
    /// One of it: Customer.
    pub label: Label,
    /// Many of it: Customers.
    pub plural: Label,
    /// Where menus have it; without a place it comes behind all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu: Option<Menu>,
    /// The field that names a record in lists and links.
    pub title: FieldName,
    /// Columns of its list, in order.
    pub list: Vec<FieldName>,
    /// Fields besides the title that full-text search reads.
    pub search: Vec<FieldName>,
    /// Fields that an import matches on unless told otherwise.
    #[serde(rename = "match")]
    pub matches: Vec<FieldName>,
    /// The link to a member that says whose record it is; rights of the level `own` look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<FieldName>,
    /// Whose its records are besides.
    #[serde(skip_serializing_if = "Sharing::is_default")]
    pub sharing: Sharing,
    /// Its board, if it has stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<Board>,
    /// The fields that say when what it tells of happened: the first that has a value, or else when it was made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub happens: Vec<FieldName>,
    /// The kind whose records may answer one of these: offered while somebody writes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<KindName>,
    /// What is easily overlooked: conditions that should hold of no record.
    #[serde(rename = "gap", skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// What is worked out about its records from those that link to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub portrait: Vec<Trait>,
    /// Its fields, in the order of the record page.
    #[serde(rename = "field")]
    pub fields: Vec<Field>,
}

impl Kind {
    /// What says in another version of the kind when it happens, as far as this one shows the fields.
    pub fn days_kept_of(&self, other: &Kind) -> Vec<FieldName> {
        let is_shown = |name: &&FieldName| self.field(name).is_some_and(|field| !field.hidden);
        other.happens.iter().filter(is_shown).cloned().collect()
    }

    /// The one record that each of its records belongs to, by this link, if there is one.
    pub fn follows(&self) -> Option<&Field> {
        self.sharing.follows.as_ref().and_then(|name| self.field(name)).filter(|field| field.merge.is_single())
    }

    /// A gap by name.
    pub fn gap(&self, name: &str) -> Option<&Gap> {
        self.gaps.iter().find(|gap| *gap.name == *name)
    }

    /// A field by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    /// The options of the board's field that never come true: what has one of them counts for nothing.
    pub fn never(&self) -> impl Iterator<Item = &Choice> {
        let by = self.board.as_ref().and_then(|board| self.field(&board.by));
        by.into_iter().flat_map(|field| &field.options).filter(|option| option.is_never())
    }

    /// The fields that say whose a record is.
    pub fn sharing_fields(&self) -> impl Iterator<Item = &FieldName> {
        let Sharing { follows, teams, territories, everyone: _, personal: _, key, manager } = &self.sharing;
        [&self.owner, follows, teams, territories, key, manager].into_iter().flatten()
    }

    /// The facets that its fields use, in storage order; `main` always.
    pub fn facets(&self) -> Vec<Facet> {
        let used = |facet: &Facet| *facet == Facet::Main || self.fields.iter().any(|field| field.facet == *facet);
        Facet::ALL.into_iter().filter(used).collect()
    }
}

/// All kinds of one workspace: the built-in ones and its own.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    kinds: BTreeMap<KindName, Arc<Kind>>,
    beside: Arc<BTreeSet<OwnColumn>>,
}

/// A field that a database keeps in a column of its own, too, beside the JSON of its facet: an edit of another field then
/// leaves the indexes over it alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnColumn {
    /// The kind.
    pub kind: KindName,
    /// The facet that holds the field.
    pub facet: Facet,
    /// The field.
    pub field: FieldName,
}

impl OwnColumn {
    /// What the column is called.
    pub fn name(&self) -> String {
        format!("own.{}.{}.{}", self.kind, self.facet, self.field)
    }
}

impl Schema {
    /// A kind by name.
    pub fn kind(&self, name: &str) -> Option<&Arc<Kind>> {
        self.kinds.get(name)
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.kinds.values()
    }

    /// The same kinds in a database that has these columns.
    #[must_use]
    pub fn beside(self, columns: BTreeSet<OwnColumn>) -> Self {
        Self { beside: Arc::new(columns), ..self }
    }

    /// The columns that the database has beside the JSON of facets.
    pub fn own_columns(&self) -> &BTreeSet<OwnColumn> {
        &self.beside
    }

    /// Adds a kind, or replaces the one of the same name.
    pub fn insert(&mut self, kind: Kind) {
        self.kinds.insert(kind.name.clone(), Arc::new(kind));
    }
}

fn is_main(facet: &Facet) -> bool {
    *facet == Facet::Main
}

fn is_nothing(word: &Option<String>) -> bool {
    word.as_ref().is_none_or(String::is_empty)
}

fn is_false(flag: &bool) -> bool {
    !flag
}
