//! The spans of days that records are put together in, by their words and the keys of their groups.
//!
//! Days are the reader's own. Knows no kind and no record.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// How long the spans are that days are put together in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// A day: `2026-05-03`.
    Day,
    /// A week, by its Monday: `2026-05-04`.
    Week,
    /// A month: `2026-05`.
    #[default]
    Month,
    /// A quarter: `2026-Q2`.
    Quarter,
    /// A year: `2026`.
    Year,
}

impl Step {
    /// Every step with its word.
    const WORDS: [(Step, &'static str); 5] =
        [(Step::Day, "day"), (Step::Week, "week"), (Step::Month, "month"), (Step::Quarter, "quarter"), (Step::Year, "year")];

    /// The step of a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(step, _)| *step)
    }

    /// Its word, in addresses and views.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(known, _)| *known == self).map_or("month", |(_, word)| *word)
    }

    /// The first day of the span that a day is in.
    pub fn first_of(self, day: Date) -> Date {
        match self {
            Step::Day => day,
            Step::Week => day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days()),
            Step::Month => day.first_of_month(),
            Step::Quarter => day.first_of_month().saturating_sub(i64::from((day.month() - 1) % 3).months()),
            Step::Year => day.first_of_year(),
        }
    }

    /// The key of the group that a day is in.
    pub fn key(self, day: Date) -> String {
        let first = self.first_of(day);
        match self {
            Step::Day | Step::Week => first.to_string(),
            Step::Month => format!("{:04}-{:02}", first.year(), first.month()),
            Step::Quarter => format!("{}-Q{}", first.year(), (first.month() + 2) / 3),
            Step::Year => first.year().to_string(),
        }
    }

    /// The key of the group that a day is in as a database tells it: a day, or how many there are since 1970.
    pub(crate) fn key_of(self, told: &str) -> String {
        let counted = |days: i64| Date::constant(1970, 1, 1).saturating_add(Span::new().days(days.clamp(-700_000, 2_900_000)));
        let day = told.parse::<i64>().map(counted).or_else(|_| told.parse::<Date>());
        day.map_or_else(|_| told.to_owned(), |day| self.key(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_put_together_by_the_span_that_is_asked_for() {
        let months = ["2026-05-03", "0", "20576"].map(|told| Step::Month.key_of(told));
        assert_eq!(months, ["2026-05", "1970-01", "2026-05"]);
        let steps = [Step::Day, Step::Week, Step::Quarter, Step::Year].map(|step| step.key_of("2026-05-03"));
        assert_eq!(steps, ["2026-05-03", "2026-04-27", "2026-Q2", "2026"]);
        let quarters = ["2026-03-31", "2026-06-30", "2026-10-01", "2026-12-31"].map(|told| Step::Quarter.key_of(told));
        assert_eq!(quarters, ["2026-Q1", "2026-Q2", "2026-Q4", "2026-Q4"]);
        assert_eq!(Step::Week.key_of("-1"), "1969-12-29");
        assert_eq!(Step::Day.key_of("someday"), "someday");
    }
}
