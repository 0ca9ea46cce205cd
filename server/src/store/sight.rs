//! Whose records are and whom users reach: kept when something is written, looked up by whoever reads.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite};
use sync_core::access::{Holder, Level, Reach};
use sync_core::id::{Facet, FieldName, KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::query::Param;

use super::records::{ROWS_PER_STATEMENT, facet_of, kind_of, push_records};
use super::scope::{Statement, listed};
use super::{Result, StoreError, Tx, id};

/// The code of the feed entry at which records came into or went out of somebody's sight.
const SIGHT: i64 = 6;

/// One holder of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBy {
    /// Who.
    pub holder: Holder,
    /// Whether it is the record's own, and not that of what it follows.
    pub own: bool,
    /// From which position of the feed on.
    pub since: u64,
}

/// A record that came to a holder, or left one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The record.
    pub record: RecordId,
    /// The holder.
    pub holder: Holder,
    /// Whether it left.
    pub gone: bool,
}

/// That somebody reaches a holder, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// From which level on.
    pub level: Level,
    /// From which position of the feed on.
    pub since: u64,
    /// Until which, when it has ended.
    pub until: Option<u64>,
}

const LEVELS: [Level; 3] = [Level::Own, Level::Team, Level::Territory];

/// A level as a number in the database; what is open to all needs none.
pub(super) fn level_number(level: Level) -> i64 {
    LEVELS.iter().position(|known| *known == level).map_or(0, |index| index as i64 + 1)
}

fn level_of(number: i64) -> Result<Level> {
    let index = usize::try_from(number - 1).map_err(|_| StoreError::Damaged("level"))?;
    LEVELS.get(index).copied().ok_or(StoreError::Damaged("level"))
}

fn record_of(bytes: &[u8]) -> Result<RecordId> {
    id(RecordId::from_bytes(bytes), "record id")
}

fn holder_of(text: &str) -> Result<Holder> {
    id(text.parse(), "holder")
}

/// The holders of records; those without any are missing.
pub async fn holders_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<HashMap<RecordId, Vec<HeldBy>>> {
    let mut found: HashMap<RecordId, Vec<HeldBy>> = HashMap::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select record, holder, own, since from holders where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<(Vec<u8>, String, i64, i64)> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        for (record, holder, own, since) in rows {
            let held = HeldBy { holder: holder_of(&holder)?, own: own != 0, since: since as u64 };
            found.entry(record_of(&record)?).or_default().push(held);
        }
    }
    Ok(found)
}

/// Keeps holders of records; one that is there keeps its `since`.
pub async fn put_holders(tx: &mut Tx, workspace: WorkspaceId, rows: &[(RecordId, HeldBy)]) -> Result<()> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("insert into holders (workspace, record, holder, own, since) ");
        query.push_values(chunk, |mut values, (record, held)| {
            values
                .push_bind(workspace.as_bytes().to_vec())
                .push_bind(record.as_bytes().to_vec())
                .push_bind(held.holder.to_string())
                .push_bind(i64::from(held.own))
                .push_bind(held.since as i64);
        });
        query.push(" on conflict (workspace, record, holder) do update set own = excluded.own");
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Keeps what moved at a position of the feed, and removes the holders that records left.
pub async fn add_moves(tx: &mut Tx, workspace: WorkspaceId, position: u64, moves: &[Move]) -> Result<()> {
    for chunk in moves.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("insert into moves (workspace, position, record, holder, gone) ");
        query.push_values(chunk, |mut values, moved| {
            values
                .push_bind(workspace.as_bytes().to_vec())
                .push_bind(position as i64)
                .push_bind(moved.record.as_bytes().to_vec())
                .push_bind(moved.holder.to_string())
                .push_bind(i64::from(moved.gone));
        });
        query.build().execute(tx.conn()).await?;
    }
    let gone: Vec<&Move> = moves.iter().filter(|moved| moved.gone).collect();
    for chunk in gone.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("delete from holders where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and (record, holder) in ");
        query.push_tuples(chunk, |mut pair, moved| {
            pair.push_bind(moved.record.as_bytes().to_vec()).push_bind(moved.holder.to_string());
        });
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Fills a position of the feed: somebody's sight changed there.
pub async fn add_mark(tx: &mut Tx, workspace: WorkspaceId, position: u64) -> Result<()> {
    sqlx::query("insert into feed_marks (workspace, position, entry) values ($1, $2, $3)")
        .bind(&workspace.as_bytes()[..])
        .bind(position as i64)
        .bind(SIGHT)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Where the follow links of some kinds lead or come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From records to what they follow.
    Up,
    /// From records to what follows them.
    Down,
}

/// The records that follow these, or that these follow: `(from, to)`.
pub async fn followed(
    tx: &mut Tx,
    workspace: WorkspaceId,
    follows: &[(KindName, FieldName)],
    records: &[RecordId],
    direction: Direction,
) -> Result<Vec<(RecordId, RecordId)>> {
    let mut found = Vec::new();
    if follows.is_empty() {
        return Ok(found);
    }
    let (from, to) = if direction == Direction::Up { ("source", "target") } else { ("target", "source") };
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut statement = Statement::of(&format!("select {from}, {to} from links "), workspace);
        let records = statement.bind_records(chunk);
        let mut pairs = Vec::new();
        for (kind, field) in follows {
            let field = statement.bind(Param::Text(field.to_string()));
            pairs.push(format!("(source_kind = '{kind}' and role = {field})"));
        }
        statement.push(&format!("where workspace = $1 and {from} in ({records}) and ({})", pairs.join(" or ")));
        for (from, to) in statement.all::<(Vec<u8>, Vec<u8>)>(tx).await? {
            found.push((record_of(&from)?, record_of(&to)?));
        }
    }
    Ok(found)
}

/// Whom somebody reaches or did, by holder.
pub type ReachOf = BTreeMap<Holder, Reached>;

const REACH_COLUMNS: &str = "select user_id, holder, level, since, until from reach where workspace = $1";

type ReachTuple = (Vec<u8>, String, i64, i64, Option<i64>);

fn reached_of((_, holder, level, since, until): &ReachTuple) -> Result<(Holder, Reached)> {
    let reached = Reached { level: level_of(*level)?, since: *since as u64, until: until.map(|until| until as u64) };
    Ok((holder_of(holder)?, reached))
}

/// Nobody needs a record of their own to reach what is theirs.
fn itself(user: UserId) -> (Holder, Reached) {
    (Holder::User(user), Reached { level: Level::Own, since: 0, until: None })
}

/// Whom a user reaches or did.
pub async fn reach_of(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<ReachOf> {
    let rows: Vec<ReachTuple> = sqlx::query_as(AssertSqlSafe(format!("{REACH_COLUMNS} and user_id = $2")))
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .fetch_all(tx.conn())
        .await?;
    let mut reach = rows.iter().map(reached_of).collect::<Result<ReachOf>>()?;
    reach.extend([itself(user)]);
    Ok(reach)
}

/// Whom each of these users reaches or did, read at once: a workspace may have thousands.
pub async fn reach_of_each(tx: &mut Tx, workspace: WorkspaceId, users: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, ReachOf>> {
    let rows: Vec<ReachTuple> = sqlx::query_as(AssertSqlSafe(REACH_COLUMNS)).bind(&workspace.as_bytes()[..]).fetch_all(tx.conn()).await?;
    let mut each: BTreeMap<UserId, ReachOf> = users.iter().map(|user| (*user, ReachOf::from([itself(*user)]))).collect();
    for row in &rows {
        if let Some(reach) = each.get_mut(&id(UserId::from_bytes(&row.0), "user id")?) {
            let (holder, reached) = reached_of(row)?;
            reach.entry(holder).or_insert(reached);
        }
    }
    Ok(each)
}

/// Whom a user reaches now.
pub async fn reach_now(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Reach> {
    let reach = reach_of(tx, workspace, user).await?;
    Ok(Reach::kept(reach.into_iter().filter(|(_, reached)| reached.until.is_none()).map(|(holder, reached)| (holder, reached.level))))
}

/// Keeps whom a user reaches.
pub async fn put_reach(tx: &mut Tx, workspace: WorkspaceId, user: UserId, reach: &[(Holder, Reached)]) -> Result<()> {
    for chunk in reach.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("insert into reach (workspace, user_id, holder, level, since, until) ");
        query.push_values(chunk, |mut values, (holder, reached)| {
            values
                .push_bind(workspace.as_bytes().to_vec())
                .push_bind(user.as_bytes().to_vec())
                .push_bind(holder.to_string())
                .push_bind(level_number(reached.level))
                .push_bind(reached.since as i64)
                .push_bind(reached.until.map(|until| until as i64));
        });
        query.push(
            " on conflict (workspace, user_id, holder) do update set level = excluded.level, since = excluded.since, until = excluded.until",
        );
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Whether a move concerns a user: one to or from a holder that they reach or did, or, where somebody wants single
/// customers with all that follows them, to or from a record.
const CONCERNS: &str = "(m.holder = $4 or ($6 and m.holder like 'record:%') or exists \
     (select 1 from reach r where r.workspace = $1 and r.user_id = $5 and r.holder = m.holder))";

/// The next position after one, up to another, at which a record moved that concerns a user.
pub async fn next_move(tx: &mut Tx, workspace: WorkspaceId, user: UserId, with_records: bool, after: u64, to: u64) -> Result<Option<u64>> {
    let sql = format!(
        "select m.position from moves m where m.workspace = $1 and m.position > $2 and m.position <= $3 and {CONCERNS} \
         order by m.position limit 1"
    );
    let next: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(&workspace.as_bytes()[..])
        .bind(after as i64)
        .bind(to as i64)
        .bind(Holder::User(user).to_string())
        .bind(&user.as_bytes()[..])
        .bind(with_records)
        .fetch_optional(tx.conn())
        .await?;
    Ok(next.map(|next| next as u64))
}

/// Where a page of records begins, and how many it may have.
pub type Part = (Option<RecordId>, u32);

/// Some of the records that moved at a position and concern a user, from one of them on, by id.
pub async fn moved_at(
    tx: &mut Tx,
    workspace: WorkspaceId,
    user: UserId,
    with_records: bool,
    position: u64,
    part: Part,
) -> Result<Vec<RecordId>> {
    records_in(tx, moved_statement(workspace, user, with_records, position, part)).await
}

/// At one position, not between two: only so the table's own key has them in the order of records.
pub(super) fn moved_statement(workspace: WorkspaceId, user: UserId, with_records: bool, position: u64, (from, limit): Part) -> Statement {
    let mut statement = Statement::of("select distinct m.record from moves m where m.workspace = $1 and m.position = ", workspace);
    let position = statement.bind(Param::Int(position as i64));
    let from = statement.bind(start(from));
    let holder = statement.bind(Param::Text(Holder::User(user).to_string()));
    let user = statement.bind(Param::Blob(user.as_bytes().to_vec()));
    let with_records = statement.bind(Param::Int(i64::from(with_records)));
    debug_assert_eq!([&*holder, &*user, &*with_records], ["$4", "$5", "$6"], "as `CONCERNS` has them");
    let limit = statement.bind(Param::Int(i64::from(limit)));
    statement.push(&format!("{position} and m.record >= {from} and {CONCERNS} order by m.record limit 0 + {limit}"));
    statement
}

fn start(from: Option<RecordId>) -> Param {
    Param::Blob(from.map(|record| record.as_bytes().to_vec()).unwrap_or_default())
}

async fn records_in(tx: &mut Tx, statement: Statement) -> Result<Vec<RecordId>> {
    statement.all::<(Vec<u8>,)>(tx).await?.iter().map(|(record,)| record_of(record)).collect()
}

/// The next position after one, up to another, at which a user's reach changed.
pub async fn reach_changed_after(tx: &mut Tx, workspace: WorkspaceId, user: UserId, after: u64, to: u64) -> Result<Option<u64>> {
    let next: Option<i64> = sqlx::query_scalar(
        "select min(at) from (select since as at from reach where workspace = $1 and user_id = $2 and since > $3 and since <= $4 \
         union all select until from reach where workspace = $1 and user_id = $2 and until > $3 and until <= $4) changes",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .bind(after as i64)
    .bind(to as i64)
    .fetch_one(tx.conn())
    .await?;
    Ok(next.map(|next| next as u64))
}

/// The names that records give their teams, or their territories, in order: `nameless` says which, as a holder without
/// its name. Each is one look into the index, however many records name it.
pub async fn names_of_holders(tx: &mut Tx, workspace: WorkspaceId, nameless: &Holder, limit: u32) -> Result<Vec<String>> {
    let start = nameless.to_string();
    let holders: Vec<String> = sqlx::query_scalar(
        "with recursive found (holder) as (\
         select min(h.holder) from holders h where h.workspace = $1 and h.holder >= $2 and h.holder < $3 \
         union all \
         select (select min(h.holder) from holders h where h.workspace = $1 and h.holder > found.holder and h.holder < $3) \
         from found where found.holder is not null) \
         select holder from found where holder is not null limit $4",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&start)
    // The sign after the colon: what begins so comes before it.
    .bind(start.replace(':', ";"))
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    Ok(holders.into_iter().filter_map(|holder| holder.strip_prefix(&*start).map(str::to_owned)).collect())
}

/// Until which position of the feed a record was in the sight of those for whom it left a holder, or who ceased to reach
/// one of its holders. Some of them may see it again, or otherwise.
pub async fn left_sight_of(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<HashMap<UserId, u64>> {
    // A holder without a user is one that says itself who it is.
    let rows: Vec<(Option<Vec<u8>>, String, i64)> = sqlx::query_as(
        "select r.user_id, m.holder, m.position from moves m left join reach r on r.workspace = m.workspace and r.holder = m.holder \
         where m.workspace = $1 and m.record = $2 and m.gone = 1 \
         union all \
         select r.user_id, h.holder, r.until from holders h join reach r on r.workspace = h.workspace and r.holder = h.holder \
         where h.workspace = $1 and h.record = $2 and r.until is not null",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&record.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    let mut left = HashMap::new();
    for (user, holder, position) in rows {
        let itself = if let Holder::User(user) = holder_of(&holder)? { Some(user) } else { None };
        let user = user.map(|user| id(UserId::from_bytes(&user), "user id")).transpose()?;
        for user in [user, itself].into_iter().flatten() {
            let last: &mut u64 = left.entry(user).or_default();
            *last = (*last).max(position as u64);
        }
    }
    Ok(left)
}

/// Some of the records with a holder that a user began or ceased to reach at a position, from one of them on, by id.
pub async fn touched_by_reach(tx: &mut Tx, workspace: WorkspaceId, user: UserId, position: u64, part: Part) -> Result<Vec<RecordId>> {
    records_in(tx, touched_statement(workspace, user, position, part)).await
}

pub(super) fn touched_statement(workspace: WorkspaceId, user: UserId, position: u64, (from, limit): Part) -> Statement {
    let mut statement = Statement::of("select distinct h.record from holders h where h.workspace = $1 and h.record >= ", workspace);
    let from = statement.bind(start(from));
    let user = statement.bind(Param::Blob(user.as_bytes().to_vec()));
    let position = statement.bind(Param::Int(position as i64));
    let limit = statement.bind(Param::Int(i64::from(limit)));
    // `+`: ordered by the bare column, SQLite would walk all holders in that order instead of finding those that are reached.
    statement.push(&format!(
        "{from} and h.holder in (select r.holder from reach r where r.workspace = $1 and r.user_id = {user} \
         and (r.since = {position} or r.until = {position})) order by +h.record limit 0 + {limit}"
    ));
    statement
}

/// Records of a kind by id, after one of them: those in use and those put away are each found in order.
pub async fn records_of_kind_after(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: &KindName,
    after: Option<RecordId>,
    limit: u32,
) -> Result<Vec<RecordId>> {
    let mut statement = Statement::of("select record from (", workspace);
    let after = statement.bind(Param::Blob(after.map_or_else(Vec::new, |record| record.as_bytes().to_vec())));
    let limit = statement.bind(Param::Int(i64::from(limit)));
    let shelf = |archived: u8| {
        let found = format!("where workspace = $1 and kind = '{kind}' and archived = {archived} and record > {after}");
        format!("select * from (select record from rows {found} order by record limit 0 + {limit})")
    };
    statement.push(&format!("{} union all {}) found order by record limit 0 + {limit}", shelf(0), shelf(1)));
    statement.all::<(Vec<u8>,)>(tx).await?.iter().map(|(record,)| record_of(record)).collect()
}

/// Records of some kinds by id, after one of them.
pub async fn records_after(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kinds: &[KindName],
    after: Option<RecordId>,
    limit: u32,
) -> Result<Vec<(RecordId, KindName)>> {
    let mut statement = Statement::of("select record, kind from rows ", workspace);
    let after = statement.bind(Param::Blob(after.map_or_else(Vec::new, |record| record.as_bytes().to_vec())));
    let limit = statement.bind(Param::Int(i64::from(limit)));
    // The plus: one walk over the records by id, not one for each kind and then a sort.
    statement.push(&format!("where workspace = $1 and record > {after} and +kind in ({}) order by record limit {limit}", listed(kinds)));
    let rows = statement.all::<(Vec<u8>, String)>(tx).await?;
    rows.into_iter().map(|(record, kind)| Ok((record_of(&record)?, kind_of(&kind)?))).collect()
}

/// The kinds of records that there are.
pub async fn kinds_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<HashMap<RecordId, KindName>> {
    let mut found = HashMap::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select record, kind from rows where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<(Vec<u8>, String)> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        for (record, kind) in rows {
            found.insert(record_of(&record)?, kind_of(&kind)?);
        }
    }
    Ok(found)
}

/// Who made records: the author of the first change of each.
pub async fn authors_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<HashMap<RecordId, UserId>> {
    let mut found = HashMap::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("select record, user_id, min(position + 0) from changes where facet = 0 and workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<(Vec<u8>, Vec<u8>, i64)> = query.push(") group by record").build_query_as().fetch_all(tx.conn()).await?;
        for (record, user, _) in rows {
            found.insert(record_of(&record)?, id(UserId::from_bytes(&user), "user id")?);
        }
    }
    Ok(found)
}

/// When each change of some records was received, in the order of the feed: `(position, received_at)`.
pub async fn receipts_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<HashMap<RecordId, Vec<(u64, Millis)>>> {
    let mut found: HashMap<RecordId, Vec<(u64, Millis)>> = HashMap::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select record, position, received_at from changes where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<(Vec<u8>, i64, i64)> = query.push(") order by position + 0").build_query_as().fetch_all(tx.conn()).await?;
        for (record, position, at) in rows {
            found.entry(record_of(&record)?).or_default().push((position as u64, at));
        }
    }
    Ok(found)
}

/// Workspaces whose holders are still to be worked out, from before holders were kept.
pub async fn debts(tx: &mut Tx) -> Result<Vec<WorkspaceId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select workspace from sight_debts order by workspace").fetch_all(tx.conn()).await?;
    rows.iter().map(|workspace| id(WorkspaceId::from_bytes(workspace), "workspace id")).collect()
}

/// The holders of a workspace are worked out.
pub async fn settle_debt(tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
    sqlx::query("delete from sight_debts where workspace = $1").bind(&workspace.as_bytes()[..]).execute(tx.conn()).await?;
    Ok(())
}

/// What a change is, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its position.
    pub position: u64,
    /// Its record's kind.
    pub kind: KindName,
    /// Its record.
    pub record: RecordId,
    /// The document.
    pub facet: Facet,
}

/// The changes after a position and up to another, without their contents, at most `limit`.
pub async fn heads_between(tx: &mut Tx, workspace: WorkspaceId, after: u64, to: u64, limit: u32) -> Result<Vec<Head>> {
    let rows: Vec<(i64, String, Vec<u8>, i64)> = sqlx::query_as(
        "select position, kind, record, facet from changes where workspace = $1 and position > $2 and position <= $3 order by position limit 0 + $4",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(after as i64)
    .bind(to as i64)
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    let head = |(position, kind, record, facet): (i64, String, Vec<u8>, i64)| {
        Ok(Head { position: position as u64, kind: kind_of(&kind)?, record: record_of(&record)?, facet: facet_of(facet)? })
    };
    rows.into_iter().map(head).collect()
}

/// How large a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Its record's kind.
    pub kind: KindName,
    /// The document.
    pub facet: Facet,
    /// Bytes of its changes.
    pub bytes: u64,
}

/// How large the documents of some records are.
pub async fn sizes_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select kind, facet, sum(length(body)) from changes where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<(String, i64, i64)> = query.push(") group by record, facet").build_query_as().fetch_all(tx.conn()).await?;
        for (kind, facet, bytes) in rows {
            sizes.push(Size { kind: kind_of(&kind)?, facet: facet_of(facet)?, bytes: bytes as u64 });
        }
    }
    Ok(sizes)
}

/// How large the contents of some files are, as their records say.
pub async fn content_bytes_of(tx: &mut Tx, workspace: WorkspaceId, files: &[RecordId]) -> Result<u64> {
    let mut bytes = 0;
    for chunk in files.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("select coalesce(sum(cast(main ->> 'size' as bigint)), 0) from rows where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let sum: i64 = query.push(")").build_query_scalar().fetch_one(tx.conn()).await?;
        bytes += u64::try_from(sum).unwrap_or_default();
    }
    Ok(bytes)
}

/// Puts a workspace back to before holders were kept.
#[cfg(test)]
pub async fn forget_all(tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
    for sql in [
        "delete from holders where workspace = $1",
        "delete from reach where workspace = $1",
        "delete from moves where workspace = $1",
        "insert into sight_debts (workspace) values ($1)",
    ] {
        sqlx::query(sql).bind(&workspace.as_bytes()[..]).execute(tx.conn()).await?;
    }
    Ok(())
}
