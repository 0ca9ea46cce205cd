//! Numbers over many records that were worked out before and still hold: until anything in the workspace changes.
//!
//! An answer is known by the whole question: the statement with its values, in which it also stands who may see what.
//! So nobody is given what was worked out for somebody who sees more. Lists of records are never kept.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::FromRow;
use sqlx::sqlite::SqliteRow;
use sync_core::id::WorkspaceId;

use super::scope::Statement;
use super::{Result, Tx};

/// Answers that are kept: what a dozen dashboards ask.
const ANSWERS_MAX: usize = 256;

/// Rows of one: more groups than any page shows; a thousand take some 100 KB.
const ROWS_MAX: usize = 1_000;

/// What was worked out, by workspace and question.
#[derive(Default)]
pub struct Answers {
    known: Mutex<HashMap<(WorkspaceId, String), Known>>,
}

struct Known {
    state: State,
    rows: Arc<dyn Any + Send + Sync>,
}

/// Where a workspace stands: how far its feed is, and how far all that runs behind it together. What it holds changes
/// in no transaction that does not move one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State(i64, i64);

async fn state(tx: &mut Tx, workspace: WorkspaceId) -> Result<State> {
    let sql =
        "select head, (select coalesce(sum(position), 0) from follower_marks where workspace = $1) from workspaces where workspace = $1";
    let found: Option<(i64, i64)> = sqlx::query_as(sql).bind(&workspace.as_bytes()[..]).fetch_optional(tx.conn()).await?;
    Ok(found.map_or(State(0, 0), |(head, marks)| State(head, marks)))
}

impl Answers {
    /// The answer to a statement, as it is in the transaction's snapshot.
    pub(super) async fn to<T>(&self, tx: &mut Tx, workspace: WorkspaceId, statement: Statement) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Clone + Send + Sync + Unpin + 'static,
    {
        let state = state(tx, workspace).await?;
        let key = (workspace, format!("{} {:?}", statement.text, statement.params));
        if let Some(rows) = self.known(&key, state).and_then(|rows| rows.downcast::<Vec<T>>().ok()) {
            return Ok(rows.to_vec());
        }
        let rows = statement.all::<T>(tx).await?;
        if rows.len() <= ROWS_MAX {
            self.keep(key, Known { state, rows: Arc::new(rows.clone()) });
        }
        Ok(rows)
    }

    fn known(&self, key: &(WorkspaceId, String), state: State) -> Option<Arc<dyn Any + Send + Sync>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|known| known.state == state).map(|known| Arc::clone(&known.rows))
    }

    fn keep(&self, key: (WorkspaceId, String), answer: Known) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // What no longer holds is not kept: somebody may have been erased since.
        known.retain(|(workspace, _), other| *workspace != key.0 || other.state == answer.state);
        if known.len() >= ANSWERS_MAX {
            known.clear();
        }
        known.insert(key, answer);
    }
}
