//! Many records edited at once: what will become of each is shown first, and it can be taken back.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value as Json;
use sync_core::access::Action;
use sync_core::id::RecordId;
use sync_core::record::authored;
use sync_core::record::fields::{ARCHIVED, BadEdit, FieldEdit};
use sync_core::record::valid::BadValue;
use sync_core::schema::{Field, Kind, Merge};

use super::asked::Asked;
use super::previewed::{self, Moved};
use super::shape::Shape;
use super::table::{is_typeable, title_of};
use super::views;
use crate::console::desk::{Desk, Frame, page as answer};
use crate::console::edit::{Posted, read};
use crate::console::format::{self, Shown};
use crate::console::inputs::{Input, Inputs};
use crate::console::links;
use crate::console::typed::{Typed, name_of};
use crate::console::why;
use crate::error::Error;
use crate::intake::{Expect, RecordEdit, never_archived};
use crate::jobs::bulk;
use crate::jobs::import::ImportId;
use crate::place::Path;
use crate::reading::{Counted, Listing, Names, Row};
use crate::store::imports::Act;

/// Records of one act: taking it back looks at the history of each.
const RECORDS_MAX: usize = 10_000;

/// Records of the preview that are shown one by one.
const SHOWN: usize = 50;

/// Records read at once.
const PAGE: u32 = 200;

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    frame: Frame,
    plural: String,
    title: String,
    action: String,
    cancel: String,
    ids: Vec<String>,
    all: bool,
    fields: Vec<(String, String, bool)>,
    input: Option<Input>,
    warning: Option<&'static str>,
    error: Option<String>,
    preview: Option<Preview>,
}

/// What will become of the records.
struct Preview {
    /// What goes with the order to do it: what was shown here.
    shown: String,
    summary: Vec<String>,
    rows: Vec<Change>,
    more: Option<String>,
    apply: Option<String>,
}

struct Change {
    title: String,
    href: String,
    before: Shown,
    after: Shown,
    why: Option<&'static str>,
}

/// What happens to one record.
pub(super) struct Planned {
    /// The record as it is.
    pub row: Row,
    /// What is written into it.
    pub edits: Vec<FieldEdit>,
    /// Why nothing is.
    pub why: Option<&'static str>,
}

/// What was posted: which records, which field, which value, and whether to go on.
struct Order {
    typed: Typed,
    ids: Vec<RecordId>,
    all: bool,
    field: String,
}

impl Order {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let typed = Typed::new(pairs);
        let ids = typed.all("id").into_iter().filter_map(|id| id.parse().ok()).take(RECORDS_MAX).collect();
        Self { ids, all: typed.one("all") == "true", field: typed.one("field").to_owned(), typed }
    }

    fn is(&self, step: &str) -> bool {
        self.typed.one("step") == step
    }
}

/// `POST /records/{kind}/bulk`: chooses a field and a value, shows what it means, does it.
pub async fn edit(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let mut order = Order::of(posted);
    let listing = records(&desk, &kind, &asked, &order).await?;
    let field = fields(&desk, &kind, &asked).find(|field| *field.name == *order.field);
    let shelf = Some(asked.archived).filter(|back| order.field == ARCHIVED && may_move(&desk, &kind, *back));
    let unclear = links::resolve(&desk, &kind, &mut order.typed).await?;
    let mut error = (!unclear.is_empty()).then(|| why::unclear(&desk, &unclear));
    let mut plan = None;
    if error.is_none() && (order.is("preview") || order.is("apply")) {
        match planned(&desk, &kind, field, shelf, &order.typed, listing.rows.clone()) {
            Ok(planned) => match astray(&desk, &kind, &planned).await? {
                None => plan = Some(planned),
                text => error = text,
            },
            Err(text) => error = Some(text),
        }
    }
    if let Some(plan) = plan.as_ref().filter(|_| order.is("apply")) {
        match previewed::agreed(order.typed.one("shown"), field, plan) {
            Ok(agreed) => return apply(&desk, &kind, &asked, &order.field, agreed).await,
            Err(moved) => error = Some(not_so(&desk, &kind, &listing, &moved)),
        }
    }
    let page = form(&desk, &kind, &asked, &order, field, &listing, plan, error, unclear).await?;
    answer(StatusCode::OK, &page)
}

/// Whether records of a kind can be archived, or brought back.
fn may_move(desk: &Desk, kind: &Kind, back: bool) -> bool {
    desk.reading.may_some(kind, Action::Archive) && (back || never_archived(&kind.name).is_none())
}

/// The fields that can be edited in many records at once; of archived ones none.
fn fields<'a>(desk: &'a Desk, kind: &'a Kind, asked: &Asked) -> impl Iterator<Item = &'a Field> {
    let is_closed = asked.archived;
    let fits =
        |field: &&Field| !field.hidden && is_typeable(field) && field.merge != Merge::Text && desk.reading.may_write(kind, &field.name);
    kind.fields.iter().filter(move |_| !is_closed).filter(fits)
}

/// The records that were chosen: by hand, or all that the list finds.
async fn records(desk: &Desk, kind: &Kind, asked: &Asked, order: &Order) -> Result<Listing, Error> {
    let shape = Shape::of(desk, kind, asked, &views::offered(desk, kind, asked).await?);
    let shape = if order.all { shape } else { Shape { conditions: Vec::new(), ..shape } };
    let (mut rows, mut names) = (Vec::new(), Names::new());
    let mut take = async |asked: &Asked, more: &[Json]| -> Result<Option<String>, Error> {
        let listing = desk.reading.list(&shape.list(desk, kind, asked, more, PAGE)?).await?;
        rows.extend(listing.rows);
        names.extend(listing.names);
        Ok(listing.next.filter(|_| rows.len() < RECORDS_MAX))
    };
    if order.all {
        let mut asked = Asked { after: None, ..asked.clone() };
        while let Some(next) = take(&asked, &[]).await? {
            asked.after = Some(next);
        }
    } else {
        let asked = Asked { archived: asked.archived, ..Asked::default() };
        for chunk in order.ids.chunks(PAGE as usize) {
            let ids: Vec<String> = chunk.iter().map(RecordId::to_string).collect();
            take(&asked, &[serde_json::json!({"type": "in", "attribute": "id", "value": ids})]).await?;
        }
    }
    Ok(Listing { rows, names, is_near: false, next: None, total: None, counted: Counted::default() })
}

/// What happens to each record; or why the value is not taken. Without a field it goes to the archive or, if `shelf` says so,
/// comes back from it.
fn planned(
    desk: &Desk,
    kind: &Kind,
    field: Option<&Field>,
    shelf: Option<bool>,
    typed: &Typed,
    rows: Vec<Row>,
) -> Result<Vec<Planned>, String> {
    let Some(field) = field else {
        let Some(back) = shelf else { return Err(desk.words.say("bulk.choose").to_owned()) };
        let (edit, is_so) = match back {
            true => (FieldEdit::restore(), "bulk.is_in_use"),
            false => (FieldEdit::archive(), "bulk.is_archived"),
        };
        let plan = |row: Row| Planned { edits: vec![edit.clone()], why: (row.archived != back).then(|| desk.words.say(is_so)), row };
        return Ok(rows.into_iter().map(plan).collect());
    };
    if field.required && typed.below(&name_of(field)).all(str::is_empty) {
        return Err(desk.words.say("why.required").to_owned());
    }
    let plan = |row: Row| {
        let edits = read(desk, &[field], typed, &row.fields).map_err(|(_, text)| text)?;
        let frozen = field.frozen.as_ref().is_some_and(|frozen| frozen.holds(row.fields.get(&*frozen.field).and_then(Json::as_str)));
        // That depends on the record: in others the value may stand.
        let beside = match authored::check(kind, &row.fields, &edits) {
            Ok(()) => None,
            Err(BadEdit::BadValue { problem: BadValue::EndsBefore { .. }, .. }) => Some("bulk.ends_before"),
            Err(BadEdit::BadValue { problem: BadValue::NoManager, .. }) => Some("bulk.no_manager"),
            Err(BadEdit::BadValue { problem: BadValue::Unmet { .. }, .. }) => Some("bulk.unmet"),
            Err(bad) => return Err(why::refused(desk, kind, &bad)),
        };
        let why = match () {
            () if row.archived => Some("bulk.is_archived"),
            () if beside.is_some() => beside,
            () if frozen => Some("bulk.is_frozen"),
            () if edits.is_empty() => Some("bulk.is_so"),
            () => None,
        };
        Ok(Planned { row, edits, why: why.map(|key| desk.words.say(key)) })
    };
    rows.into_iter().map(plan).collect()
}

/// Why the records may not link to what was chosen, if they may not.
async fn astray(desk: &Desk, kind: &Kind, plan: &[Planned]) -> Result<Option<String>, Error> {
    let open = plan.iter().filter(|planned| planned.why.is_none());
    let edits: Vec<RecordEdit> = open.map(|planned| edit_of(kind, planned)).collect();
    let strays = desk.writing().astray(&edits).await?;
    Ok(strays.values().flatten().next().map(|bad| why::refused(desk, kind, bad)))
}

fn edit_of(kind: &Kind, planned: &Planned) -> RecordEdit {
    RecordEdit {
        kind: kind.name.clone(),
        record: planned.row.id,
        edits: planned.edits.clone(),
        // As it was when it was looked at just now.
        expect: Expect::Version(planned.row.version),
    }
}

/// Titles that are said of records that are not what a preview showed.
const TITLES_SAID: usize = 5;

/// Why nothing was done: what is not so any more.
fn not_so(desk: &Desk, kind: &Kind, listing: &Listing, moved: &Moved) -> String {
    let Moved::Records(moved) = moved else { return desk.words.say("bulk.other").to_owned() };
    let format = desk.formatter(&listing.names);
    let rows = listing.rows.iter().filter(|row| moved.contains(&row.id)).take(TITLES_SAID);
    let titles: Vec<String> = rows.map(|row| title_of(&format, kind, row)).collect();
    let titles = if titles.is_empty() { String::new() } else { desk.words.fill("bulk.moved_which", &[&titles.join(", ")]) };
    format!("{}{titles}{}", desk.words.count("bulk.moved", moved.len() as u64), desk.words.say("bulk.moved_now"))
}

async fn apply(desk: &Desk, kind: &Kind, asked: &Asked, what: &str, plan: Vec<&Planned>) -> Result<Response, Error> {
    let edits = plan.into_iter().map(|planned| edit_of(kind, planned)).collect();
    let author = desk.app.intake.on_behalf(desk.caller.workspace, desk.caller.user, desk.caller.role.clone());
    let done =
        bulk::apply(&desk.app, &author, &kind.name, (Act::Bulk, what), edits).await.map_err(|error| Error::Internal(error.into()))?;
    let after = Asked { done: "bulk".to_owned(), count: done.changed, undo: done.act.to_string(), ..asked.closed() };
    Ok(Redirect::to(&with_done(kind, &after, done.refused.len())).into_response())
}

/// The list, saying what was done just now.
fn with_done(kind: &Kind, asked: &Asked, refused: usize) -> String {
    let address = asked.closed().address(kind);
    let mark = if address.contains('?') { '&' } else { '?' };
    let refused = if refused > 0 { format!("&refused={refused}") } else { String::new() };
    format!("{address}{mark}done={}&count={}&undo={}{refused}", asked.done, asked.count, asked.undo)
}

/// `POST /records/{kind}/bulk/{act}/undo`.
pub async fn undo(desk: Desk, Path((kind, act)): Path<(String, String)>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let act: ImportId = act.parse().map_err(|_| Error::NotFound)?;
    let author = desk.app.intake.on_behalf(desk.caller.workspace, desk.caller.user, desk.caller.role.clone());
    let undone = bulk::undo(&desk.app, &author, act).await?;
    let done = Asked { done: "undone".to_owned(), count: undone.restored + undone.archived, ..asked.closed() };
    Ok(Redirect::to(&with_done(&kind, &done, undone.left as usize)).into_response())
}

#[expect(clippy::too_many_arguments, reason = "all that the page shows comes together here")]
async fn form(
    desk: &Desk,
    kind: &Kind,
    asked: &Asked,
    order: &Order,
    field: Option<&Field>,
    listing: &Listing,
    plan: Option<Vec<Planned>>,
    error: Option<String>,
    unclear: Vec<(String, Vec<(String, String)>)>,
) -> Result<BulkPage, Error> {
    let mut candidates = links::candidates(desk, field.into_iter()).await?;
    candidates.matches = unclear.into_iter().collect();
    let mut names = listing.names.clone();
    names.extend(links::names_in(desk, kind, &[&order.typed]).await?);
    let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
    let title = desk.words.fill("bulk.title", &[&format::grouped(&listing.rows.len().to_string()), &desk.words.inside(&kind.plural)]);
    Ok(BulkPage {
        frame: desk.frame(&title, &format!("/records/{}", kind.name)).await?,
        plural: desk.words.label(&kind.plural).to_owned(),
        action: asked.closed().below(kind, "bulk"),
        cancel: asked.closed().address(kind),
        ids: if order.all { Vec::new() } else { order.ids.iter().map(RecordId::to_string).collect() },
        all: order.all,
        fields: choices(desk, kind, asked, &order.field),
        input: field.and_then(|field| inputs.of(field, &order.typed)),
        warning: (order.field == ARCHIVED && !asked.archived).then(|| desk.words.say("archive.consequence")),
        preview: plan.map(|plan| preview(desk, kind, field, asked.archived, &names, plan)),
        title,
        error,
    })
}

/// What can be written in many records at once: fields, and archiving or bringing back.
fn choices(desk: &Desk, kind: &Kind, asked: &Asked, chosen: &str) -> Vec<(String, String, bool)> {
    let choice = |field: &Field| (field.name.to_string(), desk.words.label(&field.label).to_owned(), *field.name == *chosen);
    let moving = desk.words.say(if asked.archived { "record.restore" } else { "record.archive" });
    let moving = may_move(desk, kind, asked.archived).then(|| (ARCHIVED.to_owned(), moving.to_owned(), chosen == ARCHIVED));
    fields(desk, kind, asked).map(choice).chain(moving).collect()
}

fn preview(desk: &Desk, kind: &Kind, field: Option<&Field>, back: bool, names: &Names, plan: Vec<Planned>) -> Preview {
    let format = desk.formatter(names);
    let changed = plan.iter().filter(|planned| planned.why.is_none()).count();
    let mut reasons = BTreeMap::<&str, usize>::new();
    plan.iter().filter_map(|planned| planned.why).for_each(|why| *reasons.entry(why).or_default() += 1);
    let mut summary = vec![desk.words.count("bulk.will_change", changed as u64)];
    summary.extend(reasons.into_iter().map(|(why, count)| format!("{why}: {count}")));
    let more = plan.len().saturating_sub(SHOWN);
    let change = |planned: &Planned| {
        let value = field.and_then(|field| planned.row.fields.get(&*field.name));
        let show = |value: Option<&Json>| field.zip(value).map_or(Shown::Nothing, |(field, value)| format.brief(field, value));
        let shelf = |archived| Shown::Text(desk.words.say(if archived { "list.archived" } else { "list.in_use" }).to_owned());
        Change {
            title: title_of(&format, kind, &planned.row),
            href: format!("/records/{}/{}", kind.name, planned.row.id),
            before: if field.is_some() { show(value) } else { shelf(planned.row.archived) },
            after: if field.is_some() { show(after(value, &planned.edits).as_ref()) } else { shelf(!back) },
            why: planned.why,
        }
    };
    Preview {
        shown: previewed::shown(field, &plan),
        summary,
        rows: plan.iter().take(SHOWN).map(change).collect(),
        more: (more > 0).then(|| desk.words.count("record.more", more as u64)),
        apply: (changed > 0).then(|| desk.words.count("bulk.apply", changed as u64)),
    }
}

/// What the field will hold.
fn after(before: Option<&Json>, edits: &[FieldEdit]) -> Option<Json> {
    let mut value = before.cloned();
    for edit in edits {
        match edit {
            FieldEdit::Set { value: new, .. } => value = Some(new.clone()).filter(|new| !new.is_null()),
            FieldEdit::Add { value: element, .. } => {
                let mut elements = value.as_ref().and_then(Json::as_array).cloned().unwrap_or_default();
                if !elements.iter().any(|known| known == element) {
                    elements.push(Json::from(element.as_str()));
                }
                value = Some(Json::Array(elements));
            }
            FieldEdit::Remove { value: element, .. } => {
                let elements = value.as_ref().and_then(Json::as_array).into_iter().flatten();
                value = Some(elements.filter(|known| *known != element).cloned().collect());
            }
            FieldEdit::SetRow { .. } | FieldEdit::RemoveRow { .. } | FieldEdit::MoveRow { .. } => {}
            FieldEdit::Append { .. } | FieldEdit::Increment { .. } | FieldEdit::Splice { .. } => {}
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_preview_shows_what_a_set_will_hold() {
        let add = |value: &str| FieldEdit::Add { field: "tags".to_owned(), value: value.to_owned() };
        assert_eq!(after(Some(&json!(["a"])), &[add("b"), add("a")]), Some(json!(["a", "b"])));
        let remove = FieldEdit::Remove { field: "tags".to_owned(), value: "a".to_owned() };
        assert_eq!(after(Some(&json!(["a", "b"])), &[remove]), Some(json!(["b"])));
        assert_eq!(after(Some(&json!("x")), &[FieldEdit::set("f", Json::Null)]), None);
    }
}
