//! Which records of a kind a rule is about: a filter over what everybody sees of them.
//!
//! Asked with the same answer on phone and server, so it looks at nothing that they might know
//! differently: no clock, no other record, no facet but main.

use serde_json::{Map, Value};

use crate::id::Facet;
use crate::query::{Context, Filter, Holder, NoLinks, Place, Row, Test, matches};
use crate::schema::Schema;

/// A condition of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    filter: Filter,
}

impl Condition {
    /// Reads the filter language's JSON, checked against the kind.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(schema: &Schema, kind: &str, text: &str) -> Result<Self, String> {
        let filter = Filter::parse(schema, kind, text).map_err(|error| error.to_string())?;
        plain(&filter)?;
        Ok(Self { text: text.trim().to_owned(), filter })
    }

    /// The filter as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a record with this main row is meant.
    pub fn holds(&self, main: &Map<String, Value>) -> bool {
        matches(&self.filter, &Context { now: 0, offset_minutes: 0 }, &Row::of(main), &NoLinks)
    }
}

fn plain(filter: &Filter) -> Result<(), &'static str> {
    match filter {
        Filter::All(inner) | Filter::Any(inner) => inner.iter().try_for_each(plain),
        Filter::Not(inner) => plain(inner),
        Filter::Pointed(_) => Err("a rule looks at the record itself, not at others that point at it"),
        Filter::Is(condition) => {
            place(&condition.place)?;
            match condition.test {
                Test::When(_) => Err("a rule cannot depend on the date: phones are without a network for days"),
                Test::Present | Test::OneOf(_) | Test::Range { .. } | Test::Text(..) => Ok(()),
            }
        }
    }
}

fn place(place: &Place) -> Result<(), &'static str> {
    if place.walk.is_some() {
        return Err("a rule looks at the record itself, not at others that it links to");
    }
    match &place.spot.holder {
        Holder::Value { facet: Facet::Main, .. } | Holder::Each { facet: Facet::Main, .. } => Ok(()),
        Holder::Value { .. } | Holder::Each { .. } => Err("a rule looks at general data, which everybody who sees the record has"),
        Holder::Id | Holder::Archived | Holder::CreatedAt | Holder::UpdatedAt => Err("a rule looks at fields"),
    }
}
