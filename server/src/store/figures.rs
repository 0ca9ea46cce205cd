//! Records put together by several attributes at once, and a measure of each group: what charts are made of.
//!
//! Every row passes a scope. Decides nothing; names of fields come from the schema.

use sync_core::id::KindName;
use sync_core::query::{Binds, Class, Compiler, Context, Dialect, Holder, Spot};

use super::lists::Which;
use super::scope::Statement;
use super::{Result, Tx};

/// Attributes that one statement puts records together by.
pub const KEYS: usize = 3;

/// How long the spans are that days are put together in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// A day: `2026-05-03`.
    Day,
    /// A week, by its Monday: `2026-05-04`.
    Week,
    /// A month: `2026-05`.
    #[default]
    Month,
    /// A quarter: `2026-Q2`.
    Quarter,
    /// A year: `2026`.
    Year,
}

/// What records are put together by.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// The value itself.
    Value(Spot),
    /// The span that a day, or the asker's day of a moment, is in.
    Span(Spot, Step),
    /// All records together.
    All,
}

/// What is measured of a group besides how many records it has.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// Numbers added up; of amounts with their currency.
    Sum(Spot, Option<Spot>),
    /// The smallest.
    Least(Spot, Option<Spot>),
    /// The largest.
    Greatest(Spot, Option<Spot>),
    /// How many different values there are.
    Distinct(Spot),
}

/// A group: its keys, the currency, how many records, how many of them have a value, the measure as decimal text.
pub type Figure = (Option<String>, Option<String>, Option<String>, Option<String>, i64, i64, Option<String>);

/// The groups of the records that a list finds.
pub async fn figures(tx: &mut Tx, which: Which<'_>, keys: &[Key], measured: Option<&Measured>) -> Result<Vec<Figure>> {
    statement(which, keys, measured).all(tx).await
}

fn statement(which: Which<'_>, keys: &[Key], measured: Option<&Measured>) -> Statement {
    let context = which.context;
    let key = |at: usize| keys.get(at).map_or_else(|| "null".to_owned(), |key| key.expression(context));
    let keys: Vec<String> = (0..KEYS).map(key).collect();
    let (currency, number, measure) = measured.map_or_else(nothing, |measured| measured.expressions(context));
    let start = format!("select {}, {currency}, count(*), count({number}), cast({measure} as text) from rows ", keys.join(", "));
    let mut statement = which.statement(&start);
    let visible = |alias: &str, kind: &KindName, binds: &mut Binds| which.scope.sees(alias, kind, |param| binds.add(param));
    let first_param = statement.params.len() + 1;
    let compiler = Compiler { first_param, visible: Some(&visible), ..Compiler::new(Dialect::Sqlite, context) };
    let condition = compiler.filter(&which.query.filter);
    statement.push(&condition.text).push(" group by 1, 2, 3, 4");
    statement.params.extend(condition.params);
    statement
}

fn nothing() -> (String, String, String) {
    let null = || "null".to_owned();
    (null(), null(), null())
}

fn value(spot: &Spot, context: Context) -> String {
    Compiler::new(Dialect::Sqlite, context).value(spot)
}

impl Measured {
    /// The currency, the number, and what is made of the numbers.
    fn expressions(&self, context: Context) -> (String, String, String) {
        let of = |currency: &Option<Spot>| currency.as_ref().map_or_else(|| "null".to_owned(), |spot| value(spot, context));
        let made = |word: &str, spot: &Spot, currency: String| {
            let number = value(spot, context);
            let measure = format!("{word}({number})");
            (currency, number, measure)
        };
        match self {
            Measured::Sum(spot, currency) => made("sum", spot, of(currency)),
            Measured::Least(spot, currency) => made("min", spot, of(currency)),
            Measured::Greatest(spot, currency) => made("max", spot, of(currency)),
            Measured::Distinct(spot) => {
                let number = value(spot, context);
                let measure = format!("count(distinct {number})");
                ("null".to_owned(), number, measure)
            }
        }
    }
}

impl Key {
    /// Whether records can be put together by it at all.
    pub fn takes(spot: &Spot) -> bool {
        !matches!(spot.holder, Holder::Id | Holder::Each { .. }) && spot.class != Class::Opaque
    }

    fn expression(&self, context: Context) -> String {
        match self {
            Key::All => "null".to_owned(),
            Key::Value(spot) if matches!(spot.class, Class::Integer | Class::Number | Class::Boolean) => {
                format!("cast({} as text)", value(spot, context))
            }
            Key::Value(spot) => value(spot, context),
            Key::Span(spot, step) => {
                let value = value(spot, context);
                let day = match spot.class {
                    Class::Moment | Class::DayOrMoment => {
                        let millis = i64::from(context.offset_minutes) * 60_000;
                        format!("date(({value} + {millis}) / 1000, 'unixepoch')")
                    }
                    _ => value,
                };
                step.expression(&day)
            }
        }
    }
}

impl Step {
    fn expression(self, day: &str) -> String {
        match self {
            Step::Day => day.to_owned(),
            Step::Week => format!("date({day}, '-6 days', 'weekday 1')"),
            Step::Month => format!("substr({day}, 1, 7)"),
            Step::Quarter => format!("substr({day}, 1, 4) || '-Q' || ((cast(substr({day}, 6, 2) as integer) + 2) / 3)"),
            Step::Year => format!("substr({day}, 1, 4)"),
        }
    }
}
