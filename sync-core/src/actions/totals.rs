//! Counts and sums of the records of a query, all together or by the value of an attribute: what may be asked, what that comes to,
//! and how what a database answers is put together. The same on phone and server.
//!
//! Runs no SQL: [`crate::query::grouped`] writes what is to be asked, and whoever has the records asks it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::currency::Dated;
use super::decimal;
use crate::collation;
use crate::id::{FieldName, KindName, RecordId};
use crate::query::grouped::{Added, By, Counted, Summed, Weights};
use crate::query::{Excess, Hint, Place, QueryError, Read, Step, Unfit, cut};
use crate::schema::{Field, Kind, Merge, Schema, ValueType};

/// Groups of one answer: more are no overview.
pub const GROUPS_MAX: usize = 200;

/// Numbers added up in one answer: each costs a walk over all records.
pub const SUMS_MAX: usize = 4;

/// What to put together, and what to add up.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// An attribute with one value, or none for all records together.
    pub by: Option<&'a str>,
    /// The span that days and moments are put together in.
    pub step: Step,
    /// Fields of numbers or amounts.
    pub sums: Vec<&'a Field>,
    /// The field that counts in their place where a record has none of them.
    pub instead: Option<&'a Field>,
}

/// What is to be asked of a database, so that it answers a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What records are put together by.
    pub by: By,
    /// Each field that is added up.
    pub sums: Vec<(FieldName, Added)>,
    step: Step,
}

/// Records that have the same value.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The value as text; `2026-05` for a month; none where there is no value.
    pub key: Option<String>,
    /// How many.
    pub count: u64,
    /// Each field's sums.
    pub sums: BTreeMap<FieldName, Vec<Sum>>,
    /// What of each field's sums counts by the weights of the board, where records are put together by its options.
    #[serde(skip)]
    pub weighted: BTreeMap<FieldName, Vec<Sum>>,
    /// Sums of several currencies in the workspace's, by the rates of the days when the records were made.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub home: BTreeMap<FieldName, Home>,
}

/// What a field adds up to in the workspace's currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    /// The currency.
    pub currency: String,
    /// In minor units.
    pub sum: i64,
    /// Whether some amounts are not in it: nobody knows the rate of their day.
    pub partial: bool,
    /// Whether anything had to be converted.
    #[serde(skip)]
    converted: bool,
}

/// What a field adds up to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sum {
    /// Of an amount: its currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// As a decimal text; minor units of an amount.
    pub sum: String,
}

/// A record as a link names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Linked {
    /// The record.
    pub id: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// Its title.
    pub title: String,
    /// Whether it is archived.
    pub archived: bool,
}

/// What the records that links lead to are called; those out of sight are missing.
pub type Names = BTreeMap<RecordId, Linked>;

/// All groups.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// The groups: the largest first, those of a size as lists are ordered; or in the order of time.
    pub groups: Vec<Group>,
    /// All together, those beyond [`GROUPS_MAX`] too.
    pub all: Group,
    /// What the records are called that keys name.
    pub names: Names,
    /// Whether there are more groups than are named.
    pub cut: bool,
    /// Keys that records still have, and the key of the group that they are in.
    #[serde(skip)]
    merged: HashMap<String, String>,
}

/// Answers of a database on their way to be totals.
#[derive(Debug)]
pub struct Adding<'a> {
    plan: &'a Plan,
    merged: HashMap<String, String>,
    groups: BTreeMap<Option<String>, Group>,
}

/// Whether a field can be added up.
pub fn is_summed(field: &Field) -> bool {
    let is_one =
        matches!(field.merge, Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Counter | Merge::Derived);
    is_one && !field.hidden && matches!(field.value, ValueType::Money | ValueType::Integer | ValueType::Number)
}

impl<'a> Asked<'a> {
    /// The question that somebody puts in words.
    ///
    /// # Errors
    /// When a sum is of no field of the kind, or of one that cannot be added up, or there are too many.
    pub fn named(kind: &'a Kind, by: Option<&'a str>, step: Step, sums: &[String]) -> Result<Self, QueryError> {
        if sums.len() > SUMS_MAX {
            return Err(QueryError::TooMuch { what: Excess::Sums, limit: SUMS_MAX });
        }
        let summed = || kind.fields.iter().filter(|field| is_summed(field)).map(|field| &*field.name);
        let unknown = |name: &str| {
            let hint = Hint::for_word(name, summed());
            QueryError::UnknownAttribute { attribute: cut(name), kind: kind.name.to_string(), hint }
        };
        let field = |name: &String| match kind.field(name) {
            Some(field) if is_summed(field) => Ok(field),
            Some(_) => Err(QueryError::UnfitAttribute { attribute: cut(name), why: Unfit::NoNumber }),
            None => Err(unknown(name)),
        };
        Ok(Self { by, step, sums: sums.iter().map(field).collect::<Result<_, _>>()?, instead: None })
    }
}

impl Plan {
    /// What a question comes to. What cannot be added up, or not by whoever asks (`may_read`), is left out.
    ///
    /// # Errors
    /// When records cannot be put together so.
    pub fn of(schema: &Schema, kind: &Kind, asked: &Asked<'_>, may_read: impl Fn(&Field) -> bool) -> Result<Self, QueryError> {
        let by = asked.by.map(|attribute| Place::of(schema, kind, attribute)).transpose()?.map_or(By::Nothing, By::of);
        let instead = asked.instead.map(|field| Added::of(schema, kind, field)).transpose()?.map(Box::new);
        let added = |field: &Field| {
            let is_weighed =
                kind.board.as_ref().is_some_and(|board| asked.by == Some(&*board.by) && board.sum.as_ref() == Some(&field.name));
            let weights = if is_weighed { Weights::of(schema, kind)? } else { None };
            let weights = weights.filter(|weights| weights.percents.iter().any(|(_, percent)| *percent > 0));
            Ok((field.name.clone(), Added { weights, instead: instead.clone(), ..Added::of(schema, kind, field)? }))
        };
        let summed = asked.sums.iter().filter(|field| is_summed(field) && may_read(field)).take(SUMS_MAX);
        let sums = summed.map(|field| added(field)).collect::<Result<_, QueryError>>()?;
        Ok(Self { by, sums, step: asked.step })
    }

    /// The fields that it looks at, besides those of the query.
    pub fn reads(&self, kind: &KindName) -> Vec<Read> {
        let by = self.by.place().into_iter().flat_map(|place| place.reads(kind));
        by.chain(self.sums.iter().flat_map(|(_, added)| added.reads(kind))).collect()
    }

    /// Whether amounts are among what is added up: they are told in the workspace's currency, too.
    pub fn has_amounts(&self) -> bool {
        self.sums.iter().any(|(_, added)| added.currency.is_some())
    }

    /// The group of what a database tells of a record.
    fn key(&self, told: String, merged: &HashMap<String, String>) -> String {
        match self.by.is_time() {
            true => self.step.key_of(&told),
            false => merged.get(&told).cloned().unwrap_or(told),
        }
    }
}

impl Home {
    fn of(currency: &str) -> Self {
        Self { currency: currency.to_owned(), ..Self::default() }
    }

    fn add(&mut self, currency: &str, worth: Option<i64>) {
        match worth {
            Some(worth) => self.sum = self.sum.saturating_add(worth),
            None => self.partial = true,
        }
        self.converted |= worth.is_some() && currency != self.currency;
    }

    fn merge(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.partial |= other.partial;
        self.converted |= other.converted;
    }
}

impl Sum {
    fn add(sums: &mut Vec<Sum>, currency: Option<&str>, sum: &str) {
        match sums.iter_mut().find(|known| known.currency.as_deref() == currency) {
            Some(known) => known.sum = decimal::plus(&known.sum, sum),
            None => sums.push(Sum { currency: currency.map(str::to_owned), sum: decimal::plus("0", sum) }),
        }
    }
}

impl Group {
    fn add(&mut self, other: &Group) {
        self.count += other.count;
        for (mine, others) in [(&mut self.sums, &other.sums), (&mut self.weighted, &other.weighted)] {
            for (field, sums) in others {
                let mine = mine.entry(field.clone()).or_default();
                sums.iter().for_each(|sum| Sum::add(mine, sum.currency.as_deref(), &sum.sum));
            }
        }
        for (field, home) in &other.home {
            self.home.entry(field.clone()).or_insert_with(|| Home::of(&home.currency)).merge(home);
        }
    }
}

impl<'a> Adding<'a> {
    /// Begins with how many records each group has. `merged`: the records that stand for others, where those are what records
    /// are put together by: what points at one is in the group of the one that stands for it, as filters find it there.
    pub fn of(plan: &'a Plan, counted: Vec<Counted>, merged: HashMap<String, String>) -> Self {
        let mut adding = Self { plan, merged, groups: BTreeMap::new() };
        for (told, count) in counted {
            adding.group(told).count += u64::try_from(count).unwrap_or(0);
        }
        adding
    }

    fn group(&mut self, told: Option<String>) -> &mut Group {
        let key = told.map(|told| self.plan.key(told, &self.merged));
        self.groups.entry(key).or_default()
    }

    /// Adds what a field comes to.
    pub fn add(&mut self, field: &FieldName, found: Vec<Summed>, dated: Option<&Dated>) {
        for (told, currency, period, sum, weighed) in found {
            let group = self.group(told);
            Sum::add(group.sums.entry(field.clone()).or_default(), currency.as_deref(), &sum);
            if let Some(weighed) = weighed {
                Sum::add(group.weighted.entry(field.clone()).or_default(), currency.as_deref(), &weighed);
            }
            if let Some((currency, dated)) = currency.zip(dated) {
                let home = group.home.entry(field.clone()).or_insert_with(|| Home::of(&dated.rates.home));
                home.add(&currency, sum.parse().ok().and_then(|minor| dated.convert(minor, &currency, period)));
            }
        }
    }

    /// The groups in order; those of records by their ids, until [`Totals::call`] says what they are called.
    pub fn totals(self) -> Totals {
        let mut totals = Totals::of(self.groups, self.plan.by.is_time());
        totals.keep_useful_homes();
        totals.merged = self.merged;
        totals
    }
}

impl Totals {
    /// The records that keys name.
    pub fn records(&self) -> Vec<RecordId> {
        self.groups.iter().filter_map(|group| group.key.as_deref()?.parse().ok()).collect()
    }

    /// Says what the records are called that keys name. Groups of a size come by that: an id says nothing to anybody.
    pub fn call(&mut self, names: Names) {
        self.names = names;
        let names = &self.names;
        let title = |key: &String| Some(collation::owned_order(&names.get(&key.parse::<RecordId>().ok()?)?.title));
        self.groups.sort_by_cached_key(|group| {
            let title = group.key.as_ref().and_then(title);
            // What is out of sight has no name here, and comes behind those of its size that have one.
            (group.key.is_none(), Reverse(group.count), title.is_none(), title)
        });
    }

    /// The group of a record, by what a database tells of it.
    pub fn key_of(&self, plan: &Plan, told: String) -> String {
        plan.key(told, &self.merged)
    }

    /// A sum that is in the workspace's currency anyway, or that nobody knows the rates of, says nothing more.
    fn keep_useful_homes(&mut self) {
        for group in self.groups.iter_mut().chain([&mut self.all]) {
            group.home.retain(|_, home| home.converted);
        }
    }

    fn of(groups: BTreeMap<Option<String>, Group>, is_time: bool) -> Self {
        let groups = groups.into_iter().map(|(key, group)| Group { key, ..group }).collect();
        let mut totals = Totals { groups, ..Totals::default() };
        for group in &totals.groups {
            totals.all.add(group);
        }
        match is_time {
            // Those without a day come last.
            true => totals.groups.sort_by(|a, b| (a.key.is_none(), &a.key).cmp(&(b.key.is_none(), &b.key))),
            false => totals.groups.sort_by_cached_key(|group| {
                let name = group.key.as_deref().map(collation::owned_order);
                (name.is_none(), Reverse(group.count), name)
            }),
        }
        totals.cut = totals.groups.len() > GROUPS_MAX;
        totals.groups.truncate(GROUPS_MAX);
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> RecordId {
        RecordId::of_cause(name)
    }

    #[test]
    fn groups_of_a_size_come_by_name_and_those_out_of_sight_behind_them() {
        let linked =
            |title: &str| (id(title), Linked { id: id(title), kind: "party".parse().unwrap(), title: title.into(), archived: false });
        let group = |name: Option<&str>, count| Group { key: name.map(|name| id(name).to_string()), count, ..Group::default() };
        let groups =
            vec![group(None, 9), group(Some("hidden"), 2), group(Some("Cedar"), 2), group(Some("Acme"), 2), group(Some("Birch"), 3)];
        let mut totals = Totals { groups, ..Totals::default() };
        totals.call(["Acme", "Birch", "Cedar"].map(linked).into());
        assert_eq!(
            totals.groups,
            ["Birch", "Acme", "Cedar", "hidden"]
                .map(|name| group(Some(name), if name == "Birch" { 3 } else { 2 }))
                .into_iter()
                .chain([group(None, 9)])
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_has_no_day_comes_last_however_much_it_is() {
        let mut groups = BTreeMap::new();
        groups.insert(None, Group { count: 9, ..Group::default() });
        groups.insert(Some("2026-05".to_owned()), Group { count: 1, ..Group::default() });
        let totals = Totals::of(groups, true);
        assert_eq!((totals.all.count, totals.groups[0].count, totals.groups[1].key.clone()), (10, 1, None));
    }

    #[test]
    fn a_question_in_words_is_answered_with_what_is_wrong_in_it() {
        let schema = Schema::builtin();
        let deal = schema.kind("deal").unwrap();
        let asked = |sums: &[&str]| {
            let sums: Vec<String> = sums.iter().map(|name| (*name).to_owned()).collect();
            Asked::named(deal, Some("stage"), Step::Month, &sums).map(|asked| asked.sums.len()).map_err(|error| error.words())
        };
        assert_eq!(asked(&["amount"]), Ok(1));
        for (sums, said) in [
            (&["amonut"][..], ["`amonut`; did you mean `amount`?", "是不是“amount”"]),
            (&["title"], ["`title` is no number", "“title”不是数字"]),
            (&["amount"; SUMS_MAX + 1], ["sums: at most 4", "合计的个数最多为 4"]),
        ] {
            let words = asked(sums).unwrap_err();
            assert!(words.en.contains(said[0]) && words.zh.contains(said[1]), "{sums:?}: {words:?}");
        }
        let plan = |by: &str| Plan::of(schema, deal, &Asked { by: Some(by), ..Asked::default() }, |_| true);
        for unfit in ["tags", "id", "amount", "people.role"] {
            assert!(matches!(plan(unfit), Err(QueryError::UnfitAttribute { .. })), "{unfit}: {:?}", plan(unfit));
        }
        assert!(plan("party.industry").is_ok() && plan("createdAt").is_ok() && plan("archived").is_ok());
    }
}
