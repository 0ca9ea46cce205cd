//! What the law asks: show everything about a person, hand it out, erase it, and prove that it was erased.
//!
//! Erasing removes the record from documents, rows, history, rejected edits, messages and files, refuses what
//! comes late, tells every device to remove it, and rewrites the database file. A ledger beside the database
//! remembers what was erased without saying what it was: a backup that is restored is cleaned again.

mod dossier;
mod phones;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_core::access::{Act as Deed, Right, Subject, decide};
use sync_core::actions::request::{APPROVAL, OUTCOME, is_own_note};
use sync_core::id::{DeviceId, Facet, KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::protocol::Verdict;

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::error::{Error, Text};
use crate::files::content_of;
use crate::intake::{Intake, NotForgotten, never_erased, settle_erased};
use crate::jobs::{duplicates, index};
use crate::reading::{Asked, ReadError, Reading, Row, Slice};
use crate::seal::Sealer;
use crate::store::erasure::{self, ErasedPlace, ErasedRow, Removed};
use crate::store::people::SecretHash;
use crate::store::{Store, StoreError, Tx, aliases, files, ledger, records, renewals, workspaces};

pub use dossier::{CONSENTS, Consent, Dossier, FileOf, Glance, Merged, look_at, purpose_of, take_out};
pub(crate) use phones::Holders;
pub use phones::{HeldBy, OnPhone, phones};

/// The proof of an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Proof {
    /// What was removed.
    pub removed: Removed,
    /// Records that were erased with it: its files, and what was merged into it.
    pub with: Vec<RecordId>,
    /// Records that name it and stay: somebody should look whether they speak of the person.
    pub look_at: Vec<RecordId>,
    /// The position of the feed at which phones are told to remove it; none where that was not noted yet.
    pub position: Option<u64>,
    /// The phones that may hold it: of those who see it, and those that were away when it left their sight or their rights
    /// changed.
    pub devices: Vec<DeviceId>,
}

/// A record that was erased, for whoever may erase.
///
/// # Errors
/// When there is none, the caller may not, or the database fails.
pub async fn erased(app: &App, caller: &Caller, id: RecordId) -> Result<ErasedRow, Error> {
    may_erase(app, caller).then_some(()).ok_or(Error::NotFound)?;
    erasure::one(&mut app.store.reader().await?, caller.workspace, id).await?.ok_or(Error::NotFound)
}

/// What was erased, newest first, for whoever may erase.
///
/// # Errors
/// When the caller may not, the cursor is none, or the database fails.
pub async fn erasures(app: &App, caller: &Caller, asked: &Asked) -> Result<Slice<ErasedRow>, Error> {
    let no = || Error::Forbidden(Text::new("You may not erase records.", "您无权清除记录。"));
    may_erase(app, caller).then_some(()).ok_or_else(no)?;
    let place = asked.after.as_deref().map(|text| place_of(text).ok_or(ReadError::Cursor)).transpose()?;
    let mut tx = app.store.reader().await?;
    let found = erasure::before(&mut tx, caller.workspace, place, asked.size() as u32 + 1).await?;
    Ok(Slice::cut(found, asked.size(), |row| format!("{}.{}", row.at, row.record)))
}

fn place_of(text: &str) -> Option<ErasedPlace> {
    let (at, record) = text.split_once('.')?;
    Some((at.parse().ok()?, record.parse().ok()?))
}

fn may_erase(app: &App, caller: &Caller) -> bool {
    app.intake.rules(caller.workspace).roles.may(&caller.role, Right::Purge)
}

/// A line of the ledger.
#[derive(Serialize, Deserialize)]
struct LedgerLine {
    workspace: WorkspaceId,
    record: RecordId,
    kind: String,
    at: i64,
    /// Who erased it; nobody: a line that was written before this was kept.
    #[serde(default)]
    by: Option<UserId>,
}

/// Who may erase, and what: whoever has the right to purge, the person's record in sight.
fn check(app: &App, caller: &Caller, row: &Row) -> Result<(), Error> {
    let rules = app.intake.rules(caller.workspace);
    let no = || Error::Forbidden(Text::new("You may not erase records.", "您无权清除记录。"));
    let kind = rules.schema.kind(&row.kind).ok_or(Error::NotFound)?;
    let allowed =
        decide(&rules.roles, &caller.of_access(), &Subject::existing(kind, Facet::Main, &row.fields, None), &Deed::Purge).is_allowed();
    (allowed && rules.roles.may(&caller.role, Right::Purge)).then_some(()).ok_or_else(no)
}

/// Why a record that was merged into another one is not erased by itself, and what to do instead.
pub fn merged_away() -> Text {
    Text::new(
        "This record was merged into another one. Erase that one, and this goes with it; or take the merge back first.",
        "该记录已合并到另一条记录。请清除那一条，本记录会一并清除；或先撤销合并。",
    )
}

/// Why records of a kind are never erased, and what to do instead.
pub fn kept(kind: &str) -> Option<Text> {
    never_erased(kind).map(|(en, zh)| Text::new(en, zh))
}

/// Erases a record with its files, for good, everywhere, and answers the proof.
///
/// # Errors
/// When it is out of sight, or the caller may not. Once it is removed, a database file that could not be
/// rewritten is an error, too: erasing it again tries again.
pub async fn erase(app: &App, caller: &Caller, id: RecordId) -> Result<Proof, Error> {
    let row = Reading::of(app, caller).row(id).await?;
    let Some(row) = row else {
        let known = erased(app, caller, id).await?;
        scrub(app, caller.workspace).await?;
        return serde_json::from_str(&known.proof).map_err(|error| Error::Internal(error.into()));
    };
    let proof = erase_seen(app, caller, row, &mut None).await?;
    scrub(app, caller.workspace).await?;
    Ok(proof)
}

/// What is left of what was removed from records: rows of files that were brought in, and bytes of the database.
///
/// # Errors
/// When the disk does not let go of it.
pub(crate) async fn scrub(app: &App, workspace: WorkspaceId) -> Result<(), Error> {
    take_rows(app, workspace).await?;
    Ok(app.store.scrub().await?)
}

async fn take_rows(app: &App, workspace: WorkspaceId) -> Result<(), Error> {
    let uploads = app.uploads.clone();
    let taken = tokio::task::spawn_blocking(move || uploads.take_rows(workspace)).await;
    taken.map_err(anyhow::Error::from).and_then(|taken| Ok(taken?)).map_err(Error::Internal)
}

/// As [`erase`], for many: whoever erases the last one also rewrites the database file. Who has phones stays in `holders`
/// from one to the next.
///
/// # Errors
/// As [`erase`].
pub(crate) async fn erase_row(app: &App, caller: &Caller, id: RecordId, holders: &mut Option<Arc<Holders>>) -> Result<Proof, Error> {
    erase_seen(app, caller, Reading::of(app, caller).row(id).await?.ok_or(Error::NotFound)?, holders).await
}

/// Forgets what once stood in a record that stays, everywhere: of its history stays who wrote what still stands, and when.
/// Answers how many changes went.
///
/// # Errors
/// When it is out of sight, or the caller may not. Once it is forgotten, a database file that could not be rewritten is an
/// error, too: forgetting again tries again.
pub async fn forget_past(app: &App, caller: &Caller, id: RecordId) -> Result<u64, Error> {
    let row = Reading::of(app, caller).row(id).await?.ok_or(Error::NotFound)?;
    check(app, caller, &row)?;
    if let Some(why) = kept(&row.kind) {
        return Err(Error::Forbidden(why));
    }
    let by = app.intake.on_behalf(caller.workspace, caller.user, caller.role.clone());
    let gone = app.intake.forget_past(&by, id, app.clock.now()).await?.map_err(|why| match why {
        NotForgotten::NoSuchRecord => Error::NotFound,
        NotForgotten::TooLarge => Error::Conflict(Text::new(
            "What stands in the record is too large to be written anew. Shorten its longest text, and try again.",
            "该记录的现有内容过大，无法重新写入。请先缩短其中最长的文本，然后重试。",
        )),
    })?;
    erase_decided_requests(app, caller, id).await?;
    app.store.answers().forget(caller.workspace);
    app.intake.announce(caller.workspace).await?;
    // They follow the feed, and may still be at what was forgotten.
    index::put_now(app, caller.workspace, &[id]).await?;
    duplicates::compare_now(app, caller.workspace, &row.kind, vec![id]).await?;
    scrub(app, caller.workspace).await?;
    Ok(gone)
}

/// What people were asked about edits that are decided says what stood in the record, too.
async fn erase_decided_requests(app: &App, caller: &Caller, about: RecordId) -> Result<(), Error> {
    let (workspace, at, by) = (caller.workspace, app.clock.now(), Some(caller.user));
    let mut tx = app.store.reader().await?;
    let asked = erasure::own_notes_of(&mut tx, workspace, about).await?.into_iter().filter(|(_, kind)| *kind == APPROVAL);
    let asked: Vec<RecordId> = asked.map(|(record, _)| record).collect();
    let rows = records::rows_of(&mut tx, workspace, &asked).await?;
    drop(tx);
    let mut holders = None;
    for row in rows.into_values().filter(|row| crate::projection::values(row).contains_key(OUTCOME)) {
        let line = LedgerLine { workspace, record: row.record, kind: row.kind.to_string(), at, by };
        note_in_ledger(app, &line).map_err(StoreError::Ledger)?;
        let removing = Removing { merged: Vec::new(), look_at: Vec::new(), holders: &mut holders };
        removed(app, &line, row.kind, removing).await?;
    }
    Ok(())
}

async fn erase_seen(app: &App, caller: &Caller, row: Row, holders: &mut Option<Arc<Holders>>) -> Result<Proof, Error> {
    check(app, caller, &row)?;
    if let Some(why) = kept(&row.kind) {
        return Err(Error::Forbidden(why));
    }
    let (workspace, record, at, by) = (caller.workspace, row.id, app.clock.now(), Some(caller.user));
    let mut tx = app.store.reader().await?;
    if aliases::survivors_of(&mut tx, workspace, &[record]).await?.contains_key(&record) {
        return Err(Error::Conflict(merged_away()));
    }
    // Whoever is one person is erased whole.
    let merged = aliases::behind(&mut tx, workspace, record).await?;
    drop(tx);
    let reading = Reading::of(app, caller);
    let all: Vec<RecordId> = merged.iter().copied().chain([record]).collect();
    let look_at = reading.pointing_at(&all).await?.into_iter().filter(|(_, kind)| &**kind != crate::files::KIND);
    let look_at = look_at.map(|(record, _)| record).collect();
    let line = |record| LedgerLine { workspace, record, kind: row.kind.to_string(), at, by };
    // First in the ledger: a crash in between erases twice, never not at all.
    for one in &all {
        note_in_ledger(app, &line(*one)).map_err(StoreError::Ledger)?;
    }
    removed(app, &line(record), row.kind.clone(), Removing { merged, look_at, holders }).await
}

/// What is known of an erasure beside the record.
struct Removing<'h> {
    /// What was merged into it, and goes with it.
    merged: Vec<RecordId>,
    look_at: Vec<RecordId>,
    holders: &'h mut Option<Arc<Holders>>,
}

async fn removed(app: &App, line: &LedgerLine, kind: KindName, removing: Removing<'_>) -> Result<Proof, Error> {
    let LedgerLine { workspace, record: id, at, by, .. } = *line;
    let (now, rules) = (app.clock.now(), app.intake.rules(workspace));
    let Removing { merged, look_at, holders } = removing;
    let known = holders.take();
    let (proof, contents, read) = app
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let read = match known {
                    Some(known) if known.is_current(tx, workspace).await? => known,
                    _ => Arc::new(Holders::read(tx, &rules, workspace).await?),
                };
                let all: Vec<RecordId> = merged.into_iter().chain([id]).collect();
                let mut devices = BTreeSet::new();
                for one in &all {
                    devices.extend(read.of(tx, workspace, (*one, &kind)).await?);
                }
                let mut proof = Proof { look_at, devices: devices.into_iter().collect(), ..Proof::default() };
                let mut contents = Vec::new();
                for (record, kind) in with_it(tx, workspace, &all, kind.as_str()).await? {
                    contents.extend(content(tx, workspace, record).await?);
                    add(&mut proof.removed, erasure::remove(tx, workspace, record).await?);
                    settle_erased(tx, workspace, &rules.schema, record).await?;
                    let position = workspaces::advance_head(tx, workspace, 1).await?;
                    let mut row = ErasedRow { record, kind: kind.to_owned(), at, by, proof: "{}".to_owned() };
                    if record == id {
                        contents = unused(tx, workspace, std::mem::take(&mut contents)).await?;
                        proof.removed.contents = contents.len() as u64;
                        proof.position = Some(position);
                        row.proof = serde_json::to_string(&proof).map_err(|_| StoreError::Damaged("proof"))?;
                    } else if !is_own_note(kind) {
                        proof.with.push(record);
                    }
                    erasure::remember(tx, workspace, &row, position).await?;
                }
                Note::of(workspace, by, Act::Erased, id).with(json!(proof)).write(tx, now).await?;
                Ok((proof, contents, read))
            })
        })
        .await?;
    *holders = Some(read);
    app.store.answers().forget(workspace);
    for content in contents {
        app.files.erase(&app.store, workspace, content).await?;
    }
    app.intake.announce(workspace).await?;
    let gone = proof.with.iter().copied().chain([id]).collect();
    renewals::forget_beginnings(app.store.path(), workspace, gone).await?;
    Ok(proof)
}

/// What goes with some records of a kind, and these themselves, the last one last: the files that are about nothing else, and
/// what people keep for themselves about any of them.
async fn with_it<'k>(tx: &mut Tx, workspace: WorkspaceId, all: &[RecordId], kind: &'k str) -> Result<Vec<(RecordId, &'k str)>, StoreError> {
    let files = erasure::files_only_about(tx, workspace, all).await?;
    let mut with: Vec<(RecordId, &str)> = files.into_iter().map(|file| (file, crate::files::KIND)).collect();
    for one in all {
        with.extend(erasure::own_notes_of(tx, workspace, *one).await?);
    }
    with.extend(all.iter().map(|record| (*record, kind)));
    Ok(with)
}

fn add(sum: &mut Removed, more: Removed) {
    sum.changes += more.changes;
    sum.rejected += more.rejected;
    sum.links += more.links;
    sum.messages += more.messages;
}

/// The contents that a file record names.
async fn content(tx: &mut Tx, workspace: WorkspaceId, file: RecordId) -> Result<Vec<SecretHash>, StoreError> {
    let row = records::rows_of(tx, workspace, &[file]).await?.remove(&file);
    let Some(row) = row.filter(|row| &*row.kind == crate::files::KIND) else { return Ok(Vec::new()) };
    let values = crate::projection::values(&row);
    // A thumbnail shows as much of a person as the photo does.
    Ok(["hash", "thumbnail"].into_iter().filter_map(|field| content_of(&values, field)).collect())
}

async fn unused(tx: &mut Tx, workspace: WorkspaceId, contents: Vec<SecretHash>) -> Result<Vec<SecretHash>, StoreError> {
    let mut left = Vec::new();
    for content in contents {
        if !left.contains(&content) && files::naming(tx, workspace, &content, 1).await?.is_empty() {
            left.push(content);
        }
    }
    Ok(left)
}

fn ledger_path(app: &App) -> std::path::PathBuf {
    let mut name = app.store.path().as_os_str().to_owned();
    name.push(".erased");
    name.into()
}

fn note_in_ledger(app: &App, line: &LedgerLine) -> std::io::Result<()> {
    ledger::append(&ledger_path(app), &format!("{}\n", serde_json::to_string(line)?))
}

/// Remembers an erasure of which the backup knows nothing: the record came after it, and phones that hold it
/// would offer it back.
async fn remember_again(app: &App, line: LedgerLine) -> Result<(), Error> {
    let workspace = line.workspace;
    let proof = serde_json::to_string(&Proof::default()).map_err(|error| Error::Internal(error.into()))?;
    let row = ErasedRow { record: line.record, kind: line.kind, at: line.at, by: line.by, proof };
    app.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let position = workspaces::advance_head(tx, workspace, 1).await?;
                erasure::remember(tx, workspace, &row, position).await
            })
        })
        .await?;
    Ok(app.intake.announce(workspace).await?)
}

/// Gives documents whose past was forgotten the beginning that the ledger has, where the database has one from before.
/// Answers of how many.
///
/// # Errors
/// When the ledger cannot be read, or the database fails.
pub async fn begin_again(store: &Store, intake: &Intake, now: Millis) -> Result<u64, Error> {
    let mut again = 0;
    for beginning in renewals::beginnings(store.path())? {
        let mut tx = store.reader().await?;
        let Some(first) = beginning.changes.first() else { continue };
        let is_erased = erasure::among(&mut tx, beginning.workspace, std::iter::once(first.record)).await?.contains(&first.record);
        let is_here = records::change_by_hash(&mut tx, beginning.workspace, (first.record, first.facet), first.hash).await?.is_some();
        let workspace = workspaces::by_id(&mut tx, beginning.workspace).await?;
        drop(tx);
        if is_erased {
            renewals::forget_beginnings(store.path(), beginning.workspace, vec![first.record]).await?;
        }
        let Some(workspace) = workspace.filter(|_| !is_erased && !is_here) else { continue };
        let sealer = Sealer::new(beginning.workspace, &workspace.seal_key);
        let changes = beginning.changes.into_iter().map(|change| sealer.delivered(change.into())).collect();
        let verdicts = intake.offer(&intake.itself(beginning.workspace), changes, now).await?;
        again += u64::from(verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted { .. })));
    }
    Ok(again)
}

/// Erases again what the ledger says was erased and is here: after a backup from before was restored.
///
/// # Errors
/// When the ledger cannot be read, or the database fails.
pub async fn reapply(app: &App) -> Result<u64, Error> {
    let mut again = begin_again(&app.store, &app.intake, app.clock.now()).await?;
    let mut cleaned = BTreeSet::new();
    for line in ledger::read::<LedgerLine>(&ledger_path(app)).map_err(StoreError::Ledger)? {
        let mut tx = app.store.reader().await?;
        let here = records::rows_of(&mut tx, line.workspace, &[line.record]).await?;
        let is_known = erasure::among(&mut tx, line.workspace, std::iter::once(line.record)).await?.contains(&line.record);
        drop(tx);
        if let Some(row) = here.get(&line.record) {
            let removing = Removing { merged: Vec::new(), look_at: Vec::new(), holders: &mut None };
            removed(app, &line, row.kind.clone(), removing).await?;
            cleaned.insert(line.workspace);
            again += 1;
        } else if !is_known {
            remember_again(app, line).await?;
        }
    }
    for workspace in &cleaned {
        take_rows(app, *workspace).await?;
    }
    if again > 0 {
        index::catch_up(app).await?;
        duplicates::catch_up(app).await?;
        app.store.scrub().await?;
    }
    Ok(again)
}
