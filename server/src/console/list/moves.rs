//! A card that goes to another column: what it is asked for there, and why it may not.

use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::record::gates;
use sync_core::schema::{Field, Kind};

use super::asked::Asked;
use super::page;
use crate::console::desk::Desk;
use crate::console::edit::{Posted, read};
use crate::console::inputs::{Input, Inputs, filled};
use crate::console::links;
use crate::console::record::Editing;
use crate::console::typed::{Typed, name_of};
use crate::console::why;
use crate::error::Error;
use crate::place::Path;
use crate::reading::Row;

/// What a card is asked for before it goes to another column.
#[derive(Clone)]
pub struct Asking {
    /// Where it is sent.
    pub action: String,
    /// The card.
    pub id: String,
    /// The column.
    pub value: String,
    /// What it is about, in words.
    pub title: String,
    /// The controls: name, label, whether something must stand there.
    pub inputs: Vec<(String, String, bool, Input)>,
    /// Why it was not taken.
    pub problem: Option<String>,
    /// The board without it.
    pub cancel: String,
}

/// What a column asks for that a card has not: each field, and whether it must be there.
fn asked_for<'k>(desk: &Desk, kind: &'k Kind, by: &Field, state: &str, row: &Row) -> Vec<(&'k Field, bool)> {
    let Some(option) = by.option(state) else { return Vec::new() };
    let facts = |name: &str| row.fields.get(name).cloned();
    let must = gates::unmet(by, state, &facts).into_iter().filter_map(|need| kind.field(&need.field)).map(|field| (field, true));
    let may = gates::unsaid(kind, option, &row.fields).into_iter().map(|field| (field, false));
    let mut asked: Vec<(&Field, bool)> = Vec::new();
    for (field, must) in must.chain(may).filter(|(field, _)| !field.hidden && desk.reading.may_write(kind, &field.name)) {
        if !asked.iter().any(|(known, _)| known.name == field.name) {
            asked.push((field, must));
        }
    }
    asked
}

/// `POST /records/{kind}/move`: the card goes there, or the page asks for what is missing, or says why not.
pub async fn save(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let by = kind.board.as_ref().and_then(|board| kind.field(&board.by)).ok_or(Error::NotFound)?;
    let mut typed = Typed::new(posted);
    let id: RecordId = typed.one("id").parse().map_err(|_| Error::NotFound)?;
    let row = desk.reading.row(id).await?.filter(|row| row.kind == kind.name).ok_or(Error::NotFound)?;
    let (state, missing) = (typed.one("value").to_owned(), asked_for(&desk, &kind, by, typed.one("value"), &row));
    let moving = Moving { desk: &desk, kind: &kind, asked: &asked, row: &row, by, state: &state, missing: &missing };
    if !missing.is_empty() && !typed.has("whole") {
        return moving.ask(&typed, None, Vec::new()).await;
    }
    let unclear = links::resolve(&desk, &kind, &mut typed).await?;
    if !unclear.is_empty() {
        return moving.ask(&typed, Some(why::unclear(&desk, &unclear)), unclear).await;
    }
    match moving.go(&typed).await? {
        Ok(()) => Ok(Redirect::to(&asked.closed().address(&kind)).into_response()),
        Err(why) if missing.is_empty() => page::show(&desk, &kind, asked, Editing::default(), Some(why)).await,
        Err(why) => moving.ask(&typed, Some(why), Vec::new()).await,
    }
}

/// A card on its way.
struct Moving<'a> {
    desk: &'a Desk,
    kind: &'a Kind,
    asked: &'a Asked,
    row: &'a Row,
    by: &'a Field,
    state: &'a str,
    missing: &'a [(&'a Field, bool)],
}

impl Moving<'_> {
    /// Writes the state with what was asked for; or why not.
    async fn go(&self, typed: &Typed) -> Result<Result<(), String>, Error> {
        let fields: Vec<&Field> = self.missing.iter().map(|(field, _)| *field).collect();
        let given = match read(self.desk, &fields, typed, &self.row.fields) {
            Ok(given) => given,
            Err((_, text)) => return Ok(Err(text)),
        };
        let value = if self.state.is_empty() { json!(null) } else { json!(self.state) };
        let edits = given.into_iter().chain([FieldEdit::set(&self.by.name, value)]).collect();
        let written = self.desk.writing().edit(&self.kind.name, self.row.id, edits).await;
        Ok(why::written(self.desk, self.kind, written)?.map_err(|why| why.text))
    }

    /// The board with a form for what is missing.
    async fn ask(&self, typed: &Typed, problem: Option<String>, matches: Vec<(String, Vec<(String, String)>)>) -> Result<Response, Error> {
        let (desk, kind) = (self.desk, self.kind);
        let mut candidates = links::candidates(desk, self.missing.iter().map(|(field, _)| *field)).await?;
        candidates.matches = matches.into_iter().collect();
        let names = links::names_in(desk, kind, &[typed]).await?;
        let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
        let control = |(field, must): &(&Field, bool)| {
            let present = filled(field, self.row.fields.get(&*field.name));
            let input = inputs.of(field, if typed.has("whole") { typed } else { &present })?;
            Some((name_of(field), desk.words.label(&field.label).to_owned(), *must, input))
        };
        let state = self.by.option(self.state).map_or(self.state, |option| desk.words.label(&option.label));
        let asking = Asking {
            action: self.asked.closed().below(kind, "move"),
            id: self.row.id.to_string(),
            value: self.state.to_owned(),
            title: desk.words.fill("board.asking", &[&self.row.title, state]),
            inputs: self.missing.iter().filter_map(control).collect(),
            problem,
            cancel: self.asked.closed().address(kind),
        };
        page::show_asking(desk, kind, self.asked.clone(), asking).await
    }
}
