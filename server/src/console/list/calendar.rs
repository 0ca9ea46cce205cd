//! A list on days: a month, a week or a day, by one of the kind's dates.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Value as Json, json};
use sync_core::actions::next::{ACTIVITY, Tone, due, is_open, tone};
use sync_core::id::RecordId;
use sync_core::query::{Context, Query};
use sync_core::schema::{Field, Kind, Merge, ValueType};

use super::asked::Asked;
use super::board::{colour_of, is_over};
use super::shape::{Shape, seen_days};
use super::table::title_of;
use crate::console::desk::Desk;
use crate::console::links::ids_in;
use crate::console::plan;
use crate::error::Error;
use crate::reading::{List, Names, Row};

/// Records that one calendar reads: a month with more is not looked at as a calendar.
const RECORDS: u32 = 1_000;

/// Records shown on one day of a month; a week shows all.
const SHOWN: usize = 4;

/// The calendar.
pub struct CalendarView {
    /// What it shows: `2026-05`, a week's first and last day, or a day.
    pub title: String,
    /// What it covers: `month`, `week` or `day`.
    pub span: &'static str,
    /// The names of the days.
    pub names: Vec<&'static str>,
    /// The weeks, Monday first.
    pub weeks: Vec<Vec<DayView>>,
    /// The fields that put records on days: attribute, label, whether chosen.
    pub by: Vec<(String, String, bool)>,
    /// One month, week or day back.
    pub before: String,
    /// One month, week or day on.
    pub after: String,
    /// The present one.
    pub today: String,
    /// As a month.
    pub month: String,
    /// As a week.
    pub week: String,
    /// As a day.
    pub day: String,
    /// What became of the plan in these days, of activities.
    pub plan: Option<String>,
    /// How many records were left out, if there are too many.
    pub is_cut: bool,
}

/// A day.
pub struct DayView {
    /// As in addresses.
    pub date: String,
    /// Its number within the month.
    pub number: i8,
    /// Whether it is today.
    pub is_today: bool,
    /// Whether it belongs to another month.
    pub is_other: bool,
    /// Its records.
    pub items: Vec<Item>,
    /// How many more there are.
    pub more: usize,
    /// It alone.
    pub href: String,
    /// A new one on this day.
    pub new: Option<String>,
}

/// A record on a day.
pub struct Item {
    /// When, if it has an hour.
    pub time: String,
    /// What names it.
    pub title: String,
    /// Its page.
    pub href: String,
    /// What it is about: pages and titles, where there is room for them.
    pub about: Vec<(String, String)>,
    /// A colour of the style sheet: that of its next action, or of its board's column where nothing can be planned about it.
    pub colour: String,
    /// Whether what is to be done next should have been done.
    pub is_late: bool,
}

const NAMES: [&str; 7] = ["day.mon", "day.tue", "day.wed", "day.thu", "day.fri", "day.sat", "day.sun"];

/// What a calendar covers.
struct Range {
    first: Date,
    last: Date,
    month: Option<(i16, i8)>,
    anchor: Date,
}

/// What stands before a day that is shown alone: without it, it stands for its week.
const ALONE: char = 'd';

impl Range {
    /// `2026-05` is a month, `2026-05-04` the week of that day, `d2026-05-04` the day alone, anything else the present month.
    fn of(asked: &str, today: Date) -> Self {
        if let Some(day) = asked.strip_prefix(ALONE).and_then(|day| day.parse::<Date>().ok()) {
            return Self { first: day, last: day, month: None, anchor: day };
        }
        if let Ok(day) = asked.parse::<Date>() {
            let first = monday(day);
            return Self { first, last: plus(first, 6), month: None, anchor: first };
        }
        let first = format!("{asked}-01").parse::<Date>().unwrap_or(today.first_of_month()).first_of_month();
        let last = plus(monday(first.last_of_month()), 6);
        Self { first: monday(first), last, month: Some((first.year(), first.month())), anchor: first }
    }

    fn is_day(&self) -> bool {
        self.first == self.last
    }

    fn moved(&self, steps: i64) -> String {
        match self.month {
            Some(_) => month_of(self.anchor.saturating_add(jiff::Span::new().months(steps))),
            None if self.is_day() => alone(plus(self.anchor, steps)),
            None => plus(self.anchor, 7 * steps).to_string(),
        }
    }
}

fn alone(day: Date) -> String {
    format!("{ALONE}{day}")
}

fn monday(day: Date) -> Date {
    plus(day, -i64::from(day.weekday().to_monday_zero_offset()))
}

fn plus(day: Date, days: i64) -> Date {
    day.saturating_add(jiff::Span::new().days(days))
}

fn month_of(day: Date) -> String {
    day.strftime("%Y-%m").to_string()
}

/// What puts records on days.
struct Choice {
    /// The first of them that a record has.
    attributes: Vec<String>,
    label: String,
}

impl Choice {
    /// As in addresses: what the calendar shows when nobody chooses has none.
    fn word(&self) -> String {
        if self.attributes.len() > 1 { String::new() } else { self.attributes.concat() }
    }
}

/// Each date of the kind; before them, those that say when it happens as one, where there are several: what has no first
/// one stands at the next.
fn choices(desk: &Desk, kind: &Kind) -> Vec<Choice> {
    let fields: Vec<_> = seen_days(desk, kind).collect();
    let of = |fields: &[&(&Field, String)]| {
        let labels: Vec<_> = fields.iter().map(|(field, _)| desk.words.label(&field.label)).collect();
        Choice { attributes: fields.iter().map(|(_, attribute)| attribute.clone()).collect(), label: labels.join(" / ") }
    };
    let happens: Vec<_> = kind.happens.iter().filter_map(|name| fields.iter().find(|(field, _)| field.name == *name)).collect();
    let together = (happens.len() > 1).then(|| of(&happens));
    // What people write comes before what is computed.
    let (computed, written): (Vec<_>, Vec<_>) = fields.iter().partition(|(field, _)| field.merge == Merge::Derived);
    together.into_iter().chain(written.into_iter().chain(computed).map(|field| of(&[field]))).collect()
}

/// Whether an address names what puts records on days.
pub(super) fn puts_on_days(desk: &Desk, kind: &Kind, by: &str) -> bool {
    choices(desk, kind).iter().any(|choice| choice.word() == by)
}

/// The calendar of a list.
pub async fn view(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape) -> Result<CalendarView, Error> {
    let choices = choices(desk, kind);
    let chosen = choices.iter().find(|choice| choice.word() == asked.by).or(choices.first()).ok_or(Error::NotFound)?;
    let today = local(desk, desk.now).date();
    let range = Range::of(&asked.month, today);
    let (rows, names, is_cut) = read(desk, kind, asked, shape, chosen, &range).await?;
    let tones = tones(desk, kind, &rows).await?;
    let to = |month: String| Asked { month, ..asked.closed() }.address(kind);
    let around = if range.month.is_some_and(|month| month == (today.year(), today.month())) { today } else { range.anchor };
    let page = Page { kind, asked, range: &range, today, new_at: new_at(desk, kind, chosen) };
    let (span, title, now) = match (range.month.is_some(), range.is_day()) {
        (true, _) => ("month", month_of(range.anchor), String::new()),
        (false, true) => ("day", range.anchor.to_string(), alone(today)),
        (false, false) => ("week", format!("{} – {}", range.first, range.last), today.to_string()),
    };
    let first = if range.is_day() { usize::try_from(range.anchor.weekday().to_monday_zero_offset()).unwrap_or_default() } else { 0 };
    // A month begins with the days of the one before it.
    let planned = if range.month.is_some() { range.anchor } else { range.first };
    Ok(CalendarView {
        plan: (*kind.name == *ACTIVITY).then(|| plan::Address::of(span, planned).text()),
        title,
        span,
        names: NAMES.iter().skip(first).map(|key| desk.words.say(key)).take(if range.is_day() { 1 } else { NAMES.len() }).collect(),
        weeks: page.weeks(placed(desk, kind, (&rows, &names, &tones), (chosen, range.is_day()))),
        by: choices.iter().map(|choice| (choice.word(), choice.label.clone(), choice.word() == chosen.word())).collect(),
        before: to(range.moved(-1)),
        after: to(range.moved(1)),
        today: to(now),
        month: to(month_of(range.anchor)),
        week: to(around.to_string()),
        day: to(alone(around)),
        is_cut,
    })
}

/// The attribute that a new record gets its day by, for who may make one.
fn new_at<'a>(desk: &Desk, kind: &Kind, chosen: &'a Choice) -> Option<&'a str> {
    chosen.attributes.first().filter(|_| desk.reading.may_some(kind, sync_core::access::Action::Create)).map(String::as_str)
}

/// What the days of a calendar have in common.
struct Page<'a> {
    kind: &'a Kind,
    asked: &'a Asked,
    range: &'a Range,
    today: Date,
    new_at: Option<&'a str>,
}

impl Page<'_> {
    fn weeks(&self, mut on: BTreeMap<Date, Vec<(String, Item)>>) -> Vec<Vec<DayView>> {
        let mut weeks: Vec<Vec<DayView>> = Vec::new();
        let mut date = self.range.first;
        while date <= self.range.last {
            let mut week = Vec::new();
            for _ in 0..if self.range.is_day() { 1 } else { NAMES.len() } {
                let mut items = on.remove(&date).unwrap_or_default();
                items.sort_by(|a, b| a.0.cmp(&b.0));
                week.push(self.day(date, items));
                date = plus(date, 1);
            }
            weeks.push(week);
        }
        weeks
    }

    fn day(&self, date: Date, items: Vec<(String, Item)>) -> DayView {
        let month = self.range.month;
        let shown = if month.is_some() { SHOWN } else { usize::MAX };
        DayView {
            date: date.to_string(),
            number: date.day(),
            is_today: date == self.today,
            is_other: month.is_some_and(|month| month != (date.year(), date.month())),
            more: items.len().saturating_sub(shown),
            items: items.into_iter().map(|(_, item)| item).take(shown).collect(),
            href: Asked { month: alone(date), ..self.asked.closed() }.address(self.kind),
            new: self.new_at.map(|attribute| new_on(self.kind, attribute, date)),
        }
    }
}

/// How it stands with what is to be done next; nothing where nothing is planned.
type Tones = BTreeMap<RecordId, Option<Tone>>;

/// How it stands with the records of a calendar: with activities themselves, and with what activities are about. What is over
/// is missing.
async fn tones(desk: &Desk, kind: &Kind, rows: &[Row]) -> Result<Tones, Error> {
    if *kind.name == *ACTIVITY {
        let context = Context { now: desk.now, offset_minutes: desk.offset_minutes };
        let open = rows.iter().filter(|row| is_open(&row.fields));
        let tones = open.map(|row| (row.id, Some(tone(due(&row.fields).as_ref(), &context))));
        // What is planned for later stands beside what is done, and has the colour of its own state.
        return Ok(tones.filter(|(_, tone)| *tone != Some(Tone::Planned)).collect());
    }
    if !desk.reading.has_next_steps(&kind.name) {
        return Ok(Tones::new());
    }
    let ids: Vec<RecordId> = rows.iter().filter(|row| !is_over(option(kind, row))).map(|row| row.id).collect();
    let steps = desk.reading.next_steps(&ids, desk.offset_minutes).await?;
    Ok(ids.into_iter().map(|id| (id, steps.get(&id).map(|step| step.tone))).collect())
}

/// The column of the kind's board that a record stands in.
fn option<'k>(kind: &'k Kind, row: &Row) -> Option<&'k sync_core::schema::Choice> {
    let by = kind.field(&kind.board.as_ref()?.by)?;
    by.option(row.fields.get(&*by.name)?.as_str()?)
}

/// The records of each day, with the hour to order them by.
fn placed(
    desk: &Desk,
    kind: &Kind,
    (rows, names, tones): (&[Row], &Names, &Tones),
    (chosen, is_day): (&Choice, bool),
) -> BTreeMap<Date, Vec<(String, Item)>> {
    let format = desk.formatter(names);
    // Where red is late, what was lost is not red.
    let has_own = !desk.reading.has_next_steps(&kind.name);
    let mut on: BTreeMap<Date, Vec<(String, Item)>> = BTreeMap::new();
    for row in rows {
        let Some((day, time)) = chosen.attributes.iter().find_map(|attribute| place(desk, row, attribute)) else { continue };
        let column = option(kind, row).filter(|_| has_own).and_then(|option| option.colour.clone());
        let tone = tones.get(&row.id);
        let item = Item {
            time: time.clone(),
            title: title_of(&format, kind, row),
            href: format!("/records/{}/{}", kind.name, row.id),
            about: if is_day { about(kind, row, names) } else { Vec::new() },
            colour: tone.map_or_else(|| column.unwrap_or_default(), |tone| colour_of(*tone).to_owned()),
            is_late: tone == Some(&Some(Tone::Late)),
        };
        on.entry(day).or_default().push((time, item));
    }
    on
}

/// What a record follows or is about, by name.
fn about(kind: &Kind, row: &Row, names: &Names) -> Vec<(String, String)> {
    let known = about_ids(kind, row).into_iter().filter_map(|id| names.get(&id));
    known.map(|linked| (format!("/records/{}/{}", linked.kind, linked.id), linked.title.clone())).collect()
}

fn about_ids(kind: &Kind, row: &Row) -> Vec<RecordId> {
    kind.sharing.follows.as_ref().and_then(|field| row.fields.get(&**field)).map(ids_in).unwrap_or_default()
}

async fn read(
    desk: &Desk,
    kind: &Kind,
    asked: &Asked,
    shape: &Shape,
    chosen: &Choice,
    range: &Range,
) -> Result<(Vec<Row>, Names, bool), Error> {
    let days = [range.first.to_string(), range.last.to_string()];
    let between = |attribute: &String| json!({"type": "between", "attribute": attribute, "value": days});
    let within = match &chosen.attributes[..] {
        [only] => between(only),
        several => json!({"type": "or", "value": several.iter().map(between).collect::<Vec<_>>()}),
    };
    let by_day = Shape { sort: "updatedAt".to_owned(), desc: true, ..shape.clone() };
    let list = by_day.list(desk, kind, &Asked { after: None, ..asked.clone() }, &[within], 1)?;
    let list = List { query: Query { max_size: RECORDS, ..list.query }, ..list };
    let (rows, is_cut) = desk.reading.rows_of(&list).await?;
    // Only a day has room for what its records are about.
    let about = rows.iter().filter(|_| range.is_day()).flat_map(|row| about_ids(kind, row));
    let names = desk.reading.names_of(about.collect::<Vec<RecordId>>()).await?;
    Ok((rows, names, is_cut))
}

/// The day, and the hour if there is one, of a record.
fn place(desk: &Desk, row: &Row, attribute: &str) -> Option<(Date, String)> {
    let (field, part) = attribute.split_once('.').map_or((attribute, None), |(field, part)| (field, Some(part)));
    let value = row.fields.get(field)?;
    match part.map_or(Some(value), |part| value.get(part))? {
        Json::String(day) => Some((day.parse().ok()?, String::new())),
        Json::Number(millis) => {
            let local = local(desk, millis.as_i64()?);
            Some((local.date(), local.strftime("%H:%M").to_string()))
        }
        _ => None,
    }
}

/// A moment on the reader's own clock.
pub(in crate::console) fn local(desk: &Desk, millis: i64) -> jiff::civil::DateTime {
    let millis = millis.saturating_add(i64::from(desk.offset_minutes) * 60_000);
    let moment = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(jiff::tz::TimeZone::UTC).datetime()
}

fn new_on(kind: &Kind, attribute: &str, date: Date) -> String {
    let is_moment = |field: &str| kind.field(field).is_some_and(|field| field.value == ValueType::Datetime);
    let value = if attribute.contains('.') || is_moment(attribute) { format!("{date}T09:00") } else { date.to_string() };
    format!("/records/{}/new?f.{attribute}={value}", kind.name)
}
