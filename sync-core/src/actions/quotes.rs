//! Quote collisions: one customer holds two prices for one product, and perhaps nobody knows.
//!
//! Two sellers quote offline; each quote is right on its own, so nothing merges and nothing conflicts.
//! What is wrong is seen only across records: the same customer (duplicates that are marked as one count
//! as one), the same product, validities that overlap, different prices. A quote that is not in force
//! (superseded, declined, expired, cancelled, archived) promises nothing. Prices in different currencies
//! are not compared.
//!
//! ```
//! use serde_json::{Value, json};
//! use sync_core::actions::quotes::{Offer, collisions};
//! use sync_core::id::RecordId;
//!
//! let jiamei = RecordId::of_cause("佳美");
//! let quote = |yuan: i64| json!({"form": "quote", "party": jiamei, "status": "sent", "lines": [
//!     {"id": "1", "product_name": "复印纸", "price": {"amount": yuan * 100, "currency": "CNY"}},
//! ]});
//! let (ann, bo) = (quote(2900), quote(2700));
//! let offer = |name: &str, row: &Value| Offer::read(RecordId::of_cause(name), row.as_object()?);
//! let offers: Vec<Offer> = [offer("ann", &ann), offer("bo", &bo)].into_iter().flatten().collect();
//!
//! let found = collisions(&offers, |party| party);
//! assert_eq!((found[0].lowest, found[0].highest), (270_000, 290_000));
//! ```

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::derive::less_percent;
use crate::id::{DAY_MS, Millis, RecordId, UserId};
use crate::record::fields::{ARCHIVED, FieldEdit};

/// The kind whose records are offers.
pub const KIND: &str = "offer";
/// The form of an offer that this is about.
pub const FORM: &str = "quote";
/// The status of a quote that another one has taken the place of.
pub const SUPERSEDED: &str = "superseded";
/// A quote in one of these states promises nothing any more.
pub const NOT_IN_FORCE: [&str; 4] = ["declined", "expired", "cancelled", SUPERSEDED];

/// A quote in force, as far as collisions depend on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The offer.
    pub id: RecordId,
    /// The customer as the offer names them.
    pub party: RecordId,
    /// Who is responsible.
    pub owner: Option<UserId>,
    /// Its status; none means a draft.
    pub status: Option<String>,
    /// When it went to the customer.
    pub sent_at: Option<Millis>,
    /// From when on it holds, in milliseconds; days are taken as days in UTC.
    pub from: Option<Millis>,
    /// Until when it holds, that moment included.
    pub until: Option<Millis>,
    /// The lowest unit price after discount of each product and currency.
    prices: BTreeMap<(Product, String), i64>,
}

/// What is sold: a record, or a name that was typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Product {
    /// A record of the kind `product`.
    Record(RecordId),
    /// What stands on the line, without case and outer spaces.
    Name(String),
}

/// Two or more quotes that contradict each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collision {
    /// The customer; of duplicates the one that they are the same as.
    pub party: RecordId,
    /// What is quoted.
    pub product: Product,
    /// The currency of all prices.
    pub currency: String,
    /// The quotes, lowest price first.
    pub quotes: Vec<Quoted>,
    /// The lowest unit price, in minor units.
    pub lowest: i64,
    /// The highest unit price, in minor units.
    pub highest: i64,
}

/// One quote of a collision.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quoted {
    /// The offer.
    pub offer: RecordId,
    /// The customer as the offer names them.
    pub party: RecordId,
    /// The unit price after discount, in minor units; the lowest if there are several.
    pub price: i64,
    /// Who is responsible.
    pub owner: Option<UserId>,
    /// From when on it holds.
    pub from: Option<Millis>,
    /// Until when it holds.
    pub until: Option<Millis>,
    /// Its status; none means a draft.
    pub status: Option<String>,
    /// When it went to the customer.
    pub sent_at: Option<Millis>,
}

impl Offer {
    /// Reads an offer's main row; `None` when it is no quote in force, names no customer, or has no price.
    pub fn read(id: RecordId, row: &Map<String, Json>) -> Option<Self> {
        let text = |name: &str| row.get(name).and_then(Json::as_str);
        let (form, status) = (text("form")?, text("status"));
        let archived = row.get(ARCHIVED) == Some(&Json::Bool(true));
        if form != FORM || archived || status.is_some_and(|status| NOT_IN_FORCE.contains(&status)) {
            return None;
        }
        let prices = prices(row.get("lines")?.as_array()?);
        let valid = row.get("valid").and_then(Json::as_object);
        let offer = Self {
            id,
            party: text("party")?.parse().ok()?,
            owner: text("owner").and_then(|owner| owner.parse().ok()),
            status: status.map(str::to_owned),
            sent_at: row.get("sent_at").and_then(Json::as_i64),
            from: valid.and_then(|valid| moment(valid.get("start")?, Edge::Start)),
            until: valid.and_then(|valid| moment(valid.get("end")?, Edge::End)),
            prices,
        };
        (!offer.prices.is_empty()).then_some(offer)
    }

    fn overlaps(&self, other: &Offer) -> bool {
        let before = |until: Option<Millis>, from: Option<Millis>| until.zip(from).is_some_and(|(until, from)| until < from);
        !before(self.until, other.from) && !before(other.until, self.from)
    }

    fn quoted(&self, price: i64) -> Quoted {
        Quoted {
            offer: self.id,
            party: self.party,
            price,
            owner: self.owner,
            from: self.from,
            until: self.until,
            status: self.status.clone(),
            sent_at: self.sent_at,
        }
    }
}

/// The quotes that contradict each other, by customer and product. `same_as` leads from a customer to
/// the one that it is a duplicate of, or to itself.
pub fn collisions(offers: &[Offer], same_as: impl Fn(RecordId) -> RecordId) -> Vec<Collision> {
    let mut groups: BTreeMap<(RecordId, &Product, &str), Vec<Price<'_>>> = BTreeMap::new();
    for offer in offers {
        let party = same_as(offer.party);
        for ((product, currency), price) in &offer.prices {
            groups.entry((party, product, currency)).or_default().push((offer, *price));
        }
    }
    let mut found = Vec::new();
    for ((party, product, currency), quotes) in groups {
        found.extend(contradictions(&quotes).into_iter().map(|quotes| collision(party, product, currency, quotes)));
    }
    found
}

/// What to write when `chosen` is the one that holds: it supersedes the others, and they say so.
/// Their history stays; a price that nobody chose is gone from no record.
pub fn settle(collision: &Collision, chosen: RecordId) -> Vec<(RecordId, Vec<FieldEdit>)> {
    let others: Vec<RecordId> = collision.quotes.iter().map(|quoted| quoted.offer).filter(|offer| *offer != chosen).collect();
    let links = others.iter().map(|other| FieldEdit::Add { field: "supersedes".to_owned(), value: other.to_string() }).collect();
    let superseded = others.iter().map(|other| (*other, vec![FieldEdit::set("status", SUPERSEDED)]));
    std::iter::once((chosen, links)).chain(superseded).collect()
}

/// A quote and what it asks for the product in question.
type Price<'a> = (&'a Offer, i64);

/// Groups of quotes in which each contradicts another one of the group.
fn contradictions<'a>(quotes: &[Price<'a>]) -> Vec<Vec<Price<'a>>> {
    let contradict = |(left, price): &Price<'_>, (right, other): &Price<'_>| price != other && left.overlaps(right);
    let mut groups: Vec<Vec<Price<'a>>> = Vec::new();
    for (index, quote) in quotes.iter().enumerate() {
        if !quotes.iter().enumerate().any(|(other, second)| other != index && contradict(quote, second)) {
            continue;
        }
        // A quote may tie together what was apart so far.
        let (mut joined, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.iter().any(|other| contradict(quote, other)));
        groups = apart;
        joined.push(vec![*quote]);
        groups.push(joined.into_iter().flatten().collect());
    }
    groups
}

fn collision(party: RecordId, product: &Product, currency: &str, mut quotes: Vec<Price<'_>>) -> Collision {
    quotes.sort_by_key(|(offer, price)| (*price, offer.id));
    let price = |quote: Option<&Price<'_>>| quote.map_or(0, |(_, price)| *price);
    let (lowest, highest) = (price(quotes.first()), price(quotes.last()));
    let quotes = quotes.into_iter().map(|(offer, price)| offer.quoted(price)).collect();
    Collision { party, product: product.clone(), currency: currency.to_owned(), quotes, lowest, highest }
}

/// The lowest unit price after discount of each product and currency: lines of one quote are steps by
/// quantity, and only the bottom of the stairs can be compared.
fn prices(lines: &[Json]) -> BTreeMap<(Product, String), i64> {
    let mut prices = BTreeMap::new();
    for line in lines {
        let Some((product, currency, price)) = unit_price(line) else { continue };
        let lowest = prices.entry((product, currency)).or_insert(price);
        *lowest = price.min(*lowest);
    }
    prices
}

fn unit_price(line: &Json) -> Option<(Product, String, i64)> {
    let price = line.get("price")?;
    let (amount, currency) = (price.get("amount")?.as_i64()?, price.get("currency")?.as_str()?);
    let discount = line.get("discount_percent").and_then(Json::as_f64).unwrap_or(0.0);
    // To the minor unit, as it stands on paper: what is not seen is no other price.
    Some((product(line)?, currency.to_owned(), less_percent(amount, discount)?))
}

fn product(line: &Json) -> Option<Product> {
    let record = line.get("product").and_then(Json::as_str).and_then(|id| id.parse().ok());
    let name = || line.get("product_name").and_then(Json::as_str).map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    record.map(Product::Record).or_else(|| name().map(Product::Name))
}

#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

/// A moment, or the first or last millisecond of a day.
fn moment(value: &Json, edge: Edge) -> Option<Millis> {
    if let Some(moment) = value.as_i64() {
        return Some(moment);
    }
    let day: Date = value.as_str()?.parse().ok()?;
    let start = day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(match edge {
        Edge::Start => start,
        Edge::End => start + DAY_MS - 1,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(name: &str) -> RecordId {
        RecordId::of_cause(name)
    }

    /// A quote to 佳美 for paper at 2,900 yuan, and what is different in it.
    fn quote(name: &str, different: Json) -> Option<Offer> {
        let mut row = json!({
            "form": "quote", "party": id("佳美"), "status": "sent",
            "lines": [{"id": "1", "product": id("paper"), "price": {"amount": 290_000, "currency": "CNY"}}],
        });
        row.as_object_mut().unwrap().extend(different.as_object().unwrap().clone());
        Offer::read(id(name), row.as_object().unwrap())
    }

    fn line(different: Json) -> Json {
        let mut line = json!({"id": "1", "product": id("paper"), "price": {"amount": 270_000, "currency": "CNY"}});
        line.as_object_mut().unwrap().extend(different.as_object().unwrap().clone());
        json!({ "lines": [line] })
    }

    fn found(offers: impl IntoIterator<Item = Option<Offer>>) -> Vec<Collision> {
        collisions(&offers.into_iter().flatten().collect::<Vec<_>>(), |party| if party == id("佳美 (2)") { id("佳美") } else { party })
    }

    #[test]
    fn jiamei_is_quoted_2900_and_2700_by_two_sellers() {
        let ann = quote("a", json!({"owner": UserId::of_cause("ann"), "sent_at": 5}));
        let bo = quote("b", json!({"owner": UserId::of_cause("bo"), "status": "draft", "lines": line(json!({}))["lines"]}));
        let [collision] = found([ann, bo]).try_into().unwrap();
        assert_eq!((collision.party, &collision.product, &*collision.currency), (id("佳美"), &Product::Record(id("paper")), "CNY"));
        assert_eq!((collision.lowest, collision.highest), (270_000, 290_000));
        let told: Vec<_> = collision.quotes.iter().map(|quoted| (quoted.offer, quoted.owner, quoted.sent_at)).collect();
        assert_eq!(told, [(id("b"), Some(UserId::of_cause("bo")), None), (id("a"), Some(UserId::of_cause("ann")), Some(5))]);
    }

    #[test]
    fn what_collides_with_a_quote_of_2900_and_what_does_not() {
        let name = |name: &str| json!({"product": null, "product_name": name});
        let cases = [
            ("the same price", json!({}), false),
            ("a lower price", line(json!({})), true),
            (
                "a discount that comes to the same",
                line(json!({"price": {"amount": 580_000, "currency": "CNY"}, "discount_percent": 50})),
                false,
            ),
            ("a discount", line(json!({"price": {"amount": 290_000, "currency": "CNY"}, "discount_percent": 7.5})), true),
            ("another currency", line(json!({"price": {"amount": 40_000, "currency": "USD"}})), false),
            ("another product", line(json!({"product": id("pens")})), false),
            ("a name instead of the product", line(name("paper")), false),
            ("no price", line(json!({"price": null})), false),
            ("another customer", json!({"party": id("other"), "lines": line(json!({}))["lines"]}), false),
            ("a duplicate of the customer", json!({"party": id("佳美 (2)"), "lines": line(json!({}))["lines"]}), true),
            ("an order", json!({"form": "order", "lines": line(json!({}))["lines"]}), false),
            ("no form", json!({"form": null, "lines": line(json!({}))["lines"]}), false),
            ("no status yet", json!({"status": null, "lines": line(json!({}))["lines"]}), true),
            ("accepted", json!({"status": "accepted", "lines": line(json!({}))["lines"]}), true),
            ("superseded", json!({"status": "superseded", "lines": line(json!({}))["lines"]}), false),
            ("declined", json!({"status": "declined", "lines": line(json!({}))["lines"]}), false),
            ("expired", json!({"status": "expired", "lines": line(json!({}))["lines"]}), false),
            ("cancelled", json!({"status": "cancelled", "lines": line(json!({}))["lines"]}), false),
            ("archived", json!({"archived": true, "lines": line(json!({}))["lines"]}), false),
            ("no lines", json!({"lines": []}), false),
            ("nonsense", json!({"lines": [1, {"price": 5}], "valid": 7, "party": "x"}), false),
        ];
        for (what, other, collides) in cases {
            assert_eq!(!found([quote("a", json!({})), quote("b", other)]).is_empty(), collides, "{what}");
        }
    }

    #[test]
    fn only_validities_that_overlap_collide() {
        let may = json!({"start": "2026-05-01", "end": "2026-05-31"});
        let last_of_may = 1_780_185_600_000_i64;
        let cases = [
            (json!(null), true),
            (json!({}), true),
            (json!({"start": "2026-05-31", "end": "2026-06-30"}), true),
            (json!({"start": "2026-06-01"}), false),
            (json!({"end": "2026-04-30"}), false),
            (json!({"end": "2026-05-01"}), true),
            (json!({"start": last_of_may}), true),
            (json!({"start": last_of_may + 86_400_000}), false),
        ];
        for (valid, collides) in cases {
            let other = quote("b", json!({"valid": valid, "lines": line(json!({}))["lines"]}));
            let forth = found([quote("a", json!({"valid": may})), other.clone()]);
            let back = found([other, quote("a", json!({"valid": may}))]);
            assert_eq!((!forth.is_empty(), forth == back), (collides, true), "{valid}");
        }
    }

    #[test]
    fn products_that_were_only_typed_collide_by_their_name() {
        let typed = |name: &str, product: &str, amount: i64| {
            let line = json!({"id": "1", "product_name": product, "price": {"amount": amount, "currency": "CNY"}});
            quote(name, json!({ "lines": [line] }))
        };
        let collision = &found([typed("a", "A4 Paper ", 1), typed("b", " a4 paper", 2), typed("c", "a5 paper", 3)])[0];
        assert_eq!((&collision.product, collision.quotes.len()), (&Product::Name("a4 paper".to_owned()), 2));
    }

    #[test]
    fn steps_by_quantity_are_one_price() {
        let step = |amount: i64| json!({"id": amount.to_string(), "product": id("paper"), "price": {"amount": amount, "currency": "CNY"}});
        let stairs =
            |name: &str, amounts: &[i64]| quote(name, json!({"lines": amounts.iter().map(|amount| step(*amount)).collect::<Vec<_>>()}));
        assert_eq!(found([stairs("a", &[30, 20]), stairs("b", &[20, 30])]), []);
        assert_eq!(found([stairs("a", &[30, 20]), stairs("b", &[30])])[0].lowest, 20);
    }

    #[test]
    fn one_quote_may_tie_others_together_and_a_quote_apart_stays_out() {
        let at = |name: &str, amount: i64, start: &str, end: &str| {
            let lines = line(json!({"price": {"amount": amount, "currency": "CNY"}}))["lines"].clone();
            quote(name, json!({"lines": lines, "valid": {"start": start, "end": end}}))
        };
        let spring = at("spring", 1, "2026-03-01", "2026-05-31");
        let autumn = at("autumn", 2, "2026-09-01", "2026-11-30");
        let year = at("year", 3, "2026-01-01", "2026-12-31");
        let same_year = at("same year", 3, "2027-01-01", "2027-12-31");
        assert_eq!(found([spring.clone(), autumn.clone()]), []);
        let [collision] = found([spring, autumn, same_year, year]).try_into().unwrap();
        assert_eq!(collision.quotes.iter().map(|quoted| quoted.offer).collect::<Vec<_>>(), [id("spring"), id("autumn"), id("year")]);
    }

    #[test]
    fn the_chosen_quote_supersedes_the_others_and_the_collision_is_gone() {
        let other = || quote("b", line(json!({})));
        let collision = &found([quote("a", json!({})), other(), quote("c", json!({}))])[0];
        let writes = settle(collision, id("a"));
        let add = |name: &str| FieldEdit::Add { field: "supersedes".to_owned(), value: id(name).to_string() };
        let superseded = || vec![FieldEdit::set("status", "superseded")];
        assert_eq!(writes, [(id("a"), vec![add("b"), add("c")]), (id("b"), superseded()), (id("c"), superseded())]);
        assert_eq!(found([quote("a", json!({})), quote("b", json!({"status": "superseded"}))]), []);
    }
}
