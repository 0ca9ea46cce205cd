//! What a chart is made of: records put together by up to two attributes, and a measure of each group.

use std::collections::BTreeMap;

use sync_core::id::{FieldName, RecordId};
use sync_core::query::{Class, QueryError, Spot};
use sync_core::schema::{Field, Kind, ValueType};

use super::{List, Names, ReadError, Reading, is_summed};
use crate::store::figures::{self, Key, Measured};
use crate::store::grouping;

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
        let weights = weights(&kind, question.measure);
        // The place of each key is fixed: the weights' is the last.
        let mut keys = vec![self.key(&kind, question.by, question.step)?, self.key(&kind, question.split, question.step)?];
        if let Some((field, _)) = &weights {
            keys.push(self.key(&kind, Some(field), question.step)?);
        }
        let measured = self.measured(&kind, question.measure)?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let which = self.which(list, words.as_ref());
        let found = figures::figures(&mut tx, self.store.answers(), which, &keys, measured.as_ref()).await?;
        let all = put_together(found, question.measure, weights.as_ref().map(|(_, weights)| weights));
        let is_link = |key: &&Key| matches!(key, Key::Value(Spot { class: Class::Link, .. }));
        let mut ids: Vec<RecordId> = Vec::new();
        if keys.first().filter(is_link).is_some() {
            ids.extend(all.iter().filter_map(|figure| figure.key.as_deref()?.parse::<RecordId>().ok()));
        }
        if keys.get(1).filter(is_link).is_some() {
            ids.extend(all.iter().filter_map(|figure| figure.split.as_deref()?.parse::<RecordId>().ok()));
        }
        let names = self.names(&mut tx, ids).await?;
        Ok(Figures { all, names })
    }

    fn key(&self, kind: &Kind, attribute: Option<&str>, step: Step) -> Result<Key, ReadError> {
        let Some(attribute) = attribute else { return Ok(Key::All) };
        let spot = self.spot(kind, attribute)?;
        if !grouping::takes(&spot) {
            let why = "cannot be grouped by";
            return Err(ReadError::Query(QueryError::UnfitAttribute { attribute: attribute.to_owned(), why }));
        }
        Ok(match spot.class {
            Class::Day | Class::Moment | Class::DayOrMoment => Key::Span(spot, step),
            Class::Text | Class::Word | Class::Link | Class::Id | Class::Integer | Class::Number | Class::Boolean | Class::Opaque => {
                Key::Value(spot)
            }
        })
    }

    fn measured(&self, kind: &Kind, measure: Measure<'_>) -> Result<Option<Measured>, ReadError> {
        let Some(field) = measure.field() else { return Ok(None) };
        if let Measure::Distinct(_) = measure {
            return Ok(Some(Measured::Distinct(self.spot(kind, &field.name)?)));
        }
        if !is_summed(field) {
            let attribute = field.name.to_string();
            return Err(ReadError::Query(QueryError::UnfitAttribute { attribute, why: "is no number" }));
        }
        let added = self.added(kind, field)?;
        Ok(Some(match measure {
            Measure::Least(_) => Measured::Least(added.number, added.currency),
            Measure::Greatest(_) => Measured::Greatest(added.number, added.currency),
            Measure::Count | Measure::Sum(_) | Measure::Weighted(_) | Measure::Average(_) | Measure::Distinct(_) => {
                Measured::Sum(added.number, added.currency)
            }
        }))
    }
}

/// The field whose options weigh, and what they weigh in percent.
fn weights(kind: &Kind, measure: Measure<'_>) -> Option<(FieldName, BTreeMap<String, f64>)> {
    let (Measure::Weighted(_), Some(board)) = (measure, &kind.board) else { return None };
    let options = &kind.field(&board.by)?.options;
    let weights = options.iter().filter_map(|option| Some((option.value.clone(), f64::from(option.weight?)))).collect();
    Some((board.by.clone(), weights))
}

/// The groups as they are asked for: weighed, averaged, and without the key that only weighs.
fn put_together(found: Vec<figures::Figure>, measure: Measure<'_>, weights: Option<&BTreeMap<String, f64>>) -> Vec<Figure> {
    let mut groups: BTreeMap<[Option<String>; 3], (u64, u64, f64)> = BTreeMap::new();
    for (key, split, weighing, currency, count, having, value) in found {
        let weight = weights.map_or(1.0, |weights| weighing.and_then(|word| weights.get(&word).copied()).unwrap_or_default() / 100.0);
        let number = value.and_then(|text| text.parse::<f64>().ok()).unwrap_or_default() * weight;
        let group = groups.entry([key, split, currency]).or_default();
        *group = (group.0 + count as u64, group.1 + having as u64, group.2 + number);
    }
    let of = |count: u64, having: u64, number: f64| match measure {
        Measure::Count => count as f64,
        Measure::Average(_) if having == 0 => 0.0,
        Measure::Average(_) => number / having as f64,
        Measure::Sum(_) | Measure::Weighted(_) | Measure::Least(_) | Measure::Greatest(_) | Measure::Distinct(_) => number,
    };
    let figure = |([key, split, currency], (count, having, number)): ([Option<String>; 3], (u64, u64, f64))| Figure {
        value: of(count, having, number),
        key,
        split,
        currency,
        count,
    };
    groups.into_iter().map(figure).collect()
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
    fn amounts_are_weighed_by_their_stage_and_kept_apart_by_currency() {
        let deal = Schema::builtin().kind("deal").unwrap();
        let measure = Measure::Weighted(deal.field("amount").unwrap());
        let (by, weights) = weights(deal, measure).unwrap();
        assert_eq!(&*by, "stage");
        let row = |stage: &str, currency: &str, sum: &str| {
            (None, None, Some(stage.to_owned()), Some(currency.to_owned()), 2, 2, Some(sum.to_owned()))
        };
        let found = vec![row("lead", "CNY", "1000"), row("won", "CNY", "50"), row("won", "EUR", "7"), row("lost", "CNY", "9999")];
        let all = put_together(found, measure, Some(&weights));
        let told: Vec<(Option<&str>, u64, f64)> = all.iter().map(|one| (one.currency.as_deref(), one.count, one.value)).collect();
        assert_eq!(told, [(Some("CNY"), 6, 150.0), (Some("EUR"), 2, 7.0)]);
    }

    #[test]
    fn a_mean_is_of_those_that_have_a_value() {
        let deal = Schema::builtin().kind("deal").unwrap();
        let found = vec![(None, None, None, None, 10, 4, Some("100".to_owned()))];
        assert_eq!(put_together(found, Measure::Average(deal.field("amount").unwrap()), None)[0].value, 25.0);
    }
}
