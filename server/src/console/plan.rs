//! Plan against actual: per person and span of days what was planned, and what was done, late, or not done.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::actions::next::{ABOUT, ACTIVITY, due};
use sync_core::actions::plan::Outcome;
use sync_core::id::{RecordId, UserId};
use sync_core::query::Context;
use sync_core::schema::Kind;

use super::desk::{Desk, Frame, icon, page as answer};
use super::format::{self, Shown};
use super::links::ids_in;
use super::list::{local, title_of};
use crate::error::Error;
use crate::reading::{Days, Names, Planned, Step};

/// Activities that are listed one by one; more are counted.
const LISTED: usize = 60;

/// The spans, with their names.
const SPANS: [(&str, Step, &str); 3] =
    [("day", Step::Day, "calendar.day"), ("week", Step::Week, "calendar.week"), ("month", Step::Month, "calendar.month")];

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Whose plan: an id, or nothing for everybody.
    person: String,
    /// A day within the span.
    at: String,
    span: String,
    /// Only what came to this.
    outcome: String,
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    frame: Frame,
    title: String,
    before: String,
    now: String,
    after: String,
    spans: Vec<(String, &'static str, bool)>,
    /// Whose it is, if it is one person's, and that of everybody.
    person: Option<(String, String)>,
    heads: Vec<&'static str>,
    /// By person with the sum of all, and by what is planned: visits, calls.
    tables: Vec<(&'static str, Vec<CountView>)>,
    items: Vec<ItemView>,
    /// What of them is listed, in words, where it is not all.
    only: Option<&'static str>,
    all_href: String,
    is_cut: bool,
}

/// How many came to what.
struct CountView {
    label: String,
    href: Option<String>,
    planned: String,
    /// In the order of the heads, with where they are listed.
    counts: Vec<(String, Option<String>)>,
    /// How much of what was to be done by now is done, in percent.
    done: Option<u64>,
}

struct ItemView {
    when: Shown,
    what: String,
    title: String,
    href: String,
    who: Shown,
    about: Vec<(String, String, String)>,
    outcome: &'static str,
    colour: &'static str,
    since: Option<Shown>,
}

/// How many of some activities came to what.
#[derive(Default)]
struct Counts([u64; Outcome::ALL.len()]);

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        let place = Outcome::ALL.iter().position(|(known, _)| *known == outcome);
        place.into_iter().for_each(|place| self.0[place] += 1);
    }

    fn of(&self, wanted: impl Fn(Outcome) -> bool) -> u64 {
        Outcome::ALL.iter().zip(self.0).filter(|((outcome, _), _)| wanted(*outcome)).map(|(_, count)| count).sum()
    }
}

/// `GET /plan`: of a week, of everybody in sight, if nothing else is asked for.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kind = desk.reading.kind(ACTIVITY)?.clone();
    let (span, step, _) = SPANS.iter().find(|(word, ..)| *word == asked.span).copied().unwrap_or(SPANS[1]);
    let today = local(&desk, desk.now).date();
    let day = asked.at.parse::<Date>().unwrap_or(today);
    let days = Days::around(day, step).ok_or(Error::NotFound)?;
    let whose = asked.person.parse::<UserId>().ok();
    let (planned, is_cut) = desk.reading.planned(days, whose, desk.offset_minutes).await?;
    let to = Address { span, at: days.first, person: whose, outcome: "" };
    let page = shown(&desk, &kind, (to, days, today), &asked.outcome, (&planned, is_cut)).await?;
    answer(StatusCode::OK, &page)
}

/// What was planned in some days, and what became of it; of that only one outcome, where one is asked for.
async fn shown(
    desk: &Desk,
    kind: &Kind,
    (to, days, today): (Address, Days, Date),
    outcome: &str,
    (planned, is_cut): (&[Planned], bool),
) -> Result<PlanPage, Error> {
    let wanted = |one: &&Planned| outcome.is_empty() || one.outcome.as_str() == outcome;
    let mut listed: Vec<&Planned> = planned.iter().filter(wanted).collect();
    let context = Context { now: desk.now, offset_minutes: desk.offset_minutes };
    listed.sort_by_key(|one| due(&one.row.fields).and_then(|due| due.as_i64().or_else(|| context.begin_of(due.as_str()?))));
    listed.truncate(LISTED);
    // Everybody's name is wanted, of the rest only what is listed.
    let people = planned.iter().filter_map(|one| one.whose).chain(to.person.map(|user| RecordId(user.0)));
    let about = listed.iter().filter_map(|one| one.row.fields.get(ABOUT)).flat_map(ids_in);
    let names = desk.reading.names_of(people.chain(about).collect::<BTreeSet<_>>()).await?;
    let counted = Counted { desk, kind, to, people: &names };
    let moved = |day: Result<Date, jiff::Error>| day.map_or_else(|_| to.text(), |at| Address { at, ..to }.text());
    Ok(PlanPage {
        frame: desk.frame(desk.words.say("menu.plan"), "/plan").await?,
        title: if days.first == days.last { days.first.to_string() } else { format!("{} – {}", days.first, days.last) },
        before: moved(days.first.yesterday()),
        now: Address { at: today, ..to }.text(),
        after: moved(days.last.tomorrow()),
        spans: SPANS.iter().map(|(word, _, key)| (Address { span: word, ..to }.text(), desk.words.say(key), *word == to.span)).collect(),
        person: to.person.and_then(|user| {
            let everybody = Address { person: None, ..to };
            Some((names.get(&RecordId(user.0))?.title.clone(), everybody.text()))
        }),
        heads: Outcome::ALL.iter().map(|(outcome, _)| desk.words.say(label(*outcome))).collect(),
        tables: vec![(desk.words.say("adoption.who"), counted.by_person(planned)), (desk.words.say("plan.what"), counted.by_type(planned))],
        items: listed.iter().map(|one| item(desk, kind, &names, one)).collect(),
        only: Outcome::ALL.iter().find(|(_, word)| *word == outcome).map(|(outcome, _)| desk.words.say(label(*outcome))),
        all_href: to.text(),
        is_cut: is_cut || planned.iter().filter(wanted).count() > LISTED,
    })
}

/// Where a plan stands.
#[derive(Clone, Copy)]
pub struct Address {
    span: &'static str,
    at: Date,
    person: Option<UserId>,
    outcome: &'static str,
}

impl Address {
    /// That of everybody's plan of a span around a day.
    pub fn of(span: &'static str, at: Date) -> Self {
        Self { span, at, person: None, outcome: "" }
    }

    /// It, as links have it.
    pub fn text(&self) -> String {
        let person = self.person.map(|person| format!("&person={person}")).unwrap_or_default();
        let outcome = if self.outcome.is_empty() { String::new() } else { format!("&outcome={}", self.outcome) };
        format!("/plan?span={}&at={}{person}{outcome}", self.span, self.at)
    }
}

/// Counts of one page.
struct Counted<'a> {
    desk: &'a Desk,
    kind: &'a Kind,
    to: Address,
    people: &'a Names,
}

impl Counted<'_> {
    /// By name; what is nobody's comes last, and then the sum.
    fn by_person(&self, planned: &[Planned]) -> Vec<CountView> {
        let (mut by, mut all): (BTreeMap<Option<RecordId>, Counts>, Counts) = (BTreeMap::new(), Counts::default());
        for one in planned {
            by.entry(one.whose).or_default().add(one.outcome);
            all.add(one.outcome);
        }
        let name = |who: Option<RecordId>| who.and_then(|who| self.people.get(&who)).map(|person| person.title.clone());
        let mut rows: Vec<CountView> = Vec::new();
        let mut people: Vec<_> = by.iter().map(|(who, counts)| (name(*who), *who, counts)).collect();
        people.sort_by(|(one, ..), (other, ..)| one.is_none().cmp(&other.is_none()).then_with(|| one.cmp(other)));
        for (name, who, counts) in people {
            let to = who.map(|who| Address { person: Some(UserId(who.0)), ..self.to });
            rows.push(self.view(name.unwrap_or_else(|| self.desk.words.say("who.unknown").to_owned()), counts, to, to.map(|to| to.text())));
        }
        if rows.len() > 1 {
            rows.push(self.view(self.desk.words.say("group.sum").to_owned(), &all, Some(self.to), None));
        }
        rows
    }

    fn by_type(&self, planned: &[Planned]) -> Vec<CountView> {
        let mut by: BTreeMap<usize, (&str, Counts)> = BTreeMap::new();
        let options = self.kind.field("type").map(|field| &field.options[..]).unwrap_or_default();
        for one in planned {
            let place = options.iter().position(|option| option.value == one.what).unwrap_or(options.len());
            by.entry(place).or_insert_with(|| (&one.what, Counts::default())).1.add(one.outcome);
        }
        by.values().map(|(what, counts)| self.view(what_of(self.desk, self.kind, what), counts, None, None)).collect()
    }

    fn view(&self, label: String, counts: &Counts, to: Option<Address>, href: Option<String>) -> CountView {
        let text = |count: u64| format::grouped(&count.to_string());
        let count = |((_, word), count): (&(Outcome, &'static str), u64)| {
            (text(count), to.filter(|_| count > 0).map(|to| Address { outcome: word, ..to }.text()))
        };
        let done = counts.of(|outcome| matches!(outcome, Outcome::Done | Outcome::Late));
        let by_now = done + counts.of(|outcome| outcome == Outcome::Missed);
        CountView {
            label,
            href,
            planned: text(counts.of(Outcome::was_planned)),
            counts: Outcome::ALL.iter().zip(counts.0).map(count).collect(),
            done: (done * 100).checked_div(by_now),
        }
    }
}

fn label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "plan.done",
        Outcome::Late => "plan.late",
        Outcome::Missed => "plan.missed",
        Outcome::Open => "plan.open",
        Outcome::Cancelled => "plan.cancelled",
        Outcome::Beside => "plan.beside",
    }
}

fn colour(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "green",
        Outcome::Late => "amber",
        Outcome::Missed => "red",
        Outcome::Open | Outcome::Beside => "blue",
        Outcome::Cancelled => "grey",
    }
}

/// What an activity is, in words.
fn what_of(desk: &Desk, kind: &Kind, what: &str) -> String {
    let option = kind.field("type").and_then(|field| field.option(what));
    option.map_or_else(|| what.to_owned(), |option| desk.words.label(&option.label).to_owned())
}

fn item(desk: &Desk, kind: &Kind, names: &Names, one: &Planned) -> ItemView {
    let format = desk.formatter(names);
    let about = one.row.fields.get(ABOUT).map(ids_in).unwrap_or_default();
    let linked = about.iter().filter_map(|id| names.get(id));
    let since = one.row.fields.get("status_since").and_then(Json::as_i64);
    ItemView {
        when: match due(&one.row.fields) {
            Some(Json::Number(moment)) => moment.as_i64().map_or(Shown::Nothing, format::moment),
            Some(Json::String(day)) => Shown::Text(day),
            _ => Shown::Nothing,
        },
        what: what_of(desk, kind, &one.what),
        title: title_of(&format, kind, &one.row),
        href: format!("/records/{ACTIVITY}/{}", one.row.id),
        who: one.whose.map_or(Shown::Nothing, |who| format.record(who)),
        about: linked.map(|to| (icon(&to.kind).to_owned(), format!("/records/{}/{}", to.kind, to.id), to.title.clone())).collect(),
        outcome: desk.words.say(label(one.outcome)),
        colour: colour(one.outcome),
        since: since.filter(|_| matches!(one.outcome, Outcome::Done | Outcome::Late | Outcome::Beside)).map(format::moment),
    }
}
