//! Changes that were not accepted, kept for whoever decides about them.
//!
//! Decides nothing: intake turns down, the back office accepts or declines.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, QueryBuilder, Row, Sqlite};
use sync_core::id::{ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{GivenUp, Pushed, code};

use super::records::{DocKey, ROWS_PER_STATEMENT, facet_of, kind_of};
use super::{Result, StoreError, Tx, id};

/// What names a change among all of a workspace: the same words in the same moment are the same bytes, in two records.
///
/// Its text, `hash.record.facet`, stands in addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeName {
    /// SHA-256 as claimed.
    pub hash: ChangeHash,
    /// The record.
    pub record: RecordId,
    /// Which document.
    pub facet: Facet,
}

impl From<&Pushed> for ChangeName {
    fn from(pushed: &Pushed) -> Self {
        Self { hash: pushed.hash, record: pushed.record, facet: pushed.facet }
    }
}

impl From<&GivenUp> for ChangeName {
    fn from(given_up: &GivenUp) -> Self {
        Self { hash: given_up.hash, record: given_up.record, facet: given_up.facet }
    }
}

impl fmt::Display for ChangeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.hash, self.record, self.facet)
    }
}

/// A change as an address names it: by its whole name, or by its hash where that is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeLink {
    /// SHA-256 as claimed.
    pub hash: ChangeHash,
    /// The record, if it is named.
    pub record: Option<RecordId>,
    /// Which document, if it is named.
    pub facet: Option<Facet>,
}

impl From<ChangeName> for ChangeLink {
    fn from(name: ChangeName) -> Self {
        Self { hash: name.hash, record: Some(name.record), facet: Some(name.facet) }
    }
}

/// A text that names no change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this names no change")]
pub struct NoChange;

impl FromStr for ChangeLink {
    type Err = NoChange;

    fn from_str(text: &str) -> std::result::Result<Self, NoChange> {
        let mut parts = text.splitn(3, '.');
        let hash = parts.next().and_then(|part| part.parse().ok()).ok_or(NoChange)?;
        let record = parts.next().map(|part| part.parse().map_err(|_| NoChange)).transpose()?;
        let facet = parts.next().map(|part| part.parse().map_err(|_| NoChange)).transpose()?;
        Ok(Self { hash, record, facet })
    }
}

/// A change that was not accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedRow {
    /// SHA-256 as claimed.
    pub hash: ChangeHash,
    /// The record's kind.
    pub kind: KindName,
    /// The record.
    pub record: RecordId,
    /// Which document.
    pub facet: Facet,
    /// Who made it.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// A stable code.
    pub code: String,
    /// The field concerned.
    pub field: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Where who answers for a key account is asked first: the record whose holders say who.
    pub account: Option<RecordId>,
    /// Why, in English.
    pub message_en: String,
    /// Why, in Chinese.
    pub message_zh: String,
    /// When it came.
    pub received_at: Millis,
    /// What has become of it.
    pub state: DeskState,
    /// The change chunk.
    pub body: Vec<u8>,
    /// What the back office said to its author.
    pub note: Option<String>,
    /// What was accepted: the change itself, or what was written in its place.
    pub answer: Option<ChangeHash>,
}

impl RejectedRow {
    /// What names it.
    pub fn name(&self) -> ChangeName {
        ChangeName { hash: self.hash, record: self.record, facet: self.facet }
    }

    /// Whether nobody has decided about it.
    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }
}

/// What has become of a change that was not accepted. Kept and sent by its name in small letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeskState {
    /// Turned down; nobody has looked at it.
    Rejected,
    /// Waits for somebody's word.
    Held,
    /// The back office wrote it into the record, as it was or in other words.
    Accepted,
    /// The back office turned it down.
    Declined,
    /// The back office gave it back: its author changes it and sends it again.
    Returned,
    /// Its author has given it up.
    Withdrawn,
    /// Its device writes it again, with another date or pen: nobody's to decide on.
    Rewritten,
}

impl DeskState {
    /// What waits for somebody.
    pub const OPEN: [Self; 2] = [Self::Rejected, Self::Held];
    /// What has been decided.
    pub const DECIDED: [Self; 4] = [Self::Accepted, Self::Declined, Self::Returned, Self::Withdrawn];
    /// What people see.
    pub const SHOWN: [Self; 6] = [Self::Rejected, Self::Held, Self::Accepted, Self::Declined, Self::Returned, Self::Withdrawn];
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::Rejected, Self::Held, Self::Accepted, Self::Declined, Self::Returned, Self::Withdrawn, Self::Rewritten];
    /// What whoever turned it down can open again.
    pub const REOPENED: [Self; 2] = [Self::Declined, Self::Returned];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Held => "held",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Returned => "returned",
            Self::Withdrawn => "withdrawn",
            Self::Rewritten => "rewritten",
        }
    }

    /// Whether nobody has decided.
    pub fn is_open(self) -> bool {
        Self::OPEN.contains(&self)
    }

    fn of(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word).ok_or(StoreError::Damaged("state of an edit"))
    }
}

/// What the back office decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Who; nobody when it settled itself.
    pub by: Option<UserId>,
    /// When.
    pub at: Millis,
}

/// A row as it is read: sqlx knows tuples of sixteen columns at most.
pub(super) struct RejectedTuple(RejectedColumns, Option<Vec<u8>>);

impl<'r> FromRow<'r, SqliteRow> for RejectedTuple {
    fn from_row(row: &'r SqliteRow) -> sqlx::Result<Self> {
        Ok(Self(FromRow::from_row(row)?, row.try_get("account")?))
    }
}

#[rustfmt::skip]
type RejectedColumns = (
    Vec<u8>, String, Vec<u8>, i64, Vec<u8>, Vec<u8>, String, Option<String>, Option<String>, String, String, i64, String, Vec<u8>,
    Option<String>, Option<Vec<u8>>,
);

pub(super) fn rejected_row(RejectedTuple(row, account): RejectedTuple) -> Result<RejectedRow> {
    let (hash, kind, record, facet, user, device, code, field, rule, message_en, message_zh, received_at, state, body, note, answer) = row;
    Ok(RejectedRow {
        hash: id(ChangeHash::from_bytes(&hash), "change hash")?,
        kind: kind_of(&kind)?,
        record: id(RecordId::from_bytes(&record), "record id")?,
        facet: facet_of(facet)?,
        user: id(UserId::from_bytes(&user), "user id")?,
        device: id(DeviceId::from_bytes(&device), "device id")?,
        code,
        field,
        rule,
        account: account.map(|account| id(RecordId::from_bytes(&account), "record id")).transpose()?,
        message_en,
        message_zh,
        received_at,
        state: DeskState::of(&state)?,
        body,
        note,
        answer: answer.map(|hash| id(ChangeHash::from_bytes(&hash), "change hash")).transpose()?,
    })
}

pub(super) type NameTuple = (Vec<u8>, Vec<u8>, i64);

pub(super) fn change_name((hash, record, facet): NameTuple) -> Result<ChangeName> {
    let (hash, record) = (id(ChangeHash::from_bytes(&hash), "change hash")?, id(RecordId::from_bytes(&record), "record id")?);
    Ok(ChangeName { hash, record, facet: facet_of(facet)? })
}

/// Up to the workspace.
pub(super) const REJECTED_START: &str = "select hash, kind, record, facet, user_id, device, code, field, rule, message_en, message_zh, \
     received_at, state, body, note, answer, account from rejected where workspace = ";

/// What became of these changes before, those that were not accepted.
pub async fn rejected_among(tx: &mut Tx, workspace: WorkspaceId, changes: &[ChangeName]) -> Result<HashMap<ChangeName, RejectedRow>> {
    let (asked, mut found) = (changes.iter().collect::<HashSet<_>>(), HashMap::new());
    for chunk in changes.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(REJECTED_START);
        query.push_bind(&workspace.as_bytes()[..]).push(" and hash in (");
        let mut list = query.separated(", ");
        for change in chunk {
            list.push_bind(change.hash.0.to_vec());
        }
        let rows: Vec<RejectedTuple> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        let rows = rows.into_iter().map(rejected_row).collect::<Result<Vec<_>>>()?;
        found.extend(rows.into_iter().filter(|row| asked.contains(&row.name())).map(|row| (row.name(), row)));
    }
    Ok(found)
}

/// The bytes of a device's changes of a document that nobody has decided about.
pub async fn open_bodies(tx: &mut Tx, workspace: WorkspaceId, (record, facet): DocKey, device: DeviceId) -> Result<Vec<Vec<u8>>> {
    let sql =
        "select body from rejected where workspace = $1 and record = $2 and facet = $3 and device = $4 and state in ('rejected', 'held')";
    let query = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(&record.as_bytes()[..]).bind(facet as i64);
    Ok(query.bind(&device.as_bytes()[..]).fetch_all(tx.conn()).await?)
}

/// The changes of these records that wait for an approval; not those that only wait because their device was shut out.
pub async fn waiting_among(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<Vec<ChangeName>> {
    let mut found = Vec::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select hash, record, facet from rejected where state = 'held' and code <> ");
        query.push_bind(code::REVOKED).push(" and workspace = ").push_bind(&workspace.as_bytes()[..]).push(" and record in (");
        let mut list = query.separated(", ");
        for record in chunk {
            list.push_bind(record.as_bytes().to_vec());
        }
        let rows: Vec<NameTuple> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        for name in rows {
            found.push(change_name(name)?);
        }
    }
    Ok(found)
}

/// The changes that were not accepted and wait for somebody, newest first.
pub async fn rejected_in(tx: &mut Tx, workspace: WorkspaceId, states: &[DeskState], limit: u32) -> Result<Vec<RejectedRow>> {
    let mut query = QueryBuilder::<Sqlite>::new(REJECTED_START);
    query.push_bind(&workspace.as_bytes()[..]).push(" and state in (");
    let mut list = query.separated(", ");
    for state in states {
        list.push_bind(state.word());
    }
    query.push(") order by received_at desc, hash, record, facet limit ").push_bind(i64::from(limit));
    let rows: Vec<RejectedTuple> = query.build_query_as().fetch_all(tx.conn()).await?;
    rows.into_iter().map(rejected_row).collect()
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How many edits.
    pub edits: u64,
    /// How large they are together.
    pub bytes: u64,
}

impl Load {
    /// Both together.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self { edits: self.edits + more.edits, bytes: self.bytes + more.bytes }
    }

    /// Whether it is not above a limit.
    pub fn fits(self, most: Self) -> bool {
        self.edits <= most.edits && self.bytes <= most.bytes
    }
}

/// How much nobody has decided about, of somebody on a device or in all. The states stand in the text, so that the index of
/// open edits is used.
pub async fn load(tx: &mut Tx, workspace: WorkspaceId, of: Option<(DeviceId, UserId)>) -> Result<Load> {
    let mut query = QueryBuilder::<Sqlite>::new("select count(*), coalesce(sum(length(body)), 0) from rejected where workspace = ");
    query.push_bind(&workspace.as_bytes()[..]).push(" and state in ('rejected', 'held')");
    if let Some((device, user)) = of {
        query.push(" and device = ").push_bind(device.as_bytes().to_vec()).push(" and user_id = ").push_bind(user.as_bytes().to_vec());
    }
    let (edits, bytes): (i64, i64) = query.build_query_as().fetch_one(tx.conn()).await?;
    Ok(Load { edits: edits as u64, bytes: bytes as u64 })
}

/// Keeps changes that were not accepted; one that is there already stays as it is, unless its device was to write it again and
/// is not here to do so.
pub async fn insert_rejected(tx: &mut Tx, workspace: WorkspaceId, rejected: &[RejectedRow]) -> Result<()> {
    for row in rejected {
        sqlx::query(
            "insert into rejected (workspace, hash, kind, record, facet, user_id, device, code, field, rule, message_en, \
             message_zh, received_at, state, body, note, answer, account) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
             on conflict (workspace, hash, record, facet) do update set code = excluded.code, field = excluded.field, \
             rule = excluded.rule, message_en = excluded.message_en, message_zh = excluded.message_zh, state = excluded.state, \
             body = excluded.body, account = excluded.account where rejected.state = 'rewritten' and excluded.state <> 'rewritten'",
        )
        .bind(&workspace.as_bytes()[..])
        .bind(&row.hash.0[..])
        .bind(row.kind.as_str())
        .bind(&row.record.as_bytes()[..])
        .bind(row.facet as i64)
        .bind(&row.user.as_bytes()[..])
        .bind(&row.device.as_bytes()[..])
        .bind(&row.code)
        .bind(&row.field)
        .bind(&row.rule)
        .bind(&row.message_en)
        .bind(&row.message_zh)
        .bind(row.received_at)
        .bind(row.state.word())
        .bind(&row.body)
        .bind(&row.note)
        .bind(row.answer.map(|hash| hash.0.to_vec()))
        .bind(row.account.map(|account| account.as_bytes().to_vec()))
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// A decision of the back office.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// About this change.
    pub change: ChangeName,
    /// One of [`DeskState::DECIDED`].
    pub state: DeskState,
    /// By whom.
    pub by: UserId,
    /// For its author.
    pub note: Option<&'a str>,
    /// What was accepted.
    pub answer: Option<ChangeHash>,
    /// When.
    pub at: Millis,
}

/// Notes what the back office decided about a change; answers whether it was still open.
pub async fn decide_rejected(tx: &mut Tx, workspace: WorkspaceId, decision: &Decision<'_>) -> Result<bool> {
    let done = sqlx::query(
        "update rejected set was = state, state = $3, decided_by = $4, decided_at = $5, note = $6, answer = $7 \
         where workspace = $1 and hash = $2 and record = $8 and facet = $9 and state in ('rejected', 'held')",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&decision.change.hash.0[..])
    .bind(decision.state.word())
    .bind(&decision.by.as_bytes()[..])
    .bind(decision.at)
    .bind(decision.note)
    .bind(decision.answer.map(|hash| hash.0.to_vec()))
    .bind(&decision.change.record.as_bytes()[..])
    .bind(decision.change.facet as i64)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Opens a change again that was declined or returned; answers whether it was.
pub async fn reopen_rejected(tx: &mut Tx, workspace: WorkspaceId, change: ChangeName) -> Result<bool> {
    let done = sqlx::query(
        "update rejected set state = coalesce(was, 'rejected'), decided_by = null, decided_at = null, note = null \
         where workspace = $1 and hash = $2 and record = $3 and facet = $4 and state in ('declined', 'returned') and body <> x''",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&change.hash.0[..])
    .bind(&change.record.as_bytes()[..])
    .bind(change.facet as i64)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

type DecidedTuple = (Vec<u8>, Vec<u8>, i64, Option<Vec<u8>>, Millis);

/// Who decided about these changes, and when; those that are open are missing.
pub async fn decided_among(tx: &mut Tx, workspace: WorkspaceId, changes: &[ChangeName]) -> Result<HashMap<ChangeName, Decided>> {
    let mut found = HashMap::new();
    for chunk in changes.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select hash, record, facet, decided_by, decided_at from rejected where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and decided_at is not null and hash in (");
        let mut list = query.separated(", ");
        for change in chunk {
            list.push_bind(change.hash.0.to_vec());
        }
        let rows: Vec<DecidedTuple> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        for (hash, record, facet, by, at) in rows {
            let by = by.map(|by| id(UserId::from_bytes(&by), "user id")).transpose()?;
            found.insert(change_name((hash, record, facet))?, Decided { by, at });
        }
    }
    Ok(found)
}

/// A change of a record that is there because somebody accepted an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The change.
    pub answer: ChangeHash,
    /// Who had asked for it.
    pub asked_by: UserId,
    /// Who accepted.
    pub by: Option<UserId>,
}

/// The changes of a record that somebody accepted.
pub async fn reviewed_of(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<Vec<Reviewed>> {
    type Tuple = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);
    let rows: Vec<Tuple> = sqlx::query_as(
        "select answer, user_id, decided_by from rejected where workspace = $1 and record = $2 and state = 'accepted' and answer is not null",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&record.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    let reviewed = |(answer, asked, by): Tuple| {
        Ok(Reviewed {
            answer: id(ChangeHash::from_bytes(&answer), "change hash")?,
            asked_by: id(UserId::from_bytes(&asked), "user id")?,
            by: by.map(|by| id(UserId::from_bytes(&by), "user id")).transpose()?,
        })
    };
    rows.into_iter().map(reviewed).collect()
}

/// Changes that were accepted after all, because somebody had the server's own seal on them: nobody has to
/// decide about them any more.
pub async fn settle_rejected(tx: &mut Tx, workspace: WorkspaceId, changes: &[ChangeName], now: Millis) -> Result<()> {
    for change in changes {
        sqlx::query(
            "update rejected set was = state, state = 'accepted', decided_at = $3, answer = hash \
             where workspace = $1 and hash = $2 and record = $4 and facet = $5 and state in ('rejected', 'held')",
        )
        .bind(&workspace.as_bytes()[..])
        .bind(&change.hash.0[..])
        .bind(now)
        .bind(&change.record.as_bytes()[..])
        .bind(change.facet as i64)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}
