//! Days, moments and windows such as "the last seven days". Never reads a clock.

use std::fmt;

use jiff::civil::Date;
use jiff::{Span as Shift, Timestamp};

use super::Class;
use crate::id::{DAY_MS, Millis};

/// When and where a filter is evaluated: relative dates are counted in the asker's own days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The time, in milliseconds since 1970 UTC.
    pub now: Millis,
    /// The asker's clock minus UTC: 480 for Beijing.
    pub offset_minutes: i32,
}

/// No clock on earth is further from UTC.
pub const OFFSET_MAX_MINUTES: i32 = 14 * 60;

impl Context {
    /// The asker's calendar day.
    pub fn today(&self) -> Day {
        self.day_of(self.now)
    }

    fn offset_ms(&self) -> i64 {
        i64::from(self.offset_minutes) * 60_000
    }

    fn day_of(&self, moment: Millis) -> Day {
        Day::since_epoch(moment.saturating_add(self.offset_ms()).div_euclid(DAY_MS))
    }

    fn start_of(&self, day: Day) -> Millis {
        (day.0.duration_since(EPOCH).as_secs() * 1000).saturating_sub(self.offset_ms())
    }

    /// The moment at which a day begins where the asker is, as `2026-05-03`.
    pub fn begin_of(&self, day: &str) -> Option<Millis> {
        Day::parse(day).map(|day| self.start_of(day))
    }

    /// The last moment of the asker's day that a moment is in.
    pub fn end_of_day(&self, moment: Millis) -> Millis {
        self.start_of(self.day_of(moment)).saturating_add(DAY_MS - 1)
    }

    /// The first day that does not start before the moment.
    fn day_from(&self, moment: Millis) -> Day {
        let day = self.day_of(moment);
        if self.start_of(day) < moment { day.plus(1) } else { day }
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);

/// A calendar day from 0000-01-01 to 9999-12-31; arithmetic stops there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    const FIRST: Day = Day(Date::constant(0, 1, 1));
    const LAST: Day = Day(Date::constant(9999, 12, 31));

    /// Reads `2026-05-03`, and nothing else that a lenient parser might take.
    pub fn parse(text: &str) -> Option<Day> {
        let day = Day(text.parse().ok()?);
        (day.to_string() == text && day >= Day::FIRST).then_some(day)
    }

    fn since_epoch(days: i64) -> Day {
        // Beyond a thousand thousand days there is no calendar left to be right about.
        let day = EPOCH.saturating_add(Shift::new().days(days.clamp(-1_000_000, 4_000_000)));
        Day(day).clamp(Day::FIRST, Day::LAST)
    }

    fn plus(self, days: i64) -> Day {
        Day(self.0.saturating_add(Shift::new().days(days.clamp(-MAX_SHIFT, MAX_SHIFT)))).clamp(Day::FIRST, Day::LAST)
    }

    /// The first day of the month `months` away.
    fn month(self, months: i64) -> Day {
        Day(self.0.first_of_month().saturating_add(Shift::new().months(months.clamp(-1_200, 1_200)))).clamp(Day::FIRST, Day::LAST)
    }
}

const MAX_SHIFT: i64 = super::MAX_DAYS + 1;

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

/// Reads a moment as RFC 3339: `2026-05-03T10:00:00+08:00`.
pub(super) fn parse_moment(text: &str) -> Option<Millis> {
    text.parse::<Timestamp>().ok().map(|moment| moment.as_millisecond())
}

/// One end of a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The first moment of the asker's day.
    Start(Day),
    /// The first moment after the asker's day.
    End(Day),
    /// A moment.
    At(Millis),
}

/// A span of time: from its start up to, and without, its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Between two edges; a missing one is open.
    Fixed(Option<Edge>, Option<Edge>),
    /// Counted from the day of asking.
    Relative(Window),
}

/// A span counted from the day of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Today.
    Today,
    /// Before today; for a moment, before now.
    Past,
    /// After today; for a moment, after now.
    Future,
    /// Today and so many days before it.
    LastDays(i64),
    /// Today and so many days after it.
    NextDays(i64),
    /// More than so many days before today.
    OlderThanDays(i64),
    /// More than so many days after today.
    AfterDays(i64),
    /// A calendar month: 0 this one, -1 the last.
    Month(i64),
    /// A calendar quarter: 0 this one, -1 the last.
    Quarter(i64),
    /// A calendar year: 0 this one, -1 the last.
    Year(i64),
}

/// A span with its numbers filled in, once for days as texts and once for moments; both half open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) days: (Option<String>, Option<String>),
    pub(super) moments: (Option<Millis>, Option<Millis>),
}

impl Span {
    /// Fills in the numbers.
    pub(super) fn interval(&self, context: &Context) -> Interval {
        match self {
            Span::Fixed(from, until) => Interval::between(context, *from, *until),
            Span::Relative(window) => window.interval(context),
        }
    }
}

impl Window {
    fn interval(self, context: &Context) -> Interval {
        let today = context.today();
        let days = |from: Option<Day>, until: Option<Day>| Interval::between(context, from.map(Edge::Start), until.map(Edge::Start));
        let months = |first: i64, count: i64| days(Some(today.month(first)), Some(today.month(first + count)));
        let (month, quarter) = (i64::from(today.0.month()) - 1, (i64::from(today.0.month()) - 1) % 3);
        match self {
            Window::Today => days(Some(today), Some(today.plus(1))),
            Window::Past => Interval { moments: (None, Some(context.now)), ..days(None, Some(today)) },
            Window::Future => Interval { moments: (context.now.checked_add(1), None), ..days(Some(today.plus(1)), None) },
            Window::LastDays(count) => days(Some(today.plus(-count)), Some(today.plus(1))),
            Window::NextDays(count) => days(Some(today), Some(today.plus(count + 1))),
            Window::OlderThanDays(count) => days(None, Some(today.plus(-count))),
            Window::AfterDays(count) => days(Some(today.plus(count + 1)), None),
            Window::Month(away) => months(away, 1),
            Window::Quarter(away) => months(3 * away - quarter, 3),
            Window::Year(away) => months(12 * away - month, 12),
        }
    }
}

impl Interval {
    fn between(context: &Context, from: Option<Edge>, until: Option<Edge>) -> Self {
        let day = |edge: Edge| match edge {
            Edge::Start(day) => day.to_string(),
            // `~` sorts after every later part of a date, so it stands for "the day after" even on the last day there is.
            Edge::End(day) => format!("{day}~"),
            Edge::At(moment) => context.day_from(moment).to_string(),
        };
        let moment = |edge: Edge| match edge {
            Edge::Start(day) => context.start_of(day),
            Edge::End(day) => context.start_of(day).saturating_add(DAY_MS),
            Edge::At(moment) => moment,
        };
        Self { days: (from.map(day), until.map(day)), moments: (from.map(moment), until.map(moment)) }
    }

    /// Whether a day, as text, lies in it.
    pub(super) fn holds_day(&self, day: &str) -> bool {
        let (from, until) = &self.days;
        from.as_deref().is_none_or(|from| day >= from) && until.as_deref().is_none_or(|until| day < until)
    }

    /// Whether a moment lies in it.
    pub(super) fn holds_moment(&self, moment: Millis) -> bool {
        let (from, until) = self.moments;
        from.is_none_or(|from| moment >= from) && until.is_none_or(|until| moment < until)
    }
}

/// Which of the two a class compares.
pub(super) fn sides(class: Class) -> (bool, bool) {
    (matches!(class, Class::Day | Class::DayOrMoment), matches!(class, Class::Moment | Class::DayOrMoment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beijing(moment: &str) -> Context {
        Context { now: parse_moment(moment).unwrap(), offset_minutes: 480 }
    }

    #[test]
    fn windows_are_counted_in_the_askers_days() {
        // 00:30 in Beijing is still the day before in UTC.
        let context = beijing("2026-03-01T00:30:00+08:00");
        let cases = [
            (Window::Today, "2026-03-01", "2026-03-02"),
            (Window::LastDays(7), "2026-02-22", "2026-03-02"),
            (Window::NextDays(1), "2026-03-01", "2026-03-03"),
            (Window::Month(0), "2026-03-01", "2026-04-01"),
            (Window::Month(-1), "2026-02-01", "2026-03-01"),
            (Window::Month(1), "2026-04-01", "2026-05-01"),
            (Window::Quarter(0), "2026-01-01", "2026-04-01"),
            (Window::Quarter(-1), "2025-10-01", "2026-01-01"),
            (Window::Year(0), "2026-01-01", "2027-01-01"),
            (Window::Year(-1), "2025-01-01", "2026-01-01"),
        ];
        for (window, from, until) in cases {
            assert_eq!(window.interval(&context).days, (Some(from.to_owned()), Some(until.to_owned())), "{window:?}");
        }
        let midnight = parse_moment("2026-03-01T00:00:00+08:00").unwrap();
        assert_eq!(Window::Today.interval(&context).moments, (Some(midnight), Some(midnight + DAY_MS)));
    }

    #[test]
    fn the_past_ends_today_for_days_and_now_for_moments() {
        let context = beijing("2026-03-01T12:00:00+08:00");
        let past = Window::Past.interval(&context);
        assert!(past.holds_day("2026-02-28") && !past.holds_day("2026-03-01"));
        assert!(past.holds_moment(context.now - 1) && !past.holds_moment(context.now));
        let future = Window::Future.interval(&context);
        assert!(future.holds_day("2026-03-02") && !future.holds_day("2026-03-01"));
        assert!(future.holds_moment(context.now + 1) && !future.holds_moment(context.now));
    }

    #[test]
    fn a_day_compared_with_a_moment_counts_as_its_first_moment() {
        let context = beijing("2026-03-01T12:00:00+08:00");
        let noon = Interval::between(&context, Some(Edge::At(context.now)), None);
        assert!(!noon.holds_day("2026-03-01") && noon.holds_day("2026-03-02"));
        let midnight = Interval::between(&context, Some(Edge::At(context.now - DAY_MS / 2)), None);
        assert!(midnight.holds_day("2026-03-01"));
    }

    #[test]
    fn only_plain_days_are_read() {
        for text in ["2026-02-30", "20260203", "2026-2-3", "2026-02-03T00:00:00", "", "-000001-01-01"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        assert_eq!(Day::parse("9999-12-31").map(|day| day.plus(5).to_string()).as_deref(), Some("9999-12-31"));
    }

    #[test]
    fn no_clock_is_too_wrong() {
        for now in [i64::MIN, 0, i64::MAX] {
            for offset_minutes in [i32::MIN, 0, i32::MAX] {
                for window in [Window::Past, Window::Future, Window::LastDays(36_525), Window::AfterDays(36_525), Window::Year(1)] {
                    window.interval(&Context { now, offset_minutes });
                }
                Interval::between(&Context { now, offset_minutes }, Some(Edge::At(i64::MAX)), Some(Edge::At(i64::MIN)));
            }
        }
    }
}
