//! Everything that happened about a record, in the order of time: what links to it, and what was changed in it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde_json::{Map, Value as Json};
use sync_core::actions::request::{OWN_NOTES, is_own_note};
use sync_core::id::{ChangeHash, KindName, Millis, RecordId};
use sync_core::schema::Schema;

use super::{Entry, Names, ReadError, Reading, Row, links};
use crate::store::lists;
use crate::store::pointing::{self, PlacedRow};

/// Records of one timeline, those changed last: more than anybody scrolls through. Of more it says so, and one kind of them is
/// looked at alone.
pub const TIMELINE_MAX: u32 = 2_000;

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A record that links to it was made, or took place.
    Record(Box<Row>),
    /// Fields were changed by one person at one moment; newest entries first.
    Change(Vec<Entry>),
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When.
    pub at: Millis,
    /// What.
    pub event: Event,
}

/// What happened about a record, newest first.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The events asked for.
    pub events: Vec<Happened>,
    /// Whether there are older ones.
    pub more: bool,
    /// The change that made the record, if changes were asked for.
    pub first: Option<ChangeHash>,
    /// How many records of each kind there are.
    pub kinds: BTreeMap<KindName, u64>,
    /// How many records are too many to be put in order here.
    pub left_out: u64,
    /// How many changes.
    pub changes: u64,
    /// What the records are called that events name.
    pub names: Names,
}

/// An event before it is known what there is to say about it.
enum Place {
    Record(RecordId),
    Change(Vec<Entry>),
}

/// The word for changes among the kinds of a timeline: no kind can be called so.
pub const CHANGES: &str = "-changes";

impl Reading {
    /// What happened about a record whose history somebody has read, all or one kind of it: events from a place on, the newest
    /// being the first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline(&self, id: RecordId, history: &[Entry], only: &str, piece: Range<usize>) -> Result<Timeline, ReadError> {
        let mut timeline = Timeline::default();
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, id).await?;
        let placed: Vec<KindName> = self.schema().kinds().filter(|kind| !kind.happens.is_empty()).map(|kind| kind.name.clone()).collect();
        let mut places = Vec::new();
        let found = match only {
            CHANGES => Vec::new(),
            _ => {
                let asked = (&targets[..], Some(only).filter(|only| !only.is_empty()));
                pointing::places(&mut tx, self.workspace, &self.scope, asked, &placed, TIMELINE_MAX).await?
            }
        };
        timeline.kinds = match only.is_empty() && found.len() < TIMELINE_MAX as usize {
            // They are all.
            true => counted(&found),
            false => pointing::counts(&mut tx, self.workspace, &self.scope, &targets).await?,
        };
        // Whether one follows it is said on top of the page, what waits for one's word at the desk.
        timeline.kinds.retain(|kind, _| !is_own_note(kind));
        if only != CHANGES {
            let told = found.iter().filter(|row| !is_own_note(&row.kind));
            places.extend(told.map(|row| (moment(self.schema(), row), Place::Record(row.record))));
            let all = timeline.kinds.iter().filter(|(kind, _)| only.is_empty() || ***kind == *only).map(|(_, count)| count);
            timeline.left_out = all.sum::<u64>().saturating_sub(places.len() as u64);
        }
        drop(tx);
        for together in history.chunk_by(|one, other| one.change == other.change) {
            timeline.changes += 1;
            if only.is_empty() || only == CHANGES {
                places.push((together[0].edit_time, Place::Change(together.to_vec())));
            }
        }
        places.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        timeline.first = places.iter().rev().find_map(|(_, place)| change_of(place));
        timeline.more = places.len() > piece.end;
        places.truncate(piece.end);
        places.drain(..piece.start.min(places.len()));
        self.tell(&mut timeline, places).await?;
        Ok(timeline)
    }

    /// The records about one that were there at a moment, those that came last first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline_until(&self, id: RecordId, until: Millis, most: u32) -> Result<Timeline, ReadError> {
        let mut timeline = Timeline::default();
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, id).await?;
        let found = pointing::there_at(&mut tx, self.workspace, &self.scope, (&targets, &OWN_NOTES), until, most).await?;
        drop(tx);
        let places = found.into_iter().map(|(record, at)| (at, Place::Record(record))).collect();
        self.tell(&mut timeline, places).await?;
        Ok(timeline)
    }

    /// Reads what there is to say about some events, and only about those.
    async fn tell(&self, timeline: &mut Timeline, places: Vec<(Millis, Place)>) -> Result<(), ReadError> {
        let ids: Vec<RecordId> = places.iter().filter_map(|(_, place)| record_of(place)).collect();
        let found = lists::seen_rows(&mut self.store.reader().await?, self.workspace, &self.scope, &ids).await?;
        let mut rows: HashMap<RecordId, Row> = found.into_iter().map(|row| (row.record, Row::of(row, 0))).collect();
        let linked = |row: &Row| self.schema().kind(&row.kind).map(|kind| links::ids(kind, &row.fields)).unwrap_or_default();
        let named: Vec<RecordId> = rows.values().flat_map(linked).collect();
        for (at, place) in places {
            let event = match place {
                Place::Change(entries) => Some(Event::Change(entries)),
                // Gone out of sight between two looks: it is not told.
                Place::Record(record) => rows.remove(&record).map(|row| Event::Record(Box::new(row))),
            };
            timeline.events.extend(event.map(|event| Happened { at, event }));
        }
        timeline.names = self.names_of(named).await?;
        Ok(())
    }
}

/// How many there are of each kind.
fn counted(rows: &[PlacedRow]) -> BTreeMap<KindName, u64> {
    let mut kinds = BTreeMap::new();
    for row in rows {
        *kinds.entry(row.kind.clone()).or_default() += 1;
    }
    kinds
}

fn change_of(place: &Place) -> Option<ChangeHash> {
    match place {
        Place::Change(entries) => entries.first().map(|entry| entry.change),
        Place::Record(_) => None,
    }
}

fn record_of(place: &Place) -> Option<RecordId> {
    match place {
        Place::Record(record) => Some(*record),
        Place::Change(_) => None,
    }
}

/// When a record took place: as the fields say that its kind names for it, or else when it was made.
fn moment(schema: &Schema, row: &PlacedRow) -> Millis {
    let fields: Map<String, Json> = row.main.as_deref().and_then(|main| serde_json::from_str(main).ok()).unwrap_or_default();
    let named = schema.kind(&row.kind).map(|kind| &kind.happens[..]).unwrap_or_default();
    named.iter().find_map(|name| time_in(fields.get(&**name)?, row.created_at)).unwrap_or(row.created_at)
}

/// The moment that a value says. A day says none: what was made on it was so at that moment of it.
fn time_in(value: &Json, created_at: Millis) -> Option<Millis> {
    match value {
        Json::Number(millis) => millis.as_i64(),
        Json::String(day) => {
            let day: jiff::civil::Date = day.parse().ok()?;
            let begins = |day: jiff::civil::Date| Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond());
            let (start, end) = (begins(day)?, day.tomorrow().ok().and_then(begins)?);
            Some(if (start..end).contains(&created_at) { created_at } else { start })
        }
        Json::Object(period) => time_in(period.get("start")?, created_at),
        _ => None,
    }
}
