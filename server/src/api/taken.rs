//! Who reads lists through the API page by page: that many records leave the system, and the audit log tells of it
//! as of a file.

use axum::Json;
use serde_json::json;
use sync_core::id::{KindName, RecordId, WorkspaceId};

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::error::Error;
use crate::reading::{List, Listing, Reading};
use crate::store::StoreError;
use crate::store::people::SecretHash;
use crate::tally::{Much, Tally};

/// Records on further pages of a list that are an export: an integration that looks something up stays below.
const EXPORT_ROWS: u64 = 1_000;
const EXPORT: Much = Much { count: EXPORT_ROWS, within_ms: 3_600_000 };

/// Which session or key reads which kind.
type Reader = (WorkspaceId, SecretHash, KindName);

/// What was read page by page lately.
pub(crate) type Taken = Tally<Reader>;

/// A page of a list, as an answer; that a walk through its pages is an export is noted.
///
/// # Errors
/// As [`Reading::list`].
pub(super) async fn page(app: &App, caller: &Caller, list: &List) -> Result<Json<Listing>, Error> {
    let listing = Reading::of(app, caller).list(list).await?;
    if list.query.after.is_some() {
        note(app, caller, &list.query.kind, listing.rows.len()).await?;
    }
    Ok(Json(listing))
}

async fn note(app: &App, caller: &Caller, kind: &KindName, rows: usize) -> Result<(), StoreError> {
    let now = app.clock.now();
    if !app.taken.add((caller.workspace, caller.session, kind.clone()), rows as u64, now, &EXPORT) {
        return Ok(());
    }
    let note = Note::of(caller.workspace, Some(caller.user), Act::Exported, kind);
    let note = note.with(json!({"format": "api", "at_least": EXPORT_ROWS}));
    note.keep(&app.store, now).await
}

/// That a record was taken out as a card.
pub(super) async fn note_card(app: &App, caller: &Caller, kind: &str, record: RecordId) -> Result<(), StoreError> {
    let note = Note::of(caller.workspace, Some(caller.user), Act::Exported, kind).with(json!({"format": "vcf", "record": record}));
    note.keep(&app.store, app.clock.now()).await
}
