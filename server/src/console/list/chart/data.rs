//! Figures in the order in which they are drawn: a group for each key, a number for each series.

use std::collections::BTreeMap;

use sync_core::actions::decimal::sum;
use sync_core::collation;
use sync_core::schema::{Choice, Kind, ValueType};

use super::super::asked::Asked;
use super::super::shape::Shape;
use super::Form;
use super::plan::Plan;
use crate::console::desk::Desk;
use crate::console::format::{decimals, grouped, plain_amount, price};
use crate::error::Error;
use crate::jobs::export::table::Cell;
use crate::language::Language;
use crate::reading::{Days, Figure, Figures, Measure, Names, has_currency};

/// Groups of a chart that is not of time: the others are put together as one.
const GROUPS_MAX: usize = 24;

/// Groups of a table of figures.
const FIGURES_MAX: usize = 200;

/// Series that can still be told apart by their colours.
pub const SERIES_MAX: usize = 8;

/// Points over time: more than there are pixels in a column.
const TIMES_MAX: usize = 400;

/// Shapes over time, all series together: each is some 100 bytes in a plot and a table.
const SHAPES_MAX: usize = 600;

/// What a chart's numbers are.
#[derive(Debug, Clone, PartialEq)]
pub enum Unit {
    /// Whole numbers.
    Count,
    /// Numbers.
    Number,
    /// Percent.
    Share,
    /// Minor units of a currency.
    Money(String),
}

/// A group's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupData {
    /// The value that its records have.
    pub key: Option<String>,
    /// Whether it is what is left of many small groups.
    pub is_rest: bool,
    /// How many records.
    pub count: u64,
    /// Each series' number.
    pub parts: Vec<f64>,
    /// The group's number, all series together, if they add up.
    pub value: f64,
    /// The same of the period before.
    pub before: Option<f64>,
}

/// Everything that is drawn.
pub struct Data {
    /// What the numbers are.
    pub unit: Unit,
    /// The currencies that there are, the most used first.
    pub currencies: Vec<String>,
    /// The currency in which all of them can be shown together, if they can.
    pub home: Option<String>,
    /// Whether they are; and then whether some amounts are not among them, for nobody knows the rate of their day.
    pub worth: Option<bool>,
    /// The second attribute's values; one that is none without a second attribute.
    pub series: Vec<Option<String>>,
    /// Whether the last series is what is left of many.
    pub has_rest: bool,
    /// The groups.
    pub groups: Vec<GroupData>,
    /// All together, if it adds up or is one number.
    pub total: Option<f64>,
    /// The same of the period before.
    pub before: Option<f64>,
    /// What the records are called that keys name.
    pub names: Names,
}

impl Data {
    /// Asks for the figures and puts them in order.
    pub async fn of(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, plan: &Plan<'_>) -> Result<Self, Error> {
        let list = |days: Option<Days>| shape.list(desk, kind, &Asked { after: None, ..asked.clone() }, &plan.within(days), 1);
        let figures = desk.reading.figures(&list(plan.period)?, &plan.question()).await?;
        let before = match plan.before {
            Some(days) => desk.reading.figures(&list(Some(days))?, &plan.question()).await?,
            None => Figures::default(),
        };
        Ok(Self::put(kind, plan, &asked.currency, figures, before))
    }

    /// Puts figures in order.
    pub fn put(kind: &Kind, plan: &Plan<'_>, currency: &str, figures: Figures, before: Figures) -> Self {
        let currencies = currencies(&figures.all);
        let asked = currencies.iter().find(|known| *known == currency);
        let (home, worth) = in_one(&figures, &before, asked.is_none());
        let (all, before) = match worth {
            Some(_) => (figures.worth.map(|worth| worth.all), before.worth.map(|worth| worth.all)),
            None => (Some(figures.all), Some(before.all)),
        };
        let (all, before) = (all.unwrap_or_default(), before.unwrap_or_default());
        let chosen = home.as_ref().filter(|_| worth.is_some()).or(asked).or(currencies.first()).cloned();
        let unit = match (&chosen, plan.measure.field().map(|field| &field.value)) {
            (Some(currency), _) => Unit::Money(currency.clone()),
            (None, Some(ValueType::Number)) => Unit::Number,
            _ if matches!(plan.measure, Measure::Share(_)) => Unit::Share,
            _ if matches!(plan.measure, Measure::Average(_) | Measure::Each(_)) => Unit::Number,
            _ => Unit::Count,
        };
        // Records without an amount count, in every currency's chart; they add nothing.
        let fits = |figure: &Figure| !has_currency(plan.measure) || figure.currency.is_none() || figure.currency == chosen;
        let counts = |figure: &&Figure| fits(figure) && !is_beside(kind, plan, figure.key.as_deref());
        let all: Vec<&Figure> = all.iter().filter(counts).collect();
        let before: Vec<&Figure> = before.iter().filter(counts).collect();
        let (series, has_rest) = series(plan, &all);
        let mut groups = groups(plan, &series, has_rest, &all);
        sort(kind, plan, &mut groups);
        compare(kind, plan, &mut groups, &before);
        pass_on(plan, &mut groups);
        let adds_up = plan.measure.adds_up() || plan.by.is_none();
        let total = |figures: &[&Figure]| adds_up.then(|| sum(figures.iter().map(|figure| figure.value)));
        let (total, before) = (total(&all), plan.before.and_then(|_| total(&before)));
        Self { unit, currencies, home, worth, series, has_rest, groups, total, before, names: figures.names }
    }
}

/// The currency that amounts of several can be shown in, if one of them had to be converted for that; and, if they are to be
/// shown so, whether some are left out.
fn in_one(figures: &Figures, before: &Figures, is_wanted: bool) -> (Option<String>, Option<bool>) {
    let worths = || [&figures.worth, &before.worth].into_iter().flatten();
    let home = worths().find(|worth| worth.is_converted).map(|worth| worth.currency.clone());
    let is_partial = home.as_ref().filter(|_| is_wanted).map(|_| worths().any(|worth| worth.is_partial));
    (home, is_partial)
}

/// Whether a group is no step of a funnel: what ends in nothing goes on to nothing. That is a closed column of the board
/// whose records weigh nothing, such as those that were lost.
fn is_beside(kind: &Kind, plan: &Plan<'_>, key: Option<&str>) -> bool {
    // What has reached no step has passed none.
    if plan.reached.is_some() && key.is_none() {
        return true;
    }
    let board = kind.board.as_ref().filter(|board| plan.form == Form::Funnel && plan.by == Some(&*board.by));
    let Some((board, key)) = board.zip(key) else { return false };
    kind.never().any(|option| option.value == key) && board.closed.iter().any(|word| word == key)
}

fn currencies(figures: &[Figure]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for figure in figures {
        if let Some(currency) = &figure.currency {
            *counts.entry(currency).or_default() += figure.count;
        }
    }
    let mut known: Vec<(&str, u64)> = counts.into_iter().collect();
    known.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    known.into_iter().map(|(currency, _)| currency.to_owned()).collect()
}

/// The second attribute's values: those of a choice in its order, the others with the most first.
fn series(plan: &Plan<'_>, all: &[&Figure]) -> (Vec<Option<String>>, bool) {
    if plan.split.is_none() {
        return (vec![None], false);
    }
    let mut sizes: BTreeMap<Option<&str>, f64> = BTreeMap::new();
    for figure in all {
        *sizes.entry(figure.split.as_deref()).or_default() += figure.value.abs();
    }
    let place = |value: &Option<&str>| place(plan.split_options, *value);
    let mut values: Vec<(Option<&str>, f64)> = sizes.into_iter().collect();
    values.sort_by_cached_key(|(value, _)| value.map(collation::order));
    values.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    let has_rest = values.len() > SERIES_MAX;
    if has_rest {
        values.truncate(SERIES_MAX - 1);
    }
    values.sort_by_key(|(value, _)| place(value));
    let mut series: Vec<Option<String>> = values.into_iter().map(|(value, _)| value.map(str::to_owned)).collect();
    series.extend(has_rest.then_some(None));
    (series, has_rest)
}

fn place(options: &[Choice], value: Option<&str>) -> usize {
    value.map_or(usize::MAX, |word| options.iter().position(|option| option.value == word).unwrap_or(options.len()))
}

fn groups(plan: &Plan<'_>, series: &[Option<String>], has_rest: bool, all: &[&Figure]) -> Vec<GroupData> {
    let mut groups: BTreeMap<Option<&str>, GroupData> = BTreeMap::new();
    for figure in all {
        let known = series.len() - usize::from(has_rest);
        let at = if plan.split.is_none() { 0 } else { series[..known].iter().position(|one| *one == figure.split).unwrap_or(known) };
        let empty = || GroupData { parts: vec![0.0; series.len()], ..GroupData::empty(figure.key.clone()) };
        let group = groups.entry(figure.key.as_deref()).or_insert_with(empty);
        group.count += figure.count;
        group.value = sum([group.value, figure.value]);
        if let Some(part) = group.parts.get_mut(at) {
            *part = sum([*part, figure.value]);
        }
    }
    groups.into_values().collect()
}

impl GroupData {
    fn empty(key: Option<String>) -> Self {
        Self { key, is_rest: false, count: 0, parts: Vec::new(), value: 0.0, before: None }
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.value = sum([self.value, other.value]);
        self.parts.iter_mut().zip(&other.parts).for_each(|(mine, other)| *mine = sum([*mine, *other]));
    }
}

/// Time goes forward without gaps, a choice has its own order, and of others the largest come first.
fn sort(kind: &Kind, plan: &Plan<'_>, groups: &mut Vec<GroupData>) {
    if plan.by.is_none() {
        return;
    }
    if plan.is_time(kind) {
        return fill(plan, groups);
    }
    let options = plan.options;
    if !options.is_empty() {
        let parts = groups.first().map_or(1, |group| group.parts.len());
        for option in options.iter().filter(|option| plan.form == Form::Funnel && !is_beside(kind, plan, Some(&option.value))) {
            if !groups.iter().any(|group| group.key.as_ref() == Some(&option.value)) {
                groups.push(GroupData { parts: vec![0.0; parts], ..GroupData::empty(Some(option.value.clone())) });
            }
        }
        groups.sort_by_key(|group| (group.key.is_none(), place(options, group.key.as_deref())));
    } else {
        // By name first: those of one size stay so.
        groups.sort_by_cached_key(|group| group.key.as_deref().map(collation::owned_order));
        groups.sort_by(|a, b| a.key.is_none().cmp(&b.key.is_none()).then(b.value.total_cmp(&a.value)));
    }
    let most = if plan.form == Form::Figures { FIGURES_MAX } else { GROUPS_MAX };
    if groups.len() > most {
        let rest = groups.split_off(most - 1);
        let mut all = GroupData { is_rest: true, parts: vec![0.0; rest[0].parts.len()], ..GroupData::empty(None) };
        rest.iter().for_each(|group| all.add(group));
        groups.push(all);
    }
}

/// Spans without records are nothing, not missing.
fn fill(plan: &Plan<'_>, groups: &mut Vec<GroupData>) {
    let without_day: Vec<GroupData> = groups.extract_if(.., |group| group.key.is_none()).collect();
    let days = |group: &GroupData| Days::of_key(group.key.as_deref()?, plan.step);
    let most = groups.first().map_or(TIMES_MAX, |group| TIMES_MAX.min(SHAPES_MAX / group.parts.len().max(1)));
    let ends = (groups.first().and_then(days), groups.last().and_then(days));
    if let (Some(first), Some(last)) = ends {
        let parts = groups[0].parts.len();
        let keys = Days { first: first.first, last: last.last }.keys(plan.step, most + 1);
        if keys.len() <= most {
            let mut known: BTreeMap<String, GroupData> =
                std::mem::take(groups).into_iter().filter_map(|group| Some((group.key.clone()?, group))).collect();
            let empty = |key: &String| GroupData { parts: vec![0.0; parts], ..GroupData::empty(Some(key.clone())) };
            groups.extend(keys.iter().map(|key| known.remove(key).unwrap_or_else(|| empty(key))));
        }
    }
    let surplus = groups.len().saturating_sub(most);
    groups.drain(..surplus);
    if plan.form == Form::Figures {
        groups.extend(without_day);
    }
}

/// What was before: of the same value, or of the span that stands at the same place of the period.
fn compare(kind: &Kind, plan: &Plan<'_>, groups: &mut [GroupData], before: &[&Figure]) {
    let (Some(days), Some(present)) = (plan.before, plan.period) else { return };
    if !plan.is_time(kind) {
        for group in groups.iter_mut().filter(|group| !group.is_rest) {
            group.before = Some(sum(before.iter().filter(|figure| figure.key == group.key).map(|figure| figure.value)));
        }
        return;
    }
    let (now, then) = (present.keys(plan.step, TIMES_MAX), days.keys(plan.step, TIMES_MAX));
    for group in groups {
        let at = group.key.as_ref().and_then(|key| now.iter().position(|known| known == key));
        let value = |key: &String| sum(before.iter().filter(|figure| figure.key.as_ref() == Some(key)).map(|figure| figure.value));
        group.before = at.and_then(|at| then.get(at)).map(value);
    }
}

/// What has reached a step has passed those before it.
fn pass_on(plan: &Plan<'_>, groups: &mut [GroupData]) {
    if plan.reached.is_none() {
        return;
    }
    for at in (1..groups.len()).rev() {
        let (earlier, later) = groups.split_at_mut(at);
        let (step, next) = (&mut earlier[at - 1], &later[0]);
        step.add(next);
        step.before = step.before.zip(next.before).map(|(mine, other)| sum([mine, other]));
    }
}

impl Unit {
    /// A number as people read it.
    pub fn text(&self, value: f64) -> String {
        match self {
            Unit::Count => grouped(&format!("{value:.0}")),
            Unit::Number | Unit::Share => {
                let text = format!("{value:.2}");
                let number = grouped(text.trim_end_matches('0').trim_end_matches('.'));
                if *self == Unit::Share { format!("{number} %") } else { number }
            }
            Unit::Money(currency) => price(value.round() as i64, currency),
        }
    }

    /// A number at the edge of a chart: short.
    pub fn brief(&self, value: f64, language: Language) -> String {
        let value = match self {
            Unit::Count | Unit::Number | Unit::Share => value,
            Unit::Money(currency) => value / 10_f64.powi(decimals(currency) as i32),
        };
        let names: &[(f64, &str)] = match language {
            Language::En => &[(1e9, "B"), (1e6, "M"), (1e3, "k")],
            Language::Zh => &[(1e8, "亿"), (1e4, "万")],
        };
        let (unit, name) = names.iter().find(|(unit, _)| value.abs() >= *unit).copied().unwrap_or((1.0, ""));
        let text = format!("{:.2}", value / unit);
        format!("{}{name}", text.trim_end_matches('0').trim_end_matches('.'))
    }

    /// A number in a file.
    pub fn cell(&self, value: f64) -> Cell {
        match self {
            Unit::Count | Unit::Number | Unit::Share => Cell::Number(value),
            Unit::Money(currency) => Cell::Amount(plain_amount(value.round() as i64, currency), decimals(currency), currency.clone()),
        }
    }
}
