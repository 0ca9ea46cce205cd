//! Several conditions as a part of a form: a line for each, a line for one more, and the same as JSON.
//!
//! What [`Builder`] shows under names, [`read`] takes back under the same. It needs no script: a button of the form
//! draws it again with the fields of the kind, or with what can be said about the field, that was chosen meanwhile.

use askama::Template;
use serde_json::{Value as Json, json};
use sync_core::access::Condition;
use sync_core::query::{Filter, Offer};

use super::held;
use super::one::{self, Controls};
use super::words::describe;
use super::{Ground, Scope};
use crate::console::desk::Desk;
use crate::console::format::Formatter;
use crate::console::links::ids_in;
use crate::console::list::{filter_of, taken_apart};
use crate::console::typed::Typed;
use crate::console::words::Words;
use crate::error::Error;
use crate::reading::Names;

/// Conditions that get a line each: every line draws a list of all fields, some 10 KB. More stand together in one.
const LINES_MAX: usize = 20;

/// The control that says that the form has such a part.
const FORM: &str = "form";

/// Conditions as a part of a form.
#[derive(Debug, Clone, Template)]
#[template(path = "conditions.html")]
pub struct Builder {
    /// What its controls' names begin with.
    name: String,
    /// Whether any one of them is enough.
    any: bool,
    /// Whether it is known what can be asked.
    has_kind: bool,
    lines: Vec<Line>,
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

/// A condition.
#[derive(Debug, Clone)]
struct Line {
    name: String,
    body: Body,
    /// Whether it is there already: it can be taken out.
    is_there: bool,
    problem: Option<String>,
}

#[derive(Debug, Clone)]
enum Body {
    /// As controls; and the field for which they were drawn.
    Controls(Controls, String),
    /// What no form shows: in words, and as it is.
    Said(String, String),
}

/// Whether a form was sent to be drawn again, not to be taken.
pub fn asks(typed: &Typed) -> bool {
    typed.one("step") == "ask"
}

/// What the controls hold for conditions that are there already.
pub fn filled(text: &str) -> Typed {
    let mut typed = Typed::default();
    typed.add(FORM, "");
    typed.add("json", text);
    typed.add("json.was", text);
    if !is_readable(text) {
        return typed;
    }
    let (any, mut conditions) = taken_apart(text);
    typed.add("any", if any { "true" } else { "" });
    if conditions.len() > LINES_MAX {
        conditions = vec![json!({"type": if any { "or" } else { "and" }, "value": conditions})];
    }
    for (at, condition) in conditions.iter().enumerate() {
        typed.add(format!("{at}.raw"), condition.to_string());
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

/// The conditions that were sent: those that are taken out are not among them.
fn lines(typed: &Typed) -> Vec<Typed> {
    let is_sent = |at: &usize| ["raw", "attribute"].iter().any(|part| typed.has(&format!("{at}.{part}")));
    let sent = (0..).take_while(is_sent).map(|at| typed.under(&at.to_string()));
    sent.filter(|line| !line.has("remove") && (line.has("raw") || !line.one("attribute").is_empty())).collect()
}

/// A condition that no control holds, as it is.
fn raw(all: &[Offer<'_>], line: &Typed) -> Option<Json> {
    if line.has("raw") {
        return serde_json::from_str(line.one("raw")).ok();
    }
    // What was said about a field of another kind.
    let attribute = line.one("attribute");
    let is_known = attribute.is_empty() || all.iter().any(|offer| offer.attribute == attribute);
    (!is_known).then(|| json!({"type": line.one("op"), "attribute": attribute, "value": line.all("v")}))
}

/// A line as controls have it: what they can hold is held by them.
async fn in_controls(ground: &Ground<'_>, all: &[Offer<'_>], line: Typed) -> Result<Result<Typed, Json>, Error> {
    let Some(condition) = raw(all, &line) else { return Ok(Ok(line)) };
    Ok(held(ground, all, &condition).await?.ok_or(condition))
}

/// Whether the controls of a line are those of the field that is chosen.
fn is_drawn(line: &Typed) -> bool {
    line.one("was") == line.one("attribute")
}

/// The conditions as a filter, or what is wrong with them; empty without any. Without a kind nobody knows what is wrong.
///
/// # Errors
/// When the database fails.
pub async fn read(words: Words, ground: Option<&Ground<'_>>, typed: &Typed) -> Result<Result<String, String>, Error> {
    let text = match (rules(typed), ground) {
        (true, _) => typed.one("json").to_owned(),
        (false, Some(ground)) => match put_together(ground, typed).await? {
            Some(text) => text,
            None => return Ok(Err(words.say("filter.half").to_owned())),
        },
        (false, None) => {
            let conditions: Vec<Json> = lines(typed).iter().filter_map(|line| raw(&[], line)).collect();
            text_of(&conditions, typed)
        }
    };
    Ok(match ground.filter(|_| !text.is_empty()) {
        Some(ground) => checked(ground, &text).map(|()| text),
        None => Ok(text),
    })
}

/// What the lines say; none if one of them cannot be taken.
async fn put_together(ground: &Ground<'_>, typed: &Typed) -> Result<Option<String>, Error> {
    let all = one::offered(ground);
    let mut conditions = Vec::new();
    for line in lines(typed) {
        match line_of(ground, &all, line).await? {
            Ok(condition) => conditions.push(condition),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(text_of(&conditions, typed)))
}

/// What a line says, or what is wrong with it.
async fn line_of(ground: &Ground<'_>, all: &[Offer<'_>], line: Typed) -> Result<Result<Json, String>, Error> {
    match raw(all, &line) {
        Some(condition) => Ok(Ok(condition)),
        None if !is_drawn(&line) => Ok(Err(ground.desk.words.say("filter.choose").to_owned())),
        None => one::read(ground, all, &line).await,
    }
}

/// Conditions as they are kept: what says the same as before stays as it was written.
fn text_of(conditions: &[Json], typed: &Typed) -> String {
    let was = typed.one("json.was");
    let text = filter_of(conditions, typed.one("any") == "true");
    let is_same = serde_json::from_str::<Json>(was).is_ok_and(|known| Some(known) == serde_json::from_str(&text).ok());
    match conditions {
        _ if is_same => was.to_owned(),
        [] => String::new(),
        _ => text,
    }
}

fn checked(ground: &Ground<'_>, text: &str) -> Result<(), String> {
    let (desk, kind) = (ground.desk, &*ground.kind.name);
    match ground.scope {
        Scope::Rule => {
            Condition::parse(desk.reading.schema(), kind, text).map(drop).map_err(|bad| desk.words.label(&bad.words()).to_owned())
        }
        Scope::List | Scope::Records => {
            Filter::parse(desk.reading.schema(), kind, text).map(drop).map_err(|bad| desk.words.label(&bad.words()).to_owned())
        }
    }
}

/// The part of a form, with what was typed into it; what is wrong with a line is said there, if the form `tells`.
///
/// # Errors
/// When the database fails.
pub async fn draw(desk: &Desk, name: &str, ground: Option<&Ground<'_>>, typed: &Typed, tells: bool) -> Result<Builder, Error> {
    let typed = settled(typed);
    let all = ground.map(one::offered).unwrap_or_default();
    let mut drawn = Vec::new();
    let mut sent = lines(&typed);
    sent.extend(ground.map(|_| Typed::default()));
    for (at, line) in sent.into_iter().enumerate() {
        drawn.push(drawn_line(desk, format!("{name}.{at}"), ground, &all, line, tells).await?);
    }
    let now = read(desk.words, ground, &typed).await?.ok().filter(|_| !rules(&typed));
    let json = now.unwrap_or_else(|| typed.one("json").to_owned());
    Ok(Builder {
        any: typed.one("any") == "true",
        has_kind: ground.is_some(),
        lines: drawn,
        was: if rules(&typed) { typed.one("json.was").to_owned() } else { json.clone() },
        open: rules(&typed) || (ground.is_none() && !json.is_empty()),
        json,
        name: name.to_owned(),
        follows: String::new(),
        words: desk.words,
    })
}

async fn drawn_line(
    desk: &Desk,
    name: String,
    ground: Option<&Ground<'_>>,
    all: &[Offer<'_>],
    line: Typed,
    tells: bool,
) -> Result<Line, Error> {
    let is_there = line.has("raw") || line.has("attribute");
    let held = match ground {
        Some(ground) => in_controls(ground, all, line).await?,
        None => Err(raw(&[], &line).unwrap_or_default()),
    };
    let (body, problem) = match (ground, held) {
        (Some(ground), Ok(line)) => {
            let problem = if tells && is_there { line_of(ground, all, line.clone()).await?.err() } else { None };
            // What stood in the controls of another field says nothing about this one.
            let line = if is_drawn(&line) { line } else { line.only("attribute") };
            let field = line.one("attribute").to_owned();
            (Body::Controls(Controls::of(ground, all, format!("{name}."), &line).await?, field), problem)
        }
        (ground, Err(condition)) => (Body::Said(said(desk, ground, all, &condition).await?, condition.to_string()), None),
        (None, Ok(line)) => (Body::Said(line.one("attribute").to_owned(), String::new()), None),
    };
    Ok(Line { name, body, is_there, problem })
}

/// A condition in words.
async fn said(desk: &Desk, ground: Option<&Ground<'_>>, all: &[Offer<'_>], condition: &Json) -> Result<String, Error> {
    let names: Names = desk.reading.names_of(ids_in(condition)).await?;
    Ok(ground
        .map_or_else(|| condition.to_string(), |ground| describe(ground, &Formatter { words: desk.words, names: &names }, all, condition)))
}
