//! Acts: many records that are written as one, kept so that they can be taken back, each in the audit log with who did it.
//!
//! Writes no record itself: whoever begins an act writes them, under its id.

use serde_json::{Value as Json, json};
use sync_core::id::{KindName, RecordId};

use super::import::{ImportId, Undone};
use crate::app::App;
use crate::audit::{self, Note};
use crate::auth::secret::random;
use crate::intake::Author;
use crate::store::StoreError;
use crate::store::imports::{self, Act, ImportRow};

/// Begins an act on records of a kind: a file of this name, or what was done. `detail` is what the audit log tells of it.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    app: &App,
    author: &Author,
    (act, name): (Act, &str),
    kind: &KindName,
    mut detail: Json,
) -> Result<ImportRow, StoreError> {
    let (now, workspace) = (app.clock.now(), author.workspace);
    let row = ImportRow {
        import: *RecordId::new(now, random()).as_bytes(),
        kind: kind.clone(),
        file_name: name.to_owned(),
        started_at: now,
        finished_at: None,
        user: author.user,
        created: 0,
        updated: 0,
        failed: 0,
        undone_at: None,
        act,
    };
    detail["act"] = json!(ImportId(row.import).to_string());
    let told = told(act).map(|(begun, _)| Note::of(workspace, Some(author.user), begun, kind).with(detail));
    keep(app, author, (row.clone(), true), told).await?;
    Ok(row)
}

/// Notes how far an act is.
///
/// # Errors
/// When the database fails.
pub async fn note(app: &App, author: &Author, row: &ImportRow) -> Result<(), StoreError> {
    keep(app, author, (row.clone(), false), None).await
}

/// Notes that an act is being taken back, and by whom: one that breaks off on the way is told of, too.
///
/// # Errors
/// When the database fails.
pub async fn begin_taking_back(app: &App, author: &Author, row: &ImportRow) -> Result<(), StoreError> {
    let Some((_, back)) = told(row.act) else { return Ok(()) };
    let detail = json!({"act": ImportId(row.import).to_string(), "begun": true});
    Note::of(author.workspace, Some(author.user), back, &row.kind).with(detail).keep(&app.store, app.clock.now()).await
}

/// Notes that an act was taken back, and by whom.
///
/// # Errors
/// When the database fails.
pub async fn taken_back(app: &App, author: &Author, mut row: ImportRow, undone: &Undone) -> Result<(), StoreError> {
    let (now, workspace) = (app.clock.now(), author.workspace);
    row.undone_at = Some(now);
    let act = ImportId(row.import).to_string();
    let detail = json!({"act": act, "records": undone.archived + undone.restored, "left": undone.left});
    let told = told(row.act).map(|(_, back)| Note::of(workspace, Some(author.user), back, &row.kind).with(detail));
    keep(app, author, (row, false), told).await
}

/// Keeps an act, a new one or as it is by now, and what the audit log is told of it.
async fn keep(app: &App, author: &Author, (row, is_new): (ImportRow, bool), told: Option<Note>) -> Result<(), StoreError> {
    let (now, workspace) = (app.clock.now(), author.workspace);
    let keeping = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            match is_new {
                true => imports::add(tx, workspace, &row).await?,
                false => imports::note(tx, workspace, &row).await?,
            }
            if let Some(note) = told { note.write(tx, now).await } else { Ok(()) }
        })
    });
    keeping.await
}

/// What the audit log calls an act, and that it was taken back. A handover writes entries of its own, and a merge is two edits
/// of two records, which their histories tell.
fn told(act: Act) -> Option<(audit::Act, audit::Act)> {
    match act {
        Act::File => Some((audit::Act::Imported, audit::Act::ImportUndone)),
        Act::Bulk => Some((audit::Act::BulkEdited, audit::Act::BulkUndone)),
        Act::Merge | Act::Handover => None,
    }
}
