//! A list that stays as its query says: what is shown, and what changes in it.
//!
//! The first look answers with everything, later ones with the difference. Never waits: the host asks
//! again when the device's revision has changed.

use super::{Device, Listed};
use crate::query::{Context, Query};
use crate::store::StoreError;

/// One step that turns the shown list into the next one; steps are taken in order.
#[derive(Debug, Clone, PartialEq)]
pub enum ListStep {
    /// A row comes in.
    Insert {
        /// Where it is then.
        at: usize,
        /// The row.
        row: Listed,
    },
    /// A row shows something else.
    Update {
        /// Where.
        at: usize,
        /// The row.
        row: Listed,
    },
    /// A row changes its place.
    Move {
        /// Where it was.
        from: usize,
        /// Where it is then.
        to: usize,
    },
    /// A row goes out.
    Remove {
        /// Where it was.
        at: usize,
    },
}

/// What there is to show.
#[derive(Debug, Clone, PartialEq)]
pub enum ListUpdate {
    /// The list from its beginning.
    Reset {
        /// Its rows.
        rows: Vec<Listed>,
        /// How many records the query has in all.
        total: u64,
    },
    /// The difference to what was shown.
    Steps {
        /// To be taken in order.
        steps: Vec<ListStep>,
        /// How many records the query has in all.
        total: u64,
    },
}

/// A list under watch.
#[derive(Debug)]
pub struct Watch {
    query: Query,
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    revision: u64,
    rows: Vec<Listed>,
    total: u64,
}

impl Watch {
    /// Begins to watch; nothing is read yet.
    pub fn new(query: Query) -> Self {
        Self { query, seen: None }
    }

    /// The revision of the device that is shown.
    pub fn revision(&self) -> Option<u64> {
        self.seen.as_ref().map(|seen| seen.revision)
    }

    /// Forgets what was shown: the next look answers with everything again.
    pub fn restart(&mut self) {
        self.seen = None;
    }

    /// What has changed since the last look; `None` when nothing has.
    ///
    /// # Errors
    /// When the store fails.
    pub fn look(&mut self, device: &Device, context: Context) -> Result<Option<ListUpdate>, StoreError> {
        let revision = device.revision();
        if self.revision() == Some(revision) {
            return Ok(None);
        }
        let (rows, total) = (device.list(&self.query, context)?, device.count(&self.query, context)?);
        let before = self.seen.replace(Seen { revision, rows: rows.clone(), total });
        let Some(before) = before else { return Ok(Some(ListUpdate::Reset { rows, total })) };
        let steps = difference(before.rows, &rows);
        Ok((!steps.is_empty() || total != before.total).then_some(ListUpdate::Steps { steps, total }))
    }
}

/// The steps from one list to another. Pages are short: looking through them costs less than an index.
fn difference(mut shown: Vec<Listed>, next: &[Listed]) -> Vec<ListStep> {
    let mut steps = Vec::new();
    for at in (0..shown.len()).rev() {
        if !next.iter().any(|row| row.record == shown[at].record) {
            shown.remove(at);
            steps.push(ListStep::Remove { at });
        }
    }
    for (at, row) in next.iter().enumerate() {
        match shown.iter().skip(at).position(|known| known.record == row.record) {
            None => {
                shown.insert(at, row.clone());
                steps.push(ListStep::Insert { at, row: row.clone() });
            }
            Some(distance) => {
                if distance > 0 {
                    let moved = shown.remove(at + distance);
                    shown.insert(at, moved);
                    steps.push(ListStep::Move { from: at + distance, to: at });
                }
                if shown[at] != *row {
                    shown[at] = row.clone();
                    steps.push(ListStep::Update { at, row: row.clone() });
                }
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::RecordId;

    fn row((record, title): (u8, u8)) -> Listed {
        Listed {
            record: RecordId::of_cause(&record.to_string()),
            kind: "party".parse().unwrap(),
            title: title.to_string(),
            fields: serde_json::Map::new(),
            archived: false,
            created_at: 0,
            updated_at: 0,
            conflicts: 0,
            pending: false,
            drafts: 0,
            merged_into: None,
        }
    }

    fn list() -> impl Strategy<Value = Vec<Listed>> {
        let unique = |rows: Vec<(u8, u8)>| {
            let mut seen = std::collections::HashSet::new();
            rows.into_iter().filter(|(record, _)| seen.insert(*record)).map(row).collect()
        };
        prop::collection::vec((0..12_u8, 0..3_u8), 0..16).prop_map(unique)
    }

    proptest! {
        #[test]
        fn whoever_takes_the_steps_shows_the_next_list(before in list(), next in list()) {
            let mut shown = before.clone();
            for step in difference(before.clone(), &next) {
                match step {
                    ListStep::Insert { at, row } => shown.insert(at, row),
                    ListStep::Update { at, row } => shown[at] = row,
                    ListStep::Move { from, to } => {
                        let moved = shown.remove(from);
                        shown.insert(to, moved);
                    }
                    ListStep::Remove { at } => drop(shown.remove(at)),
                }
            }
            prop_assert_eq!(&shown, &next);
            prop_assert_eq!(difference(next.clone(), &next), vec![]);
        }
    }
}
