//! Several conditions as a part of a form: a line for each, groups of lines, a line for one more, and the same as JSON.
//!
//! What [`Builder`] shows under names, [`read`] takes back under the same. It needs no script: a button of the form
//! draws it again with the fields of the kind, or with what can be said about the field, that was chosen meanwhile.

use askama::Template;
use serde_json::Value as Json;
use sync_core::access::Condition;
use sync_core::query::{Excess, Filter, MAX_CONDITIONS, Offer, QueryError, with_me};

use super::one;
use super::sent::{self, OF, lines, loose, weight};
use super::together::{Together, leaves};
use super::tree::{Drawing, Group};
use super::{Ground, Scope};
use crate::console::desk::Desk;
use crate::console::list::conditions_of;
use crate::console::typed::Typed;
use crate::console::words::Words;
use crate::error::Error;

/// Conditions that get a line each. More stand together in one.
const LINES_MAX: usize = 20;

/// The control that says that the form has such a part.
const FORM: &str = "form";

/// Conditions as a part of a form.
#[derive(Debug, Clone, Template)]
#[template(path = "conditions.html")]
pub struct Builder {
    /// What its controls' names begin with.
    name: String,
    /// Whether it is known what can be asked.
    has_kind: bool,
    all: Group,
    /// The same as JSON, as it was typed, and as it was when the form was made.
    json: String,
    was: String,
    /// Whether the JSON is shown at once.
    open: bool,
    /// The control that chooses the kind, if the form has one.
    follows: String,
    words: Words,
}

impl Builder {
    /// The same, drawn again when the control of that name changes.
    #[must_use]
    pub fn following(self, control: String) -> Self {
        Self { follows: control, ..self }
    }
}

/// `conditions.html` escapes every text it is given.
impl askama::filters::HtmlSafe for Builder {}

/// What the controls hold for conditions that are there already.
pub fn filled(text: &str) -> Typed {
    let mut typed = Typed::default();
    typed.add(FORM, "");
    typed.add("json", text);
    typed.add("json.was", text);
    if !is_readable(text) {
        return typed;
    }
    let (way, mut conditions) = Together::of_list(conditions_of(text));
    if conditions.iter().map(leaves).sum::<usize>() > LINES_MAX {
        conditions = vec![way.one(&conditions)];
        sent::fill(&mut typed, "", Together::All, &conditions);
    } else {
        sent::fill(&mut typed, "", way, &conditions);
    }
    typed
}

fn is_readable(text: &str) -> bool {
    text.trim().is_empty() || serde_json::from_str::<Json>(text).is_ok()
}

/// Takes over JSON that somebody changed: the lines follow it.
fn settled(typed: &Typed) -> Typed {
    let json = typed.one("json");
    if rules(typed) && is_readable(json) { filled(json) } else { typed.clone() }
}

/// Whether the JSON counts and not the lines: somebody changed it, or there are no lines because it cannot be read.
fn rules(typed: &Typed) -> bool {
    let json = typed.one("json");
    json != typed.one("json.was") || !is_readable(json)
}

/// The conditions as a filter, or what is wrong with them; empty without any. Without a kind nobody knows what is wrong.
///
/// # Errors
/// When the database fails.
pub async fn read(words: Words, ground: Option<&Ground<'_>>, typed: &Typed) -> Result<Result<String, String>, Error> {
    if sent::is_too_much(typed) {
        let bad = QueryError::TooMuch { what: Excess::Conditions, limit: MAX_CONDITIONS };
        return Ok(Err(words.label(&bad.words()).to_owned()));
    }
    let text = match (rules(typed), ground) {
        (true, _) => typed.one("json").to_owned(),
        (false, Some(ground)) => match said(ground, &one::offered(ground), typed).await? {
            Some(conditions) => text_of(&conditions, typed),
            None => return Ok(Err(words.say("filter.half").to_owned())),
        },
        (false, None) => text_of(&loose(typed), typed),
    };
    Ok(match ground.filter(|_| !text.is_empty()) {
        Some(ground) => checked(ground, &text).map(|()| text),
        None => Ok(text),
    })
}

/// What lines say; none if one of them cannot be taken.
async fn said(ground: &Ground<'_>, all: &[Offer<'_>], typed: &Typed) -> Result<Option<Vec<Json>>, Error> {
    let mut conditions = Vec::new();
    for line in lines(typed) {
        let condition = match sent::is_group(&line) {
            true => match Box::pin(said(ground, all, &line)).await? {
                Some(inner) if inner.is_empty() => continue,
                inner => inner.map(|inner| Together::of(line.one("match")).one(&inner)),
            },
            false => line_of(ground, all, &line).await?,
        };
        match condition {
            Some(condition) => conditions.push(condition),
            None => return Ok(None),
        }
    }
    Ok(Some(conditions))
}

/// What a line says that is no group, with what it says of the records that point here; none if it cannot be taken.
async fn line_of(ground: &Ground<'_>, all: &[Offer<'_>], line: &Typed) -> Result<Option<Json>, Error> {
    if line.has("raw") || !one::is_known(all, line) {
        return Ok(sent::loose_line(line));
    }
    let Ok(mut condition) = one::drawn(ground, all, line).await? else { return Ok(None) };
    let Some((there, all)) = one::pointing(ground, all, line) else { return Ok(Some(condition)) };
    let of = line.under(OF);
    let Some(inner) = Box::pin(said(&there, &all, &of)).await? else { return Ok(None) };
    if !inner.is_empty() {
        condition["value"] = Together::of(of.one("match")).list(&inner).into();
    }
    Ok(Some(condition))
}

/// Conditions as they are kept: what says the same as before stays as it was written.
fn text_of(conditions: &[Json], typed: &Typed) -> String {
    let was = typed.one("json.was");
    let list = Together::of(typed.one("match")).list(conditions);
    // Too many for a line each stand together in one, as they were.
    let apart = match &list[..] {
        [one] => Together::apart(one).filter(|(way, _)| *way == Together::All).map(|(_, all)| all),
        _ => None,
    };
    let is_same = serde_json::from_str::<Json>(was).is_ok_and(|known| [Some(list.clone()), apart].contains(&known.as_array().cloned()));
    match conditions {
        _ if is_same => was.to_owned(),
        [] => String::new(),
        _ => Json::from(list).to_string(),
    }
}

fn checked(ground: &Ground<'_>, text: &str) -> Result<(), String> {
    let (desk, kind) = (ground.desk, &*ground.kind.name);
    match ground.scope {
        Scope::Rule => {
            Condition::parse(desk.reading.schema(), kind, text).map(drop).map_err(|bad| desk.words.label(&bad.words()).to_owned())
        }
        Scope::List | Scope::Records => {
            // "Me" is whoever looks: any record's id will do here.
            let text = serde_json::from_str(text).map_or_else(|_| text.to_owned(), |json| with_me(json, desk.caller.user).to_string());
            Filter::parse(desk.reading.schema(), kind, &text).map(drop).map_err(|bad| desk.words.label(&bad.words()).to_owned())
        }
    }
}

/// The part of a form, with what was typed into it; what is wrong with a line is said there, if the form `tells`.
///
/// # Errors
/// When the database fails.
pub async fn draw(desk: &Desk, name: &str, ground: Option<&Ground<'_>>, typed: &Typed, tells: bool) -> Result<Builder, Error> {
    let typed = if sent::is_too_much(typed) { filled(typed.one("json.was")) } else { settled(typed) };
    let weight = weight(&typed);
    let drawing = Drawing { desk, tells, expands: weight <= LINES_MAX, weight };
    let all = match ground {
        Some(ground) => drawing.whole(ground, name, &typed).await?,
        None => drawing.unread(name, &typed),
    };
    let now = read(desk.words, ground, &typed).await?.ok().filter(|_| !rules(&typed));
    let json = now.unwrap_or_else(|| typed.one("json").to_owned());
    Ok(Builder {
        has_kind: ground.is_some(),
        all,
        was: if rules(&typed) { typed.one("json.was").to_owned() } else { json.clone() },
        open: rules(&typed) || (ground.is_none() && !json.is_empty()),
        json,
        name: name.to_owned(),
        follows: String::new(),
        words: desk.words,
    })
}
