//! Saved views: lists that are asked for again and again, for oneself or for everybody.
//!
//! A view is a record like any other (`kinds/view.toml`): it has a history, goes to phones, and is put
//! away, never deleted.

use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value as Json, json};
use sync_core::access::RoleSet;
use sync_core::collation;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::asked::Asked;
use super::chart::Spec;
use super::page;
use super::shape::{Layout, Shape};
use crate::console::desk::Desk;
use crate::console::edit::Posted;
use crate::console::inputs::Input;
use crate::console::shown_to::{self, looker};
use crate::console::typed::Typed;
use crate::error::{Error, Text};
use crate::intake::{Expect, RecordEdit};
use crate::place::Path;
use crate::reading::{List, ReadError, Row};
use crate::ready;

/// The kind that views are of.
pub const VIEW: &str = "view";

/// Views of one kind that are offered: more is no menu.
const VIEWS_MAX: &str = "100";

/// A saved view, as far as lists need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The record.
    pub id: RecordId,
    /// What it is called: one that came ready, in the reader's language.
    pub name: String,
    /// What it says.
    pub shape: Said,
    /// Whose it is.
    pub owner: Option<String>,
    /// Whether everybody sees it.
    pub everyone: bool,
    /// Whether the caller has it at the top.
    pub pinned: bool,
    /// The ids of its columns' rows.
    rows: Vec<String>,
}

/// What a view says about a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The filter.
    pub filter: String,
    /// The columns.
    pub columns: Vec<String>,
    /// The attribute to order by.
    pub sort: String,
    /// From its other end.
    pub desc: bool,
    /// The attribute to put together by.
    pub group: String,
    /// How it is laid out.
    pub layout: String,
    /// What a chart of it shows.
    pub chart: Spec,
}

impl Saved {
    /// From its record.
    pub fn of(desk: &Desk, row: &Row) -> Self {
        let text = |name: &str| row.fields.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let rows = row.fields.get("columns").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let part = |name: &'static str| rows.iter().filter_map(move |row| row.get(name)?.as_str().map(str::to_owned)).collect();
        let sort = text("sort");
        let me = desk.caller.user.to_string();
        let members = |name: &str| row.fields.get(name).and_then(Json::as_array).is_some_and(|members| members.contains(&json!(me)));
        Self {
            id: row.id,
            name: ready::title_of(row, desk.words.0).to_owned(),
            shape: Said {
                filter: text("filter"),
                columns: part("field"),
                desc: sort.starts_with('-'),
                sort: sort.trim_start_matches('-').to_owned(),
                group: text("group"),
                layout: text("layout"),
                chart: Spec {
                    measure: text("measure"),
                    step: text("step"),
                    split: text("split"),
                    period: text("period"),
                    day: text("day"),
                    compare: row.fields.get("compare") == Some(&json!(true)),
                },
            },
            owner: row.fields.get("owner").and_then(Json::as_str).map(str::to_owned),
            everyone: row.fields.get("everyone") == Some(&json!(true)),
            pinned: members("pinned"),
            rows: part("id"),
        }
    }

    /// Whether the caller may change it: their own, or anybody's for who administers.
    pub fn is_mine(&self, desk: &Desk) -> bool {
        self.owner.as_deref() == Some(&*desk.caller.user.to_string()) || desk.may(sync_core::access::Right::Administer)
    }
}

/// The views of a kind that the caller sees: their own, those for everybody, those shared with them; pinned ones first.
pub async fn of_kind(desk: &Desk, kind: &Kind) -> Result<Vec<Saved>, Error> {
    // Who may not see views has none.
    let Ok(views) = desk.reading.kind(VIEW) else { return Ok(Vec::new()) };
    let filter = json!([
        {"type": "equals", "attribute": "about", "value": &*kind.name},
        {"type": "notIn", "attribute": "purpose", "value": ["tile", "territory"]},
        looker(desk).await?.filter(views),
    ]);
    let query = desk.reading.query(VIEW, [("where", &*filter.to_string()), ("orderBy", "name"), ("maxSize", VIEWS_MAX)]);
    let query = match query {
        Err(ReadError::UnknownKind(_) | ReadError::Hidden { .. }) => return Ok(Vec::new()),
        query => query?,
    };
    let listing = desk.reading.list(&List::of(query)).await?;
    let mut views: Vec<Saved> = listing.rows.iter().map(|row| Saved::of(desk, row)).collect();
    views.sort_by_key(|view| !view.pinned);
    Ok(views)
}

/// The same, and the one that an address asks for, if it is none of a menu: a tile of a dashboard.
pub async fn offered(desk: &Desk, kind: &Kind, asked: &Asked) -> Result<Vec<Saved>, Error> {
    let mut views = of_kind(desk, kind).await?;
    let Some(id) = asked.view.parse::<RecordId>().ok().filter(|id| views.iter().all(|view| view.id != *id)) else { return Ok(views) };
    let is_meant = |row: &Row| &*row.kind == VIEW && !row.archived && row.fields.get("about") == Some(&json!(&*kind.name));
    if let Some(row) = desk.reading.row(id).await?.filter(is_meant) {
        let saved = Saved::of(desk, &row);
        let is_tile = row.fields.get("purpose") == Some(&json!("tile"));
        if is_tile || looker(desk).await?.sees(&row) {
            views.push(saved);
        }
    }
    Ok(views)
}

/// All views that the caller sees, of every kind in sight: id, name, the kind they are of.
pub async fn views_for_tiles(desk: &Desk) -> Result<Vec<(String, String, String)>, Error> {
    let looker = looker(desk).await?;
    let filter = json!([{"type": "notIn", "attribute": "purpose", "value": ["territory"]}, looker.filter(desk.reading.kind(VIEW)?)]);
    let query = desk.reading.query(VIEW, [("where", &*filter.to_string()), ("orderBy", "name"), ("maxSize", "200")])?;
    let rows = desk.reading.list(&List::of(query)).await?.rows;
    let mut views = Vec::new();
    for row in rows {
        let saved = Saved::of(desk, &row);
        let about = row.fields.get("about").and_then(Json::as_str).unwrap_or_default();
        if let Ok(kind) = desk.reading.kind(about) {
            views.push((saved.id.to_string(), saved.name, desk.words.label(&kind.plural).to_owned()));
        }
    }
    // They come by their names.
    views.sort_by(|a, b| collation::order(&a.2).cmp(&collation::order(&b.2)));
    Ok(views)
}

/// The form that saves a view, as it was typed, and why it was not taken; without a reason it lacks a name.
pub type Unsaved = (Typed, Option<String>);

/// Who sees a view besides its owner, as controls: of the view that would be saved over, or as it was typed.
pub async fn shown_to(desk: &Desk, over: Option<&Saved>, typed: Option<&Typed>) -> Result<Vec<(String, Input)>, Error> {
    let Ok(views) = desk.reading.kind(VIEW) else { return Ok(Vec::new()) };
    let row = match over {
        Some(view) => desk.reading.row(view.id).await?,
        None => None,
    };
    shown_to::controls(desk, views, &row.map(|row| row.fields.clone()).unwrap_or_default(), typed).await
}

/// Saves what the list shows over a view, or as a new one; or says why not, where it is not for want of a name.
async fn saved(
    desk: &Desk,
    kind: &Kind,
    shape: &Shape,
    over: Option<&Saved>,
    typed: &Typed,
) -> Result<Result<RecordId, Option<String>>, Error> {
    if over.is_none() && typed.one("name").is_empty() {
        return Ok(Err(None));
    }
    let views = desk.reading.kind(VIEW)?.clone();
    let row = match over {
        Some(view) => Some(desk.reading.row(view.id).await?.ok_or(Error::NotFound)?),
        None => None,
    };
    let mut edits = said(desk, kind, shape, over);
    match shown_to::edits(desk, &views, row.as_ref().map(|row| &row.fields), typed).await? {
        Ok(shared) => edits.extend(shared),
        Err(why) => return Ok(Err(Some(why))),
    }
    let everyone = typed.one("everyone") == "true";
    if everyone != over.is_some_and(|view| view.everyone) {
        edits.push(FieldEdit::set("everyone", everyone));
    }
    match over {
        Some(view) => {
            desk.writing().edit(VIEW, view.id, edits).await?;
            Ok(Ok(view.id))
        }
        None => make(desk, kind, shape, typed.one("name"), edits).await.map(Ok),
    }
}

/// `POST /records/{kind}/views`: about the list of the address.
pub async fn save(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>, Form(pairs): Posted) -> Result<Response, Error> {
    let (kind, typed) = (desk.reading.kind(&kind)?.clone(), Typed::new(pairs));
    let views = offered(&desk, &kind, &asked).await?;
    let shape = Shape::of(&desk, &kind, &asked, &views);
    shape.check(&desk, &kind, &asked)?;
    let known = shape.view.as_ref().filter(|view| view.is_mine(&desk));
    let to = |view: &str| Redirect::to(&Asked { view: view.to_owned(), ..Asked::default() }.address(&kind)).into_response();
    let refused = || Error::Forbidden(Text::new("This view belongs to somebody else.", "此视图属于他人。"));
    match (typed.one("act"), &shape.view) {
        ("pin" | "unpin", Some(view)) => {
            let (field, value) = ("pinned".to_owned(), me(&desk));
            let edit = if typed.one("act") == "pin" { FieldEdit::Add { field, value } } else { FieldEdit::Remove { field, value } };
            pin(&desk, view.id, edit).await?;
            Ok(Redirect::to(&asked.closed().address(&kind)).into_response())
        }
        ("remove", Some(_)) => {
            desk.writing().archive(VIEW, known.ok_or_else(refused)?.id).await?;
            Ok(to(""))
        }
        ("save", _) => {
            let over = if typed.one("over") == "true" { Some(known.ok_or_else(refused)?) } else { None };
            match saved(&desk, &kind, &shape, over, &typed).await? {
                Ok(view) => Ok(to(&view.to_string())),
                Err(why) => page::show_unsaved(&desk, &kind, asked.with_panel("save"), (typed, why)).await,
            }
        }
        _ => Err(Error::NotFound),
    }
}

/// Whether a view is pinned is the pinner's own, whoever the view belongs to: of a record of somebody else this is
/// written, in the name of the pinner, and nothing but their own name in that list.
async fn pin(desk: &Desk, view: RecordId, edit: FieldEdit) -> Result<(), Error> {
    let kind = desk.reading.kind(VIEW)?.name.clone();
    let author = desk.app.intake.on_behalf(desk.caller.workspace, desk.caller.user, RoleSet::office());
    let edit = RecordEdit { kind, record: view, edits: vec![edit], expect: Expect::Existing };
    for edited in desk.app.intake.edit(&author, vec![edit], desk.now, None).await? {
        edited?;
    }
    Ok(())
}

fn me(desk: &Desk) -> String {
    desk.caller.user.to_string()
}

async fn make(desk: &Desk, kind: &Kind, shape: &Shape, name: &str, said: Vec<FieldEdit>) -> Result<RecordId, Error> {
    let mut edits = vec![
        FieldEdit::set("name", name),
        FieldEdit::set("purpose", if matches!(shape.layout, Layout::Chart(_)) { "report" } else { "list" }),
        FieldEdit::set("about", &*kind.name),
        FieldEdit::set("owner", me(desk)),
        FieldEdit::Add { field: "pinned".to_owned(), value: me(desk) },
    ];
    edits.extend(said);
    Ok(desk.writing().create(VIEW, None, edits).await?)
}

/// The edits that make a view say what a list is.
fn said(desk: &Desk, kind: &Kind, shape: &Shape, before: Option<&Saved>) -> Vec<FieldEdit> {
    let order = shape.order(desk, kind);
    let sort = if shape.desc { format!("-{order}") } else { order.to_owned() };
    let set = |field: &str, value: &str| FieldEdit::set(field, if value.is_empty() { Json::Null } else { Json::from(value) });
    let mut edits =
        vec![set("filter", &shape.filter()), set("sort", &sort), set("group", &shape.group), FieldEdit::set("layout", shape.layout.word())];
    // What was never a chart has nothing to say about one.
    let before_chart = before.map(|view| view.shape.chart.clone()).unwrap_or_default();
    if shape.chart != before_chart {
        let chart = &shape.chart;
        let texts =
            [("measure", &chart.measure), ("step", &chart.step), ("split", &chart.split), ("period", &chart.period), ("day", &chart.day)];
        edits.extend(texts.into_iter().map(|(field, value)| set(field, value)));
        edits.push(FieldEdit::set("compare", chart.compare));
    }
    if before.is_none_or(|view| view.shape.columns != shape.columns) {
        let field = || "columns".to_owned();
        let old = before.map(|view| view.rows.clone()).unwrap_or_default();
        edits.extend(old.into_iter().map(|row| FieldEdit::RemoveRow { field: field(), row }));
        let writing = desk.writing();
        edits.extend(shape.columns.iter().map(|column| FieldEdit::SetRow {
            field: field(),
            row: writing.new_id().to_string(),
            values: Map::from_iter([("field".to_owned(), json!(column))]),
        }));
    }
    edits
}
