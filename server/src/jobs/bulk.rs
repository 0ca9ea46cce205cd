//! Many records edited as one act, and that act taken back.
//!
//! Written through `intake` like any edit, under one id: taking it back is taking an import back.

use serde_json::json;
use sync_core::access::Right;
use sync_core::id::{KindName, RecordId};
use sync_core::schema::Label;

use crate::app::App;
use crate::intake::{Author, RecordEdit, Rules};
use crate::jobs::import::{self, ImportError, ImportId, Undone};
use crate::jobs::{acts, duplicates, merge};
use crate::store::imports::{Act, ImportRow};

/// Records that are written together: others write in between.
const BATCH: usize = 500;

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What it is called: it is taken back by it.
    pub act: ImportId,
    /// Records that were changed.
    pub changed: u64,
    /// Records that were not, and why.
    pub refused: Vec<(RecordId, Label)>,
}

/// Edits many records of a kind.
///
/// # Errors
/// When the database fails; what was written until then can be taken back.
pub async fn apply(
    app: &App,
    author: &Author,
    kind: &KindName,
    (act, what): (Act, &str),
    edits: Vec<RecordEdit>,
) -> Result<Done, ImportError> {
    let mut row = acts::begin(app, author, (act, what), kind, json!({ "records": edits.len() })).await?;
    let mut done = Done { act: ImportId(row.import), changed: 0, refused: Vec::new() };
    for batch in edits.chunks(BATCH) {
        let answers = app.intake.edit(author, batch.to_vec(), row.started_at, Some(row.import)).await?;
        for (edit, answer) in batch.iter().zip(answers) {
            match answer {
                Ok(_) => done.changed += 1,
                Err(why) => done.refused.push((edit.record, import::reason(&why))),
            }
        }
    }
    (row.updated, row.failed, row.finished_at) = (done.changed, done.refused.len() as u64, Some(app.clock.now()));
    acts::note(app, author, &row).await?;
    Ok(done)
}

/// Whether somebody did this act themselves; bringing in a file takes a right that they may have lost since.
fn is_own(author: &Author, row: &ImportRow) -> bool {
    row.act != Act::File && row.user == author.user
}

/// Whether somebody may take an act back.
pub fn may_undo(rules: &Rules, author: &Author, row: &ImportRow) -> bool {
    match row.act {
        Act::Handover => rules.roles.may(&author.role, Right::Administer),
        Act::File | Act::Bulk | Act::Merge => {
            is_own(author, row) || rules.schema.kind(&row.kind).is_some_and(|kind| import::may(rules, author, kind))
        }
    }
}

/// Takes an act back: whoever did it may, and whoever may take imports back.
///
/// # Errors
/// When there is no such act, the author may not, or the database fails.
pub async fn undo(app: &App, author: &Author, act: ImportId) -> Result<Undone, ImportError> {
    let all = import::list(app, author.workspace).await?;
    let row = all.into_iter().find(|row| row.import == act.0).ok_or(ImportError::NoSuchImport(act))?;
    let (kind, pair) = (row.kind.clone(), merge::pair_of(&row));
    let undone = match is_own(author, &row) {
        true => import::take_back(app, author, row, &mut |_| {}).await?,
        false => import::undo(app, author, act, &mut |_| {}).await?,
    };
    if let Some((survivor, duplicate)) = pair {
        duplicates::compare_now(app, author.workspace, &kind, vec![survivor, duplicate]).await?;
    }
    Ok(undone)
}
