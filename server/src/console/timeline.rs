//! The timeline of a record: everything that happened about it, newest first, and a place to add to it.

use std::collections::{BTreeMap, BTreeSet};

use axum::Form;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::access::Action;
use sync_core::actions::next::{ABOUT, ACTIVITY, is_open};
use sync_core::actions::taking_back::{Left, taking_back};
use sync_core::id::{ChangeHash, Millis, RecordId};
use sync_core::record::fields::FieldEdit;
use sync_core::record::valid::MAX_INSERT_CHARS;
use sync_core::schema::Kind;

use super::desk::{Desk, icon};
use super::format::{self, Formatter, Shown};
use super::history::{self, ChangeView};
use super::list::title_of;
use super::made::{device_of, later, name_of};
use super::record::{Editing, show, view};
use super::why;
use crate::error::Error;
use crate::place::Path;
use crate::reading::{CHANGES, Entry, Event, Happened, Names, PEOPLE, Row, Timeline, Who};

/// Events of a page at first, and how many more each time.
const STEP: usize = 30;

/// Events of one page: from then on older ones take the place of the newer. A busy customer's page would grow without
/// end otherwise, and this many are some 100 KB.
const PAGE_MAX: usize = 90;

/// Characters of a comment that name it in lists.
const SUBJECT_MAX: usize = 80;

/// The timeline as a page shows it.
pub struct TimelineView {
    /// What can be looked at alone: label, count, address, whether it is.
    pub filters: Vec<(String, String, String, bool)>,
    /// The events.
    pub events: Vec<EventView>,
    /// Where more are shown.
    pub more: Option<String>,
    /// Where a comment is written; none for who may not.
    pub comment: Option<CommentForm>,
    /// Where a call or a task about this record is noted.
    pub log: Vec<(String, String)>,
}

/// Where a comment is written.
pub struct CommentForm {
    /// Where it is sent.
    pub action: String,
    /// What stands in it: what was not taken.
    pub typed: Said,
    /// Why not.
    pub error: Option<String>,
    /// How many characters it takes.
    pub chars_max: usize,
}

/// An event.
pub struct EventView {
    /// What a link to it names; empty for changes.
    pub place: String,
    /// Which icon.
    pub icon: String,
    /// When.
    pub when: Shown,
    /// Who.
    pub who: Shown,
    /// On which device.
    pub device: String,
    /// How much later it arrived.
    pub later: Option<String>,
    /// Of a record: its kind, its page, what names it.
    pub record: Option<(String, String, String)>,
    /// Words about it: a state, a type.
    pub badges: Vec<Shown>,
    /// A text.
    pub text: String,
    /// What was changed.
    pub changes: Vec<ChangeView>,
    /// Where it is taken back.
    pub undo: Option<(String, String)>,
}

impl EventView {
    /// That something was changed.
    fn without_words(at: Millis) -> Self {
        Self {
            place: String::new(),
            icon: "edit".to_owned(),
            when: format::moment(at),
            who: Shown::Nothing,
            device: String::new(),
            later: None,
            record: None,
            badges: Vec::new(),
            text: String::new(),
            changes: Vec::new(),
            undo: None,
        }
    }
}

/// The timeline of a record.
pub async fn of(
    desk: &Desk,
    kind: &Kind,
    (id, archived): (RecordId, bool),
    history: &[Entry],
    editing: &Editing,
) -> Result<TimelineView, Error> {
    let (only, (size, older)) = (&*editing.only, editing.events);
    let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (size, older) = (whole(size).clamp(STEP, PAGE_MAX), whole(older));
    let timeline = desk.reading.timeline(id, history, only, older..older.saturating_add(size)).await?;
    let here = format!("/records/{}/{id}", kind.name);
    let entries: Vec<Entry> = timeline.events.iter().flat_map(entries).cloned().collect();
    let mut names = history::names(desk, kind, &entries, None).await?;
    names.extend(timeline.names.clone());
    let format = desk.formatter(&names);
    let drawing = Drawing { desk, kind, format, here: &here, first: timeline.first, archived };
    let is_about = desk.reading.has_next_steps(&kind.name) && !archived;
    let may = is_about && desk.reading.kind(ACTIVITY).is_ok_and(|activity| desk.reading.may_some(activity, Action::Create));
    Ok(TimelineView {
        filters: filters(desk, &timeline, &here, only),
        more: timeline.more.then(|| match size + STEP <= PAGE_MAX {
            true => format!("{here}?only={only}&events={}&older={older}#timeline", size + STEP),
            false => format!("{here}?only={only}&older={}#timeline", older + size),
        }),
        events: timeline.events.iter().map(|happened| drawing.event(happened)).collect(),
        comment: may.then(|| comment_form(&here, editing)),
        log: if may { shortcuts(desk, id) } else { Vec::new() },
    })
}

/// An empty box, or what was not taken with the reason beside it.
fn comment_form(here: &str, editing: &Editing) -> CommentForm {
    CommentForm {
        action: format!("{here}/comments"),
        typed: editing.said.clone().unwrap_or_default(),
        error: editing.error.clone().filter(|_| editing.said.is_some()),
        chars_max: MAX_INSERT_CHARS,
    }
}

/// Where a record stands on a page with a timeline.
fn place_of(id: RecordId) -> String {
    format!("e-{id}")
}

/// What was changed.
pub fn entries(happened: &Happened) -> &[Entry] {
    match &happened.event {
        Event::Change(entries) => entries,
        Event::Record(_) => &[],
    }
}

fn filters(desk: &Desk, timeline: &Timeline, here: &str, only: &str) -> Vec<(String, String, String, bool)> {
    let all: u64 = timeline.kinds.values().sum::<u64>() + timeline.changes;
    let filter = |label: &str, count: u64, word: &str| {
        (label.to_owned(), format::grouped(&count.to_string()), format!("{here}?only={word}#timeline"), only == word)
    };
    let mut filters = vec![filter(desk.words.say("timeline.all"), all, "")];
    for (name, count) in &timeline.kinds {
        if let Ok(kind) = desk.reading.kind(name) {
            filters.push(filter(desk.words.label(&kind.plural), *count, name));
        }
    }
    filters.push(filter(desk.words.say("timeline.changes"), timeline.changes, CHANGES));
    filters
}

/// What people log most.
fn shortcuts(desk: &Desk, id: RecordId) -> Vec<(String, String)> {
    let shortcut = |word: &str, key: &'static str, status: &str| {
        (desk.words.say(key).to_owned(), format!("/records/{ACTIVITY}/new?f.{ABOUT}={id}&f.type={word}&f.status={status}"))
    };
    vec![
        shortcut("call", "timeline.call", "done"),
        shortcut("visit", "timeline.visit", "done"),
        shortcut("task", "timeline.task", "planned"),
    ]
}

/// What somebody did to a record, on a page about many.
pub fn view_of(desk: &Desk, kind: &Kind, names: &Names, happened: &Happened, who: &Who) -> EventView {
    let format = desk.formatter(names);
    let drawing = Drawing { desk, kind, format, here: "", first: None, archived: true };
    EventView { who: Shown::Text(name_of(desk, who)), when: format::moment(happened.at), ..drawing.event(happened) }
}

struct Drawing<'a> {
    desk: &'a Desk,
    kind: &'a Kind,
    format: Formatter<'a>,
    here: &'a str,
    /// The change that made the record: it is not taken back, the record is archived.
    first: Option<ChangeHash>,
    archived: bool,
}

impl Drawing<'_> {
    fn event(&self, happened: &Happened) -> EventView {
        match &happened.event {
            Event::Record(row) => self.record(happened, row),
            Event::Change(entries) => self.change(happened, entries),
        }
    }

    fn record(&self, happened: &Happened, row: &Row) -> EventView {
        let kind = self.desk.reading.kind(&row.kind).ok();
        let text = |name: &str| row.fields.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let owner = kind.and_then(|kind| kind.field(kind.owner.as_ref()?));
        let shown = |name: &str| {
            let field = kind?.field(name)?;
            Some(self.format.brief(field, row.fields.get(name)?)).filter(|shown| !shown.is_nothing())
        };
        let states = kind.and_then(|kind| kind.board.as_ref()).map(|board| board.by.to_string());
        let is_note = text("type") == "note";
        let badges = [
            Some("type".to_owned()).filter(|_| !is_note),
            states,
            kind.and_then(|kind| kind.board.as_ref()?.sum.as_ref().map(ToString::to_string)),
        ];
        let title = kind.map(|kind| title_of(&self.format, kind, row)).unwrap_or_default();
        let body = if &*row.kind == ACTIVITY { [text("body"), text("outcome")].into_iter().find(|text| !text.is_empty()) } else { None };
        EventView {
            place: place_of(row.id),
            icon: if is_note { "comment".to_owned() } else { icon(&row.kind).to_owned() },
            when: format::moment(happened.at),
            who: owner.and_then(|owner| shown(&owner.name)).unwrap_or(Shown::Nothing),
            device: String::new(),
            later: (&*row.kind == ACTIVITY && is_open(&row.fields) && happened.at < self.desk.now)
                .then(|| self.desk.words.say("timeline.overdue").to_owned()),
            record: Some((
                kind.map(|kind| self.desk.words.label(&kind.label).to_owned()).unwrap_or_default(),
                format!("/records/{}/{}", row.kind, row.id),
                title.clone(),
            )),
            badges: badges.into_iter().flatten().filter_map(|name| shown(&name)).collect(),
            text: body.filter(|body| *body != title).unwrap_or_default(),
            changes: Vec::new(),
            undo: None,
        }
    }

    fn change(&self, happened: &Happened, entries: &[Entry]) -> EventView {
        // What changed nothing that is shown, or what of a long history is not read any more.
        let Some(first) = entries.first() else { return EventView::without_words(happened.at) };
        let may = !self.archived
            && self.first != Some(first.change)
            && entries.iter().all(|entry| self.desk.reading.may_write(self.kind, &entry.field));
        EventView {
            place: String::new(),
            icon: if self.first == Some(first.change) { "plus".to_owned() } else { "edit".to_owned() },
            when: format::moment(happened.at),
            who: Shown::Text(name_of(self.desk, &first.who)),
            device: device_of(self.desk, &first.who),
            later: later(self.desk, first.edit_time, first.received_at).filter(|_| first.offline),
            record: None,
            badges: Vec::new(),
            text: String::new(),
            changes: (0..entries.len()).map(|index| history::change_view(&self.format, self.kind, &entries[index..])).rev().collect(),
            undo: may.then(|| (format!("{}/undo", self.here), first.change.to_string())),
        }
    }
}

/// A comment.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Said {
    /// What is said.
    pub text: String,
    /// Those who were taken from what was offered behind an at sign: their ids, with spaces between.
    #[serde(default)]
    pub people: String,
}

/// `POST /records/{kind}/{id}/comments`: a note about the record; whoever is mentioned finds it among what waits for them.
pub async fn comment(desk: Desk, Path((kind, id)): Path<(String, RecordId)>, Form(said): Form<Said>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    view(&desk, &kind.name, id).await?;
    let text = said.text.replace("\r\n", "\n").trim().to_owned();
    let back = Redirect::to(&format!("/records/{}/{id}#timeline", kind.name)).into_response();
    if text.is_empty() {
        return Ok(back);
    }
    let subject: String = text.lines().next().unwrap_or_default().chars().take(SUBJECT_MAX).collect();
    let mut edits = vec![
        FieldEdit::set("subject", subject),
        FieldEdit::set("type", "note"),
        FieldEdit::set("body", text.as_str()),
        FieldEdit::set("assignee", desk.caller.user.to_string()),
        FieldEdit::Add { field: ABOUT.to_owned(), value: id.to_string() },
    ];
    let people = mentioned(&desk, &text, &said.people).await?;
    edits.extend(people.into_iter().map(|value| FieldEdit::Add { field: PEOPLE.to_owned(), value }));
    let written = desk.writing().create(ACTIVITY, None, edits).await;
    match why::written(&desk, desk.reading.kind(ACTIVITY)?, written)? {
        Ok(_) => Ok(back),
        Err(why) => show(&desk, &kind.name, id, Editing { error: Some(why.text), said: Some(said), ..Editing::default() }, None).await,
    }
}

/// The colleagues whose names, or whose teams' names, stand behind an at sign.
async fn mentioned(desk: &Desk, text: &str, taken: &str) -> Result<Vec<String>, Error> {
    if !text.contains(['@', '＠']) {
        return Ok(Vec::new());
    }
    let mut called: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, name) in desk.reading.colleagues().await? {
        called.entry(name.to_ascii_lowercase()).or_default().push(id.to_string());
    }
    let me = RecordId(desk.caller.user.0);
    for (team, people) in desk.reading.teams().await? {
        let others = people.into_iter().filter(|person| *person != me).map(|person| person.to_string());
        called.entry(team.to_ascii_lowercase()).or_default().extend(others);
    }
    Ok(told(text, &called, taken))
}

/// Who is told of a text: of those who share a name as many as it stands there, those who were taken from the list last; all of
/// them if none was.
fn told(text: &str, called: &BTreeMap<String, Vec<String>>, taken: &str) -> Vec<String> {
    let names: Vec<&str> = called.keys().map(String::as_str).collect();
    let found = meant_in(text, &names);
    let mut told = BTreeSet::new();
    for (at, namesakes) in called.values().enumerate().filter(|(at, _)| found.contains(at)) {
        let times = found.iter().filter(|found| **found == at).count();
        let mut chosen: Vec<&str> = Vec::new();
        for id in taken.split_whitespace().filter(|id| namesakes.iter().any(|namesake| namesake == id)) {
            chosen.retain(|known| *known != id);
            chosen.push(id);
        }
        if chosen.is_empty() {
            chosen = namesakes.iter().map(String::as_str).collect();
        } else {
            chosen.drain(..chosen.len().saturating_sub(times));
        }
        told.extend(chosen.into_iter().map(str::to_owned));
    }
    told.into_iter().collect()
}

/// Which of the names stand behind at signs. Within an e-mail address stands none, and what ends right before a sign is the
/// beginning of one, unless it is somebody's name itself.
fn meant_in(text: &str, names: &[&str]) -> Vec<usize> {
    let mut pieces = text.split(['@', '＠']);
    let mut is_behind_word = ends_in_word(pieces.next().unwrap_or_default());
    let mut found = Vec::new();
    for piece in pieces {
        let name = if is_behind_word { None } else { meant(piece, names) };
        is_behind_word = ends_in_word(piece) && name.is_none_or(|(_, length)| length < piece.len());
        found.extend(name.map(|(at, _)| at));
    }
    found
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|last: char| last.is_ascii_alphanumeric())
}

/// Which name is meant by what stands behind an at sign, and how much of that it is: of the whole names there the longest, or
/// else the only one that begins with the word.
fn meant(rest: &str, names: &[&str]) -> Option<(usize, usize)> {
    let whole = (0..names.len()).filter(|at| !names[*at].is_empty() && begins(rest, names[*at]));
    whole.max_by_key(|at| names[*at].len()).map(|at| (at, names[at].len())).or_else(|| {
        let word = rest.split(|letter: char| !letter.is_alphanumeric()).next().filter(|word| !word.is_empty())?;
        let mut begun = (0..names.len()).filter(|at| begins(names[*at], word));
        begun.next().filter(|_| begun.next().is_none()).map(|at| (at, word.len()))
    })
}

/// Without regard to the case of A to Z.
fn begins(text: &str, name: &str) -> bool {
    text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// A change to take back.
#[derive(Debug, Deserialize)]
pub struct Back {
    change: ChangeHash,
}

/// `POST /records/{kind}/{id}/undo`: what one change did is written back, unless somebody changed it since.
pub async fn undo(desk: Desk, Path((kind, id)): Path<(String, RecordId)>, Form(back): Form<Back>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    view(&desk, &kind.name, id).await?;
    let changes = desk.reading.changes(id).await?;
    let (steps, left) = taking_back(&kind, changes, &[back.change].into());
    let refuse = |text: String| Editing { error: Some(text), ..Editing::default() };
    let (changed, fixed) = (fields_of(&left, false), fields_of(&left, true));
    if steps.is_empty() {
        let why = match left.is_empty() {
            true => desk.words.say("timeline.undone").to_owned(),
            false => staying(&desk, &kind, &changed, &fixed),
        };
        return show(&desk, &kind.name, id, refuse(desk.words.fill("timeline.kept", &[&why])), None).await;
    }
    for (at, (_, edits)) in steps.into_iter().enumerate() {
        let written = desk.writing().putting_back().edit(&kind.name, id, edits).await;
        if let Err(why) = why::written(&desk, &kind, written)? {
            let text = if at == 0 { why.text } else { desk.words.fill("timeline.partly", &[&why.text]) };
            return show(&desk, &kind.name, id, refuse(text), None).await;
        }
    }
    let stays = if left.is_empty() { String::new() } else { format!("&changed={changed}&fixed={fixed}") };
    Ok(Redirect::to(&format!("/records/{}/{id}?done=undone{stays}#timeline", kind.name)).into_response())
}

/// The fields that stay because they never go back, or those that stay because somebody has changed them since: their names,
/// which need no escaping in an address.
fn fields_of(left: &[Left], for_good: bool) -> String {
    let names: BTreeSet<&str> = left.iter().filter(|one| one.for_good == for_good).map(|one| one.field.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(",")
}

/// What stays, and why, of fields that the reader sees.
pub fn staying(desk: &Desk, kind: &Kind, changed: &str, fixed: &str) -> String {
    let told = |names: &str, key| {
        let fields = names.split(',').filter_map(|name| kind.field(name)).filter(|field| desk.reading.may_read(kind, &field.name));
        let labels: Vec<&str> = fields.map(|field| desk.words.label(&field.label)).collect();
        (!labels.is_empty()).then(|| desk.words.fill(key, &[&labels.join(desk.words.say("timeline.and"))]))
    };
    let all: Vec<String> = [told(changed, "timeline.changed_since"), told(fixed, "timeline.for_good")].into_iter().flatten().collect();
    // Of the record as a whole there is no field.
    if all.is_empty() { desk.words.say("timeline.record_changed").to_owned() } else { all.join(desk.words.say("timeline.between")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_stands() {
        assert!(begins("王芳，请看", "王芳") && begins("Ann, look", "ann") && !begins("Anna", "Annabel") && !begins("王", "王芳"));
    }

    #[test]
    fn a_name_may_be_begun_where_only_one_begins_so() {
        let names = ["Bo Chen", "Bo", "Ann Lee", "Anna Wu", "王芳", ""];
        let cases = [
            ("bo chen, look", Some(0)),
            ("bo, look", Some(1)),
            ("ann lee", Some(2)),
            ("anna", Some(3)),
            ("an look", None),
            ("王 请看", Some(4)),
            ("王芳请看", Some(4)),
            (" bo", None),
            ("", None),
        ];
        for (rest, expected) in cases {
            assert_eq!(meant(rest, &names).map(|(at, _)| at), expected, "{rest}");
        }
    }

    #[test]
    fn of_those_with_one_name_whoever_was_taken_last_is_told_as_often_as_the_name_stands_there() {
        let called = [("chen yu", vec!["a", "b", "c"]), ("王芳", vec!["d"])];
        let called = called.into_iter().map(|(name, ids)| (name.to_owned(), ids.into_iter().map(str::to_owned).collect())).collect();
        let cases: [(&str, &str, &[&str]); 9] = [
            ("@Chen Yu", "a", &["a"]),
            ("@Chen Yu", "a b", &["b"]),
            ("@Chen Yu", "b a", &["a"]),
            ("@Chen Yu", "a b a", &["a"]),
            ("@Chen Yu and @Chen Yu", "a b", &["a", "b"]),
            ("@Chen Yu and @chen yu", "a c b", &["b", "c"]),
            ("@Chen Yu", "", &["a", "b", "c"]),
            ("@Chen Yu", "d x", &["a", "b", "c"]),
            ("@王芳", "a", &["d"]),
        ];
        for (text, taken, expected) in cases {
            assert_eq!(told(text, &called, taken), expected, "{text} {taken}");
        }
    }

    #[test]
    fn names_may_stand_side_by_side_and_an_address_names_nobody() {
        let names = ["Ann", "Bo Chen", "王芳"];
        let cases: [(&str, &[usize]); 6] = [
            ("@Ann@Bo, look", &[0, 1]),
            ("@王芳@bo chen@ann", &[2, 1, 0]),
            ("mail@bo.example", &[]),
            ("@Ann write to joe@Bo", &[0]),
            ("@Ann.Lee@bo.example", &[0]),
            ("nobody@x@Ann", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(meant_in(text, &names), expected, "{text}");
        }
    }
}
