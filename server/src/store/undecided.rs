//! What waits for somebody to decide: disagreements, and changes that were not accepted.
//!
//! Every row passes a [`Scope`]. Decides nothing.

use std::collections::HashMap;

use sync_core::access::Holder;
use sync_core::id::{Facet, KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::query::Param;

use super::records::{self, ConflictRow, ConflictTuple, conflict_row};
use super::rejected::{ChangeLink, ChangeName, DeskState, REJECTED_START, RejectedRow, RejectedTuple, rejected_row};
use super::scope::{Near, Scope, Statement, listed, numbers, reached};
use super::{Result, Tx, id};

/// The place of a disagreement among all of them, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictPlace {
    /// When the server first saw it.
    pub since: Millis,
    /// The record.
    pub record: RecordId,
    /// Which document.
    pub facet: Facet,
    /// The path.
    pub path: String,
}

/// The disagreements of a record, of the facets in sight.
pub async fn conflicts_seen(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, record: RecordId) -> Result<Vec<ConflictRow>> {
    let mut conflicts = records::conflicts_of(tx, workspace, &[record]).await?;
    conflicts.retain(|conflict| scope.shows(&conflict.kind, conflict.facet));
    Ok(conflicts)
}

/// How many disagreements each of these records of one kind has, of the facets in sight.
pub async fn conflict_counts(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    kind: &KindName,
    records: &[RecordId],
) -> Result<HashMap<RecordId, u64>> {
    let mut counts = HashMap::new();
    if records.is_empty() {
        return Ok(counts);
    }
    let mut statement = Statement::of("select record, count(*) from conflicts ", workspace);
    let facets = scope.facet_list(kind);
    let records = statement.bind_records(records);
    statement.push(&format!("where workspace = $1 and record in ({records}) and facet in ({facets}) group by record"));
    for (record, count) in statement.all::<(Vec<u8>, i64)>(tx).await? {
        counts.insert(id(RecordId::from_bytes(&record), "record id")?, count as u64);
    }
    Ok(counts)
}

/// The open disagreements of records in use, oldest first.
pub async fn conflicts_after(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    after: Option<&ConflictPlace>,
    limit: u32,
) -> Result<Vec<ConflictRow>> {
    let mut statement = Statement::of(
        "select c.record, c.facet, c.path, c.kind, c.field, c.values_json, c.since from conflicts c \
         join rows r on r.workspace = c.workspace and r.record = c.record where c.workspace = $1 and r.archived = 0 and ",
        workspace,
    );
    let sees = scope.sees_facet("r", "c.facet", &mut statement);
    statement.push(&sees);
    if let Some(ConflictPlace { since, record, facet, path }) = after {
        let since = statement.bind(Param::Int(*since));
        let record = statement.bind(Param::Blob(record.as_bytes().to_vec()));
        let facet = statement.bind(Param::Int(*facet as i64));
        let path = statement.bind(Param::Text(path.clone()));
        statement.push(&format!(" and (c.since, c.record, c.facet, c.path) > ({since}, {record}, {facet}, {path})"));
    }
    let limit = statement.bind(Param::Int(i64::from(limit)));
    statement.push(&format!(" order by c.since, c.record, c.facet, c.path limit {limit}"));
    statement.all::<ConflictTuple>(tx).await?.into_iter().map(conflict_row).collect()
}

/// How many disagreements of records in use are open.
pub async fn conflicts_count(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope) -> Result<u64> {
    let mut statement = Statement::of(
        "select count(*) from conflicts c join rows r on r.workspace = c.workspace and r.record = c.record \
         where c.workspace = $1 and r.archived = 0 and ",
        workspace,
    );
    let sees = scope.sees_facet("r", "c.facet", &mut statement);
    statement.push(&sees);
    count(statement, tx).await
}

async fn count(statement: Statement, tx: &mut Tx) -> Result<u64> {
    let counted: Vec<(i64,)> = statement.all(tx).await?;
    Ok(counted.first().map_or(0, |(count,)| *count as u64))
}

/// Which changes that were not accepted, and from where on.
#[derive(Debug, Clone, Default)]
pub struct Refused<'a> {
    /// In one of these states.
    pub states: &'a [DeskState],
    /// After this one, newest first.
    pub after: Option<(Millis, ChangeName)>,
    /// Those of kinds that are none of these, too: what a phone sent before its kind existed, or after.
    pub strange_to: Option<&'a [KindName]>,
    /// Of this kind.
    pub kind: Option<&'a KindName>,
    /// Of this person.
    pub user: Option<UserId>,
    /// For this reason.
    pub code: Option<&'a str>,
    /// This one.
    pub change: Option<ChangeLink>,
    /// Of records that are not there, and that would name this one.
    pub would_name: Option<RecordId>,
    /// Of this record.
    pub of: Option<RecordId>,
    /// But those of this person that wait for somebody else's word.
    pub but_waiting_of: Option<UserId>,
}

/// How many changes that were not accepted there are, of documents in sight.
pub async fn refused_count(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, asked: &Refused<'_>) -> Result<u64> {
    count(refused_where("select count(*) from rejected where workspace = ", workspace, scope, asked), tx).await
}

/// The changes that were not accepted, newest first, of documents in sight.
pub async fn refused(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, asked: &Refused<'_>, limit: u32) -> Result<Vec<RejectedRow>> {
    let mut statement = refused_where(REJECTED_START, workspace, scope, asked);
    if let Some((received_at, ChangeName { hash, record, facet })) = asked.after {
        let received_at = statement.bind(Param::Int(received_at));
        let hash = statement.bind(Param::Blob(hash.0.to_vec()));
        let record = statement.bind(Param::Blob(record.as_bytes().to_vec()));
        let facet = statement.bind(Param::Int(facet as i64));
        statement.push(&format!(" and (received_at, hash, record, facet) < ({received_at}, {hash}, {record}, {facet})"));
    }
    let limit = statement.bind(Param::Int(i64::from(limit)));
    statement.push(&format!(" order by received_at desc, hash desc, record desc, facet desc limit {limit}"));
    statement.all::<RejectedTuple>(tx).await?.into_iter().map(rejected_row).collect()
}

/// `start` ends in `where workspace = `.
fn refused_where(start: &str, workspace: WorkspaceId, scope: &Scope, asked: &Refused<'_>) -> Statement {
    let mut statement = Statement::of(start, workspace);
    // In its text: an index is of those that are open.
    let states = asked.states.iter().map(|state| format!("'{}'", state.word())).collect::<Vec<_>>().join(", ");
    statement.push(&format!("$1 and state in ({states}) and ("));
    for ((near, facets), kinds) in scope.alike(|scope| (scope.near, &scope.facets[..])) {
        let documents = format!("kind in ({kinds}) and facet in ({})", numbers(facets));
        let documents = refused_of(near, &documents, &mut statement);
        statement.push(&format!("{documents} or "));
    }
    if let Some(known) = asked.strange_to {
        statement.push(&format!("kind not in ({}) or ", listed(known)));
    }
    statement.push("1 = 0)");
    let narrowed = [
        ("kind", asked.kind.map(|kind| Param::Text(kind.to_string()))),
        ("user_id", asked.user.map(|user| Param::Blob(user.as_bytes().to_vec()))),
        ("code", asked.code.map(|code| Param::Text(code.to_owned()))),
        ("hash", asked.change.map(|change| Param::Blob(change.hash.0.to_vec()))),
        ("record", asked.change.and_then(|change| change.record).map(|record| Param::Blob(record.as_bytes().to_vec()))),
        ("record", asked.of.map(|record| Param::Blob(record.as_bytes().to_vec()))),
        ("facet", asked.change.and_then(|change| change.facet).map(|facet| Param::Int(facet as i64))),
    ];
    for (column, param) in narrowed {
        if let Some(param) = param {
            let bound = statement.bind(param);
            statement.push(&format!(" and {column} = {bound}"));
        }
    }
    if let Some(user) = asked.but_waiting_of {
        let user = statement.bind(Param::Blob(user.as_bytes().to_vec()));
        statement.push(&format!(" and (state <> 'held' or user_id <> {user})"));
    }
    if let Some(named) = asked.would_name {
        // An id stands in a change as its text, in a value or in a path: the bytes tell without being read as a change.
        let named = statement.bind(Param::Blob(named.to_string().into_bytes()));
        statement.push(&format!(
            " and instr(body, {named}) > 0 \
             and not exists (select 1 from rows there where there.workspace = rejected.workspace and there.record = rejected.record)"
        ));
    }
    statement
}

/// What of some documents is in sight.
fn refused_of(near: Option<Near>, documents: &str, statement: &mut Statement) -> String {
    let Some(near) = near else { return format!("({documents})") };
    let user = statement.bind(Param::Blob(near.user.as_bytes().to_vec()));
    // Who answers for a key account is asked about what is not there yet, too.
    let manager = statement.bind(Param::Text(Holder::Manager(near.user).to_string()));
    let sees = reached(Some(near), "r", |param| statement.bind(param));
    format!(
        "({documents} and (user_id = {user} or exists (select 1 from rows r where r.workspace = $1 and r.record = rejected.record and {sees}) \
         or exists (select 1 from holders m where m.workspace = $1 and m.record = rejected.account and m.holder = {manager})))"
    )
}
