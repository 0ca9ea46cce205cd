//! Words given to edits that need several, and the rules that say whose.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use sqlx::{QueryBuilder, Sqlite};
use sync_core::access::{asks_manager, manager_among};
use sync_core::actions::approvals::{Step, Turn, after_manager, steps, turn_after};
use sync_core::actions::workdays::WorkDays;
use sync_core::id::{KindName, Millis, RecordId, UserId, WorkspaceId};

use super::people::User;
use super::records::{ROWS_PER_STATEMENT, kind_of};
use super::rejected::{ChangeName, RejectedRow, change_name};
use super::{Result, Tx, id, sequences, sight};

/// Somebody's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Whose.
    pub by: UserId,
    /// When.
    pub at: Millis,
}

/// What says whose word the edits of a workspace wait for.
pub struct Courses {
    rules: Vec<(RecordId, Map<String, Json>)>,
    days: WorkDays,
    managers: HashMap<RecordId, UserId>,
}

impl Courses {
    /// Those of edits, of which these are about key accounts.
    pub async fn of(tx: &mut Tx, workspace: WorkspaceId, edits: impl Iterator<Item = &Waiting>) -> Result<Self> {
        let mut accounts: Vec<RecordId> = edits.filter_map(|edit| edit.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let held = sight::holders_of(tx, workspace, &accounts).await?;
        let manager = |(record, held): (_, Vec<sight::HeldBy>)| Some((record, manager_among(held.iter().map(|held| &held.holder))?));
        let managers = held.into_iter().filter_map(manager).collect();
        Ok(Self { rules: rules(tx, workspace).await?, days: work_days(tx, workspace).await?, managers })
    }

    /// The steps of an edit; none if it needs no more than one word of whoever may make it.
    pub fn steps(&self, edit: &Waiting) -> Option<Vec<Step>> {
        let by_rule = self.rules.iter().find_map(|(_, rule)| steps(rule, &edit.kind));
        match edit.account.and_then(|account| self.managers.get(&account)).filter(|manager| **manager != edit.user) {
            Some(manager) => Some(after_manager(*manager, edit.rule.as_deref().is_some_and(asks_manager), by_rule)),
            None => by_rule,
        }
    }

    /// Whose turn it is in steps after some words.
    pub fn turn<'s>(&self, steps: &'s [Step], words: &[Word], edit: &Waiting, now: Millis) -> Option<Turn<'s>> {
        turn_after(steps, &times(words), edit.came_at, now, &self.days)
    }
}

/// What says whose word one edit waits for.
pub struct Course {
    steps: Vec<Step>,
    /// The words given so far.
    pub words: Vec<Word>,
    days: WorkDays,
}

impl Course {
    /// That of an edit; none if it needs no more than one word of whoever may make it.
    pub async fn of(tx: &mut Tx, workspace: WorkspaceId, row: &RejectedRow) -> Result<Option<Self>> {
        let edit = Waiting::of(row);
        let courses = Courses::of(tx, workspace, std::iter::once(&edit)).await?;
        let Some(steps) = courses.steps(&edit) else { return Ok(None) };
        let words = words(tx, workspace, &[edit.change]).await?.remove(&edit.change).unwrap_or_default();
        Ok(Some(Self { steps, words, days: courses.days }))
    }

    /// Whose turn it is, for an edit that came at a moment.
    pub fn turn(&self, came_at: Millis, now: Millis) -> Option<Turn<'_>> {
        turn_after(&self.steps, &times(&self.words), came_at, now, &self.days)
    }
}

/// Whether nobody but the author of an edit is left whose word it takes: whoever administers speaks instead, lest an edit wait for ever.
pub fn is_nobodys(turn: &Turn<'_>, author: UserId, users: &[User]) -> bool {
    let active = users.iter().filter(|user| user.disabled_at.is_none() && user.user != author);
    !turn.is_for_any(active.map(|user| (user.user, &user.role)))
}

/// When words were given.
fn times(words: &[Word]) -> Vec<Millis> {
    words.iter().map(|word| word.at).collect()
}

/// Keeps a word.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, change: ChangeName, step: usize, word: Word) -> Result<()> {
    sqlx::query("insert into approvals (workspace, hash, record, facet, step, user_id, at) values ($1, $2, $3, $4, $5, $6, $7)")
        .bind(&workspace.as_bytes()[..])
        .bind(&change.hash.0[..])
        .bind(&change.record.as_bytes()[..])
        .bind(change.facet as i64)
        .bind(step as i64)
        .bind(&word.by.as_bytes()[..])
        .bind(word.at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// An edit that waits for words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The change.
    pub change: ChangeName,
    /// The kind it is for.
    pub kind: KindName,
    /// Who made it.
    pub user: UserId,
    /// The rule that holds it.
    pub rule: Option<String>,
    /// The record whose holders say who answers for the key account that it is about.
    pub account: Option<RecordId>,
    /// When it came.
    pub came_at: Millis,
}

impl Waiting {
    /// That of an edit at the desk.
    pub fn of(row: &RejectedRow) -> Self {
        let RejectedRow { kind, user, rule, account, received_at, .. } = row;
        Self { change: row.name(), kind: kind.clone(), user: *user, rule: rule.clone(), account: *account, came_at: *received_at }
    }
}

/// The edits that wait for words.
pub async fn waiting(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Waiting>> {
    type Tuple = (Vec<u8>, Vec<u8>, i64, String, Vec<u8>, Option<String>, Option<Vec<u8>>, Millis);
    let rows: Vec<Tuple> = sqlx::query_as(
        "select hash, record, facet, kind, user_id, rule, account, received_at from rejected \
         where workspace = $1 and state = 'held' order by received_at",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    let waiting = |(hash, record, facet, kind, user, rule, account, came_at): Tuple| {
        Ok(Waiting {
            change: change_name((hash, record, facet))?,
            kind: kind_of(&kind)?,
            user: id(UserId::from_bytes(&user), "user id")?,
            rule,
            account: account.map(|account| id(RecordId::from_bytes(&account), "record id")).transpose()?,
            came_at,
        })
    };
    rows.into_iter().map(waiting).collect()
}

type WordTuple = (Vec<u8>, Vec<u8>, i64, Vec<u8>, Millis);

/// The words given to these edits, in order.
pub async fn words(tx: &mut Tx, workspace: WorkspaceId, changes: &[ChangeName]) -> Result<HashMap<ChangeName, Vec<Word>>> {
    let mut found: HashMap<ChangeName, Vec<Word>> = HashMap::new();
    for chunk in changes.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select hash, record, facet, user_id, at from approvals where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and hash in (");
        let mut list = query.separated(", ");
        for change in chunk {
            list.push_bind(change.hash.0.to_vec());
        }
        let rows: Vec<WordTuple> = query.push(") order by hash, step").build_query_as().fetch_all(tx.conn()).await?;
        for (hash, record, facet, by, at) in rows {
            let word = Word { by: id(UserId::from_bytes(&by), "user id")?, at };
            found.entry(change_name((hash, record, facet))?).or_default().push(word);
        }
    }
    Ok(found)
}

/// The rules of a workspace as they read now, in their order.
pub async fn rules(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<(RecordId, Map<String, Json>)>> {
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "select record, main from rows where workspace = $1 and kind = 'rule' and archived = 0 \
         and main ->> 'purpose' = $2 order by main ->> 'order', record",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(sync_core::actions::approvals::PURPOSE)
    .fetch_all(tx.conn())
    .await?;
    let readable = rows.into_iter().filter_map(|(record, main)| Some((record, serde_json::from_str(&main).ok()?)));
    readable.map(|(record, rule)| Ok((id(RecordId::from_bytes(&record), "record id")?, rule))).collect()
}

/// The days on which the people of a workspace work.
pub async fn work_days(tx: &mut Tx, workspace: WorkspaceId) -> Result<WorkDays> {
    let settings = sequences::settings(tx, workspace).await?;
    Ok(settings.map_or_else(WorkDays::default, |settings| WorkDays::read(&settings)))
}
