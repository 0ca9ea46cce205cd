//! Notes that name somebody.
//!
//! Every row passes a [`Scope`]. Decides nothing.

use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::query::Param;

use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// The notes in use of one kind that name a person by one role and are not their own, written after a position of the feed:
/// those written last come first.
pub async fn notes_naming(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    (kind, role): (&KindName, &str),
    person: RecordId,
    (after, limit): (u64, u32),
) -> Result<Vec<RecordId>> {
    let mut statement = Statement::of("select r.record from links l ", workspace);
    let kind_bound = statement.bind(Param::Text(kind.to_string()));
    let role = statement.bind(Param::Text(role.to_owned()));
    let target = statement.bind(Param::Blob(person.as_bytes().to_vec()));
    let author = statement.bind(Param::Text(person.to_string()));
    let after = statement.bind(Param::Int(after as i64));
    let sees = scope.sees("r", kind, |param| statement.bind(param));
    let limit = statement.bind(Param::Int(i64::from(limit)));
    // Crossed: of the links to a person there are few, of rows behind a place of the feed there may be all.
    statement.push(&format!(
        "cross join rows r on r.workspace = l.workspace and r.record = l.source where l.workspace = $1 and l.source_kind = {kind_bound} \
         and l.role = {role} and l.target = {target} and r.archived = 0 and r.position > {after} and r.main ->> 'type' = 'note' \
         and coalesce(r.main ->> 'assignee', '') <> {author} and {sees} order by r.position desc limit {limit}"
    ));
    let found = statement.all::<(Vec<u8>,)>(tx).await?;
    found.into_iter().map(|(record,)| id(RecordId::from_bytes(&record), "record id")).collect()
}
