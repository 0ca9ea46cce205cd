//! Which column probably goes where: by our own names, or by what other systems call things.
//!
//! Only suggests: people see it before anything is brought in, and what they chose is asked for next time.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind, Label, Merge, Schema, ValueType};

use super::mapping::{AS_COLUMN, Finder, is_money, same};
use crate::jobs::cell::{parts_of, says_currency};

/// What other systems call a target.
type Names = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
struct Known {
    #[serde(default)]
    combined: BTreeMap<String, Vec<Combined>>,
    #[serde(flatten)]
    kinds: BTreeMap<String, Names>,
}

/// A value that is put together from several columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Combined {
    /// Where it goes.
    pub target: String,
    columns: Vec<String>,
    /// The columns in braces.
    pub text: String,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| toml::from_str(include_str!("synonyms.toml")).expect("a test reads it"));

/// A target for each column, empty for none; and values that are put together.
///
/// `samples` are the first rows: an amount that comes with its currency goes in as a whole.
pub fn suggest(schema: &Schema, kind: &Arc<Kind>, header: &[String], samples: &[Vec<String>]) -> (Vec<String>, Vec<(String, String)>) {
    let finder = Finder { schema, kind };
    let mut taken: Vec<String> = Vec::new();
    let mut targets = Vec::new();
    let rows = keyed_rows(&finder, header);
    for (index, column) in header.iter().enumerate() {
        let cells: Vec<&str> = samples.iter().filter_map(|row| row.get(index).map(String::as_str)).collect();
        let has_currency = cells.iter().any(|cell| says_currency(cell));
        // What our own export wrote comes back as it is: lists of rows, ids of linked records.
        let is_empty = cells.iter().all(|cell| cell.is_empty());
        let has_rows = kind.field(column.trim()).is_some_and(|field| !field.items.is_empty());
        let is_whole = cells.iter().any(|cell| cell.starts_with('[') || cell.parse::<RecordId>().is_ok()) || is_empty && has_rows;
        let own = is_whole.then(|| column.trim().to_owned());
        let of_row = rows.map(|rows| of_row(kind, rows, column)).unwrap_or_default();
        let all = own.into_iter().chain(of_row).chain(ours(&finder, column)).chain(theirs(kind, column));
        let target = all
            .map(|target| whole_or_part(kind, target, has_currency))
            .find(|target| finder.target(target).is_ok() && !taken.contains(target));
        taken.extend(target.clone());
        targets.push(target.unwrap_or_default());
    }
    let all = KNOWN.combined.get(&*kind.name).into_iter().flatten();
    let has = |combined: &&Combined| combined.columns.iter().all(|column| header.iter().any(|cell| same(cell, column)));
    let sets = all.filter(has).filter(|combined| !taken.contains(&combined.target)).take(1);
    (targets, sets.map(|combined| (combined.target.clone(), combined.text.clone())).collect())
}

/// The rows that the lines of a file are, as those of a price list: a column names the part by which they are told apart first.
fn keyed_rows<'k>(finder: &Finder<'k>, header: &[String]) -> Option<&'k Field> {
    let kind = finder.kind;
    let is_told_apart = |field: &&Field| {
        let Some(first) = field.key.first().map(|name| format!("{}.{name}", field.name)) else { return false };
        let is_free = |own: &String| *own == first || finder.target(own).is_err();
        header.iter().any(|column| of_row(kind, field, column).contains(&first) && ours(finder, column).iter().all(is_free))
    };
    kind.fields.iter().filter(|field| !field.hidden).find(is_told_apart)
}

/// The parts of such a row that a column is called like.
fn of_row(kind: &Kind, rows: &Field, column: &str) -> Vec<String> {
    let of = |name: &str| format!("{}.{name}", rows.name);
    let named = |item: &&Field| same(&item.name, column) || same(&item.label.en, column) || item.label.zh == column.trim();
    let own = rows.items.iter().filter(named).map(|item| of(&item.name));
    own.chain(theirs(kind, column).into_iter().filter(|target| target.starts_with(&of("")))).collect()
}

/// Of amounts none of which says a currency, only the number goes in.
fn whole_or_part(kind: &Kind, target: String, has_currency: bool) -> String {
    let field = target.strip_suffix(".amount").unwrap_or(&target);
    match is_money(kind, field) {
        true if has_currency => field.to_owned(),
        true => format!("{field}.amount"),
        false => target,
    }
}

/// What is written as we write it: a field's name or label, `id`, `phones.value`.
fn ours(finder: &Finder<'_>, column: &str) -> Vec<String> {
    let column = column.trim();
    let named = |field: &&Field| same(&field.name, column) || same(&field.label.en, column) || field.label.zh == column;
    let field = finder.kind.fields.iter().filter(|field| field.merge != Merge::Derived && !field.hidden).find(named);
    let by_name = field.map(|field| match (&field.value, field.items.first()) {
        // A cell that holds a name, or one number, not our own ids and rows.
        (ValueType::Link, _) => format!("{}:{}", field.name, title_of(finder.schema, field)),
        (_, Some(item)) => format!("{}.{}", field.name, item.name),
        _ => field.name.to_string(),
    });
    let written = (!column.is_empty() && column != "error").then(|| column.to_owned());
    by_name.into_iter().chain(written).collect()
}

/// The field that names the records which a link points at.
fn title_of(schema: &Schema, field: &Field) -> String {
    field.to.iter().filter_map(|kind| schema.kind(kind)).map(|kind| kind.title.to_string()).next().unwrap_or_default()
}

fn theirs(kind: &Kind, column: &str) -> Vec<String> {
    let names = KNOWN.kinds.get(&*kind.name).into_iter().flatten();
    names.filter(|(_, names)| names.iter().any(|name| same(name, column))).map(|(target, _)| target.clone()).collect()
}

/// All targets that a column may have, with what people call them.
pub fn targets(schema: &Schema, kind: &Kind) -> Vec<(String, Vec<Label>)> {
    let mut all = Vec::new();
    for field in kind.fields.iter().filter(|field| !field.hidden && !matches!(field.merge, Merge::Derived | Merge::Assigned)) {
        if !field.items.is_empty() {
            all.push((field.name.to_string(), vec![field.label.clone()]));
        }
        let leaves: Vec<(String, Vec<&Field>)> = match field.items.is_empty() {
            true => vec![(field.name.to_string(), vec![field])],
            false => field.items.iter().map(|item| (format!("{}.{}", field.name, item.name), vec![field, item])).collect(),
        };
        all.extend(as_columns(field));
        for (target, fields) in leaves {
            let labels: Vec<_> = fields.iter().map(|field| field.label.clone()).collect();
            let Some(leaf) = fields.last() else { continue };
            let parts = parts_of(&leaf.value);
            if leaf.value == ValueType::Link {
                for via in [title_of(schema, leaf), "external_id".to_owned(), String::new()] {
                    let reaches = via.is_empty() || leaf.to.iter().any(|to| schema.kind(to).is_some_and(|kind| kind.field(&via).is_some()));
                    let path = if via.is_empty() { target.clone() } else { format!("{target}:{via}") };
                    if reaches && !all.iter().any(|(known, _)| *known == path) {
                        all.push((path, labels.clone()));
                    }
                }
                // Or else what nobody is called stays a line of text, and the row is not left out for it.
                let text = kind.fields.iter().find(|field| field.merge == Merge::Text && !field.hidden);
                all.extend(text.map(|text| (format!("{target}:{}|{}", title_of(schema, leaf), text.name), labels.clone())));
            } else if parts.is_empty() {
                all.push((target, labels));
            } else {
                if matches!(leaf.value, ValueType::Money | ValueType::Period) {
                    all.push((target.clone(), labels.clone()));
                }
                all.extend(parts.iter().map(|part| (format!("{target}.{part}"), labels.clone())));
            }
        }
    }
    all
}

/// The amounts of rows that are told apart by a text, each in a column that is called as the row is.
fn as_columns(field: &Field) -> Vec<(String, Vec<Label>)> {
    let key = field.key.first().and_then(|name| field.item(name)).filter(|key| key.value == ValueType::String);
    let Some(key) = key else { return Vec::new() };
    let amounts = field.items.iter().filter(|item| item.value == ValueType::Money);
    let target = |item: &Field| format!("{}[{}={AS_COLUMN}].{}.amount", field.name, key.name, item.name);
    amounts.map(|item| (target(item), vec![field.label.clone(), item.label.clone()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(kind: &str, header: &[&str]) -> Vec<String> {
        let schema = Schema::builtin();
        let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
        suggest(schema, schema.kind(kind).unwrap(), &header, &[]).0
    }

    #[test]
    fn exports_of_other_systems_find_their_fields() {
        let salesforce = ["Account Name", "Phone", "Billing City", "Account Owner", "Industry", "Something else"];
        let expected = ["name", "phones.value", "addresses.value.city", "owner:name", "industry", ""];
        assert_eq!(suggested("party", &salesforce), expected);
        let hubspot = ["Record ID", "Deal Name", "Deal Stage", "Amount", "Close Date", "Associated Company"];
        assert_eq!(suggested("deal", &hubspot), ["external_id", "title", "stage", "amount.amount", "close_date", "party:name"]);
        assert_eq!(suggested("party", &["客户名称", "手机", "邮箱", "行业"]), ["name", "phones.value", "emails.value", "industry"]);
        assert_eq!(suggested("party", &["Name", "Company"]), ["name", ""], "one field, one column");
    }

    #[test]
    fn an_amount_goes_in_whole_only_where_a_cell_says_its_currency() {
        let schema = Schema::builtin();
        for (cells, expected) in [
            (["1000", "abc", "a lot"], "amount.amount"),
            (["1000", "12.50 EUR", "abc"], "amount"),
            (["", "", "{\"amount\":5,\"currency\":\"CNY\"}"], "amount"),
        ] {
            let samples = cells.map(|cell| vec![cell.to_owned()]);
            let (targets, _) = suggest(schema, schema.kind("deal").unwrap(), &["Amount".to_owned()], &samples);
            assert_eq!(targets, [expected], "{cells:?}");
        }
    }

    #[test]
    fn every_name_that_is_known_is_a_target_of_its_kind() {
        let schema = Schema::builtin();
        for (kind, names) in &KNOWN.kinds {
            let kind = schema.kind(kind).unwrap();
            for target in names.keys() {
                assert!(Finder { schema, kind }.target(target).is_ok(), "{}: {target}", kind.name);
            }
        }
        for kind in schema.kinds() {
            for (target, _) in targets(schema, kind) {
                assert!(Finder { schema, kind }.target(&target).is_ok(), "{}: {target}", kind.name);
            }
        }
    }

    #[test]
    fn a_name_in_two_columns_is_put_together() {
        let schema = Schema::builtin();
        let header = ["First Name", "Last Name", "Email"].map(str::to_owned);
        let (targets, sets) = suggest(schema, schema.kind("party").unwrap(), &header, &[]);
        assert_eq!((&*targets[2], &*sets[0].1), ("emails.value", "{First Name} {Last Name}"));
    }
}
