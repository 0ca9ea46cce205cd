//! What can be asked about a kind: every attribute, for whoever builds a filter by hand.
//!
//! Decides nothing: what is offered is read back by [`super::Filter::parse`] like anything else.

use serde_json::Value;

use super::Class;
use super::attribute::places;
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
    let asked = Asked { schema, kind };
    let mut offers = Vec::new();
    for field in kind.fields.iter().filter(|field| is_asked(field)) {
        match field.items.is_empty() {
            true => offers.extend(asked.of(&field.name, &[field])),
            false => offers.extend(field.items.iter().flat_map(|item| asked.of(&format!("{}.{}", field.name, item.name), &[field, item]))),
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
                            .flat_map(|item| asked.of(&format!("{there}.{}", item.name), &[link, field, item])),
                    ),
                }
            }
        }
    }
    for source in schema.kinds() {
        offers.extend(asked.pointing(source));
    }
    // Links to several kinds have some fields in common.
    let mut seen = std::collections::BTreeSet::new();
    offers.retain(|offer| seen.insert(offer.attribute.clone()));
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
        match parts {
            [] => self.one(attribute.to_owned(), fields, None).into_iter().collect(),
            parts => parts.iter().filter_map(|part| self.one(format!("{attribute}.{part}"), fields, Some(part))).collect(),
        }
    }

    fn one(&self, attribute: String, fields: &[&'s Field], part: Option<&'static str>) -> Option<Offer<'s>> {
        let found = places(self.schema, self.kind, &attribute).ok()?;
        let spot = &found.first()?.place.spot;
        let is_many = matches!(spot.holder, super::Holder::Each { .. });
        (spot.class != Class::Opaque).then(|| Offer { attribute, fields: fields.to_vec(), part, class: spot.class, is_many, from: None })
    }

    /// The records of a kind that may point here by each of their links, and what their lists show of them.
    fn pointing(&self, source: &'s Kind) -> Vec<Offer<'s>> {
        let links = source.fields.iter().filter(|field| is_asked(field) && field.value == ValueType::Link && field.items.is_empty());
        let from = Some(source);
        let mut offers = Vec::new();
        for link in links.filter(|link| link.to.contains(&self.kind.name)) {
            let here = format!("{}:{}", source.name, link.name);
            let (there, made) = (Asked { kind: source, ..*self }, format!("{here}.createdAt"));
            offers.push(Offer { attribute: here.clone(), fields: vec![link], part: None, class: Class::Opaque, is_many: true, from });
            let listed = source.list.iter().filter_map(|name| source.field(name)).filter(|field| is_asked(field) && field.items.is_empty());
            for offer in listed.filter(|field| field.name != link.name).flat_map(|field| there.of(&field.name, &[field])) {
                let fields = std::iter::once(link).chain(offer.fields).collect();
                offers.push(Offer { attribute: format!("{here}.{}", offer.attribute), fields, from, ..offer });
            }
            offers.push(Offer { attribute: made, fields: vec![link], part: None, class: Class::Moment, is_many: true, from });
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
        for expected in
            ["stage", "amount.amount", "people.role", "party.name", "party.phones.value", "party.addresses.value.city", "owner", "tags"]
                .into_iter()
                .chain(pointing)
        {
            assert!(of_deal.iter().any(|attribute| attribute == expected), "{expected}: {of_deal:?}");
        }
    }

    #[test]
    fn a_stored_filter_means_whoever_looks() {
        let me = UserId::of_cause("ann");
        let filter = with_me(json!([{"type": "linkedWith", "attribute": "owner", "value": [ME]}]), me);
        assert_eq!(filter[0]["value"][0], me.to_string());
    }
}
