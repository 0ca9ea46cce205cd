//! Spans of days: the one a chart is about, the one before it, and those that its days are put together in.
//!
//! Days are the reader's own. Knows no kind and no record.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use crate::reading::Step;

/// The first and the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

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
        let back = |days: i64| Some(Self { first: minus(today, (days - 1).days()), last: today });
        match word {
            "this_week" => around(today, Step::Week),
            "this_month" => around(today, Step::Month),
            "this_quarter" => around(today, Step::Quarter),
            "this_year" => around(today, Step::Year),
            "last_month" => around(today, Step::Month)?.before(word),
            "last_quarter" => around(today, Step::Quarter)?.before(word),
            "last_year" => around(today, Step::Year)?.before(word),
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
            "this_week" => around(yesterday, Step::Week),
            "this_month" | "last_month" => around(yesterday, Step::Month),
            "this_quarter" | "last_quarter" => around(yesterday, Step::Quarter),
            "this_year" | "last_year" => around(yesterday, Step::Year),
            _ => {
                let days = (self.last - self.first).get_days();
                Some(Self { first: minus(yesterday, days.days()), last: yesterday })
            }
        }
    }

    /// The days of a group's key.
    pub fn of_key(key: &str, step: Step) -> Option<Self> {
        let first = match step {
            Step::Day | Step::Week => key.parse().ok()?,
            Step::Month => format!("{key}-01").parse().ok()?,
            Step::Year => format!("{key}-01-01").parse().ok()?,
            Step::Quarter => {
                let (year, quarter) = key.split_once("-Q")?;
                let month = quarter.parse::<i8>().ok()?.checked_mul(3)?.checked_sub(2)?;
                Date::new(year.parse().ok()?, month, 1).ok()?
            }
        };
        around(first, step)
    }

    /// The key of the group that a day is in.
    pub fn key(day: Date, step: Step) -> String {
        let first = around(day, step).map_or(day, |days| days.first);
        match step {
            Step::Day | Step::Week => first.to_string(),
            Step::Month => first.strftime("%Y-%m").to_string(),
            Step::Quarter => format!("{}-Q{}", first.year(), (first.month() + 2) / 3),
            Step::Year => first.year().to_string(),
        }
    }

    /// The keys of every group from the one of the first day to the one of the last, at most so many.
    pub fn keys(&self, step: Step, most: usize) -> Vec<String> {
        let mut keys = Vec::new();
        let mut at = around(self.first, step);
        while let Some(days) = at.filter(|days| days.first <= self.last && keys.len() < most) {
            keys.push(Self::key(days.first, step));
            at = days.last.tomorrow().ok().and_then(|next| around(next, step));
        }
        keys
    }
}

fn minus(day: Date, span: Span) -> Date {
    day.saturating_sub(span)
}

/// The span of a step that a day is in.
fn around(day: Date, step: Step) -> Option<Days> {
    let first = match step {
        Step::Day => day,
        Step::Week => minus(day, i64::from(day.weekday().to_monday_zero_offset()).days()),
        Step::Month => day.first_of_month(),
        Step::Quarter => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).ok()?,
        Step::Year => day.first_of_year(),
    };
    let last = match step {
        Step::Day => day,
        Step::Week => first.saturating_add(6.days()),
        Step::Month => day.last_of_month(),
        Step::Quarter => first.saturating_add(2.months()).last_of_month(),
        Step::Year => day.last_of_year(),
    };
    Some(Days { first, last })
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

    #[test]
    fn a_group_knows_its_days_and_none_is_left_out() {
        for (key, step, first, last) in [
            ("2026-05-03", Step::Day, "2026-05-03", "2026-05-03"),
            ("2026-05-04", Step::Week, "2026-05-04", "2026-05-10"),
            ("2026-02", Step::Month, "2026-02-01", "2026-02-28"),
            ("2026-Q4", Step::Quarter, "2026-10-01", "2026-12-31"),
            ("2026", Step::Year, "2026-01-01", "2026-12-31"),
        ] {
            let days = Days::of_key(key, step).unwrap();
            assert_eq!((days.first.to_string(), days.last.to_string()), (first.to_owned(), last.to_owned()));
            assert_eq!(Days::key(days.last, step), key);
        }
        let year = Days { first: date(2025, 11, 15), last: date(2026, 2, 1) };
        assert_eq!(year.keys(Step::Month, 99), ["2025-11", "2025-12", "2026-01", "2026-02"]);
        assert_eq!(year.keys(Step::Day, 3).len(), 3);
    }
}
