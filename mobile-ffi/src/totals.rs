//! Counts and sums of a list's records: the header of a list, the columns of a board, a chart.
//! Worked out on the device, without a network, as the server answers.

use std::collections::HashMap;

use sync_core::actions::totals::{self, Asked, Plan};
use sync_core::device::Device;
use sync_core::id::FieldName;
use sync_core::query::{Query, Step};

use crate::client::Client;
use crate::error::ClientError;
use crate::read::ListQuery;
use crate::runtime::{blocking, guarded};

/// Which records to count, what to put them together by, and what to add up.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TotalsQuery {
    /// Their kind.
    pub kind: String,
    /// Conditions in the language of `docs/query.md`, as JSON; all records without.
    #[uniffi(default = None)]
    pub filter: Option<String>,
    /// An attribute with one value: `stage`, `party`, `party.industry`, `close_date`, `createdAt`; all records together without.
    #[uniffi(default = None)]
    pub by: Option<String>,
    /// The span that days and moments are put together in; months without.
    #[uniffi(default = None)]
    pub step: Option<TimeStep>,
    /// Fields of numbers or amounts, up to four.
    #[uniffi(default = [])]
    pub sums: Vec<String>,
}

/// A span of days that records are put together in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum TimeStep {
    /// A day: `2026-05-03`.
    Day,
    /// A week, by its Monday: `2026-05-04`.
    Week,
    /// A month: `2026-05`.
    Month,
    /// A quarter: `2026-Q2`.
    Quarter,
    /// A year: `2026`.
    Year,
}

/// Records, counted and added up.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Totals {
    /// The groups: the largest first, in the order of time where they are of time; those without a value last.
    pub groups: Vec<TotalsGroup>,
    /// All records together.
    pub all: TotalsGroup,
    /// Whether there are more groups than are named: 200 are.
    pub more: bool,
}

/// Records that have the same value.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct TotalsGroup {
    /// The value as text: an option's stored word, a record's id, `2026-05` for a month, `1` for yes; nothing where there is none.
    pub key: Option<String>,
    /// What the record is called that the key names, if it is here.
    pub title: Option<String>,
    /// How many records.
    pub count: u64,
    /// What each field adds up to; one that no record has is not there.
    pub sums: HashMap<String, FieldSum>,
}

/// What a field adds up to.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FieldSum {
    /// The sum; of amounts one in each currency.
    pub by_currency: Vec<Sum>,
    /// What of it is likely to come true, by the weights of the options, where records are put together by their kind's board.
    pub weighted: Vec<Sum>,
    /// All of it in the workspace's currency, where something had to be converted.
    pub home: Option<HomeSum>,
}

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Sum {
    /// Of amounts: their currency.
    pub currency: Option<String>,
    /// As a decimal text, exact; in minor units of an amount.
    pub sum: String,
}

/// A sum in the workspace's currency, each amount by the rate of the day on which its record was made.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HomeSum {
    /// The currency.
    pub currency: String,
    /// In minor units.
    pub sum: i64,
    /// Whether some amounts are not in it: nobody knows the rate of their day.
    pub partial: bool,
}

impl From<TimeStep> for Step {
    fn from(step: TimeStep) -> Self {
        match step {
            TimeStep::Day => Step::Day,
            TimeStep::Week => Step::Week,
            TimeStep::Month => Step::Month,
            TimeStep::Quarter => Step::Quarter,
            TimeStep::Year => Step::Year,
        }
    }
}

impl TotalsQuery {
    /// What is meant, checked against the kinds that the device knows.
    fn compile(&self, device: &Device) -> Result<(Query, Plan), ClientError> {
        let (kind, filter) = (self.kind.clone(), self.filter.clone());
        let query = ListQuery { kind, filter, order_by: None, descending: false, limit: 1, after: None }.compile(device)?;
        let unknown = || ClientError::NotFound { what: format!("kind `{}`", self.kind) };
        let kind = device.schema().kind(&query.kind).ok_or_else(unknown)?;
        let step = self.step.map(Step::from).unwrap_or_default();
        let asked = Asked::named(kind, self.by.as_deref(), step, &self.sums)?;
        // What the user may not read is not here.
        Ok((query, Plan::of(device.schema(), kind, &asked, |_| true)?))
    }
}

impl From<totals::Totals> for Totals {
    fn from(totals: totals::Totals) -> Self {
        let named = |group: totals::Group| {
            let title = group.key.as_ref().and_then(|key| Some(totals.names.get(&key.parse().ok()?)?.title.clone()));
            TotalsGroup { title, ..group.into() }
        };
        Self { groups: totals.groups.into_iter().map(named).collect(), all: totals.all.into(), more: totals.cut }
    }
}

impl From<totals::Group> for TotalsGroup {
    fn from(mut group: totals::Group) -> Self {
        let field_sum = |(field, sums): (FieldName, Vec<totals::Sum>)| {
            let weighted = group.weighted.remove(&field).unwrap_or_default();
            let home = group.home.remove(&field).map(|home| HomeSum { currency: home.currency, sum: home.sum, partial: home.partial });
            (field.to_string(), FieldSum { by_currency: told(sums), weighted: told(weighted), home })
        };
        let sums = group.sums.into_iter().map(field_sum).collect();
        Self { key: group.key, title: None, count: group.count, sums }
    }
}

fn told(sums: Vec<totals::Sum>) -> Vec<Sum> {
    sums.into_iter().map(|totals::Sum { currency, sum }| Sum { currency, sum }).collect()
}

#[uniffi::export]
impl Client {
    /// Counts and sums of the records that `list` shows, all together or by the value of an attribute.
    pub async fn totals(&self, query: TotalsQuery) -> Result<Totals, ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || {
            open.host.with(|device, now| {
                let (query, plan) = query.compile(device)?;
                Ok(device.totals(&query, &plan, open.context(now))?.into())
            })
        }))
        .await
    }
}
