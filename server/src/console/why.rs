//! Why an edit was not taken, in words: at which field, and what would be right.

use sync_core::fence::Refusal;
use sync_core::protocol::code;
use sync_core::record::fields::BadEdit;
use sync_core::record::valid::BadValue;
use sync_core::schema::{Field, Kind};

use super::desk::Desk;
use super::typed::Wrong;
use crate::error::{Error, sentence};
use crate::intake::NotEdited;
use crate::writing::WriteError;

/// A sentence, and the field it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The field, if it is about one.
    pub field: Option<String>,
    /// The sentence.
    pub text: String,
    /// Whether nothing is wrong with it: it waits for somebody who may approve it.
    pub held: bool,
}

/// What became of something written: done, or what the caller can act upon, or what is nobody's to put right here.
pub fn written<T>(desk: &Desk, kind: &Kind, written: Result<T, WriteError>) -> Result<Result<T, Why>, Error> {
    let plain = |key| Why { field: None, text: desk.words.say(key).to_owned(), held: false };
    let at = |field: &str, text: String| Why { field: named(desk, kind, field).0, text, held: false };
    let why = match written {
        Ok(done) => return Ok(Ok(done)),
        Err(WriteError::Missing { field, .. }) => at(&field, desk.words.say("why.required").to_owned()),
        Err(WriteError::Empty) => plain("why.empty"),
        Err(WriteError::NoConflict(_)) => plain("conflict.over"),
        Err(WriteError::MayNot { field, message }) => at(&field, desk.words.label(&message).to_owned()),
        Err(WriteError::NotEdited(not)) => why(desk, kind, &not),
        Err(WriteError::Exists(_)) => plain("why.exists"),
        Err(error @ (WriteError::NotThere | WriteError::OutOfScope(_) | WriteError::Read(_) | WriteError::Intake(_))) => {
            return Err(error.into());
        }
    };
    Ok(Err(why))
}

/// The field of a name such as `lines.price`, and what people call it.
fn named(desk: &Desk, kind: &Kind, name: &str) -> (Option<String>, String) {
    let (first, part) = name.split_once('.').map_or((name, None), |(first, part)| (first, Some(part)));
    let Some(field) = kind.field(first.split('/').next().unwrap_or_default()) else { return (None, name.to_owned()) };
    let item = part.and_then(|part| field.item(part)).unwrap_or(field);
    (Some(field.name.to_string()), desk.words.label(&item.label).to_owned())
}

/// What is wrong with an edit, at its field.
pub fn at_field(desk: &Desk, kind: &Kind, bad: &BadEdit) -> Why {
    why(desk, kind, &NotEdited::BadEdit(bad.clone()))
}

fn why(desk: &Desk, kind: &Kind, not: &NotEdited) -> Why {
    let plain = |key| Why { field: None, text: desk.words.say(key).to_owned(), held: false };
    match not {
        NotEdited::UnknownKind(_) | NotEdited::NoSuchRecord => plain("why.gone"),
        NotEdited::Stale(_) => plain("why.meanwhile"),
        NotEdited::Crowded => plain("why.crowded"),
        NotEdited::Exists => plain("why.exists"),
        NotEdited::BadEdit(BadEdit::BadValue { field, problem }) | NotEdited::Refused(Refusal::BadValue { field, problem }) => {
            let text = bad_value(desk, kind, field, problem);
            Why { field: named(desk, kind, field).0, text, held: false }
        }
        NotEdited::BadEdit(BadEdit::UnknownField { field, .. } | BadEdit::WrongOp { field, .. }) => {
            Why { field: named(desk, kind, field).0, text: desk.words.say("why.not_so").to_owned(), held: false }
        }
        NotEdited::Refused(Refusal::Frozen { field, by, value }) => frozen(desk, kind, field, by, value),
        NotEdited::Refused(refusal) => {
            let field = refusal.field().and_then(|field| named(desk, kind, field).0);
            Why { field, text: sentence(desk.words.0.of(&refusal.to_string(), &refusal.message_zh())), held: false }
        }
        NotEdited::Denied { code: code::FROZEN, field: Some(field), .. }
            if kind.field(field).is_some_and(|field| field.frozen.is_some()) =>
        {
            let by = kind.field(field).and_then(|field| field.frozen.as_ref()).map_or("", |frozen| &frozen.field);
            let [(name, label), (_, by)] = [named(desk, kind, field), named(desk, kind, by)];
            Why { field: name, text: desk.words.fill("why.frozen_now", &[&label, &by]), held: false }
        }
        NotEdited::Denied { field, message, .. } | NotEdited::Held { field, message, .. } => {
            let field = field.as_ref().and_then(|field| named(desk, kind, field).0);
            let (held, text) = (matches!(not, NotEdited::Held { .. }), desk.words.label(message));
            Why { field, text: if held { desk.words.fill("why.held", &[text]) } else { text.to_owned() }, held }
        }
    }
}

fn frozen(desk: &Desk, kind: &Kind, field: &str, by: &str, value: &str) -> Why {
    let (name, label) = named(desk, kind, field);
    let (_, by_label) = named(desk, kind, by);
    let option = kind.field(by).and_then(|field| field.option(value));
    let state = option.map_or(value, |option| desk.words.label(&option.label));
    Why { field: name, text: desk.words.fill("why.frozen", &[&label, &by_label, state]), held: false }
}

fn bad_value(desk: &Desk, kind: &Kind, name: &str, problem: &BadValue) -> String {
    let (_, label) = named(desk, kind, name);
    match problem {
        BadValue::TooLong { chars, limit } => desk.words.fill("why.too_long", &[&label, &chars.to_string(), &limit.to_string()]),
        BadValue::NoSuchOption { found, .. } => desk.words.fill("why.no_option", &[&label, found]),
        BadValue::NoEmail { found } => desk.words.fill("bad.email", &[found]),
        BadValue::NoWebAddress { found } => desk.words.fill("bad.url", &[found]),
        BadValue::NoPhone { found } => desk.words.fill("bad.phone", &[found]),
        BadValue::NoCurrency { found } => desk.words.fill("bad.currency", &[found]),
        BadValue::NoYear { .. }
        | BadValue::EndsBefore { .. }
        | BadValue::TooLow { .. }
        | BadValue::TooHigh { .. }
        | BadValue::NoRecord
        | BadValue::OtherKind { .. } => {
            desk.words.fill("why.at_field", &[&label, desk.words.0.of(&problem.to_string(), &problem.message_zh())])
        }
        BadValue::ZeroCharacter | BadValue::NoManager | BadValue::Unmet { .. } => {
            sentence(desk.words.0.of(&problem.to_string(), &problem.message_zh()))
        }
        BadValue::Type { .. } | BadValue::NoSuchItem | BadValue::ItemExists => desk.words.fill("why.bad_value", &[&label]),
    }
}

/// Why an edit is not one that somebody may make up.
pub fn refused(desk: &Desk, kind: &Kind, bad: &BadEdit) -> String {
    why(desk, kind, &NotEdited::BadEdit(bad.clone())).text
}

/// What is wrong with something typed.
pub fn wrong(desk: &Desk, field: &Field, wrong: &Wrong) -> String {
    let part = match wrong.key {
        // The label came in English from where no language is known.
        "bad.part_missing" => {
            let item = field.items.iter().find(|item| item.label.en == wrong.part);
            item.map_or(wrong.part.clone(), |item| desk.words.label(&item.label).to_owned())
        }
        _ => wrong.part.clone(),
    };
    desk.words.fill(wrong.key, &[&part])
}

/// What is wrong with something typed that belongs to no record.
pub fn wrong_value(desk: &Desk, wrong: &Wrong) -> String {
    desk.words.fill(wrong.key, &[&wrong.part])
}

/// What to do about a title that may mean several records, or none.
pub fn unclear(desk: &Desk, matches: &[(String, Vec<(String, String)>)]) -> String {
    let none = matches.iter().any(|(_, found)| found.is_empty());
    desk.words.say(if none { "why.no_match" } else { "why.several" }).to_owned()
}
