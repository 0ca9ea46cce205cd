//! A saved view as a tile: a chart, its groups with what they add up to, or the first of its records.

use std::sync::Arc;

use serde_json::Value as Json;
use sync_core::access::Right;
use sync_core::id::RecordId;
use sync_core::schema::Kind;
use tokio::time::Instant;

use super::asked::Asked;
use super::chart::{self, ChartView, Form};
use super::export::of_tile;
use super::groups;
use super::shape::{Layout, Shape};
use super::table::title_of;
use super::views::{Saved, VIEW};
use crate::console::desk::Desk;
use crate::console::format::{self, Shown};
use crate::error::Error;
use crate::jobs::export::pdf::{Body, Section};
use crate::jobs::export::table::Table;
use crate::reading::{Count, Group, ReadError, Row, is_summed};
use crate::store::StoreError;
use crate::store::remembered::only_known;

/// Records shown in a tile.
const ROWS: u32 = 8;

/// Facts of each besides its title.
const FACTS: usize = 3;

/// Groups shown in a tile: as high as a chart beside it.
const GROUPS: usize = 12;

/// Columns of them that are added up: more are no tile.
const SUMS: usize = 3;

/// A tile.
pub struct Tile {
    /// What its view is called.
    pub name: String,
    /// The view as a list.
    pub href: String,
    /// What it shows.
    pub content: TileContent,
}

/// What a tile shows.
pub enum TileContent {
    /// A chart.
    Chart(Box<ChartView>),
    /// Groups and what they add up to.
    Groups(GroupTable),
    /// Records: address, title, facts; and how many there are.
    Rows(Vec<(String, String, Vec<Shown>)>, String),
    /// Why there is nothing.
    Not(String),
    /// It takes longer than a page waits.
    Later,
}

/// The groups of a list in a few lines.
pub struct GroupTable {
    /// What they are put together by.
    pub by: String,
    /// What is added up.
    pub heads: Vec<String>,
    /// Each group: its records, its value, how many, its sums.
    pub rows: Vec<(String, String, String, Vec<String>)>,
    /// All together, those that are not shown too.
    pub total: (String, Vec<String>),
    /// How many records there are, in words.
    pub count: String,
    /// Whether there are more groups.
    pub cut: bool,
}

/// The tile of a view; none if there is no such view in sight. What is not there `by` a moment comes later.
pub async fn of(desk: &Desk, view: RecordId, by: Option<Instant>) -> Result<Option<Tile>, Error> {
    let Some(row) = desk.reading.row(view).await?.filter(|row| &*row.kind == VIEW && !row.archived) else { return Ok(None) };
    let about = row.fields.get("about").and_then(Json::as_str).unwrap_or_default();
    let saved = Saved::of(desk, &row);
    let hidden = |name: String| Tile {
        name,
        href: format!("/records/view/{view}"),
        content: TileContent::Not(desk.words.say("dash.hidden").to_owned()),
    };
    let Ok(kind) = desk.reading.kind(about).cloned() else { return Ok(Some(hidden(saved.name))) };
    let asked = Asked { view: view.to_string(), ..Asked::default() };
    let (name, href) = (saved.name.clone(), asked.address(&kind));
    let shape = Shape::of(desk, &kind, &asked, &[saved]);
    let drawn = match by {
        None => in_turn(desk, &kind, &asked, &shape).await,
        Some(by) => in_time(desk.clone(), kind, asked, shape, by).await,
    };
    let content = match drawn {
        Ok(content) => content,
        // A field that is gone or hidden: the others are shown all the same.
        Err(Error::Forbidden(text) | Error::Denied { message: text, .. } | Error::Invalid { message: text, .. }) => {
            TileContent::Not(text.in_language(desk.words.0).to_owned())
        }
        Err(error) => return Err(error),
    };
    Ok(Some(Tile { name, href, content }))
}

/// What takes longer goes on by itself: it is known when it is asked for again.
async fn in_time(desk: Desk, kind: Arc<Kind>, asked: Asked, shape: Shape, by: Instant) -> Result<TileContent, Error> {
    let drawing = tokio::spawn(async move { in_turn(&desk, &kind, &asked, &shape).await });
    match tokio::time::timeout_at(by, drawing).await {
        Ok(drawn) => drawn.unwrap_or_else(|broken| Err(Error::Internal(broken.into()))),
        Err(_) => Ok(TileContent::Later),
    }
}

/// What is known is there at once; what has to be worked out waits its turn, so that pages do not wait for it.
async fn in_turn(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape) -> Result<TileContent, Error> {
    match only_known(content(desk, kind, asked, shape)).await {
        Err(Error::Store(StoreError::Later)) => {}
        drawn => return drawn,
    }
    let _turn = desk.app.store.answers().slowly().await;
    content(desk, kind, asked, shape).await
}

/// The tile of a view as a section of a report; none if there is no such view in sight.
pub async fn section(desk: &Desk, view: RecordId) -> Result<Option<Section>, Error> {
    let Some(tile) = of(desk, view, None).await? else { return Ok(None) };
    let plain = |body, caption| Section { title: tile.name.clone(), caption, total: String::new(), series: Vec::new(), body };
    match tile.content {
        TileContent::Not(why) => Ok(Some(plain(Body::Number, why))),
        TileContent::Later => Ok(None),
        TileContent::Rows(..) if !desk.may(Right::Export) => Ok(Some(plain(Body::Number, desk.words.say("dash.no_export").to_owned()))),
        TileContent::Rows(rows, count) => {
            let width = rows.iter().map(|(_, _, facts)| facts.len()).max().unwrap_or_default() + 1;
            let cells = |(_, title, facts): (String, String, Vec<Shown>)| {
                let cells = [title].into_iter().chain(facts.iter().map(Shown::text));
                cells.chain(std::iter::repeat(String::new())).take(width).collect()
            };
            Ok(Some(plain(Body::Table(vec![String::new(); width], vec![false; width], rows.into_iter().map(cells).collect()), count)))
        }
        TileContent::Groups(table) => {
            let count = table.count.clone();
            Ok(Some(plain(printed(desk, table), count)))
        }
        TileContent::Chart(_) => {
            let Some((_, kind, asked, shape)) = list_of(desk, view).await? else { return Ok(None) };
            let form = if let Layout::Chart(form) = shape.layout { form } else { Form::Bar };
            Ok(Some(chart::section(desk, &kind, &asked, &shape, form, &tile.name).await?))
        }
    }
}

/// The tile of a view as rows and columns; none if there is no such view in sight, or nothing of it may be seen.
pub async fn table(desk: &Desk, view: RecordId) -> Result<Option<Table>, Error> {
    let Some((name, kind, asked, shape)) = list_of(desk, view).await? else { return Ok(None) };
    if shows_records(&kind, &shape) && !desk.may(Right::Export) {
        return Ok(Some(Table { title: format!("{name}: {}", desk.words.say("dash.no_export")), ..Table::default() }));
    }
    match of_tile(desk, &kind, &asked, &shape, (&name, ROWS)).await {
        Ok(table) => Ok(Some(table)),
        // A field that is gone or hidden: the others are there all the same, as on the page.
        Err(Error::Forbidden(_) | Error::Denied { .. } | Error::Invalid { .. }) => Ok(Some(Table { title: name, ..Table::default() })),
        Err(error) => Err(error),
    }
}

/// Whether a tile shows records: what leaves the system then is what a list's export would hand out, and not only what many
/// of them come to.
fn shows_records(kind: &Kind, shape: &Shape) -> bool {
    match shape.layout {
        Layout::Table => !shape.is_grouped(kind),
        Layout::Calendar => true,
        Layout::Board | Layout::Chart(_) => false,
    }
}

/// Groups on paper: with the sum of all below them.
fn printed(desk: &Desk, table: GroupTable) -> Body {
    let say = |key| desk.words.say(key).to_owned();
    let heads: Vec<String> = [table.by, say("person.count")].into_iter().chain(table.heads).collect();
    let line = |label: String, count: String, sums: Vec<String>| [label, count].into_iter().chain(sums).collect();
    let mut lines: Vec<Vec<String>> = table.rows.into_iter().map(|(_, label, count, sums)| line(label, count, sums)).collect();
    lines.push(line(say("group.sum"), table.total.0, table.total.1));
    let numbers = (0..heads.len()).map(|at| at > 0).collect();
    Body::Table(heads, numbers, lines)
}

/// What a view is called, and the list that it is.
async fn list_of(desk: &Desk, view: RecordId) -> Result<Option<(String, Arc<Kind>, Asked, Shape)>, Error> {
    let Some(row) = desk.reading.row(view).await?.filter(|row| &*row.kind == VIEW && !row.archived) else { return Ok(None) };
    let about = row.fields.get("about").and_then(Json::as_str).unwrap_or_default();
    let Ok(kind) = desk.reading.kind(about).cloned() else { return Ok(None) };
    let asked = Asked { view: view.to_string(), ..Asked::default() };
    let saved = Saved::of(desk, &row);
    let name = saved.name.clone();
    let shape = Shape::of(desk, &kind, &asked, &[saved]);
    Ok(Some((name, kind, asked, shape)))
}

async fn content(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape) -> Result<TileContent, Error> {
    match shape.layout {
        Layout::Chart(form) => Ok(TileContent::Chart(Box::new(chart::view(desk, kind, asked, shape, form).await?))),
        Layout::Board if shape.is_grouped(kind) => grouped(desk, kind, asked, shape).await,
        Layout::Board => Ok(TileContent::Chart(Box::new(chart::view(desk, kind, asked, shape, Form::Bar).await?))),
        Layout::Table if shape.is_grouped(kind) => grouped(desk, kind, asked, shape).await,
        Layout::Table | Layout::Calendar => rows(desk, kind, asked, shape).await,
    }
}

/// The groups of a list, each leading to its records.
async fn grouped(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape) -> Result<TileContent, Error> {
    let mut columns = shape.columns(desk, kind);
    columns.retain(|column| column.field().is_some_and(is_summed));
    columns.truncate(SUMS);
    let totals = groups::totals(desk, kind, asked, shape, &columns).await?;
    let by = groups::attributes(desk, kind).into_iter().find(|(name, _)| *name == shape.group);
    let count = |group: &Group| format::grouped(&group.count.to_string());
    let row = |group: &Group| {
        let condition = groups::condition(desk.reading.schema(), kind, (&shape.group, groups::step_of(shape)), group.key.as_deref());
        let label = groups::label(desk, kind, &totals.names, &shape.group, group.key.as_deref()).text();
        (groups::address(kind, asked, shape, condition), label, count(group), groups::footer(&columns, group))
    };
    Ok(TileContent::Groups(GroupTable {
        by: by.map(|(_, label)| label).unwrap_or_default(),
        heads: columns.iter().map(|column| column.label(desk)).collect(),
        rows: groups::in_order(desk, kind, shape, &totals).into_iter().take(GROUPS).map(row).collect(),
        total: (count(&totals.all), groups::footer(&columns, &totals.all)),
        count: desk.words.count("list.count", totals.all.count),
        cut: totals.cut || totals.groups.len() > GROUPS,
    }))
}

async fn rows(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape) -> Result<TileContent, Error> {
    let list = match shape.list(desk, kind, asked, &[], ROWS) {
        Ok(list) => crate::reading::List { total: Count::Some, ..list },
        Err(error @ (ReadError::Query(_) | ReadError::Address { .. } | ReadError::Hidden { .. })) => {
            return Ok(TileContent::Not(super::page::broken(desk, error)));
        }
        Err(error) => return Err(error.into()),
    };
    let listing = desk.reading.list(&list).await?;
    let format = desk.formatter(&listing.names);
    let columns = shape.columns(desk, kind);
    let row = |row: &Row| {
        let fields = columns.iter().filter_map(|column| column.field()).filter(|field| field.name != kind.title);
        let facts = fields.filter_map(|field| Some(format.brief(field, row.fields.get(&*field.name)?))).filter(|fact| !fact.is_nothing());
        (format!("/records/{}/{}", kind.name, row.id), title_of(&format, kind, row), facts.take(FACTS).collect())
    };
    Ok(TileContent::Rows(listing.rows.iter().map(row).collect(), desk.words.counted("list.count", listing.counted)))
}
