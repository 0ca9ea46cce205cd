//! Building a filter by hand: the conditions as words, a form for one of them, and one for all of them with groups.
//!
//! Only what the filter language knows is offered (`query::offers`); what comes back is read by it.

use axum::Form;
use axum::extract::{Query, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value as Json;
use sync_core::id::RecordId;
use sync_core::query::Class;
use sync_core::schema::Kind;

use super::asked::Asked;
use super::page;
use super::shape::Shape;
use super::views;
use crate::console::conditions::{
    self, Builder, Controls, Ground, Needs, Scope, describe, held, is_nothing, label, offered, read_one, sayings, values,
};
use crate::console::desk::Desk;
use crate::console::edit::Posted;
use crate::console::format::Shown;
use crate::console::links::ids_in;
use crate::console::typed::Typed;
use crate::error::Error;
use crate::place::Path;
use crate::reading::Names;

/// The panel with all conditions, and what its controls' names begin with.
pub const WHOLE: &str = "conditions";

/// Conditions that are told one by one: each has addresses of its own, and all of them say all conditions again.
const CHIPS_MAX: usize = 8;

/// A condition as words, with where to change it and where it goes away.
pub struct Chip {
    /// What it says about what.
    pub label: String,
    /// What it says.
    pub test: String,
    /// With which values.
    pub values: Vec<Shown>,
    /// Where it is changed: alone, or with all the others if it is more than one.
    pub edit: String,
    /// The list without it.
    pub remove: String,
}

/// The form for one condition.
pub struct Editor {
    /// What is asked.
    pub controls: Controls,
    /// What else goes with the form.
    pub hidden: Vec<(&'static str, String)>,
    /// Why it was not taken.
    pub error: Option<String>,
}

/// What the conditions of a list are about.
fn ground<'a>(desk: &'a Desk, kind: &'a Kind) -> Ground<'a> {
    Ground { desk, kind, scope: Scope::List }
}

/// The records that a list's conditions name, for showing them by their titles.
pub fn linked(shape: &Shape) -> Vec<RecordId> {
    shape.conditions.iter().flat_map(ids_in).collect()
}

/// The conditions of a list as words.
pub fn chips(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, names: &Names) -> Vec<Chip> {
    if shape.conditions.len() > CHIPS_MAX {
        let remove = Asked { filter: Some("[]".to_owned()), ..asked.plain() }.address(kind);
        let label = desk.words.count("filter.many", shape.conditions.len() as u64);
        return vec![Chip { label, test: String::new(), values: Vec::new(), edit: asked.with_panel(WHOLE).address(kind), remove }];
    }
    let all = if shape.conditions.is_empty() { Vec::new() } else { offered(&ground(desk, kind)) };
    let format = desk.formatter(names);
    let chip = |(at, condition): (usize, &Json)| {
        let mut others = shape.conditions.clone();
        others.remove(at);
        let remove = Asked { filter: Some(super::shape::filter_of(&others, shape.any)), ..asked.plain() }.address(kind);
        let attribute = condition.get("attribute").and_then(Json::as_str).unwrap_or_default();
        let operator = condition.get("type").and_then(Json::as_str).unwrap_or_default();
        let offer = all.iter().find(|offer| offer.attribute == attribute);
        let known = offer.and_then(|offer| Some((offer, sayings(offer, Scope::List).iter().find(|said| said.operator == operator)?)));
        let value = condition.get("value").unwrap_or(&Json::Null);
        let Some((offer, said)) = known.filter(|(offer, _)| offer.class != Class::Opaque || is_nothing(value)) else {
            let label = describe(&ground(desk, kind), &format, &all, condition);
            let edit = asked.with_panel(WHOLE).address(kind);
            return Chip { label, test: String::new(), values: Vec::new(), edit, remove };
        };
        let edit = Asked { attribute: attribute.to_owned(), at: Some(at), ..asked.with_panel("filter") };
        let value = if said.needs == Needs::Count { &condition["count"] } else { value };
        Chip {
            label: label(&ground(desk, kind), offer),
            test: desk.words.say(said.key).to_owned(),
            values: if said.needs == Needs::Nothing { Vec::new() } else { values(&format, offer, value) },
            edit: edit.address(kind),
            remove,
        }
    };
    shape.conditions.iter().enumerate().map(chip).collect()
}

/// The form for a condition: a new one, or the one that `at` names.
pub async fn editor(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, typed: &Typed, error: Option<String>) -> Result<Editor, Error> {
    let ground = ground(desk, kind);
    let all = offered(&ground);
    let is_one = |before: &&Json| {
        before["attribute"] == asked.attribute && !before["value"].as_array().is_some_and(|all| all.iter().any(Json::is_object))
    };
    let before = asked.at.and_then(|at| shape.conditions.get(at)).filter(is_one);
    let operator = if asked.op.is_empty() { before.and_then(|before| before["type"].as_str()).unwrap_or_default() } else { &asked.op };
    // What was typed, or else what the condition says that is there already, if the controls can hold all of it.
    let mut typed = match before.filter(|before| before["type"] == operator) {
        _ if typed.has("v") || typed.has("v.q") => typed.clone(),
        Some(before) => held(&ground, &all, before).await?.unwrap_or_default(),
        None => Typed::default(),
    };
    typed.set("attribute", &*asked.attribute);
    typed.set("op", operator);
    let mut hidden = asked.plain().lasting();
    hidden.extend(asked.at.map(|at| ("at", at.to_string())));
    Ok(Editor { controls: Controls::of(&ground, &all, String::new(), &typed).await?, hidden, error })
}

/// `GET /records/{kind}/filter`: the list with one condition more, or another one.
pub async fn build(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>, RawQuery(raw): RawQuery) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let shape = Shape::of(&desk, &kind, &asked, &views::offered(&desk, &kind, &asked).await?);
    let pairs = pairs(&raw.unwrap_or_default());
    let (typed, ground) = (Typed::new(pairs), ground(&desk, &kind));
    if typed.has("any") {
        let filter = super::shape::filter_of(&shape.conditions, typed.one("any") == "true");
        return Ok(Redirect::to(&Asked { filter: Some(filter), ..asked.plain() }.address(&kind)).into_response());
    }
    let condition = match read_one(&ground, &offered(&ground), &typed).await? {
        Ok(condition) => condition,
        Err(error) => return page::show_with(&desk, &kind, Asked { panel: "filter".to_owned(), ..asked }, Some((typed, error))).await,
    };
    let mut conditions = shape.conditions;
    match asked.at.and_then(|at| conditions.get_mut(at)) {
        Some(before) => *before = condition,
        None => conditions.push(condition),
    }
    let filter = super::shape::filter_of(&conditions, shape.any);
    Ok(Redirect::to(&Asked { filter: Some(filter), ..asked.plain() }.address(&kind)).into_response())
}

/// The form for all conditions at once: those of the list, or what was typed.
pub async fn whole(desk: &Desk, kind: &Kind, shape: &Shape, typed: Option<&Typed>) -> Result<Builder, Error> {
    let part = typed.map_or_else(|| conditions::filled(&shape.filter()), |typed| typed.under(WHOLE));
    conditions::draw(desk, WHOLE, Some(&ground(desk, kind)), &part, typed.is_some_and(|typed| !conditions::asks(typed))).await
}

/// `POST /records/{kind}/filter`: the list with other conditions, or the form for them drawn again.
pub async fn put_together(
    desk: Desk,
    Path(kind): Path<String>,
    Query(asked): Query<Asked>,
    Form(pairs): Posted,
) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let typed = Typed::new(pairs);
    let asked = asked.with_panel(WHOLE);
    if conditions::asks(&typed) {
        return page::show_built(&desk, &kind, asked, (typed, None)).await;
    }
    match conditions::read(desk.words, Some(&ground(&desk, &kind)), &typed.under(WHOLE)).await? {
        Ok(text) => {
            let filter = Some(if text.is_empty() { "[]".to_owned() } else { text });
            Ok(Redirect::to(&Asked { filter, ..asked.plain() }.address(&kind)).into_response())
        }
        Err(why) => page::show_built(&desk, &kind, asked, (typed, Some(why))).await,
    }
}

/// Names and values of an address, in order.
pub fn pairs(raw: &str) -> Vec<(String, String)> {
    axum::http::Uri::builder()
        .path_and_query(format!("/?{raw}"))
        .build()
        .ok()
        .and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok())
        .map(|Query(pairs)| pairs)
        .unwrap_or_default()
}
