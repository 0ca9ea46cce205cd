//! What a chart is to show: the words of a list's shape, as far as they mean something and may be seen.

use serde_json::{Value as Json, json};
use sync_core::schema::{Board, Choice, Field, Formula, Kind};

use super::super::calendar::local;
use super::super::groups::{attributes, condition, field_of};
use super::super::shape::{Shape, days, seen_days};
use super::Form;
use crate::console::desk::Desk;
use crate::reading::{Days, Measure, Question, Step, is_summed};

/// The words of measures, in the order of menus; a field belongs to all but the first.
pub const MEASURES: [(&str, &str); 9] = [
    ("count", "measure.count"),
    ("sum", "measure.sum"),
    ("weighted", "measure.weighted"),
    ("average", "measure.average"),
    ("least", "measure.least"),
    ("greatest", "measure.greatest"),
    ("distinct", "measure.distinct"),
    ("each", "measure.each"),
    ("share", "measure.share"),
];

/// What a chart is to show.
pub struct Plan<'a> {
    /// What it looks like.
    pub form: Form,
    /// What records are put together by.
    pub by: Option<&'a str>,
    /// Of a funnel: the field that says how far a record has come, if the kind has one. Steps then hold what has reached
    /// them.
    pub reached: Option<&'a Field>,
    /// The options of the choice that records are put together by, if it is one.
    pub options: &'a [Choice],
    /// The second attribute.
    pub split: Option<&'a str>,
    /// Its options.
    pub split_options: &'a [Choice],
    /// The span of days that make a group.
    pub step: Step,
    /// What is said of each group.
    pub measure: Measure<'a>,
    /// The word of the measure.
    pub word: &'a str,
    /// Which attribute is a record's day.
    pub day: String,
    /// The days it is about.
    pub period: Option<Days>,
    /// The days before those, if they are to be shown.
    pub before: Option<Days>,
}

impl<'a> Plan<'a> {
    /// From what the list says.
    pub fn of(desk: &'a Desk, kind: &'a Kind, shape: &'a Shape, form: Form) -> Self {
        let known = attributes(desk, kind);
        let groupable = |name: &str| known.iter().any(|(known, _)| known == name);
        let by = Some(&*shape.group).filter(|name| groupable(name) && form != Form::Number);
        let by = by.or_else(|| if form == Form::Number { None } else { usual(kind, form, &groupable) });
        let split = Some(&*shape.chart.split).filter(|name| groupable(name) && by.is_some() && by != Some(name) && splits(form));
        let (word, measure) = measure(desk, kind, &shape.chart.measure);
        let today = local(desk, desk.now).date();
        let period = Days::of(&shape.chart.period, today);
        let before = period.filter(|_| shape.chart.compare && split.is_none()).and_then(|days| days.before(&shape.chart.period));
        let day = day(desk, kind, &shape.chart.day, by);
        let reached = by.filter(|_| form == Form::Funnel && measure.adds_up()).and_then(|by| reached(desk, kind, by));
        let options = |attribute: Option<&str>| -> &'a [Choice] {
            attribute.and_then(|name| field_of(desk.reading.schema(), kind, name)).map_or(&[], |field| &field.options)
        };
        let (options, split_options) = (options(by), options(split));
        Self {
            form,
            by,
            reached,
            options,
            split,
            split_options,
            step: Step::named(&shape.chart.step).unwrap_or_default(),
            measure,
            word,
            day,
            period,
            before,
        }
    }

    /// Whether records are put together by their days.
    pub fn is_time(&self, kind: &Kind) -> bool {
        self.by.is_some_and(|by| is_day(kind, by))
    }

    /// What is asked of the figures.
    pub fn question(&self) -> Question<'a> {
        Question { by: self.reached.map(|field| &*field.name).or(self.by), split: self.split, step: self.step, measure: self.measure }
    }

    /// What holds for records of some days.
    pub fn within(&self, days: Option<Days>) -> Vec<Json> {
        let between =
            |days: Days| json!({"type": "between", "attribute": self.day, "value": [days.first.to_string(), days.last.to_string()]});
        days.map(between).into_iter().collect()
    }

    /// What holds for the records of a group.
    pub fn condition(&self, desk: &Desk, kind: &Kind, attribute: &str, key: Option<&str>) -> Json {
        if let (Some(reached), Some(key)) = (self.reached, key) {
            let so_far: Vec<&str> = reached.options.iter().map(|option| &*option.value).skip(reached.place_of(key)).collect();
            return json!({"type": "in", "attribute": &*reached.name, "value": so_far});
        }
        condition(desk.reading.schema(), kind, (attribute, self.step), key)
    }
}

/// Whether an attribute is a day or a moment.
pub fn is_day(kind: &Kind, attribute: &str) -> bool {
    is_moment_of_records(attribute) || days(kind).any(|(_, name)| name == attribute)
}

/// The field that says how far records have come by a choice.
fn reached<'k>(desk: &Desk, kind: &'k Kind, by: &str) -> Option<&'k Field> {
    let is_it = |field: &&Field| matches!(field.computed(), Some(Formula::Furthest { of }) if **of == *by);
    kind.fields.iter().filter(|field| !field.hidden && desk.reading.may_read(kind, &field.name)).find(is_it)
}

/// Whether an attribute is one that every record has.
fn is_moment_of_records(attribute: &str) -> bool {
    ["createdAt", "updatedAt"].contains(&attribute)
}

/// Whether a form has room for a second attribute.
pub fn splits(form: Form) -> bool {
    match form {
        Form::Bar | Form::Line | Form::Figures => true,
        Form::Number | Form::Pie | Form::Funnel => false,
    }
}

/// What records are put together by if nothing is said: time for lines, the board's columns for others.
fn usual<'a>(kind: &'a Kind, form: Form, groupable: &impl Fn(&str) -> bool) -> Option<&'a str> {
    let board = kind.board.as_ref().map(|Board { by, .. }| &**by).filter(|by| groupable(by) && form != Form::Line);
    let choice = || kind.fields.iter().map(|field| &*field.name).find(|name| groupable(name) && !is_day(kind, name));
    match form {
        Form::Line => Some("createdAt"),
        Form::Number | Form::Bar | Form::Pie | Form::Funnel | Form::Figures => board.or_else(choice).or(Some("createdAt")),
    }
}

/// The attribute that says which day a record is of: as asked, or what the chart goes by, or when it was made.
fn day(desk: &Desk, kind: &Kind, asked: &str, by: Option<&str>) -> String {
    let is_seen = |name: &str| is_moment_of_records(name) || seen_days(desk, kind).any(|(_, known)| known == name);
    let asked = Some(asked).filter(|name| is_seen(name));
    asked.or(by.filter(|name| is_day(kind, name))).unwrap_or("createdAt").to_owned()
}

/// The fields that a word can measure.
pub fn measured<'k>(desk: &Desk, kind: &'k Kind, word: &str) -> Vec<&'k Field> {
    let seen = |field: &&Field| !field.hidden && desk.reading.may_read(kind, &field.name);
    let groupable = if word == "distinct" { attributes(desk, kind) } else { Vec::new() };
    let fits = |field: &&Field| match word {
        "count" | "share" => false,
        "each" if kind.follows().is_none_or(|field| !desk.reading.may_read(kind, &field.name)) => false,
        "distinct" => field.name == kind.title || groupable.iter().any(|(name, _)| **name == *field.name),
        // What is weighed already is not weighed twice.
        "weighted" if field.is_weighed() => false,
        "weighted" => is_summed(field) && kind.board.as_ref().is_some_and(|board| weighs(kind, board)),
        _ => is_summed(field),
    };
    kind.fields.iter().filter(|field| seen(field) && fits(field)).collect()
}

fn weighs(kind: &Kind, board: &Board) -> bool {
    kind.field(&board.by).is_some_and(|field| field.options.iter().any(|option| option.weight > Some(0)))
}

/// Whether a text names a measure of the kind.
pub fn is_measure(desk: &Desk, kind: &Kind, text: &str) -> bool {
    let (word, measure) = measure(desk, kind, text);
    text == "count" || measure.name().is_some_and(|name| text == format!("{word}:{name}"))
}

/// What is measured, with its word; how many records there are if it is nothing else.
fn measure<'a>(desk: &Desk, kind: &'a Kind, text: &str) -> (&'static str, Measure<'a>) {
    let (word, name) = text.split_once(':').unwrap_or((text, ""));
    let fits = word == "share" || measured(desk, kind, word).into_iter().any(|field| *field.name == *name);
    let known = |word: &str| MEASURES.iter().find(|(known, _)| *known == word).map_or("count", |(word, _)| *word);
    let measure = Measure::named(kind, word, name).filter(|_| fits);
    measure.map_or(("count", Measure::Count), |measure| (known(word), measure))
}
