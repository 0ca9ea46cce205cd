//! What the law asks: show everything about a person, hand it out, erase it, and prove that it was erased.
//!
//! Erasing removes the record from documents, rows, history, rejected edits, messages and files, refuses what
//! comes late, tells every device to remove it, and rewrites the database file. A ledger beside the database
//! remembers what was erased without saying what it was: a backup that is restored is cleaned again.

mod phones;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sync_core::access::{Act as Deed, Right, Subject, decide};
use sync_core::actions::request::{APPROVAL, OUTCOME};
use sync_core::id::{DeviceId, Facet, KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::protocol::Verdict;
use sync_core::schema::{Kind, Label};

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::error::{Error, Text};
use crate::files::content_of;
use crate::intake::{Intake, NotForgotten, never_erased, settle_erased};
use crate::jobs::sequences;
use crate::reading::{Asked, History, ReadError, Reading, RecordView, Slice};
use crate::seal::Sealer;
use crate::store::erasure::{self, ErasedPlace, ErasedRow, Removed};
use crate::store::people::SecretHash;
use crate::store::{Store, StoreError, Tx, files, ledger, records, renewals, trail, workspaces};

pub(crate) use phones::Holders;
pub use phones::{HeldBy, OnPhone, phones};

/// The log in which a kind keeps what somebody agreed to.
pub const CONSENTS: &str = "consents";

/// Everything about one record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dossier {
    /// Its present values, all facets, with its links and what links to it.
    pub record: RecordView,
    /// Everything that was ever written to it, by whom and when.
    pub history: Option<History>,
    /// The present consents, by purpose: the last word on each.
    pub consents: Vec<Consent>,
    /// The contents of the files about it.
    pub files: Vec<FileOf>,
}

/// The last word on one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// What for.
    pub purpose: String,
    /// Whether it was given.
    pub given: bool,
    /// When, as it was noted: milliseconds since 1970 UTC.
    pub at: Option<i64>,
}

/// A file about a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileOf {
    /// Its record.
    pub id: RecordId,
    /// What it is called.
    pub name: String,
    /// Where its content is.
    pub content: String,
}

/// The proof of an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What was removed.
    pub removed: Removed,
    /// Records that were erased with it: its files.
    pub with: Vec<RecordId>,
    /// Records that name it and stay: somebody should look whether they speak of the person.
    pub look_at: Vec<RecordId>,
    /// The position of the feed at which phones are told to remove it; none where that was not noted yet.
    #[serde(default)]
    pub position: Option<u64>,
    /// The phones that may hold it: of those who see it, and those that were away when it left their sight or their rights
    /// changed.
    #[serde(default)]
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
fn check(app: &App, caller: &Caller, view: &RecordView) -> Result<(), Error> {
    let rules = app.intake.rules(caller.workspace);
    let no = || Error::Forbidden(Text::new("You may not erase records.", "您无权清除记录。"));
    let kind = rules.schema.kind(&view.row.kind).ok_or(Error::NotFound)?;
    let allowed =
        decide(&rules.roles, &caller.of_access(), &Subject::existing(kind, Facet::Main, &view.row.fields, None), &Deed::Purge).is_allowed();
    (allowed && rules.roles.may(&caller.role, Right::Purge)).then_some(()).ok_or_else(no)
}

/// Why records of a kind are never erased, and what to do instead.
pub fn kept(kind: &str) -> Option<Text> {
    never_erased(kind).map(|(en, zh)| Text::new(en, zh))
}

/// Everything about a record as a file, for whoever may erase; that it was taken out is written down.
///
/// # Errors
/// When it is out of sight, or the caller may not.
pub async fn take_out(app: &App, caller: &Caller, id: RecordId) -> Result<Dossier, Error> {
    let dossier = dossier(app, caller, id).await?;
    let (now, note) = (app.clock.now(), Note::of(caller.workspace, Some(caller.user), Act::Downloaded, id));
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, now).await })).await?;
    Ok(dossier)
}

/// Everything about a record on a page; that somebody looked at it is written down once a day, however often they come back.
///
/// # Errors
/// As [`take_out`].
pub async fn look_at(app: &App, caller: &Caller, id: RecordId) -> Result<Dossier, Error> {
    let dossier = dossier(app, caller, id).await?;
    let (now, workspace, user) = (app.clock.now(), caller.workspace, caller.user);
    let mut tx = app.store.reader().await?;
    let is_today = match trail::last_disclosed(&mut tx, workspace, &id.to_string(), user).await? {
        Some(at) => sequences::today(&mut tx, workspace, at).await? == sequences::today(&mut tx, workspace, now).await?,
        None => false,
    };
    drop(tx);
    if !is_today {
        let note = Note::of(workspace, Some(user), Act::Disclosed, id);
        app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, now).await })).await?;
    }
    Ok(dossier)
}

async fn dossier(app: &App, caller: &Caller, id: RecordId) -> Result<Dossier, Error> {
    let reading = Reading::of(app, caller);
    let record = reading.record(id).await?.ok_or(Error::NotFound)?;
    check(app, caller, &record)?;
    let history = reading.history(id).await?;
    let mut files = Vec::new();
    for linked in record.linked_from.iter().filter(|links| &*links.kind == crate::files::KIND).flat_map(|links| &links.records) {
        files.push(FileOf { id: linked.id, name: linked.title.clone(), content: format!("/api/v1/file/{}/content", linked.id) });
    }
    Ok(Dossier { consents: consents(&record.row.fields), record, history, files })
}

/// What people call the purpose of a consent, if it is one that the kind names.
pub fn purpose_of<'k>(kind: &'k Kind, consent: &Consent) -> Option<&'k Label> {
    let purposes = kind.field(CONSENTS).and_then(|field| field.item("purpose"))?;
    purposes.option(&consent.purpose).map(|option| &option.label)
}

/// The last word on each purpose, from a log of consents.
fn consents(fields: &serde_json::Map<String, Value>) -> Vec<Consent> {
    let mut last: Vec<Consent> = Vec::new();
    for entry in fields.get(CONSENTS).and_then(Value::as_array).into_iter().flatten() {
        let Some(purpose) = entry["purpose"].as_str() else { continue };
        let consent = Consent { purpose: purpose.to_owned(), given: entry["given"] == json!(true), at: entry["at"].as_i64() };
        match last.iter_mut().find(|known| known.purpose == consent.purpose) {
            // What was noted without a time is newer than nothing.
            Some(known) if known.at <= consent.at => *known = consent,
            Some(_) => {}
            None => last.push(consent),
        }
    }
    last
}

/// Erases a record with its files, for good, everywhere, and answers the proof.
///
/// # Errors
/// When it is out of sight, or the caller may not. Once it is removed, a database file that could not be
/// rewritten is an error, too: erasing it again tries again.
pub async fn erase(app: &App, caller: &Caller, id: RecordId) -> Result<Proof, Error> {
    let view = Reading::of(app, caller).record(id).await?;
    let Some(view) = view else {
        let known = erased(app, caller, id).await?;
        scrub(app, caller.workspace).await?;
        return serde_json::from_str(&known.proof).map_err(|error| Error::Internal(error.into()));
    };
    let proof = erase_seen(app, caller, view, &mut None).await?;
    scrub(app, caller.workspace).await?;
    Ok(proof)
}

/// What is left of what was removed from records: rows of files that were brought in, and bytes of the database.
///
/// # Errors
/// When the disk does not let go of it.
pub(crate) async fn scrub(app: &App, workspace: WorkspaceId) -> Result<(), Error> {
    let uploads = app.uploads.clone();
    let taken = tokio::task::spawn_blocking(move || uploads.take_rows(workspace)).await;
    taken.map_err(anyhow::Error::from).and_then(|taken| Ok(taken?)).map_err(Error::Internal)?;
    Ok(app.store.scrub().await?)
}

/// As [`erase`], for many: whoever erases the last one also rewrites the database file. Who has phones stays in `holders`
/// from one to the next.
///
/// # Errors
/// As [`erase`].
pub(crate) async fn erase_row(app: &App, caller: &Caller, id: RecordId, holders: &mut Option<Arc<Holders>>) -> Result<Proof, Error> {
    erase_seen(app, caller, Reading::of(app, caller).record(id).await?.ok_or(Error::NotFound)?, holders).await
}

/// Forgets what once stood in a record that stays, everywhere: of its history stays who wrote what still stands, and when.
/// Answers how many changes went.
///
/// # Errors
/// When it is out of sight, or the caller may not. Once it is forgotten, a database file that could not be rewritten is an
/// error, too: forgetting again tries again.
pub async fn forget_past(app: &App, caller: &Caller, id: RecordId) -> Result<u64, Error> {
    let view = Reading::of(app, caller).record(id).await?.ok_or(Error::NotFound)?;
    check(app, caller, &view)?;
    if let Some(why) = kept(&view.row.kind) {
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
        removed(app, &line, row.kind, (Vec::new(), &mut holders)).await?;
    }
    Ok(())
}

async fn erase_seen(app: &App, caller: &Caller, view: RecordView, holders: &mut Option<Arc<Holders>>) -> Result<Proof, Error> {
    check(app, caller, &view)?;
    if let Some(why) = kept(&view.row.kind) {
        return Err(Error::Forbidden(why));
    }
    let look_at = view.linked_from.iter().filter(|links| &*links.kind != crate::files::KIND).flat_map(|links| &links.records);
    let look_at: Vec<RecordId> = look_at.map(|linked| linked.id).collect();
    let (record, kind, at, by) = (view.row.id, view.row.kind.to_string(), app.clock.now(), Some(caller.user));
    let line = LedgerLine { workspace: caller.workspace, record, kind, at, by };
    // First in the ledger: a crash in between erases twice, never not at all.
    note_in_ledger(app, &line).map_err(StoreError::Ledger)?;
    removed(app, &line, view.row.kind, (look_at, holders)).await
}

async fn removed(
    app: &App,
    line: &LedgerLine,
    kind: KindName,
    (look_at, holders): (Vec<RecordId>, &mut Option<Arc<Holders>>),
) -> Result<Proof, Error> {
    let LedgerLine { workspace, record: id, at, by, .. } = *line;
    let (now, rules) = (app.clock.now(), app.intake.rules(workspace));
    let known = holders.take();
    let (proof, contents, read) = app
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let with = erasure::files_only_about(tx, workspace, id).await?;
                let read = match known {
                    Some(known) if known.is_current(tx, workspace).await? => known,
                    _ => Arc::new(Holders::read(tx, &rules, workspace).await?),
                };
                let devices = read.of(tx, workspace, (id, &kind)).await?;
                let mut proof = Proof { with: with.clone(), look_at, devices, ..Proof::default() };
                let mut contents = Vec::new();
                let notes = erasure::own_notes_of(tx, workspace, id).await?;
                for (with, kind) in with.into_iter().map(|file| (file, crate::files::KIND)).chain(notes) {
                    contents.extend(content(tx, workspace, with).await?);
                    add(&mut proof.removed, erasure::remove(tx, workspace, with).await?);
                    settle_erased(tx, workspace, &rules.schema, with).await?;
                    let row = ErasedRow { record: with, kind: kind.to_owned(), at, by, proof: "{}".to_owned() };
                    let position = workspaces::advance_head(tx, workspace, 1).await?;
                    erasure::remember(tx, workspace, &row, position).await?;
                }
                contents.extend(content(tx, workspace, id).await?);
                add(&mut proof.removed, erasure::remove(tx, workspace, id).await?);
                settle_erased(tx, workspace, &rules.schema, id).await?;
                contents = unused(tx, workspace, contents).await?;
                proof.removed.contents = contents.len() as u64;
                let position = workspaces::advance_head(tx, workspace, 1).await?;
                proof.position = Some(position);
                let text = serde_json::to_string(&proof).map_err(|_| StoreError::Damaged("proof"))?;
                let row = ErasedRow { record: id, kind: kind.to_string(), at, by, proof: text };
                erasure::remember(tx, workspace, &row, position).await?;
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
    for line in ledger::read::<LedgerLine>(&ledger_path(app)).map_err(StoreError::Ledger)? {
        let mut tx = app.store.reader().await?;
        let here = records::rows_of(&mut tx, line.workspace, &[line.record]).await?;
        let is_known = erasure::among(&mut tx, line.workspace, std::iter::once(line.record)).await?.contains(&line.record);
        drop(tx);
        if let Some(row) = here.get(&line.record) {
            removed(app, &line, row.kind.clone(), (Vec::new(), &mut None)).await?;
            again += 1;
        } else if !is_known {
            remember_again(app, line).await?;
        }
    }
    if again > 0 {
        app.store.scrub().await?;
    }
    Ok(again)
}
