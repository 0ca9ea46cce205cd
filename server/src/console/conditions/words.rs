//! What conditions say, in words.

use serde_json::Value as Json;
use sync_core::query::{Class, ME, Offer};
use sync_core::schema::ValueType;

use super::Ground;
use super::one::offered;
use super::said::sayings;
use super::together::Together;
use crate::console::format::{Formatter, Shown};

/// What an attribute is called.
pub fn label(ground: &Ground<'_>, offer: &Offer<'_>) -> String {
    let words = ground.desk.words;
    let mut parts: Vec<&str> = offer.fields.iter().map(|field| words.label(&field.label)).collect();
    if offer.is_first {
        parts.pop();
        parts.push(words.say("filter.first"));
    }
    let source = offer.from.map(|source| format!("{} ({})", words.label(&source.plural), parts.remove(0)));
    parts.splice(0..0, source.as_deref());
    match (offer.attribute.rsplit('.').next().unwrap_or_default(), offer.part) {
        ("createdAt", _) => parts.push(words.say("record.created")),
        ("updatedAt", _) => parts.push(words.say("record.updated")),
        // The amount is what a sum of money is; only its currency needs a word.
        (_, None | Some("amount")) => {}
        (_, Some(part)) => parts.push(words.say(part_key(part))),
    }
    parts.join(" › ")
}

/// The word for a part of a compound value.
pub fn part_key(part: &str) -> &'static str {
    match part {
        "currency" => "part.currency",
        "country" => "address.country",
        "region" => "address.region",
        "city" => "address.city",
        "postal_code" => "address.postal_code",
        "street" => "address.street",
        "start" => "period.start",
        "end" => "period.end",
        "lat" => "geo.lat",
        _ => "geo.lon",
    }
}

/// Whether a condition compares with nothing.
pub fn is_nothing(value: &Json) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// A condition in one line: groups, operators of programs, several conditions of one record that points here.
pub fn describe(ground: &Ground<'_>, format: &Formatter<'_>, all: &[Offer<'_>], condition: &Json) -> String {
    let words = ground.desk.words;
    let inner = |all: &[Offer<'_>], way: Together, conditions: &[Json]| {
        let parts: Vec<String> = conditions.iter().map(|part| describe(ground, format, all, part)).collect();
        let (not, key) = match way {
            Together::All => ("", "filter.and"),
            Together::Any => ("", "filter.or"),
            Together::None => (words.say("filter.not"), "filter.or"),
            Together::NotAll => (words.say("filter.not"), "filter.and"),
        };
        format!("{not} ({})", parts.join(&format!(" {} ", words.say(key)))).trim().to_owned()
    };
    if let Some((way, conditions)) = Together::apart(condition) {
        return inner(all, way, &conditions);
    }
    match condition.get("type").and_then(Json::as_str) {
        Some(operator) => {
            let attribute = condition.get("attribute").and_then(Json::as_str).unwrap_or_default();
            let offer = all.iter().find(|offer| offer.attribute == attribute);
            let name = offer.map_or_else(|| attribute.to_owned(), |offer| label(ground, offer));
            let said = offer.and_then(|offer| sayings(offer, ground.scope).iter().find(|said| said.operator == operator));
            let test = said.map_or(operator, |said| ground.desk.words.say(said.key));
            let mut parts = vec![name, test.to_owned()];
            parts.extend(condition.get("count").map(Json::to_string));
            let value = condition.get("value").unwrap_or(&Json::Null);
            match offer {
                Some(Offer { from: Some(source), class: Class::Opaque, .. }) if !is_nothing(value) => {
                    let conditions = value.as_array().cloned().unwrap_or_default();
                    parts.push(inner(&offered(&Ground { kind: source, ..*ground }), Together::All, &conditions));
                }
                Some(offer) => parts.push(Shown::Many(values(format, offer, value)).text()),
                None if value.is_null() => {}
                None => parts.push(value.to_string()),
            }
            parts.retain(|part| !part.is_empty());
            parts.join(" ")
        }
        None => condition.to_string(),
    }
}

/// What a condition compares with.
pub fn values(format: &Formatter<'_>, offer: &Offer<'_>, value: &Json) -> Vec<Shown> {
    let field = offer.fields.last();
    let one = |value: &Json| match (field, &offer.class, value) {
        (_, Class::Link, Json::String(me)) if me == ME => Shown::Text(format.words.say("filter.me").to_owned()),
        (Some(field), Class::Integer, Json::Number(number)) if field.value == ValueType::Money && offer.part == Some("amount") => {
            Shown::Number(crate::console::format::grouped(&amount(number.as_i64().unwrap_or_default())))
        }
        (_, Class::Day | Class::Moment | Class::DayOrMoment, Json::String(day)) => Shown::Text(day.clone()),
        (_, Class::Day | Class::Moment | Class::DayOrMoment, days) => Shown::Text(days.to_string()),
        (_, Class::Geo, near) => Shown::Text(format!("{} km · {}, {}", near["km"], near["lat"], near["lon"])),
        (Some(field), _, value) if offer.part.is_none() => format.scalar(field, value),
        (_, _, Json::String(text)) => Shown::Text(text.clone()),
        (_, _, other) => Shown::Text(other.to_string()),
    };
    match value {
        Json::Null => Vec::new(),
        Json::Array(values) => values.iter().map(one).collect(),
        value => vec![one(value)],
    }
}

/// A condition is about amounts of any currency: it is typed with two decimals, as most have.
pub const USUAL: &str = "CNY";

/// An amount as it is typed.
pub fn amount(minor: i64) -> String {
    let text = crate::console::format::plain_amount(minor, USUAL);
    text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
}
