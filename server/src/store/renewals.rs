//! Documents whose past was forgotten: their changes replaced where they stand, and phones told.
//!
//! What such documents begin with is kept in a ledger beside the database, too: a backup from before has the past, and knows
//! nothing of what came since. Of several beginnings of a document the ledger has the last one, of an erased record none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sync_core::id::{ActorId, RecordId, WorkspaceId};
use sync_core::record::Stored;

use super::change_line::ChangeLine;
use super::erasure::GAP;
use super::ledger::{self, beside};
use super::records::DocKey;
use super::{Result, StoreError, Tx, erasure, id};

/// Feed entries where a record comes whole in the place of what it was.
const RENEWED: i64 = 7;

/// A change in the place of another one, which stood at its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    /// Who made it then, when, and what there is of it now.
    pub stored: Stored,
    /// Who has written it now.
    pub actor: ActorId,
    /// How many-th change of that actor it is.
    pub seq: u64,
}

/// Puts changes in the place of those at their positions, and takes the document's others away. Answers how many went.
pub async fn replace(tx: &mut Tx, workspace: WorkspaceId, key: DocKey, kept: &[Replacement]) -> Result<u64> {
    for Replacement { stored, actor, seq } in kept {
        sqlx::query("update changes set hash = $3, actor = $4, seq = $5, body = $6 where workspace = $1 and position = $2")
            .bind(&workspace.as_bytes()[..])
            .bind(stored.position.unwrap_or_default() as i64)
            .bind(&stored.hash.0[..])
            .bind(&actor.0[..])
            .bind(*seq as i64)
            .bind(&stored.body)
            .execute(tx.conn())
            .await?;
    }
    take_away(tx, workspace, key, kept.first().map(|first| first.actor)).await
}

/// Takes the changes of a document away, but those of one actor: where they were, there are gaps.
pub async fn take_away(tx: &mut Tx, workspace: WorkspaceId, (record, facet): DocKey, but: Option<ActorId>) -> Result<u64> {
    let but = but.map_or_else(Vec::new, |actor| actor.0.to_vec());
    let mut gone = 0;
    for sql in [
        "insert into feed_marks (workspace, position, entry)
         select workspace, position, $5 from changes where workspace = $1 and record = $2 and facet = $3 and actor <> $4",
        "delete from changes where workspace = $1 and record = $2 and facet = $3 and actor <> $4 and $5 = $5",
    ] {
        let query = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&record.as_bytes()[..]).bind(facet as i64);
        gone = query.bind(&but).bind(GAP).execute(tx.conn()).await?.rows_affected();
    }
    Ok(gone)
}

/// Forgets what else told of a record's past: decided edits, messages of webhooks, kept answers.
pub async fn forget_what_was_said(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<()> {
    let sql = "update rejected set body = x'', note = null where workspace = $1 and record = $2 and state not in ('rejected', 'held')";
    sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&record.as_bytes()[..]).execute(tx.conn()).await?;
    erasure::remove_messages(tx, workspace, record).await.map(drop)
}

/// Nothing stands at some positions of the feed.
pub async fn leave_gaps(tx: &mut Tx, workspace: WorkspaceId, positions: &[u64]) -> Result<()> {
    for position in positions {
        sqlx::query("insert into feed_marks (workspace, position, entry) values ($1, $2, $3)")
            .bind(&workspace.as_bytes()[..])
            .bind(*position as i64)
            .bind(GAP)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Has devices be sent a record whole at a position of the feed.
pub async fn mark(tx: &mut Tx, workspace: WorkspaceId, position: u64, record: RecordId) -> Result<()> {
    sqlx::query("insert into feed_marks (workspace, position, entry, record) values ($1, $2, $3, $4)")
        .bind(&workspace.as_bytes()[..])
        .bind(position as i64)
        .bind(RENEWED)
        .bind(&record.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The records that come whole between two positions, each with where: there is an index of these entries.
pub async fn between(tx: &mut Tx, workspace: WorkspaceId, after: u64, to: u64) -> Result<BTreeMap<u64, RecordId>> {
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("select position, record from feed_marks where workspace = $1 and position > $2 and position <= $3 and entry = $4")
            .bind(&workspace.as_bytes()[..])
            .bind(after as i64)
            .bind(i64::try_from(to).unwrap_or(i64::MAX))
            .bind(RENEWED)
            .fetch_all(tx.conn())
            .await?;
    rows.into_iter().map(|(position, record)| Ok((position as u64, id(RecordId::from_bytes(&record), "record id")?))).collect()
}

/// What a document begins with, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Its changes, each after its parents.
    pub changes: Vec<ChangeLine>,
}

impl Beginning {
    fn is_of(&self, workspace: WorkspaceId, record: RecordId) -> bool {
        self.workspace == workspace && self.changes.iter().any(|change| change.record == record)
    }

    fn document(&self) -> Option<(WorkspaceId, DocKey)> {
        self.changes.first().map(|change| (self.workspace, (change.record, change.facet)))
    }
}

fn path(database: &Path) -> PathBuf {
    beside(database, "renewed")
}

/// All of the ledger.
///
/// # Errors
/// When it cannot be read.
pub fn beginnings(database: &Path) -> Result<Vec<Beginning>> {
    ledger::read(&path(database)).map_err(StoreError::Ledger)
}

/// What the ledger had of some documents, and the documents.
pub(super) struct Replaced {
    documents: Vec<(WorkspaceId, DocKey)>,
    before: Vec<Beginning>,
}

/// Keeps what documents begin with, in the place of what the ledger had of them.
fn keep_beginnings(database: &Path, new: Vec<Beginning>) -> Result<Replaced> {
    let documents: Vec<_> = new.iter().filter_map(Beginning::document).collect();
    let mut before = Vec::new();
    rewrite(database, |known| {
        let (replaced, mut kept): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|known| known.document().is_some_and(|document| documents.contains(&document)));
        before = replaced;
        kept.extend(new);
        Some(kept)
    })?;
    Ok(Replaced { documents, before })
}

/// Has the ledger say again what it said before a transaction that was not committed.
pub(super) async fn put_back(database: PathBuf, replaced: Replaced) {
    let Replaced { documents, before } = replaced;
    let rewriting = move || {
        rewrite(&database, |known| {
            let others = known.into_iter().filter(|known| known.document().is_none_or(|document| !documents.contains(&document)));
            Some(others.chain(before).collect())
        })
    };
    let done = tokio::task::spawn_blocking(rewriting).await.unwrap_or(Err(StoreError::BrokeOff));
    if let Err(error) = done {
        tracing::error!(error = &error as &dyn std::error::Error, "the ledger says of a record that its past is forgotten, and it is not");
    }
}

/// Forgets what the documents of erased records began with.
///
/// # Errors
/// When the ledger cannot be written: it is as it was then.
pub async fn forget_beginnings(database: &Path, workspace: WorkspaceId, erased: Vec<RecordId>) -> Result<()> {
    let database = database.to_owned();
    let rewriting = move || {
        rewrite(&database, |known| {
            let count = known.len();
            let is_erased = |known: &Beginning| erased.iter().any(|record| known.is_of(workspace, *record));
            let kept: Vec<Beginning> = known.into_iter().filter(|known| !is_erased(known)).collect();
            (kept.len() < count).then_some(kept)
        })
    };
    tokio::task::spawn_blocking(rewriting).await.map_err(|_| StoreError::BrokeOff)?
}

/// `change` answers what the ledger is to say; nothing: it stays as it is.
fn rewrite(database: &Path, change: impl FnOnce(Vec<Beginning>) -> Option<Vec<Beginning>>) -> Result<()> {
    /// Two that rewrite it at once would lose what one of them wrote.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(lines) = change(beginnings(database)?) else { return Ok(()) };
    let mut text = String::new();
    for line in &lines {
        text.push_str(&serde_json::to_string(line).map_err(|_| StoreError::Damaged("line of the ledger"))?);
        text.push('\n');
    }
    ledger::replace(&path(database), &text).map_err(StoreError::Ledger)
}

impl Tx {
    /// Has the ledger say what a document begins with, once this transaction is committed.
    pub fn begins(&mut self, beginning: Beginning) {
        self.beginnings.push(beginning);
    }

    /// First in the ledger: after a crash in between the past is still there, and a restart forgets it. Answers what the ledger
    /// said before.
    pub(super) async fn settle_beginnings(&mut self) -> Result<Replaced> {
        let (new, database) = (std::mem::take(&mut self.beginnings), self.about.path.clone());
        let written = tokio::task::spawn_blocking(move || keep_beginnings(&database, new)).await;
        written.map_err(|_| StoreError::BrokeOff)?
    }
}
