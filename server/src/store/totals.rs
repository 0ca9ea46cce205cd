//! Records counted and added up, all together or by the value of an attribute.
//!
//! Every row passes a scope. Decides nothing; names of fields come from the schema.

use sync_core::id::{KindName, Millis};
use sync_core::query::{Binds, Class, Compiler, Context, Dialect, Holder, Spot};

use super::lists::Which;
use super::scope::Statement;
use super::{Result, Tx};

/// What is put together: the value itself, or the asker's day of a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// All records together.
    Nothing,
    /// The value.
    Value(Spot),
    /// A day counted from 1970.
    Day(Spot),
}

/// What is added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// The number.
    pub number: Spot,
    /// The currency, if it is an amount: amounts of two currencies are no sum.
    pub currency: Option<Spot>,
}

/// A group's value, how many records it has.
pub type Counted = (Option<String>, u64);

/// A group's value, the currency, how many of the cuts lie before the records, the sum as a decimal text.
pub type Summed = (Option<String>, Option<String>, i64, String);

/// How many records each group has.
pub async fn counts(tx: &mut Tx, which: Which<'_>, by: &By) -> Result<Vec<Counted>> {
    let key = by.expression(which.context);
    let statement = Grouped { start: &format!("select {key}, count(*) from rows "), keys: "1", rest: "" };
    let found: Vec<(Option<String>, i64)> = statement.of(which).all(tx).await?;
    Ok(found.into_iter().map(|(key, count)| (key, count as u64)).collect())
}

/// What a number adds up to in each group; apart for records made before and after each of the `cuts`, moments in order.
pub async fn sums(tx: &mut Tx, which: Which<'_>, by: &By, added: &Added, cuts: &[Millis]) -> Result<Vec<Summed>> {
    let context = which.context;
    let (key, number) = (by.expression(context), value(&added.number, context));
    let currency = added.currency.as_ref().map_or_else(|| "null".to_owned(), |spot| value(spot, context));
    let period = cuts.iter().map(|cut| format!("(rows.created_at >= {cut})")).collect::<Vec<_>>().join(" + ");
    let period = if period.is_empty() { "0".to_owned() } else { period };
    let start = format!("select {key}, {currency}, {period}, cast(sum({number}) as text) from rows ");
    let rest = format!(" and {number} is not null");
    let statement = Grouped { start: &start, keys: "1, 2, 3", rest: &rest };
    statement.of(which).all(tx).await
}

fn value(spot: &Spot, context: Context) -> String {
    Compiler::new(Dialect::Sqlite, context).value(spot)
}

impl By {
    fn expression(&self, context: Context) -> String {
        match self {
            By::Nothing => "null".to_owned(),
            By::Value(spot) if matches!(spot.class, Class::Integer | Class::Number | Class::Boolean) => {
                format!("cast({} as text)", value(spot, context))
            }
            By::Value(spot) => value(spot, context),
            By::Day(spot) => {
                let millis = i64::from(context.offset_minutes) * 60_000;
                format!("cast(({} + {millis}) / 86400000 as text)", value(spot, context))
            }
        }
    }

    /// Whether a spot can be put together by at all.
    pub fn takes(spot: &Spot) -> bool {
        !matches!(spot.holder, Holder::Id | Holder::Each { .. }) && spot.class != Class::Opaque
    }
}

struct Grouped<'a> {
    start: &'a str,
    keys: &'a str,
    rest: &'a str,
}

impl Grouped<'_> {
    fn of(&self, which: Which<'_>) -> Statement {
        let mut statement = which.statement(self.start);
        let visible = |alias: &str, kind: &KindName, binds: &mut Binds| which.scope.sees(alias, kind, |param| binds.add(param));
        let first_param = statement.params.len() + 1;
        let compiler = Compiler { first_param, visible: Some(&visible), ..Compiler::new(Dialect::Sqlite, which.context) };
        let condition = compiler.filter(&which.query.filter);
        statement.push(&condition.text).push(self.rest).push(" group by ").push(self.keys);
        statement.params.extend(condition.params);
        statement
    }
}
