//! Everything that happened about a record, in the order of time: what links to it, and what was changed in it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use sync_core::actions::request::{OWN_NOTES, is_own_note};
use sync_core::id::{ChangeHash, Facet, FieldName, KindName, Millis, RecordId};
use sync_core::schema::{Field, Kind};

use super::{Entry, Names, ReadError, Reading, Row, links};
use crate::store::pointing::Pointing;
use crate::store::{lists, pointing};

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
        let mut places = Vec::new();
        if only != CHANGES {
            // One more tells whether there are older ones.
            let most = u32::try_from(piece.end).unwrap_or(u32::MAX).saturating_add(1);
            let only = Some(only).filter(|only| !only.is_empty());
            let asked = Pointing { targets: &targets, but: &OWN_NOTES, only, until: None };
            let found = pointing::latest(&mut tx, self.workspace, &self.scope, asked, &self.happens(), most).await?;
            places.extend(found.into_iter().map(|(record, at)| (at, Place::Record(record))));
        }
        timeline.kinds = pointing::counts(&mut tx, self.workspace, &self.scope, &targets).await?;
        // Whether one follows it is said on top of the page, what waits for one's word at the desk.
        timeline.kinds.retain(|kind, _| !is_own_note(kind));
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

    /// What says of the records of each kind when they took place, as far as it is in sight.
    pub(super) fn happens(&self) -> Vec<(KindName, Vec<FieldName>)> {
        let is_told = |kind: &Kind, field: &Field| field.facet == Facet::Main && self.may_read(kind, &field.name);
        let told = |kind: &Kind| {
            let fields = kind.happens.iter().filter_map(|name| kind.field(name));
            fields.filter(|field| is_told(kind, field)).map(|field| field.name.clone()).collect::<Vec<_>>()
        };
        let kinds = self.schema().kinds().map(|kind| (kind.name.clone(), told(kind)));
        kinds.filter(|(_, fields)| !fields.is_empty()).collect()
    }

    /// The records about one that were there at a moment, those that came last first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline_until(&self, id: RecordId, until: Millis, most: u32) -> Result<Timeline, ReadError> {
        let mut timeline = Timeline::default();
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, id).await?;
        let asked = Pointing { targets: &targets, but: &OWN_NOTES, only: None, until: Some(until) };
        // In the order in which they came.
        let found = pointing::latest(&mut tx, self.workspace, &self.scope, asked, &[], most).await?;
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
