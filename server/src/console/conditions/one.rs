//! One condition as controls: a field, what is said about it, and with what it is compared.
//!
//! What [`Controls`] shows under names, [`read`] takes back under the same.

use askama::Template;
use serde_json::{Value as Json, json};
use sync_core::access::Condition;
use sync_core::id::RecordId;
use sync_core::query::{Class, Filter, ME, Offer, offers};
use sync_core::schema::{Field, Merge, ValueType};

use super::said::{Needs, Said, sayings};
use super::words::{USUAL, amount, is_nothing, label};
use super::{Ground, Scope};
use crate::console::desk::Desk;
use crate::console::inputs::{Candidates, Choosable, Input, Inputs, kinds_of};
use crate::console::links;
use crate::console::typed::{Typed, Wrong, scalar};
use crate::console::why;
use crate::console::words::Words;
use crate::error::Error;

/// A heading with what stands under it: an attribute, its label, whether it is chosen.
pub type Heading = (String, Vec<(String, String, bool)>);

/// The controls of one condition.
#[derive(Debug, Clone, Template)]
#[template(path = "condition.html")]
pub struct Controls {
    /// What their names begin with.
    pub name: String,
    /// What can be asked about: heading, attributes with their labels, and whether chosen.
    pub attributes: Vec<Heading>,
    /// What can be said about the chosen one.
    pub operators: Vec<(&'static str, &'static str, bool)>,
    /// What to compare with.
    pub inputs: Vec<Input>,
    /// Whether it was asked for just now: it gets the focus.
    pub is_new: bool,
    /// The words of the page.
    pub words: Words,
}

/// `condition.html` escapes every text it is given.
impl askama::filters::HtmlSafe for Controls {}

/// The attributes that may be asked about, what every record has at the end.
pub fn offered<'a>(ground: &Ground<'a>) -> Vec<Offer<'a>> {
    let Ground { desk, kind, scope } = *ground;
    let schema = desk.reading.schema();
    let mut all = offers(schema, kind);
    // What may not be read may not be asked about: the first field is of this kind, the second perhaps of a linked one.
    all.retain(|offer| {
        let operator = if offer.class == Class::Opaque { "any" } else { "isNotNull" };
        let filter = json!([{"type": operator, "attribute": offer.attribute}]).to_string();
        let is_seen = desk.reading.query(&kind.name, [("where", &*filter)]).is_ok();
        is_seen && (scope != Scope::Rule || Condition::parse(schema, &kind.name, &filter).is_ok())
    });
    let moments = ["createdAt", "updatedAt"].into_iter().filter(|_| scope != Scope::Rule);
    all.extend(moments.map(|attribute| Offer {
        attribute: attribute.to_owned(),
        fields: Vec::new(),
        part: None,
        class: Class::Moment,
        is_many: false,
        is_first: false,
        from: None,
    }));
    all
}

impl Controls {
    /// The controls of a condition about an attribute, if one is chosen; of an operator that says nothing about it, the
    /// first that does is chosen instead.
    pub async fn of(ground: &Ground<'_>, all: &[Offer<'_>], name: String, typed: &Typed) -> Result<Self, Error> {
        let words = ground.desk.words;
        let (attribute, operator) = (typed.one("attribute"), typed.one("op"));
        let chosen = all.iter().find(|offer| offer.attribute == attribute);
        let sayings = chosen.map(|offer| sayings(offer, ground.scope)).unwrap_or_default();
        let said = sayings.iter().find(|said| said.operator == operator).or(sayings.first());
        let inputs = match (chosen, said) {
            (Some(offer), Some(said)) => operands(ground, offer, said.needs, typed).await?,
            _ => Vec::new(),
        };
        let is_said = |each: &Said| said.is_some_and(|said| said.operator == each.operator);
        Ok(Self {
            attributes: grouped(ground, all, attribute),
            operators: sayings.iter().map(|each| (each.operator, words.say(each.key), is_said(each))).collect(),
            inputs: inputs.into_iter().map(|input| input.under(&name)).collect(),
            name,
            is_new: false,
            words,
        })
    }
}

/// Whether there is what a line is about.
pub(super) fn is_known(all: &[Offer<'_>], line: &Typed) -> bool {
    all.iter().any(|offer| offer.attribute == line.one("attribute"))
}

/// Whether the controls of a line are those of the field that is chosen.
pub(super) fn is_drawn(line: &Typed) -> bool {
    line.one("was") == line.one("attribute")
}

/// What the controls of a line say, if they are those of the field that is chosen; or what is wrong with them.
pub(super) async fn drawn(ground: &Ground<'_>, all: &[Offer<'_>], line: &Typed) -> Result<Result<Json, String>, Error> {
    if is_drawn(line) { read(ground, all, line).await } else { Ok(Err(ground.desk.words.say("filter.choose").to_owned())) }
}

/// The records that point here, if a line is about them, and what can be asked about those.
pub(super) fn pointing<'a>(ground: &Ground<'a>, all: &[Offer<'a>], line: &Typed) -> Option<(Ground<'a>, Vec<Offer<'a>>)> {
    let offer = all.iter().find(|offer| offer.attribute == line.one("attribute")).filter(|offer| offer.class == Class::Opaque)?;
    let there = Ground { kind: offer.from?, ..*ground };
    let mut all = offered(&there);
    // One step is taken, not two.
    all.retain(|offer| offer.from.is_none());
    Some((there, all))
}

/// A condition about records that point here without what is said of those, and that.
pub(super) fn bared(all: &[Offer<'_>], condition: &Json) -> (Json, Vec<Json>) {
    let is_pointing =
        |offer: &&Offer<'_>| offer.class == Class::Opaque && condition.get("attribute") == Some(&Json::from(&*offer.attribute));
    let inner = all.iter().find(is_pointing).and_then(|_| condition.get("value")?.as_array()).filter(|inner| !inner.is_empty()).cloned();
    let mut bare = condition.clone();
    if let Some(parts) = bare.as_object_mut().filter(|_| inner.is_some()) {
        parts.remove("value");
    }
    (bare, inner.unwrap_or_default())
}

/// The attributes under headings: the record's own, then those behind each link.
fn grouped(ground: &Ground<'_>, all: &[Offer<'_>], chosen: &str) -> Vec<Heading> {
    let Ground { desk, kind, .. } = *ground;
    let mut groups: Vec<Heading> = vec![(desk.words.label(&kind.label).to_owned(), Vec::new())];
    for offer in all {
        let heading = match &offer.fields[..] {
            [link, ..] if let Some(source) = offer.from => {
                format!("{} ({})", desk.words.label(&source.plural), desk.words.label(&link.label))
            }
            [link, _, ..] if link.value == ValueType::Link && link.items.is_empty() => desk.words.label(&link.label).to_owned(),
            _ => groups[0].0.clone(),
        };
        let entry = (offer.attribute.clone(), label(ground, offer), offer.attribute == chosen);
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((heading, vec![entry])),
        }
    }
    groups
}

/// What stands in the controls of a condition that is there already; none if it has no controls.
pub(super) fn filled(all: &[Offer<'_>], scope: Scope, condition: &Json) -> Option<Typed> {
    let part = |name: &str| condition.get(name).and_then(Json::as_str);
    let offer = all.iter().find(|offer| Some(&*offer.attribute) == part("attribute"))?;
    let said = sayings(offer, scope).iter().find(|said| Some(said.operator) == part("type"))?;
    let value = condition.get("value").unwrap_or(&Json::Null);
    if offer.class == Class::Opaque && !is_nothing(value) {
        return None;
    }
    let mut typed = Typed::default();
    typed.add("attribute", &*offer.attribute);
    typed.add("was", &*offer.attribute);
    typed.add("op", said.operator);
    let is_amount = offer.part == Some("amount");
    let text = |value: &Json| match value {
        Json::Number(number) if is_amount => amount(number.as_i64().unwrap_or_default()),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let value = if said.needs == Needs::Count { condition.get("count").unwrap_or(&Json::Null) } else { value };
    match value {
        Json::Null => {}
        Json::Array(values) if said.needs == Needs::Two => {
            ["v", "v2"].into_iter().zip(values).for_each(|(name, value)| typed.add(name, text(value)));
        }
        Json::Array(values) => values.iter().for_each(|value| typed.add("v", text(value))),
        Json::Object(parts) if said.needs == Needs::Near => {
            NEAR.iter()
                .filter_map(|(name, part, _)| Some((name, parts.get(*part)?)))
                .for_each(|(name, value)| typed.add(*name, text(value)));
        }
        value => typed.add("v", text(value)),
    }
    Some(typed)
}

/// What a condition is compared with, as controls.
pub(super) async fn operands(ground: &Ground<'_>, offer: &Offer<'_>, needs: Needs, typed: &Typed) -> Result<Vec<Input>, Error> {
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
            vec![line("v", kind), line("v2", kind)]
        }
        Needs::Some => some(ground, field, offer, typed).await?,
        Needs::One => vec![line("v", kind)],
        Needs::Near => {
            let words = ground.desk.words;
            vec![Input::Parts(NEAR.iter().map(|(name, _, key)| (words.say(key).to_owned(), line(name, "text"))).collect())]
        }
    })
}

/// Some of a list: options of a choice, records of a kind with few of them, or words.
async fn some(ground: &Ground<'_>, field: Option<&Field>, offer: &Offer<'_>, typed: &Typed) -> Result<Vec<Input>, Error> {
    let desk = ground.desk;
    let Some(field) = field.filter(|_| offer.class == Class::Link) else { return Ok(vec![listed(desk.words, field, typed)]) };
    let candidates: Candidates = links::candidates(desk, std::iter::once(field)).await?;
    let is_searched = !candidates.few.contains_key(&kinds_of(field));
    let ids: Vec<RecordId> = typed.all("v").into_iter().filter(|_| is_searched).filter_map(|id| id.parse().ok()).collect();
    let names = desk.reading.names_of(ids).await?;
    Ok(linked(Inputs { words: desk.words, names: &names, candidates: &candidates }, ground.scope, field, typed))
}

/// Some options of a choice, or words.
pub(super) fn listed(words: Words, field: Option<&Field>, typed: &Typed) -> Input {
    let (name, chosen) = ("v".to_owned(), typed.all("v"));
    match field.filter(|field| !field.options.is_empty()) {
        Some(field) => {
            let option = |option: &sync_core::schema::Choice| {
                (option.value.clone(), words.label(&option.label).to_owned(), chosen.contains(&&*option.value))
            };
            Input::Checks { name, options: field.options.iter().map(option).collect(), was: Vec::new() }
        }
        None => Input::Tags { name, value: chosen.join(", "), was: Vec::new() },
    }
}

/// Some of the records that a link may lead to; of many records those that were chosen, and one more is searched for.
pub(super) fn linked(inputs: Inputs<'_>, scope: Scope, field: &Field, typed: &Typed) -> Vec<Input> {
    let (name, chosen) = ("v".to_owned(), typed.all("v"));
    let is_member = field.to.iter().any(|kind| &**kind == "member");
    let me = (is_member && scope == Scope::List).then(|| (ME.to_owned(), inputs.words.say("filter.me").to_owned(), chosen.contains(&ME)));
    if let Some(few) = inputs.candidates.few.get(&kinds_of(field)) {
        let known = few.iter().map(|(id, title)| (id.clone(), title.clone(), chosen.contains(&&**id)));
        return vec![Input::Checks { name, options: me.into_iter().chain(known).collect(), was: Vec::new() }];
    }
    let (title, is_me) = (typed.one("v.q").to_owned(), |id: &&&str| **id == ME && me.is_some());
    let known = chosen.iter().filter(|id| !is_me(id)).map(|id| ((*id).to_owned(), inputs.title_or_id(id), true));
    let options: Vec<Choosable> = me.clone().into_iter().chain(known).collect();
    let checks = (!options.is_empty()).then(|| Input::Checks { name: name.clone(), options, was: Vec::new() });
    let another = Input::Search { name, value: String::new(), title, kinds: kinds_of(field), matches: Vec::new(), words: inputs.words };
    checks.into_iter().chain([another]).collect()
}

/// The condition that was put together; or what is wrong with it, in words.
pub async fn read(ground: &Ground<'_>, all: &[Offer<'_>], typed: &Typed) -> Result<Result<Json, String>, Error> {
    let (desk, kind) = (ground.desk, ground.kind);
    let said = all.iter().find(|offer| offer.attribute == typed.one("attribute"));
    let said = said.and_then(|offer| Some((offer, sayings(offer, ground.scope).iter().find(|said| said.operator == typed.one("op"))?)));
    let Some((offer, said)) = said else { return Ok(Err(desk.words.say("filter.choose").to_owned())) };
    let chosen = match chosen(desk, offer, typed).await? {
        Ok(chosen) => chosen,
        Err(error) => return Ok(Err(error)),
    };
    let condition = match put(offer, said, chosen, typed) {
        Ok(condition) => condition,
        Err(wrong) => return Ok(Err(why::wrong_value(desk, &wrong))),
    };
    let plain = sync_core::query::with_me(json!([condition]), desk.caller.user);
    Ok(match Filter::from_json(desk.reading.schema(), &kind.name, &plain) {
        Ok(_) => Ok(condition),
        Err(_) => Err(desk.words.say("filter.bad_value").to_owned()),
    })
}

/// The condition that controls say, with what was chosen in them.
pub(super) fn put(offer: &Offer<'_>, said: &Said, chosen: Vec<String>, typed: &Typed) -> Result<Json, Wrong> {
    let wrong = |key| Wrong { key, part: String::new() };
    let given = |name| match one(offer, typed, name)? {
        Json::Null => Err(wrong("filter.value")),
        value => Ok(value),
    };
    let whole = |key| typed.one("v").parse::<u32>().map(Json::from).map_err(|_| wrong(key));
    let mut condition = json!({"type": said.operator, "attribute": offer.attribute});
    match said.needs {
        Needs::Nothing => {}
        Needs::Some if chosen.is_empty() => return Err(wrong("filter.value")),
        Needs::Some => condition["value"] = Json::from(chosen),
        Needs::Count => condition["count"] = whole("filter.count")?,
        Needs::Days => condition["value"] = whole("filter.days")?,
        Needs::One => condition["value"] = given("v")?,
        Needs::Near => condition["value"] = near(typed)?,
        Needs::Two => condition["value"] = Json::Array(vec![given("v")?, given("v2")?]),
    }
    Ok(condition)
}

/// The controls of a place and what is around it: their names, the parts of the value, their labels.
const NEAR: [(&str, &str, &str); 3] = [("v", "km", "filter.km"), ("v2", "lat", "geo.lat"), ("v3", "lon", "geo.lon")];

/// A place and how far around it, as the filter language has it.
fn near(typed: &Typed) -> Result<Json, Wrong> {
    let wrong = || Wrong { key: "filter.near", part: String::new() };
    let part = |(name, part, _): &(&str, &str, &str)| {
        let number: serde_json::Number = typed.one(name).trim().parse().map_err(|_| wrong())?;
        Ok(((*part).to_owned(), Json::Number(number)))
    };
    NEAR.iter().map(part).collect::<Result<serde_json::Map<_, _>, Wrong>>().map(Json::Object)
}

/// One value as the filter language has it.
fn one(offer: &Offer<'_>, typed: &Typed, name: &str) -> Result<Json, Wrong> {
    let Some(field) = offer.fields.last() else { return Ok(Json::from(typed.one(name))) };
    let as_type = |value| Field { value, merge: Merge::Register, ..(*field).clone() };
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

/// The words or records that were chosen, with the one that a typed title means.
async fn chosen(desk: &Desk, offer: &Offer<'_>, typed: &Typed) -> Result<Result<Vec<String>, String>, Error> {
    let mut chosen = standing(offer, typed);
    let (title, field) = (typed.one("v.q"), offer.fields.last().filter(|_| offer.class == Class::Link));
    if let Some(field) = field.filter(|_| !title.is_empty()) {
        match links::one_titled(desk, field, title).await? {
            Some(id) if chosen.contains(&id) => {}
            Some(id) => chosen.push(id),
            None => return Ok(Err(desk.words.say("why.no_match").to_owned())),
        }
    }
    Ok(Ok(chosen))
}

/// The words or records that stand in the controls.
pub(super) fn standing(offer: &Offer<'_>, typed: &Typed) -> Vec<String> {
    let all = typed.all("v").into_iter();
    match offer.class {
        Class::Text => {
            let words = all.flat_map(|text| text.split([',', '，', '、', ';', '；']));
            words.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        _ => all.map(str::to_owned).collect(),
    }
}
