//! Records that say which kind they are about, and under which conditions: their forms offer kinds and fields.

use serde_json::{Map, Value as Json};
use sync_core::schema::Kind;

use super::builder::{draw, filled, read};
use super::{Ground, Scope, asks};
use crate::console::desk::Desk;
use crate::console::inputs::{Candidates, Input};
use crate::console::typed::Typed;
use crate::error::Error;
use crate::jobs::sequences::SEQUENCE;

/// The kind of rules.
const RULE: &str = "rule";

/// Kinds and their fields that hold the name of a kind.
const KINDS: [(&str, &str); 2] = [(RULE, "about"), (SEQUENCE, "about")];

/// Kinds and their fields that hold conditions, and the field that names the kind whose records those are about.
const CONDITIONS: [(&str, &str, &str); 1] = [(RULE, "condition", "about")];

/// The kind that a record says it is about: as it is typed, or else as it stands there.
fn about<'d>(desk: &'d Desk, field: &str, typed: &Typed, present: &Map<String, Json>) -> Option<&'d Kind> {
    let control = format!("f.{field}");
    let name = if typed.has(&control) { typed.one(&control) } else { present.get(field).and_then(Json::as_str).unwrap_or_default() };
    desk.reading.kind(name.trim()).ok().map(|kind| &**kind)
}

/// Draws the controls of such fields beforehand.
///
/// # Errors
/// When the database fails.
pub async fn prepare(
    desk: &Desk,
    kind: &Kind,
    typed: &Typed,
    present: &Map<String, Json>,
    candidates: &mut Candidates,
) -> Result<(), Error> {
    for (_, field) in KINDS.iter().filter(|(of, _)| *of == &*kind.name) {
        let name = format!("f.{field}");
        let pick = kinds(desk, &name, typed.one(&name));
        candidates.built.insert(name, pick);
    }
    for (_, field, of) in CONDITIONS.iter().filter(|(of, ..)| *of == &*kind.name) {
        let name = format!("f.{field}");
        let ground = about(desk, of, typed, present).map(|kind| Ground { desk, kind, scope: Scope::Records });
        let part = typed.under(&name);
        let part = if part.has("form") { part } else { filled(typed.one(&name)) };
        let builder = draw(desk, &name, ground.as_ref(), &part, !asks(typed)).await?;
        candidates.built.insert(name, Input::Built(Box::new(builder.following(format!("f.{of}")))));
    }
    Ok(())
}

/// The kinds that there are; what stands there stays chosen.
fn kinds(desk: &Desk, name: &str, chosen: &str) -> Input {
    let label = |kind: &Kind| desk.words.label(&kind.plural).to_owned();
    let mut options = vec![(String::new(), desk.words.say("form.nothing").to_owned(), chosen.is_empty())];
    options.extend(desk.reading.schema().kinds().map(|kind| (kind.name.to_string(), label(kind), &*kind.name == chosen)));
    if !options.iter().any(|(_, _, chosen)| *chosen) {
        options.push((chosen.to_owned(), chosen.to_owned(), true));
    }
    Input::Pick { name: name.to_owned(), options }
}

/// Puts the conditions that were put together where the form expects them; or the first field that cannot be read, and
/// why.
///
/// # Errors
/// When the database fails.
pub async fn collect(
    desk: &Desk,
    kind: &Kind,
    typed: &mut Typed,
    present: &Map<String, Json>,
) -> Result<Result<(), (String, String)>, Error> {
    for (_, field, of) in CONDITIONS.iter().filter(|(of, ..)| *of == &*kind.name) {
        let name = format!("f.{field}");
        let part = typed.under(&name);
        if !part.has("form") {
            continue;
        }
        let ground = about(desk, of, typed, present).map(|kind| Ground { desk, kind, scope: Scope::Records });
        match read(desk.words, ground.as_ref(), &part).await? {
            Ok(text) => typed.set(&name, text),
            Err(why) => return Ok(Err(((*field).to_owned(), why))),
        }
    }
    Ok(Ok(()))
}
