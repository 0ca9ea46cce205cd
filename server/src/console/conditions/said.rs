//! What can be said about an attribute in a filter that is built by hand: operators with their words.

use sync_core::query::{Class, Offer};

use super::Scope;

/// An operator, its words, and what it is compared with.
pub struct Said {
    /// As the filter language has it.
    pub operator: &'static str,
    /// Its words.
    pub key: &'static str,
    /// What goes with it.
    pub needs: Needs,
}

/// What goes with an operator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A value.
    One,
    /// Two values.
    Two,
    /// Some of a list.
    Some,
    /// A number of days.
    Days,
    /// A number of records.
    Count,
    /// A place, and how far around it.
    Near,
}

const fn said(operator: &'static str, key: &'static str, needs: Needs) -> Said {
    Said { operator, key, needs }
}

const TEXT: &[Said] = &[
    said("contains", "operator.contains", Needs::One),
    said("notContains", "operator.not_contains", Needs::One),
    said("equals", "operator.equals", Needs::One),
    said("notEquals", "operator.not_equals", Needs::One),
    said("startsWith", "operator.starts_with", Needs::One),
    said("endsWith", "operator.ends_with", Needs::One),
    said("isNotNull", "operator.is_not_null", Needs::Nothing),
    said("isNull", "operator.is_null", Needs::Nothing),
];
const WORD: &[Said] = &[
    said("in", "operator.is_in", Needs::Some),
    said("notIn", "operator.not_in", Needs::Some),
    said("isNotNull", "operator.is_not_null", Needs::Nothing),
    said("isNull", "operator.is_null", Needs::Nothing),
];
const WORDS: &[Said] = &[
    said("arrayAnyOf", "operator.any_of", Needs::Some),
    said("arrayAllOf", "operator.all_of", Needs::Some),
    said("arrayNoneOf", "operator.none_of", Needs::Some),
    said("arrayIsNotEmpty", "operator.is_not_null", Needs::Nothing),
    said("arrayIsEmpty", "operator.is_null", Needs::Nothing),
];
const LINK: &[Said] = &[
    said("linkedWith", "operator.is_in", Needs::Some),
    said("notLinkedWith", "operator.not_in", Needs::Some),
    said("isLinked", "operator.is_not_null", Needs::Nothing),
    said("isNotLinked", "operator.is_null", Needs::Nothing),
];
const NUMBER: &[Said] = &[
    said("greaterThanOrEquals", "operator.at_least", Needs::One),
    said("lessThanOrEquals", "operator.at_most", Needs::One),
    said("equals", "operator.equals", Needs::One),
    said("notEquals", "operator.not_equals", Needs::One),
    said("greaterThan", "operator.above", Needs::One),
    said("lessThan", "operator.below", Needs::One),
    said("between", "operator.between", Needs::Two),
    said("isNotNull", "operator.is_not_null", Needs::Nothing),
    said("isNull", "operator.is_null", Needs::Nothing),
];
const BOOLEAN: &[Said] = &[said("isTrue", "operator.is_true", Needs::Nothing), said("isFalse", "operator.is_false", Needs::Nothing)];
const TIME: &[Said] = &[
    said("today", "operator.today", Needs::Nothing),
    said("on", "operator.on", Needs::One),
    said("before", "operator.before", Needs::One),
    said("after", "operator.after", Needs::One),
    said("between", "operator.between", Needs::Two),
    said("past", "operator.past", Needs::Nothing),
    said("future", "operator.future", Needs::Nothing),
    said("lastXDays", "operator.last_days", Needs::Days),
    said("notLastXDays", "operator.not_last_days", Needs::Days),
    said("nextXDays", "operator.next_days", Needs::Days),
    said("olderThanXDays", "operator.older_than", Needs::Days),
    said("currentMonth", "operator.this_month", Needs::Nothing),
    said("lastMonth", "operator.last_month", Needs::Nothing),
    said("nextMonth", "operator.next_month", Needs::Nothing),
    said("currentQuarter", "operator.this_quarter", Needs::Nothing),
    said("lastQuarter", "operator.last_quarter", Needs::Nothing),
    said("currentYear", "operator.this_year", Needs::Nothing),
    said("lastYear", "operator.last_year", Needs::Nothing),
    said("isNotNull", "operator.is_not_null", Needs::Nothing),
    said("isNull", "operator.is_null", Needs::Nothing),
];

const PLACE: &[Said] = &[
    said("withinKm", "operator.within_km", Needs::Near),
    said("notWithinKm", "operator.not_within_km", Needs::Near),
    said("isNotNull", "operator.is_not_null", Needs::Nothing),
    said("isNull", "operator.is_null", Needs::Nothing),
];

/// Of days in a rule.
const PRESENT: &[Said] = &[said("isNotNull", "operator.is_not_null", Needs::Nothing), said("isNull", "operator.is_null", Needs::Nothing)];

/// Of records that point here.
const RECORDS: &[Said] = &[
    said("none", "operator.there_is_none", Needs::Nothing),
    said("any", "operator.there_is_one", Needs::Nothing),
    said("atLeast", "operator.there_are_at_least", Needs::Count),
    said("atMost", "operator.there_are_at_most", Needs::Count),
];

/// What can be said about an attribute.
pub fn sayings(offer: &Offer<'_>, scope: Scope) -> &'static [Said] {
    match offer.class {
        Class::Opaque if offer.from.is_some() => RECORDS,
        Class::Text if offer.is_many && offer.fields.len() == 1 => WORDS,
        Class::Text => TEXT,
        Class::Word if offer.fields.last().is_some_and(|field| field.options.is_empty()) => TEXT_WORD,
        Class::Word if offer.is_many => WORDS,
        Class::Word => WORD,
        Class::Link | Class::Id => LINK,
        Class::Integer | Class::Number => NUMBER,
        Class::Boolean => BOOLEAN,
        // Phones are without a network for days: no rule depends on a date.
        Class::Day | Class::Moment | Class::DayOrMoment if scope == Scope::Rule => PRESENT,
        Class::Day | Class::Moment | Class::DayOrMoment => TIME,
        Class::Geo => PLACE,
        Class::Opaque => &[],
    }
}

/// A word of no list: a currency, a row's id.
const TEXT_WORD: &[Said] = &[
    said("equals", "operator.equals", Needs::One),
    said("notEquals", "operator.not_equals", Needs::One),
    said("isNotNull", "operator.is_not_null", Needs::Nothing),
    said("isNull", "operator.is_null", Needs::Nothing),
];
