//! Controls for fields: which one fits a type, and what stands in it.
//!
//! Everything is drawn from [`Typed`], whether it comes from the record or from a form that was not
//! taken: what somebody typed is never lost. Never makes HTML: `templates/input.html` does, and escapes.

use std::collections::HashMap;

use askama::Template;
use serde_json::Value as Json;
use sync_core::id::RecordId;
use sync_core::schema::{Field, Merge, ValueType};

use super::conditions::Builder;
use super::format::{in_order, plain_amount};
use super::typed::{NEW_ROW, Typed, name_of};
use super::words::Words;
use crate::reading::Names;

/// An option of a list: its value, what people read, whether it is chosen.
pub type Choosable = (String, String, bool);

/// A control.
#[derive(Debug, Clone, Template)]
#[template(path = "input.html")]
pub enum Input {
    /// One line.
    Line {
        /// Its name.
        name: String,
        /// What stands in it.
        value: String,
        /// HTML's `type`.
        kind: &'static str,
    },
    /// Several lines.
    Area {
        /// Its name.
        name: String,
        /// What stands in it.
        value: String,
    },
    /// One of a list.
    Pick {
        /// Its name.
        name: String,
        /// The list.
        options: Vec<Choosable>,
    },
    /// Some of a list.
    Checks {
        /// The name of each box.
        name: String,
        /// The list.
        options: Vec<Choosable>,
        /// What was chosen when the form was made.
        was: Vec<String>,
    },
    /// Words, with commas between them.
    Tags {
        /// Its name.
        name: String,
        /// The words.
        value: String,
        /// The words when the form was made.
        was: Vec<String>,
    },
    /// An amount and its currency.
    Money {
        /// Its name.
        name: String,
        /// The amount as typed.
        amount: String,
        /// The currency.
        currency: String,
    },
    /// A record, found by typing its title.
    Search {
        /// Its name.
        name: String,
        /// The record chosen so far.
        value: String,
        /// The title typed.
        title: String,
        /// The kinds to look among.
        kinds: String,
        /// What the title may mean.
        matches: Vec<(String, String)>,
        /// The words of the page.
        words: Words,
    },
    /// Several controls that make one value.
    Parts(Vec<(String, Input)>),
    /// Rows, one of them new.
    Rows {
        /// The field's name.
        name: String,
        /// The rows.
        rows: Vec<RowInput>,
        /// The words of the page.
        words: Words,
    },
    /// Conditions.
    Built(Box<Builder>),
}

/// `input.html` escapes every text it is given.
impl askama::filters::HtmlSafe for Input {}

impl Input {
    /// The same under longer names: what one control of several is called.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        match &mut self {
            Input::Line { name, .. } | Input::Area { name, .. } | Input::Pick { name, .. } | Input::Checks { name, .. } => {
                name.insert_str(0, prefix);
            }
            Input::Tags { name, .. } | Input::Money { name, .. } | Input::Search { name, .. } | Input::Rows { name, .. } => {
                name.insert_str(0, prefix);
            }
            Input::Parts(parts) => {
                let longer = |(label, part): (String, Input)| (label, part.under(prefix));
                *parts = std::mem::take(parts).into_iter().map(longer).collect();
            }
            // Its lines are called by it.
            Input::Built(_) => {}
        }
        self
    }
}

/// A row of a field with rows.
#[derive(Debug, Clone)]
pub struct RowInput {
    /// Its id, or [`NEW_ROW`].
    pub id: String,
    /// Its parts: label, whether it must be there, control.
    pub parts: Vec<(String, bool, Input)>,
    /// Its place in a list, counted from one.
    pub place: Option<String>,
    /// Whether it is there already and can be removed.
    pub removable: bool,
}

/// The records that links may lead to: by kinds, those of kinds with few records.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Id and title of each, for kinds with few records.
    pub few: HashMap<String, Vec<(String, String)>>,
    /// What a typed title may mean, by the control's name.
    pub matches: HashMap<String, Vec<(String, String)>>,
    /// Controls that were drawn beforehand, by their names: what they offer had to be looked up.
    pub built: HashMap<String, Input>,
}

/// The kinds that a link may lead to, as one word.
pub fn kinds_of(field: &Field) -> String {
    field.to.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(",")
}

/// Draws the controls of one form.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The language.
    pub words: Words,
    /// What linked records are called.
    pub names: &'a Names,
    /// What links may lead to.
    pub candidates: &'a Candidates,
}

impl Inputs<'_> {
    /// The control of a field; none for what is never typed.
    pub fn of(&self, field: &Field, typed: &Typed) -> Option<Input> {
        let name = name_of(field);
        if let Some(built) = self.candidates.built.get(&name) {
            return Some(built.clone());
        }
        match &field.merge {
            Merge::Register | Merge::Visible | Merge::Monotone => self.scalar(field, typed, &name),
            Merge::Text => Some(Input::Area { value: typed.raw(&name).to_owned(), name }),
            Merge::Counter => Some(Input::Line { value: typed.one(&name).to_owned(), name, kind: "number" }),
            Merge::Set if field.items.is_empty() => Some(self.elements(field, typed, name)),
            Merge::Set | Merge::List | Merge::Log => Some(self.rows(field, typed, name)),
            Merge::Assigned | Merge::Derived | Merge::Unknown(_) => None,
        }
    }

    /// The control of one value.
    pub fn scalar(&self, field: &Field, typed: &Typed, name: &str) -> Option<Input> {
        let value = typed.one(name).to_owned();
        let line = |kind| Some(Input::Line { name: name.to_owned(), value: value.clone(), kind });
        match &field.value {
            // A browser's own control for web addresses refuses `www.example.com`, which is one here.
            ValueType::String | ValueType::Integer | ValueType::Number | ValueType::Url => line("text"),
            ValueType::Phone => line("tel"),
            ValueType::Email => line("email"),
            ValueType::Date => line("date"),
            ValueType::Datetime => line("datetime-local"),
            ValueType::Paragraph => Some(Input::Area { name: name.to_owned(), value: typed.raw(name).to_owned() }),
            ValueType::Boolean => {
                let option = |word: &str, key| (word.to_owned(), self.words.say(key).to_owned(), value == word);
                let options = vec![option("", "form.nothing"), option("true", "value.yes"), option("false", "value.no")];
                Some(Input::Pick { name: name.to_owned(), options })
            }
            ValueType::Choice => {
                let mut options = vec![(String::new(), self.words.say("form.nothing").to_owned(), value.is_empty())];
                options.extend(self.options(field, &[&value]));
                Some(Input::Pick { name: name.to_owned(), options })
            }
            ValueType::Link => Some(self.link(field, typed, name)),
            ValueType::Money => {
                let part = |part| typed.one(&format!("{name}.{part}")).to_owned();
                Some(Input::Money { name: name.to_owned(), amount: part("amount"), currency: part("currency") })
            }
            ValueType::Address => Some(self.parts(typed, name, "text", &ADDRESS)),
            ValueType::Period => Some(self.parts(typed, name, period_control(field, typed, name), &PERIOD)),
            ValueType::Geo => Some(self.parts(typed, name, "text", &GEO)),
            ValueType::Unknown(_) => None,
        }
    }

    fn options(&self, field: &Field, chosen: &[&str]) -> Vec<Choosable> {
        let option = |option: &sync_core::schema::Choice| {
            (option.value.clone(), self.words.label(&option.label).to_owned(), chosen.contains(&&*option.value))
        };
        let is_offered = |option: &&sync_core::schema::Choice| !option.hidden || chosen.contains(&&*option.value);
        field.options.iter().filter(is_offered).map(option).collect()
    }

    fn parts(&self, typed: &Typed, name: &str, kind: &'static str, parts: &[(&'static str, &'static str)]) -> Input {
        let part = |(part, key): &(&'static str, &'static str)| {
            let name = format!("{name}.{part}");
            let value = typed.one(&name).to_owned();
            (self.words.say(key).to_owned(), Input::Line { name, value, kind })
        };
        Input::Parts(parts.iter().map(part).collect())
    }

    fn title(&self, id: &str) -> String {
        let linked = id.parse::<RecordId>().ok().and_then(|id| self.names.get(&id));
        linked.map_or_else(String::new, |linked| if linked.title.is_empty() { super::format::short(id) } else { linked.title.clone() })
    }

    /// What a record is called; one that is archived or out of sight by its id.
    pub fn title_or_id(&self, id: &str) -> String {
        Some(self.title(id)).filter(|title| !title.is_empty()).unwrap_or_else(|| super::format::short(id))
    }

    fn link(&self, field: &Field, typed: &Typed, name: &str) -> Input {
        let (value, kinds) = (typed.one(name).to_owned(), kinds_of(field));
        if let Some(few) = self.candidates.few.get(&kinds) {
            let mut options = vec![(String::new(), self.words.say("form.nothing").to_owned(), value.is_empty())];
            options.extend(few.iter().map(|(id, title)| (id.clone(), title.clone(), *id == value)));
            // One that is archived or out of sight stays chosen, or saving would clear it.
            if !options.iter().any(|(_, _, chosen)| *chosen) {
                options.push((value.clone(), self.title(&value), true));
            }
            return Input::Pick { name: name.to_owned(), options };
        }
        let search = format!("{name}.q");
        let title = if typed.has(&search) { typed.one(&search).to_owned() } else { self.title(&value) };
        let matches = self.candidates.matches.get(name).cloned().unwrap_or_default();
        Input::Search { name: name.to_owned(), value, title, kinds, matches, words: self.words }
    }

    fn elements(&self, field: &Field, typed: &Typed, name: String) -> Input {
        let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let (chosen, was) = (typed.all(&name), owned(typed.all(&format!("{name}.was"))));
        match &field.value {
            ValueType::Choice => Input::Checks { options: self.options(field, &chosen), name, was },
            ValueType::Link => {
                let known = self.candidates.few.get(&kinds_of(field));
                let mut options: Vec<Choosable> =
                    owned(chosen.clone()).into_iter().map(|id| (id.clone(), self.title_or_id(&id), true)).collect();
                let others = known.into_iter().flatten().filter(|(id, _)| !chosen.contains(&&**id));
                options.extend(others.map(|(id, title)| (id.clone(), title.clone(), false)));
                let checks = Input::Checks { name: name.clone(), options, was };
                if known.is_some() {
                    return checks;
                }
                let matches = self.candidates.matches.get(&name).cloned().unwrap_or_default();
                let title = typed.one(&format!("{name}.q")).to_owned();
                let (value, kinds, words) = (String::new(), kinds_of(field), self.words);
                let add = Input::Search { name, value, title, kinds, matches, words };
                Input::Parts(vec![(String::new(), checks), (self.words.say("form.add_link").to_owned(), add)])
            }
            _ => Input::Tags { value: chosen.join(", "), name, was },
        }
    }

    fn rows(&self, field: &Field, typed: &Typed, name: String) -> Input {
        let mut ids: Vec<String> = typed.all(&format!("{name}.rows")).into_iter().map(str::to_owned).collect();
        if !ids.iter().any(|id| id == NEW_ROW) {
            ids.push(NEW_ROW.to_owned());
        }
        let row = |(index, id): (usize, String)| {
            let part = |item: &Field| {
                let control = self.scalar(item, typed, &format!("{name}.{id}.{}", item.name))?;
                Some((self.words.label(&item.label).to_owned(), item.required, control))
            };
            let given = |item: &&Field| !(field.merge == Merge::Log && matches!(&*item.name, "at" | "by"));
            let parts = field.items.iter().filter(given).filter_map(part).collect();
            let removable = id != NEW_ROW;
            let place = (removable && field.merge == Merge::List).then(|| (index + 1).to_string());
            RowInput { id, parts, place, removable }
        };
        let rows = ids.into_iter().enumerate().map(row).collect();
        Input::Rows { name, rows, words: self.words }
    }
}

const ADDRESS: [(&str, &str); 5] = [
    ("country", "address.country"),
    ("region", "address.region"),
    ("city", "address.city"),
    ("street", "address.street"),
    ("postal_code", "address.postal_code"),
];
const PERIOD: [(&str, &str); 2] = [("start", "period.start"), ("end", "period.end")];
const GEO: [(&str, &str); 2] = [("lat", "geo.lat"), ("lon", "geo.lon")];

/// A field's values say whether its periods are days or moments; what happens `when` has an hour.
fn period_control(field: &Field, typed: &Typed, name: &str) -> &'static str {
    let present = [typed.one(&format!("{name}.start")), typed.one(&format!("{name}.end"))];
    let is_moment = present.iter().any(|text| text.contains('T'));
    let is_empty = present.iter().all(|text| text.is_empty());
    if is_moment || (is_empty && &*field.name == "when") { "datetime-local" } else { "date" }
}

/// What stands in the controls of a field that has this value.
pub fn filled(field: &Field, value: Option<&Json>) -> Typed {
    let (mut typed, name) = (Typed::default(), name_of(field));
    match (&field.merge, value) {
        (_, None) | (Merge::Log | Merge::Counter, _) => {}
        (_, Some(Json::Array(rows))) if !field.items.is_empty() => {
            for row in in_order(field, rows) {
                let Some(id) = row.get("id").and_then(Json::as_str) else { continue };
                typed.add(format!("{name}.rows"), id);
                for item in &field.items {
                    fill_scalar(&mut typed, &format!("{name}.{id}.{}", item.name), item, row.get(&*item.name));
                }
            }
        }
        (_, Some(Json::Array(elements))) => {
            for element in elements.iter().filter_map(Json::as_str) {
                typed.add(&name, element);
                typed.add(format!("{name}.was"), element);
            }
        }
        (_, value) => fill_scalar(&mut typed, &name, field, value),
    }
    typed
}

fn fill_scalar(typed: &mut Typed, name: &str, field: &Field, value: Option<&Json>) {
    match value {
        None | Some(Json::Null | Json::Array(_)) => {}
        Some(Json::Object(parts)) => {
            let currency = parts.get("currency").and_then(Json::as_str).unwrap_or("CNY");
            for (part, value) in parts {
                let text = match (value, &**part) {
                    (Json::Number(amount), "amount") => plain_amount(amount.as_i64().unwrap_or_default(), currency),
                    (Json::Number(millis), "start" | "end") => local(millis.as_i64().unwrap_or_default()),
                    (value, _) => plain(value),
                };
                typed.add(format!("{name}.{part}"), text);
            }
        }
        Some(Json::Number(millis)) if field.value == ValueType::Datetime => typed.add(name, local(millis.as_i64().unwrap_or_default())),
        Some(value) => typed.add(name, plain(value)),
    }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// For `datetime-local`: in UTC; the script moves it to where the reader is.
fn local(millis: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%Y-%m-%dT%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_core::schema::Schema;

    use super::*;
    use crate::console::typed::{Maker, edits};
    use crate::language::Language;

    #[test]
    fn every_builtin_field_can_be_shown_and_saved_untouched() {
        let samples = |field: &Field| match &field.value {
            ValueType::Integer | ValueType::Datetime => json!(1_800_000_000_000_i64),
            ValueType::Number => json!(2.5),
            ValueType::Boolean => json!(true),
            ValueType::Date => json!("2026-05-03"),
            ValueType::Choice => field.options.first().map_or(json!(null), |option| json!(option.value)),
            ValueType::Link => json!("018f0000-0000-7000-8000-000000000001"),
            ValueType::Email => json!("a@b.cn"),
            ValueType::Url => json!("https://a.cn"),
            ValueType::Money => json!({"amount": 12_345, "currency": "CNY"}),
            ValueType::Address => json!({"city": "上海", "street": "南京路 1"}),
            ValueType::Period => json!({"start": "2026-05-03", "end": "2026-06-02"}),
            ValueType::Geo => json!({"lat": 31.2, "lon": 121.5}),
            ValueType::String | ValueType::Paragraph | ValueType::Phone | ValueType::Unknown(_) => json!("text"),
        };
        let (names, candidates) = (Names::new(), Candidates::default());
        let inputs = Inputs { words: Words(Language::Zh), names: &names, candidates: &candidates };
        let maker = Maker { now: 0, user: String::new(), new_id: &|| "new id".to_owned() };
        for kind in Schema::builtin().kinds() {
            for field in &kind.fields {
                let row = || {
                    let parts = field.items.iter().map(|item| (item.name.to_string(), samples(item)));
                    Json::Object([("id".to_owned(), json!("r1"))].into_iter().chain(parts).collect())
                };
                let value = match (&field.merge, field.items.is_empty()) {
                    (Merge::Set | Merge::List | Merge::Log, false) => json!([row()]),
                    (Merge::Set, true) => json!([samples(field)]),
                    _ => samples(field),
                };
                let typed = filled(field, Some(&value));
                if let Some(input) = inputs.of(field, &typed) {
                    input.render().unwrap();
                    assert_eq!(edits(field, &typed, Some(&value), &maker), Ok(Vec::new()), "{}.{}", kind.name, field.name);
                }
            }
        }
    }

    #[test]
    fn what_stands_in_a_control_is_never_markup() {
        let (names, candidates) = (Names::new(), Candidates::default());
        let inputs = Inputs { words: Words(Language::En), names: &names, candidates: &candidates };
        let bad = "\"><script>alert(1)</script>";
        for (kind, field, value) in [
            ("party", "name", json!(bad)),
            ("party", "notes", json!(bad)),
            ("party", "tags", json!([bad])),
            ("party", "phones", json!([{"id": bad, "value": bad}])),
            ("party", "parent", json!(bad)),
            ("offer", "amount", json!({"amount": 1, "currency": bad})),
            ("activity", "about", json!([bad])),
        ] {
            let field = Schema::builtin().kind(kind).unwrap().field(field).unwrap();
            let html = inputs.of(field, &filled(field, Some(&value))).unwrap().render().unwrap();
            assert!(!html.contains("<script"), "{html}");
        }
    }
}
