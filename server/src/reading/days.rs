//! Spans of days that records are put together in.
//!
//! Days are the reader's own. Knows no kind and no record.

use jiff::ToSpan;
use jiff::civil::Date;

use super::Step;

/// The first and the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

impl Days {
    /// The span of a step that a day is in.
    pub fn around(day: Date, step: Step) -> Option<Self> {
        let first = step.first_of(day);
        let last = match step {
            Step::Day => day,
            Step::Week => first.saturating_add(6.days()),
            Step::Month => day.last_of_month(),
            Step::Quarter => first.saturating_add(2.months()).last_of_month(),
            Step::Year => day.last_of_year(),
        };
        Some(Days { first, last })
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
        Self::around(first, step)
    }

    /// The keys of every group from the one of the first day to the one of the last, at most so many.
    pub fn keys(&self, step: Step, most: usize) -> Vec<String> {
        let mut keys = Vec::new();
        let mut at = Self::around(self.first, step);
        while let Some(days) = at.filter(|days| days.first <= self.last && keys.len() < most) {
            keys.push(step.key(days.first));
            at = days.last.tomorrow().ok().and_then(|next| Self::around(next, step));
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

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
            assert_eq!(step.key(days.last), key);
        }
        let year = Days { first: date(2025, 11, 15), last: date(2026, 2, 1) };
        assert_eq!(year.keys(Step::Month, 99), ["2025-11", "2025-12", "2026-01", "2026-02"]);
        assert_eq!(year.keys(Step::Day, 3).len(), 3);
    }
}
