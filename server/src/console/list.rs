//! A list of records of any kind: columns, search, order, pages.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sync_core::access::Action;
use sync_core::schema::{Field, Kind, Merge, ValueType};

use super::desk::{Desk, Frame, icon, page as answer};
use super::format::{Formatter, Shown, is_number};
use crate::error::Error;
use crate::reading::{List, Listing, Row};
use crate::store::lists::Shelf;

/// A screenful and a bit.
const ROWS: &str = "50";

/// The first page among the places of a trail.
const FIRST: &str = "-";

/// Pages that can be gone back one by one; an address stays below what proxies take.
const TRAIL_MAX: usize = 20;

/// Conditions of one search; each costs every row.
const SEARCHED_MAX: usize = 12;

/// What the address asks for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    desc: bool,
    #[serde(default)]
    archived: bool,
    after: Option<String>,
    /// The places that the pages before begin after, the first one first.
    #[serde(default)]
    trail: String,
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    frame: Frame,
    kind: String,
    icon: String,
    plural: String,
    inside: String,
    count: String,
    asked: Asked,
    columns: Vec<Column>,
    rows: Vec<Line>,
    in_use: String,
    archived: String,
    previous: Option<String>,
    next: Option<String>,
    may_create: bool,
    search_label: String,
    new_label: String,
    empty_hint: String,
}

struct Column {
    label: String,
    number: bool,
    /// Where a click on the head leads, if the list can be ordered by it.
    sort: Option<String>,
    /// `ascending` or `descending`, if the list is.
    order: Option<&'static str>,
}

struct Line {
    id: String,
    href: String,
    conflicts: u64,
    conflicts_text: String,
    archived: bool,
    cells: Vec<Cell>,
}

struct Cell {
    label: String,
    shown: Shown,
    number: bool,
    title: bool,
}

/// `GET /records/{kind}`.
pub async fn page(desk: Desk, Path(name): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&name)?.clone();
    let listing = read(&desk, &kind, &asked).await?;
    let plural = desk.words.label(&kind.plural).to_owned();
    let columns = columns(&desk, &kind, &asked);
    let fields: Vec<&Field> = shown_fields(&desk, &kind);
    let format = Formatter { words: desk.words, names: &listing.names };
    let rows = listing.rows.iter().map(|row| line(&format, &kind, &fields, row)).collect();
    let may_create = desk.reading.may_some(&kind, Action::Create);
    let (label, inside) = (desk.words.inside(&kind.label), desk.words.inside(&kind.plural));
    let hint = if asked.q.is_empty() { "list.empty_hint" } else { "list.nothing_hint" };
    let turn = |archived| address(&kind, &Asked { archived, after: None, trail: String::new(), ..asked.clone() });
    let page = ListPage {
        frame: desk.frame(&plural, &format!("/records/{name}")).await?,
        icon: icon(&name).to_owned(),
        count: desk.words.count("list.count", listing.total.unwrap_or_default()),
        in_use: turn(false),
        archived: turn(true),
        previous: previous(&kind, &asked),
        next: next(&kind, &asked, &listing),
        search_label: desk.words.fill("list.search", &[&inside]),
        new_label: desk.words.fill("list.new", &[&label]),
        empty_hint: desk.words.fill(hint, &[&label]),
        kind: name,
        plural,
        inside,
        asked,
        columns,
        rows,
        may_create,
    };
    answer(StatusCode::OK, &page)
}

async fn read(desk: &Desk, kind: &Kind, asked: &Asked) -> Result<Listing, Error> {
    let filter = search(kind, asked.q.trim());
    let mut params = vec![("orderBy", order(desk, kind, asked)), ("order", if asked.desc { "desc" } else { "asc" }), ("maxSize", ROWS)];
    params.extend(asked.after.as_deref().map(|place| ("after", place)));
    params.extend(filter.as_deref().map(|filter| ("where", filter)));
    let query = desk.reading.query(&kind.name, params)?;
    let shelf = if asked.archived { Shelf::Archived } else { Shelf::InUse };
    Ok(desk.reading.list(&List { shelf, total: true, ..List::of(query) }).await?)
}

/// The field to order by: what is asked for, or else the title, or else the newest first.
fn order<'a>(desk: &Desk, kind: &'a Kind, asked: &'a Asked) -> &'a str {
    let known = kind.field(&asked.sort).filter(|field| is_sortable(field) && desk.reading.may_read(kind, &field.name));
    match known {
        Some(field) => &field.name,
        None if asked.sort == "updatedAt" => "updatedAt",
        None => &kind.title,
    }
}

fn is_sortable(field: &Field) -> bool {
    let is_single = match &field.merge {
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned => true,
        Merge::Set | Merge::List | Merge::Log | Merge::Counter | Merge::Text | Merge::Derived | Merge::Unknown(_) => false,
    };
    let is_plain = !matches!(field.value, ValueType::Link | ValueType::Address | ValueType::Geo | ValueType::Unknown(_));
    is_single && is_plain && !field.value.is_group()
}

/// Looks for a text in the title and in the fields that the kind's search reads.
fn search(kind: &Kind, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let fields = kind.search.iter().filter_map(|name| kind.field(name));
    let mut places = vec![kind.title.to_string()];
    for field in fields {
        let is_text = |field: &Field| match &field.value {
            ValueType::String | ValueType::Paragraph | ValueType::Phone | ValueType::Email | ValueType::Url => true,
            ValueType::Integer | ValueType::Number | ValueType::Boolean | ValueType::Date | ValueType::Datetime => false,
            ValueType::Choice | ValueType::Link | ValueType::Money | ValueType::Address | ValueType::Period => false,
            ValueType::Geo | ValueType::Unknown(_) => false,
        };
        match (&field.merge, field.items.is_empty()) {
            (Merge::Derived | Merge::Counter, _) => {}
            (_, true) => places.extend(is_text(field).then(|| field.name.to_string())),
            (_, false) => {
                places.extend(field.items.iter().filter(|item| is_text(item)).map(|item| format!("{}.{}", field.name, item.name)))
            }
        }
    }
    places.dedup();
    places.truncate(SEARCHED_MAX);
    let conditions: Vec<Json> = places.iter().map(|place| json!({"type": "contains", "attribute": place, "value": text})).collect();
    Some(json!([{"type": "or", "value": conditions}]).to_string())
}

fn address(kind: &Kind, asked: &Asked) -> String {
    let text = |name: &str, value: &str| (!value.is_empty()).then(|| format!("{name}={}", encoded(value)));
    let parts = [
        text("q", &asked.q),
        text("sort", &asked.sort),
        asked.desc.then(|| "desc=true".to_owned()),
        asked.archived.then(|| "archived=true".to_owned()),
        asked.after.as_deref().and_then(|after| text("after", after)),
        text("trail", &asked.trail),
    ];
    let query: Vec<String> = parts.into_iter().flatten().collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("/records/{}{mark}{}", kind.name, query.join("&"))
}

/// A text as it stands in an address.
pub fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The address of the next page, if there is one. The way back is remembered in it: rows without a value
/// come last in either order, so a page before cannot be asked for from its end.
fn next(kind: &Kind, asked: &Asked, listing: &Listing) -> Option<String> {
    let after = listing.next.clone()?;
    let here = asked.after.as_deref().unwrap_or(FIRST);
    let mut trail: Vec<&str> = asked.trail.split(',').filter(|place| !place.is_empty()).chain([here]).collect();
    trail.drain(..trail.len().saturating_sub(TRAIL_MAX));
    Some(address(kind, &Asked { after: Some(after), trail: trail.join(","), ..asked.clone() }))
}

/// The address of the page before.
fn previous(kind: &Kind, asked: &Asked) -> Option<String> {
    asked.after.as_ref()?;
    let (trail, before) = asked.trail.rsplit_once(',').unwrap_or(("", &asked.trail));
    let after = (!before.is_empty() && before != FIRST).then(|| before.to_owned());
    Some(address(kind, &Asked { after, trail: trail.to_owned(), ..asked.clone() }))
}

fn shown_fields<'a>(desk: &Desk, kind: &'a Kind) -> Vec<&'a Field> {
    let shown = |field: &&Field| !field.hidden && desk.reading.may_read(kind, &field.name);
    let mut fields: Vec<&Field> = kind.list.iter().filter_map(|name| kind.field(name)).filter(shown).collect();
    // The title is what a row is opened by: it stands first, whatever the kind says.
    fields.retain(|field| field.name != kind.title);
    fields.splice(0..0, kind.field(&kind.title));
    fields
}

fn columns(desk: &Desk, kind: &Kind, asked: &Asked) -> Vec<Column> {
    let order = order(desk, kind, asked);
    let column = |field: &Field| {
        let is_order = order == &*field.name;
        let desc = is_order && !asked.desc;
        let turned = Asked { sort: field.name.to_string(), desc, after: None, trail: String::new(), ..asked.clone() };
        Column {
            label: desk.words.label(&field.label).to_owned(),
            number: is_number(&field.value),
            sort: is_sortable(field).then(|| address(kind, &turned)),
            order: is_order.then_some(if asked.desc { "descending" } else { "ascending" }),
        }
    };
    shown_fields(desk, kind).into_iter().map(column).collect()
}

fn line(format: &Formatter<'_>, kind: &Kind, fields: &[&Field], row: &Row) -> Line {
    let cell = |field: &&Field| {
        let title = field.name == kind.title;
        let shown = match title {
            true => Shown::Text(title_of(format, kind, row)),
            false => row.fields.get(&*field.name).map_or(Shown::Nothing, |value| format.brief(field, value)),
        };
        Cell { label: format.words.label(&field.label).to_owned(), number: is_number(&field.value), shown, title }
    };
    Line {
        id: row.id.to_string(),
        href: format!("/records/{}/{}", kind.name, row.id),
        conflicts: row.conflicts,
        conflicts_text: format.words.count("record.conflicts", row.conflicts),
        archived: row.archived,
        cells: fields.iter().map(cell).collect(),
    }
}

/// What names a record: its title, or else its number, or else its kind and the end of its id.
pub fn title_of(format: &Formatter<'_>, kind: &Kind, row: &Row) -> String {
    let number = || row.fields.get("number").and_then(Json::as_str).map(str::to_owned);
    let fallback = || format!("{} {}", format.words.label(&kind.label), super::format::short(&row.id.to_string()));
    if row.title.trim().is_empty() { number().unwrap_or_else(fallback) } else { row.title.clone() }
}
