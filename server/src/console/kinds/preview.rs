//! How a kind will look before it is saved: its list, its form, its board.

use sync_core::schema::{Kind, Schema};

use super::form::FieldForm;
use crate::console::desk::Desk;
use crate::console::inputs::{Candidates, Input, Inputs};
use crate::console::typed::Typed;
use crate::error::Error;
use crate::reading::Names;

/// A kind as it will look.
pub struct Preview {
    /// Many of it.
    pub plural: String,
    /// The columns of its list.
    pub columns: Vec<String>,
    /// The controls of its form: label, whether it must be filled in, control.
    pub inputs: Vec<(String, bool, Input)>,
    /// The columns of its board: label and colour.
    pub lanes: Vec<(String, String)>,
}

impl Preview {
    /// Of a kind.
    pub fn of(desk: &Desk, kind: &Kind) -> Result<Self, Error> {
        // A built-in kind has fields that the definition need not repeat.
        let schema = Schema::clone(desk.reading.schema()).with([kind.clone()]);
        let kind = schema.kind(&kind.name).ok_or(Error::NotFound)?;
        let (names, candidates, typed) = (Names::new(), Candidates::default(), Typed::default());
        let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
        let label = |name: &str| kind.field(name).map(|field| desk.words.label(&field.label).to_owned());
        let control =
            |field: &sync_core::schema::Field| Some((desk.words.label(&field.label).to_owned(), field.required, inputs.of(field, &typed)?));
        let board = kind.board.as_ref().and_then(|board| kind.field(&board.by));
        let lane =
            |option: &sync_core::schema::Choice| (desk.words.label(&option.label).to_owned(), option.colour.clone().unwrap_or_default());
        Ok(Self {
            plural: desk.words.label(&kind.plural).to_owned(),
            columns: kind.list.iter().filter_map(|name| label(name)).collect(),
            inputs: kind.fields.iter().filter(|field| !field.hidden).filter_map(control).collect(),
            lanes: board.map(|field| field.options.iter().map(lane).collect()).unwrap_or_default(),
        })
    }
}

/// What people read of a field in a form.
pub fn label_of(desk: &Desk, field: &FieldForm) -> String {
    let (one, other) = (desk.words.0.of(&field.label.en, &field.label.zh), desk.words.0.of(&field.label.zh, &field.label.en));
    if one.is_empty() { other.to_owned() } else { one.to_owned() }
}
