//! THE computation of derived fields: the same on server and phone, from fields of one document.
//!
//! Exact: amounts are whole minor units; quantities and percentages count to nine decimals. What is rounded is rounded
//! half away from zero, once for each row. Where an answer would be a guess there is none.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::id::{DAY_MS, Facet, Millis};
use crate::projection::times;
use crate::record::doc::{Doc, Put};
use crate::record::gates;
use crate::schema::{Field, Formula, Kind};
use crate::value::{JsonRef, Scalar};

/// Parts of one that numbers are counted in.
const NANO: i128 = 1_000_000_000;

/// A number as a whole one of so many parts.
#[derive(Debug, Clone, Copy)]
struct Exact {
    count: i128,
    parts: i128,
}

impl Exact {
    const ONE: Exact = Exact { count: 1, parts: 1 };
    const HUNDRED: Exact = Exact { count: 100, parts: 1 };

    fn of(number: f64) -> Self {
        let count = (number * NANO as f64).round() as i128;
        // Whole numbers stay small: what they are multiplied with has more room.
        if count % NANO == 0 { Exact { count: count / NANO, parts: 1 } } else { Exact { count, parts: NANO } }
    }

    fn less(self, other: Exact) -> Option<Self> {
        let count = self.count.checked_mul(other.parts)?.checked_sub(other.count.checked_mul(self.parts)?)?;
        Some(Exact { count, parts: self.parts * other.parts })
    }
}

/// So many times a number, and so many percent of that: rounded once, half away from zero. Nothing where it is larger than
/// can be counted.
fn part(whole: i128, times: Exact, percent: Exact) -> Option<i128> {
    let count = whole.checked_mul(times.count)?.checked_mul(percent.count)?;
    let parts = times.parts.checked_mul(percent.parts)?.checked_mul(100)?;
    let half = if count < 0 { -parts / 2 } else { parts / 2 };
    Some(count.checked_add(half)? / parts)
}

/// So many percent of a whole number, such as minor units; rounded half away from zero.
pub fn percent_of(whole: i128, percent: f64) -> Option<i128> {
    part(whole, Exact::ONE, Exact::of(percent))
}

/// A price less so many percent, in minor units as it stands on paper; rounded half away from zero.
pub fn less_percent(price: i64, percent: f64) -> Option<i64> {
    part(price.into(), Exact::ONE, Exact::HUNDRED.less(Exact::of(percent))?)?.try_into().ok()
}

/// A value of a row, wherever it stands.
#[derive(Clone, Copy)]
enum Cell<'v> {
    Ref(&'v JsonRef<'v>),
    Json(&'v Json),
}

impl<'v> Cell<'v> {
    fn get(self, name: &str) -> Option<Cell<'v>> {
        match self {
            Cell::Ref(JsonRef::Object(values)) => values.iter().find(|(known, _)| *known == name).map(|(_, value)| Cell::Ref(value)),
            Cell::Ref(JsonRef::Owned(json)) | Cell::Json(json) => json.get(name).map(Cell::Json),
            Cell::Ref(_) => None,
        }
    }

    fn whole(self) -> Option<i64> {
        match self {
            Cell::Ref(JsonRef::Int(number)) => Some(*number),
            Cell::Ref(JsonRef::Owned(json)) | Cell::Json(json) => json.as_i64(),
            Cell::Ref(_) => None,
        }
    }

    fn number(self) -> Option<Exact> {
        let whole = self.whole().map(|number| Exact { count: number.into(), parts: 1 });
        let broken = || match self {
            Cell::Ref(JsonRef::Float(number)) => Some(*number),
            Cell::Ref(JsonRef::Owned(json)) | Cell::Json(json) => json.as_f64(),
            Cell::Ref(_) => None,
        };
        whole.or_else(|| broken().map(Exact::of))
    }

    fn text(self) -> Option<&'v str> {
        match self {
            Cell::Ref(JsonRef::Text(text)) => Some(text),
            Cell::Ref(JsonRef::Owned(json)) | Cell::Json(json) => json.as_str(),
            Cell::Ref(_) => None,
        }
    }

    /// What can be added up: minor units with their currency, or billionths.
    fn amount(self) -> Option<(i128, Option<&'v str>)> {
        if let (Some(amount), Some(currency)) = (self.get("amount").and_then(Cell::whole), self.get("currency").and_then(Cell::text)) {
            return Some((amount.into(), Some(currency)));
        }
        let Exact { count, parts } = self.number()?;
        Some((count.checked_mul(NANO / parts)?, None))
    }
}

/// Fills in what a facet's fields compute from the others, which stand in `row` by their names, sorted; `doc` knows what
/// they once were.
pub(crate) fn fill<'a>(kind: &'a Kind, facet: Facet, doc: &Doc, row: &mut Vec<(&'a str, JsonRef<'a>)>) {
    let fields = kind.fields.iter().filter(|field| field.facet == facet);
    let computed: Vec<_> = fields.filter_map(|field| Some((&*field.name, value(kind, field, doc, row)?))).collect();
    for (name, value) in computed {
        if let Err(place) = row.binary_search_by_key(&name, |(known, _)| known) {
            row.insert(place, (name, value));
        }
    }
}

fn value(kind: &Kind, field: &Field, doc: &Doc, row: &[(&str, JsonRef<'_>)]) -> Option<JsonRef<'static>> {
    let get = |name: &str| row.binary_search_by_key(&name, |(known, _)| known).ok().map(|place| Cell::Ref(&row[place].1));
    let weight = |name: &str| kind.field(name)?.option(get(name)?.text()?)?.weight;
    match field.computed()? {
        Formula::Sum { rows, of, times, less_percent } => {
            sum(get(rows)?, of, times.as_ref().map(|name| &**name), less_percent.as_ref().map(|name| &**name))
        }
        Formula::Weight { of } => Some(JsonRef::Int(weight(of)?.into())),
        Formula::Furthest { of } => {
            let word = furthest(kind.field(of)?, doc)?;
            Some(JsonRef::Text(Cow::Owned(word.to_owned())))
        }
        Formula::Count { of } => {
            let Cell::Ref(JsonRef::Array(rows)) = get(of)? else { return None };
            (!rows.is_empty()).then(|| JsonRef::Int(i64::try_from(rows.len()).unwrap_or(i64::MAX)))
        }
        Formula::Unmet { of } => {
            let facts = |name: &str| match get(name)? {
                Cell::Ref(value) => Some(value.clone().into_json()),
                Cell::Json(value) => Some(value.clone()),
            };
            (!gates::unmet(kind.field(of)?, get(of)?.text()?, &facts).is_empty()).then_some(JsonRef::Bool(true))
        }
        Formula::Due { of } => {
            let option = kind.field(of)?.option(get(of)?.text()?)?;
            let since = since(doc, of, &option.value)?;
            Some(JsonRef::Int(since.checked_add(Millis::from(option.days?).checked_mul(DAY_MS)?)?))
        }
        Formula::Since { of } => since(doc, of, get(of)?.text()?).map(JsonRef::Int),
        Formula::Days { of } => {
            let option = kind.field(of)?.option(get(of)?.text()?).filter(|option| option.is_certain())?;
            let (begun, _) = times(doc);
            Some(JsonRef::Int(since(doc, of, &option.value)?.saturating_sub(begun).max(0) / DAY_MS))
        }
        Formula::Percent { of, by } => {
            let (whole, currency) = get(of)?.amount()?;
            let weight = || weight(by).map(|weight| Exact { count: weight.into(), parts: 1 });
            let percent = get(by)?.number().or_else(weight)?;
            shown(part(whole, Exact::ONE, percent)?, currency)
        }
        Formula::Unknown(_) => None,
    }
}

/// The last of the options that were ever chosen, those that people disagree on among them. What weighs nothing, as what
/// was lost, is an end and no step.
fn furthest<'k>(field: &'k Field, doc: &Doc) -> Option<&'k str> {
    let present = doc.values(&field.name).iter().filter_map(|put| if let Scalar::Text(word) = &put.value { Some(&**word) } else { None });
    let steps = present.chain(doc.past(&field.name)).filter(|word| field.option(word).is_some_and(|option| option.weight > Some(0)));
    let place = steps.map(|word| field.place_of(word)).max()?;
    Some(&field.options.get(place)?.value)
}

/// Since when a choice is what it is: by whoever chose that first, of those who did so at a time.
fn since(doc: &Doc, of: &str, state: &str) -> Option<Millis> {
    let says = |put: &&Put| matches!(&put.value, Scalar::Text(word) if &**word == state);
    doc.values(of).iter().filter(says).map(|put| doc.node(put.node).time).min()
}

/// Rows that have nothing to add are passed over; amounts of several currencies have no sum.
fn sum(rows: Cell<'_>, of: &str, times: Option<&str>, less: Option<&str>) -> Option<JsonRef<'static>> {
    let Cell::Ref(JsonRef::Array(rows)) = rows else { return None };
    let mut sum: Option<(i128, Option<&str>)> = None;
    for row in rows.iter().map(Cell::Ref) {
        let Some((each, currency)) = row.get(of).and_then(Cell::amount) else { continue };
        let number = |name: Option<&str>| row.get(name?)?.number();
        let percent = number(less).map_or(Some(Exact::HUNDRED), |less| Exact::HUNDRED.less(less))?;
        let worth = part(each, number(times).unwrap_or(Exact::ONE), percent)?;
        sum = match sum {
            Some((_, other)) if other != currency => return None,
            Some((so_far, _)) => Some((so_far.checked_add(worth)?, currency)),
            None => Some((worth, currency)),
        };
    }
    let (sum, currency) = sum?;
    shown(sum, currency)
}

/// What was added up, as a value.
fn shown(count: i128, currency: Option<&str>) -> Option<JsonRef<'static>> {
    match currency {
        Some(currency) => {
            let currency = JsonRef::Text(Cow::Owned(currency.to_owned()));
            Some(JsonRef::Object(vec![("amount", JsonRef::Int(count.try_into().ok()?)), ("currency", currency)]))
        }
        None if count % NANO == 0 => Some(JsonRef::Int((count / NANO).try_into().ok()?)),
        None => Some(JsonRef::Float(count as f64 / NANO as f64)),
    }
}

#[cfg(test)]
#[path = "derive_tests.rs"]
mod tests;
