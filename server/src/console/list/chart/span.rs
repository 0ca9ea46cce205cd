//! Spans of days: the one a chart is about, the one before it, and the steps that days are put together in, by their words.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::reading::{Days, Step};

/// Every word of a period, in the order of menus.
pub const PERIODS: [(&str, &str); 11] = [
    ("this_week", "period.this_week"),
    ("this_month", "period.this_month"),
    ("last_month", "period.last_month"),
    ("this_quarter", "period.this_quarter"),
    ("last_quarter", "period.last_quarter"),
    ("this_year", "period.this_year"),
    ("last_year", "period.last_year"),
    ("last_7_days", "period.last_week_of_days"),
    ("last_30_days", "period.last_month_of_days"),
    ("last_90_days", "period.last_quarter_of_days"),
    ("last_365_days", "period.last_year_of_days"),
];

/// Every step with its name, in the order of menus.
pub const STEPS: [(&str, Step); 5] = [
    ("step.day", Step::Day),
    ("step.week", Step::Week),
    ("step.month", Step::Month),
    ("step.quarter", Step::Quarter),
    ("step.year", Step::Year),
];

impl Days {
    /// The days of a period, as it is on a day; none for a word that is no period.
    pub fn of(word: &str, today: Date) -> Option<Self> {
        let back = |days: i64| Some(Self { first: today.saturating_sub((days - 1).days()), last: today });
        match word {
            "this_week" => Days::around(today, Step::Week),
            "this_month" => Days::around(today, Step::Month),
            "this_quarter" => Days::around(today, Step::Quarter),
            "this_year" => Days::around(today, Step::Year),
            "last_month" => Days::around(today, Step::Month)?.before(word),
            "last_quarter" => Days::around(today, Step::Quarter)?.before(word),
            "last_year" => Days::around(today, Step::Year)?.before(word),
            "last_7_days" => back(7),
            "last_30_days" => back(30),
            "last_90_days" => back(90),
            "last_365_days" => back(365),
            _ => None,
        }
    }

    /// The period before this one: the month before a month, as many days before so many days.
    pub fn before(&self, word: &str) -> Option<Self> {
        let yesterday = self.first.yesterday().ok()?;
        match word {
            "this_week" => Days::around(yesterday, Step::Week),
            "this_month" | "last_month" => Days::around(yesterday, Step::Month),
            "this_quarter" | "last_quarter" => Days::around(yesterday, Step::Quarter),
            "this_year" | "last_year" => Days::around(yesterday, Step::Year),
            _ => {
                let days = (self.last - self.first).get_days();
                Some(Self { first: yesterday.saturating_sub(days.days()), last: yesterday })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn days(word: &str) -> [String; 2] {
        let days = Days::of(word, date(2026, 3, 31)).unwrap();
        [days.first.to_string(), days.last.to_string()]
    }

    #[test]
    fn periods_are_whole_ones_of_the_calendar_or_so_many_days_with_today() {
        assert_eq!(days("this_week"), ["2026-03-30", "2026-04-05"]);
        assert_eq!(days("last_month"), ["2026-02-01", "2026-02-28"]);
        assert_eq!(days("last_quarter"), ["2025-10-01", "2025-12-31"]);
        assert_eq!(days("last_7_days"), ["2026-03-25", "2026-03-31"]);
        assert_eq!(Days::of("someday", date(2026, 3, 31)), None);
        for (word, _) in PERIODS {
            let days = Days::of(word, date(2026, 3, 31)).unwrap();
            let before = days.before(word).unwrap();
            assert_eq!(before.last.tomorrow().unwrap(), days.first, "{word}: one ends where the other begins");
        }
    }
}
