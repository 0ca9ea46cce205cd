//! Answers beside a form for strangers: what was published for everybody, and whether it helped.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::assets;
use super::desk::{Desk, GuestLanguage, page as answer};
use super::format;
use super::forms::embeddable;
use super::words::Words;
use crate::app::App;
use crate::auth::ClientAddress;
use crate::capture::{self, Open, Sent, TRAP};
use crate::error::Error;
use crate::language::Language;
use crate::place::Path;
use crate::reading::{HELPED, Published};
use crate::writing::Writing;

/// Answers on one page: whoever finds none among them asks in other words.
const SHOWN: usize = 100;
/// Answers that are offered to somebody who writes: more nobody reads meanwhile.
const OFFERED: usize = 3;
/// Characters of an answer in a list.
const BEGINNING: usize = 120;

/// An answer in a list.
pub struct AnswerView {
    /// Where it is read.
    pub href: String,
    /// What it is called.
    pub title: String,
    /// How it begins.
    pub beginning: String,
    /// What it is about.
    pub categories: String,
}

/// What stands above a form.
pub struct Answers {
    /// What was asked.
    pub asked: String,
    /// What speaks of it.
    pub found: Vec<AnswerView>,
}

/// What everybody may read beside a form; none where its records have no answers, or nothing was published yet.
pub async fn beside(open: &Open, language: Language, asked: &str) -> Result<Option<Answers>, Error> {
    let reading = open.reading();
    let Some(answering) = reading.answering(&open.kind) else { return Ok(None) };
    let mut all = reading.published(answering, asked).await?;
    // Those that the reader understands come first.
    all.sort_by_key(|one| one.language.as_deref().is_some_and(|tag| Language::of_tag(tag) != language));
    all.truncate(SHOWN);
    let view = |one: Published| AnswerView {
        href: address(&open.form.key, one.id, language),
        title: one.title,
        beginning: beginning(&one.text),
        categories: one.categories.join(" · "),
    };
    let found: Vec<AnswerView> = all.into_iter().map(view).collect();
    Ok((!found.is_empty() || !asked.is_empty()).then(|| Answers { asked: asked.to_owned(), found }))
}

fn address(key: &str, id: RecordId, language: Language) -> String {
    format!("/forms/{key}/answers/{id}?lang={}", language.tag())
}

fn beginning(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let short: String = line.chars().take(BEGINNING).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

/// What colleagues are offered while they write: the addresses and titles of what may answer it.
pub async fn offered(desk: &Desk, kind: &Kind, sentence: &str) -> Result<Vec<(String, String)>, Error> {
    let Some(answering) = desk.reading.answering(kind) else { return Ok(Vec::new()) };
    let rows = desk.reading.answers(answering, sentence).await?.into_iter().take(OFFERED);
    Ok(rows.map(|row| (format!("/records/{}/{}", row.kind, row.id), row.title)).collect())
}

#[derive(Template)]
#[template(path = "answer_public.html")]
struct AnswerPage {
    words: Words,
    style: &'static str,
    title: String,
    text: String,
    /// The day on which it was published.
    at: Option<String>,
    categories: String,
    action: String,
    /// Whether it can be said whether it helped.
    asks: bool,
    /// What was said.
    said: Option<bool>,
    trap: &'static str,
    form: String,
    form_name: String,
    other: (String, &'static str),
}

/// What the address says.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    helped: String,
}

/// `GET /forms/{key}/answers/{id}`.
pub async fn page(
    State(app): State<App>,
    GuestLanguage(language): GuestLanguage,
    Path((key, id)): Path<(String, RecordId)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let open = capture::open(&app, &key).await?;
    let one = one(&open, id).await?;
    let words = Words(language);
    let other = if language == Language::En { Language::Zh } else { Language::En };
    let page = AnswerPage {
        words,
        style: assets::style(),
        at: one.at.map(format::day),
        categories: one.categories.join(" · "),
        action: address(&key, id, language),
        asks: counted(&open).is_some(),
        said: said(&asked.helped),
        trap: TRAP,
        form: format!("/forms/{key}?lang={}", language.tag()),
        form_name: open.form.name.clone(),
        other: (address(&key, id, other), super::words::other(language).1),
        title: one.title,
        text: one.text,
    };
    Ok((embeddable(), answer(StatusCode::OK, &page)?).into_response())
}

fn said(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

async fn one(open: &Open, id: RecordId) -> Result<Published, Error> {
    let reading = open.reading();
    let answering = reading.answering(&open.kind).ok_or(Error::NotFound)?;
    reading.published_one(answering, id).await?.ok_or(Error::NotFound)
}

/// The kind whose records count what is said of them, if the form's maker may write that.
fn counted(open: &Open) -> Option<&Kind> {
    let reading = open.reading();
    let answering = reading.answering(&open.kind)?;
    let may = |field: &str| answering.field(field).is_some() && reading.may_write(answering, field);
    (may(HELPED.0) && may(HELPED.1)).then_some(answering)
}

/// `POST /forms/{key}/answers/{id}`: whether it helped.
pub async fn judge(
    State(app): State<App>,
    GuestLanguage(language): GuestLanguage,
    Path((key, id)): Path<(String, RecordId)>,
    address: ClientAddress,
    Form(sent): Form<Sent>,
) -> Result<Redirect, Error> {
    let open = capture::open(&app, &key).await?;
    one(&open, id).await?;
    let word = sent.get("helped").map_or("", String::as_str);
    let helped = said(word).ok_or(Error::NotFound)?;
    let kind = counted(&open).ok_or(Error::NotFound)?;
    capture::count(&app, &open, address.0).await?;
    if sent.get(TRAP).is_none_or(String::is_empty) {
        let field = if helped { HELPED.0 } else { HELPED.1 };
        let writing = Writing::of(&app, open.maker());
        writing.edit(&kind.name, id, vec![FieldEdit::Increment { field: field.to_owned(), by: 1 }]).await?;
    }
    Ok(Redirect::to(&format!("{}&helped={word}", self::address(&key, id, language))))
}
