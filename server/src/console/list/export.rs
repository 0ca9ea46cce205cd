//! A list as a file: the columns, the order and the filter that are seen.

use std::sync::Arc;

use axum::extract::{Path, Query};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use sync_core::access::Right;
use sync_core::schema::{Kind, Merge, ValueType};

use super::asked::{Asked, encoded};
use super::chart;
use super::shape::{Column, Layout, Shape};
use super::table::title_of;
use super::views;
use crate::audit::Act;
use crate::cards::{CARD_TYPE, cards, has_cards};
use crate::console::desk::Desk;
use crate::console::format::{Formatter, Shown, decimals, plain_amount};
use crate::error::{Error, Text};
use crate::jobs::export::pdf::{self, Body, Section};
use crate::jobs::export::table::{self, Cell, Table};
use crate::reading::{Names, Row};

/// Records read at once.
const PAGE: u32 = 200;

/// Records of one file: it is made in memory, some 300 bytes each. More go by `rapport export`.
const ROWS_MAX: usize = 200_000;

/// `GET /records/{kind}/export.csv`.
pub async fn csv(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let (name, table) = table_of(&desk, &kind, &asked, "csv").await?;
    let bytes = table::csv(&table).map_err(|error| Error::Internal(error.into()))?;
    Ok(file(&format!("{name}.csv"), "text/csv; charset=utf-8", bytes))
}

/// `GET /records/{kind}/export.xlsx`.
pub async fn xlsx(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let (name, table) = table_of(&desk, &kind, &asked, "xlsx").await?;
    let made = tokio::task::spawn_blocking(move || table::xlsx(&table)).await;
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
    let bytes = cards(rows.iter().map(|(row, _)| row)).into_bytes();
    Ok(file(&format!("{}.vcf", desk.words.label(&kind.plural)), CARD_TYPE, bytes))
}

/// `GET /records/{kind}/export.pdf`: the list or the chart as a report.
pub async fn pdf(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let known = desk.reading.kind(&kind)?.clone();
    let shape = shape_of(&desk, &known, &asked).await?;
    let section = match shape.layout {
        Layout::Chart(form) => {
            let title = title(&desk, &known, &shape);
            note(&desk, &known, &asked, &shape, "pdf", ("report", title.as_str().into())).await?;
            chart::section(&desk, &known, &asked, &shape, form, &title).await?
        }
        Layout::Table | Layout::Board | Layout::Calendar => {
            let (_, table) = table_of(&desk, &kind, &asked, "pdf").await?;
            listed(&desk, table)
        }
    };
    let title = section.title.clone();
    Ok(report(&title, printed(&desk, &title, &[section])))
}

/// Rows of a printed list: who wants more wants a spreadsheet.
const PRINTED_MAX: usize = 2_000;

fn listed(desk: &Desk, table: Table) -> Section {
    let total = desk.words.count("list.count", table.rows.len() as u64);
    let is_number = |at: usize| table.rows.iter().all(|row| matches!(row.get(at), Some(Cell::Empty | Cell::Number(_) | Cell::Amount(..))));
    let numbers = (0..table.heads.len()).map(is_number).collect();
    let rows = table.rows.iter().take(PRINTED_MAX).map(|row| row.iter().map(Cell::shown).collect()).collect();
    Section { title: table.title, caption: total, total: String::new(), series: Vec::new(), body: Body::Table(table.heads, numbers, rows) }
}

/// A report as PDF.
pub fn printed(desk: &Desk, title: &str, sections: &[Section]) -> Vec<u8> {
    pdf::report(title, &about(desk), sections)
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
    let disposition = format!("attachment; filename=\"rapport\"; filename*=UTF-8''{}", encoded(name));
    let disposition = HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment"));
    ([(header::CONTENT_TYPE, HeaderValue::from_static(mime)), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

async fn table_of(desk: &Desk, kind: &str, asked: &Asked, format: &str) -> Result<(String, Table), Error> {
    let kind = desk.reading.kind(kind)?.clone();
    let shape = shape_of(desk, &kind, asked).await?;
    let title = title(desk, &kind, &shape);
    if let Layout::Chart(form) = shape.layout {
        let table = chart::table(desk, &kind, asked, &shape, form, &title).await?;
        note(desk, &kind, asked, &shape, format, ("groups", table.rows.len().into())).await?;
        return Ok((title, table));
    }
    let rows = rows_of(desk, &kind, asked, &shape, format).await?;
    let columns = shape.columns(desk, &kind);
    let heads = columns.iter().map(|column| column.label(desk)).collect();
    let cells = |(row, names): &(Row, Arc<Names>)| columns.iter().map(|column| cell(desk, &kind, column, row, names)).collect();
    let table = Table { title: title.clone(), heads, rows: rows.iter().map(cells).collect() };
    Ok((title, table))
}

/// What is asked for, of somebody who may take it out.
async fn shape_of(desk: &Desk, kind: &Kind, asked: &Asked) -> Result<Shape, Error> {
    if !desk.may(Right::Export) {
        return Err(Error::Forbidden(Text::new("You may not take records out of the system.", "您无权导出记录。")));
    }
    Ok(Shape::of(kind, asked, &views::of_kind(desk, kind).await?))
}

/// The records of a list, all pages, each with the names that its page came with; that they are taken out is noted.
async fn rows_of(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, format: &str) -> Result<Vec<(Row, Arc<Names>)>, Error> {
    let mut rows: Vec<(Row, Arc<Names>)> = Vec::new();
    let mut asked = Asked { after: None, ..asked.clone() };
    loop {
        let listing = desk.reading.list(&shape.list(desk, kind, &asked, &[], PAGE)?).await?;
        let names = Arc::new(listing.names);
        rows.extend(listing.rows.into_iter().map(|row| (row, Arc::clone(&names))));
        asked.after = listing.next;
        if asked.after.is_none() {
            note(desk, kind, &asked, shape, format, ("records", rows.len().into())).await?;
            return Ok(rows);
        }
        if rows.len() >= ROWS_MAX {
            return Err(Error::Invalid { field: None, message: too_many() });
        }
    }
}

/// Notes what was taken out: how, and of which list. What the list was narrowed to stands there without a value: the
/// log outlives an erasure.
async fn note(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, format: &str, (what, count): (&str, Json)) -> Result<(), Error> {
    let mut detail = json!({"format": format, what: count});
    if let Some(view) = &shape.view {
        detail["view"] = view.name.as_str().into();
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
    let format = Formatter { words: desk.words, names };
    let moment = |millis: i64| {
        let local = jiff::Timestamp::from_millisecond(millis + i64::from(desk.offset_minutes) * 60_000).unwrap_or_default();
        Cell::Text(local.strftime("%Y-%m-%d %H:%M").to_string())
    };
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
        (ValueType::Paragraph, Json::String(text)) => Cell::Text(text.clone()),
        _ => match format.field(field, value) {
            Shown::Nothing => Cell::Empty,
            shown => Cell::Text(shown.text()),
        },
    }
}
