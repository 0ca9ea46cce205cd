//! Views: a question about a kind that nobody could ask is refused when it is written, whichever door it comes through.

use serde_json::{Map, Value as Json};
use sync_core::id::UserId;
use sync_core::query::{Direction, Filter, OrderBy, with_me};
use sync_core::schema::{Kind, Schema};

use super::decide::Refused;
use super::terms::{Wrong, kind_of, refuse, word};

/// The kind that views are of.
pub(super) const VIEW_KIND: &str = "view";

type Row = Map<String, Json>;

/// What every record has beside its fields.
const OF_EVERY_RECORD: [&str; 5] = ["id", "kind", "archived", "createdAt", "updatedAt"];

/// Why a view may not say this, if it did not say so before: a field that is gone by now is no reason to refuse another edit.
pub(super) fn view(schema: &Schema, before: &Row, after: &Row) -> Result<(), Refused> {
    refuse(wrong(schema, after), &wrong(schema, before))
}

fn wrong(schema: &Schema, row: &Row) -> Vec<Wrong> {
    let Some(about) = word(row, "about") else { return Vec::new() };
    let kind = match kind_of(schema, about) {
        Ok(kind) => kind,
        Err(wrong) => return vec![wrong],
    };
    let rows = row.get("columns").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object);
    let columns = rows.filter_map(|row| unknown(kind, "columns", word(row, "field")?));
    let attributes = ["group", "split", "day"].into_iter().filter_map(|field| unknown(kind, field, word(row, field)?));
    let measure = word(row, "measure").and_then(|measure| measured(kind, measure.split_once(':')?));
    filter(schema, kind, row).into_iter().chain(sort(schema, kind, row)).chain(columns).chain(attributes).chain(measure).collect()
}

/// What is wrong with a measure: a share is one of what a gap says, any other one is of a field.
fn measured(kind: &Kind, (word, name): (&str, &str)) -> Option<Wrong> {
    match word {
        "share" if kind.gap(name).is_some() => None,
        "share" => {
            let gaps: Vec<&str> = kind.gaps.iter().map(|gap| &*gap.name).collect();
            let (en, zh) = (gaps.join(", "), gaps.join("、"));
            Some(Wrong::new(
                "measure",
                format!("`{name}` is no gap of this kind (valid: {en})"),
                format!("“{name}”不是该对象的盲区（可用：{zh}）"),
            ))
        }
        _ => unknown(kind, "measure", name),
    }
}

/// What is wrong with the filter. Who looks takes the place of `me` when it is asked.
fn filter(schema: &Schema, kind: &Kind, row: &Row) -> Option<Wrong> {
    let bad = match serde_json::from_str::<Json>(word(row, "filter")?) {
        Ok(Json::Null) => return None,
        Ok(conditions) => Filter::from_json(schema, &kind.name, &with_me(conditions, UserId::of_cause("whoever looks"))).err()?.words(),
        Err(_) => {
            return Some(Wrong::new(
                "filter",
                "a filter is a list of conditions in JSON, such as `[]`".to_owned(),
                "筛选条件须为 JSON 条件列表，例如 []".to_owned(),
            ));
        }
    };
    Some(Wrong::new("filter", bad.en, bad.zh))
}

fn sort(schema: &Schema, kind: &Kind, row: &Row) -> Option<Wrong> {
    let attribute = word(row, "sort")?.trim_start_matches('-');
    let bad = OrderBy::parse(schema, kind, attribute, Direction::Ascending).err()?.words();
    Some(Wrong::new("sort", bad.en, bad.zh))
}

/// That an attribute begins with no field of the kind, nor with what every record has.
fn unknown(kind: &Kind, field: &'static str, attribute: &str) -> Option<Wrong> {
    let first = attribute.split('.').next().unwrap_or_default();
    if kind.field(first).is_some() || OF_EVERY_RECORD.contains(&first) {
        return None;
    }
    let bad = sync_core::record::fields::unknown(kind, first);
    Some(Wrong::new(field, bad.to_string(), bad.message_zh()))
}
