//! What a column of a file may become, in words.

use sync_core::schema::{Field, Kind, Label};

use crate::console::conditions::part_key;
use crate::console::desk::Desk;
use crate::jobs::import;

/// What a target is called: its field, the part of it, and where links are looked up.
pub fn label(desk: &Desk, kind: &Kind, target: &str, labels: &[Label]) -> String {
    let mut text: Vec<String> = labels.iter().map(|label| desk.words.label(label).to_owned()).collect();
    let (target, otherwise) = target.split_once('|').map_or((target, None), |(target, otherwise)| (target, Some(otherwise)));
    let row = row_label(desk, kind, target);
    let target = &*import::without_row(target);
    let (path, via) = target.split_once(':').map_or((target, None), |(path, via)| (path, Some(via)));
    // The amount is what a sum of money is: it needs no word, but the whole needs one.
    if let Some(part) = path.split('.').nth(labels.len()).filter(|part| *part != "amount") {
        text.push(desk.words.say(part_key(part)).to_owned());
    }
    let text = text.join(" › ");
    let text = if import::is_money(kind, path) { desk.words.fill("import.with_currency", &[&text]) } else { text };
    let via = via.map(|via| format!(" ({})", via_label(desk, kind, path, via))).unwrap_or_default();
    let otherwise = otherwise.and_then(|name| kind.field(name)).map(|field| desk.words.label(&field.label));
    let otherwise = otherwise.map(|name| desk.words.fill("import.or_else", &[name])).unwrap_or_default();
    format!("{text}{row}{via}{otherwise}")
}

/// Which row is meant, where a target names one: `rows[list=Wholesale].price`.
fn row_label(desk: &Desk, kind: &Kind, target: &str) -> String {
    let named = target.split_once('[').and_then(|(rows, rest)| Some((kind.field(rows)?, rest.split_once("].")?.0.split_once('=')?)));
    let Some((field, (name, said))) = named else { return String::new() };
    let item = field.item(name).map_or(name, |item| desk.words.label(&item.label));
    let said = if said == import::AS_COLUMN { desk.words.say("import.as_column") } else { said };
    format!(" ({item}: {said})")
}

/// By what a link is looked up, and among which records: `name`, `name[type=org]`.
fn via_label(desk: &Desk, kind: &Kind, path: &str, via: &str) -> String {
    let (by, among) = via.split_once('[').map_or((via, None), |(by, among)| (by, among.trim_end_matches(']').split_once('=')));
    let (field, item) = path.split_once('.').map_or((path, None), |(field, item)| (field, Some(item)));
    let field = kind.field(field);
    let link = item.map_or(field, |item| field.and_then(|field| field.item(item)));
    let to = || link.into_iter().flat_map(|link| &link.to).filter_map(|kind| desk.reading.schema().kind(kind));
    let linked = |name: &str| to().find_map(|kind| kind.field(name));
    let called = |name: &str| linked(name).map_or_else(|| name.to_owned(), |field: &Field| desk.words.label(&field.label).to_owned());
    let Some((name, value)) = among else { return called(by) };
    let option = linked(name).and_then(|field| field.option(value));
    let value = option.map_or(value, |option| desk.words.label(&option.label));
    format!("{}, {}: {value}", called(by), called(name))
}
