//! Edits that were not accepted: who wanted to change what, when, and why it may not be.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::id::RecordId;
use sync_core::protocol::code;
use sync_core::record::fields::{ARCHIVED, FieldEdit};
use sync_core::schema::Kind;

use super::desk::{Desk, Frame, icon, page as answer};
use super::format::{self, Formatter, Shown};
use super::made::{device_of, name_of};
use crate::error::Error;
use crate::reading::{Asked, Names, RefusedEdit, RefusedState};

/// What the address asks for.
#[derive(Deserialize)]
pub struct PageAsked {
    #[serde(default)]
    decided: bool,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "rejected.html")]
struct RejectedPage {
    frame: Frame,
    decided: bool,
    rows: Vec<RefusedView>,
    next: Option<String>,
}

struct RefusedView {
    title: String,
    href: Option<String>,
    kind: String,
    icon: String,
    who: String,
    device: String,
    edited: Option<Shown>,
    received: Shown,
    why: String,
    state: &'static str,
    colour: &'static str,
    edits: Vec<(String, Shown)>,
}

/// `GET /rejected`: newest first.
pub async fn page(desk: Desk, Query(asked): Query<PageAsked>) -> Result<Response, Error> {
    let state = if asked.decided { RefusedState::Decided } else { RefusedState::Open };
    let slice = desk.reading.rejected(state, &Asked { after: asked.after, ..Asked::default() }).await?;
    let texts = slice.rows.iter().flat_map(|row| &row.edits).flat_map(texts);
    let names = desk.reading.names_of(texts.filter_map(|text| text.parse().ok()).collect::<Vec<RecordId>>()).await?;
    let turn = if asked.decided { "decided=true&" } else { "" };
    let page = RejectedPage {
        frame: desk.frame(desk.words.say("menu.rejected"), "/rejected").await?,
        decided: asked.decided,
        rows: slice.rows.iter().map(|row| refused_view(&desk, &names, row)).collect(),
        next: slice.next.map(|next| format!("/rejected?{turn}after={}", super::list::encoded(&next))),
    };
    answer(StatusCode::OK, &page)
}

/// The texts in an edit that may be ids of records.
fn texts(edit: &FieldEdit) -> Vec<String> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    match edit {
        FieldEdit::Set { value: Json::Array(values), .. } => values.iter().filter_map(text).collect(),
        FieldEdit::Set { value, .. } => text(value).into_iter().collect(),
        FieldEdit::Add { value, .. } | FieldEdit::Remove { value, .. } => vec![value.clone()],
        FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => values.values().filter_map(text).collect(),
        FieldEdit::RemoveRow { .. } | FieldEdit::MoveRow { .. } | FieldEdit::Increment { .. } | FieldEdit::Splice { .. } => Vec::new(),
    }
}

fn refused_view(desk: &Desk, names: &Names, row: &RefusedEdit) -> RefusedView {
    let kind = desk.reading.kind(&row.kind).ok();
    let format = Formatter { words: desk.words, names };
    let label = kind.map_or_else(|| row.kind.to_string(), |kind| desk.words.label(&kind.label).to_owned());
    let untitled = || format!("{label} {}", format::short(&row.record.to_string()));
    let title = row.title.clone().filter(|title| !title.is_empty()).unwrap_or_else(untitled);
    let (state, colour) = match &*row.state {
        "held" => ("rejected.held", "amber"),
        "accepted" => ("rejected.accepted", "green"),
        "declined" => ("rejected.declined", "grey"),
        _ => ("rejected.refused", "red"),
    };
    RefusedView {
        href: row.title.is_some().then(|| format!("/records/{}/{}", row.kind, row.record)),
        title,
        icon: icon(&row.kind).to_owned(),
        who: name_of(desk, &row.who),
        device: device_of(desk, &row.who),
        edited: row.edit_time.map(format::moment),
        received: format::moment(row.received_at),
        why: why(desk, kind.map(|kind| &**kind), row),
        state: desk.words.say(state),
        colour,
        edits: row.edits.iter().map(|edit| edit_view(&format, kind.map(|kind| &**kind), edit)).collect(),
        kind: label,
    }
}

/// Why, in words: by the fields' labels where the phone was told their names.
fn why(desk: &Desk, kind: Option<&Kind>, row: &RefusedEdit) -> String {
    let name = row.field.as_deref().unwrap_or_default();
    let field = kind.and_then(|kind| kind.field(name.split(['.', '/']).next().unwrap_or_default()));
    let Some((kind, field)) = kind.zip(field) else { return desk.words.label(&row.message).to_owned() };
    let label = desk.words.label(&field.label);
    match (&*row.code, &field.frozen) {
        (code::FROZEN, Some(frozen)) => {
            let by = kind.field(&frozen.field).map_or(&*frozen.field, |by| desk.words.label(&by.label));
            desk.words.fill("why.frozen_now", &[label, by])
        }
        (code::BAD_VALUE, _) => desk.words.fill("why.bad_value", &[label]),
        _ => desk.words.label(&row.message).to_owned(),
    }
}

/// What an edit wanted, in words: the field, and what was to be written.
fn edit_view(format: &Formatter<'_>, kind: Option<&Kind>, edit: &FieldEdit) -> (String, Shown) {
    let words = format.words;
    let Some(field) = kind.and_then(|kind| kind.field(edit.field())) else {
        let label = if edit.field() == ARCHIVED { words.say("record.archive") } else { edit.field() };
        return (label.to_owned(), Shown::Nothing);
    };
    let said = |key, shown: Shown| Shown::Many(vec![Shown::Text(words.say(key).to_owned()), shown]);
    let row = |values: &serde_json::Map<String, Json>| {
        let part =
            |item: &sync_core::schema::Field| Some((words.label(&item.label).to_owned(), format.scalar(item, values.get(&*item.name)?)));
        Shown::Log(vec![field.items.iter().filter_map(part).collect()])
    };
    let shown = match edit {
        FieldEdit::Set { value: Json::Null, .. } => Shown::Text(words.say("edit.cleared").to_owned()),
        FieldEdit::Set { value, .. } => format.field(field, value),
        FieldEdit::Add { value, .. } => said("edit.added", format.field(field, &Json::from(vec![value.clone()]))),
        FieldEdit::Remove { value, .. } => said("edit.removed", format.field(field, &Json::from(vec![value.clone()]))),
        FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => row(values),
        FieldEdit::RemoveRow { .. } => Shown::Text(words.say("edit.row_removed").to_owned()),
        FieldEdit::MoveRow { .. } => Shown::Text(words.say("edit.row_moved").to_owned()),
        FieldEdit::Increment { by, .. } => Shown::Number(format!("{by:+}")),
        FieldEdit::Splice { insert, .. } if insert.is_empty() => Shown::Text(words.say("edit.text_removed").to_owned()),
        FieldEdit::Splice { insert, .. } => said("edit.added", Shown::Prose(insert.clone())),
    };
    (words.label(&field.label).to_owned(), shown)
}
