//! What amounts are worth in the workspace's currency: by the rate of the day on which their record was made.
//!
//! Totals and charts put records apart by those days, add up each, and convert the sums.

use serde_json::{Map, Value as Json};
use sync_core::actions::currency::{self, Rates};
use sync_core::id::{Millis, WorkspaceId};

use super::ReadError;
use crate::store::Tx;
use crate::store::sequences::{self, FewRow};

/// The rates of a workspace, by the moments from which they hold.
pub(super) struct Dated {
    /// What currencies are worth, and in which one totals are.
    pub rates: Rates,
    days: Vec<String>,
}

/// Older days are not looked at: six years of a rate for each day that banks work. Each is some 40 bytes of a statement.
const CUTS_MAX: usize = 1_500;

impl Dated {
    /// Those of now.
    pub async fn of(tx: &mut Tx, workspace: WorkspaceId) -> Result<Self, ReadError> {
        let read =
            |rows: Vec<FewRow>| -> Vec<Map<String, Json>> { rows.iter().filter_map(|row| serde_json::from_str(&row.main).ok()).collect() };
        let settings = sequences::settings(tx, workspace).await?;
        let home = settings.as_ref().and_then(|fields| fields.get("currency")?.as_str()).unwrap_or(currency::USUAL).to_owned();
        let rates = Rates::of(&home, &read(sequences::all_of_kind(tx, workspace, currency::RATE).await?));
        let days = rates.days();
        let days = days[days.len().saturating_sub(CUTS_MAX)..].iter().map(|day| (*day).to_owned()).collect();
        Ok(Self { rates, days })
    }

    /// When each of the days begins, in UTC.
    pub fn cuts(&self) -> Vec<Millis> {
        let begin = |day: &String| day.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let begins = self.days.iter().map(|day| begin(day).map_or(Millis::MIN, |moment| moment.timestamp().as_millisecond()));
        // What is no day begins with the one before it: they stay in order.
        let in_order = |last: &mut Millis, begin: Millis| {
            *last = begin.max(*last);
            Some(*last)
        };
        begins.scan(Millis::MIN, in_order).collect()
    }

    /// What an amount is worth that was made after so many of the days had begun.
    pub fn convert(&self, minor: i64, currency: &str, period: i64) -> Option<i64> {
        let day = usize::try_from(period).ok().and_then(|count| self.days.get(count.checked_sub(1)?));
        self.rates.convert(minor, currency, day.map_or("", String::as_str))
    }
}
