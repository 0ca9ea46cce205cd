//! Counts and sums of a list, all together or by the value of an attribute.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sync_core::collation;
use sync_core::id::{FieldName, Millis, RecordId};
use sync_core::query::{Class, Offer, Place, QueryError, Spot, Unfit, groupings};
use sync_core::schema::{Field, Kind, ValueType};

use super::dated::Dated;
use super::{Days, List, Names, ReadError, Reading, Step, decimal};
use crate::store::grouping;
use crate::store::totals::{self, Added, By};

/// Groups of one answer: more are no overview.
pub const GROUPS_MAX: usize = 200;

/// Numbers added up in one answer: each costs a walk over all records.
const SUMS_MAX: usize = 4;

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

/// All groups.
#[derive(Debug, Clone, Default, Serialize)]
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

/// Whether a field can be added up.
pub fn is_summed(field: &Field) -> bool {
    use sync_core::schema::Merge;
    let is_one =
        matches!(field.merge, Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Counter | Merge::Derived);
    is_one && !field.hidden && matches!(field.value, ValueType::Money | ValueType::Integer | ValueType::Number)
}

impl Reading {
    /// Counts and sums of the records that a list finds.
    ///
    /// # Errors
    /// When it looks at what the caller may not see, cannot be grouped so, or the database fails.
    pub async fn totals(&self, list: &List, asked: &Asked<'_>) -> Result<Totals, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        let (by, is_time) = self.by(&kind, asked.by)?;
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let which = self.which(list, words.as_ref());
        let is_money = asked.sums.iter().copied().chain(asked.instead).any(|field| field.value == ValueType::Money);
        let dated = if is_money { Some(Dated::of(&mut tx, self.workspace).await?) } else { None };
        let cuts = dated.as_ref().map(Dated::cuts).unwrap_or_default();
        let mut groups: BTreeMap<Option<String>, Group> = BTreeMap::new();
        let counted = totals::counts(&mut tx, self.store.answers(), which, &by).await?;
        // What points at a merged record is in the group of the one that stands for it, as filters find it there.
        let merged = match is_link(&by) {
            true => self.merged(&mut tx, counted.iter().filter_map(|(key, _)| key.as_ref())).await?,
            false => HashMap::new(),
        };
        let key_of =
            |key: Option<String>| key.map(|key| if is_time { spanned(&key, asked.step) } else { merged.get(&key).cloned().unwrap_or(key) });
        for (key, count) in counted {
            groups.entry(key_of(key)).or_default().count += count;
        }
        let summed: Vec<&Field> =
            asked.sums.iter().copied().filter(|field| is_summed(field) && self.may_read(&kind, &field.name)).collect();
        for field in summed.into_iter().take(SUMS_MAX) {
            let is_weighed =
                kind.board.as_ref().is_some_and(|board| asked.by == Some(&*board.by) && board.sum.as_ref() == Some(&field.name));
            let weights = if is_weighed {
                self.weights(&kind)?.filter(|weights| weights.percents.iter().any(|(_, percent)| *percent > 0))
            } else {
                None
            };
            let instead = asked.instead.map(|field| self.added(&kind, field)).transpose()?.map(Box::new);
            let added = Added { weights, instead, ..self.added(&kind, field)? };
            let cuts: &[Millis] = if added.currency.is_some() { &cuts } else { &[] };
            let found = totals::sums(&mut tx, self.store.answers(), which, &by, &added, cuts).await?;
            for (key, currency, period, sum, weighed) in found {
                let group = groups.entry(key_of(key)).or_default();
                Sum::add(group.sums.entry(field.name.clone()).or_default(), currency.as_deref(), &sum);
                if let Some(weighed) = weighed {
                    Sum::add(group.weighted.entry(field.name.clone()).or_default(), currency.as_deref(), &weighed);
                }
                if let Some((currency, dated)) = currency.zip(dated.as_ref()) {
                    let home = group.home.entry(field.name.clone()).or_insert_with(|| Home::of(&dated.rates.home));
                    home.add(&currency, sum.parse().ok().and_then(|minor| dated.convert(minor, &currency, period)));
                }
            }
        }
        let mut totals = Totals::of(groups, is_time);
        totals.keep_useful_homes();
        totals.merged = merged;
        if is_link(&by) {
            let ids = totals.groups.iter().filter_map(|group| group.key.as_deref()?.parse().ok());
            totals.names = self.names(&mut tx, ids).await?;
            totals.order_by_names();
        }
        Ok(totals)
    }

    fn by(&self, kind: &Kind, attribute: Option<&str>) -> Result<(By, bool), ReadError> {
        let Some(attribute) = attribute else { return Ok((By::Nothing, false)) };
        let place = self.place(kind, attribute)?;
        Ok(match place.spot.class {
            Class::Moment | Class::DayOrMoment => (By::Day(place), true),
            Class::Day => (By::Value(place), true),
            _ => (By::Value(place), false),
        })
    }

    /// The key of each record's group in [`Reading::totals`].
    ///
    /// # Errors
    /// When it looks at what the caller may not see, cannot be grouped so, or the database fails.
    pub async fn keys(
        &self,
        list: &List,
        (attribute, step): (&str, Step),
        totals: &Totals,
    ) -> Result<HashMap<RecordId, Option<String>>, ReadError> {
        let kind = self.kind(&list.query.kind)?.clone();
        let (by, is_time) = self.by(&kind, Some(attribute))?;
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let found = totals::keys(&mut tx, self.which(list, words.as_ref()), &by).await?;
        let key_of = |key: String| if is_time { spanned(&key, step) } else { totals.merged.get(&key).cloned().unwrap_or(key) };
        Ok(found.into_iter().map(|(record, key)| (record, key.map(key_of))).collect())
    }

    /// What stands where records can be put together by it.
    pub(super) fn place(&self, kind: &Kind, attribute: &str) -> Result<Place, ReadError> {
        let place = Place::of(self.schema(), kind, attribute)?;
        self.check(&place.reads(&kind.name))?;
        if !grouping::takes(&place) {
            return Err(ReadError::Query(QueryError::UnfitAttribute { attribute: attribute.to_owned(), why: Unfit::NoGroup }));
        }
        Ok(place)
    }

    /// What the caller may put records of a kind together by.
    pub fn groupings<'s>(&'s self, kind: &'s Kind) -> Vec<Offer<'s>> {
        let may = |(_, place): &(Offer<'_>, Place)| grouping::takes(place) && self.check(&place.reads(&kind.name)).is_ok();
        groupings(self.schema(), kind).into_iter().filter(may).map(|(offer, _)| offer).collect()
    }

    pub(super) fn spot(&self, kind: &Kind, attribute: &str) -> Result<Spot, ReadError> {
        let spot = Spot::of(self.schema(), kind, attribute)?;
        self.check(&spot.read(&kind.name).into_iter().collect::<Vec<_>>())?;
        Ok(spot)
    }

    pub(super) fn added(&self, kind: &Kind, field: &Field) -> Result<Added, ReadError> {
        let is_money = field.value == ValueType::Money;
        let number = if is_money { format!("{}.amount", field.name) } else { field.name.to_string() };
        let currency = if is_money { Some(self.spot(kind, &format!("{}.currency", field.name))?) } else { None };
        Ok(Added { number: self.spot(kind, &number)?, currency, weights: None, instead: None })
    }
}

fn is_link(by: &By) -> bool {
    matches!(by, By::Value(Place { spot: Spot { class: Class::Link, .. }, .. }))
}

/// The key of the span that a day is in, or a day counted from 1970.
fn spanned(key: &str, step: Step) -> String {
    let counted = |days: i64| {
        let days = jiff::Span::new().days(days.clamp(-700_000, 2_900_000));
        jiff::civil::date(1970, 1, 1).saturating_add(days)
    };
    let day = key.parse::<i64>().map(counted).or_else(|_| key.parse::<jiff::civil::Date>());
    day.map_or_else(|_| key.to_owned(), |day| Days::key(day, step))
}

impl Totals {
    /// A sum that is in the workspace's currency anyway, or that nobody knows the rates of, says nothing more.
    fn keep_useful_homes(&mut self) {
        for group in self.groups.iter_mut().chain([&mut self.all]) {
            group.home.retain(|_, home| home.converted);
        }
    }

    /// Groups of a size by what the records are called that they are named by: an id says nothing to anybody.
    fn order_by_names(&mut self) {
        let names = &self.names;
        let title = |key: &String| Some(collation::owned_order(&names.get(&key.parse::<RecordId>().ok()?)?.title));
        self.groups.sort_by_cached_key(|group| {
            let title = group.key.as_ref().and_then(title);
            // What is out of sight has no name here, and comes behind those of its size that have one.
            (group.key.is_none(), std::cmp::Reverse(group.count), title.is_none(), title)
        });
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
                (name.is_none(), std::cmp::Reverse(group.count), name)
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
    use crate::reading::Linked;

    #[test]
    fn groups_of_a_size_come_by_name_and_those_out_of_sight_behind_them() {
        let id = |name: &str| RecordId::of_cause(name);
        let linked =
            |title: &str| (id(title), Linked { id: id(title), kind: "party".parse().unwrap(), title: title.into(), archived: false });
        let group = |name: Option<&str>, count| Group { key: name.map(|name| id(name).to_string()), count, ..Group::default() };
        let groups =
            vec![group(None, 9), group(Some("hidden"), 2), group(Some("Cedar"), 2), group(Some("Acme"), 2), group(Some("Birch"), 3)];
        let mut totals = Totals { groups, names: ["Acme", "Birch", "Cedar"].map(linked).into(), ..Totals::default() };
        totals.order_by_names();
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
    fn days_are_put_together_by_the_span_that_is_asked_for() {
        let months = ["2026-05-03", "0", "20576"].map(|key| spanned(key, Step::Month));
        assert_eq!(months, ["2026-05", "1970-01", "2026-05"]);
        let steps = [Step::Day, Step::Week, Step::Quarter, Step::Year].map(|step| spanned("2026-05-03", step));
        assert_eq!(steps, ["2026-05-03", "2026-04-27", "2026-Q2", "2026"]);
        let mut groups = BTreeMap::new();
        groups.insert(None, Group { count: 9, ..Group::default() });
        groups.insert(Some("2026-05".to_owned()), Group { count: 1, ..Group::default() });
        let totals = Totals::of(groups, true);
        assert_eq!((totals.all.count, totals.groups[0].count, totals.groups[1].key.clone()), (10, 1, None));
    }
}
