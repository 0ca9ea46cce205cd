//! What records are worth together: their amounts added up, each form of them apart, without those that come to nothing.

use serde_json::{Value as Json, json};
use sync_core::schema::{Field, Formula, Kind, ValueType};

use super::desk::Desk;
use super::{format, list};
use crate::error::Error;
use crate::reading::{Group, Grouping, List, Sum, is_summed};

/// What records of a kind add up to, and how many of them that are, with their average; nothing where nothing is to be added.
///
/// # Errors
/// When the database fails.
pub async fn of(desk: &Desk, kind: &Kind, which: Json, linked: u64) -> Result<(String, Vec<String>), Error> {
    let Some(field) = summed(desk, kind) else { return Ok(Default::default()) };
    let instead = instead(desk, kind, field);
    let conditions: Vec<Json> = [which, is_there(field, instead)].into_iter().chain(counts(desk, kind)).collect();
    let filter = json!(conditions).to_string();
    // A role that cannot be asked about adds up to nothing that could be shown.
    let Ok(query) = desk.reading.query(&kind.name, [("where", &*filter)]) else { return Ok(Default::default()) };
    let form = form(desk, kind);
    let by = form.map(|form| &*form.name);
    let mut groups =
        desk.reading.totals(&List::of(query), &Grouping { by, sums: vec![field], instead, ..Grouping::default() }).await?.groups;
    groups.sort_by_key(|group| place(form, group));
    Ok(match &*groups {
        [group] => (list::summed_up(group, &field.name), facts(desk, field, group, linked)),
        groups => (
            groups
                .iter()
                .map(|group| format!("{} {}", label(desk, form, group), list::summed_up(group, &field.name)))
                .collect::<Vec<_>>()
                .join(" · "),
            groups.iter().map(|group| fact(desk, field, &label(desk, form, group), group)).collect(),
        ),
    })
}

/// The number that the kind's board adds up, or the first amount of its list.
fn summed<'k>(desk: &Desk, kind: &'k Kind) -> Option<&'k Field> {
    let by_board = kind.board.as_ref().and_then(|board| kind.field(board.sum.as_ref()?));
    let by_list = || listed(kind).find(|field| field.value == ValueType::Money);
    by_board.or_else(by_list).filter(|field| is_summed(field) && desk.reading.may_read(kind, &field.name))
}

/// What a record's rows add up to, where its list shows that: it counts where nobody has written the number itself.
fn instead<'k>(desk: &Desk, kind: &'k Kind, field: &Field) -> Option<&'k Field> {
    let fits = |other: &&Field| other.value == field.value && other.name != field.name && is_summed(other);
    let is_sum = |other: &&Field| matches!(other.computed(), Some(Formula::Sum { .. })) && desk.reading.may_read(kind, &other.name);
    listed(kind).filter(fits).find(is_sum)
}

/// What puts the records apart: the first choice of the list that is not the board's.
fn form<'k>(desk: &Desk, kind: &'k Kind) -> Option<&'k Field> {
    let of_board = kind.board.as_ref().map(|board| &board.by);
    let is_choice = |field: &&Field| field.value == ValueType::Choice && field.merge.is_single() && !field.hidden;
    listed(kind).filter(is_choice).find(|field| Some(&field.name) != of_board && desk.reading.may_read(kind, &field.name))
}

fn listed(kind: &Kind) -> impl Iterator<Item = &Field> {
    kind.list.iter().filter_map(|name| kind.field(name))
}

fn is_there(field: &Field, instead: Option<&Field>) -> Json {
    let number = |field: &Field| if field.value == ValueType::Money { format!("{}.amount", field.name) } else { field.name.to_string() };
    let is_there = |field| json!({"type": "isNotNull", "attribute": number(field)});
    let either: Vec<Json> = std::iter::once(field).chain(instead).map(is_there).collect();
    json!({"type": "or", "value": either})
}

/// Not what has come to nothing, as far as the caller may see that.
fn counts(desk: &Desk, kind: &Kind) -> Option<Json> {
    let board = kind.board.as_ref().filter(|board| desk.reading.may_read(kind, &board.by));
    let never: Vec<&str> = kind.never().map(|option| &*option.value).collect();
    board.filter(|_| !never.is_empty()).map(|board| json!({"type": "notIn", "attribute": board.by, "value": never}))
}

/// In the order of the options; what has none of them comes last.
fn place(form: Option<&Field>, group: &Group) -> usize {
    let at = |key: &String| form?.options.iter().position(|option| option.value == *key);
    group.key.as_ref().and_then(at).unwrap_or(usize::MAX)
}

fn label(desk: &Desk, form: Option<&Field>, group: &Group) -> String {
    let Some(key) = &group.key else { return desk.words.say("group.none").to_owned() };
    form.and_then(|form| form.option(key)).map_or_else(|| key.clone(), |option| desk.words.label(&option.label).to_owned())
}

/// Of one form: how many count, if not all do, and the average.
fn facts(desk: &Desk, field: &Field, group: &Group, linked: u64) -> Vec<String> {
    let counted = (group.count != linked).then(|| desk.words.count("record.counted", group.count));
    counted.into_iter().chain(average(desk, field, group)).collect()
}

/// Of several: the form, how many, and the average.
fn fact(desk: &Desk, field: &Field, label: &str, group: &Group) -> String {
    let count = desk.words.count("record.of_form", group.count);
    let parts: Vec<String> = std::iter::once(count).chain(average(desk, field, group)).collect();
    desk.words.fill("record.form", &[label, &parts.join(desk.words.say("record.comma"))])
}

/// The mean of an amount; of several currencies in the workspace's. One is its own average.
fn average(desk: &Desk, field: &Field, group: &Group) -> Option<String> {
    let count = (group.count > 1).then_some(group.count as f64)?;
    let mean = |sum: f64, currency: &str| format::price((sum / count).round() as i64, currency);
    let average = match (&**group.sums.get(&field.name)?, group.home.get(&field.name)) {
        ([Sum { currency: Some(currency), sum }], _) => mean(sum.parse().ok()?, currency),
        (_, Some(home)) if !home.partial => format!("≈ {}", mean(home.sum as f64, &home.currency)),
        _ => return None,
    };
    Some(desk.words.fill("record.average", &[&average]))
}
