//! What is in the packages of a quote or an order: products that are made of others, part by part, on the phone as on the
//! server.
//!
//! A part of rows that has `fill` says which link names the product and which number how many; a product says in its `parts`
//! what one of it is made of, and those may be packages themselves.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

use crate::id::RecordId;
use crate::schema::Kind;

/// The rows of a product that say what it is made of, and what stands in them.
const PARTS: &str = "parts";
const PRODUCT: &str = "product";
const QUANTITY: &str = "quantity";

/// Packages within packages that are opened.
const DEPTH_MAX: usize = 5;
/// Parts of one line: more is nobody's package.
const PARTS_MAX: usize = 200;

/// A line whose product is a package.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// The package.
    pub product: RecordId,
    /// How many of it.
    pub quantity: f64,
    /// What that makes of each product in it.
    pub parts: Vec<Part>,
}

/// A product in a package.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The product.
    pub product: RecordId,
    /// How many of it, of all the packages of the line together.
    pub quantity: f64,
    /// In how many packages it is: 1 in the line's own, 2 in one of those.
    pub depth: usize,
}

/// What is known of products, by their ids.
pub type Known = HashMap<RecordId, Map<String, Json>>;

/// The products that [`packages`] has to know and that are not among those known: asked again until there are none.
pub fn asks_for(kind: &Kind, fields: &Map<String, Json>, known: &Known) -> BTreeSet<RecordId> {
    let lines = lines(kind, fields);
    let opened = lines.iter().flat_map(|(product, quantity)| parts(*product, *quantity, known));
    // What lies deeper is not opened.
    let parts = opened.filter(|part| part.depth < DEPTH_MAX).map(|part| part.product);
    let mut asked: BTreeSet<RecordId> = lines.iter().map(|(product, _)| *product).chain(parts).collect();
    asked.retain(|product| !known.contains_key(product));
    asked
}

/// The lines of a record whose products are packages.
pub fn packages(kind: &Kind, fields: &Map<String, Json>, known: &Known) -> Vec<Package> {
    let package = |(product, quantity)| Package { product, quantity, parts: parts(product, quantity, known) };
    lines(kind, fields).into_iter().map(package).filter(|package| !package.parts.is_empty()).collect()
}

/// The products that rows name, and how many.
fn lines(kind: &Kind, fields: &Map<String, Json>) -> Vec<(RecordId, f64)> {
    let mut lines = Vec::new();
    for field in &kind.fields {
        let Some(fill) = field.items.iter().find_map(|part| part.fill.as_ref()) else { continue };
        for row in fields.get(&*field.name).and_then(Json::as_array).into_iter().flatten() {
            let quantity = fill.quantity.as_ref().and_then(|name| row[&**name].as_f64()).unwrap_or(1.0);
            lines.extend(product_of(&row[&*fill.from]).map(|product| (product, quantity)));
        }
    }
    lines
}

fn product_of(value: &Json) -> Option<RecordId> {
    value.as_str()?.parse().ok()
}

fn parts(product: RecordId, quantity: f64, known: &Known) -> Vec<Part> {
    let mut found = Vec::new();
    open(&mut vec![product], quantity, known, &mut found);
    found
}

/// Opens the last of some packages, each of which is in the one before it.
fn open(within: &mut Vec<RecordId>, times: f64, known: &Known, found: &mut Vec<Part>) {
    let rows = within.last().and_then(|product| known.get(product)?.get(PARTS)?.as_array());
    for row in rows.into_iter().flatten() {
        // What is in itself would never end.
        let Some(product) = product_of(&row[PRODUCT]).filter(|product| !within.contains(product)) else { continue };
        if found.len() == PARTS_MAX {
            return;
        }
        let quantity = times * row[QUANTITY].as_f64().unwrap_or(1.0);
        found.push(Part { product, quantity, depth: within.len() });
        if within.len() < DEPTH_MAX {
            within.push(product);
            open(within, quantity, known, found);
            within.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn product(name: &str) -> RecordId {
        RecordId::of_cause(name)
    }

    fn made_of(parts: &[(&str, f64)]) -> Map<String, Json> {
        let rows: Vec<Json> = parts.iter().map(|(name, quantity)| json!({"product": product(name), "quantity": quantity})).collect();
        json!({"parts": rows}).as_object().unwrap().clone()
    }

    #[test]
    fn a_package_is_opened_part_by_part_and_so_are_the_packages_in_it() {
        let offer = Schema::builtin().kind("offer").unwrap();
        let lines = json!({"lines": [{"product": product("trip"), "quantity": 2}, {"product": product("map")}, {"product_name": "Tip"}]});
        let lines = lines.as_object().unwrap();
        let all = HashMap::from([
            (product("trip"), made_of(&[("car", 1.0), ("kit", 3.0)])),
            (product("kit"), made_of(&[("rope", 1.5), ("trip", 1.0)])),
        ]);
        // Asked for one after the other, as they come to be known.
        let mut known = Known::new();
        let mut rounds = Vec::new();
        loop {
            let asked = asks_for(offer, lines, &known);
            if asked.is_empty() {
                break;
            }
            rounds.push(asked.len());
            known.extend(asked.into_iter().map(|id| (id, all.get(&id).cloned().unwrap_or_default())));
        }
        assert_eq!(rounds, [2, 2, 1]);
        let found = packages(offer, lines, &known);
        assert_eq!((found.len(), found[0].product, found[0].quantity), (1, product("trip"), 2.0));
        let parts: Vec<_> = found[0].parts.iter().map(|part| (part.product, part.quantity, part.depth)).collect();
        assert_eq!(parts, [(product("car"), 2.0, 1), (product("kit"), 6.0, 1), (product("rope"), 9.0, 2)], "and nothing is in itself");
    }

    #[test]
    fn packages_without_end_are_opened_only_so_far() {
        let offer = Schema::builtin().kind("offer").unwrap();
        let lines = json!({"lines": [{"product": product("0")}]});
        let known = (0..20).map(|at: usize| (product(&at.to_string()), made_of(&[(&(at + 1).to_string(), 1.0)]))).collect();
        assert_eq!(packages(offer, lines.as_object().unwrap(), &known)[0].parts.len(), DEPTH_MAX);
        let many: Vec<(&str, f64)> = vec![("x", 1.0); 300];
        let known = HashMap::from([(product("0"), made_of(&many))]);
        assert_eq!(packages(offer, lines.as_object().unwrap(), &known)[0].parts.len(), PARTS_MAX);
    }
}
