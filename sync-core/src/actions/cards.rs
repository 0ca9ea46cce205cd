//! Records as vCards, for the address books of phones: every number, address and label, as an import reads them back.
//!
//! Never decides whose name a card may say: who asks gives the companies that are known.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::id::RecordId;
use crate::lines::{Lines, guarded, parameter};
use crate::schema::{Choice, Kind};

/// Fields with rows, each a line of a card: field, the line's name.
const ROWS: [(&str, &str); 4] = [("phones", "TEL"), ("emails", "EMAIL"), ("addresses", "ADR"), ("socials", "X-SOCIALPROFILE")];

/// The parts of an address, in the order of a card; a post box and an extension come before them.
pub const ADDRESS: [&str; 5] = ["street", "city", "region", "postal_code", "country"];

/// Whether records of a kind are somebody that an address book has.
pub fn has_cards(kind: &Kind) -> bool {
    ["phones", "emails"].iter().any(|name| kind.field(name).is_some_and(|field| !field.items.is_empty()))
}

/// What companies are called.
pub type Companies = HashMap<RecordId, String>;

/// Whether a record is a company, which people may work for.
pub fn is_company(fields: &Map<String, Json>) -> bool {
    fields.get("type").and_then(Json::as_str) == Some("org")
}

/// Whom a record is related to, and as what.
pub fn relations(fields: &Map<String, Json>) -> impl Iterator<Item = (RecordId, &str)> {
    let relations = fields.get("relations").and_then(Json::as_array).into_iter().flatten();
    relations.filter_map(|relation| {
        let record = relation.get("party")?.as_str()?.parse().ok()?;
        Some((record, relation.get("role").and_then(Json::as_str).unwrap_or_default()))
    })
}

/// The first company that a record is related to, and what they do there. One of which the role says what it is to
/// us, such as a supplier, comes after the others: that is nobody's post.
fn employer<'r>(kind: &Kind, fields: &'r Map<String, Json>, companies: &'r Companies) -> Option<(&'r str, &'r str)> {
    let roles = kind.field("roles");
    let is_known = |role: &str| roles.is_some_and(|field| field.options.iter().any(|known| is_called(known, role)));
    let employers = || relations(fields).filter_map(|(record, role)| Some((companies.get(&record)?.as_str(), role)));
    employers().find(|(_, role)| !is_known(role)).or_else(|| employers().next().map(|(company, _)| (company, "")))
}

fn is_called(choice: &Choice, word: &str) -> bool {
    [&choice.value, &choice.label.en, &choice.label.zh].into_iter().any(|known| known.eq_ignore_ascii_case(word.trim()))
}

/// Writes the card of a record. Whom a person works for is said if that company is known.
pub fn card(lines: &mut Lines, kind: &Kind, (title, fields): (&str, &Map<String, Json>), companies: &Companies) {
    let text = |name: &str| fields.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    lines.plain("BEGIN", "VCARD");
    lines.plain("VERSION", "3.0");
    lines.text("FN", title);
    if text("type") == Some("person") {
        lines.plain("N", format_args!("{};;;;", guarded(title)));
        if let Some((company, role)) = employer(kind, fields, companies) {
            lines.text("ORG", company);
            if !role.is_empty() {
                lines.text("TITLE", role);
            }
        }
    } else {
        lines.plain("N", ";;;;");
        lines.text("ORG", title);
        lines.plain("X-ABShowAs", "COMPANY");
    }
    let entries = |field| fields.get(field).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object);
    let all = ROWS.into_iter().flat_map(|(field, name)| entries(field).map(move |entry| (name, entry)));
    all.zip(1..).for_each(|((name, entry), number)| repeated(lines, name, entry, number));
    for (field, name) in [("website", "URL"), ("birthday", "BDAY"), ("external_id", "UID"), ("notes", "NOTE")] {
        if let Some(text) = text(field) {
            lines.text(name, text);
        }
    }
    let tags = fields.get("tags").and_then(Json::as_array).into_iter().flatten();
    let tags: Vec<String> = tags.filter_map(Json::as_str).map(guarded).collect();
    if !tags.is_empty() {
        lines.plain("CATEGORIES", tags.join(","));
    }
    lines.plain("END", "VCARD");
}

/// Labels that every address book has words for; others are lines of their own, as phones write and show them.
const USUAL: [&str; 8] = ["work", "home", "cell", "mobile", "fax", "pager", "main", "other"];

/// One of several numbers or addresses, with its label, and whether it is the one to be used first.
fn repeated(lines: &mut Lines, name: &str, entry: &Map<String, Json>, number: usize) {
    let text = |part: &str| entry.get(part).and_then(Json::as_str).filter(|text| !text.is_empty());
    let label = text("label").filter(|label| !USUAL.contains(label));
    let kind = text("network").or(text("label").filter(|_| label.is_none()));
    let mut head = label.map_or_else(|| name.to_owned(), |_| format!("item{number}.{name}"));
    head.extend(kind.map(|kind| format!(";TYPE={}", parameter(kind))));
    if entry.get("primary") == Some(&Json::Bool(true)) {
        head.push_str(";TYPE=pref");
    }
    match entry.get("value") {
        Some(Json::String(text)) => lines.text(&head, text),
        Some(Json::Object(parts)) => {
            let part = |part: &&str| guarded(parts.get(*part).and_then(Json::as_str).unwrap_or_default());
            lines.plain(&head, format_args!(";;{}", ADDRESS.iter().map(part).collect::<Vec<_>>().join(";")));
        }
        _ => return,
    }
    if let Some(label) = label {
        lines.text(&format!("item{number}.X-ABLabel"), label);
    }
}
