//! One filter language, for lists, segments, rules and reports: parsed once, checked against the
//! schema, then evaluated over rows in memory or compiled to SQL with the same answer.
//!
//! Never reads a clock (the [`Context`] brings the time), never runs SQL, and never decides who may
//! read a field: [`Query::reads`] says what a query looks at, and `access` decides.
//!
//! ```
//! use sync_core::query::{Context, Filter, NoLinks, Row, matches};
//! use sync_core::schema::{Kind, Reading, Schema};
//!
//! let kind = Kind::parse("party.toml", r#"
//!     name = "party"
//!     label = { en = "Customer", zh = "客户" }
//!     plural = { en = "Customers", zh = "客户" }
//!     title = "name"
//!     list = ["name"]
//!     [[field]]
//!     name = "name"
//!     label = { en = "Name", zh = "名称" }
//! "#, Reading::Strict)?;
//! let mut schema = Schema::default();
//! schema.insert(kind);
//! let filter = Filter::parse(&schema, "party", r#"[{"type": "contains", "attribute": "name", "value": "OFFICE"}]"#)?;
//!
//! let fields = serde_json::json!({"name": "佳美 Office"});
//! let row = Row::of(fields.as_object().expect("an object"));
//! assert!(matches(&filter, &Context { now: 0, offset_minutes: 480 }, &row, &NoLinks));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attribute;
mod dialect;
mod error;
mod evaluate;
pub mod grouped;
mod near;
mod offer;
mod operator;
mod order;
mod page;
mod parse;
mod sql;
mod step;
mod when;
mod words;

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod examples;

pub use dialect::{Dialect, Param, by_word};
pub(crate) use error::cut;
pub use error::{Hint, QueryError};
pub use evaluate::{Links, NoLinks, Row, matches};
pub use near::Near;
pub use offer::{ME, Offer, groupings, offers, with_me};
pub use operator::Match;
pub use order::{Direction, OrderBy};
pub use page::{Cursor, Page, Query};
pub use sql::{Binds, Compiler, Sql, Tables, Updated, Visible};
pub use step::Step;
pub use when::{Context, Day, Edge, OFFSET_MAX_MINUTES, Span, Window};
pub use words::{Excess, Needed, Unfit, Wrong};

use std::sync::Arc;

use crate::id::{Facet, FieldName, KindName, RecordId};

/// Groups within groups: what a person can still read; also keeps the recursions shallow.
pub const MAX_DEPTH: usize = 8;
/// Conditions in one filter: a screenful is 20; more is a program, and costs every row.
pub const MAX_CONDITIONS: usize = 100;
/// Values of one `in`: with [`MAX_CONDITIONS`] it stays below SQLite's 32,766 parameters.
pub const MAX_LIST: usize = 200;
/// Bytes of one text value: longer than any name or number that people look for.
pub const MAX_TEXT: usize = 1_000;
/// Bytes of a `where` as text: parsed before anything else can be counted.
pub const MAX_WHERE: usize = 64 * 1024;
/// Days of `lastXDays` and the like: a century.
pub const MAX_DAYS: i64 = 36_525;
/// Kilometres of `withinKm`: farther is no neighbourhood.
pub const MAX_KM: f64 = 1_000.0;
/// How many records that point here can be asked for: more is nothing that people count.
pub const MAX_POINTED: u32 = 1_000;
/// Rows of one page: what one answer may cost the server.
pub const MAX_PAGE: u32 = 200;
/// Rows of a page when nothing is asked for.
pub const DEFAULT_PAGE: u32 = 20;
/// Bytes of a cursor: one ordering value and an id.
pub const MAX_CURSOR: usize = 8 * 1024;

/// Which records are meant. Every node is true or false, never unknown, so `Not` is plain negation.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them hold; none at all is true.
    All(Vec<Filter>),
    /// At least one holds; none at all is false.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// One place passes one test.
    Is(Condition),
    /// Enough records point here.
    Pointed(Box<Pointed>),
}

/// Records of another kind that point at the record by a link of theirs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointed {
    /// Only records of this kind count, and of them only those in use.
    pub kind: KindName,
    /// Where their link stands.
    pub via: Spot,
    /// What must hold for each of them.
    pub filter: Filter,
    /// How many there must be: at least one.
    pub least: u32,
}

/// A test of what stands at a place of the record, or of a record it links to.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Where to look.
    pub place: Place,
    /// What must hold for it; where several values stand, for any one of them.
    pub test: Test,
}

/// Where the values of a condition stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Looked at in the records that this link points at instead of in the record itself.
    pub walk: Option<Walk>,
    /// The value within that record.
    pub spot: Spot,
}

/// One step along a link.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// Where the ids stand.
    pub via: Spot,
    /// Only records of this kind count.
    pub kind: KindName,
}

/// A value within one row, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Where.
    pub holder: Holder,
    /// What.
    pub class: Class,
    /// Whether it is a link to records of which one may come to stand for another.
    pub merges: bool,
    /// Whether it is a text that is ordered by a key beside the row, where there is one.
    pub keyed: bool,
    /// The words of a choice, in the order in which it declares them.
    pub options: Arc<[String]>,
}

/// Where in a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Holder {
    /// The record's id.
    Id,
    /// Whether it is archived; a record that is not says so too.
    Archived,
    /// When it was created, in milliseconds.
    CreatedAt,
    /// When it was last changed, in milliseconds.
    UpdatedAt,
    /// A field, or one part of a group: `amount`, `amount.currency`; or what stands in the first row: `addresses.first.value`.
    Value {
        /// The facet that holds the field.
        facet: Facet,
        /// The field, and the part if one is meant; `first` behind it for the first row.
        path: Vec<FieldName>,
        /// The column that the database keeps the field in besides, if it does.
        column: Option<Arc<str>>,
    },
    /// Any element of a set, or any row's or item's value: `tags`, `phones.value`, `addresses.address.city`.
    Each {
        /// The facet that holds the field.
        facet: Facet,
        /// The field.
        field: FieldName,
        /// The way within an element; empty means the element itself.
        path: Vec<FieldName>,
    },
}

/// What a value is, as far as comparing goes. A value of another JSON type counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Text that people type: compared without regard to ASCII case.
    Text,
    /// A word of a fixed list: compared exactly.
    Word,
    /// The id of another record, as text.
    Link,
    /// The record's own id.
    Id,
    /// A whole number.
    Integer,
    /// Any number, compared as f64.
    Number,
    /// Yes or no.
    Boolean,
    /// A calendar day.
    Day,
    /// A moment in milliseconds.
    Moment,
    /// Start or end of a period: either of the two.
    DayOrMoment,
    /// A place on earth.
    Geo,
    /// A group, row or item as a whole, or of a type that this build does not know: there or not.
    Opaque,
}

/// What must hold for a value. An absent value passes no test.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// There is one.
    Present,
    /// It is one of these.
    OneOf(Vec<Scalar>),
    /// It lies between two bounds.
    Range {
        /// Not below.
        from: Option<Bound>,
        /// Not above.
        until: Option<Bound>,
    },
    /// It contains, starts with or ends with this text (ASCII upper case already lowered).
    Text(Match, String),
    /// It lies in one of these spans of time.
    When(Vec<Span>),
    /// It is a place that lies so near.
    Near(Near),
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The value.
    pub value: Scalar,
    /// Whether the value itself is in.
    pub inclusive: bool,
}

/// A value to compare with, of the place's class. Texts for [`Class::Text`] have their ASCII upper case lowered.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Text, a word, or a link's id.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// A record's id.
    Id(RecordId),
}

/// A field that a query looks at; `kind` is not the query's own when a link is walked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The kind the field belongs to.
    pub kind: KindName,
    /// Its facet.
    pub facet: Facet,
    /// Its name.
    pub field: FieldName,
}

impl Filter {
    /// The filter that every record passes.
    pub fn everything() -> Self {
        Filter::All(Vec::new())
    }

    /// Whether another moment of the same day may have another answer: what is due before now is.
    pub fn is_of_the_moment(&self) -> bool {
        match self {
            Filter::All(inner) | Filter::Any(inner) => inner.iter().any(Filter::is_of_the_moment),
            Filter::Not(inner) => inner.is_of_the_moment(),
            Filter::Is(Condition { place, test: Test::When(spans) }) => {
                let by_moment = |span: &Span| matches!(span, Span::Relative(Window::Past | Window::Future));
                when::sides(place.spot.class).1 && spans.iter().any(by_moment)
            }
            Filter::Is(_) => false,
            Filter::Pointed(pointed) => pointed.filter.is_of_the_moment(),
        }
    }

    /// Every field of `kind` and of linked kinds that deciding needs: who may not read one of them
    /// may not filter by it either, or its value leaks through the answer.
    pub fn reads(&self, kind: &KindName) -> Vec<Read> {
        let mut reads = Vec::new();
        self.collect_reads(kind, &mut reads);
        reads.sort();
        reads.dedup();
        reads
    }

    fn collect_reads(&self, kind: &KindName, reads: &mut Vec<Read>) {
        match self {
            Filter::All(inner) | Filter::Any(inner) => inner.iter().for_each(|filter| filter.collect_reads(kind, reads)),
            Filter::Not(inner) => inner.collect_reads(kind, reads),
            Filter::Is(Condition { place, .. }) => reads.extend(place.reads(kind)),
            Filter::Pointed(pointed) => {
                reads.extend(pointed.via.read(&pointed.kind));
                pointed.filter.collect_reads(&pointed.kind, reads);
            }
        }
    }
}

impl Pointed {
    /// What the link is called among the links of a record: the field, or `field.item` in rows.
    pub fn role(&self) -> String {
        let (field, path) = match &self.via.holder {
            Holder::Each { field, path, .. } => (Some(field), path.first()),
            Holder::Value { path, .. } => (path.first(), None),
            // The schema knows no link there.
            Holder::Id | Holder::Archived | Holder::CreatedAt | Holder::UpdatedAt => (None, None),
        };
        field.into_iter().chain(path).map(FieldName::as_str).collect::<Vec<_>>().join(".")
    }
}

impl Place {
    /// The fields that it reads of records of a kind and of those that they link to.
    pub fn reads(&self, kind: &KindName) -> Vec<Read> {
        let Some(walk) = &self.walk else { return self.spot.read(kind).into_iter().collect() };
        walk.via.read(kind).into_iter().chain(self.spot.read(&walk.kind)).collect()
    }
}

impl From<Spot> for Place {
    fn from(spot: Spot) -> Self {
        Self { walk: None, spot }
    }
}

impl Spot {
    /// The field it reads; the record's own id, dates and archived flag are no fields.
    pub fn read(&self, kind: &KindName) -> Option<Read> {
        let (facet, field) = match &self.holder {
            Holder::Id | Holder::Archived | Holder::CreatedAt | Holder::UpdatedAt => return None,
            Holder::Value { facet, path, .. } => (*facet, path.first()?),
            Holder::Each { facet, field, .. } => (*facet, field),
        };
        Some(Read { kind: kind.clone(), facet, field: field.clone() })
    }
}

impl Class {
    /// What it is called in messages.
    pub fn word(self) -> &'static str {
        match self {
            Class::Text => "text",
            Class::Word => "choice",
            Class::Link => "link",
            Class::Id => "id",
            Class::Integer => "whole number",
            Class::Number => "number",
            Class::Boolean => "yes or no",
            Class::Day => "day",
            Class::Moment => "moment",
            Class::DayOrMoment => "day or moment",
            Class::Geo => "place",
            Class::Opaque => "group",
        }
    }

    /// The same in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Class::Text => "文本",
            Class::Word => "单选",
            Class::Link => "关联",
            Class::Id => "id",
            Class::Integer => "整数",
            Class::Number => "数字",
            Class::Boolean => "是或否",
            Class::Day => "日期",
            Class::Moment => "时间",
            Class::DayOrMoment => "日期或时间",
            Class::Geo => "位置",
            Class::Opaque => "几部分的组合",
        }
    }

    /// Whether it is a point in time.
    pub fn is_time(self) -> bool {
        matches!(self, Class::Day | Class::Moment | Class::DayOrMoment)
    }
}
