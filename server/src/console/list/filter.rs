//! Building a filter by hand: the conditions as words, and a form for one of them.
//!
//! Only what the filter language knows is offered (`query::offers`); what comes back is read by it.

use axum::extract::{Path, Query, RawQuery};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value as Json, json};
use sync_core::id::RecordId;
use sync_core::query::{Class, Filter, ME, Offer, offers};
use sync_core::schema::{Field, Kind, ValueType};

use super::asked::Asked;
use super::page;
use super::said::{Needs, Said, sayings};
use super::shape::Shape;
use super::views;
use crate::console::desk::Desk;
use crate::console::format::{Formatter, Shown};
use crate::console::inputs::{Candidates, Input, Inputs};
use crate::console::links;
use crate::console::typed::{Typed, Wrong, scalar};
use crate::console::why;
use crate::error::Error;
use crate::reading::Names;

/// A condition as words, with where to change it and where it goes away.
pub struct Chip {
    /// What it says about what.
    pub label: String,
    /// What it says.
    pub test: String,
    /// With which values.
    pub values: Vec<Shown>,
    /// Where it is changed; none for what no form can show.
    pub edit: Option<String>,
    /// The list without it.
    pub remove: String,
}

/// A heading with what stands under it: an attribute, its label, whether it is chosen.
pub type Heading = (String, Vec<(String, String, bool)>);

/// The form for one condition.
pub struct Editor {
    /// What can be asked about: heading, attributes with their labels, and whether chosen.
    pub attributes: Vec<Heading>,
    /// What can be said about the chosen one.
    pub operators: Vec<(&'static str, &'static str, bool)>,
    /// What to compare with.
    pub inputs: Vec<Input>,
    /// What else goes with the form.
    pub hidden: Vec<(&'static str, String)>,
    /// Why it was not taken.
    pub error: Option<String>,
}

/// The attributes that the caller may ask about, what every record has at the end.
fn offered<'a>(desk: &'a Desk, kind: &'a Kind) -> Vec<Offer<'a>> {
    let schema = desk.reading.schema();
    let mut all = offers(schema, kind);
    // What may not be read may not be asked about: the first field is of this kind, the second perhaps of a linked one.
    all.retain(|offer| {
        let operator = if offer.class == Class::Opaque { "any" } else { "isNotNull" };
        let filter = json!([{"type": operator, "attribute": offer.attribute}]).to_string();
        desk.reading.query(&kind.name, [("where", &*filter)]).is_ok()
    });
    for attribute in ["createdAt", "updatedAt"] {
        all.push(Offer {
            attribute: attribute.to_owned(),
            fields: Vec::new(),
            part: None,
            class: Class::Moment,
            is_many: false,
            from: None,
        });
    }
    all
}

fn label(desk: &Desk, offer: &Offer<'_>) -> String {
    let words = desk.words;
    let mut parts: Vec<&str> = offer.fields.iter().map(|field| words.label(&field.label)).collect();
    let source = offer.from.map(|source| format!("{} ({})", words.label(&source.plural), parts.remove(0)));
    parts.splice(0..0, source.as_deref());
    match (offer.attribute.rsplit('.').next().unwrap_or_default(), offer.part) {
        ("createdAt", _) => parts.push(words.say("record.created")),
        ("updatedAt", _) => parts.push(words.say("record.updated")),
        // The amount is what a sum of money is; only its currency needs a word.
        (_, None | Some("amount")) => {}
        (_, Some(part)) => parts.push(words.say(part_key(part))),
    }
    parts.join(" › ")
}

/// The word for a part of a compound value.
pub fn part_key(part: &str) -> &'static str {
    match part {
        "currency" => "part.currency",
        "country" => "address.country",
        "region" => "address.region",
        "city" => "address.city",
        "postal_code" => "address.postal_code",
        "street" => "address.street",
        "start" => "period.start",
        "end" => "period.end",
        "lat" => "geo.lat",
        _ => "geo.lon",
    }
}

/// The records that a filter names, for showing them by their titles.
pub fn linked(shape: &Shape) -> Vec<RecordId> {
    fn collect(value: &Json, ids: &mut Vec<RecordId>) {
        match value {
            Json::String(text) => ids.extend(text.parse::<RecordId>()),
            Json::Array(values) => values.iter().for_each(|value| collect(value, ids)),
            Json::Object(object) => object.values().for_each(|value| collect(value, ids)),
            _ => {}
        }
    }
    let mut ids = Vec::new();
    shape.conditions.iter().for_each(|condition| collect(condition, &mut ids));
    ids
}

/// The conditions of a list as words.
pub fn chips(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, names: &Names) -> Vec<Chip> {
    let all = if shape.conditions.is_empty() { Vec::new() } else { offered(desk, kind) };
    let format = Formatter { words: desk.words, names };
    let chip = |(at, condition): (usize, &Json)| {
        let mut others = shape.conditions.clone();
        others.remove(at);
        let remove = Asked { filter: Some(super::shape::filter_of(&others, shape.any)), ..asked.plain() }.address(kind);
        let attribute = condition.get("attribute").and_then(Json::as_str).unwrap_or_default();
        let operator = condition.get("type").and_then(Json::as_str).unwrap_or_default();
        let offer = all.iter().find(|offer| offer.attribute == attribute);
        let known = offer.and_then(|offer| Some((offer, sayings(offer).iter().find(|said| said.operator == operator)?)));
        let value = condition.get("value").unwrap_or(&Json::Null);
        // Conditions within a condition are said, but not changed here.
        let Some((offer, said)) = known.filter(|(offer, _)| offer.class != Class::Opaque || is_nothing(value)) else {
            let label = describe(desk, &format, &all, condition);
            return Chip { label, test: String::new(), values: Vec::new(), edit: None, remove };
        };
        let edit = Asked { attribute: attribute.to_owned(), at: Some(at), ..asked.with_panel("filter") };
        let value = if said.needs == Needs::Count { &condition["count"] } else { value };
        Chip {
            label: label(desk, offer),
            test: desk.words.say(said.key).to_owned(),
            values: if said.needs == Needs::Nothing { Vec::new() } else { values(&format, offer, value) },
            edit: Some(edit.address(kind)),
            remove,
        }
    };
    shape.conditions.iter().enumerate().map(chip).collect()
}

fn is_nothing(value: &Json) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// A condition that the form has no words for: groups within groups, operators of programs, several conditions of one
/// record that points here.
fn describe(desk: &Desk, format: &Formatter<'_>, all: &[Offer<'_>], condition: &Json) -> String {
    let inner = |all: &[Offer<'_>], key: &'static str| {
        let parts = condition.get("value").and_then(Json::as_array).into_iter().flatten();
        let parts: Vec<String> = parts.map(|part| describe(desk, format, all, part)).collect();
        format!("({})", parts.join(&format!(" {} ", desk.words.say(key))))
    };
    match condition.get("type").and_then(Json::as_str) {
        Some("or") => inner(all, "filter.or"),
        Some("and") => inner(all, "filter.and"),
        Some("not") => format!("{} {}", desk.words.say("filter.not"), inner(all, "filter.and")),
        Some(operator) => {
            let attribute = condition.get("attribute").and_then(Json::as_str).unwrap_or_default();
            let offer = all.iter().find(|offer| offer.attribute == attribute);
            let name = offer.map_or_else(|| attribute.to_owned(), |offer| label(desk, offer));
            let said = offer.and_then(|offer| sayings(offer).iter().find(|said| said.operator == operator));
            let test = said.map_or(operator, |said| desk.words.say(said.key));
            let mut parts = vec![name, test.to_owned()];
            parts.extend(condition.get("count").map(Json::to_string));
            let value = condition.get("value").unwrap_or(&Json::Null);
            match offer {
                Some(Offer { from: Some(source), class: Class::Opaque, .. }) if !is_nothing(value) => {
                    parts.push(inner(&offered(desk, source), "filter.and"));
                }
                Some(offer) => parts.push(Shown::Many(values(format, offer, value)).text()),
                None if value.is_null() => {}
                None => parts.push(value.to_string()),
            }
            parts.retain(|part| !part.is_empty());
            parts.join(" ")
        }
        None => condition.to_string(),
    }
}

fn values(format: &Formatter<'_>, offer: &Offer<'_>, value: &Json) -> Vec<Shown> {
    let field = offer.fields.last();
    let one = |value: &Json| match (field, &offer.class, value) {
        (_, Class::Link, Json::String(me)) if me == ME => Shown::Text(format.words.say("filter.me").to_owned()),
        (Some(field), Class::Integer, Json::Number(number)) if field.value == ValueType::Money && offer.part == Some("amount") => {
            Shown::Number(crate::console::format::grouped(&amount(number.as_i64().unwrap_or_default())))
        }
        (_, Class::Day | Class::Moment | Class::DayOrMoment, Json::String(day)) => Shown::Text(day.clone()),
        (_, Class::Day | Class::Moment | Class::DayOrMoment, days) => Shown::Text(days.to_string()),
        (Some(field), _, value) if offer.part.is_none() => format.scalar(field, value),
        (_, _, Json::String(text)) => Shown::Text(text.clone()),
        (_, _, other) => Shown::Text(other.to_string()),
    };
    match value {
        Json::Null => Vec::new(),
        Json::Array(values) => values.iter().map(one).collect(),
        value => vec![one(value)],
    }
}

/// A condition is about amounts of any currency: it is typed with two decimals, as most have.
const USUAL: &str = "CNY";

fn amount(minor: i64) -> String {
    let text = crate::console::format::plain_amount(minor, USUAL);
    text.strip_suffix(".00").map_or(text.clone(), str::to_owned)
}

/// The form for a condition: a new one, or the one that `at` names.
pub async fn editor(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, typed: &Typed, error: Option<String>) -> Result<Editor, Error> {
    let all = offered(desk, kind);
    let chosen = all.iter().find(|offer| offer.attribute == asked.attribute);
    let before = asked.at.and_then(|at| shape.conditions.get(at)).filter(|before| before["attribute"] == asked.attribute);
    let operator = if asked.op.is_empty() { before.and_then(|before| before["type"].as_str()).unwrap_or_default() } else { &asked.op };
    let sayings = chosen.map(sayings).unwrap_or_default();
    let said = sayings.iter().find(|said| said.operator == operator).or(sayings.first());
    let inputs = match (chosen, said) {
        (Some(offer), Some(said)) => controls(desk, offer, said.needs, &typed_or_kept(offer, said, before, typed)).await?,
        _ => Vec::new(),
    };
    let mut hidden = asked.plain().lasting();
    hidden.extend(asked.at.map(|at| ("at", at.to_string())));
    Ok(Editor {
        attributes: grouped(desk, kind, &all, &asked.attribute),
        operators: sayings
            .iter()
            .map(|each| (each.operator, desk.words.say(each.key), said.is_some_and(|said| said.operator == each.operator)))
            .collect(),
        inputs,
        hidden,
        error,
    })
}

/// What the controls of a condition hold: what was typed, or else what the condition says that is there already.
fn typed_or_kept(offer: &Offer<'_>, said: &Said, before: Option<&Json>, typed: &Typed) -> Typed {
    if typed.has("v") || typed.has("v.q") {
        return typed.clone();
    }
    let place = if said.needs == Needs::Count { "count" } else { "value" };
    before.filter(|before| before["type"] == said.operator).map(|before| filled(offer, &before[place])).unwrap_or_default()
}

/// The attributes under headings: the record's own, then those behind each link.
fn grouped(desk: &Desk, kind: &Kind, all: &[Offer<'_>], chosen: &str) -> Vec<Heading> {
    let mut groups: Vec<Heading> = vec![(desk.words.label(&kind.label).to_owned(), Vec::new())];
    for offer in all {
        let heading = match &offer.fields[..] {
            [link, ..] if let Some(source) = offer.from => {
                format!("{} ({})", desk.words.label(&source.plural), desk.words.label(&link.label))
            }
            [link, _, ..] if link.value == ValueType::Link && link.items.is_empty() => desk.words.label(&link.label).to_owned(),
            _ => groups[0].0.clone(),
        };
        let entry = (offer.attribute.clone(), label(desk, offer), offer.attribute == chosen);
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((heading, vec![entry])),
        }
    }
    groups
}

/// What stands in the controls of a condition that is there already.
fn filled(offer: &Offer<'_>, value: &Json) -> Typed {
    let mut typed = Typed::default();
    let is_amount = offer.part == Some("amount");
    let text = |value: &Json| match value {
        Json::Number(number) if is_amount => amount(number.as_i64().unwrap_or_default()),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Json::Null => {}
        Json::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                typed.add("v", text(value));
                if index == 1 {
                    typed.add("v2", text(value));
                }
            }
            if let Some(first) = values.first() {
                typed.add("v1", text(first));
            }
        }
        value => typed.add("v", text(value)),
    }
    typed
}

async fn controls(desk: &Desk, offer: &Offer<'_>, needs: Needs, typed: &Typed) -> Result<Vec<Input>, Error> {
    let field = offer.fields.last().copied();
    let line = |name: &str, kind: &'static str| Input::Line { name: name.to_owned(), value: typed.one(name).to_owned(), kind };
    let kind = match offer.class {
        Class::Day | Class::Moment | Class::DayOrMoment => "date",
        _ => "text",
    };
    Ok(match needs {
        Needs::Nothing => Vec::new(),
        Needs::Days | Needs::Count => vec![line("v", "number")],
        Needs::Two => {
            let first = if typed.has("v1") { typed.one("v1") } else { typed.one("v") };
            vec![Input::Line { name: "v".to_owned(), value: first.to_owned(), kind }, line("v2", kind)]
        }
        Needs::Some => vec![some(desk, field, offer, typed).await?],
        Needs::One => vec![line("v", kind)],
    })
}

/// Some of a list: options of a choice, records of a kind with few of them, or words.
async fn some(desk: &Desk, field: Option<&Field>, offer: &Offer<'_>, typed: &Typed) -> Result<Input, Error> {
    let chosen = typed.all("v");
    let name = "v".to_owned();
    let field = match field {
        Some(field) if offer.class == Class::Link => field,
        Some(field) if !field.options.is_empty() => {
            let option = |option: &sync_core::schema::Choice| {
                (option.value.clone(), desk.words.label(&option.label).to_owned(), chosen.contains(&&*option.value))
            };
            return Ok(Input::Checks { name, options: field.options.iter().map(option).collect(), was: Vec::new() });
        }
        _ => return Ok(Input::Tags { name, value: chosen.join(", "), was: Vec::new() }),
    };
    let candidates: Candidates = links::candidates(desk, std::iter::once(field)).await?;
    let is_member = field.to.iter().any(|kind| &**kind == "member");
    let me = is_member.then(|| (ME.to_owned(), desk.words.say("filter.me").to_owned(), chosen.contains(&ME)));
    if let Some(few) = candidates.few.get(&crate::console::inputs::kinds_of(field)) {
        let known = few.iter().map(|(id, title)| (id.clone(), title.clone(), chosen.contains(&&**id)));
        return Ok(Input::Checks { name, options: me.into_iter().chain(known).collect(), was: Vec::new() });
    }
    let ids: Vec<RecordId> = chosen.iter().filter_map(|id| id.parse().ok()).collect();
    let names = desk.reading.names_of(ids).await?;
    let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
    let plain = Field { merge: sync_core::schema::Merge::Register, ..field.clone() };
    Ok(inputs.scalar(&plain, typed, "v").unwrap_or(Input::Tags { name, value: String::new(), was: Vec::new() }))
}

/// `GET /records/{kind}/filter`: the list with one condition more, or another one.
pub async fn build(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>, RawQuery(raw): RawQuery) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let shape = Shape::of(&desk, &kind, &asked, &views::offered(&desk, &kind, &asked).await?);
    let pairs = pairs(&raw.unwrap_or_default());
    let typed = Typed::new(pairs);
    if typed.has("any") {
        let filter = super::shape::filter_of(&shape.conditions, typed.one("any") == "true");
        return Ok(Redirect::to(&Asked { filter: Some(filter), ..asked.plain() }.address(&kind)).into_response());
    }
    let condition = match condition(&desk, &kind, &asked, &typed).await? {
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

/// The condition that was put together; or what is wrong with it, in words.
async fn condition(desk: &Desk, kind: &Kind, asked: &Asked, typed: &Typed) -> Result<Result<Json, String>, Error> {
    let all = offered(desk, kind);
    let said = all.iter().find(|offer| offer.attribute == asked.attribute);
    let said = said.and_then(|offer| Some((offer, sayings(offer).iter().find(|said| said.operator == asked.op)?)));
    let Some((offer, said)) = said else { return Ok(Err(desk.words.say("filter.choose").to_owned())) };
    let value = match value(desk, offer, said.needs, typed).await? {
        Ok(value) => value,
        Err(error) => return Ok(Err(error)),
    };
    let mut condition = json!({"type": said.operator, "attribute": offer.attribute});
    if let Some(value) = value {
        condition[if said.needs == Needs::Count { "count" } else { "value" }] = value;
    }
    let plain = sync_core::query::with_me(json!([condition]), desk.caller.user);
    Ok(match Filter::from_json(desk.reading.schema(), &kind.name, &plain) {
        Ok(_) => Ok(condition),
        Err(_) => Err(desk.words.say("filter.bad_value").to_owned()),
    })
}

async fn value(desk: &Desk, offer: &Offer<'_>, needs: Needs, typed: &Typed) -> Result<Result<Option<Json>, String>, Error> {
    let choose = || Ok(Err(desk.words.say("filter.value").to_owned()));
    Ok(match needs {
        Needs::Nothing => Ok(None),
        Needs::Some => {
            let values = match chosen(desk, offer, typed).await? {
                Ok(values) => values,
                Err(error) => return Ok(Err(error)),
            };
            if values.is_empty() {
                return choose();
            }
            Ok(Some(Json::from(values)))
        }
        Needs::Count => {
            typed.one("v").parse::<u32>().map(|count| Some(json!(count))).map_err(|_| desk.words.say("filter.count").to_owned())
        }
        Needs::Days => typed.one("v").parse::<u32>().map(|days| Some(json!(days))).map_err(|_| desk.words.say("filter.days").to_owned()),
        Needs::One | Needs::Two => {
            let names: &[&str] = if needs == Needs::Two { &["v", "v2"] } else { &["v"] };
            let mut values = Vec::new();
            for name in names {
                match one(offer, typed, name) {
                    Ok(Json::Null) => return choose(),
                    Ok(value) => values.push(value),
                    Err(wrong) => return Ok(Err(why::wrong_value(desk, &wrong))),
                }
            }
            Ok(Some(if needs == Needs::Two { Json::Array(values) } else { values.remove(0) }))
        }
    })
}

/// One value as the filter language has it.
fn one(offer: &Offer<'_>, typed: &Typed, name: &str) -> Result<Json, Wrong> {
    let Some(field) = offer.fields.last() else { return Ok(Json::from(typed.one(name))) };
    let as_type = |value| Field { value, merge: sync_core::schema::Merge::Register, ..(*field).clone() };
    match offer.class {
        Class::Integer if offer.part == Some("amount") => {
            let mut money = Typed::default();
            money.add("m.amount", typed.one(name));
            money.add("m.currency", USUAL);
            Ok(scalar(field, &money, "m")?.get("amount").cloned().unwrap_or_default())
        }
        Class::Integer => scalar(&as_type(ValueType::Integer), typed, name),
        Class::Number => scalar(&as_type(ValueType::Number), typed, name),
        Class::Day | Class::Moment | Class::DayOrMoment => scalar(&as_type(ValueType::Date), typed, name),
        _ => scalar(&as_type(ValueType::String), typed, name),
    }
}

/// The words or records that were chosen.
async fn chosen(desk: &Desk, offer: &Offer<'_>, typed: &Typed) -> Result<Result<Vec<String>, String>, Error> {
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let field = offer.fields.last();
    match (offer.class, field) {
        (Class::Link, Some(field)) if typed.has("v.q") && !typed.one("v.q").is_empty() && typed.one("v.q") != typed.one("v.title") => {
            Ok(links::one_titled(desk, field, typed.one("v.q"))
                .await?
                .map(|id| vec![id])
                .ok_or_else(|| desk.words.say("why.no_match").to_owned()))
        }
        (Class::Text, _) => {
            let words = typed.all("v").into_iter().flat_map(|text| text.split([',', '，', '、', ';', '；']));
            Ok(Ok(words.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()))
        }
        _ => Ok(Ok(owned(typed.all("v")))),
    }
}
