//! Is the database what its changes say? Everything that is derived is derived again and compared.
//!
//! Reads one snapshot in pages: memory stays flat whatever the database holds. Never repairs.

mod feed;
mod record;
mod sight;

use std::fmt;

use sync_core::id::{Facet, KindName, RecordId, WorkspaceId};

use super::{Progress, Watch};
use crate::app::App;
use crate::store::{Result, audit, columns, workspaces};

/// Records that are looked at together.
const BATCH_RECORDS: u32 = 200;
/// Longer values are cut in a difference: they may be whole records.
const SHOWN_CHARS: usize = 200;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: a record, a position, or the whole.
    pub place: Place,
    /// What differs: `title`, `hash`, `links`, ...
    pub what: String,
    /// What the changes say.
    pub expected: String,
    /// What the database says.
    pub found: String,
}

/// Where something differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file.
    Database,
    /// An entry of the feed.
    Position(u64),
    /// A record, or one of its documents.
    Record(KindName, RecordId, Option<Facet>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Database => f.write_str("database"),
            Place::Position(position) => write!(f, "position {position}"),
            Place::Record(kind, record, None) => write!(f, "{kind} {record}"),
            Place::Record(kind, record, Some(facet)) => write!(f, "{kind} {record} {facet}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |text: &str| match text.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text.to_owned(),
        };
        write!(f, "{}: {}: expected {}, found {}", self.place, self.what, cut(&self.expected), cut(&self.found))
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Entries of the feed.
    pub entries: u64,
    /// Records.
    pub records: u64,
    /// What is not as it should be.
    pub differences: u64,
}

/// Collects differences and passes them on at once.
struct Teller<'a> {
    tell: &'a mut (dyn FnMut(&Difference) + Send),
    count: u64,
}

impl Teller<'_> {
    fn tell(&mut self, place: Place, what: &str, expected: impl fmt::Display, found: impl fmt::Display) {
        self.count += 1;
        let (expected, found) = (expected.to_string(), found.to_string());
        (self.tell)(&Difference { place, what: what.to_owned(), expected, found });
    }

    fn compare<T: PartialEq + fmt::Debug>(&mut self, place: &Place, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.tell(place.clone(), what, format!("{expected:?}"), format!("{found:?}"));
        }
    }
}

/// Checks a workspace. `is_fast` leaves out what takes longest: SQLite's own check and the replay
/// through automerge.
///
/// # Errors
/// When the database cannot be read at all.
pub async fn check(
    app: &App,
    workspace: WorkspaceId,
    is_fast: bool,
    tell: &mut (dyn FnMut(&Difference) + Send),
    watch: Watch<'_>,
) -> Result<Checked> {
    let mut teller = Teller { tell, count: 0 };
    let mut tx = app.store.reader().await?;
    if !is_fast {
        for problem in audit::integrity(&mut tx).await? {
            teller.tell(Place::Database, "file", "ok", problem);
        }
    }
    let head = workspaces::by_id(&mut tx, workspace).await?.map_or(0, |workspace| workspace.head);
    let total = head + audit::count_rows(&mut tx, workspace, None).await?;
    let entries = feed::check(&mut tx, workspace, head, &mut teller, &mut |done| watch(Progress { done, total })).await?;
    let rules = app.intake.rules(workspace);
    let (mut after, mut records) = (None, 0);
    loop {
        let batch = audit::records_after(&mut tx, workspace, after, BATCH_RECORDS).await?;
        let Some(last) = batch.last() else { break };
        record::check(&mut tx, workspace, &rules.schema, &batch, is_fast, &mut teller).await?;
        sight::check(&mut tx, workspace, &rules.schema, &batch, &mut teller).await?;
        (after, records) = (Some(*last), records + batch.len() as u64);
        watch(Progress { done: head + records, total: total.max(head + records) });
    }
    for own in rules.schema.own_columns() {
        for (record, expected, found) in columns::astray(&mut tx, workspace, own).await? {
            let place = Place::Record(own.kind.clone(), record, Some(own.facet));
            teller.compare(&place, &format!("column of `{}`", own.field), &expected, &found);
        }
    }
    sight::check_reach(&mut tx, workspace, &rules.schema, &mut teller).await?;
    Ok(Checked { entries, records, differences: teller.count })
}
