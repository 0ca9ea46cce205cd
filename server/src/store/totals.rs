//! Records counted and added up, all together or by the value of an attribute.
//!
//! Every row passes a scope. Decides nothing; names of fields come from the schema.

use sync_core::id::{Millis, RecordId};
use sync_core::query::{Place, Spot};

use super::grouping::{Weights, day, in_order_of, period, text, value, weighed};
use super::lists::Which;
use super::remembered::Answers;
use super::scope::Statement;
use super::{Result, Tx, id};

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

/// A group's value, how many records it has.
pub type Counted = (Option<String>, u64);

/// A group's value, the currency, how many of the cuts lie before the records, the sum as a decimal text, and what it comes
/// to by its weights.
pub type Summed = (Option<String>, Option<String>, i64, String, Option<String>);

/// How many records each group has.
pub async fn counts(tx: &mut Tx, answers: &Answers, which: Which<'_>, by: &By) -> Result<Vec<Counted>> {
    let found: Vec<(Option<String>, i64)> = answers.to(tx, which.workspace, counts_statement(which, by), which.holds()).await?;
    Ok(found.into_iter().map(|(key, count)| (key, count as u64)).collect())
}

pub(super) fn counts_statement(which: Which<'_>, by: &By) -> Statement {
    let key = by.key("k");
    match by {
        // All records in the order of the value, where an index has it: nothing is sorted.
        By::Value(Place { walk: None, spot }) if which.is_everything() => {
            in_order_of(which, spot, &format!("{}, count(*)", text(spot, &value(spot, which))))
        }
        By::Nothing | By::Value(_) | By::Day(_) => {
            let values = which.values(|statement| vec![format!("{} as k", by.column(which, statement))]);
            values.within(&format!("select {key}, count(*) from ("), ") found group by 1")
        }
    }
}

/// The group that each record is in.
pub async fn keys(tx: &mut Tx, which: Which<'_>, by: &By) -> Result<Vec<(RecordId, Option<String>)>> {
    let values = which.values(|statement| vec!["rows.record as r".to_owned(), format!("{} as k", by.column(which, statement))]);
    let found: Vec<(Vec<u8>, Option<String>)> = values.within(&format!("select r, {} from (", by.key("k")), ") found").all(tx).await?;
    found.into_iter().map(|(record, key)| Ok((id(RecordId::from_bytes(&record), "record id")?, key))).collect()
}

/// What a number adds up to in each group; apart for records made before and after each of the `cuts`, moments in order.
pub async fn sums(tx: &mut Tx, answers: &Answers, which: Which<'_>, by: &By, added: &Added, cuts: &[Millis]) -> Result<Vec<Summed>> {
    answers.to(tx, which.workspace, sums_statement(which, by, added, cuts), which.holds()).await
}

pub(super) fn sums_statement(which: Which<'_>, by: &By, added: &Added, cuts: &[Millis]) -> Statement {
    let (number, currency) = added.columns(which);
    let weights = added.weights.as_ref();
    let weighed = weights.map_or_else(|| "null".to_owned(), |weights| weighed(&number, added.currency.is_some(), weights, which));
    let columns = |statement: &mut Statement| {
        vec![
            format!("{} as k", by.column(which, statement)),
            format!("{currency} as currency"),
            format!("{number} as number"),
            format!("{weighed} as weighed"),
            "rows.created_at as made".to_owned(),
        ]
    };
    let period = period(cuts);
    let start = format!("select {}, currency, {period}, cast(sum(number) as text), cast(sum(weighed) as text) from (", by.key("k"));
    which.values(columns).within(&start, ") found where number is not null group by 1, 2, 3")
}

impl Added {
    /// The number and the currency of a record.
    fn columns(&self, which: Which<'_>) -> (String, String) {
        let number = value(&self.number, which);
        let currency = self.currency.as_ref().map_or_else(|| "null".to_owned(), |spot| value(spot, which));
        let Some((instead, its_currency)) = self.instead.as_ref().map(|instead| instead.columns(which)) else { return (number, currency) };
        let currency = format!("case when {number} is null then {its_currency} else {currency} end");
        (format!("coalesce({number}, {instead})"), currency)
    }
}

impl By {
    /// What is read of each record.
    fn column(&self, which: Which<'_>, statement: &mut Statement) -> String {
        match self {
            By::Nothing => "null".to_owned(),
            By::Value(place) => which.placed(place, statement),
            By::Day(place) => day(&which.placed(place, statement), which.context),
        }
    }

    /// What is made of it: a text.
    fn key(&self, column: &str) -> String {
        match self {
            By::Value(place) => text(&place.spot, column),
            By::Nothing => column.to_owned(),
            By::Day(_) => format!("cast({column} as text)"),
        }
    }
}
