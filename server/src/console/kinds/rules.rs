//! What the options of a choice bring with them, as a form holds it: one rule a line. And the board, which they are about.
//!
//! Pure. Whether a rule makes sense is for the schema; here it is only read.

use sync_core::id::FieldName;
use sync_core::schema::{Board, Choice, Field, Kind, Label, Need};

use super::form::{KindForm, Wrong};

const NEEDS: &str = " needs ";
const ASKS: &str = " asks ";
const TASKS: &str = " tasks ";
const COLUMNS: &str = " columns ";
const DAYS: &str = " days ";

/// The rules of options, one a line: `proposal needs amount, people.role=decider`.
pub fn text(options: &[Choice]) -> String {
    let mut lines = Vec::new();
    for option in options {
        let needs: Vec<String> = option.needs.iter().map(said).collect();
        let asks: Vec<String> = option.asks.iter().map(ToString::to_string).collect();
        let days = option.days.iter().chain(&option.escalate_days).map(ToString::to_string).collect();
        for (word, names) in [(NEEDS, needs), (ASKS, asks), (DAYS, days), (COLUMNS, option.columns.clone())] {
            if !names.is_empty() {
                lines.push(format!("{}{word}{}", option.value, names.join(", ")));
            }
        }
        if !option.tasks.is_empty() {
            lines.push(format!("{}{TASKS}{}", option.value, option.tasks.join("; ")));
        }
    }
    lines.join("\n")
}

fn said(need: &Need) -> String {
    let part = need.part.as_ref().map(|part| format!(".{part}")).unwrap_or_default();
    let is = need.is.as_ref().map(|is| format!("={is}")).unwrap_or_default();
    format!("{}{part}{is}", need.field)
}

/// Gives options what their rules say.
///
/// # Errors
/// When a line is no rule, or is about no option.
pub fn read(text: &str, options: &mut [Choice]) -> Result<(), Wrong> {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let found = [NEEDS, ASKS, TASKS, DAYS, COLUMNS].into_iter().find_map(|word| Some((word, line.split_once(word)?)));
        let (word, (option, names)) = found.ok_or(Wrong::NoRule)?;
        let option = option_of(option.trim(), options).ok_or(Wrong::NoRule)?;
        if word == TASKS {
            let tasks = names.split([';', '；']).map(str::trim).filter(|task| !task.is_empty());
            option.tasks.extend(tasks.map(str::to_owned));
            continue;
        }
        let names = names.split([',', '，', '、']).map(str::trim).filter(|name| !name.is_empty());
        match word {
            NEEDS => option.needs.extend(names.map(need).collect::<Result<Vec<_>, _>>()?),
            ASKS => option.asks.extend(names.map(name).collect::<Result<Vec<_>, _>>()?),
            DAYS => {
                let days: Vec<u32> = names.map(str::parse).collect::<Result<_, _>>().map_err(|_| Wrong::NoRule)?;
                (option.days, option.escalate_days) = (days.first().copied(), days.get(1).copied());
            }
            _ => option.columns.extend(names.map(str::to_owned)),
        }
    }
    Ok(())
}

/// An option that brings nothing with it yet.
pub fn option(value: String, label: Label, (colour, weight): (Option<String>, Option<u8>), hidden: bool) -> Choice {
    let (needs, asks, tasks, columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Choice { value, label, colour, weight, hidden, needs, asks, tasks, days: None, escalate_days: None, columns }
}

/// The option that a word means: its stored one, or what people read.
fn option_of<'o>(word: &str, options: &'o mut [Choice]) -> Option<&'o mut Choice> {
    let at = options.iter().position(|option| option.value == word);
    let is_called = |option: &Choice| option.label.en.eq_ignore_ascii_case(word) || option.label.zh == word;
    let at = at.or_else(|| options.iter().position(is_called))?;
    options.get_mut(at)
}

fn need(text: &str) -> Result<Need, Wrong> {
    let (path, is) = text.split_once('=').map_or((text, None), |(path, is)| (path.trim(), Some(is.trim().to_owned())));
    let (field, part) = path.split_once('.').map_or((path, None), |(field, part)| (field, Some(part)));
    Ok(Need { field: name(field)?, part: part.map(name).transpose()?, is })
}

fn name(text: &str) -> Result<FieldName, Wrong> {
    text.trim().parse().map_err(|_| Wrong::NoRule)
}

/// The board of a form. Its closed columns are written in the kind's text: those that are still there are kept.
pub fn board(form: &KindForm, base: Option<&Kind>, fields: &[Field]) -> Option<Board> {
    let optional = |name: &str| (!name.is_empty()).then(|| name.parse::<FieldName>().ok()).flatten();
    let by = optional(&form.board)?;
    let known = base.and_then(|kind| kind.board.as_ref()).filter(|board| board.by == by);
    let options = fields.iter().find(|field| field.name == by).map(|field| &field.options[..]).unwrap_or_default();
    let is_there = |value: &&String| options.iter().any(|option| option.value == **value);
    let closed = known.map(|board| board.closed.iter().filter(is_there).cloned().collect()).unwrap_or_default();
    Some(Board { by, sum: optional(&form.sum), closed, pipelines: optional(&form.pipelines) })
}
