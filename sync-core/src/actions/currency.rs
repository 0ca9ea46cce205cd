//! Amounts of several currencies in one: by dated rates, the same on phone and server.
//!
//! An amount keeps its own currency for ever; what it is worth in another one is derived, and only said
//! where the rate of its day is known.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::id::Millis;
use crate::query::Context;

/// The kind whose records are rates.
pub const RATE: &str = "rate";
/// The kind of the one record that says in which currency totals are.
pub const SETTINGS: &str = "settings";
/// Totals are in it until somebody says otherwise.
pub const USUAL: &str = "CNY";

/// How many decimals a currency has (ISO 4217); all others have two.
pub fn decimals(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// What currencies are worth, and since when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    /// The currency of totals.
    pub home: String,
    /// By currency, by the day from which it holds.
    dated: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Rates {
    /// From the rows of records of the kind `rate`; those that say nothing are left out.
    pub fn of<'a>(home: &str, rows: impl IntoIterator<Item = &'a Map<String, Json>>) -> Self {
        let mut rates = Self { home: home.trim().to_ascii_uppercase(), dated: BTreeMap::new() };
        for row in rows {
            let text = |name: &str| row.get(name).and_then(Json::as_str).map(|text| text.trim().to_owned());
            let rate = row.get("rate").and_then(Json::as_f64).filter(|rate| rate.is_finite() && *rate > 0.0);
            if let (Some(currency), Some(from), Some(rate)) = (text("currency"), text("from"), rate) {
                rates.dated.entry(currency.to_ascii_uppercase()).or_default().insert(from, rate);
            }
        }
        rates
    }

    /// The days on which a rate begins to hold, in order.
    pub fn days(&self) -> Vec<&str> {
        let mut days: Vec<&str> = self.dated.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// An amount of a day, in minor units, in the currency of totals; nothing where the rate of the day is unknown.
    pub fn convert(&self, minor: i64, currency: &str, day: &str) -> Option<i64> {
        if currency == self.home {
            return Some(minor);
        }
        let (_, rate) = self.dated.get(currency)?.range(..=day.to_owned()).next_back()?;
        let shift = decimals(&self.home) as i32 - decimals(currency) as i32;
        let worth = minor as f64 * rate * 10_f64.powi(shift);
        // Beyond the whole numbers that a float tells apart it would be a guess.
        (worth.abs() < 9e15).then(|| worth.round() as i64)
    }
}

/// Records of a kind beyond this are not looked at: rules, settings and rates are few.
pub const FEW_MAX: i64 = 5_000;
/// Older days are not looked at: six years of a rate for each day that banks work. Each is some 40 bytes of a statement.
const CUTS_MAX: usize = 1_500;

/// The rates of a workspace, by the moments from which they hold: amounts are worth what the day says on which their record
/// was made. Totals and charts put records apart by those days, add up each, and convert the sums.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dated {
    /// What currencies are worth, and in which one totals are.
    pub rates: Rates,
    days: Vec<String>,
}

impl Dated {
    /// From what the workspace's settings say, if anybody has saved them, and the rows of its rates.
    pub fn of(settings: Option<&Map<String, Json>>, rates: &[Map<String, Json>]) -> Self {
        let home = settings.and_then(|fields| fields.get("currency")?.as_str()).unwrap_or(USUAL);
        let rates = Rates::of(home, rates);
        let days = rates.days();
        let days = days[days.len().saturating_sub(CUTS_MAX)..].iter().map(|day| (*day).to_owned()).collect();
        Self { rates, days }
    }

    /// When each of the days begins, in UTC.
    pub fn cuts(&self) -> Vec<Millis> {
        let utc = Context { now: 0, offset_minutes: 0 };
        // What is no day begins with the one before it: they stay in order.
        let in_order = |last: &mut Millis, day: &String| {
            *last = utc.begin_of(day).unwrap_or(Millis::MIN).max(*last);
            Some(*last)
        };
        self.days.iter().scan(Millis::MIN, in_order).collect()
    }

    /// What an amount is worth that was made after so many of the days had begun.
    pub fn convert(&self, minor: i64, currency: &str, period: i64) -> Option<i64> {
        let day = usize::try_from(period).ok().and_then(|count| self.days.get(count.checked_sub(1)?));
        self.rates.convert(minor, currency, day.map_or("", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_is_worth_what_its_day_says() {
        let rows = [
            json!({"currency": "usd", "from": "2026-01-01", "rate": 7.0}),
            json!({"currency": "USD", "from": "2026-07-01", "rate": 7.2}),
            json!({"currency": "JPY", "from": "2026-01-01", "rate": 0.05}),
            json!({"currency": "EUR", "from": "2026-01-01", "rate": -1}),
        ];
        let rates = Rates::of("CNY", rows.iter().filter_map(Json::as_object));
        for (minor, currency, day, worth) in [
            (10_000, "CNY", "2020-01-01", Some(10_000)),
            (10_000, "USD", "2026-06-30", Some(70_000)),
            (10_000, "USD", "2026-07-01", Some(72_000)),
            (10_000, "USD", "2025-12-31", None),
            (1_000, "JPY", "2026-02-01", Some(5_000)),
            (1, "EUR", "2026-02-01", None),
            (1, "GBP", "2026-02-01", None),
        ] {
            assert_eq!(rates.convert(minor, currency, day), worth, "{currency} {day}");
        }
        assert_eq!(rates.days(), ["2026-01-01", "2026-07-01"]);
    }
}
