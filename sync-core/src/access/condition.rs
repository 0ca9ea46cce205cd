//! Which records of a kind a rule is about: a filter over what everybody sees of them.
//!
//! Asked with the same answer on phone and server, so it looks at nothing that they might know
//! differently: no clock, no other record, no facet but main.

use serde_json::{Map, Value};

use crate::id::Facet;
use crate::query::{Context, Filter, Holder, NoLinks, Place, QueryError, Row, Test, matches};
use crate::schema::{Label, Schema};

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
    /// [`BadCondition`]: what is wrong with it.
    pub fn parse(schema: &Schema, kind: &str, text: &str) -> Result<Self, BadCondition> {
        let filter = Filter::parse(schema, kind, text)?;
        plain(&filter)?;
        Ok(Self { text: text.trim().to_owned(), filter })
    }

    /// The filter as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether a record with this main row is meant.
    pub fn holds(&self, main: &Map<String, Value>) -> bool {
        matches(&self.filter, &Context { now: 0, offset_minutes: 0 }, &Row::of(main), &NoLinks)
    }
}

/// A filter that no rule can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCondition {
    /// It is no filter of the kind.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Phones do not hold all that points at a record.
    #[error("a rule looks at the record itself, not at others that point at it")]
    Pointing,
    /// Nor all that a record links to.
    #[error("a rule looks at the record itself, not at others that it links to")]
    Linked,
    /// The clock of a phone is not the server's.
    #[error("a rule cannot depend on the date: phones are without a network for days")]
    Date,
    /// Not everybody who sees the record has the other facets.
    #[error("a rule looks at general data, which everybody who sees the record has")]
    NotGeneral,
    /// What a record is, beside its fields, differs from place to place.
    #[error("a rule looks at fields")]
    NoField,
}

impl BadCondition {
    /// What a person reads.
    pub fn words(&self) -> Label {
        let zh = match self {
            BadCondition::Query(error) => error.message_zh(),
            BadCondition::Pointing => "规则只看记录自身，不看关联到它的记录".to_owned(),
            BadCondition::Linked => "规则只看记录自身，不看它关联的记录".to_owned(),
            BadCondition::Date => "规则不能取决于日期：手机可能好几天没有网络".to_owned(),
            BadCondition::NotGeneral => "规则只看一般信息，即凡能看到该记录的人都有的信息".to_owned(),
            BadCondition::NoField => "规则只看字段".to_owned(),
        };
        Label { en: self.to_string(), zh }
    }
}

fn plain(filter: &Filter) -> Result<(), BadCondition> {
    match filter {
        Filter::All(inner) | Filter::Any(inner) => inner.iter().try_for_each(plain),
        Filter::Not(inner) => plain(inner),
        Filter::Pointed(_) => Err(BadCondition::Pointing),
        Filter::Is(condition) => {
            place(&condition.place)?;
            match condition.test {
                Test::When(_) => Err(BadCondition::Date),
                Test::Present | Test::OneOf(_) | Test::Range { .. } | Test::Text(..) | Test::Near(_) => Ok(()),
            }
        }
    }
}

fn place(place: &Place) -> Result<(), BadCondition> {
    if place.walk.is_some() {
        return Err(BadCondition::Linked);
    }
    match &place.spot.holder {
        Holder::Value { facet: Facet::Main, .. } | Holder::Each { facet: Facet::Main, .. } => Ok(()),
        Holder::Value { .. } | Holder::Each { .. } => Err(BadCondition::NotGeneral),
        Holder::Id | Holder::Archived | Holder::CreatedAt | Holder::UpdatedAt => Err(BadCondition::NoField),
    }
}
