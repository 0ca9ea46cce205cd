//! Dashboards: saved views side by side. Each is a record; its tiles are rows of it, in an order that people change.
//!
//! What a tile shows is a list's business (`list::tile`). Knows no kind but that of dashboards.

use std::time::Duration;

use askama::Template;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use sync_core::access::{Action, Right};
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use tokio::time::Instant;

use super::desk::{Desk, Frame, page as answer};
use super::edit::Posted;
use super::inputs::Input;
use super::list::{self, Form, Tile, TileContent, tile, views_for_tiles};
use super::mails::{self, MailView};
use super::shares::{self, LinkView};
use super::shown_to::{self, looker};
use super::typed::Typed;
use crate::audit::Act;
use crate::error::{Error, Text};
use crate::jobs::export::table;
use crate::place::Path;
use crate::reading::{List, ReadError, Row};
use crate::ready::{self, DASHBOARD};

/// Dashboards that are offered: more is no menu.
const OFFERED: &str = "50";

/// Tiles of one dashboard: more is no overview, and each is a question to the database.
const TILES_MAX: usize = 24;

/// How long a page waits for its tiles: with the rest of it, it is there before anybody notices. Its script then asks
/// for the others.
const PATIENCE: Duration = Duration::from_millis(20);

/// The words of widths, with their names.
const WIDTHS: [(&str, &str); 3] = [("third", "dash.third"), ("half", "dash.half"), ("full", "dash.full")];

#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardPage {
    frame: Frame,
    /// The dashboard that is shown; none where there is none yet.
    shown: Option<Shown>,
    tabs: Vec<(String, String, bool)>,
    /// Whether the caller may make one.
    may_make: bool,
    /// Those that are ready to be used: names, what people call them.
    ready: Vec<(&'static str, &'static str)>,
}

/// A dashboard on the page.
struct Shown {
    id: String,
    name: String,
    everyone: bool,
    tiles: Vec<TileView>,
    /// Whether it is being put together.
    editing: bool,
    /// Whether the caller may do that.
    mine: bool,
    /// Views that can be added: id, name, the kind they are of.
    views: Vec<(String, String, String)>,
    /// The people and teams who see it, each with its label.
    shown_to: Vec<(String, Input)>,
    record: String,
    /// How it goes out by mail; none where no mail server is set.
    mails: Option<Vec<MailView>>,
    /// How often that can be.
    every: [(&'static str, &'static str); 3],
    /// The links under which it is read without signing in.
    links: Vec<LinkView>,
    /// The one that was just made: an address.
    shared: Option<String>,
    /// What was typed of a mail that is not sent, and why not.
    refused: Option<(mails::Wanted, String)>,
}

/// What stands beside a dashboard that is being put together.
#[derive(Default)]
pub struct Beside {
    /// The address under which it is shared from now on.
    pub shared: Option<String>,
    /// What was typed of a mail that is not sent, and why not.
    pub refused: Option<(mails::Wanted, String)>,
}

/// A tile on the page.
pub struct TileView {
    /// The row of the dashboard that it is.
    pub row: String,
    /// How wide it is.
    pub width: &'static str,
    widths: Vec<(&'static str, &'static str, bool)>,
    /// The row that it goes behind to be one place earlier; empty for the front, none if it is there.
    earlier: Option<String>,
    /// The row that it goes behind to be one place later.
    later: Option<String>,
    /// None if its view is gone.
    pub tile: Option<Tile>,
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    arrange: bool,
    make: bool,
    /// Whether to wait for every tile.
    whole: bool,
}

/// `GET /dashboards`: the first one, or how to make one.
pub async fn start(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let all = all(&desk).await?;
    match all.first() {
        Some(first) if !asked.make => Ok(Redirect::to(&format!("/dashboards/{}", first.id)).into_response()),
        _ => show(&desk, &all, None, &asked, Beside::default()).await,
    }
}

/// `GET /dashboards/{id}`.
pub async fn page(desk: Desk, Path(id): Path<RecordId>, Query(asked): Query<Asked>, headers: HeaderMap) -> Result<Response, Error> {
    let all = all(&desk).await?;
    let row = row(&desk, id).await?;
    // The page's own script has a page already: what it asks for is what is missing there.
    let asked = Asked { whole: asked.whole || headers.contains_key("x-requested-with"), ..asked };
    show(&desk, &all, Some(row), &asked, Beside::default()).await
}

/// A dashboard that is there and in sight.
pub async fn row(desk: &Desk, id: RecordId) -> Result<Row, Error> {
    desk.reading.row(id).await?.filter(|row| &*row.kind == DASHBOARD && !row.archived).ok_or(Error::NotFound)
}

/// One that the caller may change.
pub async fn mine(desk: &Desk, id: RecordId) -> Result<Row, Error> {
    let row = row(desk, id).await?;
    let no = || Error::Forbidden(Text::new("This dashboard belongs to somebody else.", "此仪表盘属于他人。"));
    if is_mine(desk, &row) { Ok(row) } else { Err(no()) }
}

/// The page of a dashboard that is being put together, with what stands beside it.
pub async fn show_with(desk: &Desk, row: Row, beside: Beside) -> Result<Response, Error> {
    show(desk, &all(desk).await?, Some(row), &Asked { arrange: true, ..Asked::default() }, beside).await
}

/// `GET /dashboards/{id}/report.pdf`.
pub async fn report(desk: Desk, Path(id): Path<RecordId>) -> Result<Response, Error> {
    let row = row(&desk, id).await?;
    desk.note(Act::Exported, DASHBOARD, json!({"format": "pdf", "dashboard": row.id})).await?;
    printed(&desk, &row).await
}

/// A dashboard as a PDF, as an answer.
pub async fn printed(desk: &Desk, row: &Row) -> Result<Response, Error> {
    Ok(list::report(title_of(desk, row), pdf(desk, row).await?))
}

/// A dashboard as a PDF.
pub async fn pdf(desk: &Desk, row: &Row) -> Result<Vec<u8>, Error> {
    let mut sections = Vec::new();
    for view in places(row).into_iter().filter_map(|(_, view, _)| view) {
        sections.extend(tile::section(desk, view).await?);
    }
    Ok(list::printed(desk, title_of(desk, row), &sections))
}

/// `GET /dashboards/{id}/report.csv`.
pub async fn figures(desk: Desk, Path(id): Path<RecordId>) -> Result<Response, Error> {
    let row = row(&desk, id).await?;
    desk.note(Act::Exported, DASHBOARD, json!({"format": "csv", "dashboard": row.id})).await?;
    calculated(&desk, &row).await
}

/// A dashboard for spreadsheets, as an answer.
pub async fn calculated(desk: &Desk, row: &Row) -> Result<Response, Error> {
    Ok(list::sheet(title_of(desk, row), csv(desk, row).await?))
}

/// A dashboard as CSV: tile by tile, each with its name above its columns.
pub async fn csv(desk: &Desk, row: &Row) -> Result<Vec<u8>, Error> {
    let mut tables = Vec::new();
    for view in places(row).into_iter().filter_map(|(_, view, _)| view) {
        tables.extend(tile::table(desk, view).await?);
    }
    table::csv_of(&tables).map_err(|error| Error::Internal(error.into()))
}

async fn show(desk: &Desk, all: &[Row], row: Option<Row>, asked: &Asked, beside: Beside) -> Result<Response, Error> {
    let tab = |known: &Row| {
        let here = row.as_ref().is_some_and(|row| row.id == known.id);
        (title_of(desk, known).to_owned(), format!("/dashboards/{}", known.id), here)
    };
    let tabs = all.iter().map(tab).collect();
    let may_make = desk.reading.kind(DASHBOARD).is_ok_and(|kind| desk.reading.may_some(kind, Action::Create));
    let title = row.as_ref().map_or_else(|| desk.words.say("menu.dashboards").to_owned(), |row| title_of(desk, row).to_owned());
    let status = if beside.refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let shown = async {
        match &row {
            Some(row) => shown(desk, row, asked, beside).await.map(Some),
            None => Ok(None),
        }
    };
    let (frame, shown) = tokio::try_join!(desk.frame(&title, "/dashboards"), shown)?;
    answer(status, &DashboardPage { frame, shown, tabs, may_make, ready: ready::names(desk.words.0).collect() })
}

async fn drawn(desk: &Desk, view: Option<RecordId>, by: Option<Instant>) -> Result<Option<Tile>, Error> {
    match view {
        Some(view) => tile::of(desk, view, by).await,
        None => Ok(None),
    }
}

/// Where a tile stands: its row, the view that it shows, how wide.
type Place = (String, Option<RecordId>, String);

/// The tiles of a dashboard; what is not there `by` a moment comes later.
pub async fn tiles(desk: &Desk, row: &Row, by: Option<Instant>) -> Result<Vec<TileView>, Error> {
    let places = places(row);
    let drawn = try_join_all(places.iter().map(|(_, view, _)| drawn(desk, *view, by))).await?;
    let order: Vec<&str> = places.iter().map(|(row, ..)| &**row).collect();
    let behind = |at: usize| Some(if at == 0 { String::new() } else { order[at - 1].to_owned() });
    let tile = |(at, ((row, _, width), tile)): (usize, (&Place, Option<Tile>))| TileView {
        row: row.clone(),
        width: WIDTHS.iter().find(|(word, _)| word == width).map_or("half", |(word, _)| *word),
        widths: WIDTHS.iter().map(|(word, key)| (*word, desk.words.say(key), word == width)).collect(),
        earlier: at.checked_sub(1).and_then(behind),
        later: order.get(at + 1).map(|next| (*next).to_owned()),
        tile,
    };
    Ok(places.iter().zip(drawn).enumerate().map(tile).collect())
}

async fn shown(desk: &Desk, row: &Row, asked: &Asked, beside: Beside) -> Result<Shown, Error> {
    let mine = is_mine(desk, row);
    let editing = asked.arrange && mine;
    let by = (!asked.whole && !editing).then(|| Instant::now() + PATIENCE);
    Ok(Shown {
        id: row.id.to_string(),
        name: title_of(desk, row).to_owned(),
        everyone: row.fields.get("everyone") == Some(&json!(true)),
        tiles: tiles(desk, row, by).await?,
        editing,
        mine,
        views: if editing { views_for_tiles(desk).await? } else { Vec::new() },
        shown_to: if editing { shown_to::controls(desk, desk.reading.kind(DASHBOARD)?, &row.fields, None).await? } else { Vec::new() },
        record: format!("/records/{DASHBOARD}/{}", row.id),
        mails: if editing { mails::of(desk, row.id).await? } else { None },
        every: mails::EVERY.map(|(word, key)| (word, desk.words.say(key))),
        links: if editing { shares::of(desk, row.id).await? } else { Vec::new() },
        shared: beside.shared,
        refused: beside.refused,
    })
}

/// What a dashboard is called, one that came ready in the reader's language.
pub fn title_of<'a>(desk: &Desk, row: &'a Row) -> &'a str {
    ready::title_of(row, desk.words.0)
}

/// The tiles: row, view, width.
fn places(row: &Row) -> Vec<Place> {
    let rows = row.fields.get("tiles").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |row: &Json, name: &str| row.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    rows.iter().take(TILES_MAX).map(|row| (text(row, "id"), text(row, "view").parse().ok(), text(row, "width"))).collect()
}

/// The dashboards that the caller is shown: their own, those shared with them or with their role, those of everybody.
async fn all(desk: &Desk) -> Result<Vec<Row>, Error> {
    // Who may not see dashboards has none.
    let Ok(kind) = desk.reading.kind(DASHBOARD) else { return Ok(Vec::new()) };
    let filter = json!([looker(desk).await?.filter(kind)]);
    let query = desk.reading.query(DASHBOARD, [("where", &*filter.to_string()), ("orderBy", "name"), ("maxSize", OFFERED)]);
    let query = match query {
        Err(ReadError::UnknownKind(_) | ReadError::Hidden { .. }) => return Ok(Vec::new()),
        query => query?,
    };
    let mut rows = desk.reading.list(&List::of(query)).await?.rows;
    // One's own come first.
    rows.sort_by_key(|row| !is_own(desk, row));
    Ok(rows)
}

fn is_own(desk: &Desk, row: &Row) -> bool {
    row.fields.get("owner") == Some(&json!(desk.caller.user.to_string()))
}

/// Whether the caller may change it: their own, or anybody's for who administers.
fn is_mine(desk: &Desk, row: &Row) -> bool {
    is_own(desk, row) || desk.may(Right::Administer)
}

/// What somebody wants to be made.
#[derive(Debug, Deserialize)]
pub struct Make {
    #[serde(default)]
    name: String,
    /// One that is ready to be used, by name.
    #[serde(default)]
    ready: String,
}

/// `POST /dashboards`.
pub async fn make(desk: Desk, axum::Form(wanted): axum::Form<Make>) -> Result<Redirect, Error> {
    let writing = desk.writing();
    let me = desk.caller.user.to_string();
    let id = if !wanted.ready.is_empty() {
        let edits = ready::board(&wanted.ready, desk.words.0, RecordId(desk.caller.user.0), || writing.new_id());
        let made = edits.last().map(|edit| edit.record).ok_or(Error::NotFound)?;
        writing.make_all(edits).await?;
        made
    } else {
        let name = wanted.name.trim();
        let name = if name.is_empty() { desk.words.say("menu.dashboards") } else { name };
        writing.create(DASHBOARD, None, vec![FieldEdit::set("name", name), FieldEdit::set("owner", me)]).await?
    };
    Ok(Redirect::to(&format!("/dashboards/{id}{}", if wanted.ready.is_empty() { "?arrange=true" } else { "" })))
}

/// `POST /dashboards/{id}`: `add`, `take`, `move`, `width`, `everyone`, `share`, `rename` or `remove`.
pub async fn change(desk: Desk, Path(id): Path<RecordId>, axum::Form(pairs): Posted) -> Result<Redirect, Error> {
    let (row, wanted) = (mine(&desk, id).await?, Typed::new(pairs));
    let writing = desk.writing();
    let edits = match wanted.one("act") {
        "remove" => {
            writing.archive(DASHBOARD, id).await?;
            return Ok(Redirect::to("/dashboards"));
        }
        "share" => {
            let shared = shown_to::edits(&desk, desk.reading.kind(DASHBOARD)?, Some(&row.fields), &wanted).await?;
            shared.map_err(|why| Error::Invalid { field: Some("shared".to_owned()), message: Text::new(why.clone(), why) })?
        }
        _ => vec![edit(&wanted, &places(&row), &|| writing.new_id().to_string())?],
    };
    if !edits.is_empty() {
        writing.edit(DASHBOARD, id, edits).await?;
    }
    Ok(Redirect::to(&format!("/dashboards/{id}?arrange=true")))
}

/// The edit that does what is wanted.
fn edit(wanted: &Typed, places: &[Place], new_id: &dyn Fn() -> String) -> Result<FieldEdit, Error> {
    let (field, row, after) = ("tiles".to_owned(), wanted.one("row").to_owned(), wanted.one("after"));
    let width = WIDTHS.iter().find(|(word, _)| *word == wanted.one("width")).map_or("half", |(word, _)| *word);
    let full =
        || Error::Invalid { field: None, message: Text::new("A dashboard has at most 24 tiles.", "一个仪表盘最多 24 个组件。") };
    Ok(match wanted.one("act") {
        "add" if places.len() >= TILES_MAX => return Err(full()),
        "add" => {
            let values = Map::from_iter([("view".to_owned(), json!(wanted.one("view"))), ("width".to_owned(), json!(width))]);
            FieldEdit::SetRow { field, row: new_id(), values }
        }
        "take" => FieldEdit::RemoveRow { field, row },
        "move" => FieldEdit::MoveRow { field, row, after: (!after.is_empty()).then(|| after.to_owned()) },
        "width" => FieldEdit::SetRow { field, row, values: Map::from_iter([("width".to_owned(), json!(width))]) },
        "everyone" => FieldEdit::set("everyone", wanted.one("everyone") == "true"),
        "rename" if !wanted.one("name").is_empty() => FieldEdit::set("name", wanted.one("name")),
        _ => return Err(Error::NotFound),
    })
}
