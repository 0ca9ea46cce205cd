//! What a kind takes from its fields: its board, the board's sum, its owner.
//!
//! A field that has no name yet is meant by its place, so that a kind is made in one go.

use super::form::KindForm;
use super::{Option3, preview};
use crate::console::desk::Desk;

/// A choice among the fields of a form.
pub struct PickView {
    /// The control.
    pub name: &'static str,
    /// What it is called.
    pub label: String,
    /// What is said beside it.
    pub hint: Option<String>,
    /// The types that fit; the script that follows what is typed reads them.
    pub fits: String,
    /// Nothing, and the fields that fit.
    pub options: Vec<Option3>,
}

/// A choice: its control, what it is called, what is said beside it, and which types of fields fit.
type Pick = (&'static str, &'static str, Option<&'static str>, &'static [&'static str]);

const PICKS: [Pick; 4] = [
    ("board", "kind.board", Some("kind.board_hint"), &["choice"]),
    ("sum", "kind.sum", None, &["money", "number", "integer"]),
    ("pipelines", "kind.pipelines", Some("kind.pipelines_hint"), &["choice"]),
    ("owner", "kind.owner", None, &["link"]),
];

impl PickView {
    /// The choices among the fields as they stand in a form.
    pub fn all(desk: &Desk, form: &KindForm) -> Vec<Self> {
        let chosen = [&form.board, &form.sum, &form.pipelines, &form.owner];
        let say = |key: &'static str| desk.words.say(key).to_owned();
        let pick = |((name, label, hint, fits), chosen): (Pick, &String)| Self {
            name,
            label: say(label),
            hint: hint.map(say),
            fits: fits.join(" "),
            options: options(desk, form, chosen, fits),
        };
        PICKS.into_iter().zip(chosen).map(pick).collect()
    }
}

fn options(desk: &Desk, form: &KindForm, chosen: &str, fits: &[&str]) -> Vec<Option3> {
    let mut options = vec![(String::new(), desk.words.say("form.nothing").to_owned(), chosen.is_empty())];
    for (place, field) in form.fields.iter().enumerate().filter(|(_, field)| fits.contains(&&*field.value) && !field.hidden) {
        let label = preview::label_of(desk, field);
        if !label.is_empty() {
            let value = if field.name.is_empty() { KindForm::by_place(place) } else { field.name.clone() };
            let is_chosen = value == chosen;
            options.push((value, label, is_chosen));
        }
    }
    options
}
