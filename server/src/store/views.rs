//! Read-only views for reporting tools: a table as people expect it for each kind, and one for each list in it.
//!
//! Made from the kinds, the workspaces' own included, and made again when a kind changes. What the private facet
//! holds is in none of them. SQLite's JSON operators; PostgreSQL gets views of the same names beside them.

use std::collections::BTreeMap;

use sync_core::id::Facet;
use sync_core::schema::{Field, Kind, Merge, ValueType};

use super::{Result, Tx};

/// What the names of all views begin with: no table of ours does.
pub const PREFIX: &str = "report_";

/// Columns that every view of a kind has; a field of such a name gets a line behind it.
const OWN: [&str; 5] = ["workspace", "id", "title", "created_at", "updated_at"];

/// The views of some kinds, by name. A name that several workspaces use has the fields of all.
pub fn of<'k>(kinds: impl IntoIterator<Item = &'k Kind>) -> BTreeMap<String, String> {
    let mut by_name: BTreeMap<&str, Vec<&Field>> = BTreeMap::new();
    for kind in kinds {
        let fields = by_name.entry(&kind.name).or_default();
        for field in kind.fields.iter().filter(|field| is_shown(field)) {
            if !fields.iter().any(|known| known.name == field.name) {
                fields.push(field);
            }
        }
    }
    let mut views = BTreeMap::new();
    for (kind, fields) in by_name {
        views.insert(format!("{PREFIX}{kind}"), of_kind(kind, &fields));
        for field in fields.iter().filter(|field| is_list(field)) {
            views.insert(format!("{PREFIX}{kind}_{}", field.name), of_list(kind, field));
        }
    }
    views
}

fn is_shown(field: &Field) -> bool {
    field.facet != Facet::Private && !field.hidden
}

/// Whether a field has any number of values: a view of its own shows them.
fn is_list(field: &Field) -> bool {
    matches!(field.merge, Merge::Set | Merge::List | Merge::Log)
}

fn of_kind(kind: &str, fields: &[&Field]) -> String {
    let mut columns = vec![
        "w.name as workspace".to_owned(),
        format!("{} as id", uuid("r.record")),
        "r.title as title".to_owned(),
        "r.archived as archived".to_owned(),
        format!("{} as created_at", moment("r.created_at")),
        format!("{} as updated_at", moment("r.updated_at")),
    ];
    for field in fields {
        let document = if field.facet == Facet::Commercial { "r.commercial" } else { "r.main" };
        columns.extend(columns_of(field, document));
    }
    view(&format!("{PREFIX}{kind}"), &columns, kind, "")
}

fn of_list(kind: &str, field: &Field) -> String {
    let document = if field.facet == Facet::Commercial { "r.commercial" } else { "r.main" };
    let mut columns = vec!["w.name as workspace".to_owned(), format!("{} as {kind}_id", uuid("r.record"))];
    if field.items.is_empty() {
        columns.push("e.value as value".to_owned());
    } else {
        columns.push("e.value ->> '$.id' as row_id".to_owned());
        for item in field.items.iter().filter(|item| is_shown(item)) {
            columns.extend(columns_of(item, "e.value"));
        }
    }
    let from = format!(", json_each({document}, '$.{}') e", field.name);
    view(&format!("{PREFIX}{kind}_{}", field.name), &columns, kind, &from)
}

/// Names come from kinds: lower case letters, digits and lines, checked when a kind is read.
fn view(name: &str, columns: &[String], kind: &str, from: &str) -> String {
    // By workspace first: that is how rows are indexed.
    let columns = columns.join(",\n  ");
    format!(
        "create view \"{name}\" as select\n  {columns}\nfrom workspaces w join rows r on r.workspace = w.workspace and r.kind = '{kind}'{from}"
    )
}

/// The columns of a field: one, or one for each of its parts.
fn columns_of(field: &Field, document: &str) -> Vec<String> {
    let name = if OWN.contains(&&*field.name) || &*field.name == "archived" { format!("{}_", field.name) } else { field.name.to_string() };
    let at = |path: &str| format!("{document} ->> '$.{}{path}'", field.name);
    let parts = |parts: &[(&str, &str)]| {
        parts.iter().map(|(part, column)| format!("{} as \"{name}_{column}\"", at(&format!(".{part}")))).collect::<Vec<_>>()
    };
    if is_list(field) {
        // As JSON; its own view has a row for each.
        return vec![format!("{document} -> '$.{}' as \"{name}\"", field.name)];
    }
    match &field.value {
        ValueType::Datetime => vec![format!("{} as \"{name}\"", moment(&format!("({})", at(""))))],
        ValueType::Money => parts(&[("amount", "minor"), ("currency", "currency")]),
        ValueType::Address => {
            parts(&[("country", "country"), ("region", "region"), ("city", "city"), ("postal_code", "postal_code"), ("street", "street")])
        }
        ValueType::Period => parts(&[("start", "start"), ("end", "end")]),
        ValueType::Geo => parts(&[("lat", "lat"), ("lon", "lon")]),
        ValueType::String
        | ValueType::Phone
        | ValueType::Email
        | ValueType::Url
        | ValueType::Paragraph
        | ValueType::Integer
        | ValueType::Number
        | ValueType::Boolean
        | ValueType::Date
        | ValueType::Choice
        | ValueType::Link
        | ValueType::Unknown(_) => vec![format!("{} as \"{name}\"", at(""))],
    }
}

/// The index `rows_by_text_id` is over this: joins find records by it.
fn uuid(column: &str) -> String {
    let hex = format!("hex({column})");
    let part = |from: u8, length: u8| format!("substr({hex}, {from}, {length})");
    format!("lower({})", [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || "))
}

/// Milliseconds as tools read them: UTC.
fn moment(expression: &str) -> String {
    format!("strftime('%Y-%m-%d %H:%M:%S', {expression} / 1000.0, 'unixepoch')")
}

/// Makes the views what they are to be; answers how many were made, changed or taken away.
pub async fn put(tx: &mut Tx, wanted: &BTreeMap<String, String>) -> Result<usize> {
    let sql = "select name, sql from sqlite_master where type = 'view' and substr(name, 1, $1) = $2";
    let query = sqlx::query_as(sql).bind(PREFIX.len() as i64).bind(PREFIX);
    let there: Vec<(String, String)> = query.fetch_all(tx.conn()).await?;
    let mut changed = 0;
    for (name, text) in &there {
        if wanted.get(name).map(|sql| sql.to_lowercase()) != Some(text.to_lowercase()) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("drop view \"{name}\""))).execute(tx.conn()).await?;
            changed += 1;
        }
    }
    for (name, text) in wanted {
        if !there.iter().any(|(known, sql)| known == name && sql.to_lowercase() == text.to_lowercase()) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(text.clone())).execute(tx.conn()).await?;
            changed += 1;
        }
    }
    Ok(changed)
}
