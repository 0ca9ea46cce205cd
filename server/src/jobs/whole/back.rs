//! Bringing a whole workspace into an empty database.

use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::de::DeserializeOwned;
use sync_core::id::{Millis, WorkspaceId};
use sync_core::protocol::{Delivered, Verdict};

use super::{AUDIT, CHANGES, CONTENTS, ERASED, PROOFS, REJECTED, Result, USERS, WORKSPACE, WholeError, at, line, out};
use crate::app::App;
use crate::auth::secret::random;
use crate::files::unhex;
use crate::intake::Author;
use crate::jobs::{Progress, Watch};
use crate::seal::Sealer;
use crate::store::{StoreError, erasure, files, people, rejected, trail, workspaces};

/// Changes of one transaction.
const BATCH: usize = 500;

/// No password has this hash: each person gets a new one from the operator.
const NO_PASSWORD: &str = "!";

/// What was brought in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Brought {
    /// Changes of records.
    pub changes: u64,
    /// People.
    pub users: u64,
    /// Contents of files.
    pub contents: u64,
}

/// Brings in what `rapport export --all` wrote; answers the workspace, too.
///
/// # Errors
/// When the database is not empty, or a file is not one of those: then nothing is complete, and the database is
/// to be thrown away.
pub async fn bring(app: &App, folder: &Path, watch: Watch<'_>) -> Result<(WorkspaceId, Brought)> {
    if !workspaces::all(&mut app.store.reader().await?).await?.is_empty() {
        return Err(WholeError::NotEmpty);
    }
    let path = folder.join(WORKSPACE);
    let mut lines = read::<line::Workspace>(&path)?;
    let (Some(about), None) = (lines.pop(), lines.pop()) else { return Err(unreadable(&path, 1, "expected one workspace")) };
    if about.format != out::FORMAT {
        return Err(unreadable(&path, 1, "it was written by another version"));
    }
    let key = workspaces::SealKey(random());
    let users = people_of(app, folder, &about, key).await?;
    let changes = changes(app, folder, about.id, key, watch).await?;
    rest(app, folder, about.id).await?;
    let contents = contents(app, folder, about.id).await?;
    proofs(app, folder, about.id).await?;
    app.intake.announce(about.id).await?;
    Ok((about.id, Brought { changes, users, contents }))
}

fn unreadable(path: &Path, line: usize, message: &str) -> WholeError {
    WholeError::Line { path: path.to_owned(), line, message: message.to_owned() }
}

/// The objects of a file, one at a time.
fn each<T: DeserializeOwned>(path: &Path) -> Result<impl Iterator<Item = Result<T>>> {
    let lines = BufReader::new(at(path, std::fs::File::open(path))?).lines();
    let path = path.to_owned();
    Ok(lines.enumerate().map(move |(index, line)| {
        let line = at(&path, line)?;
        serde_json::from_str(&line).map_err(|error| unreadable(&path, index + 1, &error.to_string()))
    }))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    each(path)?.collect()
}

async fn people_of(app: &App, folder: &Path, about: &line::Workspace, key: workspaces::SealKey) -> Result<u64> {
    let (workspace, name, created_at) = (about.id, about.name.clone(), about.created_at);
    let users: Vec<line::User> = read(&folder.join(USERS))?;
    let count = users.len() as u64;
    app.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                workspaces::add(tx, workspace, &name, random(), key, created_at).await?;
                for line::User { id: user, login, name, role, language, disabled_at, created_at } in users {
                    let user = people::User { workspace, user, login, name, role, language, disabled_at, created_at };
                    people::add_user(tx, &user, NO_PASSWORD).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(count)
}

/// Every change in its order, as this system's own: under its seal, whoever made it.
async fn changes(app: &App, folder: &Path, workspace: WorkspaceId, key: workspaces::SealKey, watch: Watch<'_>) -> Result<u64> {
    let path = folder.join(CHANGES);
    let total = each::<serde::de::IgnoredAny>(&path)?.count() as u64;
    let sealer = Sealer::new(workspace, &key);
    let author = app.intake.itself(workspace);
    let (mut batch, mut done) = (Vec::with_capacity(BATCH), 0);
    for change in each::<line::Change>(&path)? {
        let change = change?;
        // What a kind says holds for the records after it.
        let defines = &*change.kind == crate::intake::KIND_KIND;
        batch.push(sealer.delivered(change.into()));
        done += 1;
        if defines || batch.len() == BATCH {
            offer(app, &author, std::mem::take(&mut batch)).await?;
            watch(Progress { done, total });
        }
    }
    offer(app, &author, batch).await?;
    Ok(done)
}

async fn offer(app: &App, author: &Author, batch: Vec<Delivered>) -> Result<()> {
    let places: Vec<_> = batch.iter().map(|one| (one.position, one.record)).collect();
    // When it was received stands in each.
    let now: Millis = app.clock.now();
    let verdicts = app.intake.offer(author, batch, now).await?;
    for ((position, record), verdict) in places.into_iter().zip(verdicts) {
        let why = match verdict {
            Verdict::Accepted { .. } | Verdict::Duplicate { .. } => continue,
            Verdict::Rejected { message, .. } => message,
            other => format!("{other:?}"),
        };
        return Err(WholeError::Refused { position, record, why });
    }
    Ok(())
}

/// What was not accepted, what was erased, and the log, with its own chain of hashes.
async fn rest(app: &App, folder: &Path, workspace: WorkspaceId) -> Result<()> {
    let refused: Vec<line::Rejected> = read(&folder.join(REJECTED))?;
    let erased: Vec<line::Erased> = read(&folder.join(ERASED))?;
    let path = folder.join(AUDIT);
    let mut entries = Vec::new();
    for (index, entry) in read::<line::Entry>(&path)?.into_iter().enumerate() {
        let line::Entry { number, at, user, act, subject, detail, hash } = entry;
        let hash = hash.0.try_into().map_err(|_| unreadable(&path, index + 1, "the hash is of another length"))?;
        entries.push(trail::EntryRow { number, at, user, act, subject, detail, hash });
    }
    app.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let refused: Vec<_> = refused.into_iter().map(refused_row).collect();
                rejected::insert_rejected(tx, workspace, &refused).await?;
                for line::Erased { record, kind, at, by, proof } in erased {
                    let position = workspaces::advance_head(tx, workspace, 1).await?;
                    erasure::remember(tx, workspace, &erasure::ErasedRow { record, kind, at, by, proof }, position).await?;
                }
                for entry in entries {
                    trail::append(tx, workspace, &entry).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(())
}

fn refused_row(line: line::Rejected) -> rejected::RejectedRow {
    rejected::RejectedRow {
        hash: line.hash,
        kind: line.kind,
        record: line.record,
        facet: line.facet,
        user: line.user,
        device: line.device,
        code: line.code,
        field: line.field,
        rule: line.rule,
        account: line.account,
        message_en: line.message_en,
        message_zh: line.message_zh,
        received_at: line.received_at,
        state: line.state,
        body: line.body.0,
        note: line.note,
        answer: line.answer,
    }
}

async fn contents(app: &App, folder: &Path, workspace: WorkspaceId) -> Result<u64> {
    let folder = folder.join(CONTENTS);
    let mut count = 0;
    for entry in at(&folder, std::fs::read_dir(&folder))? {
        let path = at(&folder, entry)?.path();
        let named = path.file_name().and_then(|name| unhex(name.to_str()?));
        let kept = app.files.copy_in(&app.store, workspace, &path, app.clock.now()).await?;
        if named != Some(kept) {
            return Err(WholeError::WrongContent(path));
        }
        count += 1;
    }
    Ok(count)
}

/// Who has had which content. What was written before that was kept says nothing of it: then everybody is trusted who
/// wrote to a file that names one.
async fn proofs(app: &App, folder: &Path, workspace: WorkspaceId) -> Result<()> {
    let (path, now) = (folder.join(PROOFS), app.clock.now());
    let mut proofs = Vec::new();
    let is_kept = path.exists();
    for (index, line) in if is_kept { read::<line::Proof>(&path)? } else { Vec::new() }.into_iter().enumerate() {
        let sha256 = unhex(&line.sha256).ok_or_else(|| unreadable(&path, index + 1, "the hash is of another length"))?;
        proofs.extend(line.users.into_iter().map(|user| (sha256, user)));
    }
    app.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                if !is_kept {
                    return files::trust_all(tx, workspace).await;
                }
                for (sha256, user) in proofs {
                    files::prove(tx, workspace, &sha256, user, now).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(())
}
