//! What a line costs by the price lists, on the phone as on the server.
//!
//! A part of rows that has `fill` is looked up where whoever writes the row says nothing of it: in the record that the row
//! links to, by the list, the quantity and the day that hold. What was typed is kept.
//!
//! ```
//! use serde_json::json;
//! use sync_core::actions::prices::{Asked, price};
//! let paper = json!({"price": {"amount": 2900, "currency": "CNY"}, "prices": [
//!     {"list": "Wholesale", "price": {"amount": 2700, "currency": "CNY"}},
//!     {"list": "Wholesale", "price": {"amount": 2500, "currency": "CNY"}, "from_quantity": 100},
//! ]});
//! let asked = |list, quantity| Asked { list, quantity, currency: None, day: "2026-05-03" };
//! let of = |asked| price(paper.as_object()?, &asked)?["amount"].as_i64();
//! assert_eq!(of(asked(None, 100.0)), Some(2900));
//! assert_eq!(of(asked(Some("wholesale"), 1.0)), Some(2700));
//! assert_eq!(of(asked(Some("Wholesale"), 120.0)), Some(2500));
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

use crate::id::{Millis, RecordId};
use crate::record::authored::row_of;
use crate::record::fields::FieldEdit;
use crate::schema::{Field, Fill, Kind};

/// What a product costs where no list says otherwise.
const STANDARD: &str = "price";
/// Its prices by list: `list`, `price`, `from_quantity` and `valid` of each row.
const LISTS: &str = "prices";
/// The field of a customer that names their list.
const OWN_LIST: &str = "price_list";

/// What somebody wants to know the price of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked<'a> {
    /// The price list, if one holds.
    pub list: Option<&'a str>,
    /// How many.
    pub quantity: f64,
    /// In which currency, if that is settled.
    pub currency: Option<&'a str>,
    /// On which day: `2026-05-03`.
    pub day: &'a str,
}

/// The price of a product: of its list by quantity and day, the one from the highest quantity that is reached; or else what it
/// costs everybody. None where there is none in the currency.
pub fn price(product: &Map<String, Json>, asked: &Asked<'_>) -> Option<Json> {
    let is_currency = |price: &&Json| asked.currency.is_none_or(|currency| price["currency"] == currency) && price.is_object();
    let rows = product.get(LISTS).and_then(Json::as_array).into_iter().flatten();
    let of_list = rows.filter(|row| asked.list.is_some_and(|list| is_called(row, list)) && holds(row, asked));
    let best = of_list.filter(|row| is_currency(&&row["price"])).max_by(|one, other| from(one).total_cmp(&from(other)));
    best.map(|row| &row["price"]).or_else(|| product.get(STANDARD)).filter(is_currency).cloned()
}

fn is_called(row: &Json, list: &str) -> bool {
    row["list"].as_str().is_some_and(|name| name.trim().to_lowercase() == list.trim().to_lowercase())
}

fn from(row: &Json) -> f64 {
    row["from_quantity"].as_f64().unwrap_or_default()
}

/// Whether a price holds for the quantity and on the day. Moments count by their day in UTC.
fn holds(row: &Json, asked: &Asked<'_>) -> bool {
    let day = |edge: &str| match &row["valid"][edge] {
        Json::String(day) => Some(day.clone()),
        Json::Number(millis) => millis.as_i64().and_then(day_of),
        _ => None,
    };
    let has_begun = day("start").is_none_or(|start| *start <= *asked.day);
    from(row) <= asked.quantity && has_begun && day("end").is_none_or(|end| *asked.day <= *end)
}

/// The day of a moment, in UTC.
pub fn day_of(moment: Millis) -> Option<String> {
    jiff::Timestamp::from_millisecond(moment).ok().map(|moment| moment.strftime("%Y-%m-%d").to_string())
}

/// A row whose price is to be looked up.
struct Open<'k> {
    field: &'k Field,
    part: &'k Field,
    fill: &'k Fill,
    row: String,
    /// What it holds once the edits are written.
    values: Map<String, Json>,
    product: RecordId,
}

/// The rows that edits give a product and no price.
fn open<'k>(kind: &'k Kind, before: &Map<String, Json>, edits: &[FieldEdit]) -> Vec<Open<'k>> {
    let mut found = Vec::new();
    for field in &kind.fields {
        let Some((part, fill)) = field.items.iter().find_map(|part| Some((part, part.fill.as_ref()?))) else { continue };
        let mut rows: BTreeMap<&str, Map<String, Json>> = BTreeMap::new();
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for edit in edits.iter().filter(|edit| edit.field() == &*field.name) {
            let FieldEdit::SetRow { row, values, .. } = edit else { continue };
            rows.entry(row).or_insert_with(|| row_of(before, field, row)).extend(values.clone());
            named.extend(values.get(&*fill.from).filter(|product| product.is_string()).map(|_| &**row));
        }
        for (row, values) in rows.into_iter().filter(|(row, values)| named.contains(row) && is_open(values, part)) {
            let Some(product) = values[&*fill.from].as_str().and_then(|id| id.parse().ok()) else { continue };
            found.push(Open { field, part, fill, row: row.to_owned(), values, product });
        }
    }
    found
}

fn is_open(values: &Map<String, Json>, part: &Field) -> bool {
    values.get(&*part.name).is_none_or(Json::is_null)
}

/// What a field has once edits are written.
pub(super) fn written<'v>(before: &'v Map<String, Json>, edits: &'v [FieldEdit], name: &str) -> Option<&'v Json> {
    let set = edits.iter().rev().find_map(|edit| match edit {
        FieldEdit::Set { field, value } if field == name => Some(value),
        _ => None,
    });
    set.or_else(|| before.get(name)).filter(|value| !value.is_null())
}

/// The records that [`filled`] has to know: products of rows without a price, and the customers whose list holds.
pub fn asks_for(kind: &Kind, before: &Map<String, Json>, edits: &[FieldEdit]) -> BTreeSet<RecordId> {
    let mut ids = BTreeSet::new();
    for open in open(kind, before, edits) {
        let customer = open.fill.customer.as_ref().and_then(|name| written(before, edits, name)?.as_str()?.parse().ok());
        ids.extend([Some(open.product), customer].into_iter().flatten());
    }
    ids
}

/// The fields of a record that [`filled`] looks at besides what edits write.
pub fn beside<'k>(kind: &'k Kind, edits: &[FieldEdit]) -> Vec<&'k Field> {
    let is_written = |field: &&Field| edits.iter().any(|edit| edit.field() == &*field.name);
    let fill = |field: &'k Field| field.items.iter().find_map(|part| part.fill.as_ref()).map(|fill| (field, fill));
    let of = |(field, fill): (&'k Field, &'k Fill)| {
        let others = [&fill.list, &fill.customer, &fill.date].into_iter().flatten().filter_map(|name| kind.field(name));
        std::iter::once(field).chain(others)
    };
    kind.fields.iter().filter(is_written).filter_map(fill).flat_map(of).collect()
}

/// The edits, with the prices of rows that have a product and none. `rows` are the records that [`asks_for`] names, as far as
/// they are known; `now` says the day where the record has none.
pub fn filled(
    kind: &Kind,
    before: &Map<String, Json>,
    edits: Vec<FieldEdit>,
    rows: &HashMap<RecordId, Map<String, Json>>,
    now: Millis,
) -> Vec<FieldEdit> {
    let today = day_of(now).unwrap_or_default();
    let mut prices = Vec::new();
    for Open { field, part, fill, row, values, product } in open(kind, before, &edits) {
        let text = |name: &Option<_>| name.as_ref().and_then(|name: &crate::id::FieldName| written(before, &edits, name)?.as_str());
        let customer = text(&fill.customer).and_then(|id| rows.get(&id.parse().ok()?)?.get(OWN_LIST)?.as_str());
        let asked = Asked {
            list: text(&fill.list).filter(|list| !list.trim().is_empty()).or(customer),
            quantity: fill.quantity.as_ref().and_then(|name| values.get(&**name)?.as_f64()).unwrap_or(1.0),
            currency: currency(before, &edits, field, part),
            day: text(&fill.date).unwrap_or(&today),
        };
        if let Some(price) = rows.get(&product).and_then(|product| price(product, &asked)) {
            let values = Map::from_iter([(part.name.to_string(), price)]);
            prices.push(FieldEdit::SetRow { field: field.name.to_string(), row, values });
        }
    }
    edits.into_iter().chain(prices).collect()
}

/// The currency of the other rows: no document adds up two.
fn currency<'v>(before: &'v Map<String, Json>, edits: &'v [FieldEdit], field: &Field, part: &Field) -> Option<&'v str> {
    let rows = before.get(&*field.name).and_then(Json::as_array).into_iter().flatten();
    let there = rows.filter_map(|row| row[&*part.name]["currency"].as_str());
    let new = edits.iter().filter_map(|edit| match edit {
        FieldEdit::SetRow { field: name, values, .. } if *name == *field.name => values.get(&*part.name)?["currency"].as_str(),
        _ => None,
    });
    there.chain(new).next()
}
