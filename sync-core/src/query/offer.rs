//! What can be asked about a kind: every attribute, for whoever builds a filter by hand.
//!
//! Decides nothing: what is offered is read back by [`super::Filter::parse`] like anything else.

use serde_json::Value;

use super::attribute::places;
use super::{Class, Place};
use crate::id::UserId;
use crate::schema::{Field, Kind, Merge, Schema, ValueType};

/// Stands in a stored filter for whoever looks: one saved view "mine" is right for everybody.
pub const ME: &str = "@me";

/// An attribute that a filter may name.
#[derive(Debug, Clone)]
pub struct Offer<'s> {
    /// As a filter names it: `party.address.city`.
    pub attribute: String,
    /// The fields on the way, the record's own first: a link and the field behind it, rows and their part.
    pub fields: Vec<&'s Field>,
    /// The part of a group, if it is one.
    pub part: Option<&'static str>,
    /// What its values are.
    pub class: Class,
    /// Whether several may stand there.
    pub is_many: bool,
    /// Whether it is what stands in the first of several rows.
    pub is_first: bool,
    /// The kind whose records point here, if it is about those: the first field is their link, and alone it stands for
    /// the records.
    pub from: Option<&'s Kind>,
}

/// The filter with [`ME`] replaced by whoever looks.
#[must_use]
pub fn with_me(filter: Value, me: UserId) -> Value {
    match filter {
        Value::String(text) if text == ME => Value::String(me.to_string()),
        Value::Array(items) => items.into_iter().map(|item| with_me(item, me)).collect(),
        Value::Object(object) => Value::Object(object.into_iter().map(|(key, value)| (key, with_me(value, me))).collect()),
        other => other,
    }
}

/// Every attribute of a kind, its own ones first and then those of the records that it links to.
pub fn offers<'s>(schema: &'s Schema, kind: &'s Kind) -> Vec<Offer<'s>> {
    let mut offers = reached(schema, kind);
    let asked = Asked { schema, kind };
    for source in schema.kinds() {
        offers.extend(asked.pointing(source));
    }
    // Links to several kinds have some fields in common.
    let mut seen = std::collections::BTreeSet::new();
    offers.retain(|offer| seen.insert(offer.attribute.clone()));
    offers
}

/// The attributes that a kind's records can be put together by: those with one value that many of them share, in the record
/// itself or in one that it links to; each with where that stands.
pub fn groupings<'s>(schema: &'s Schema, kind: &'s Kind) -> Vec<(Offer<'s>, Place)> {
    let may = |offer: &Offer<'_>| {
        let is_own = offer.fields.len() == 1 || offer.is_first && offer.fields.len() == 2;
        let is_title = offer.fields.iter().any(|field| field.name == kind.title) && is_own;
        let fits = offer.fields.last().is_some_and(|field| is_shared(&field.value, offer.part, is_own));
        fits && !is_title
    };
    let placed = |offer: Offer<'s>| Place::of(schema, kind, &offer.attribute).ok().map(|place| (offer, place));
    reached(schema, kind).into_iter().filter(may).filter_map(placed).collect()
}

/// Whether records have values of a type in common. Days and numbers of linked records say little about a record itself.
fn is_shared(value: &ValueType, part: Option<&str>, is_own: bool) -> bool {
    match value {
        ValueType::String | ValueType::Boolean | ValueType::Choice | ValueType::Link => true,
        ValueType::Date | ValueType::Datetime | ValueType::Integer => is_own,
        ValueType::Period => is_own && part == Some("start"),
        ValueType::Address => part.is_some_and(|part| AREAS.contains(&part)),
        ValueType::Paragraph | ValueType::Number | ValueType::Phone | ValueType::Email | ValueType::Url => false,
        ValueType::Money | ValueType::Geo | ValueType::Unknown(_) => false,
    }
}

/// The parts of an address that many have in common.
const AREAS: [&str; 3] = ["country", "region", "city"];

/// What stands in the record itself and in those that it links to.
fn reached<'s>(schema: &'s Schema, kind: &'s Kind) -> Vec<Offer<'s>> {
    let asked = Asked { schema, kind };
    let mut offers = Vec::new();
    for field in kind.fields.iter().filter(|field| is_asked(field)) {
        match field.items.is_empty() {
            true => offers.extend(asked.of(&field.name, &[field])),
            false => offers.extend(field.items.iter().flat_map(|item| asked.in_rows(&field.name, &[field, item]))),
        }
    }
    for link in kind.fields.iter().filter(|field| is_asked(field) && field.value == ValueType::Link && field.items.is_empty()) {
        for target in link.to.iter().filter_map(|name| schema.kind(name)) {
            for field in target.fields.iter().filter(|field| is_asked(field) && field.value != ValueType::Link) {
                let there = format!("{}.{}", link.name, field.name);
                match field.items.is_empty() {
                    true => offers.extend(asked.of(&there, &[link, field])),
                    // Behind one link no other one is followed.
                    false => offers.extend(
                        field
                            .items
                            .iter()
                            .filter(|item| item.value != ValueType::Link)
                            .flat_map(|item| asked.in_rows(&there, &[link, field, item])),
                    ),
                }
            }
        }
    }
    offers
}

fn is_asked(field: &Field) -> bool {
    // What nobody computes stands nowhere.
    !field.hidden && (field.merge != Merge::Derived || field.computed().is_some())
}

struct Asked<'s> {
    schema: &'s Schema,
    kind: &'s Kind,
}

impl<'s> Asked<'s> {
    /// The attribute, or its parts where it is a group.
    fn of(&self, attribute: &str, fields: &[&'s Field]) -> Vec<Offer<'s>> {
        let parts: &[&'static str] = match fields.last().map(|field| &field.value) {
            Some(ValueType::Money) => &["amount", "currency"],
            Some(ValueType::Address) => &["country", "region", "city", "postal_code", "street"],
            Some(ValueType::Period) => &["start", "end"],
            Some(ValueType::Geo) => &["lat", "lon"],
            _ => &[],
        };
        let whole = self.one(attribute.to_owned(), fields, None);
        match parts {
            [] => whole.into_iter().collect(),
            // Of groups only a place can be asked about as a whole.
            parts => {
                let parts = parts.iter().filter_map(|part| self.one(format!("{attribute}.{part}"), fields, Some(part)));
                whole.into_iter().chain(parts).collect()
            }
        }
    }

    /// The attribute of each row; of the first one, too, where it is an address: that is where somebody is at home.
    fn in_rows(&self, rows: &str, fields: &[&'s Field]) -> Vec<Offer<'s>> {
        let Some(item) = fields.last() else { return Vec::new() };
        let mut offers = self.of(&format!("{rows}.{}", item.name), fields);
        if item.value == ValueType::Address {
            let areas = AREAS.into_iter().filter_map(|part| self.one(format!("{rows}.first.{}.{part}", item.name), fields, Some(part)));
            offers.extend(areas.map(|offer| Offer { is_first: true, ..offer }));
        }
        offers
    }

    fn one(&self, attribute: String, fields: &[&'s Field], part: Option<&'static str>) -> Option<Offer<'s>> {
        let found = places(self.schema, self.kind, &attribute).ok()?;
        let spot = &found.first()?.place.spot;
        let is_many = matches!(spot.holder, super::Holder::Each { .. });
        let (class, fields) = (spot.class, fields.to_vec());
        (class != Class::Opaque).then_some(Offer { attribute, fields, part, class, is_many, is_first: false, from: None })
    }

    /// The records of a kind that may point here by each of their links, and what their lists show of them.
    fn pointing(&self, source: &'s Kind) -> Vec<Offer<'s>> {
        let links = source.fields.iter().filter(|field| is_asked(field) && field.value == ValueType::Link && field.items.is_empty());
        let from = Some(source);
        let mut offers = Vec::new();
        for link in links.filter(|link| link.to.contains(&self.kind.name)) {
            let here = format!("{}:{}", source.name, link.name);
            let (there, made) = (Asked { kind: source, ..*self }, format!("{here}.createdAt"));
            let records = Offer {
                attribute: here.clone(),
                fields: vec![link],
                part: None,
                class: Class::Opaque,
                is_many: true,
                is_first: false,
                from,
            };
            offers.push(records.clone());
            let listed = source.list.iter().filter_map(|name| source.field(name)).filter(|field| is_asked(field) && field.items.is_empty());
            for offer in listed.filter(|field| field.name != link.name).flat_map(|field| there.of(&field.name, &[field])) {
                let fields = std::iter::once(link).chain(offer.fields).collect();
                offers.push(Offer { attribute: format!("{here}.{}", offer.attribute), fields, from, ..offer });
            }
            offers.push(Offer { attribute: made, class: Class::Moment, ..records });
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::query::Filter;

    #[test]
    fn whatever_is_offered_can_be_asked() {
        let schema = Schema::builtin();
        for kind in schema.kinds() {
            let offers = offers(schema, kind);
            assert!(offers.iter().any(|offer| offer.attribute == *kind.title), "{}", kind.name);
            for offer in offers {
                let operator = if offer.class == Class::Opaque { "none" } else { "isNotNull" };
                let filter = json!([{"type": operator, "attribute": offer.attribute}]);
                assert!(Filter::from_json(schema, &kind.name, &filter).is_ok(), "{}: {}", kind.name, offer.attribute);
            }
        }
        let of_deal: Vec<String> = offers(schema, schema.kind("deal").unwrap()).into_iter().map(|offer| offer.attribute).collect();
        let pointing = ["activity:about", "activity:about.status", "activity:about.when.start", "activity:about.createdAt"];
        for expected in [
            "stage",
            "amount.amount",
            "people.role",
            "party.name",
            "party.addresses.first.value.region",
            "party.phones.value",
            "party.addresses.value.city",
            "owner",
            "tags",
        ]
        .into_iter()
        .chain(pointing)
        {
            assert!(of_deal.iter().any(|attribute| attribute == expected), "{expected}: {of_deal:?}");
        }
    }

    #[test]
    fn records_are_put_together_by_what_many_have_one_of() {
        let schema = Schema::builtin();
        for kind in schema.kinds() {
            for (offer, _) in groupings(schema, kind) {
                assert!(Place::of(schema, kind, &offer.attribute).is_ok(), "{}: {}", kind.name, offer.attribute);
            }
        }
        let of_deal: Vec<String> = groupings(schema, schema.kind("deal").unwrap()).into_iter().map(|(offer, _)| offer.attribute).collect();
        for (attribute, is_offered) in [
            ("stage", true),
            ("close_date", true),
            ("party", true),
            ("party.industry", true),
            ("party.addresses.first.value.region", true),
            ("party.addresses.value.region", false),
            ("party.addresses.first.value.street", false),
            ("party.birthday", false),
            ("title", false),
            ("tags", false),
        ] {
            assert_eq!(of_deal.iter().any(|known| known == attribute), is_offered, "{attribute}: {of_deal:?}");
        }
    }

    #[test]
    fn a_stored_filter_means_whoever_looks() {
        let me = UserId::of_cause("ann");
        let filter = with_me(json!([{"type": "linkedWith", "attribute": "owner", "value": [ME]}]), me);
        assert_eq!(filter[0]["value"][0], me.to_string());
    }
}
