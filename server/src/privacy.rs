//! What the law asks: show everything about a person, hand it out, erase it, and prove that it was erased.
//!
//! Erasing removes the record from documents, rows, history, rejected edits, messages and files, refuses what
//! comes late, tells every device to remove it, and rewrites the database file. A ledger beside the database
//! remembers what was erased without saying what it was: a backup that is restored is cleaned again.

use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sync_core::access::{Act as Deed, Right, Subject, decide};
use sync_core::id::{DeviceId, Facet, KindName, RecordId, UserId, WorkspaceId};
use sync_core::protocol::Removal;

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::error::{Error, Text};
use crate::files::content_of;
use crate::intake::{Rules, never_erased};
use crate::reading::{History, Reading, RecordView};
use crate::rights;
use crate::store::erasure::{self, ErasedRow, Removed};
use crate::store::people::{self, SecretHash};
use crate::store::receipts::{self, ReceiptRow};
use crate::store::{StoreError, Tx, devices, farewells, files, lists, records, sight, workspaces};

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
    /// The phones of those who saw it: they held it, or were to get it.
    #[serde(default)]
    pub devices: Vec<DeviceId>,
}

/// What has become of an erased record on a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPhone {
    /// It says that it has removed what was erased.
    Removed,
    /// It was told to, or has nothing of it.
    Told,
    /// It has forgotten everything.
    Wiped,
    /// It has not been in touch since, and may hold it.
    NotSeen,
}

/// A phone that held an erased record.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBy {
    /// The phone.
    pub id: DeviceId,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub user: UserId,
    /// What has become of the record there.
    pub state: OnPhone,
    /// When it was in touch last: milliseconds since 1970 UTC.
    pub last_seen_at: i64,
}

/// What has become of an erased record on the phones that held it.
///
/// # Errors
/// When the database fails.
pub async fn phones(tx: &mut Tx, workspace: WorkspaceId, row: &ErasedRow) -> Result<Vec<HeldBy>, StoreError> {
    let proof: Proof = serde_json::from_str(&row.proof).unwrap_or_default();
    let held = devices::devices(tx, workspace).await?.into_iter().filter(|device| proof.devices.contains(&device.device));
    let (notes, farewells) = (farewells::notes(tx, workspace).await?, farewells::all(tx, workspace).await?);
    let mut phones = Vec::new();
    for device in held {
        let is_told = notes.get(&device.device).zip(proof.position).is_some_and(|((note, _), position)| note.position >= position);
        let receipts = receipts::of_device(tx, workspace, device.device, RECEIPTS_MAX).await?;
        let says_so = |kept: &ReceiptRow| kept.receipt.removal == Removal::Purged && kept.received_at >= row.at;
        let state = match () {
            () if farewells.get(&device.device).is_some_and(|farewell| farewell.wiped_at.is_some()) => OnPhone::Wiped,
            () if is_told && receipts.iter().any(says_so) => OnPhone::Removed,
            () if is_told => OnPhone::Told,
            () => OnPhone::NotSeen,
        };
        phones.push(HeldBy { id: device.device, name: device.name, user: device.user, state, last_seen_at: device.last_seen_at });
    }
    Ok(phones)
}

/// The newest receipts of a phone that are looked at.
const RECEIPTS_MAX: u32 = 50;

/// The phones that hold a record: of those who see it, shut out or not, and those that have not heard that it left their
/// sight. What forgot everything holds nothing.
async fn holding(
    tx: &mut Tx,
    rules: &Rules,
    workspace: WorkspaceId,
    (id, kind): (RecordId, &KindName),
) -> Result<Vec<DeviceId>, StoreError> {
    let farewells = farewells::all(tx, workspace).await?;
    let mut phones = devices::devices(tx, workspace).await?;
    phones.retain(|device| farewells.get(&device.device).is_none_or(|farewell| farewell.wiped_at.is_none()));
    let (notes, left) = (farewells::notes(tx, workspace).await?, sight::left_sight_of(tx, workspace, id).await?);
    let mut held = Vec::new();
    for user in people::users(tx, workspace).await? {
        let theirs: Vec<DeviceId> = phones.iter().filter(|device| device.user == user.user).map(|device| device.device).collect();
        if theirs.is_empty() {
            continue;
        }
        let scope = rights::seen_by(rules, user.user, &user.role);
        let sees = match scope.of(kind) {
            None => false,
            Some(scope) if scope.near.is_none() => true,
            Some(_) => lists::seen(tx, workspace, &scope, id).await?.is_some(),
        };
        let left_at = left.get(&user.user).copied().unwrap_or(0);
        let is_behind = |device: &DeviceId| notes.get(device).is_none_or(|(note, _)| note.position < left_at);
        held.extend(theirs.into_iter().filter(|device| sees || left_at > 0 && is_behind(device)));
    }
    Ok(held)
}

/// A record that was erased, for whoever may erase.
///
/// # Errors
/// When there is none, the caller may not, or the database fails.
pub async fn erased(app: &App, caller: &Caller, id: RecordId) -> Result<ErasedRow, Error> {
    let known = erasure::all(&mut app.store.reader().await?, caller.workspace).await?.into_iter().find(|row| row.record == id);
    known.filter(|_| app.intake.rules(caller.workspace).roles.may(&caller.role, Right::Purge)).ok_or(Error::NotFound)
}

/// A line of the ledger.
#[derive(Serialize, Deserialize)]
struct LedgerLine {
    workspace: WorkspaceId,
    record: RecordId,
    kind: String,
    at: i64,
}

/// Who may erase, and what: whoever has the right to purge, the person's record in sight.
fn check(app: &App, caller: &Caller, view: &RecordView) -> Result<(), Error> {
    let rules = app.intake.rules(caller.workspace);
    let no = || Error::Forbidden(Text::new("You may not erase records.", "您无权清除记录。"));
    let kind = rules.schema.kind(&view.row.kind).ok_or(Error::NotFound)?;
    let who = sync_core::access::Caller { user: caller.user, role: caller.role.clone() };
    let allowed = decide(&rules.roles, &who, &Subject::existing(kind, Facet::Main, &view.row.fields, None), &Deed::Purge).is_allowed();
    (allowed && rules.roles.may(&caller.role, Right::Purge)).then_some(()).ok_or_else(no)
}

/// Why records of a kind are never erased, and what to do instead.
pub fn kept(kind: &str) -> Option<Text> {
    never_erased(kind).map(|(en, zh)| Text::new(en, zh))
}

/// Everything about a record, for whoever administers; that it was shown is written down.
///
/// # Errors
/// When it is out of sight, or the caller may not.
pub async fn dossier(app: &App, caller: &Caller, id: RecordId) -> Result<Dossier, Error> {
    let reading = Reading::of(app, caller);
    let record = reading.record(id).await?.ok_or(Error::NotFound)?;
    check(app, caller, &record)?;
    let history = reading.history(id).await?;
    let mut files = Vec::new();
    for linked in record.linked_from.iter().filter(|links| &*links.kind == crate::files::KIND).flat_map(|links| &links.records) {
        files.push(FileOf { id: linked.id, name: linked.title.clone(), content: format!("/api/v1/file/{}/content", linked.id) });
    }
    let (now, note) = (app.clock.now(), Note::of(caller.workspace, Some(caller.user), Act::Disclosed, id));
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, now).await })).await?;
    Ok(Dossier { consents: consents(&record.row.fields), record, history, files })
}

/// The last word on each purpose, from a log of consents.
fn consents(fields: &serde_json::Map<String, Value>) -> Vec<Consent> {
    let mut last: Vec<Consent> = Vec::new();
    for entry in fields.get("consents").and_then(Value::as_array).into_iter().flatten() {
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
        app.store.scrub().await?;
        return serde_json::from_str(&known.proof).map_err(|error| Error::Internal(error.into()));
    };
    let proof = erase_seen(app, caller, view).await?;
    app.store.scrub().await?;
    Ok(proof)
}

/// As [`erase`], for many: whoever erases the last one also rewrites the database file.
///
/// # Errors
/// As [`erase`].
pub(crate) async fn erase_row(app: &App, caller: &Caller, id: RecordId) -> Result<Proof, Error> {
    erase_seen(app, caller, Reading::of(app, caller).record(id).await?.ok_or(Error::NotFound)?).await
}

async fn erase_seen(app: &App, caller: &Caller, view: RecordView) -> Result<Proof, Error> {
    check(app, caller, &view)?;
    if let Some(why) = kept(&view.row.kind) {
        return Err(Error::Forbidden(why));
    }
    let look_at = view.linked_from.iter().filter(|links| &*links.kind != crate::files::KIND).flat_map(|links| &links.records);
    let look_at: Vec<RecordId> = look_at.map(|linked| linked.id).collect();
    removed(app, caller.workspace, (view.row.id, view.row.kind), look_at, Some(caller.user)).await
}

async fn removed(
    app: &App,
    workspace: WorkspaceId,
    (id, kind): (RecordId, KindName),
    look_at: Vec<RecordId>,
    by: Option<UserId>,
) -> Result<Proof, Error> {
    let (now, rules) = (app.clock.now(), app.intake.rules(workspace));
    // First in the ledger: a crash in between erases twice, never not at all.
    note_in_ledger(app, &LedgerLine { workspace, record: id, kind: kind.to_string(), at: now })
        .map_err(|error| Error::Internal(anyhow::Error::from(error).context("the ledger of erasures cannot be written")))?;
    let (proof, contents) = app
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let with = erasure::files_only_about(tx, workspace, id).await?;
                let devices = holding(tx, &rules, workspace, (id, &kind)).await?;
                let mut proof = Proof { with: with.clone(), look_at, devices, ..Proof::default() };
                let mut contents = Vec::new();
                for file in with {
                    contents.extend(content(tx, workspace, file).await?);
                    add(&mut proof.removed, erasure::remove(tx, workspace, file).await?);
                    let row = ErasedRow { record: file, kind: crate::files::KIND.to_owned(), at: now, by, proof: "{}".to_owned() };
                    let position = workspaces::advance_head(tx, workspace, 1).await?;
                    erasure::remember(tx, workspace, &row, position).await?;
                }
                contents.extend(content(tx, workspace, id).await?);
                add(&mut proof.removed, erasure::remove(tx, workspace, id).await?);
                contents = unused(tx, workspace, contents).await?;
                proof.removed.contents = contents.len() as u64;
                let position = workspaces::advance_head(tx, workspace, 1).await?;
                proof.position = Some(position);
                let text = serde_json::to_string(&proof).map_err(|_| StoreError::Damaged("proof"))?;
                let row = ErasedRow { record: id, kind: kind.to_string(), at: now, by, proof: text };
                erasure::remember(tx, workspace, &row, position).await?;
                Note::of(workspace, by, Act::Erased, id).with(json!(proof)).write(tx, now).await?;
                Ok((proof, contents))
            })
        })
        .await?;
    app.store.answers().forget(workspace);
    for content in contents {
        app.files.erase(&app.store, workspace, content).await?;
    }
    app.intake.announce(workspace).await?;
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
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(ledger_path(app))?;
    writeln!(file, "{}", serde_json::to_string(line)?)?;
    file.sync_all()
}

/// Remembers an erasure of which the backup knows nothing: the record came after it, and phones that hold it
/// would offer it back.
async fn remember_again(app: &App, line: LedgerLine) -> Result<(), Error> {
    let workspace = line.workspace;
    let proof = serde_json::to_string(&Proof::default()).map_err(|error| Error::Internal(error.into()))?;
    let row = ErasedRow { record: line.record, kind: line.kind, at: line.at, by: None, proof };
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

/// Erases again what the ledger says was erased and is here: after a backup from before was restored.
///
/// # Errors
/// When the ledger cannot be read, or the database fails.
pub async fn reapply(app: &App) -> Result<u64, Error> {
    let text = match std::fs::read_to_string(ledger_path(app)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Error::Internal(error.into())),
    };
    let mut again = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line: LedgerLine = serde_json::from_str(line).map_err(|error| Error::Internal(error.into()))?;
        let mut tx = app.store.reader().await?;
        let here = records::rows_of(&mut tx, line.workspace, &[line.record]).await?;
        let is_known = erasure::among(&mut tx, line.workspace, std::iter::once(line.record)).await?.contains(&line.record);
        drop(tx);
        if let Some(row) = here.get(&line.record) {
            removed(app, line.workspace, (line.record, row.kind.clone()), Vec::new(), None).await?;
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
