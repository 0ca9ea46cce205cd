//! Records put together by a value, and what is added up of them, as SQL around a table of their values: what sums and charts
//! have in common, on phone and server.
//!
//! Never runs it, and never says whose records they are: whoever asks makes the table. Knows SQLite only.

use super::dialect::by_word;
use super::when::Context;
use super::{Class, Place, QueryError, Read, Spot};
use crate::id::{KindName, Millis};
use crate::schema::{Field, Kind, Schema, ValueType};

/// What is put together: the value itself, or the asker's day of a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// All records together.
    Nothing,
    /// The value.
    Value(Place),
    /// A day counted from 1970.
    Day(Place),
}

/// What is added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// The number.
    pub number: Spot,
    /// The currency, if it is an amount: amounts of two currencies are no sum.
    pub currency: Option<Spot>,
    /// What counts of it besides the whole, if anything does.
    pub weights: Option<Weights>,
    /// What counts in its place where a record has none.
    pub instead: Option<Box<Added>>,
}

/// How much of a record's number counts, by the option that it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The choice.
    pub by: Spot,
    /// What options weigh, in percent; others, and none, weigh nothing.
    pub percents: Vec<(String, u8)>,
}

/// A group's value, how many records it has.
pub type Counted = (Option<String>, i64);

/// A group's value, the currency, how many of the cuts lie before the records, the sum as a decimal text, and what it comes
/// to by its weights.
pub type Summed = (Option<String>, Option<String>, i64, String, Option<String>);

/// What stands around a table of values so that its records are put together: `start (select columns from rows ...) end`.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    columns: Vec<String>,
    /// Before the table.
    pub start: String,
    /// Behind it.
    pub end: &'static str,
}

/// A spot as an expression.
pub type ValueOf<'a> = &'a dyn Fn(&Spot) -> String;

impl Frame {
    /// The columns of the table, given what is read of each record to put it somewhere.
    pub fn columns(&self, by: String) -> Vec<String> {
        std::iter::once(format!("{by} as k")).chain(self.columns.iter().cloned()).collect()
    }
}

impl By {
    /// By what stands at a place: of a moment by the asker's day.
    pub fn of(place: Place) -> Self {
        match place.spot.class {
            Class::Moment | Class::DayOrMoment => By::Day(place),
            _ => By::Value(place),
        }
    }

    /// The place.
    pub fn place(&self) -> Option<&Place> {
        match self {
            By::Nothing => None,
            By::Value(place) | By::Day(place) => Some(place),
        }
    }

    /// Whether its values are days, or become days.
    pub fn is_time(&self) -> bool {
        self.place().is_some_and(|place| place.spot.class.is_time())
    }

    /// Whether its values are records.
    pub fn is_link(&self) -> bool {
        self.place().is_some_and(|place| place.spot.class == Class::Link)
    }

    /// What is read of each record. `placed`: a place as an expression.
    pub fn column(&self, context: Context, placed: impl FnOnce(&Place) -> String) -> String {
        match self {
            By::Nothing => "null".to_owned(),
            By::Value(place) => placed(place),
            By::Day(place) => day(&placed(place), context),
        }
    }

    /// What is made of it: a text.
    pub fn key(&self, column: &str) -> String {
        match self {
            By::Value(place) => text(&place.spot, column),
            By::Nothing => column.to_owned(),
            By::Day(_) => format!("cast({column} as text)"),
        }
    }

    /// How many records each group has: of [`Counted`].
    pub fn counted(&self) -> Frame {
        Frame { columns: Vec::new(), start: format!("select {}, count(*) from (", self.key("k")), end: ") found group by 1" }
    }

    /// What a number adds up to in each group, of [`Summed`]; of amounts apart for records made before and after each of the
    /// `cuts`, moments in order.
    pub fn summed(&self, added: &Added, value: ValueOf<'_>, cuts: &[Millis]) -> Frame {
        let (number, currency) = added.columns(value);
        let weighed = |weights: &Weights| weights.weighed(&number, added.currency.is_some(), value);
        let weighed = added.weights.as_ref().map_or_else(|| "null".to_owned(), weighed);
        let columns = vec![
            format!("{currency} as currency"),
            format!("{number} as number"),
            format!("{weighed} as weighed"),
            "rows.created_at as made".to_owned(),
        ];
        let (key, period) = (self.key("k"), period(if added.currency.is_some() { cuts } else { &[] }));
        let start = format!("select {key}, currency, {period}, cast(sum(number) as text), cast(sum(weighed) as text) from (");
        Frame { columns, start, end: ") found where number is not null group by 1, 2, 3" }
    }
}

impl Added {
    /// What a field says: a number, or an amount with its currency.
    ///
    /// # Errors
    /// When the field is none of the kind's.
    pub fn of(schema: &Schema, kind: &Kind, field: &Field) -> Result<Self, QueryError> {
        let spot = |attribute: &str| Spot::of(schema, kind, attribute);
        let (number, currency) = match field.value {
            ValueType::Money => (spot(&format!("{}.amount", field.name))?, Some(spot(&format!("{}.currency", field.name))?)),
            _ => (spot(&field.name)?, None),
        };
        Ok(Self { number, currency, weights: None, instead: None })
    }

    /// The fields that it looks at.
    pub fn reads(&self, kind: &KindName) -> Vec<Read> {
        let weighs = self.weights.as_ref().map(|weights| &weights.by);
        let own = [Some(&self.number), self.currency.as_ref(), weighs].into_iter().flatten().filter_map(|spot| spot.read(kind));
        own.chain(self.instead.iter().flat_map(|instead| instead.reads(kind))).collect()
    }

    /// The number and the currency of a record.
    fn columns(&self, value: ValueOf<'_>) -> (String, String) {
        let number = value(&self.number);
        let currency = self.currency.as_ref().map_or_else(|| "null".to_owned(), value);
        let Some((instead, its_currency)) = self.instead.as_ref().map(|instead| instead.columns(value)) else { return (number, currency) };
        let currency = format!("case when {number} is null then {its_currency} else {currency} end");
        (format!("coalesce({number}, {instead})"), currency)
    }
}

impl Weights {
    /// What the options of a kind's board weigh; none without a board.
    ///
    /// # Errors
    /// When the board is by what is no value of its records.
    pub fn of(schema: &Schema, kind: &Kind) -> Result<Option<Self>, QueryError> {
        let Some((board, field)) = kind.board.as_ref().and_then(|board| Some((board, kind.field(&board.by)?))) else { return Ok(None) };
        let by = Spot::of(schema, kind, &board.by)?;
        let percents = field.options.iter().filter_map(|option| Some((option.value.clone(), option.weight?)));
        // What a database cannot be told is no option of the spot either.
        let percents = percents.filter(|(word, _)| by.options.contains(word)).collect();
        Ok(Some(Self { by, percents }))
    }

    /// What counts of a number. Of an amount, in minor units: each record's rounded half away from zero, as
    /// `sync_core::derive` does it, so that it adds up to the same however records are put together.
    pub fn weighed(&self, number: &str, is_amount: bool, value: ValueOf<'_>) -> String {
        let percents = self.percents.iter().map(|(word, percent)| (word.as_str(), usize::from(*percent)));
        let percent = by_word(&value(&self.by), percents, 0);
        match is_amount {
            true => share(number, &format!("({percent})")),
            false => format!("({number} * ({percent}) / 100.0)"),
        }
    }
}

/// How many of some moments, in order, lie before a record was `made`: which rates its amounts have. Halved again and again,
/// so that years of daily rates cost a record no more than a dozen comparisons.
pub fn period(cuts: &[Millis]) -> String {
    fn among(cuts: &[Millis], before: usize) -> String {
        let (earlier, [cut, later @ ..]) = cuts.split_at(cuts.len() / 2) else { return before.to_string() };
        let (left, right) = (among(earlier, before), among(later, before + earlier.len() + 1));
        format!("case when made < {cut} then {left} else {right} end")
    }
    among(cuts, 0)
}

/// So many percent of a whole number. The hundreds are taken apart, or a large amount would overflow and become a float;
/// whole numbers are divided towards zero.
fn share(number: &str, percent: &str) -> String {
    let half = format!("(case when {number} < 0 then -50 else 50 end)");
    format!("({number} / 100 * {percent} + ({number} % 100 * {percent} + {half}) / 100)")
}

/// The asker's day of a moment, counted from 1970; rounded down before that, too, as dates are.
pub fn day(moment: &str, context: Context) -> String {
    let millis = i64::from(context.offset_minutes) * 60_000;
    let moment = format!("({moment} + {millis})");
    format!("({moment} - ({moment} % 86400000 + 86400000) % 86400000) / 86400000")
}

/// A value as the text that a group is called by.
pub fn text(spot: &Spot, column: &str) -> String {
    match spot.class {
        Class::Integer | Class::Number | Class::Boolean => format!("cast({column} as text)"),
        _ => column.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params};

    use super::*;
    use crate::derive::percent_of;

    #[test]
    fn a_moment_is_in_the_period_that_began_last_before_it() {
        let database = Connection::open_in_memory().unwrap();
        for many in [0, 1, 2, 3, 60, 1_500] {
            let cuts: Vec<Millis> = (1..=many).map(|n| n * 10).collect();
            let mut asked = database.prepare(&format!("select {} from (select $1 as made)", period(&cuts))).unwrap();
            for made in [0, 9, 10, 11, 25, many * 5, many * 10 - 1, many * 10, many * 10 + 1] {
                let found: i64 = asked.query_row(params![made], |row| row.get(0)).unwrap();
                assert_eq!(found, cuts.iter().filter(|cut| **cut <= made).count() as i64, "{made} among {many}");
            }
        }
    }

    #[test]
    fn the_database_rounds_a_part_of_an_amount_as_derived_fields_do() {
        let database = Connection::open_in_memory().unwrap();
        let mut asked = database.prepare(&format!("select {} from (select $1 as n, $2 as p)", share("n", "p"))).unwrap();
        // 57 % of 50 is 28.5: floats make 28.499999999999996 of it. The last would overflow if it were multiplied first.
        for amount in [0, 1, 5, 49, 50, 51, 99, 100, 101, 150, 9_999, 1 << 53, (1 << 53) + 1, i64::MAX] {
            for (amount, percent) in (0..=100).flat_map(|percent| [(amount, percent), (-amount, percent)]) {
                let part: i64 = asked.query_row(params![amount, percent], |row| row.get(0)).unwrap();
                assert_eq!(Some(i128::from(part)), percent_of(amount.into(), percent as f64), "{percent} % of {amount}");
            }
        }
    }
}
