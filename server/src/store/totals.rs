//! Records counted and added up, all together or by the value of an attribute.
//!
//! Every row passes a scope. Decides nothing; names of fields come from the schema.

use sync_core::id::{Millis, RecordId};
use sync_core::query::Place;
use sync_core::query::grouped::{Added, By, Counted, Frame, Summed};

use super::grouping::{column, in_order_of, value};
use super::lists::Which;
use super::remembered::Answers;
use super::scope::Statement;
use super::{Result, Tx, id};

/// How many records each group has.
pub async fn counts(tx: &mut Tx, answers: &Answers, which: Which<'_>, by: &By) -> Result<Vec<Counted>> {
    answers.to(tx, which.workspace, counts_statement(which, by), which.holds()).await
}

pub(super) fn counts_statement(which: Which<'_>, by: &By) -> Statement {
    match by {
        // All records in the order of the value, where an index has it: nothing is sorted.
        By::Value(Place { walk: None, spot }) if which.is_everything() => {
            in_order_of(which, spot, &format!("{}, count(*)", by.key(&value(spot, which))))
        }
        By::Nothing | By::Value(_) | By::Day(_) => within(which, by, &by.counted()),
    }
}

/// The group that each record is in.
pub async fn keys(tx: &mut Tx, which: Which<'_>, by: &By) -> Result<Vec<(RecordId, Option<String>)>> {
    let values = which.values(|statement| vec!["rows.record as r".to_owned(), format!("{} as k", column(by, which, statement))]);
    let found: Vec<(Vec<u8>, Option<String>)> = values.within(&format!("select r, {} from (", by.key("k")), ") found").all(tx).await?;
    found.into_iter().map(|(record, key)| Ok((id(RecordId::from_bytes(&record), "record id")?, key))).collect()
}

/// What a number adds up to in each group; of amounts apart for records made before and after each of the `cuts`, moments in
/// order.
pub async fn sums(tx: &mut Tx, answers: &Answers, which: Which<'_>, by: &By, added: &Added, cuts: &[Millis]) -> Result<Vec<Summed>> {
    answers.to(tx, which.workspace, sums_statement(which, by, added, cuts), which.holds()).await
}

pub(super) fn sums_statement(which: Which<'_>, by: &By, added: &Added, cuts: &[Millis]) -> Statement {
    within(which, by, &by.summed(added, &|spot| value(spot, which), cuts))
}

fn within(which: Which<'_>, by: &By, frame: &Frame) -> Statement {
    which.values(|statement| frame.columns(column(by, which, statement))).within(&frame.start, frame.end)
}
