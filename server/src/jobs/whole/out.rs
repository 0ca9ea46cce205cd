//! Writing a whole workspace.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use sync_core::id::WorkspaceId;

use super::line::{self, Bytes};
use super::{AUDIT, CHANGES, CONTENTS, ERASED, PROOFS, REJECTED, Result, USERS, WORKSPACE, at};
use crate::app::App;
use crate::files::hex;
use crate::store::{Tx, erasure, files, people, records, rejected, trail, workspaces};

/// The version of the files.
pub(super) const FORMAT: u32 = 1;

/// Rows read at once.
const BATCH: u32 = 500;

/// A file of one object a line.
struct Lines<'a> {
    path: &'a Path,
    file: BufWriter<File>,
}

impl<'a> Lines<'a> {
    fn create(path: &'a Path) -> Result<Self> {
        Ok(Self { path, file: BufWriter::new(at(path, File::create_new(path))?) })
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(line).map_err(std::io::Error::from);
        at(self.path, text.and_then(|text| writeln!(self.file, "{text}")))
    }

    fn finish(mut self) -> Result<()> {
        at(self.path, self.file.flush())
    }
}

/// Writes what `rapport import --all` reads into a folder, from one snapshot.
///
/// # Errors
/// When a file cannot be written or the database fails.
pub async fn write(app: &App, tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    about(tx, workspace, folder).await?;
    users(tx, workspace, folder).await?;
    changes(tx, workspace, folder).await?;
    not_accepted(tx, workspace, folder).await?;
    erased(tx, workspace, folder).await?;
    log(tx, workspace, folder).await?;
    contents(app, tx, workspace, folder).await
}

async fn about(tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    let path = folder.join(WORKSPACE);
    let Some(found) = workspaces::by_id(tx, workspace).await? else { return Ok(()) };
    let mut lines = Lines::create(&path)?;
    lines.write(&line::Workspace { id: workspace, name: found.name, created_at: found.created_at, format: FORMAT })?;
    lines.finish()
}

async fn users(tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    let path = folder.join(USERS);
    let mut lines = Lines::create(&path)?;
    for user in people::users(tx, workspace).await? {
        let people::User { user: id, login, name, role, language, disabled_at, created_at, .. } = user;
        lines.write(&line::User { id, login, name, role, language, disabled_at, created_at })?;
    }
    lines.finish()
}

async fn changes(tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    let path = folder.join(CHANGES);
    let (mut lines, mut after) = (Lines::create(&path)?, 0);
    loop {
        let batch = records::changes_after(tx, workspace, after, BATCH).await?;
        let Some(last) = batch.last().and_then(|stored| stored.position) else { return lines.finish() };
        after = last;
        for stored in batch {
            lines.write(&line::Change::from(stored))?;
        }
    }
}

async fn not_accepted(tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    let path = folder.join(REJECTED);
    let mut lines = Lines::create(&path)?;
    for row in rejected::rejected_in(tx, workspace, &rejected::DeskState::ALL, u32::MAX).await? {
        let rejected::RejectedRow { hash, kind, record, facet, user, device, code, field, rule, account, message_en, message_zh, .. } = row;
        let (received_at, state, body) = (row.received_at, row.state, Bytes(row.body));
        lines.write(&line::Rejected {
            hash,
            kind,
            record,
            facet,
            user,
            device,
            code,
            field,
            rule,
            account,
            message_en,
            message_zh,
            received_at,
            state,
            body,
            note: row.note,
            answer: row.answer,
        })?;
    }
    lines.finish()
}

async fn erased(tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    let path = folder.join(ERASED);
    let mut lines = Lines::create(&path)?;
    for erasure::ErasedRow { record, kind, at, by, proof } in erasure::all(tx, workspace).await? {
        lines.write(&line::Erased { record, kind, at, by, proof })?;
    }
    lines.finish()
}

async fn log(tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    let path = folder.join(AUDIT);
    let (mut lines, mut after) = (Lines::create(&path)?, 0);
    loop {
        let batch = trail::after(tx, workspace, after, BATCH).await?;
        let Some(last) = batch.last() else { return lines.finish() };
        after = last.number;
        for trail::EntryRow { number, at, user, act, subject, detail, hash } in batch {
            lines.write(&line::Entry { number, at, user, act, subject, detail, hash: Bytes(hash.to_vec()) })?;
        }
    }
}

async fn contents(app: &App, tx: &mut Tx, workspace: WorkspaceId, folder: &Path) -> Result<()> {
    let (path, folder) = (folder.join(PROOFS), folder.join(CONTENTS));
    at(&folder, std::fs::create_dir(&folder))?;
    let mut lines = Lines::create(&path)?;
    for (sha256, size) in files::blobs(tx, workspace).await? {
        app.files.copy_out(workspace, (&sha256, size), &folder.join(hex(&sha256))).await?;
        lines.write(&line::Proof { sha256: hex(&sha256), users: files::proven(tx, workspace, &sha256).await? })?;
    }
    lines.finish()
}
