//! What points at records: found by where its links lead, never by reading a kind.
//!
//! Every row passes a [`Scope`]. Decides nothing.

use std::collections::BTreeMap;

use sync_core::id::{FieldName, KindName, Millis, RecordId, WorkspaceId};
use sync_core::query::Param;

use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// Milliseconds.
const DAY: Millis = 24 * 60 * 60 * 1000;

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

/// The kinds whose records take place, each with the fields of its main facet that say when: the first one that is filled counts.
pub type Happens = [(KindName, Vec<FieldName>)];

/// The records that point at any of some, at most `each` of every kind and role: those that took place last, of a kind that does
/// not take place those changed last. Who asks is expected to drop roles whose field is out of sight.
pub async fn at(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    targets: &[RecordId],
    happens: &Happens,
    each: u32,
) -> Result<Vec<PointerRow>> {
    let mut pointers = Vec::new();
    for (kind, role, record, title, count) in pointers_statement(workspace, scope, targets, happens, each).all::<PointerTuple>(tx).await? {
        let kind: KindName = id(kind.parse(), "kind name")?;
        let title = if scope.of(&kind).is_some_and(|scope| scope.title) { title } else { String::new() };
        pointers.push(PointerRow { kind, role, record: id(RecordId::from_bytes(&record), "record id")?, title, count: count as u64 });
    }
    Ok(pointers)
}

pub(super) fn pointers_statement(workspace: WorkspaceId, scope: &Scope, targets: &[RecordId], happens: &Happens, each: u32) -> Statement {
    let mut statement = Statement::of("select pointers.kind, role, rows.record, title, many from (", workspace);
    let targets = statement.bind_records(targets);
    let sees = scope.sees_any("rows", &mut statement);
    let updated = scope.updated_any("rows");
    // Of a kind that takes place, what has no day yet comes behind.
    let last = moment(happens, "null", &updated);
    // Titles are read of the few.
    statement.push(&format!(
        "select l.source_kind as kind, l.role, rows.record, count(*) over (partition by l.source_kind, l.role) as many, \
         row_number() over (partition by l.source_kind, l.role order by {last} desc nulls last, {updated} desc, rows.record) as place \
         from links l cross join rows on rows.workspace = $1 and rows.record = l.source \
         where l.workspace = $1 and l.target in ({targets}) and rows.archived = 0 and {sees}"
    ));
    let each = statement.bind(Param::Int(i64::from(each)));
    statement.push(&format!(
        ") pointers cross join rows on rows.workspace = $1 and rows.record = pointers.record where place <= {each} \
         order by pointers.kind, role, place"
    ));
    statement
}

/// When a row of `rows` took place, in a statement: as its fields say, `undated` where they are empty; of a kind that does not take
/// place, `otherwise`.
fn moment(happens: &Happens, undated: &str, otherwise: &str) -> String {
    if happens.is_empty() {
        return otherwise.to_owned();
    }
    let of_kind = happens.iter().map(|(kind, fields)| {
        let told: String =
            fields.iter().map(|field| time_of(&format!("$.{field}")) + ", " + &time_of(&format!("$.{field}.start")) + ", ").collect();
        format!("when '{kind}' then coalesce({told}{undated}) ")
    });
    format!("case rows.kind {}else {otherwise} end", of_kind.collect::<String>())
}

/// The moment that a value says: one, or a day. What was made on that day was so at that moment of it.
fn time_of(path: &str) -> String {
    let day = format!("unixepoch(rows.main ->> '{path}') * 1000");
    format!(
        "case json_type(rows.main, '{path}') when 'integer' then rows.main ->> '{path}' when 'text' then \
         case when rows.created_at - {day} between 0 and {DAY} - 1 then rows.created_at else {day} end end"
    )
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

/// Which records that point at others.
#[derive(Debug, Clone, Copy)]
pub struct Pointing<'a> {
    /// What they point at: any of these.
    pub targets: &'a [RecordId],
    /// But none of these kinds.
    pub but: &'a [&'a str],
    /// Of one kind alone.
    pub only: Option<&'a str>,
    /// Those that were there at a moment.
    pub until: Option<Millis>,
}

/// Some records in use, those that took place last first: with the moment.
pub async fn latest(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    asked: Pointing<'_>,
    happens: &Happens,
    limit: u32,
) -> Result<Vec<(RecordId, Millis)>> {
    let found: Vec<(Vec<u8>, Millis)> = latest_statement(workspace, scope, asked, happens, limit).all(tx).await?;
    found.into_iter().map(|(record, at)| Ok((id(RecordId::from_bytes(&record), "record id")?, at))).collect()
}

pub(super) fn latest_statement(
    workspace: WorkspaceId,
    scope: &Scope,
    Pointing { targets, but, only, until }: Pointing<'_>,
    happens: &Happens,
    limit: u32,
) -> Statement {
    let moment = moment(happens, "rows.created_at", "rows.created_at");
    let mut statement = Statement::of(&format!("select record, {moment} as moment from "), workspace);
    let pointing = pointing(scope, targets, &mut statement);
    let but = statement.bind_all(but.iter().map(|kind| Param::Text((*kind).to_owned())));
    statement.push(&format!("{pointing} and rows.kind not in ({but})"));
    let narrowed = [("kind =", only.map(|kind| Param::Text(kind.to_owned()))), ("created_at <=", until.map(Param::Int))];
    for (column, param) in narrowed {
        if let Some(param) = param {
            let bound = statement.bind(param);
            statement.push(&format!(" and rows.{column} {bound}"));
        }
    }
    let limit = statement.bind(Param::Int(i64::from(limit)));
    statement.push(&format!(" order by moment desc, rows.record limit {limit}"));
    statement
}
