//! What will be computed of a record that is being made, such as the total of a quote, while somebody types.
//!
//! Computes nothing itself: what was typed becomes edits, as when it is saved, and `sync_core` says what their row has.

use askama::Template;
use axum::Form;
use axum::http::StatusCode;
use axum::response::Response;
use sync_core::projection;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Kind};

use super::desk::{Desk, page as answer};
use super::edit::{Posted, read};
use super::make;
use super::typed::Typed;
use crate::error::Error;
use crate::place::Path;
use crate::reading::Names;

/// The computed fields of a kind: label and value, empty while there is none.
#[derive(Template)]
#[template(path = "foreseen.html")]
pub struct Foreseen {
    fields: Vec<(String, String)>,
}

/// The form includes it.
impl askama::filters::HtmlSafe for Foreseen {}

/// `POST /records/{kind}/foreseen`.
pub async fn while_typing(desk: Desk, Path(kind): Path<String>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = make::makeable(&desk, &kind)?;
    answer(StatusCode::OK, &Foreseen::of(&desk, &kind, &Typed::new(posted)))
}

impl Foreseen {
    /// Of what was typed so far. What cannot be read yet counts for nothing.
    pub fn of(desk: &Desk, kind: &Kind, typed: &Typed) -> Self {
        let computed: Vec<&Field> = computed(desk, kind).collect();
        if computed.is_empty() {
            return Self { fields: Vec::new() };
        }
        let written: Vec<&Field> = make::fields(desk, kind).collect();
        let rows = make::offered(&written, typed);
        let edits: Vec<FieldEdit> = written.iter().flat_map(|field| read(desk, &[field], typed, &rows).unwrap_or_default()).collect();
        let row = projection::foreseen(kind, &edits);
        let names = Names::new();
        let format = desk.formatter(&names);
        let value = |field: &Field| row.get(&*field.name).map(|value| format.field(field, value).text()).unwrap_or_default();
        Self { fields: computed.into_iter().map(|field| (desk.words.label(&field.label).to_owned(), value(field))).collect() }
    }

    /// Whether there is anything to tell.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// The computed fields that the caller may see, but for those that go by a moment which has not come.
fn computed<'k>(desk: &Desk, kind: &'k Kind) -> impl Iterator<Item = &'k Field> {
    kind.fields.iter().filter(|field| {
        !field.hidden && field.computed().is_some_and(|formula| !formula.tells_time()) && desk.reading.may_read(kind, &field.name)
    })
}
