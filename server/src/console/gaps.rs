//! What is easily overlooked: on a page of its own with counts, and on the page of the record that it is about.
//!
//! Kinds declare it, with conditions in the filter language; here they are asked.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value as Json, json};
use sync_core::actions::overstays;
use sync_core::id::RecordId;
use sync_core::query::with_me;
use sync_core::record::gates;
use sync_core::schema::{Field, Formula, Gap, Kind, Label};
use tokio::time::Instant;

use super::desk::{Desk, Frame, icon, page as answer};
use super::format;
use super::list::address_of;
use crate::error::Error;
use crate::reading::{Count, Counted, List, ReadError, Row};

#[derive(Template)]
#[template(path = "gaps.html")]
struct GapsPage {
    frame: Frame,
    /// Whether only the reader's own records are counted.
    mine: bool,
    groups: Vec<GroupView>,
    /// Whether some gap goes by a number of days.
    has_days: bool,
}

/// The gaps of a kind.
struct GroupView {
    label: String,
    icon: String,
    gaps: Vec<GapView>,
}

struct GapView {
    label: String,
    href: String,
    /// How many; none while it is still being counted.
    count: Option<String>,
    is_open: bool,
    /// The control of its number of days, and the number.
    days: Option<(String, u32)>,
}

/// How long the page waits for its counts: some look at every record. Its script asks for the others.
const PATIENCE: Duration = Duration::from_millis(20);

/// The most that a control of days takes.
const DAYS_MAX: u32 = 3_650;

/// `GET /gaps`: how many records each gap has; numbers of days may be asked for otherwise.
pub async fn page(desk: Desk, Query(asked): Query<Vec<(String, String)>>, headers: HeaderMap) -> Result<Response, Error> {
    let says = |wanted: &str| asked.iter().any(|(name, value)| name == wanted && value == "true");
    let mine = says("mine");
    let by = (!says("whole") && !headers.contains_key("x-requested-with")).then(|| Instant::now() + PATIENCE);
    let mut groups = vec![undecided(&desk).await?];
    let mut kinds: Vec<_> = desk.reading.kinds().filter(|kind| !kind.gaps.is_empty()).cloned().collect();
    kinds.sort_by_key(|kind| (super::desk::place(kind), kind.name.clone()));
    for kind in kinds.iter().filter(|kind| !mine || kind.owner.is_some()) {
        let mut gaps = Vec::new();
        for gap in &kind.gaps {
            gaps.extend(gap_view(&desk, kind, gap, (&asked, mine), by).await?);
        }
        groups.push(GroupView { label: desk.words.label(&kind.plural).to_owned(), icon: icon(&kind.name).to_owned(), gaps });
    }
    groups.retain(|group| !group.gaps.is_empty());
    let has_days = groups.iter().flat_map(|group| &group.gaps).any(|gap| gap.days.is_some());
    let frame = desk.frame(desk.words.say("menu.gaps"), "/gaps").await?;
    answer(StatusCode::OK, &GapsPage { frame, mine, groups, has_days })
}

/// Values that people disagree about, and edits that wait for somebody's word.
async fn undecided(desk: &Desk) -> Result<GroupView, Error> {
    let open = desk.reading.open().await?;
    let view = |key, href: &str, count: u64| GapView {
        label: desk.words.say(key).to_owned(),
        href: href.to_owned(),
        count: Some(format::grouped(&count.to_string())),
        is_open: count > 0,
        days: None,
    };
    let gaps = vec![view("menu.conflicts", "/conflicts", open.conflicts), view("menu.rejected", "/rejected", open.refused)];
    Ok(GroupView { label: desk.words.say("gap.undecided").to_owned(), icon: "conflict".to_owned(), gaps })
}

/// None for what the reader may not ask, or what cannot be asked any more.
async fn gap_view(
    desk: &Desk,
    kind: &Arc<Kind>,
    gap: &Gap,
    (asked, mine): (&[(String, String)], bool),
    by: Option<Instant>,
) -> Result<Option<GapView>, Error> {
    let control = format!("days.{}.{}", kind.name, gap.name);
    let wanted = asked.iter().find(|(name, _)| *name == control).and_then(|(_, value)| value.trim().parse::<u32>().ok());
    let days = gap.days.map(|usual| wanted.unwrap_or(usual).clamp(1, DAYS_MAX));
    let mut conditions = conditions(gap, days);
    if let Some(owner) = kind.owner.as_ref().filter(|_| mine) {
        conditions.push(json!({"type": "linkedWith", "attribute": owner.to_string(), "value": "@me"}));
    }
    let href = address_of(kind, &conditions);
    let counted = match by {
        None => Some(counted(desk, kind, &conditions).await?),
        Some(by) => in_time(desk.clone(), kind.clone(), conditions, by).await?,
    };
    // What cannot be asked is no gap of the caller's.
    let counted = match counted {
        Some(None) => return Ok(None),
        counted => counted.flatten(),
    };
    let shown = |Counted { count, more }: Counted| format!("{}{}", format::grouped(&count.to_string()), if more { "+" } else { "" });
    Ok(Some(GapView {
        label: desk.words.label(&gap.label).to_owned(),
        href,
        count: counted.map(shown),
        is_open: counted.is_some_and(|counted| counted.count > 0),
        days: days.map(|days| (control, days)),
    }))
}

fn conditions(gap: &Gap, days: Option<u32>) -> Vec<Json> {
    match serde_json::from_str(&gap.conditions(days)) {
        Ok(Json::Array(conditions)) => conditions,
        Ok(condition) => vec![condition],
        Err(_) => vec![Json::from(gap.filter.as_str())],
    }
}

/// How many, if that is known in time: what has begun goes on by itself, and nothing is begun after it.
async fn in_time(desk: Desk, kind: Arc<Kind>, conditions: Vec<Json>, by: Instant) -> Result<Option<Option<Counted>>, Error> {
    if Instant::now() >= by {
        return Ok(None);
    }
    let counting = tokio::spawn(async move { counted(&desk, &kind, &conditions).await });
    match tokio::time::timeout_at(by, counting).await {
        Ok(done) => done.unwrap_or_else(|broken| Err(Error::Internal(broken.into()))).map(Some),
        Err(_) => Ok(None),
    }
}

/// How many records conditions hold of.
async fn counted(desk: &Desk, kind: &Kind, conditions: &[Json]) -> Result<Option<Counted>, Error> {
    let filter = with_me(Json::Array(conditions.to_vec()), desk.caller.user).to_string();
    let query = match desk.reading.query(&kind.name, [("where", &*filter), ("maxSize", "1")]) {
        Ok(query) => query,
        Err(ReadError::Query(_) | ReadError::Hidden { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let list = List { offset_minutes: desk.offset_minutes, total: Count::Some, ..List::of(query) };
    Ok(Some(desk.reading.count(&list).await?))
}

/// Something that a record lacks.
pub struct Note {
    /// What.
    pub text: String,
    /// Where it is put right.
    pub href: Option<String>,
}

/// What a record lacks: for its states, by what it is asked for there, and by the gaps of its kind.
pub async fn of_record(desk: &Desk, kind: &Kind, row: &Row) -> Result<Vec<Note>, Error> {
    if row.archived {
        return Ok(Vec::new());
    }
    let mut notes = of_states(desk, kind, row);
    for gap in &kind.gaps {
        let mut all = conditions(gap, gap.days);
        if all.iter().any(|condition| is_of_states(kind, condition)) {
            continue;
        }
        all.push(json!({"type": "equals", "attribute": "id", "value": row.id.to_string()}));
        if counted(desk, kind, &all).await?.is_some_and(|counted| counted.count > 0) {
            notes.push(Note { text: desk.words.label(&gap.label).to_owned(), href: None });
        }
    }
    Ok(notes)
}

/// Whether a condition of a gap asks what is said in more words already.
fn is_of_states(kind: &Kind, condition: &Json) -> bool {
    let is_unmet =
        |name: &str| kind.field(name).is_some_and(|field| matches!(field.computed(), Some(Formula::Unmet { .. } | Formula::Due { .. })));
    match condition {
        Json::Object(parts) => {
            let asks = parts.get("attribute").and_then(Json::as_str).is_some_and(is_unmet);
            asks || parts.values().any(|part| is_of_states(kind, part))
        }
        Json::Array(parts) => parts.iter().any(|part| is_of_states(kind, part)),
        _ => false,
    }
}

fn of_states(desk: &Desk, kind: &Kind, row: &Row) -> Vec<Note> {
    let may_see = |name: &str| desk.reading.may_read(kind, name);
    let edit =
        |id: RecordId, name: &str| desk.reading.may_write(kind, name).then(|| format!("/records/{}/{id}?edit={name}#f-{name}", kind.name));
    let mut notes = Vec::new();
    for (field, state, needs) in gates::unmet_of(kind, &row.fields).into_iter().filter(|(field, ..)| may_see(&field.name)) {
        let lacking: Vec<Label> = needs.iter().map(|need| need.label(kind)).collect();
        let lacking: Vec<&str> = lacking.iter().map(|label| desk.words.label(label)).collect();
        let text = desk.words.fill("gap.unmet", &[state_of(desk, field, state), &lacking.join(", ")]);
        notes.push(Note { text, href: needs.first().and_then(|need| edit(row.id, &need.field)) });
    }
    for over in overstays::of(kind, &row.fields, desk.now).filter(|over| may_see(&over.field.name)) {
        let (state, limit) = (desk.words.label(&over.state.label), u64::from(over.state.days.unwrap_or_default()));
        let text = desk
            .words
            .fill("stay.past", &[state, &desk.words.count("stay.days", limit), &desk.words.count("stay.over", over.days(desk.now))]);
        notes.push(Note { text, href: edit(row.id, &over.field.name) });
    }
    let states = kind.fields.iter().filter_map(|field| field.option(row.fields.get(&*field.name)?.as_str()?));
    let asked = states.flat_map(|state| gates::unsaid(kind, state, &row.fields));
    for asked in asked.filter(|field| may_see(&field.name)) {
        let text = desk.words.fill("gap.asked", &[desk.words.label(&asked.label)]);
        notes.push(Note { text, href: edit(row.id, &asked.name) });
    }
    notes
}

fn state_of<'d>(desk: &'d Desk, field: &'d Field, state: &'d str) -> &'d str {
    field.option(state).map_or(state, |option| desk.words.label(&option.label))
}
