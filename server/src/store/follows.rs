//! What somebody follows, and what others did to it.
//!
//! What is told passes a [`Scope`]. Decides nothing.

use std::collections::{HashMap, HashSet};

use sync_core::actions::follow::{FOLLOW, RECORD, WHO};
use sync_core::id::{ChangeHash, DeviceId, Millis, RecordId, UserId, WorkspaceId};
use sync_core::query::Param;

use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// Records that one person's news are about, those followed last: whoever follows more follows nothing, and every page of the
/// console counts.
const FOLLOWED_MAX: u32 = 200;

/// Records that are looked at of those that link to one by one role, the last ones: of what is known to everybody there are
/// tens of thousands.
const LOOKED_AT_MAX: u32 = 50;

/// A record that somebody follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// The record.
    pub record: RecordId,
    /// From this position of the feed on.
    pub since: u64,
    /// When that was.
    pub at: Millis,
}

/// The records that somebody follows, the last first. What two devices follow stands here twice.
pub async fn followed(tx: &mut Tx, workspace: WorkspaceId, who: UserId) -> Result<Vec<Followed>> {
    let found: Vec<(Vec<u8>, i64, Millis)> = followed_statement(workspace, who).all(tx).await?;
    let followed = |(record, since, at): (Vec<u8>, i64, Millis)| {
        Ok(Followed { record: id(RecordId::from_bytes(&record), "record id")?, since: since as u64, at })
    };
    found.into_iter().map(followed).collect()
}

fn followed_statement(workspace: WorkspaceId, who: UserId) -> Statement {
    let mut statement = Statement::of("select l.target, f.position, f.updated_at from links w ", workspace);
    let who = statement.bind(Param::Blob(who.as_bytes().to_vec()));
    // Crossed: of what leads to a person there is little, of rows there may be any number.
    statement.push(&format!(
        "cross join rows f on f.workspace = $1 and f.record = w.source and f.kind = '{FOLLOW}' and f.archived = 0 \
         cross join links l on l.workspace = $1 and l.source = w.source and l.role = '{RECORD}' \
         where w.workspace = $1 and w.target = {who} and w.role = '{WHO}' order by w.source desc limit {FOLLOWED_MAX}"
    ));
    statement
}

/// When the feed was at a position.
pub async fn time_of(tx: &mut Tx, workspace: WorkspaceId, position: u64) -> Result<Millis> {
    let mut statement = Statement::of("select received_at from changes where workspace = $1 and position <= ", workspace);
    let position = statement.bind(Param::Int(position as i64));
    statement.push(&format!("{position} order by position desc limit 1"));
    let found: Vec<(Millis,)> = statement.all(tx).await?;
    Ok(found.first().map_or(0, |(at,)| *at))
}

/// A change, or a record that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The record that is followed, or that a followed one stands for.
    pub about: RecordId,
    /// The record that was made about it; none for a change of itself.
    pub made: Option<RecordId>,
    /// The change, or the first one of what was made.
    pub change: ChangeHash,
    /// Its position in the feed.
    pub position: u64,
    /// Who.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When it was made.
    pub at: Millis,
}

type DoneTuple = (Vec<u8>, Option<Vec<u8>>, Vec<u8>, i64, Vec<u8>, Vec<u8>, Millis);

/// The changes of some records by others than `who`, each after a position, of the facets in sight: the last ones first.
pub async fn changes(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    who: UserId,
    after: &[(RecordId, u64)],
    limit: u32,
) -> Result<Vec<Done>> {
    done(changes_statement(workspace, scope, who, after, limit).all(tx).await?)
}

fn changes_statement(workspace: WorkspaceId, scope: &Scope, who: UserId, after: &[(RecordId, u64)], limit: u32) -> Statement {
    let mut statement = Statement::of("", workspace);
    let after = after.iter().map(|(record, since)| serde_json::json!([hex(record), since])).collect::<serde_json::Value>();
    let after = statement.bind(Param::Text(after.to_string()));
    let who = statement.bind(Param::Blob(who.as_bytes().to_vec()));
    let sees = scope.sees_facet("r", "c.facet", &mut statement);
    // The plus: a record's few changes are found by its id, never along the feed. What came by itself has no time.
    statement.push(&format!(
        "select c.record, null, c.hash, c.position, c.user_id, c.device, c.edit_time from json_each({after}) a \
         cross join rows r on r.workspace = $1 and r.record = unhex(a.value ->> 0) and r.position > a.value ->> 1 \
         cross join changes c on c.workspace = $1 and c.record = r.record and +c.position > a.value ->> 1 \
         where c.user_id <> {who} and c.edit_time > 0 and {sees} order by +c.position desc limit {limit}"
    ));
    statement
}

/// By which roles anything links to some records at all.
pub async fn roles_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<HashMap<RecordId, HashSet<String>>> {
    let found: Vec<(Vec<u8>, String)> = roles_statement(workspace, records).all(tx).await?;
    let mut roles: HashMap<RecordId, HashSet<String>> = HashMap::new();
    for (record, role) in found {
        roles.entry(id(RecordId::from_bytes(&record), "record id")?).or_default().insert(role);
    }
    Ok(roles)
}

/// From role to role of the index: however many links there are of one, they are not read.
fn roles_statement(workspace: WorkspaceId, records: &[RecordId]) -> Statement {
    let mut statement = Statement::of("", workspace);
    let records: serde_json::Value = records.iter().map(hex).collect();
    let records = statement.bind(Param::Text(records.to_string()));
    let next = "select min(role) from links where workspace = $1 and target =";
    statement.push(&format!(
        "with recursive has (target, role) as (\
         select unhex(s.value), ({next} unhex(s.value)) from json_each({records}) s \
         union all select target, ({next} has.target and role > has.role) from has where has.role is not null) \
         select target, role from has where role is not null"
    ));
    statement
}

/// Where records may link to one that is followed.
#[derive(Debug, Clone)]
pub struct Seek<'a> {
    /// The one that is followed.
    pub about: RecordId,
    /// The role.
    pub role: &'a str,
    /// They were made after this position.
    pub since: u64,
    /// Their ids are not lower: ids begin with the time at which they were made.
    pub from: RecordId,
}

/// The records in use and in sight that others than `who` made about some others: the last ones first. `roles`: which kinds
/// link by which roles, as `kind.role`.
pub async fn made(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    who: UserId,
    (seeks, roles): (&[Seek<'_>], &[String]),
    limit: u32,
) -> Result<Vec<Done>> {
    done(made_statement(workspace, scope, who, (seeks, roles), limit).all(tx).await?)
}

fn made_statement(workspace: WorkspaceId, scope: &Scope, who: UserId, (seeks, roles): (&[Seek<'_>], &[String]), limit: u32) -> Statement {
    let mut statement = Statement::of("", workspace);
    let seek = |seek: &Seek<'_>| serde_json::json!([hex(&seek.about), seek.role, seek.since, hex(&seek.from)]);
    let seeks = statement.bind(Param::Text(seeks.iter().map(seek).collect::<serde_json::Value>().to_string()));
    let roles = statement.bind(Param::Text(serde_json::Value::from(roles).to_string()));
    let who = statement.bind(Param::Blob(who.as_bytes().to_vec()));
    let sees = scope.sees_any("r", &mut statement);
    // What was last changed before that was made before it, too: most rows go no further.
    statement.push(&format!(
        "select n.about, n.record, c.hash, c.position, c.user_id, c.device, c.edit_time from (\
         select l.target as about, r.record as record, s.value ->> 2 as since, \
         (select min(+f.position) from changes f where f.workspace = $1 and f.record = r.record) as made \
         from json_each({seeks}) s cross join links l on l.workspace = $1 and l.target = unhex(s.value ->> 0) \
         and l.role = s.value ->> 1 and l.source >= max(unhex(s.value ->> 3), coalesce((select b.source from links b \
         where b.workspace = $1 and b.target = unhex(s.value ->> 0) and b.role = s.value ->> 1 \
         order by b.source desc limit 1 offset {LOOKED_AT_MAX}), x'')) \
         cross join rows r on r.workspace = $1 and r.record = l.source and r.position > s.value ->> 2 \
         where r.archived = 0 and l.source_kind || '.' || l.role in (select value from json_each({roles})) and {sees}) n \
         cross join changes c on c.workspace = $1 and c.position = n.made \
         where n.made > n.since and c.user_id <> {who} order by n.made desc limit {limit}"
    ));
    statement
}

fn hex(record: &RecordId) -> String {
    record.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn done(found: Vec<DoneTuple>) -> Result<Vec<Done>> {
    let done = |(about, made, change, position, user, device, at): DoneTuple| {
        Ok(Done {
            about: id(RecordId::from_bytes(&about), "record id")?,
            made: made.map(|made| id(RecordId::from_bytes(&made), "record id")).transpose()?,
            change: id(ChangeHash::from_bytes(&change), "change hash")?,
            position: position as u64,
            user: id(UserId::from_bytes(&user), "user id")?,
            device: id(DeviceId::from_bytes(&device), "device id")?,
            at,
        })
    };
    found.into_iter().map(done).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, Store};

    #[tokio::test]
    async fn news_are_found_by_what_is_followed_and_the_feed_is_never_walked() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let (workspace, who) = (WorkspaceId::of_cause("test"), UserId::of_cause("who"));
        let (scope, record) = (Scope::default(), RecordId::of_cause("record"));
        let plan = followed_statement(workspace, who).plan(&mut tx).await;
        assert!(plan.contains("SEARCH w USING COVERING INDEX links_by_target (workspace=? AND target=? AND role=?)"), "{plan}");
        let plan = changes_statement(workspace, &scope, who, &[(record, 1)], 9).plan(&mut tx).await;
        assert!(plan.contains("SEARCH c USING INDEX changes_by_record (workspace=? AND record=?)"), "{plan}");
        let plan = roles_statement(workspace, &[record]).plan(&mut tx).await;
        assert!(plan.contains("links_by_target (workspace=? AND target=? AND role>?)") && !plan.contains("SCAN links"), "{plan}");
        let seek = Seek { about: record, role: "about", since: 1, from: record };
        let plan = made_statement(workspace, &scope, who, (&[seek], &[]), 9).plan(&mut tx).await;
        for step in [
            "SEARCH l USING INDEX links_by_target (workspace=? AND target=? AND role=? AND source>?)",
            "SEARCH b USING COVERING INDEX links_by_target (workspace=? AND target=? AND role=?)",
            "SEARCH f USING INDEX changes_by_record (workspace=? AND record=?)",
            "SEARCH c USING INDEX sqlite_autoindex_changes_1 (workspace=? AND position=?)",
        ] {
            assert!(plan.contains(step), "{step}: {plan}");
        }
    }
}
