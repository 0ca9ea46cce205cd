//! The operators: one table that parser, messages and documentation follow.

use super::when::Window;
use super::{Class, Holder, Spot};

/// How a text is looked for within another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Anywhere.
    Contains,
    /// At the beginning.
    Starts,
    /// At the end.
    Ends,
}

/// What an operator does, before its negation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Does {
    /// The value is the one given; for a point in time also the day it lies in.
    Equal,
    /// The value is one of a list.
    OneOf,
    /// The value is above or below.
    Above { inclusive: bool },
    /// The value is below.
    Below { inclusive: bool },
    /// The value lies between two, both in.
    Between,
    /// The text has such a part.
    Find(Match),
    /// There is a value.
    Present,
    /// The value is yes.
    True,
    /// The link points at one of these records.
    Linked,
    /// Any element is one of these.
    AnyElement,
    /// Every one of these is an element.
    EveryElement,
    /// As `Equal`, for points in time only.
    On,
    /// As `Above`, for points in time only.
    After,
    /// As `Below`, for points in time only.
    Before,
    /// Within a window.
    Within(Window),
    /// Within a window of so many days.
    Days(fn(i64) -> Window),
    /// So near to a place.
    Near,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Operator {
    pub(super) word: &'static str,
    pub(super) negated: bool,
    pub(super) does: Does,
}

const fn is(word: &'static str, does: Does) -> Operator {
    Operator { word, negated: false, does }
}

/// What is the negation of another operator, always: so it is true of an absent value.
const fn not(word: &'static str, does: Does) -> Operator {
    Operator { word, negated: true, does }
}

/// Every operator, in the order of `docs/query.md`. The names are EspoCRM's.
pub(super) const OPERATORS: &[Operator] = &[
    is("equals", Does::Equal),
    not("notEquals", Does::Equal),
    is("in", Does::OneOf),
    not("notIn", Does::OneOf),
    is("greaterThan", Does::Above { inclusive: false }),
    is("greaterThanOrEquals", Does::Above { inclusive: true }),
    is("lessThan", Does::Below { inclusive: false }),
    is("lessThanOrEquals", Does::Below { inclusive: true }),
    is("between", Does::Between),
    is("contains", Does::Find(Match::Contains)),
    not("notContains", Does::Find(Match::Contains)),
    is("startsWith", Does::Find(Match::Starts)),
    is("endsWith", Does::Find(Match::Ends)),
    is("isNotNull", Does::Present),
    not("isNull", Does::Present),
    is("isTrue", Does::True),
    not("isFalse", Does::True),
    is("linkedWith", Does::Linked),
    not("notLinkedWith", Does::Linked),
    is("isLinked", Does::Present),
    not("isNotLinked", Does::Present),
    is("arrayAnyOf", Does::AnyElement),
    not("arrayNoneOf", Does::AnyElement),
    is("arrayAllOf", Does::EveryElement),
    is("arrayIsNotEmpty", Does::Present),
    not("arrayIsEmpty", Does::Present),
    is("on", Does::On),
    not("notOn", Does::On),
    is("after", Does::After),
    is("before", Does::Before),
    is("today", Does::Within(Window::Today)),
    is("past", Does::Within(Window::Past)),
    is("future", Does::Within(Window::Future)),
    is("lastSevenDays", Does::Within(Window::LastDays(7))),
    is("lastXDays", Does::Days(Window::LastDays)),
    not("notLastXDays", Does::Days(Window::LastDays)),
    is("nextXDays", Does::Days(Window::NextDays)),
    is("olderThanXDays", Does::Days(Window::OlderThanDays)),
    is("afterXDays", Does::Days(Window::AfterDays)),
    is("currentMonth", Does::Within(Window::Month(0))),
    is("lastMonth", Does::Within(Window::Month(-1))),
    is("nextMonth", Does::Within(Window::Month(1))),
    is("currentQuarter", Does::Within(Window::Quarter(0))),
    is("lastQuarter", Does::Within(Window::Quarter(-1))),
    is("currentYear", Does::Within(Window::Year(0))),
    is("lastYear", Does::Within(Window::Year(-1))),
    is("withinKm", Does::Near),
    not("notWithinKm", Does::Near),
];

/// What can be said about the records that point here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// There is one.
    Any,
    /// There is none.
    None,
    /// There are so many, or more.
    AtLeast,
    /// There are so many, or fewer.
    AtMost,
}

/// The words for quantities.
pub(super) const QUANTITIES: [(&str, Quantity); 4] =
    [("any", Quantity::Any), ("none", Quantity::None), ("atLeast", Quantity::AtLeast), ("atMost", Quantity::AtMost)];

impl Operator {
    /// The operator of this name.
    pub(super) fn named(word: &str) -> Option<&'static Operator> {
        OPERATORS.iter().find(|operator| operator.word == word)
    }

    /// Whether it says anything about the values of a spot.
    pub(super) fn suits(&self, spot: &Spot) -> bool {
        let class = spot.class;
        let set = matches!(spot.holder, Holder::Each { .. });
        match (self.word, self.does) {
            ("isLinked" | "isNotLinked", _) => class == Class::Link,
            ("arrayIsNotEmpty" | "arrayIsEmpty", _) => set,
            (_, Does::Present) => true,
            (_, Does::Equal | Does::OneOf) => !matches!(class, Class::Geo | Class::Opaque),
            (_, Does::Above { .. } | Does::Below { .. } | Does::Between) => {
                class.is_time() || matches!(class, Class::Text | Class::Integer | Class::Number)
            }
            (_, Does::Find(_)) => class == Class::Text,
            (_, Does::True) => class == Class::Boolean,
            (_, Does::Linked) => class == Class::Link,
            (_, Does::AnyElement | Does::EveryElement) => set && !matches!(class, Class::Geo | Class::Opaque),
            (_, Does::Near) => class == Class::Geo,
            (_, Does::On | Does::After | Does::Before | Does::Within(_) | Does::Days(_)) => class.is_time(),
        }
    }
}
