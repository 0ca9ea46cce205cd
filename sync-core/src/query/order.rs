//! The order of a list, and what it means to come after a row in it.
//!
//! Rows without a value come last in both directions; rows with equal values are told apart by their
//! id, so that a page can begin after any row. Titles and short texts are ordered by how they sound, Chinese by pinyin,
//! long ones by their bytes with A to Z lowered; those that differ in nothing else by their bytes as they are. Choices
//! come in the order in which their options are declared, and words that are no option behind those.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use super::attribute::places;
use super::dialect::{Dialect, Param, by_word};
use super::error::{Hint, cut};
use super::evaluate::{Row, present};
use super::sql::{Binds, Compiler};
use super::words::Unfit;
use super::{Class, Cursor, Holder, Place, QueryError, Spot, offers};
use crate::collation;
use crate::id::RecordId;
use crate::schema::{Kind, Schema};

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The smallest value.
    #[default]
    Ascending,
    /// The largest value.
    Descending,
}

/// By what, and from which end.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderBy {
    /// As asked; cursors are bound to it.
    pub(super) attribute: String,
    /// Where the value stands; one per id orders by id alone.
    pub(super) by: By,
    /// From which end.
    pub direction: Direction,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum By {
    /// The column `sort_title`: for the field that is the kind's title.
    Title,
    /// A value of the row.
    Spot(Spot),
}

/// An ordering value of one row, in the type that SQL compares.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Null,
    Text(String),
    Int(i64),
    Float(f64),
}

/// An ordering expression; `nullable` is false for columns that always hold something, so that their index is used.
pub(super) struct KeySql {
    value: String,
    nullable: bool,
}

impl OrderBy {
    /// By id: the order of making.
    pub fn id() -> Self {
        let by = By::Spot(Spot { holder: Holder::Id, class: Class::Id, merges: false, keyed: false, options: Arc::default() });
        Self { attribute: "id".to_owned(), by, direction: Direction::Ascending }
    }

    /// By an attribute that has one value per record.
    ///
    /// # Errors
    /// [`QueryError`] when there is no such attribute, records may have several values there, or it is a link.
    pub fn parse(schema: &Schema, kind: &Kind, attribute: &str, direction: Direction) -> Result<Self, QueryError> {
        let spot = Spot::of(schema, kind, attribute)?;
        if spot.class == Class::Link {
            return Err(QueryError::OrderByLink { attribute: cut(attribute), hint: orders(schema, kind) });
        }
        let by = if attribute == kind.title.as_str() { By::Title } else { By::Spot(spot) };
        Ok(Self { attribute: attribute.to_owned(), by, direction })
    }

    /// The ordering values of a row; the id comes on top.
    pub(super) fn keys(&self, row: &Row<'_>) -> Vec<Key> {
        let spot = match &self.by {
            By::Title => return vec![Key::Text(row.sort_title.clone().into_owned())],
            By::Spot(spot) => spot,
        };
        match &spot.holder {
            Holder::Id | Holder::Each { .. } => Vec::new(),
            Holder::Archived => vec![Key::Int(i64::from(row.fields.get("archived") == Some(&Value::Bool(true))))],
            Holder::CreatedAt => vec![Key::Int(row.created_at)],
            Holder::UpdatedAt => vec![Key::Int(row.updated_at)],
            Holder::Value { path, .. } => {
                let keys = classes(spot.class).iter().map(|class| key(*class, row.value(path)));
                if spot.is_led() { keys.flat_map(|key| [key.leading(spot), key]).collect() } else { keys.collect() }
            }
        }
    }

    /// Whether keys from outside are such as this order makes.
    pub(super) fn takes(&self, keys: &[Key]) -> bool {
        let fits = |(class, key): (&Class, &Key)| match key {
            Key::Null => true,
            Key::Text(_) => matches!(class, Class::Text | Class::Word | Class::Link | Class::Day),
            Key::Int(_) => matches!(class, Class::Integer | Class::Moment | Class::Boolean),
            Key::Float(_) => *class == Class::Number,
        };
        let (classes, nullable) = match &self.by {
            By::Title => (&[Class::Text][..], false),
            By::Spot(spot) if spot.class == Class::Text => (&[Class::Text; 2][..], true),
            By::Spot(spot) if spot.is_led() => (&[Class::Integer, Class::Word][..], true),
            By::Spot(spot) => (classes(spot.class), matches!(spot.holder, Holder::Value { .. })),
        };
        // A value is either there or not.
        let is_whole = |keys: &[Key]| matches!(keys, [left, right] if (*left == Key::Null) == (*right == Key::Null));
        if matches!(&self.by, By::Spot(spot) if spot.is_led()) && !is_whole(keys) {
            return false;
        }
        classes.len() == keys.len() && classes.iter().zip(keys).all(fits) && (nullable || !keys.contains(&Key::Null))
    }

    /// What cursors are bound to: the attribute, and the order of its options. When that changes, a place in the old order
    /// is none in the new one.
    pub(super) fn bound_to(&self) -> String {
        match &self.by {
            By::Spot(spot) if !spot.options.is_empty() => {
                format!("{} {}", self.attribute, RecordId::of_cause(&spot.options.join("\n")))
            }
            By::Title | By::Spot(_) => self.attribute.clone(),
        }
    }

    /// The order of two rows.
    pub(super) fn compare(&self, left: &Row<'_>, right: &Row<'_>) -> Ordering {
        let keys = self.keys(left).into_iter().zip(self.keys(right));
        let ordering = keys.map(|(left, right)| left.compare(&right, self.direction)).find(|ordering| ordering.is_ne());
        ordering.unwrap_or_else(|| self.direction.of(left.id.cmp(&right.id)))
    }
}

/// What lists of a kind are ordered by.
fn orders(schema: &Schema, kind: &Kind) -> Hint {
    let own = offers(schema, kind).into_iter().filter(|offer| offer.from.is_none() && offer.fields.len() == 1);
    let single = own.filter(|offer| !offer.is_many && !matches!(offer.class, Class::Link | Class::Geo | Class::Opaque));
    Hint::among(single.map(|offer| offer.attribute).chain(["createdAt", "updatedAt"].map(str::to_owned)))
}

impl Place {
    /// The one value that a record of this kind has, itself or by a link of which it has one: what records are put together by.
    ///
    /// # Errors
    /// [`QueryError`] when there is no such attribute, or records may have several values there.
    pub fn of(schema: &Schema, kind: &Kind, attribute: &str) -> Result<Self, QueryError> {
        let unfit = |why| QueryError::UnfitAttribute { attribute: cut(attribute), why };
        let found = places(schema, kind, attribute)?;
        let [found] = found.as_slice() else { return Err(unfit(Unfit::NoGroup)) };
        let holders = [Some(&found.place.spot), found.place.walk.as_ref().map(|walk| &walk.via)];
        if holders.into_iter().flatten().any(|spot| matches!(spot.holder, Holder::Each { .. })) {
            return Err(unfit(Unfit::Several));
        }
        match found.place.spot {
            Spot { class: Class::Geo | Class::Opaque, .. } => Err(unfit(Unfit::Group)),
            // Every record is the only one of its group.
            Spot { holder: Holder::Id, .. } => Err(unfit(Unfit::NoGroup)),
            _ => Ok(found.place.clone()),
        }
    }
}

impl Spot {
    /// The one value that a record of this kind has itself: what lists are ordered by and grouped by, and what is added up.
    ///
    /// # Errors
    /// [`QueryError`] when there is no such attribute, or records may have several values there.
    pub fn of(schema: &Schema, kind: &Kind, attribute: &str) -> Result<Self, QueryError> {
        let unfit = |why| QueryError::UnfitAttribute { attribute: cut(attribute), why };
        let found = places(schema, kind, attribute)?;
        let [found] = found.as_slice() else { return Err(unfit(Unfit::Elsewhere)) };
        let Place { walk, spot } = &found.place;
        if walk.is_some() {
            return Err(unfit(Unfit::Elsewhere));
        }
        if matches!(spot.holder, Holder::Each { .. }) {
            return Err(unfit(Unfit::Several));
        }
        if matches!(spot.class, Class::Geo | Class::Opaque) {
            return Err(unfit(Unfit::Group));
        }
        Ok(spot.clone())
    }

    /// Whether something comes before the value itself in its order.
    pub(super) fn is_led(&self) -> bool {
        self.class == Class::Text || !self.options.is_empty()
    }

    /// The place of a choice's word among its options; that of all others is behind them.
    fn rank(&self, word: &str) -> usize {
        self.options.iter().position(|option| option == word).unwrap_or(self.options.len())
    }
}

impl Direction {
    fn of(self, ordering: Ordering) -> Ordering {
        match self {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        }
    }

    /// As in SQL and in parameters.
    pub fn word(self) -> &'static str {
        match self {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Direction::Ascending => ">",
            Direction::Descending => "<",
        }
    }
}

impl Key {
    fn compare(&self, other: &Key, direction: Direction) -> Ordering {
        match (self, other) {
            (Key::Null, Key::Null) => Ordering::Equal,
            (Key::Null, _) => Ordering::Greater,
            (_, Key::Null) => Ordering::Less,
            (Key::Text(left), Key::Text(right)) => direction.of(left.cmp(right)),
            (Key::Int(left), Key::Int(right)) => direction.of(left.cmp(right)),
            (Key::Float(left), Key::Float(right)) => direction.of(left.partial_cmp(right).unwrap_or(Ordering::Equal)),
            (Key::Text(_) | Key::Int(_) | Key::Float(_), _) => Ordering::Equal,
        }
    }

    /// What comes before a text or a word itself.
    fn leading(&self, spot: &Spot) -> Key {
        match self {
            Key::Text(word) if spot.class == Class::Word => Key::Int(spot.rank(word) as i64),
            Key::Text(text) if spot.keyed => Key::Text(collation::key(text).into_owned()),
            Key::Text(text) => Key::Text(text.to_ascii_lowercase()),
            Key::Null | Key::Int(_) | Key::Float(_) => self.clone(),
        }
    }

    /// Its placeholder; none for what is not there.
    fn bind(&self, binds: &mut Binds) -> Option<String> {
        match self {
            Key::Null => None,
            Key::Text(text) => Some(binds.add(Param::Text(text.clone()))),
            Key::Int(number) => Some(binds.add(Param::Int(*number))),
            Key::Float(number) => Some(binds.add_number(*number)),
        }
    }
}

/// A period's end is a moment or a day: moments come first.
fn classes(class: Class) -> &'static [Class] {
    match class {
        Class::Text => &[Class::Text],
        Class::Word => &[Class::Word],
        Class::Link => &[Class::Link],
        Class::Integer => &[Class::Integer],
        Class::Number => &[Class::Number],
        Class::Boolean => &[Class::Boolean],
        Class::Day => &[Class::Day],
        Class::Moment => &[Class::Moment],
        Class::DayOrMoment => &[Class::Moment, Class::Day],
        Class::Id | Class::Geo | Class::Opaque => &[],
    }
}

fn key(class: Class, value: &Value) -> Key {
    if !present(class, value) {
        return Key::Null;
    }
    let text = || value.as_str().map(|text| Key::Text(text.to_owned()));
    let key = match class {
        Class::Text | Class::Word | Class::Link | Class::Day => text(),
        Class::Integer | Class::Moment => value.as_i64().map(Key::Int),
        Class::Number => value.as_f64().map(Key::Float),
        Class::Boolean => value.as_bool().map(|flag| Key::Int(i64::from(flag))),
        Class::Id | Class::DayOrMoment | Class::Geo | Class::Opaque => None,
    };
    key.unwrap_or(Key::Null)
}

/// The ordering expressions, with the id last.
pub(super) fn sql(compiler: &Compiler<'_>, order: &OrderBy) -> Vec<KeySql> {
    let (dialect, alias) = (compiler.dialect, compiler.alias);
    let column = |name: &str| KeySql { value: format!("{alias}.{name}"), nullable: false };
    let mut keys = match &order.by {
        By::Title => vec![KeySql { value: dialect.by_bytes(&format!("{alias}.sort_title")), nullable: false }],
        By::Spot(spot) => match &spot.holder {
            Holder::Id | Holder::Each { .. } => Vec::new(),
            Holder::Archived => vec![column("archived")],
            Holder::CreatedAt => vec![column("created_at")],
            Holder::UpdatedAt => vec![KeySql { value: compiler.updated_at(alias, None), nullable: false }],
            Holder::Value { facet, path, column } => {
                let json = dialect.json(&dialect.holding(alias, *facet, column.as_deref()), path);
                let one = |class: &Class| KeySql { value: dialect.only(&json, *class), nullable: true };
                let mut keys: Vec<KeySql> = classes(spot.class).iter().map(one).collect();
                if spot.is_led() {
                    let first = |key: &KeySql| KeySql { value: leading(dialect, alias, spot, &key.value), nullable: true };
                    let leading: Vec<KeySql> = keys.iter().map(first).collect();
                    // Where the first is there, the second is: said to the database, it would not use an index.
                    keys.iter_mut().for_each(|key| key.nullable = false);
                    keys.splice(0..0, leading);
                }
                keys
            }
        },
    };
    keys.push(column("record"));
    keys
}

/// What comes before a text itself: its key if it has one, or else the text without regard to case. Before a choice's
/// word: its place among the options.
pub(super) fn leading(dialect: Dialect, alias: &str, spot: &Spot, value: &str) -> String {
    match &spot.holder {
        Holder::Value { .. } if spot.class == Class::Word => rank(spot, value),
        Holder::Value { facet, path, .. } if spot.keyed => {
            format!("coalesce({}, {})", dialect.sort_key(alias, *facet, path), dialect.folded(value))
        }
        _ => dialect.folded(value),
    }
}

fn rank(spot: &Spot, value: &str) -> String {
    let places = spot.options.iter().map(String::as_str).zip(0..);
    format!("(case when {value} is not null then {} end)", by_word(value, places, spot.options.len()))
}

/// What follows `order by`.
pub(super) fn text(keys: &[KeySql], direction: Direction) -> String {
    let word = direction.word();
    let one = |KeySql { value, nullable }: &KeySql| format!("{value} {word}{}", if *nullable { " nulls last" } else { "" });
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The condition of coming after a cursor's row. Written from the first key to the last, so that
/// placeholders appear in ascending order.
pub(super) fn after(keys: &[KeySql], order: &OrderBy, cursor: &Cursor, binds: &mut Binds) -> String {
    let sign = order.direction.sign();
    let (mut text, mut open) = (String::new(), 0);
    for (KeySql { value, nullable }, key) in keys.iter().zip(&cursor.keys) {
        let (piece, brackets) = match key.bind(binds) {
            None => (format!("({value} is null and "), 1),
            Some(bound) if *nullable => (format!("({value} {sign} {bound} or {value} is null or {value} = {bound} and "), 1),
            // Said twice, so that an index is entered at the right place: with the `or` alone it is walked from its end.
            Some(bound) => (format!("({value} {sign}= {bound} and ({value} {sign} {bound} or {value} = {bound} and "), 2),
        };
        text += &piece;
        open += brackets;
    }
    let id = binds.add(Param::Blob(cursor.id.as_bytes().to_vec()));
    let last = keys.last().map_or("record", |key| &key.value);
    text + &format!("{last} {sign} {id}") + &")".repeat(open)
}
