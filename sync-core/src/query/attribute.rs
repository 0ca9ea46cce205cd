//! From `party.name` to the place where the value stands. Field names come from the schema only:
//! what cannot be found there never reaches a back end.

use std::sync::Arc;

use super::error::Hint;
use super::words::Unfit;
use super::{Class, Holder, Place, QueryError, Spot, Walk};
use crate::actions::duplicates;
use crate::collation::has_keys;
use crate::id::{FieldName, KindName};
use crate::schema::{Choice, Field, Kind, Merge, OwnColumn, Schema, ValueType};

/// What every record has besides its fields.
const PSEUDO: [(&str, Holder, Class); 4] = [
    ("id", Holder::Id, Class::Id),
    ("archived", Holder::Archived, Class::Boolean),
    ("createdAt", Holder::CreatedAt, Class::Moment),
    ("updatedAt", Holder::UpdatedAt, Class::Moment),
];

/// Stands for the first row behind a field that has rows.
const FIRST: &str = "first";

/// A place, and the words that may stand there if they are a fixed list.
#[derive(Debug)]
pub(super) struct Found<'s> {
    pub(super) place: Place,
    pub(super) options: &'s [Choice],
}

/// What is being looked for, for messages.
struct Search<'s, 'a> {
    schema: &'s Schema,
    attribute: &'a str,
}

/// The places an attribute names: one, or one per kind that a walked link may point at.
pub(super) fn places<'s>(schema: &'s Schema, kind: &'s Kind, attribute: &str) -> Result<Vec<Found<'s>>, QueryError> {
    let segments: Vec<&str> = attribute.split('.').collect();
    Search { schema, attribute }.in_kind(kind, &segments, None)
}

/// A link of another kind that may point here, and what is asked of the records that do.
pub(super) struct Pointer<'s, 'a> {
    pub(super) kind: &'s Kind,
    pub(super) via: Spot,
    /// An attribute of theirs; empty for the records themselves.
    pub(super) rest: &'a str,
}

/// What an attribute such as `activity:about.status` names, if it is such a one: the kind that points, its link, and an
/// attribute there.
pub(super) fn pointer<'s, 'a>(schema: &'s Schema, here: &Kind, attribute: &'a str) -> Option<Result<Pointer<'s, 'a>, QueryError>> {
    let (kind, path) = attribute.split_once(':')?;
    Some(super::parse::find_kind(schema, kind).and_then(|kind| Search { schema, attribute }.pointer(kind, here, path)))
}

impl<'s> Search<'s, '_> {
    fn pointer<'a>(&self, kind: &'s Kind, here: &Kind, path: &'a str) -> Result<Pointer<'s, 'a>, QueryError> {
        let (first, behind) = path.split_once('.').unwrap_or((path, ""));
        let field = kind.field(first).ok_or_else(|| self.unknown(kind, first))?;
        // A link in rows is named by two words.
        let (link, name, rest) = match field.items.is_empty() {
            true => (field, first, behind),
            false => {
                let (item, rest) = behind.split_once('.').unwrap_or((behind, ""));
                let names = field.items.iter().map(|item| &*item.name);
                let link = field.item(item).ok_or_else(|| self.unknown_among(kind, item, names))?;
                (link, &path[..first.len() + 1 + item.len()], rest)
            }
        };
        if link.value != ValueType::Link || !(link.to.is_empty() || link.to.contains(&here.name)) {
            return Err(self.unfit(Unfit::NoPointer));
        }
        let segments: Vec<&str> = name.split('.').collect();
        let found = self.in_kind(kind, &segments, None)?;
        let via = found.into_iter().next().map(|found| found.place.spot).ok_or_else(|| self.unknown(kind, first))?;
        Ok(Pointer { kind, via, rest })
    }

    fn in_kind(&self, kind: &'s Kind, segments: &[&str], walk: Option<Walk>) -> Result<Vec<Found<'s>>, QueryError> {
        let (first, rest) = segments.split_first().map_or(("", segments), |(first, rest)| (*first, rest));
        if let (Some((_, holder, class)), true) = (PSEUDO.iter().find(|(word, ..)| *word == first), rest.is_empty()) {
            let spot = Spot { holder: holder.clone(), class: *class, merges: false, keyed: false, options: Arc::default() };
            return Ok(vec![Found { place: Place { walk, spot }, options: &[] }]);
        }
        let field = kind.field(first).ok_or_else(|| self.unknown(kind, first))?;
        let single = |class| Value { facet: field.facet, each: None, path: vec![field.name.clone()], class, field, kind };
        match &field.merge {
            Merge::Counter => self.value(single(Some(Class::Integer)), rest, walk),
            Merge::Text => self.value(single(Some(Class::Text)), rest, walk),
            // What is computed stands in the row like what was written.
            Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => {
                self.value(single(None), rest, walk)
            }
            Merge::Set if field.items.is_empty() => {
                let element = Value { facet: field.facet, each: Some(field.name.clone()), path: Vec::new(), class: None, field, kind };
                self.value(element, rest, walk)
            }
            Merge::Set | Merge::List | Merge::Log => self.item(kind, field, rest, walk),
        }
    }

    /// A row or item, or one of its values.
    fn item(&self, kind: &'s Kind, field: &'s Field, rest: &[&str], walk: Option<Walk>) -> Result<Vec<Found<'s>>, QueryError> {
        let each = |path, class, item| Value { facet: field.facet, each: Some(field.name.clone()), path, class, field: item, kind };
        match rest.split_first() {
            None => self.value(each(Vec::new(), Some(Class::Opaque), field), &[], walk),
            Some((&FIRST, rest @ [_, ..])) if field.item(FIRST).is_none() => self.first(kind, field, rest, walk),
            Some((&"id", rest)) => {
                let id = "id".parse().map_err(|_| self.unknown(kind, "id"))?;
                self.value(each(vec![id], Some(Class::Word), field), rest, walk)
            }
            Some((name, rest)) => {
                let item = field.item(name).ok_or_else(|| self.unknown_among(kind, name, field.items.iter().map(|item| &*item.name)))?;
                self.value(each(vec![item.name.clone()], None, item), rest, walk)
            }
        }
    }

    /// A value of the first row or item.
    fn first(&self, kind: &'s Kind, field: &'s Field, rest: &[&str], walk: Option<Walk>) -> Result<Vec<Found<'s>>, QueryError> {
        let (name, rest) = rest.split_first().map_or(("", rest), |(name, rest)| (*name, rest));
        let item = field.item(name).ok_or_else(|| self.unknown_among(kind, name, field.items.iter().map(|item| &*item.name)))?;
        let path = vec![field.name.clone(), FieldName::first(), item.name.clone()];
        self.value(Value { facet: field.facet, each: None, path, class: None, field: item, kind }, rest, walk)
    }

    fn value(&self, mut value: Value<'s>, rest: &[&str], walk: Option<Walk>) -> Result<Vec<Found<'s>>, QueryError> {
        let class = value.class.unwrap_or_else(|| class_of(&value.field.value));
        let Some((part, beyond)) = rest.split_first() else {
            let options = if class == Class::Word { &value.field.options[..] } else { &[] };
            return Ok(vec![Found { place: Place { walk, spot: value.spot(self.schema, class) }, options }]);
        };
        if class == Class::Link {
            return match walk {
                None => self.linked(value, rest),
                Some(_) => Err(self.unfit(Unfit::TwoLinks)),
            };
        }
        let parts = if value.class.is_none() { parts_of(&value.field.value) } else { &[] };
        let found = parts.iter().find(|(word, _)| word == part).filter(|_| beyond.is_empty());
        let (word, class) = found.ok_or_else(|| self.unknown_among(value.kind, part, parts.iter().map(|(word, _)| *word)))?;
        value.path.push(word.parse().map_err(|_| self.unknown(value.kind, part))?);
        Ok(vec![Found { place: Place { walk, spot: value.spot(self.schema, *class) }, options: &[] }])
    }

    /// What a link points at may be of several kinds: those which have the attribute count.
    fn linked(&self, link: Value<'s>, rest: &[&str]) -> Result<Vec<Found<'s>>, QueryError> {
        let kinds: Vec<&'s Kind> = link.field.to.iter().filter_map(|name| self.schema.kind(name)).map(|kind| &**kind).collect();
        if kinds.is_empty() {
            return Err(self.unfit(Unfit::AnyKind));
        }
        let via = link.spot(self.schema, Class::Link);
        let walk = |kind: &KindName| Some(Walk { via: via.clone(), kind: kind.clone() });
        let (mut found, mut missing) = (Vec::new(), None);
        for kind in kinds {
            match self.in_kind(kind, rest, walk(&kind.name)) {
                Ok(places) => found.extend(places),
                // What is wrong with an attribute that exists says more than where it does not.
                Err(error) if missing.is_none() || matches!(error, QueryError::UnfitAttribute { .. }) => missing = Some(error),
                Err(_) => {}
            }
        }
        match (found.is_empty(), missing) {
            (true, Some(error)) => Err(error),
            _ => Ok(found),
        }
    }

    fn unfit(&self, why: Unfit) -> QueryError {
        QueryError::UnfitAttribute { attribute: self.attribute.to_owned(), why }
    }

    fn unknown(&self, kind: &Kind, word: &str) -> QueryError {
        let fields = kind.fields.iter().filter(|field| !field.hidden).map(|field| &*field.name);
        self.unknown_among(kind, word, fields.chain(PSEUDO.iter().map(|(word, ..)| *word)))
    }

    fn unknown_among<'a>(&self, kind: &Kind, word: &str, valid: impl Iterator<Item = &'a str>) -> QueryError {
        let attribute = super::error::cut(self.attribute);
        QueryError::UnknownAttribute { attribute, kind: kind.name.to_string(), hint: Hint::for_word(word, valid) }
    }
}

/// A value on the way to being a spot.
struct Value<'s> {
    facet: crate::id::Facet,
    each: Option<FieldName>,
    path: Vec<FieldName>,
    class: Option<Class>,
    field: &'s Field,
    kind: &'s Kind,
}

impl Value<'_> {
    fn spot(self, schema: &Schema, class: Class) -> Spot {
        let merges = |name: &KindName| schema.kind(name).is_some_and(|kind| kind.field(duplicates::FIELD).is_some());
        let merges = class == Class::Link && (self.field.to.is_empty() || self.field.to.iter().any(merges));
        let is_in_rows = self.each.is_some() || self.path.get(1).is_some_and(FieldName::is_first);
        let keyed = class == Class::Text && !is_in_rows && has_keys(self.kind, self.field);
        let options = if class == Class::Word && self.each.is_none() { words(&self.field.options) } else { Arc::default() };
        let holder = match self.each {
            None => {
                let field = self.path.first().unwrap_or(&self.field.name).clone();
                let own = OwnColumn { kind: self.kind.name.clone(), facet: self.facet, field };
                let column = schema.own_columns().contains(&own).then(|| own.name().into());
                Holder::Value { facet: self.facet, path: self.path, column }
            }
            Some(field) => Holder::Each { facet: self.facet, field, path: self.path },
        };
        Spot { holder, class, merges, keyed, options }
    }
}

/// Those of a newer server may be any text: a database reads statements up to a zero only.
fn words(options: &[Choice]) -> Arc<[String]> {
    options.iter().filter(|option| !option.value.contains('\0')).map(|option| option.value.clone()).collect()
}

fn class_of(value: &ValueType) -> Class {
    match value {
        ValueType::String | ValueType::Paragraph | ValueType::Phone | ValueType::Email | ValueType::Url => Class::Text,
        ValueType::Integer => Class::Integer,
        ValueType::Number => Class::Number,
        ValueType::Boolean => Class::Boolean,
        ValueType::Date => Class::Day,
        ValueType::Datetime => Class::Moment,
        ValueType::Choice => Class::Word,
        ValueType::Link => Class::Link,
        ValueType::Geo => Class::Geo,
        ValueType::Money | ValueType::Address | ValueType::Period | ValueType::Unknown(_) => Class::Opaque,
    }
}

fn parts_of(value: &ValueType) -> &'static [(&'static str, Class)] {
    match value {
        ValueType::Money => &[("amount", Class::Integer), ("currency", Class::Word)],
        ValueType::Address => &[
            ("country", Class::Text),
            ("region", Class::Text),
            ("city", Class::Text),
            ("postal_code", Class::Text),
            ("street", Class::Text),
        ],
        ValueType::Period => &[("start", Class::DayOrMoment), ("end", Class::DayOrMoment)],
        ValueType::Geo => &[("lat", Class::Number), ("lon", Class::Number)],
        ValueType::String
        | ValueType::Paragraph
        | ValueType::Integer
        | ValueType::Number
        | ValueType::Boolean
        | ValueType::Date
        | ValueType::Datetime
        | ValueType::Choice
        | ValueType::Link
        | ValueType::Phone
        | ValueType::Email
        | ValueType::Url
        | ValueType::Unknown(_) => &[],
    }
}
