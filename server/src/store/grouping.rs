//! How records are put together by a value: what sums and charts have in common.

use sync_core::id::Millis;
use sync_core::query::{Class, Compiler, Context, Dialect, Holder, Place, Spot, Tables, by_word};

use super::lists::{Way, Which};
use super::scope::Statement;

/// How much of a record's number counts, by the option that it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The choice.
    pub by: Spot,
    /// What options weigh, in percent; others, and none, weigh nothing.
    pub percents: Vec<(String, u8)>,
}

/// Whether records can be put together by what stands at a place at all.
pub fn takes(place: &Place) -> bool {
    !matches!(place.spot.holder, Holder::Id | Holder::Each { .. }) && !matches!(place.spot.class, Class::Geo | Class::Opaque)
}

/// How many of some moments, in order, lie before a record was `made`: which rates its amounts have. Halved again and again,
/// so that years of daily rates cost a record no more than a dozen comparisons.
pub(super) fn period(cuts: &[Millis]) -> String {
    fn among(cuts: &[Millis], before: usize) -> String {
        let (earlier, [cut, later @ ..]) = cuts.split_at(cuts.len() / 2) else { return before.to_string() };
        let (left, right) = (among(earlier, before), among(later, before + earlier.len() + 1));
        format!("case when made < {cut} then {left} else {right} end")
    }
    among(cuts, 0)
}

/// What is read of each record.
pub(super) fn value(spot: &Spot, which: Which<'_>) -> String {
    let updated = which.updated();
    Compiler { updated: Some(&updated), ..Compiler::new(Dialect::Sqlite, which.context) }.value(spot)
}

/// What counts of a number. Of an amount, in minor units: each record's rounded half away from zero, as
/// `sync_core::derive` does it, so that it adds up to the same however records are put together.
pub(super) fn weighed(number: &str, is_amount: bool, weights: &Weights, which: Which<'_>) -> String {
    let percents = weights.percents.iter().map(|(word, percent)| (word.as_str(), usize::from(*percent)));
    let percent = by_word(&value(&weights.by, which), percents, 0);
    match is_amount {
        true => share(number, &format!("({percent})")),
        false => format!("({number} * ({percent}) / 100.0)"),
    }
}

/// So many percent of a whole number. The hundreds are taken apart, or a large amount would overflow and become a float;
/// whole numbers are divided towards zero.
fn share(number: &str, percent: &str) -> String {
    let half = format!("(case when {number} < 0 then -50 else 50 end)");
    format!("({number} / 100 * {percent} + ({number} % 100 * {percent} + {half}) / 100)")
}

/// The asker's day of a moment, counted from 1970; rounded down before that, too, as dates are.
pub(super) fn day(moment: &str, context: Context) -> String {
    let millis = i64::from(context.offset_minutes) * 60_000;
    let moment = format!("({moment} + {millis})");
    format!("({moment} - ({moment} % 86400000 + 86400000) % 86400000) / 86400000")
}

/// A value as the text that a group is called by.
pub(super) fn text(spot: &Spot, column: &str) -> String {
    match spot.class {
        Class::Integer | Class::Number | Class::Boolean => format!("cast({column} as text)"),
        _ => column.to_owned(),
    }
}

/// A value that is told apart from others: of links the record that stands for what they say.
pub(super) fn apart(spot: &Spot, column: &str, which: Which<'_>, statement: &mut Statement) -> String {
    match spot.class {
        Class::Link => {
            let stood_for = which.scope.stood_for_any(statement);
            Compiler { tables: Tables::Server, ..Compiler::new(Dialect::Sqlite, which.context) }.standing(column, &stood_for)
        }
        _ => column.to_owned(),
    }
}

/// All records in the order of a value, where an index has it: nothing is sorted. `columns`: what is answered of each
/// group, which the value is a part of.
pub(super) fn in_order_of(which: Which<'_>, spot: &Spot, columns: &str) -> Statement {
    let updated = which.updated();
    let compiler = Compiler { updated: Some(&updated), ..Compiler::new(Dialect::Sqlite, which.context) };
    // Each word of a choice is a group, whatever its place: a board has an index of its words, and not of their places.
    let over = if spot.class == Class::Word { compiler.indexed(spot) } else { compiler.ordered(spot) };
    let mut statement = which.found(&format!("select {columns} from rows "), Way::Whole, |compiler| compiler.filter(&which.query.filter));
    statement.push(&format!(" group by {}", over.join(", ")));
    statement
}

#[cfg(test)]
mod tests {
    use sync_core::derive::percent_of;

    use super::*;
    use crate::store::{Options, Store};

    #[tokio::test]
    async fn a_moment_is_in_the_period_that_began_last_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        for many in [0, 1, 2, 3, 60, 1_500] {
            let cuts: Vec<Millis> = (1..=many).map(|n| n * 10).collect();
            let text = format!("select {} from (select $1 as made)", period(&cuts));
            for made in [0, 9, 10, 11, 25, many * 5, many * 10 - 1, many * 10, many * 10 + 1] {
                let statement = sqlx::query_scalar(sqlx::AssertSqlSafe(text.clone())).bind(made);
                let found: i64 = statement.fetch_one(tx.conn()).await.unwrap();
                assert_eq!(found, cuts.iter().filter(|cut| **cut <= made).count() as i64, "{made} among {many}");
            }
        }
    }

    #[tokio::test]
    async fn the_database_rounds_a_part_of_an_amount_as_derived_fields_do() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let text = format!("select {} from (select $1 as n, $2 as p)", share("n", "p"));
        // 57 % of 50 is 28.5: floats make 28.499999999999996 of it. The last would overflow if it were multiplied first.
        for amount in [0, 1, 5, 49, 50, 51, 99, 100, 101, 150, 9_999, 1 << 53, (1 << 53) + 1, i64::MAX] {
            for (amount, percent) in (0..=100).flat_map(|percent| [(amount, percent), (-amount, percent)]) {
                let statement = sqlx::query_scalar(sqlx::AssertSqlSafe(text.clone())).bind(amount).bind(percent);
                let part: i64 = statement.fetch_one(tx.conn()).await.unwrap();
                assert_eq!(Some(i128::from(part)), percent_of(amount.into(), percent as f64), "{percent} % of {amount}");
            }
        }
    }
}
