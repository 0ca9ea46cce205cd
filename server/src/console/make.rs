//! Making a record.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value as Json, json};
use sync_core::access::Action;
use sync_core::id::RecordId;
use sync_core::record::authored;
use sync_core::schema::{Field, Kind, ValueType};

use super::admin;
use super::conditions::{asks, collect, prepare};
use super::desk::{Desk, Frame, page};
use super::edit::{Posted, back, read};
use super::foreseen::Foreseen;
use super::inputs::{Input, Inputs};
use super::links;
use super::typed::{NEW_ROW, Typed, name_of};
use super::why::{self, Why};
use crate::error::{Error, Text};
use crate::place::Path;

/// The control that says which fields a form asked for before "more".
const SHORT: &str = "short";

#[derive(Template)]
#[template(path = "make.html")]
struct MakePage {
    frame: Frame,
    kind: String,
    plural: String,
    title: String,
    problem: Option<String>,
    first: Vec<RowView>,
    more: Vec<RowView>,
    /// What is computed.
    foreseen: Foreseen,
    /// Whether likely duplicates, or what may answer it, are offered while somebody types.
    warns: bool,
    /// Whether something among the others needs attention, or is filled in.
    open: bool,
    /// Whether it answers one that was sent: its address is only sent to.
    is_answer: bool,
    /// The names of the first ones: what was not taken comes back in the same form.
    short: String,
}

struct RowView {
    name: String,
    label: String,
    required: bool,
    input: Input,
    error: Option<String>,
}

/// `GET /records/{kind}/new`; the address may bring values, such as the customer it is for.
pub async fn form(desk: Desk, Path(kind): Path<String>, Query(given): Query<Vec<(String, String)>>) -> Result<Response, Error> {
    let kind = makeable(&desk, &kind)?;
    let mut typed = Typed::new(given);
    let owner = kind.owner.as_ref().and_then(|owner| kind.field(owner)).map(name_of);
    if let Some(owner) = owner.filter(|owner| !typed.has(owner)) {
        typed.add(owner, desk.caller.user.to_string());
    }
    for field in fields(&desk, &kind).filter(|field| !typed.has(&name_of(field))).collect::<Vec<_>>() {
        field.usual().iter().for_each(|default| typed.add(name_of(field), *default));
    }
    show(&desk, &kind, &typed, &[], Vec::new()).await
}

/// The kind, if the caller may make records of it.
pub fn makeable(desk: &Desk, kind: &str) -> Result<std::sync::Arc<Kind>, Error> {
    let kind = desk.reading.kind(kind)?.clone();
    let may = desk.reading.may_some(&kind, Action::Create);
    let no = || Error::Forbidden(Text::new("You may not make records of this kind.", "您无权新建此类记录。"));
    may.then_some(kind).ok_or_else(no)
}

/// `POST /records/{kind}`.
pub async fn save(desk: Desk, Path(kind): Path<String>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = makeable(&desk, &kind)?;
    let mut typed = Typed::new(posted);
    if asks(&typed) {
        return show(&desk, &kind, &typed, &[], Vec::new()).await;
    }
    let unclear = links::resolve(&desk, &kind, &mut typed).await?;
    if let Some((name, _)) = unclear.first() {
        let field = name.split('.').nth(1).map(str::to_owned);
        let why = Why { field, text: why::unclear(&desk, &unclear), held: false };
        return show(&desk, &kind, &typed, &[why], unclear).await;
    }
    if let Err((field, text)) = collect(&desk, &kind, &mut typed, &Map::new()).await? {
        return show(&desk, &kind, &typed, &[Why { field: Some(field), text, held: false }], Vec::new()).await;
    }
    match written(&desk, &kind, &typed).await? {
        Ok(id) => Ok(back(&kind, id, "", "made").into_response()),
        Err(whys) if whys.iter().any(|why| why.held) => Ok(Redirect::to("/rejected?done=held").into_response()),
        Err(whys) => show(&desk, &kind, &typed, &whys, Vec::new()).await,
    }
}

/// Makes the record, or says all that is wrong with it at once.
async fn written(desk: &Desk, kind: &Kind, typed: &Typed) -> Result<Result<RecordId, Vec<Why>>, Error> {
    let fields: Vec<&Field> = fields(desk, kind).collect();
    let offered = offered(&fields, typed);
    let (mut edits, mut whys) = (Vec::new(), Vec::new());
    for field in &fields {
        match read(desk, &[*field], typed, &offered) {
            Ok(read) => edits.extend(read),
            Err((field, text)) => whys.push(Why { field: Some(field), text, held: false }),
        }
    }
    whys.extend(authored::mistakes(kind, &Map::new(), &edits).iter().map(|bad| why::at_field(desk, kind, bad)));
    if !whys.is_empty() {
        return Ok(Err(whys));
    }
    let made = desk.writing().create(&kind.name, admin::id_of_only(desk, &kind.name), edits).await;
    Ok(why::written(desk, kind, made)?.map_err(|why| vec![why]))
}

/// The rows that the form came with, still empty: what stands in their controls is new. Those that were ticked for
/// removal never were.
pub fn offered(fields: &[&Field], typed: &Typed) -> Map<String, Json> {
    let rows = |field: &Field| {
        let name = name_of(field);
        let ids = typed.all(&format!("{name}.rows")).into_iter();
        let kept = ids.filter(|id| *id != NEW_ROW && !typed.has(&format!("{name}.{id}.remove")));
        kept.map(|id| json!({"id": id})).collect::<Json>()
    };
    fields.iter().filter(|field| !field.items.is_empty()).map(|field| (field.name.to_string(), rows(field))).collect()
}

/// The fields that the caller may write in a new record.
pub fn fields<'a>(desk: &'a Desk, kind: &'a Kind) -> impl Iterator<Item = &'a Field> {
    kind.fields.iter().filter(|field| !field.hidden && desk.reading.may_write(kind, &field.name))
}

async fn show(
    desk: &Desk,
    kind: &Kind,
    typed: &Typed,
    whys: &[Why],
    matches: Vec<(String, Vec<(String, String)>)>,
) -> Result<Response, Error> {
    let mut candidates = links::candidates(desk, fields(desk, kind)).await?;
    candidates.matches = matches.into_iter().collect();
    prepare(desk, kind, typed, &Map::new(), &mut candidates).await?;
    let names = links::names_in(desk, kind, &[typed]).await?;
    let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
    let (first, more): (Vec<&Field>, Vec<&Field>) = fields(desk, kind).partition(|field| stands_first(kind, field, typed));
    let short = first.iter().map(|field| &*field.name).collect::<Vec<_>>().join(",");
    let is_filled = asks(typed) || is_filled(desk, &more, typed);
    let (first, more) = (rows(inputs, &first, typed, whys), rows(inputs, &more, typed, whys));
    let title = desk.words.fill("list.new", &[&desk.words.inside(&kind.label)]);
    let status = if !whys.is_empty() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let shown = |field: &str| first.iter().chain(&more).any(|row| row.name.strip_prefix("f.") == Some(field));
    let problem = whys.iter().find(|why| !why.field.as_deref().is_some_and(shown)).map(|why| why.text.clone());
    let make = MakePage {
        frame: desk.frame(&title, &format!("/records/{}", kind.name)).await?,
        kind: kind.name.to_string(),
        plural: desk.words.label(&kind.plural).to_owned(),
        title,
        problem,
        warns: sync_core::actions::duplicates::can_merge(kind) || desk.reading.answering(kind).is_some(),
        open: is_filled || more.iter().any(|row| row.error.is_some()),
        is_answer: typed.has(SHORT),
        short,
        foreseen: Foreseen::of(desk, kind, typed),
        first,
        more,
    };
    page(status, &make)
}

/// The controls of some fields, with what is wrong beside the field that it is wrong with.
fn rows(inputs: Inputs<'_>, fields: &[&Field], typed: &Typed, whys: &[Why]) -> Vec<RowView> {
    let row = |field: &&Field| {
        let error = whys.iter().find(|why| why.field.as_deref() == Some(&*field.name)).map(|why| why.text.clone());
        let label = inputs.words.label(&field.label).to_owned();
        let mut input = inputs.of(field, typed)?;
        // What has a default gets it, also where nothing is chosen: nothing is no choice.
        if let (Input::Pick { options, .. }, Some(_)) = (&mut input, field.usual()) {
            options.retain(|(value, ..)| !value.is_empty());
        }
        Some(RowView { name: name_of(field), label, required: field.required, input, error })
    };
    fields.iter().filter_map(row).collect()
}

/// Whether somebody filled in any of these fields.
fn is_filled(desk: &Desk, fields: &[&Field], typed: &Typed) -> bool {
    let offered = offered(fields, typed);
    fields.iter().any(|field| !matches!(read(desk, &[*field], typed, &offered), Ok(edits) if edits.is_empty()))
}

/// Whether a form asks for a field before "more": as it did when it was sent, or as a new one does.
fn stands_first(kind: &Kind, field: &Field, typed: &Typed) -> bool {
    match typed.has(SHORT) {
        true => typed.one(SHORT).split(',').any(|name| *name == *field.name),
        false => is_first(kind, field, typed),
    }
}

/// What a new form asks for before "more": what must be there, what lists show or compute their columns from, what the address
/// brought.
fn is_first(kind: &Kind, field: &Field, typed: &Typed) -> bool {
    let mut computed = kind.list.iter().filter_map(|name| kind.field(name)?.computed());
    let is_computed_from = computed.any(|formula| formula.inputs().contains(&&field.name));
    let is_listed = kind.list.contains(&field.name) || field.name == kind.title || is_computed_from;
    let is_short = !matches!(field.value, ValueType::Geo);
    let is_typed = |part: &str| typed.has(&format!("{}{part}", name_of(field)));
    field.required || (is_listed && is_short) || ["", ".rows", ".form"].into_iter().any(is_typed)
}
