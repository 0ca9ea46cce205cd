//! What points at records: found by where its links lead, never by reading a kind.
//!
//! Every row passes a [`Scope`]. Decides nothing.

use std::collections::BTreeMap;

use sync_core::id::{Facet, KindName, Millis, RecordId, WorkspaceId};
use sync_core::query::Param;

use super::scope::{Scope, Statement, listed};
use super::{Result, Tx, id};

/// A record that points at another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerRow {
    /// The kind that points.
    pub kind: KindName,
    /// The field, or `field.part`.
    pub role: String,
    /// The record.
    pub record: RecordId,
    /// Its title.
    pub title: String,
    /// How many of this kind point by this role.
    pub count: u64,
}

type PointerTuple = (String, String, Vec<u8>, String, i64);

/// The records that point at any of some, most lately changed first: at most `each` of every kind and role.
/// Who asks is expected to drop roles whose field is out of sight.
pub async fn at(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, targets: &[RecordId], each: u32) -> Result<Vec<PointerRow>> {
    let mut pointers = Vec::new();
    for (kind, role, record, title, count) in pointers_statement(workspace, scope, targets, each).all::<PointerTuple>(tx).await? {
        let kind: KindName = id(kind.parse(), "kind name")?;
        let title = if scope.of(&kind).is_some_and(|scope| scope.title) { title } else { String::new() };
        pointers.push(PointerRow { kind, role, record: id(RecordId::from_bytes(&record), "record id")?, title, count: count as u64 });
    }
    Ok(pointers)
}

pub(super) fn pointers_statement(workspace: WorkspaceId, scope: &Scope, targets: &[RecordId], each: u32) -> Statement {
    let mut statement = Statement::of("select source_kind, role, record, title, many from (", workspace);
    let targets = statement.bind_records(targets);
    let sees = scope.sees_any("r", &mut statement);
    let updated = scope.updated_any("r");
    statement.push(&format!(
        "select l.source_kind, l.role, r.record, r.title, count(*) over (partition by l.source_kind, l.role) as many, \
         row_number() over (partition by l.source_kind, l.role order by {updated} desc, r.record) as place \
         from links l join rows r on r.workspace = l.workspace and r.record = l.source \
         where l.workspace = $1 and l.target in ({targets}) and r.archived = 0 and {sees}"
    ));
    let each = statement.bind(Param::Int(i64::from(each)));
    statement.push(&format!(") pointers where place <= {each} order by source_kind, role, place"));
    statement
}

/// Every record that points at any of some, in use or archived: with its kind, and by which role.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, targets: &[RecordId]) -> Result<Vec<(KindName, String, RecordId)>> {
    let mut statement = Statement::of("select l.source_kind, l.role, l.source from links l cross join rows r ", workspace);
    let sees = scope.sees_any("r", &mut statement);
    let targets = statement.bind_records(targets);
    statement.push(&format!(
        "on r.workspace = l.workspace and r.record = l.source where l.workspace = $1 and l.target in ({targets}) and {sees}"
    ));
    let rows: Vec<(String, String, Vec<u8>)> = statement.all(tx).await?;
    rows.into_iter()
        .map(|(kind, role, record)| Ok((id(kind.parse(), "kind name")?, role, id(RecordId::from_bytes(&record), "record id")?)))
        .collect()
}

/// A record that points at another one, and when it took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRow {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// Edit time of its first change.
    pub created_at: Millis,
    /// Its main facet if it is of a kind whose fields say when it takes place, and in sight.
    pub main: Option<String>,
}

/// How many records of each kind in use point at any of some.
pub async fn counts(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, targets: &[RecordId]) -> Result<BTreeMap<KindName, u64>> {
    let counts = counts_statement(workspace, scope, targets).all::<(String, i64)>(tx).await?.into_iter();
    counts.map(|(kind, count)| Ok((id(kind.parse(), "kind name")?, count as u64))).collect()
}

pub(super) fn counts_statement(workspace: WorkspaceId, scope: &Scope, targets: &[RecordId]) -> Statement {
    let mut statement = Statement::of("select kind, count(*) from ", workspace);
    let pointing = pointing(scope, targets, &mut statement);
    statement.push(&format!("{pointing} group by kind"));
    statement
}

/// The `rows` in use that point at any of some, with a condition behind. Crossed: the few are looked up, whatever is asked of
/// them, and never all rows in some order.
fn pointing(scope: &Scope, targets: &[RecordId], statement: &mut Statement) -> String {
    let targets = statement.bind_records(targets);
    let sees = scope.sees_any("rows", statement);
    format!(
        "(select distinct +l.source as source from links l where l.workspace = $1 and l.target in ({targets})) pointer \
         cross join rows on rows.workspace = $1 and rows.record = pointer.source where rows.archived = 0 and {sees}"
    )
}

/// The records in use that point at any of some and were there at a moment, those made last first.
pub async fn there_at(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    (targets, but): (&[RecordId], &[&str]),
    moment: Millis,
    limit: u32,
) -> Result<Vec<(RecordId, Millis)>> {
    let mut statement = Statement::of("select record, created_at from ", workspace);
    let pointing = pointing(scope, targets, &mut statement);
    let but = statement.bind_all(but.iter().map(|kind| Param::Text((*kind).to_owned())));
    let (moment, limit) = (statement.bind(Param::Int(moment)), statement.bind(Param::Int(i64::from(limit))));
    statement.push(&format!(
        "{pointing} and rows.created_at <= {moment} and rows.kind not in ({but}) order by rows.created_at desc, rows.record limit {limit}"
    ));
    let found: Vec<(Vec<u8>, Millis)> = statement.all(tx).await?;
    found.into_iter().map(|(record, at)| Ok((id(RecordId::from_bytes(&record), "record id")?, at))).collect()
}

/// The records in use that point at any of some, all or those of one kind, most lately changed first; with their fields only
/// those of some kinds.
pub async fn places(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    (targets, only): (&[RecordId], Option<&str>),
    placed: &[KindName],
    limit: u32,
) -> Result<Vec<PlacedRow>> {
    let mut statement = Statement::of("", workspace);
    statement.push(&format!("select record, kind, created_at, case when kind in ({}) then main end from ", listed(placed)));
    let pointing = pointing(scope, targets, &mut statement);
    let of_kind = only.map_or_else(String::new, |kind| format!(" and rows.kind = {}", statement.bind(Param::Text(kind.to_owned()))));
    let updated = scope.updated_any("rows");
    let limit = statement.bind(Param::Int(i64::from(limit)));
    statement.push(&format!("{pointing}{of_kind} order by {updated} desc, rows.record limit {limit}"));
    let mut places = Vec::new();
    for (record, kind, created_at, main) in statement.all::<(Vec<u8>, String, Millis, Option<String>)>(tx).await? {
        let kind: KindName = id(kind.parse(), "kind name")?;
        let main = main.filter(|_| scope.shows(&kind, Facet::Main));
        places.push(PlacedRow { record: id(RecordId::from_bytes(&record), "record id")?, kind, created_at, main });
    }
    Ok(places)
}
