//! A list as a file: the columns, the order and the filter that are seen.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use sync_core::access::Right;
use sync_core::id::RecordId;
use sync_core::schema::{Kind, Merge, ValueType};

use super::asked::{Asked, encoded};
use super::shape::{Column, Layout, Shape};
use super::table::title_of;
use super::views;
use super::{chart, groups};
use crate::audit::Act;
use crate::cards::{CARD_TYPE, cards, has_cards};
use crate::console::desk::Desk;
use crate::console::format::{Shown, decimals, plain_amount};
use crate::error::{Error, Text};
use crate::jobs::cell::{moment_there, period_text};
use crate::jobs::export::pdf::{self, Body, Section};
use crate::jobs::export::table::{self, Cell, Table};
use crate::place::Path;
use crate::reading::{Group, Names, Row, Totals};

/// Records read at once.
const PAGE: u32 = 200;

/// Records of one file: it is made in memory, some 300 bytes each. More go by `rapport export`.
const ROWS_MAX: usize = 200_000;

/// What CSV is called.
pub const CSV_TYPE: &str = "text/csv; charset=utf-8";

/// `GET /records/{kind}/export.csv`.
pub async fn csv(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let (name, tables) = tables_of(&desk, &kind, &asked, "csv").await?;
    // A file of one table: what groups add up to would stand among the records.
    let bytes = table::csv(&tables[0]).map_err(|error| Error::Internal(error.into()))?;
    Ok(file(&format!("{name}.csv"), CSV_TYPE, bytes))
}

/// `GET /records/{kind}/export.xlsx`.
pub async fn xlsx(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let (name, tables) = tables_of(&desk, &kind, &asked, "xlsx").await?;
    let made = tokio::task::spawn_blocking(move || table::xlsx(&tables)).await;
    let bytes = made.map_err(anyhow::Error::from).and_then(|made| made.map_err(anyhow::Error::from)).map_err(Error::Internal)?;
    Ok(file(&format!("{name}.xlsx"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", bytes))
}

/// `GET /records/{kind}/export.vcf`: for the address book of a phone.
pub async fn vcf(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    if !has_cards(&kind) {
        return Err(Error::NotFound);
    }
    let shape = shape_of(&desk, &kind, &asked).await?;
    let rows = rows_of(&desk, &kind, &asked, &shape, "vcf").await?;
    let bytes = cards(&desk.reading, rows.iter().map(|(row, _)| row)).await?.into_bytes();
    Ok(file(&format!("{}.vcf", desk.words.label(&kind.plural)), CARD_TYPE, bytes))
}

/// `GET /records/{kind}/export.pdf`: the list or the chart as a report.
pub async fn pdf(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let known = desk.reading.kind(&kind)?.clone();
    let shape = shape_of(&desk, &known, &asked).await?;
    let sections = match shape.layout {
        Layout::Chart(form) => {
            let title = title(&desk, &known, &shape);
            note(&desk, &known, &asked, &shape, "pdf", ("chart", true.into())).await?;
            vec![chart::section(&desk, &known, &asked, &shape, form, &title).await?]
        }
        Layout::Table | Layout::Board | Layout::Calendar => {
            let (_, tables) = tables_of(&desk, &kind, &asked, "pdf").await?;
            let caption = desk.words.count("list.count", tables[0].rows.len() as u64);
            let captions = std::iter::once(caption).chain(std::iter::repeat(String::new()));
            tables.into_iter().zip(captions).map(|(table, caption)| listed(table, caption)).collect()
        }
    };
    let title = title(&desk, &known, &shape);
    Ok(report(&title, printed(&desk, &title, &sections)))
}

/// Rows of a printed list: who wants more wants a spreadsheet.
const PRINTED_MAX: usize = 2_000;

fn listed(table: Table, caption: String) -> Section {
    let is_number = |at: usize| table.rows.iter().all(|row| matches!(row.get(at), Some(Cell::Empty | Cell::Number(_) | Cell::Amount(..))));
    let numbers = (0..table.heads.len()).map(is_number).collect();
    let rows = table.rows.iter().take(PRINTED_MAX).map(|row| row.iter().map(Cell::shown).collect()).collect();
    Section { title: table.title, caption, total: String::new(), series: Vec::new(), body: Body::Table(table.heads, numbers, rows) }
}

/// A report as PDF.
pub fn printed(desk: &Desk, title: &str, sections: &[Section]) -> Vec<u8> {
    pdf::report(title, &about(desk), sections)
}

/// What a tile shows as a table: a chart's values, groups with what they add up to, or the first records.
pub async fn of_tile(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, (title, most): (&str, u32)) -> Result<Table, Error> {
    let title = title.to_owned();
    match shape.layout {
        Layout::Chart(form) => return chart::table(desk, kind, asked, shape, form, &title).await,
        Layout::Board if !shape.is_grouped(kind) => return chart::table(desk, kind, asked, shape, chart::Form::Bar, &title).await,
        Layout::Board | Layout::Table | Layout::Calendar => {}
    }
    let columns = shape.columns(desk, kind);
    if shape.is_grouped(kind) {
        let totals = groups::totals(desk, kind, asked, shape, &columns).await?;
        let by = groups::attributes(desk, kind).into_iter().find(|(name, _)| *name == shape.group).map(|(_, label)| label);
        return Ok(sums_of(desk, kind, shape, &columns, &totals, (title, by.unwrap_or_default())));
    }
    let listing = desk.reading.list(&shape.list(desk, kind, asked, &[], most)?).await?;
    let heads = columns.iter().map(|column| column.label(desk)).collect();
    let rows = listing.rows.iter().map(|row| cells(desk, kind, &columns, row, &listing.names)).collect();
    Ok(Table { title, heads, rows })
}

/// A file for spreadsheets as an answer.
pub fn sheet(title: &str, bytes: Vec<u8>) -> Response {
    file(&format!("{title}.csv"), CSV_TYPE, bytes)
}

/// A PDF as an answer.
pub fn report(title: &str, bytes: Vec<u8>) -> Response {
    file(&format!("{title}.pdf"), "application/pdf", bytes)
}

/// When it was made, and for whom: what it shows is what they may see.
pub fn about(desk: &Desk) -> String {
    let local = jiff::Timestamp::from_millisecond(desk.now + i64::from(desk.offset_minutes) * 60_000).unwrap_or_default();
    format!("{} · {}", local.strftime("%Y-%m-%d %H:%M"), desk.caller.name)
}

fn title(desk: &Desk, kind: &Kind, shape: &Shape) -> String {
    shape.view.as_ref().map_or_else(|| desk.words.label(&kind.plural).to_owned(), |view| view.name.clone())
}

fn file(name: &str, mime: &'static str, bytes: Vec<u8>) -> Response {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let disposition = format!("attachment; filename=\"rapport.{ending}\"; filename*=UTF-8''{}", encoded(name));
    let disposition = HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment"));
    ([(header::CONTENT_TYPE, HeaderValue::from_static(mime)), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

/// What is seen: the records or the chart, and behind records that are put together what their groups add up to.
async fn tables_of(desk: &Desk, kind: &str, asked: &Asked, format: &str) -> Result<(String, Vec<Table>), Error> {
    let kind = desk.reading.kind(kind)?.clone();
    let shape = shape_of(desk, &kind, asked).await?;
    let title = title(desk, &kind, &shape);
    if let Layout::Chart(form) = shape.layout {
        let table = chart::table(desk, &kind, asked, &shape, form, &title).await?;
        note(desk, &kind, asked, &shape, format, ("groups", table.rows.len().into())).await?;
        return Ok((title, vec![table]));
    }
    if shape.is_grouped(&kind) {
        return Ok((title.clone(), grouped(desk, &kind, asked, &shape, (title, format)).await?));
    }
    let rows = rows_of(desk, &kind, asked, &shape, format).await?;
    let columns = shape.columns(desk, &kind);
    let heads = columns.iter().map(|column| column.label(desk)).collect();
    let rows = rows.iter().map(|(row, names)| cells(desk, &kind, &columns, row, names)).collect();
    Ok((title.clone(), vec![Table { title, heads, rows }]))
}

fn cells(desk: &Desk, kind: &Kind, columns: &[Column<'_>], row: &Row, names: &Names) -> Vec<Cell> {
    columns.iter().map(|column| cell(desk, kind, column, row, names)).collect()
}

/// The records in the order of their groups, with what their group is in front; and the groups with their totals.
async fn grouped(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, (title, format): (String, &str)) -> Result<Vec<Table>, Error> {
    let mut columns = shape.columns(desk, kind);
    let totals = groups::totals(desk, kind, asked, shape, &columns).await?;
    let attribute = groups::attributes(desk, kind).into_iter().find(|(name, _)| *name == shape.group);
    let (_, label) = attribute.ok_or_else(|| Error::Invalid { field: Some("group".to_owned()), message: not_grouped() })?;
    let by = desk.words.fill("group.by", &[&label]);
    let sums = sums_of(desk, kind, shape, &columns, &totals, (by.clone(), label.clone()));
    // A day says more than the month of its group: it keeps its column.
    let is_said = |column: &Column<'_>| column.word() == shape.group && !column.is_whole();
    let head = if columns.iter().any(is_said) { label } else { by };
    columns.retain(|column| !is_said(column));
    let found = read(desk, kind, asked, shape).await?;
    let list = shape.list(desk, kind, &Asked { after: None, ..asked.clone() }, &[], 1)?;
    let keys = desk.reading.keys(&list, (&shape.group, groups::step_of(shape)), &totals).await?;
    let rows = in_groups(desk, kind, shape, (&totals, &keys), &found);
    let rows: Vec<Vec<Cell>> =
        rows.into_iter().map(|(group, (row, names))| [vec![Cell::Text(group)], cells(desk, kind, &columns, row, names)].concat()).collect();
    note(desk, kind, asked, shape, format, ("records", rows.len().into())).await?;
    let heads = std::iter::once(head).chain(columns.iter().map(|column| column.label(desk))).collect();
    Ok(vec![Table { title, heads, rows }, sums])
}

/// A record, and the names that its page came with.
type Found = (Row, Arc<Names>);

/// Each record with what its group is called, in the order of the groups. Those of no group that was counted come last:
/// there are too many groups, or a record has another value than when they were counted.
fn in_groups<'r>(
    desk: &Desk,
    kind: &Kind,
    shape: &Shape,
    (totals, keys): (&Totals, &HashMap<RecordId, Option<String>>),
    found: &'r [Found],
) -> Vec<(String, &'r Found)> {
    let groups = groups::in_order(desk, kind, shape, totals);
    let places: HashMap<Option<&str>, usize> = groups.iter().enumerate().map(|(place, group)| (group.key.as_deref(), place)).collect();
    let mut rows: Vec<(usize, &Found)> = Vec::new();
    for one in found {
        let place = keys.get(&one.0.id).and_then(|key| places.get(&key.as_deref()));
        rows.push((place.copied().unwrap_or(groups.len()), one));
    }
    rows.sort_by_key(|(place, _)| *place);
    let label = |group: &&Group| groups::label(desk, kind, &totals.names, &shape.group, group.key.as_deref()).text();
    let labels: Vec<String> = groups.iter().map(label).chain([desk.words.say("group.rest").to_owned()]).collect();
    rows.into_iter().filter_map(|(place, one)| Some((labels.get(place)?.clone(), one))).collect()
}

fn not_grouped() -> Text {
    Text::new("A list cannot be put together by this.", "列表无法按此分组。")
}

/// Each group with its count and what it adds up to, and all of them together.
fn sums_of(desk: &Desk, kind: &Kind, shape: &Shape, columns: &[Column<'_>], totals: &Totals, (title, label): (String, String)) -> Table {
    let summed = groups::summed(columns);
    let row = |label: String, group: &Group| {
        let sums = summed.iter().map(|field| sum_of(group, &field.name));
        [Cell::Text(label), Cell::Number(group.count as f64)].into_iter().chain(sums).collect()
    };
    let label_of = |group: &Group| groups::label(desk, kind, &totals.names, &shape.group, group.key.as_deref()).text();
    let mut rows: Vec<Vec<Cell>> =
        groups::in_order(desk, kind, shape, totals).into_iter().map(|group| row(label_of(group), group)).collect();
    rows.push(row(desk.words.say("group.sum").to_owned(), &totals.all));
    let heads = [label, desk.words.say("kind.records").to_owned()];
    let fields = summed.iter().map(|field| desk.words.label(&field.label).to_owned());
    Table { title, heads: heads.into_iter().chain(fields).collect(), rows }
}

/// A number where there is one; several currencies are told as on the page.
fn sum_of(group: &Group, field: &str) -> Cell {
    match group.sums.get(field).map(Vec::as_slice) {
        None | Some([]) => Cell::Empty,
        Some([sum]) => match (&sum.currency, sum.sum.parse::<i64>()) {
            (Some(currency), Ok(minor)) => Cell::Amount(plain_amount(minor, currency), decimals(currency), currency.clone()),
            (_, _) => sum.sum.parse().map_or_else(|_| Cell::Text(sum.sum.clone()), Cell::Number),
        },
        Some(_) => Cell::Text(groups::summed_up(group, field)),
    }
}

/// What is asked for, of somebody who may take it out.
async fn shape_of(desk: &Desk, kind: &Kind, asked: &Asked) -> Result<Shape, Error> {
    if !desk.may(Right::Export) {
        return Err(Error::Forbidden(Text::new("You may not take records out of the system.", "您无权导出记录。")));
    }
    Ok(Shape::of(desk, kind, asked, &views::offered(desk, kind, asked).await?))
}

/// The records of a list, all pages; that they are taken out is noted.
async fn rows_of(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, format: &str) -> Result<Vec<Found>, Error> {
    let rows = read(desk, kind, asked, shape).await?;
    note(desk, kind, asked, shape, format, ("records", rows.len().into())).await?;
    Ok(rows)
}

/// The records of a list, all pages, each with the names that its page came with.
async fn read(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape) -> Result<Vec<Found>, Error> {
    let mut rows: Vec<Found> = Vec::new();
    let mut asked = Asked { after: None, ..asked.clone() };
    loop {
        let listing = desk.reading.list(&shape.list(desk, kind, &asked, &[], PAGE)?).await?;
        let names = Arc::new(listing.names);
        rows.extend(listing.rows.into_iter().map(|row| (row, Arc::clone(&names))));
        asked.after = listing.next;
        if asked.after.is_none() {
            return Ok(rows);
        }
        if rows.len() >= ROWS_MAX {
            return Err(Error::Invalid { field: None, message: too_many() });
        }
    }
}

/// Notes what was taken out: how, and of which list. What the list was narrowed to stands there without a value, and a
/// view without its name: the log outlives an erasure.
async fn note(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, format: &str, (what, count): (&str, Json)) -> Result<(), Error> {
    let mut detail = json!({"format": format, what: count});
    if let Some(view) = &shape.view {
        detail["view"] = view.id.to_string().into();
    }
    if !shape.conditions.is_empty() {
        detail["filter"] = shape.conditions.iter().map(without_values).collect();
    }
    if !asked.q.trim().is_empty() {
        detail["search"] = true.into();
    }
    if asked.archived {
        detail["archived"] = true.into();
    }
    desk.note(Act::Exported, &kind.name, detail).await
}

/// A condition without what it compares with.
fn without_values(condition: &Json) -> Json {
    let mut kept = serde_json::Map::new();
    for name in ["type", "attribute"] {
        kept.extend(condition.get(name).filter(|word| word.is_string()).map(|word| (name.to_owned(), word.clone())));
    }
    match condition.get("value") {
        Some(Json::Array(parts)) if parts.iter().any(|part| part.get("type").is_some()) => {
            kept.insert("value".to_owned(), parts.iter().map(without_values).collect());
        }
        Some(part @ Json::Object(_)) if part.get("type").is_some() => {
            kept.insert("value".to_owned(), without_values(part));
        }
        _ => {}
    }
    Json::Object(kept)
}

fn too_many() -> Text {
    Text::new(
        format!("More than {ROWS_MAX} records: narrow the list, or use `rapport export`."),
        format!("超过 {ROWS_MAX} 条记录：请缩小范围，或使用 `rapport export`。"),
    )
}

fn cell(desk: &Desk, kind: &Kind, column: &Column<'_>, row: &Row, names: &Names) -> Cell {
    let format = desk.formatter(names);
    let moment = |millis: i64| Cell::Text(moment_there(millis, desk.offset_minutes));
    let field = match column {
        Column::Created => return moment(row.created_at),
        Column::Updated => return moment(row.updated_at),
        Column::Field(field) if field.name == kind.title => return Cell::Text(title_of(&format, kind, row)),
        Column::Field(field) => field,
    };
    let Some(value) = row.fields.get(&*field.name) else { return Cell::Empty };
    let is_one = field.items.is_empty() && field.merge != Merge::Set;
    match (&field.value, value) {
        (_, Json::Null) => Cell::Empty,
        (ValueType::Integer | ValueType::Number, Json::Number(number)) if is_one => number.as_f64().map_or(Cell::Empty, Cell::Number),
        (ValueType::Date, Json::String(day)) if is_one => Cell::Day(day.clone()),
        (ValueType::Datetime, Json::Number(millis)) if is_one => moment(millis.as_i64().unwrap_or_default()),
        (ValueType::Money, Json::Object(parts)) if is_one => {
            let (amount, currency) = (parts.get("amount").and_then(Json::as_i64), parts.get("currency").and_then(Json::as_str));
            let (Some(amount), Some(currency)) = (amount, currency) else { return Cell::Text(value.to_string()) };
            Cell::Amount(plain_amount(amount, currency), decimals(currency), currency.to_owned())
        }
        (ValueType::Period, Json::Object(_)) if is_one => Cell::Text(period_text(value, desk.offset_minutes)),
        (ValueType::Paragraph, Json::String(text)) => Cell::Text(text.clone()),
        _ => match format.field(field, value) {
            Shown::Nothing => Cell::Empty,
            shown => Cell::Text(shown.text()),
        },
    }
}
