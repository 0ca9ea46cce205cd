//! What a chart is made of: records put together by up to two attributes, and a measure of each group.

use std::collections::BTreeMap;

use serde::Serialize;
use sync_core::actions::currency::Dated;
use sync_core::actions::totals::is_summed;
use sync_core::id::RecordId;
use sync_core::query::grouped::Weights;
use sync_core::query::{Class, Filter, Place, Query, QueryError, Spot, Step, Unfit, with_me};
use sync_core::schema::{Field, Gap, Kind, Label, ValueType};

use super::{List, Names, ReadError, Reading};
use crate::store::figures::{self, Key, Measured};

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
    /// A number added up, for each of the records that those of the group belong to: what an order's customer has bought so
    /// far, on average.
    Each(&'a Field),
    /// How many percent of the records have a gap of their kind: of customers, how many no longer buy.
    Share(&'a Gap),
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
#[derive(Debug, Clone, PartialEq, Serialize)]
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

/// Amounts of several currencies in the workspace's, each by the rate of the day on which its record was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Worth {
    /// The currency.
    pub currency: String,
    /// The groups, one of each key.
    pub all: Vec<Figure>,
    /// Whether any amount had to be converted.
    #[serde(skip)]
    pub is_converted: bool,
    /// Whether some amounts are not in it: nobody knows the rate of their day.
    #[serde(rename = "partial")]
    pub is_partial: bool,
}

/// All groups of a question, in no particular order.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// The groups; with amounts of several currencies there are several of one key.
    pub all: Vec<Figure>,
    /// The same in the workspace's currency, of a measure of amounts.
    pub worth: Option<Worth>,
    /// What the records are called that keys name.
    pub names: Names,
}

impl<'a> Measure<'a> {
    /// The measure of a word and a name: that of a gap for `share`, of a field for the others.
    pub fn named(kind: &'a Kind, word: &str, name: &str) -> Option<Self> {
        if word == "share" {
            return kind.gap(name).map(Measure::Share);
        }
        Some(match (word, kind.field(name)?) {
            ("sum", field) => Measure::Sum(field),
            ("weighted", field) => Measure::Weighted(field),
            ("average", field) => Measure::Average(field),
            ("least", field) => Measure::Least(field),
            ("greatest", field) => Measure::Greatest(field),
            ("distinct", field) => Measure::Distinct(field),
            ("each", field) => Measure::Each(field),
            _ => return None,
        })
    }

    /// The field that is measured.
    pub fn field(self) -> Option<&'a Field> {
        match self {
            Measure::Count | Measure::Share(_) => None,
            Measure::Each(field) => Some(field),
            Measure::Sum(field) | Measure::Weighted(field) | Measure::Average(field) => Some(field),
            Measure::Least(field) | Measure::Greatest(field) | Measure::Distinct(field) => Some(field),
        }
    }

    /// What people call what is measured.
    pub fn label(self) -> Option<&'a Label> {
        if let Measure::Share(gap) = self { Some(&gap.label) } else { self.field().map(|field| &field.label) }
    }

    /// The name of what is measured.
    pub fn name(self) -> Option<&'a str> {
        if let Measure::Share(gap) = self { Some(&gap.name) } else { self.field().map(|field| &*field.name) }
    }

    /// Whether what groups have adds up to what all have.
    pub fn adds_up(self) -> bool {
        match self {
            Measure::Count | Measure::Sum(_) | Measure::Weighted(_) => true,
            Measure::Average(_) | Measure::Least(_) | Measure::Greatest(_) | Measure::Distinct(_) => false,
            Measure::Each(_) | Measure::Share(_) => false,
        }
    }
}

impl Reading {
    /// Measures of the groups of the records that a list finds.
    ///
    /// # Errors
    /// When it looks at what the caller may not see, cannot be grouped so, or the database fails.
    pub async fn figures(&self, list: &List, question: &Question<'_>) -> Result<Figures, ReadError> {
        match question.measure {
            Measure::Each(field) => self.each(list, question, field).await,
            Measure::Share(gap) => self.share(list, question, gap).await,
            Measure::Count | Measure::Sum(_) | Measure::Weighted(_) | Measure::Average(_) => self.groups_of(list, question).await,
            Measure::Least(_) | Measure::Greatest(_) | Measure::Distinct(_) => self.groups_of(list, question).await,
        }
    }

    /// Sums, each divided by how many records those of the group belong to; in each currency by all of them, so that what one
    /// customer is worth in two currencies adds up.
    async fn each(&self, list: &List, question: &Question<'_>, field: &Field) -> Result<Figures, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        let none = || ReadError::Query(QueryError::UnfitAttribute { attribute: field.name.to_string(), why: Unfit::NoPointer });
        let follows = kind.follows().ok_or_else(none)?;
        let mut sums = self.groups_of(list, &Question { measure: Measure::Sum(field), ..*question }).await?;
        let many = self.groups_of(list, &Question { measure: Measure::Distinct(follows), ..*question }).await?;
        let many: BTreeMap<_, f64> = many.all.into_iter().map(|figure| ((figure.key, figure.split), figure.value)).collect();
        let worth = sums.worth.iter_mut().flat_map(|worth| &mut worth.all);
        for figure in sums.all.iter_mut().chain(worth) {
            let many = many.get(&(figure.key.clone(), figure.split.clone())).filter(|many| **many > 0.0);
            figure.value = many.map_or(0.0, |many| figure.value / many);
        }
        Ok(sums)
    }

    async fn share(&self, list: &List, question: &Question<'_>, gap: &Gap) -> Result<Figures, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        let question = Question { measure: Measure::Count, ..*question };
        let conditions = serde_json::from_str(&gap.conditions(gap.days)).unwrap_or_default();
        let has_it = Filter::from_json(self.schema(), &kind.name, &with_me(conditions, self.caller.user))?;
        let query = Query { filter: Filter::All(vec![list.query.filter.clone(), has_it]), ..list.query.clone() };
        let mut all = self.groups_of(list, &question).await?;
        let some = self.groups_of(&List { query, ..list.clone() }, &question).await?;
        let some: BTreeMap<_, f64> = some.all.into_iter().map(|figure| ((figure.key, figure.split), figure.value)).collect();
        for figure in &mut all.all {
            let some = some.get(&(figure.key.clone(), figure.split.clone())).copied().unwrap_or_default();
            figure.value = 100.0 * some / figure.value.max(1.0);
        }
        Ok(all)
    }

    async fn groups_of(&self, list: &List, question: &Question<'_>) -> Result<Figures, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        self.check(&list.query.reads(self.schema()))?;
        let keys = [self.key(&kind, question.by, question.step)?, self.key(&kind, question.split, question.step)?];
        let measured = self.measured(&kind, question.measure)?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let which = self.which(list, words.as_ref());
        let dated = if has_currency(question.measure) { Some(self.dated(&mut tx).await?) } else { None };
        let cuts = dated.as_ref().map(Dated::cuts).unwrap_or_default();
        let found = figures::figures(&mut tx, self.store.answers(), which, &keys, measured.as_ref(), &cuts).await?;
        let links = [0, 1].map(|at| matches!(&keys[at], Key::Value(Place { spot: Spot { class: Class::Link, .. }, .. })));
        let ids: Vec<RecordId> = found.iter().flat_map(|group| linked(group, links)).filter_map(|key| key.parse().ok()).collect();
        let worth = dated.map(|dated| worth(&found, question.measure, &dated));
        let part = |(key, split, currency, _, count, given, measured): figures::Figure| {
            ((key, split, currency), Part { count, given, measured: measured.and_then(|text| text.parse().ok()) })
        };
        let all = together(found.into_iter().map(part), question.measure);
        let names = self.names(&mut tx, ids).await?;
        Ok(Figures { all, worth, names })
    }

    fn key(&self, kind: &Kind, attribute: Option<&str>, step: Step) -> Result<Key, ReadError> {
        let Some(attribute) = attribute else { return Ok(Key::All) };
        let place = self.place(kind, attribute)?;
        Ok(match place.spot.class {
            Class::Day | Class::Moment | Class::DayOrMoment => Key::Span(place, step),
            Class::Text
            | Class::Word
            | Class::Link
            | Class::Id
            | Class::Integer
            | Class::Number
            | Class::Boolean
            | Class::Geo
            | Class::Opaque => Key::Value(place),
        })
    }

    /// What the options of a kind's board weigh; none without a board.
    fn weights(&self, kind: &Kind) -> Result<Option<Weights>, ReadError> {
        let weights = Weights::of(self.schema(), kind)?;
        self.check(&weights.iter().filter_map(|weights| weights.by.read(&kind.name)).collect::<Vec<_>>())?;
        Ok(weights)
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
            _ => Measured::Sum(added.number, added.currency),
        }))
    }
}

/// The keys of a group that name records.
fn linked(group: &figures::Figure, links: [bool; 2]) -> impl Iterator<Item = &String> {
    let (first, second) = (group.0.as_ref().filter(|_| links[0]), group.1.as_ref().filter(|_| links[1]));
    first.into_iter().chain(second)
}

/// What tells groups apart: the two keys and the currency.
type Keys = (Option<String>, Option<String>, Option<String>);

/// What is known of a group, or of those of its records that were made in some days.
#[derive(Debug, Clone, Copy)]
struct Part {
    count: i64,
    given: i64,
    measured: Option<f64>,
}

impl Part {
    fn add(&mut self, other: Part, measure: Measure<'_>) {
        self.count += other.count;
        self.given += other.given;
        self.measured = match (self.measured, other.measured) {
            (Some(mine), Some(others)) => Some(match measure {
                Measure::Least(_) => mine.min(others),
                Measure::Greatest(_) => mine.max(others),
                Measure::Count | Measure::Sum(_) | Measure::Weighted(_) | Measure::Average(_) => mine + others,
                Measure::Distinct(_) | Measure::Each(_) | Measure::Share(_) => mine + others,
            }),
            (mine, others) => mine.or(others),
        };
    }

    /// A group as it is asked for.
    fn figure(self, (key, split, currency): Keys, measure: Measure<'_>) -> Figure {
        let number = self.measured.unwrap_or_default();
        let value = match measure {
            Measure::Count | Measure::Share(_) => self.count as f64,
            Measure::Average(_) if self.given == 0 => 0.0,
            Measure::Average(_) => number / self.given as f64,
            Measure::Sum(_) | Measure::Weighted(_) | Measure::Least(_) | Measure::Greatest(_) => number,
            Measure::Distinct(_) | Measure::Each(_) => number,
        };
        Figure { key, split, currency, count: self.count as u64, value }
    }
}

/// Groups of which the records were made in days of several rates, each as one again.
fn together(parts: impl Iterator<Item = (Keys, Part)>, measure: Measure<'_>) -> Vec<Figure> {
    let mut groups: BTreeMap<Keys, Part> = BTreeMap::new();
    for (keys, part) in parts {
        groups.entry(keys).and_modify(|group| group.add(part, measure)).or_insert(part);
    }
    groups.into_iter().map(|(keys, part)| part.figure(keys, measure)).collect()
}

/// Groups in the workspace's currency. What cannot be converted counts as a record, and adds nothing.
fn worth(found: &[figures::Figure], measure: Measure<'_>, dated: &Dated) -> Worth {
    let home = &dated.rates.home;
    let mut worth = Worth { currency: home.clone(), ..Worth::default() };
    let mut parts: Vec<(Keys, Part)> = Vec::new();
    for (key, split, currency, period, count, given, measured) in found {
        let minor = measured.as_ref().and_then(|text| text.parse().ok());
        let converted = currency.as_ref().zip(minor).map(|(currency, minor)| dated.convert(minor, currency, *period));
        let is_there = matches!(converted, Some(Some(_)));
        worth.is_partial |= converted == Some(None);
        worth.is_converted |= is_there && currency.as_ref() != Some(home);
        let given = if is_there { *given } else { 0 };
        let part = Part { count: *count, given, measured: converted.flatten().map(|minor| minor as f64) };
        parts.push(((key.clone(), split.clone(), Some(home.clone())), part));
    }
    worth.all = together(parts.into_iter(), measure);
    worth
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
        let amount = Schema::builtin().kind("deal").unwrap().field("amount").unwrap();
        let part = Part { count: 10, given: 4, measured: Some(100.0) };
        assert_eq!(part.figure((None, None, None), Measure::Average(amount)).value, 25.0);
    }

    #[test]
    fn what_was_made_in_days_of_several_rates_is_one_group_again() {
        let amount = Schema::builtin().kind("deal").unwrap().field("amount").unwrap();
        let parts = || {
            [(3, Some(30.0)), (1, None), (2, Some(50.0))]
                .map(|(count, measured)| ((None, None, None), Part { count, given: if measured.is_some() { count } else { 0 }, measured }))
        };
        for (measure, value) in [
            (Measure::Sum(amount), 80.0),
            (Measure::Average(amount), 16.0),
            (Measure::Least(amount), 30.0),
            (Measure::Greatest(amount), 50.0),
        ] {
            let all = together(parts().into_iter(), measure);
            assert_eq!(all.iter().map(|figure| (figure.count, figure.value)).collect::<Vec<_>>(), [(6, value)], "{measure:?}");
        }
    }
}
