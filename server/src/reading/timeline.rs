//! Everything that happened about a record, in the order of time: what links to it, and what was changed in it.

use std::collections::BTreeMap;

use sync_core::actions::next::{ACTIVITY, due};
use sync_core::id::{KindName, Millis, RecordId};

use super::{Entry, Names, ReadError, Reading, Row, links};
use crate::store::lists;

/// Records of one timeline, those changed last: more than anybody scrolls through.
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
    /// The events.
    pub events: Vec<Happened>,
    /// How many records of each kind there are.
    pub kinds: BTreeMap<KindName, u64>,
    /// How many changes.
    pub changes: u64,
    /// What the records are called that events name.
    pub names: Names,
    /// Whether older ones were left out.
    pub cut: bool,
}

/// The word for changes among the kinds of a timeline: no kind can be called so.
pub const CHANGES: &str = "-changes";

impl Reading {
    /// What happened about a record: all of it, or one kind of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline(&self, id: RecordId, only: &str) -> Result<Timeline, ReadError> {
        let mut timeline = Timeline::default();
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, id).await?;
        let found = lists::pointing_rows(&mut tx, self.workspace, &self.scope, &targets, TIMELINE_MAX).await?;
        timeline.cut = found.len() == TIMELINE_MAX as usize;
        let rows: Vec<Row> = found.into_iter().map(|row| Row::of(row, 0)).collect();
        let mut ids = Vec::new();
        for row in rows {
            *timeline.kinds.entry(row.kind.clone()).or_default() += 1;
            if only.is_empty() || *row.kind == *only {
                ids.extend(self.schema().kind(&row.kind).map(|kind| links::ids(kind, &row.fields)).unwrap_or_default());
                timeline.events.push(Happened { at: moment(&row), event: Event::Record(Box::new(row)) });
            }
        }
        drop(tx);
        if let Some(history) = self.history(id).await? {
            for together in history.entries.chunk_by(|one, other| one.change == other.change) {
                timeline.changes += 1;
                if only.is_empty() || only == CHANGES {
                    timeline.events.push(Happened { at: together[0].edit_time, event: Event::Change(together.to_vec()) });
                }
            }
        }
        timeline.events.sort_by_key(|happened| std::cmp::Reverse(happened.at));
        timeline.names = self.names_of(ids).await?;
        Ok(timeline)
    }
}

/// When a record took place: an activity when it was or is due, anything else when it was made.
fn moment(row: &Row) -> Millis {
    let due = (&*row.kind == ACTIVITY).then(|| due(&row.fields)).flatten();
    let day = |text: &str| {
        text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp().as_millisecond())
    };
    due.and_then(|due| due.as_i64().or_else(|| day(due.as_str()?))).unwrap_or(row.created_at)
}
