//! Numbers over many records that were worked out before and still hold: until anything in the workspace changes.
//!
//! An answer is known by the whole question: the statement with its values, in which it also stands who may see what.
//! So nobody is given what was worked out for somebody who sees more. Pages of lists are never kept, nor what may be another
//! answer a moment later though nothing was written. What names records is small ([`ROWS_MAX`]), and gone when anybody is erased.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::FromRow;
use sqlx::sqlite::SqliteRow;
use sync_core::id::WorkspaceId;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

use super::scope::Statement;
use super::{Result, StoreError, Tx};

/// Answers that are kept: what a dozen dashboards ask.
const ANSWERS_MAX: usize = 256;

/// Rows of one: more groups than any page shows; a thousand take some 100 KB.
pub const ROWS_MAX: usize = 1_000;

/// Questions of those who can wait that are worked out at once: one processor, and one connection, stay free for pages.
const SLOW_MAX: usize = 3;

tokio::task_local! {
    /// Set where an answer that is not known yet is not waited for.
    static ONLY_KNOWN: ();
}

/// Runs what reads: it fails with [`StoreError::Later`] where it needs an answer that still has to be worked out.
pub async fn only_known<T>(work: impl Future<Output = T>) -> T {
    ONLY_KNOWN.scope((), work).await
}

/// What was worked out, by workspace and question.
pub struct Answers {
    known: Mutex<Kept>,
    slow: Semaphore,
}

impl Default for Answers {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { known: Mutex::default(), slow: Semaphore::new(processors.saturating_sub(1).clamp(1, SLOW_MAX)) }
    }
}

/// What there is to a question.
pub enum Asked<'a, T> {
    /// The answer.
    Known(Arc<T>),
    /// It has to be worked out. Whoever asks the same waits until that is done.
    Open(Turn<'a>),
}

/// Held by whoever works an answer out.
pub struct Turn<'a> {
    answers: &'a Answers,
    key: (WorkspaceId, String),
    state: State,
    forgotten: u64,
    _held: OwnedMutexGuard<()>,
}

impl Turn<'_> {
    /// Keeps the answer: it holds until anything in the workspace changes.
    pub fn keep<T: Send + Sync + 'static>(self, answer: T) {
        let mut kept = self.answers.kept();
        // An erasure meanwhile: the snapshot is older, and who was erased may stand in it.
        if kept.forgotten == self.forgotten {
            kept.keep(self.key, self.state, Arc::new(answer));
        }
    }
}

#[derive(Default)]
struct Kept {
    answers: HashMap<(WorkspaceId, String), Known>,
    /// Questions whose answer is being worked out: whoever asks the same waits for it.
    under_way: HashMap<(WorkspaceId, String), Arc<tokio::sync::Mutex<()>>>,
    /// How often anything was forgotten: what was asked before that is not kept.
    forgotten: u64,
    /// How often any was asked for: tells which was last.
    asked: u64,
}

struct Known {
    state: State,
    answer: Arc<dyn Any + Send + Sync>,
    /// When it was asked for last.
    asked: u64,
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
    /// The answer to a statement, as it is in the transaction's snapshot. `holds`: until something is written.
    pub(super) async fn to<T>(&self, tx: &mut Tx, workspace: WorkspaceId, statement: Statement, holds: bool) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Clone + Send + Sync + Unpin + 'static,
    {
        if !holds {
            return statement.all(tx).await;
        }
        let question = format!("{} {:?}", statement.text, statement.params);
        let turn = match self.ask::<Vec<T>>(tx, workspace, question).await? {
            Asked::Known(rows) => return Ok(rows.to_vec()),
            Asked::Open(turn) => turn,
        };
        let rows = statement.all::<T>(tx).await?;
        if rows.len() <= ROWS_MAX {
            turn.keep(rows.clone());
        }
        Ok(rows)
    }

    /// What is known in the transaction's snapshot of a question, in which it also stands who may see what; or the turn to work
    /// it out in this transaction.
    pub async fn ask<T: Send + Sync + 'static>(&self, tx: &mut Tx, workspace: WorkspaceId, question: String) -> Result<Asked<'_, T>> {
        let forgotten = self.kept().forgotten;
        let (state, key) = (state(tx, workspace).await?, (workspace, question));
        let turn = self.kept().turn(&key);
        let is_patient = ONLY_KNOWN.try_with(|()| ()).is_err();
        let held = if is_patient { turn.lock_owned().await } else { turn.try_lock_owned().map_err(|_| StoreError::Later)? };
        match self.known(&key, state).and_then(|known| known.downcast::<T>().ok()) {
            Some(known) => Ok(Asked::Known(known)),
            None if is_patient => Ok(Asked::Open(Turn { answers: self, key, state, forgotten, _held: held })),
            None => Err(StoreError::Later),
        }
    }

    /// The turn of somebody who can wait for what has to be worked out: held meanwhile.
    pub async fn slowly(&self) -> Option<SemaphorePermit<'_>> {
        self.slow.acquire().await.ok()
    }

    /// Forgets what was worked out for a workspace: somebody was erased, whose name may stand in it.
    pub fn forget(&self, workspace: WorkspaceId) {
        let mut kept = self.kept();
        kept.forgotten += 1;
        kept.answers.retain(|(other, _), _| *other != workspace);
    }

    fn known(&self, key: &(WorkspaceId, String), state: State) -> Option<Arc<dyn Any + Send + Sync>> {
        let mut kept = self.kept();
        kept.asked += 1;
        let asked = kept.asked;
        let known = kept.answers.get_mut(key).filter(|known| known.state == state)?;
        known.asked = asked;
        Some(Arc::clone(&known.answer))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Held by whoever works a question out.
    fn turn(&mut self, key: &(WorkspaceId, String)) -> Arc<tokio::sync::Mutex<()>> {
        self.under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(self.under_way.entry(key.clone()).or_default())
    }

    fn keep(&mut self, key: (WorkspaceId, String), state: State, answer: Arc<dyn Any + Send + Sync>) {
        // What no longer holds goes first.
        self.answers.retain(|(workspace, _), other| *workspace != key.0 || other.state == state);
        if self.answers.len() >= ANSWERS_MAX {
            let oldest = self.answers.iter().min_by_key(|(_, known)| known.asked).map(|(key, _)| key.clone());
            oldest.map(|oldest| self.answers.remove(&oldest));
        }
        let asked = self.asked;
        self.answers.insert(key, Known { state, answer, asked });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> (WorkspaceId, String) {
        (WorkspaceId::of_cause("test"), format!("question {number}"))
    }

    #[test]
    fn at_the_limit_what_nobody_asked_for_any_more_makes_room_and_what_no_longer_holds_goes_first() {
        let answers = Answers::default();
        let put = |number, state| answers.kept().keep(key(number), state, Arc::new(number));
        (0..ANSWERS_MAX).for_each(|number| put(number, State(1, 1)));
        for number in (0..ANSWERS_MAX).filter(|number| *number != 7) {
            assert!(answers.known(&key(number), State(1, 1)).is_some());
        }
        put(ANSWERS_MAX, State(1, 1));
        assert!(answers.known(&key(7), State(1, 1)).is_none() && answers.known(&key(0), State(1, 1)).is_some());
        put(ANSWERS_MAX + 1, State(2, 1));
        assert_eq!(answers.kept().answers.len(), 1);
        assert!(answers.known(&key(ANSWERS_MAX + 1), State(1, 1)).is_none(), "it is of another state");
    }

    #[test]
    fn an_erasure_leaves_nothing_of_its_workspace() {
        let answers = Answers::default();
        let other = (WorkspaceId::of_cause("other"), "question".to_owned());
        answers.kept().keep(key(0), State(1, 1), Arc::new(0));
        answers.kept().keep(other.clone(), State(1, 1), Arc::new(0));
        answers.forget(WorkspaceId::of_cause("test"));
        assert!(answers.known(&key(0), State(1, 1)).is_none() && answers.known(&other, State(1, 1)).is_some());
    }
}
