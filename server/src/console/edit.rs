//! Saving one field of a record; putting a record away, and bringing it back.

use askama::Template;
use axum::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Kind};

use super::conditions::{asks, collect};
use super::desk::{Desk, Frame, page};
use super::links;
use super::made::makers;
use super::record::{Editing, Head, fingerprint, head, show, view};
use super::typed::{Maker, Typed, edits};
use super::why;
use crate::error::{Error, Text};
use crate::intake::{KIND_KIND, never_archived};
use crate::place::Path;
use crate::reading::{RecordView, Row};
use crate::store::records;

/// The fields of a posted form, in order.
pub type Posted = Form<Vec<(String, String)>>;

/// What was typed into some fields, as edits; or the first field that cannot be read, and why.
pub fn read(
    desk: &Desk,
    fields: &[&Field],
    typed: &Typed,
    present: &serde_json::Map<String, serde_json::Value>,
) -> Result<Vec<FieldEdit>, (String, String)> {
    let writing = desk.writing();
    let new_id = || writing.new_id().to_string();
    let maker = Maker { now: desk.now, user: desk.caller.user.to_string(), new_id: &new_id };
    let mut all = Vec::new();
    for field in fields {
        let read = edits(field, typed, present.get(&*field.name), &maker);
        all.extend(read.map_err(|wrong| (field.name.to_string(), why::wrong(desk, field, &wrong)))?);
    }
    Ok(all)
}

/// `POST /records/{kind}/{id}/fields/{field}`.
pub async fn save(desk: Desk, Path((kind, id, field)): Path<(String, RecordId, String)>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let field = kind.field(&field).filter(|field| desk.reading.may_read(&kind, &field.name)).ok_or(Error::NotFound)?;
    let mut typed = Typed::new(posted);
    if asks(&typed) {
        return show(&desk, &kind.name, id, Editing { place: field.name.to_string(), typed: Some(typed), ..Editing::default() }, None)
            .await;
    }
    let refused = match save_typed(&desk, &kind, id, field, &mut typed).await? {
        Ok(()) => return Ok(back(&kind, id, &field.name, "").into_response()),
        Err(refused) if refused.held => return Ok(back(&kind, id, &field.name, "held").into_response()),
        Err(refused) => refused,
    };
    let editing = Editing { place: field.name.to_string(), typed: Some(typed), ..refused };
    show(&desk, &kind.name, id, editing, None).await
}

/// The page after a form: another request, so that reloading sends nothing twice.
pub fn back(kind: &Kind, id: RecordId, place: &str, done: &str) -> Redirect {
    let done = if done.is_empty() { String::new() } else { format!("?done={done}") };
    Redirect::to(&format!("/records/{}/{id}{done}#f-{place}", kind.name))
}

/// Saves what was typed into one field; or what went wrong with it.
pub async fn save_typed(desk: &Desk, kind: &Kind, id: RecordId, field: &Field, typed: &mut Typed) -> Result<Result<(), Editing>, Error> {
    let error = |text: String| Err(Editing { error: Some(text), ..Editing::default() });
    let unclear = links::resolve(desk, kind, typed).await?;
    if !unclear.is_empty() {
        return Ok(Err(Editing { error: Some(why::unclear(desk, &unclear)), matches: unclear, ..Editing::default() }));
    }
    let view = view(desk, &kind.name, id).await?;
    if let Err((_, text)) = collect(desk, kind, typed, &view.row.fields).await? {
        return Ok(error(text));
    }
    let edits = match read(desk, &[field], typed, &view.row.fields) {
        Ok(edits) => edits,
        Err((_, text)) => return Ok(error(text)),
    };
    // Somebody wrote while the form was open: it is shown before it is overwritten.
    if !edits.is_empty() && typed.has("seen") && typed.one("seen") != fingerprint(view.row.fields.get(&*field.name)) {
        return Ok(error(meanwhile(desk, field, &view.row).await?));
    }
    if edits.is_empty() {
        return Ok(Ok(()));
    }
    let written = desk.writing().edit(&kind.name, id, edits).await;
    Ok(why::written(desk, kind, written)?.map_err(|why| Editing { error: Some(why.text), held: why.held, ..Editing::default() }))
}

/// That somebody wrote while a form was open: who, and what stands there now, as far as the reader sees it.
async fn meanwhile(desk: &Desk, field: &Field, row: &Row) -> Result<String, Error> {
    let history = desk.reading.history(row.id).await?.map(|history| history.entries).unwrap_or_default();
    let Some(made) = makers(desk, &history).remove(&*field.name) else { return Ok(desk.words.say("why.meanwhile").to_owned()) };
    let value = row.fields.get(&*field.name);
    let names = desk.reading.names_of(value.map(links::ids_in).unwrap_or_default()).await?;
    let shown = value.map(|value| desk.formatter(&names).brief(field, value).text()).unwrap_or_default();
    Ok(match &*shown {
        "" => desk.words.fill("why.emptied_meanwhile", &[&made.who]),
        shown => desk.words.fill("why.changed_meanwhile", &[&made.who, shown]),
    })
}

#[derive(Template)]
#[template(path = "archive.html")]
struct ArchivePage {
    frame: Frame,
    head: Head,
    question: String,
    /// What goes with it.
    hides: Option<String>,
}

/// `GET /records/{kind}/{id}/archive`: are you sure.
pub async fn ask_archive(desk: Desk, Path((kind, id)): Path<(String, RecordId)>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let view = view(&desk, &kind.name, id).await?;
    if view.row.archived {
        let error = Some(desk.words.say("archive.already").to_owned());
        return show(&desk, &kind.name, id, Editing { error, ..Editing::default() }, None).await;
    }
    let head = head(&desk, &kind, &view, "archive");
    if !head.may_archive {
        let words = never_archived(&kind.name).unwrap_or(("You may not archive this.", "您无权归档此记录。"));
        return Err(Error::Forbidden(Text::new(words.0, words.1)));
    }
    let question = desk.words.fill("archive.question", &[&head.title]);
    let hides = hidden_with(&desk, &kind, &view).await?;
    page(StatusCode::OK, &ArchivePage { frame: desk.frame(&head.title, "").await?, head, question, hides })
}

/// What is out of sight as long as a kind is archived: its records.
async fn hidden_with(desk: &Desk, kind: &Kind, view: &RecordView) -> Result<Option<String>, Error> {
    if &*kind.name != KIND_KIND {
        return Ok(None);
    }
    let name = view.row.fields.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    let count = records::count_in_use(&mut desk.app.store.reader().await?, desk.caller.workspace, name).await?;
    Ok((count > 0).then(|| desk.words.count("archive.hides", count)))
}

/// `POST /records/{kind}/{id}/archive`.
pub async fn archive(desk: Desk, Path((kind, id)): Path<(String, RecordId)>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let written = desk.writing().archive(&kind.name, id).await;
    match why::written(&desk, &kind, written)? {
        Ok(()) => Ok(back(&kind, id, "", "archived").into_response()),
        Err(why) => show(&desk, &kind.name, id, Editing { error: Some(why.text), ..Editing::default() }, None).await,
    }
}

/// `POST /records/{kind}/{id}/restore`.
pub async fn restore(desk: Desk, Path((kind, id)): Path<(String, RecordId)>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let written = desk.writing().restore(&kind.name, id).await;
    match why::written(&desk, &kind, written)? {
        Ok(()) => Ok(back(&kind, id, "", "restored").into_response()),
        Err(why) => show(&desk, &kind.name, id, Editing { error: Some(why.text), ..Editing::default() }, None).await,
    }
}
