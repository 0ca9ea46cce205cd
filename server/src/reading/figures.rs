//! What a chart is made of: records put together by up to two attributes, and a measure of each group.

use sync_core::id::RecordId;
use sync_core::query::{Class, QueryError, Spot, Unfit};
use sync_core::schema::{Field, Kind, ValueType};

use super::{List, Names, ReadError, Reading, is_summed};
use crate::store::figures::{self, Key, Measured};
use crate::store::grouping::{self, Weights};

pub use crate::store::figures::Step;

/// What is said about each group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure<'a> {
    /// How many records.
    Count,
    /// A number of theirs, added up.
    Sum(&'a Field),
    /// The same, weighed by how likely it comes true: the weights of the options of the kind's board.
    Weighted(&'a Field),
    /// Its mean among those that have one.
    Average(&'a Field),
    /// The smallest.
    Least(&'a Field),
    /// The largest.
    Greatest(&'a Field),
    /// How many different values.
    Distinct(&'a Field),
}

/// What to put together, and what to measure.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// An attribute with one value, or none for all records together.
    pub by: Option<&'a str>,
    /// A second one.
    pub split: Option<&'a str>,
    /// The span that days and moments are put together in.
    pub step: Step,
    /// The measure.
    pub measure: Measure<'a>,
}

/// A group with its measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The value of `by`; none where there is no value.
    pub key: Option<String>,
    /// The value of `split`.
    pub split: Option<String>,
    /// Of an amount.
    pub currency: Option<String>,
    /// How many records.
    pub count: u64,
    /// The measure; minor units of an amount: whole up to 2⁵³, far beyond any sum of money.
    pub value: f64,
}

/// All groups of a question, in no particular order.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// The groups; with amounts of several currencies there are several of one key.
    pub all: Vec<Figure>,
    /// What the records are called that keys name.
    pub names: Names,
}

impl<'a> Measure<'a> {
    /// The field that is measured.
    pub fn field(self) -> Option<&'a Field> {
        match self {
            Measure::Count => None,
            Measure::Sum(field) | Measure::Weighted(field) | Measure::Average(field) => Some(field),
            Measure::Least(field) | Measure::Greatest(field) | Measure::Distinct(field) => Some(field),
        }
    }

    /// Whether what groups have adds up to what all have.
    pub fn adds_up(self) -> bool {
        match self {
            Measure::Count | Measure::Sum(_) | Measure::Weighted(_) => true,
            Measure::Average(_) | Measure::Least(_) | Measure::Greatest(_) | Measure::Distinct(_) => false,
        }
    }
}

impl Reading {
    /// Measures of the groups of the records that a list finds.
    ///
    /// # Errors
    /// When it looks at what the caller may not see, cannot be grouped so, or the database fails.
    pub async fn figures(&self, list: &List, question: &Question<'_>) -> Result<Figures, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        self.check(&list.query.reads(self.schema()))?;
        let keys = [self.key(&kind, question.by, question.step)?, self.key(&kind, question.split, question.step)?];
        let measured = self.measured(&kind, question.measure)?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let which = self.which(list, words.as_ref());
        let found = figures::figures(&mut tx, self.store.answers(), which, &keys, measured.as_ref()).await?;
        let links = [0, 1].map(|at| matches!(keys[at], Key::Value(Spot { class: Class::Link, .. })));
        let ids: Vec<RecordId> = found.iter().flat_map(|group| linked(group, links)).filter_map(|key| key.parse().ok()).collect();
        let all = found.into_iter().map(|group| figure(group, question.measure)).collect();
        let names = self.names(&mut tx, ids).await?;
        Ok(Figures { all, names })
    }

    fn key(&self, kind: &Kind, attribute: Option<&str>, step: Step) -> Result<Key, ReadError> {
        let Some(attribute) = attribute else { return Ok(Key::All) };
        let spot = self.spot(kind, attribute)?;
        if !grouping::takes(&spot) {
            let why = Unfit::NoGroup;
            return Err(ReadError::Query(QueryError::UnfitAttribute { attribute: attribute.to_owned(), why }));
        }
        Ok(match spot.class {
            Class::Day | Class::Moment | Class::DayOrMoment => Key::Span(spot, step),
            Class::Text | Class::Word | Class::Link | Class::Id | Class::Integer | Class::Number | Class::Boolean | Class::Opaque => {
                Key::Value(spot)
            }
        })
    }

    /// What the options of a kind's board weigh; none without a board.
    pub(super) fn weights(&self, kind: &Kind) -> Result<Option<Weights>, ReadError> {
        let Some((board, field)) = kind.board.as_ref().and_then(|board| Some((board, kind.field(&board.by)?))) else { return Ok(None) };
        let by = self.spot(kind, &board.by)?;
        let percents = field.options.iter().filter_map(|option| Some((option.value.clone(), option.weight?)));
        // What a database cannot be told is no option of the spot either.
        let percents = percents.filter(|(word, _)| by.options.contains(word)).collect();
        Ok(Some(Weights { by, percents }))
    }

    fn measured(&self, kind: &Kind, measure: Measure<'_>) -> Result<Option<Measured>, ReadError> {
        let Some(field) = measure.field() else { return Ok(None) };
        if let Measure::Distinct(_) = measure {
            return Ok(Some(Measured::Distinct(self.spot(kind, &field.name)?)));
        }
        if !is_summed(field) {
            let attribute = field.name.to_string();
            return Err(ReadError::Query(QueryError::UnfitAttribute { attribute, why: Unfit::NoNumber }));
        }
        let added = self.added(kind, field)?;
        let weights = if matches!(measure, Measure::Weighted(_)) { self.weights(kind)? } else { None };
        Ok(Some(match (measure, weights) {
            (_, Some(weights)) => Measured::Weighed(added.number, added.currency, weights),
            (Measure::Least(_), None) => Measured::Least(added.number, added.currency),
            (Measure::Greatest(_), None) => Measured::Greatest(added.number, added.currency),
            (Measure::Count | Measure::Sum(_) | Measure::Weighted(_) | Measure::Average(_) | Measure::Distinct(_), None) => {
                Measured::Sum(added.number, added.currency)
            }
        }))
    }
}

/// The keys of a group that name records.
fn linked(group: &figures::Figure, links: [bool; 2]) -> impl Iterator<Item = &String> {
    let (first, second) = (group.0.as_ref().filter(|_| links[0]), group.1.as_ref().filter(|_| links[1]));
    first.into_iter().chain(second)
}

/// A group as it is asked for.
fn figure((key, split, currency, count, having, measured): figures::Figure, measure: Measure<'_>) -> Figure {
    let number = measured.and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    let value = match measure {
        Measure::Count => count as f64,
        Measure::Average(_) if having == 0 => 0.0,
        Measure::Average(_) => number / having as f64,
        Measure::Sum(_) | Measure::Weighted(_) | Measure::Least(_) | Measure::Greatest(_) | Measure::Distinct(_) => number,
    };
    Figure { key, split, currency, count: count as u64, value }
}

/// Whether a field's amounts have a currency each.
pub fn has_currency(measure: Measure<'_>) -> bool {
    !matches!(measure, Measure::Distinct(_)) && measure.field().is_some_and(|field| field.value == ValueType::Money)
}

#[cfg(test)]
mod tests {
    use sync_core::schema::Schema;

    use super::*;

    #[test]
    fn a_mean_is_of_those_that_have_a_value() {
        let deal = Schema::builtin().kind("deal").unwrap();
        let found = (None, None, None, 10, 4, Some("100".to_owned()));
        assert_eq!(figure(found, Measure::Average(deal.field("amount").unwrap())).value, 25.0);
    }
}
