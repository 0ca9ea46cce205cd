//! Records put together by several attributes at once, and a measure of each group: what charts are made of.
//!
//! Every row passes a scope. Decides nothing; names of fields come from the schema.

use sync_core::id::Millis;
use sync_core::query::grouped::{Weights, day, period, text};
use sync_core::query::{Class, Place, Spot, Step};

use super::grouping::{apart, in_order_of, value};
use super::lists::Which;
use super::remembered::Answers;
use super::scope::Statement;
use super::{Result, Tx};

/// Attributes that one statement puts records together by.
pub const KEYS: usize = 2;

/// What records are put together by.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// The value itself.
    Value(Place),
    /// The span that a day, or the asker's day of a moment, is in.
    Span(Place, Step),
    /// All records together.
    All,
}

/// What is measured of a group besides how many records it has.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// Numbers added up; of amounts with their currency.
    Sum(Spot, Option<Spot>),
    /// The same, of each only what counts by its weights.
    Weighed(Spot, Option<Spot>, Weights),
    /// The smallest.
    Least(Spot, Option<Spot>),
    /// The largest.
    Greatest(Spot, Option<Spot>),
    /// How many different values there are.
    Distinct(Spot),
}

/// A group: its keys, the currency, how many of the cuts lie before the records, how many records, how many of them have a
/// value, the measure as decimal text.
pub type Figure = (Option<String>, Option<String>, Option<String>, i64, i64, i64, Option<String>);

/// The groups of the records that a list finds; apart for records made before and after each of the `cuts`, moments in order.
pub async fn figures(
    tx: &mut Tx,
    answers: &Answers,
    which: Which<'_>,
    keys: &[Key],
    measured: Option<&Measured>,
    cuts: &[Millis],
) -> Result<Vec<Figure>> {
    answers.to(tx, which.workspace, statement(which, keys, measured, cuts), which.holds()).await
}

pub(super) fn statement(which: Which<'_>, keys: &[Key], measured: Option<&Measured>, cuts: &[Millis]) -> Statement {
    if let ([Key::Value(Place { walk: None, spot }), rest @ ..], None) = (keys, measured)
        && rest.iter().all(|key| *key == Key::All)
        && which.is_everything()
    {
        let key = text(spot, &value(spot, which));
        if spot.class != Class::Link {
            return in_order_of(which, spot, &format!("{key}, null, null, 0, count(*), 0, null"));
        }
        // What became one is one group: looked up once a value, not once a record.
        let mut found = in_order_of(which, spot, &format!("{key} as k0, count(*) as many"));
        let start = format!("select {}, null, null, 0, sum(many), 0, null from (", apart(spot, "k0", which, &mut found));
        return found.within(&start, ") found group by 1");
    }
    let keys: Vec<&Key> = (0..KEYS).map(|at| keys.get(at).unwrap_or(&Key::All)).collect();
    let columns = |statement: &mut Statement| {
        let (currency, number) = measured.map_or_else(nothing, |measured| measured.columns(which, statement));
        let keys = keys.iter().enumerate().map(|(at, key)| format!("{} as k{at}", key.column(which, statement)));
        let mut columns: Vec<String> = keys.collect();
        columns.extend([format!("{currency} as currency"), format!("{number} as number")]);
        columns.extend((!cuts.is_empty()).then(|| "rows.created_at as made".to_owned()));
        columns
    };
    let mut values = which.values(columns);
    let made: Vec<String> = keys.iter().enumerate().map(|(at, key)| key.made(&format!("k{at}"), which, &mut values)).collect();
    let made = made.join(", ");
    let (first, again) = match measured {
        None => ("null", "null"),
        Some(Measured::Sum(..) | Measured::Weighed(..)) => ("sum(number)", "sum(measure)"),
        Some(Measured::Least(..)) => ("min(number)", "min(measure)"),
        Some(Measured::Greatest(..)) => ("max(number)", "max(measure)"),
        // Different values of two days are not to be added, nor those of two records that became one.
        Some(Measured::Distinct(_)) => {
            let start = format!("select {made}, currency, 0, count(*), count(number), cast(count(distinct number) as text) from (");
            return values.within(&start, ") found group by 1, 2, 3");
        }
    };
    // By the day first and then by the span: what span a day is in is worked out once a day, not once a record.
    let period = period(cuts);
    let start = format!("select k0, k1, currency, {period} as period, count(*) as many, count(number) as given, {first} as measure from (");
    let groups = values.within(&start, ") found group by 1, 2, 3, 4");
    let start = format!("select {made}, currency, period, sum(many), sum(given), cast({again} as text) from (");
    groups.within(&start, ") days group by 1, 2, 3, 4")
}

fn nothing() -> (String, String) {
    ("null".to_owned(), "null".to_owned())
}

impl Measured {
    /// The currency and the number of a record.
    fn columns(&self, which: Which<'_>, statement: &mut Statement) -> (String, String) {
        let of = |currency: &Option<Spot>| currency.as_ref().map_or_else(|| "null".to_owned(), |spot| value(spot, which));
        match self {
            Measured::Sum(spot, currency) | Measured::Least(spot, currency) | Measured::Greatest(spot, currency) => {
                (of(currency), value(spot, which))
            }
            Measured::Weighed(spot, currency, weights) => {
                let value = |spot: &Spot| value(spot, which);
                (of(currency), weights.weighed(&value(spot), currency.is_some(), &value))
            }
            Measured::Distinct(spot) => ("null".to_owned(), apart(spot, &value(spot, which), which, statement)),
        }
    }
}

impl Key {
    /// What is read of each record; of a moment the asker's day, counted from 1970.
    fn column(&self, which: Which<'_>, statement: &mut Statement) -> String {
        match self {
            Key::All => "null".to_owned(),
            Key::Span(place, _) if is_moment(place) => day(&which.placed(place, statement), which.context),
            Key::Value(place) | Key::Span(place, _) => which.placed(place, statement),
        }
    }

    /// What is made of it: a text.
    fn made(&self, column: &str, which: Which<'_>, statement: &mut Statement) -> String {
        match self {
            Key::Value(place) => text(&place.spot, &apart(&place.spot, column, which, statement)),
            Key::All => column.to_owned(),
            Key::Span(place, step) if is_moment(place) => spanned(*step, &format!("date({column} * 86400, 'unixepoch')")),
            Key::Span(_, step) => spanned(*step, column),
        }
    }
}

fn is_moment(place: &Place) -> bool {
    matches!(place.spot.class, Class::Moment | Class::DayOrMoment)
}

/// The key of the span that a day is in, as [`Step::key`] makes it.
fn spanned(step: Step, day: &str) -> String {
    match step {
        Step::Day => day.to_owned(),
        Step::Week => format!("date({day}, '-6 days', 'weekday 1')"),
        Step::Month => format!("substr({day}, 1, 7)"),
        Step::Quarter => format!("substr({day}, 1, 4) || '-Q' || ((cast(substr({day}, 6, 2) as integer) + 2) / 3)"),
        Step::Year => format!("substr({day}, 1, 4)"),
    }
}
