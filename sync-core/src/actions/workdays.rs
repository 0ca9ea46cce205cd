//! The days on which people work, as the settings of a workspace say: what is to be done within some hours does not
//! fall due while nobody is there.
//!
//! Never reads a clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use crate::id::Millis;

const HOUR_MS: Millis = 3_600_000;

/// Closed days that are looked over at most: whoever closes longer has gone.
const DAYS_MAX: usize = 3_660;

/// Words of weekdays in settings, Monday first.
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Which days are working days.
#[derive(Debug, Clone)]
pub struct WorkDays {
    week: [bool; 7],
    /// Holidays, and days on which people work in exchange for one.
    named: BTreeMap<Date, bool>,
    zone: TimeZone,
}

impl Default for WorkDays {
    /// Every day.
    fn default() -> Self {
        Self { week: [true; 7], named: BTreeMap::new(), zone: TimeZone::UTC }
    }
}

impl WorkDays {
    /// As the record of settings says: the days that have working hours, without the holidays, in the workspace's time
    /// zone. Where no day has hours, people work every day.
    pub fn read(settings: &Map<String, Json>) -> Self {
        let rows = |field: &str| settings.get(field).and_then(Json::as_array).into_iter().flatten();
        let open: Vec<&str> = rows("working_hours").filter_map(|row| row.get("day")?.as_str()).collect();
        let named = rows("holidays").filter_map(|row| {
            let works = row.get("works").and_then(Json::as_bool).unwrap_or(false);
            Some((row.get("day")?.as_str()?.parse().ok()?, works))
        });
        let zone = settings.get("time_zone").and_then(Json::as_str).and_then(|name| TimeZone::get(name.trim()).ok());
        Self { week: WEEK.map(|day| open.is_empty() || open.contains(&day)), named: named.collect(), zone: zone.unwrap_or(TimeZone::UTC) }
    }

    /// Whether people work on a day.
    pub fn works(&self, day: Date) -> bool {
        let weekday = day.weekday().to_monday_zero_offset() as usize;
        self.named.get(&day).copied().unwrap_or_else(|| self.week.get(weekday).copied().unwrap_or(true))
    }

    /// So many hours later, without the hours of days on which nobody works.
    pub fn after(&self, since: Millis, hours: u32) -> Millis {
        let all = Millis::from(hours) * HOUR_MS;
        let (mut at, mut left) = (since, all);
        for _ in 0..DAYS_MAX {
            let Some((day, end)) = self.day_of(at) else { break };
            if self.works(day) {
                if left <= end - at {
                    return at + left;
                }
                left -= end - at;
            }
            at = end;
        }
        since.saturating_add(all)
    }

    /// The day of a moment, and when it ends.
    fn day_of(&self, at: Millis) -> Option<(Date, Millis)> {
        let day = Timestamp::from_millisecond(at).ok()?.to_zoned(self.zone.clone()).date();
        let end = day.tomorrow().ok()?.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond();
        (end > at).then_some((day, end))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moment(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn office() -> WorkDays {
        let hours: Vec<Json> = WEEK[..5].iter().map(|day| json!({"day": day, "from": "09:00", "to": "18:00"})).collect();
        let holidays = json!([{"day": "2026-10-01", "name": "National Day"}, {"day": "2026-10-02"}, {"day": "2026-10-10", "works": true}]);
        let settings = json!({"time_zone": "Asia/Shanghai", "working_hours": hours, "holidays": holidays});
        WorkDays::read(settings.as_object().unwrap())
    }

    #[test]
    fn closed_days_do_not_count() {
        for (since, hours, due) in [
            // Within a working day.
            ("2026-09-29T10:00:00+08:00", 4, "2026-09-29T14:00:00+08:00"),
            // A day from Friday afternoon is Monday afternoon.
            ("2026-09-25T15:00:00+08:00", 24, "2026-09-28T15:00:00+08:00"),
            // Asked on Sunday: the day begins on Monday.
            ("2026-09-27T12:00:00+08:00", 24, "2026-09-29T00:00:00+08:00"),
            // The two days of the holiday, and the weekend behind it.
            ("2026-09-30T18:00:00+08:00", 24, "2026-10-05T18:00:00+08:00"),
            // A Saturday on which people work in exchange.
            ("2026-10-09T12:00:00+08:00", 24, "2026-10-10T12:00:00+08:00"),
        ] {
            assert_eq!(office().after(moment(since), hours), moment(due), "{since}");
        }
        assert!(!office().works("2026-10-01".parse().unwrap()) && office().works("2026-10-10".parse().unwrap()));
    }

    #[test]
    fn who_says_nothing_about_their_days_works_every_day_and_who_never_works_is_not_waited_for() {
        let sunday = moment("2026-09-27T12:00:00Z");
        assert_eq!(WorkDays::default().after(sunday, 24), sunday + 24 * HOUR_MS);
        assert_eq!(WorkDays::read(&Map::new()).after(sunday, 24), sunday + 24 * HOUR_MS);
        let never = WorkDays { week: [false; 7], ..WorkDays::default() };
        assert_eq!(never.after(sunday, 24), sunday + 24 * HOUR_MS);
        for at in [Millis::MIN, 0, Millis::MAX] {
            office().after(at, u32::MAX);
        }
    }

    #[test]
    fn a_day_ends_when_the_clocks_of_the_house_say_so() {
        // Clocks go back on 25 October: that Sunday has 25 hours.
        let settings = json!({"time_zone": "Europe/Berlin"});
        let berlin = WorkDays::read(settings.as_object().unwrap());
        let since = moment("2026-10-24T22:00:00Z");
        assert_eq!(berlin.after(since, 25), since + 25 * HOUR_MS);
    }
}
