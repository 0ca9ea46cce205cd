//! A record's portrait: what shows of it by the records that link to it, with those records as evidence.
//!
//! Kinds declare its lines; here they are worked out of rows, on the phone as on the server.
//!
//! ```
//! use serde_json::json;
//! use sync_core::actions::portrait::{Said, said};
//! use sync_core::id::RecordId;
//! use sync_core::schema::Schema;
//! let party = Schema::builtin().kind("party").expect("a built-in kind");
//! let channel = party.portrait.iter().find(|line| &*line.name == "channel").expect("a line");
//! let rows = ["call", "visit", "call"].map(|what| json!({"type": what}));
//! let rows = rows.iter().enumerate().map(|(at, row)| (RecordId::of_cause(&at.to_string()), row.as_object().unwrap()));
//! let found = said(channel, rows, 0);
//! assert_eq!((&found[0].said, found[0].evidence.len()), (&Said::Value(json!("call")), 2));
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::id::{Millis, RecordId};
use crate::query::{Direction, Filter, OrderBy, Query, QueryError};
use crate::schema::{Kind, Label, Schema, Take, Trait, ValueType};

/// Records that a line is worked out from, those made last: tastes change.
pub const LOOKED_AT: u32 = 100;
/// Values of one line: more are no favourites.
const SAID_MAX: usize = 3;
/// The times of day, from one hour to the next.
const TIMES: [(u8, u8); 5] = [(0, 6), (6, 11), (11, 14), (14, 18), (18, 24)];

const HOUR_MS: Millis = 3_600_000;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A value as its field shows it.
    Value(Json),
    /// From one hour of the day to another.
    Hours(u8, u8),
    /// From one amount to another.
    Band(Json, Json),
}

/// A part of a line: what it says, and the records that say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// What it says.
    pub said: Said,
    /// The records, those made last first.
    pub evidence: Vec<RecordId>,
}

/// Of records that link to it, those of a kind that a line is worked out from, made last first.
///
/// # Errors
/// When the line asks for what is not there any more.
pub fn query(schema: &Schema, kind: &str, line: &Trait, linking: &[RecordId]) -> Result<Query, QueryError> {
    let ids: Vec<String> = linking.iter().map(RecordId::to_string).collect();
    let mut conditions = vec![json!({"type": "in", "attribute": "id", "value": ids})];
    if let Some(Json::Array(more)) = line.filter.as_ref().and_then(|filter| serde_json::from_str(filter).ok()) {
        conditions.extend(more);
    }
    let mut query = Query::of(schema, kind)?;
    query.filter = Filter::from_json(schema, kind, &Json::Array(conditions))?;
    if let Some(kind) = schema.kind(kind) {
        query.order_by = OrderBy::parse(schema, kind, "createdAt", Direction::Descending)?;
    }
    query.max_size = LOOKED_AT;
    Ok(query)
}

/// Whether the lines of a kind ask for what there is: kinds, links, fields, and conditions.
///
/// # Errors
/// What is wrong with the first that does not, in words.
pub fn checked(schema: &Schema, kind: &Kind) -> Result<(), Label> {
    kind.portrait.iter().try_for_each(|line| {
        wrong(schema, kind, line).map_or(Ok(()), |Label { en, zh }| {
            Err(Label::new(format!("line `{}` of the portrait: {en}", line.name), format!("画像“{}”：{zh}", line.name)))
        })
    })
}

fn wrong(schema: &Schema, kind: &Kind, line: &Trait) -> Option<Label> {
    // What adds to a built-in kind need not repeat its fields.
    let Some(from) = &line.from else { return at(schema.kind(&kind.name).map_or(kind, |whole| whole), line) };
    let Some(source) = schema.kind(&from.kind) else {
        return Some(Label::new(format!("there is no kind `{}`", from.kind), format!("没有对象“{}”", from.kind)));
    };
    let links = source.field(&from.via).is_some_and(|field| field.value == ValueType::Link && field.to.contains(&kind.name));
    if !links {
        let en = format!("`{}` is no link of `{}` to `{}`", from.via, from.kind, kind.name);
        return Some(Label::new(en, format!("“{}”的“{}”不是指向“{}”的关联", from.kind, from.via, kind.name)));
    }
    let is_list = |text: &String| serde_json::from_str::<Json>(text).is_ok_and(|filter| filter.is_array());
    if !line.filter.as_ref().is_none_or(is_list) {
        return Some(Label::new("`where` is no list of conditions", "`where` 不是条件列表"));
    }
    let anything = [RecordId::of_cause("anything")];
    let asked = query(schema, &from.kind, line, &anything).err().map(|bad| Label::new(bad.to_string(), bad.message_zh()));
    asked.or_else(|| at(source, line))
}

/// What is wrong with what a line looks at.
fn at(kind: &Kind, line: &Trait) -> Option<Label> {
    let (name, part) = line.path();
    let field = kind.field(name);
    let value = field.and_then(|field| match part {
        None if !field.items.is_empty() => None,
        None => Some(&field.value),
        // Where a period begins and ends is a moment.
        Some("start" | "end") if field.value == ValueType::Period => Some(&ValueType::Datetime),
        Some(part) => field.item(part).map(|item| &item.value),
    });
    let fits = |value: &ValueType| match line.take {
        Take::Most | Take::Own => true,
        Take::Hours => *value == ValueType::Datetime,
        Take::Band => matches!(value, ValueType::Money | ValueType::Number | ValueType::Integer),
    };
    match value {
        Some(value) if fits(value) => None,
        Some(_) => {
            let en = format!("`{}` is no {}", line.of, if line.take == Take::Hours { "moment" } else { "amount and no number" });
            Some(Label::new(en, format!("“{}”不是{}", line.of, if line.take == Take::Hours { "时刻" } else { "金额或数字" })))
        }
        None => Some(Label::new(format!("`{}` has no `{}`", kind.name, line.of), format!("“{}”没有“{}”", kind.name, line.of))),
    }
}

/// What a line says by these records. Times of day are those of a clock so many minutes ahead of UTC.
pub fn said<'r>(line: &Trait, rows: impl Iterator<Item = (RecordId, &'r Map<String, Json>)>, offset_minutes: i32) -> Vec<Shown> {
    let rows = rows.map(|(id, fields)| (id, values(fields, line.path())));
    match line.take {
        Take::Most => most(rows, |value| Some(Said::Value(value.clone()))),
        Take::Own => rows.flat_map(|(id, values)| values.into_iter().map(move |value| own(id, value))).collect(),
        Take::Hours => most(rows, |value| {
            let local = value.as_i64()? + Millis::from(offset_minutes) * 60_000;
            let hour = u8::try_from(local.div_euclid(HOUR_MS).rem_euclid(24)).ok()?;
            TIMES.iter().find(|(from, to)| (*from..*to).contains(&hour)).map(|(from, to)| Said::Hours(*from, *to))
        }),
        Take::Band => band(rows),
    }
}

fn own(id: RecordId, value: &Json) -> Shown {
    Shown { said: Said::Value(value.clone()), evidence: vec![id] }
}

/// What stands at a path: a value, the elements of a set, a part of each row.
fn values<'r>(fields: &'r Map<String, Json>, (field, part): (&str, Option<&str>)) -> Vec<&'r Json> {
    let all = match fields.get(field) {
        Some(Json::Array(all)) => all.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let part = |value: &'r Json| part.map_or(Some(value), |part| value.get(part)).filter(|value| !value.is_null());
    all.into_iter().filter_map(part).collect()
}

/// What most records have; each record counts once for each.
fn most<'r>(rows: impl Iterator<Item = (RecordId, Vec<&'r Json>)>, of: impl Fn(&Json) -> Option<Said>) -> Vec<Shown> {
    let mut found: BTreeMap<String, Shown> = BTreeMap::new();
    for (record, values) in rows {
        for said in values.into_iter().filter_map(&of) {
            let shown = found.entry(format!("{said:?}")).or_insert_with(|| Shown { said, evidence: Vec::new() });
            if shown.evidence.last() != Some(&record) {
                shown.evidence.push(record);
            }
        }
    }
    let mut found: Vec<Shown> = found.into_values().collect();
    found.sort_by_key(|shown| std::cmp::Reverse(shown.evidence.len()));
    found.truncate(SAID_MAX);
    found
}

/// Between which amounts the middle half lies, in the currency that most of them have.
fn band<'r>(rows: impl Iterator<Item = (RecordId, Vec<&'r Json>)>) -> Vec<Shown> {
    let number = |value: &Json| value["amount"].as_i64().map(|amount| amount as f64).or_else(|| value.as_f64());
    let mut by_currency: BTreeMap<&str, Vec<(f64, &Json, RecordId)>> = BTreeMap::new();
    for (record, value) in rows.flat_map(|(record, values)| values.into_iter().map(move |value| (record, value))) {
        if let Some(number) = number(value) {
            by_currency.entry(value["currency"].as_str().unwrap_or_default()).or_default().push((number, value, record));
        }
    }
    let Some(all) = by_currency.into_values().max_by_key(Vec::len) else { return Vec::new() };
    let mut sorted = all.clone();
    sorted.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let quarter = (sorted.len() - 1) / 4;
    let (low, high) = (sorted[quarter], sorted[sorted.len() - 1 - quarter]);
    let within = all.iter().filter(|(number, ..)| (low.0..=high.0).contains(number));
    let mut evidence: Vec<RecordId> = within.map(|(.., record)| *record).collect();
    evidence.dedup();
    vec![Shown { said: Said::Band(low.1.clone(), high.1.clone()), evidence }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, rows: &[Json], offset_minutes: i32) -> Vec<(Said, usize)> {
        let party = Schema::builtin().kind("party").unwrap();
        let line = party.portrait.iter().find(|line| &*line.name == name).unwrap();
        let kind = &line.from.as_ref().unwrap().kind;
        assert!(query(Schema::builtin(), kind, line, &[RecordId::of_cause("x")]).is_ok(), "{name} asks what can be answered");
        let rows = rows.iter().enumerate().map(|(at, row)| (RecordId::of_cause(&at.to_string()), row.as_object().unwrap()));
        said(line, rows, offset_minutes).into_iter().map(|shown| (shown.said, shown.evidence.len())).collect()
    }

    #[test]
    fn what_most_orders_have_is_a_favourite_however_often_it_stands_in_one() {
        let order = |products: &[&str]| json!({"lines": products.iter().map(|product| json!({"product": product})).collect::<Vec<_>>()});
        let orders = [order(&["paper", "paper", "paper"]), order(&["ink", "desk"]), order(&["ink", "lamp"]), json!({})];
        let found = of("products", &orders, 0);
        assert_eq!(found[0], (Said::Value(json!("ink")), 2));
        assert_eq!((found.len(), found[1].1), (3, 1));
    }

    #[test]
    fn the_price_band_is_the_middle_half_in_the_currency_of_most() {
        let order = |amount: i64, currency: &str| json!({"lines": [{"price": {"amount": amount, "currency": currency}}]});
        let mut orders: Vec<Json> = [100, 200, 300, 400, 99_999].map(|amount| order(amount, "CNY")).to_vec();
        orders.push(order(7, "USD"));
        let yuan = |amount: i64| json!({"amount": amount, "currency": "CNY"});
        assert_eq!(of("prices", &orders, 0), [(Said::Band(yuan(200), yuan(400)), 3)]);
        assert_eq!(of("prices", &orders[..1], 0), [(Said::Band(yuan(100), yuan(100)), 1)]);
        assert_eq!(of("prices", &[], 0), []);
    }

    #[test]
    fn the_time_of_day_is_that_of_the_readers_clock_and_whole_days_have_none() {
        // 01:00 in London is 09:00 in Beijing.
        let at = |start: Json| json!({"when": {"start": start}});
        let met = [at(json!(HOUR_MS)), at(json!(25 * HOUR_MS)), at(json!(10 * HOUR_MS)), at(json!("2026-05-03"))];
        assert_eq!(of("hours", &met, 480), [(Said::Hours(6, 11), 2), (Said::Hours(18, 24), 1)]);
        assert_eq!(of("hours", &met, 0)[0], (Said::Hours(0, 6), 2));
    }

    #[test]
    fn a_line_that_asks_for_what_is_not_there_is_told_so_and_the_built_in_ones_do_not() {
        let schema = Schema::builtin();
        for kind in schema.kinds() {
            assert_eq!(checked(schema, kind), Ok(()), "{}", kind.name);
        }
        let party = schema.kind("party").unwrap();
        let with = |from: &str, take: Take, of: &str, filter: Option<&str>| {
            let (kind, via) = from.split_once(':').unwrap();
            let from = crate::schema::From { kind: kind.parse().unwrap(), via: via.parse().unwrap() };
            let label = Label { en: "Line".into(), zh: "行".into() };
            let line =
                Trait { name: "line".parse().unwrap(), label, from: Some(from), of: of.into(), take, filter: filter.map(str::to_owned) };
            checked(schema, &Kind { portrait: vec![line], ..(**party).clone() }).map_err(|label| label.en)
        };
        let cases = [
            (with("offr:party", Take::Most, "lines.product", None), "there is no kind `offr`"),
            (with("offer:title", Take::Most, "lines.product", None), "`title` is no link of `offer` to `party`"),
            (with("offer:party", Take::Most, "lines.colour", None), "`offer` has no `lines.colour`"),
            (with("offer:party", Take::Most, "lines", None), "`offer` has no `lines`"),
            (with("offer:party", Take::Band, "lines.product", None), "`lines.product` is no amount and no number"),
            (with("activity:about", Take::Hours, "type", None), "`type` is no moment"),
            (with("offer:party", Take::Most, "lines.product", Some("{}")), "`where` is no list of conditions"),
            (with("offer:party", Take::Most, "lines.product", Some(r#"[{"type":"isNull","attribute":"colour"}]"#)), "colour"),
        ];
        for (found, told) in cases {
            let found = found.unwrap_err();
            assert!(found.starts_with("line `line` of the portrait: ") && found.contains(told), "{found}");
        }
        assert_eq!(with("activity:about", Take::Hours, "when.start", None), Ok(()));
    }
}
