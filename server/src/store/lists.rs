//! Records as a reader may see them: pages of lists, single rows, titles, links, names.
//!
//! Every row passes a [`Scope`]. Decides nothing; `reading` makes the scope.

use std::collections::HashMap;

use sync_core::id::{DeviceId, Facet, FieldName, KindName, RecordId, UserId, WorkspaceId};
use sync_core::query::{
    Binds, Class, Compiler, Condition, Context, Dialect, Filter, Holder, Param, Place, Query, Scalar, Sql, Tables, Test,
};
use sync_core::record::Stored;

use super::records::{self, ROW_COLUMNS, RecordRow, RowTuple, record_row};
use super::remembered::Answers;
use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// Which records of a list: those in use, those put away, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shelf {
    /// Not archived.
    #[default]
    InUse,
    /// Archived.
    Archived,
    /// Either.
    Both,
    /// Not archived, and another one stands for them.
    Behind,
}

/// A record as a link names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TitleRow {
    /// Its kind.
    pub kind: KindName,
    /// Its title.
    pub title: String,
    /// Whether it is archived.
    pub archived: bool,
}

/// Which records of a list are meant.
#[derive(Clone, Copy)]
pub struct Which<'a> {
    /// Whose data.
    pub workspace: WorkspaceId,
    /// What the reader may be given.
    pub scope: &'a Scope,
    /// The filter, the order and the page.
    pub query: &'a Query,
    /// When and where it is asked.
    pub context: Context,
    /// In use, put away, or both.
    pub shelf: Shelf,
    /// Words that must occur.
    pub words: Option<&'a Words>,
}

/// Words that must occur in a record: looked up in the index, and in what is newer than the index by a filter.
#[derive(Debug, Clone)]
pub struct Words {
    /// For the index.
    pub expression: String,
    /// Rows up to this position of the feed are in the index.
    pub mark: u64,
    /// What is asked of the others.
    pub otherwise: Filter,
    /// Whether slips are forgiven in them.
    pub is_near: bool,
}

/// How a statement goes about a list: one record after the other, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In the order of the list, until there are enough: fast where many records fit.
    InOrder,
    /// Those that fit are looked up and put in order then: fast where few do.
    Gathered,
    /// All of them, for a number.
    Whole,
}

impl Which<'_> {
    /// Where `rows` of one kind is asked: `$1` is the workspace.
    pub(super) fn statement(&self, start: &str, way: Way) -> Statement {
        let (kind, mut statement) = (&self.query.kind, Statement::of(start, self.workspace));
        let sees = self.scope.sees("rows", kind, |param| statement.bind(param));
        let links = if way == Way::InOrder { None } else { self.asked_links() };
        // The plus: what an index of words or of links has found is looked up by its ids, never by an index of a whole kind.
        let aside = if way != Way::InOrder && (self.words.is_some() || links.is_some()) { "+" } else { "" };
        let shelf = match self.shelf {
            // What another record stands for is shown there.
            Shelf::InUse => format!(" and {aside}rows.archived = 0 and {}", self.is_no_alias(way, &mut statement)),
            Shelf::Archived => format!(" and {aside}rows.archived = 1"),
            Shelf::Both => String::new(),
            Shelf::Behind => format!(" and {aside}rows.archived = 0 and not {}", self.is_no_alias(Way::InOrder, &mut statement)),
        };
        // The kind stands in the text (a to z, 0 to 9 and `_`): the indexes of its columns are of this kind alone.
        statement.push(&format!("where rows.workspace = $1 and {aside}rows.kind = '{kind}'{shelf} and {sees} and "));
        if let Some(words) = self.words {
            self.push_words(words, &mut statement);
        }
        if let Some((role, targets)) = links {
            push_links(kind, role, &targets, &mut statement);
        }
        statement
    }

    /// A set of links of which the records must have one: its role, and where it leads. What a record links to by one field
    /// has an index of that field.
    fn asked_links(&self) -> Option<(String, Vec<RecordId>)> {
        let all = match &self.query.filter {
            Filter::All(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        all.iter().find_map(|filter| {
            let Filter::Is(Condition { place: Place { walk: None, spot }, test: Test::OneOf(wanted) }) = filter else { return None };
            let (Class::Link, Holder::Each { field, path, .. }) = (spot.class, &spot.holder) else { return None };
            let id = |scalar: &Scalar| if let Scalar::Text(id) = scalar { id.parse().ok() } else { None };
            let role = std::iter::once(field).chain(path).map(|name| &**name).collect::<Vec<_>>().join(".");
            Some((role, wanted.iter().map(id).collect::<Option<Vec<RecordId>>>().filter(|ids| !ids.is_empty())?))
        })
    }

    /// Of a few records each is looked up; for all, those that stand behind others are read first.
    fn is_no_alias(&self, way: Way, statement: &mut Statement) -> String {
        let kind = &self.query.kind;
        let stood_for = self.scope.stood_for(kind, |param| statement.bind(param));
        match way {
            Way::InOrder | Way::Gathered => format!(
                "not exists (select 1 from aliases a where a.workspace = rows.workspace and a.kind = rows.kind \
                 and a.record = rows.record{stood_for})"
            ),
            Way::Whole => {
                format!("rows.record not in (select a.record from aliases a where a.workspace = $1 and a.kind = '{kind}'{stood_for})")
            }
        }
    }

    fn push_words(&self, words: &Words, statement: &mut Statement) {
        let (expression, mark) = (statement.bind(Param::Text(words.expression.clone())), statement.bind(Param::Int(words.mark as i64)));
        statement.push(&format!(
            "rows.record in (select s.record from search cross join search_records s on s.number = search.rowid \
             where search match {expression} and s.workspace = $1 \
             union all select n.record from rows n where n.workspace = $1 and n.position > {mark}) and (rows.position <= {mark} or "
        ));
        let otherwise =
            Compiler { first_param: statement.params.len() + 1, tables: Tables::Server, ..Compiler::new(Dialect::Sqlite, self.context) }
                .filter(&words.otherwise);
        statement.push(&otherwise.text).push(") and ").params.extend(otherwise.params);
    }

    /// When records were last changed, as far as the reader sees it.
    pub(super) fn updated(&self) -> impl Fn(&str, Option<&KindName>) -> String {
        |alias, kind| self.scope.updated(alias, kind.unwrap_or(&self.query.kind))
    }

    /// Whether the answer stays the same until something is written.
    pub(super) fn holds(&self) -> bool {
        !self.query.filter.is_of_the_moment() && self.words.is_none_or(|words| !words.otherwise.is_of_the_moment())
    }

    /// Whether few records are looked at whatever else is asked of them: those with some words, links, ids or values.
    fn is_narrow(&self) -> bool {
        let all = match &self.query.filter {
            Filter::All(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        let is_it = |filter: &Filter| {
            let Filter::Is(Condition { place: Place { walk: None, spot }, test: Test::OneOf(_) }) = filter else { return false };
            matches!(spot.holder, Holder::Id | Holder::Value { .. })
        };
        self.words.is_some() || self.asked_links().is_some() || all.iter().any(is_it)
    }

    /// Whether nothing is asked of the records but that they are there.
    pub(super) fn is_everything(&self) -> bool {
        self.words.is_none() && self.query.filter == Filter::everything()
    }

    /// With the query's condition behind it.
    pub(super) fn found(&self, start: &str, way: Way, compile: impl FnOnce(Compiler<'_>) -> Sql) -> Statement {
        let mut statement = self.statement(start, way);
        let gathers = (way != Way::InOrder && !self.is_narrow()).then_some(&self.query.kind);
        let condition = self.compiled(&mut statement, |compiler| compile(Compiler { gathers, ..compiler }));
        statement.push(&condition);
        statement
    }

    /// What the reader's compiler makes; the statement is given what it binds.
    fn compiled(&self, statement: &mut Statement, compile: impl FnOnce(Compiler<'_>) -> Sql) -> String {
        let visible = |alias: &str, kind: &KindName, binds: &mut Binds| self.scope.sees(alias, kind, |param| binds.add(param));
        let (first_param, updated) = (statement.params.len() + 1, self.updated());
        let made = compile(Compiler {
            first_param,
            visible: Some(&visible),
            updated: Some(&updated),
            tables: Tables::Server,
            ..Compiler::new(Dialect::Sqlite, self.context)
        });
        statement.params.extend(made.params);
        made.text
    }

    /// Values of all the records, as a table to be put together from: `select ... from (<this>)`.
    ///
    /// The limit is none; it makes SQLite read the values where an index holds them, instead of working them out
    /// from the records later. The columns bind what they need.
    pub(super) fn values(&self, columns: impl FnOnce(&mut Statement) -> Vec<String>) -> Statement {
        let mut statement = self.found("", Way::Whole, |compiler| compiler.filter(&self.query.filter));
        statement.push(" limit -1");
        let columns = columns(&mut statement);
        statement.within(&format!("select {} from rows ", columns.join(", ")), "")
    }

    /// What stands at a place of each record: in the record, or in one that it links to and that the reader may see.
    pub(super) fn placed(&self, place: &Place, statement: &mut Statement) -> String {
        self.compiled(statement, |compiler| compiler.placed(place))
    }

    /// A page of the list.
    pub(super) fn page(&self, way: Way) -> Statement {
        let (mut order, mut limit) = (String::new(), 0);
        let mut statement = self.found(ROW_COLUMNS, way, |compiler| {
            let page = compiler.page(self.query);
            (order, limit) = (page.order, page.limit);
            page.condition
        });
        // The plus: no index gives this order, so one may be used that finds the records.
        let aside = if way == Way::InOrder { "" } else { "+" };
        // The limit stands in the text: SQLite must know that it is small, or it finds all that fit and sorts them.
        statement.push(&format!(" order by {aside}{order} limit {}", limit + 1));
        statement
    }

    /// How many of them each of some holders has whose name stands in a set of theirs: in one statement, however many names.
    /// `prefix`: what the holders begin with. Up to `most`, and one more.
    pub(super) fn named(&self, field: &FieldName, prefix: &str, names: &[String], most: u64) -> Statement {
        let mut statement = self.found("(select 1 from rows ", Way::Gathered, |compiler| compiler.filter(&self.query.filter));
        let (prefix, most) = (statement.bind(Param::Text(prefix.to_owned())), statement.bind(Param::Int(most as i64 + 1)));
        let names = statement.bind(Param::Text(serde_json::Value::from(names).to_string()));
        // Found by their holders, never by reading a kind. Field names are a to z, 0 to 9 and `_`.
        statement.push(&format!(
            " and rows.record in (select h.record from holders h where h.workspace = $1 and h.holder = {prefix} || n.value) \
             and exists (select 1 from json_each(rows.main, '$.{field}') e where e.value = n.value) limit {most})"
        ));
        statement.within("select n.value, (select count(*) from ", &format!(") from json_each({names}) n"))
    }

    /// How many there are, or that there are more than so many.
    pub(super) fn counted(&self, most: Option<u64>) -> Statement {
        let filter = |compiler: Compiler<'_>| compiler.filter(&self.query.filter);
        let Some(most) = most else { return self.found("select count(*) from rows ", Way::Whole, filter) };
        let mut statement = self.found("select count(*) from (select 1 from rows ", Way::Gathered, filter);
        statement.push(&format!(" limit {}) found", most.saturating_add(1)));
        statement
    }
}

/// Narrows records to those that have one of some links, to what another one stands for as well. What the filter says of them
/// is asked besides: this is how the few are found.
fn push_links(kind: &KindName, role: String, targets: &[RecordId], statement: &mut Statement) {
    let role = statement.bind(Param::Text(role));
    let targets = statement.bind_records(targets);
    let values = targets.replace(", ", "), (");
    statement.push(&format!(
        "rows.record in (select l.source from links l where l.workspace = $1 and l.source_kind = '{kind}' and l.role = {role} \
         and l.target in (values ({values}) union all select a.record from aliases a where a.workspace = $1 and a.survivor in ({targets}))) and "
    ));
}

/// One page of a list, and one row more when there is a next page.
pub async fn page(tx: &mut Tx, which: Which<'_>, way: Way) -> Result<Vec<RecordRow>> {
    rows(which.page(way), tx, which.scope).await
}

/// How many records a list has, all pages together; stops behind `most`: one more then says that there are more.
pub async fn count(tx: &mut Tx, answers: &Answers, which: Which<'_>, most: Option<u64>) -> Result<u64> {
    let counted: Vec<(i64,)> = answers.to(tx, which.workspace, which.counted(most), which.holds()).await?;
    Ok(counted.first().map_or(0, |(count,)| *count as u64))
}

/// How many records of a list each of some names has, as far as `most`; those that have none aside.
pub async fn count_named(
    tx: &mut Tx,
    which: Which<'_>,
    field: &FieldName,
    prefix: &str,
    names: &[String],
    most: u64,
) -> Result<Vec<(String, u64)>> {
    let counted: Vec<(String, i64)> = which.named(field, prefix, names, most).all(tx).await?;
    Ok(counted.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count as u64)).collect())
}

async fn rows(statement: Statement, tx: &mut Tx, scope: &Scope) -> Result<Vec<RecordRow>> {
    let mut rows = Vec::new();
    for row in statement.all::<RowTuple>(tx).await? {
        rows.extend(scope.strip(record_row(row)?));
    }
    Ok(rows)
}

/// One record, if it is in sight.
pub async fn seen(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, record: RecordId) -> Result<Option<RecordRow>> {
    let mut statement = Statement::of(ROW_COLUMNS, workspace);
    let record = statement.bind(blob(&record));
    let sees = scope.sees_any("rows", &mut statement);
    statement.push(&format!("where rows.workspace = $1 and rows.record = {record} and {sees}"));
    Ok(rows(statement, tx, scope).await?.pop())
}

/// The changes of a record that is in sight, of the facets in sight, in the order of the feed.
pub async fn changes_seen(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, record: RecordId) -> Result<Vec<Stored>> {
    if seen(tx, workspace, scope, record).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut changes = records::changes_of(tx, workspace, &[record]).await?;
    changes.retain(|stored| scope.shows(&stored.kind, stored.facet));
    Ok(changes)
}

/// The titles of records, those in sight.
pub async fn titles(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, records: &[RecordId]) -> Result<HashMap<RecordId, TitleRow>> {
    let mut found = HashMap::new();
    for chunk in records.chunks(CHUNK) {
        let mut statement = Statement::of("select record, kind, title, archived from rows ", workspace);
        let records = statement.bind_records(chunk);
        let sees = scope.sees_any("rows", &mut statement);
        statement.push(&format!("where rows.workspace = $1 and rows.record in ({records}) and {sees}"));
        for (record, kind, title, archived) in statement.all::<(Vec<u8>, String, String, i64)>(tx).await? {
            let kind: KindName = id(kind.parse(), "kind name")?;
            let title = if scope.of(&kind).is_some_and(|scope| scope.title) { title } else { String::new() };
            found.insert(id(RecordId::from_bytes(&record), "record id")?, TitleRow { kind, title, archived: archived != 0 });
        }
    }
    Ok(found)
}

/// Values of one `in`: with a scope of every kind it stays far below SQLite's 32,766 parameters.
const CHUNK: usize = 400;

pub(super) fn blob(record: &RecordId) -> Param {
    Param::Blob(record.as_bytes().to_vec())
}

/// Some records, those in sight of them, in the order in which they are named.
pub async fn seen_rows(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, records: &[RecordId]) -> Result<Vec<RecordRow>> {
    let mut found = HashMap::new();
    for chunk in records.chunks(CHUNK) {
        let mut statement = Statement::of(ROW_COLUMNS, workspace);
        let chunk = statement.bind_records(chunk);
        let sees = scope.sees_any("rows", &mut statement);
        statement.push(&format!("where rows.workspace = $1 and rows.record in ({chunk}) and {sees}"));
        found.extend(rows(statement, tx, scope).await?.into_iter().map(|row| (row.record, row)));
    }
    Ok(records.iter().filter_map(|record| found.remove(record)).collect())
}

/// The records of a kind, in use and in sight, that point at one of some others by one role, those made last first: ids begin
/// with the time.
pub async fn newest_sources_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    (kind, role): (&KindName, &str),
    targets: &[RecordId],
    limit: u32,
) -> Result<Vec<RecordId>> {
    let mut found = Vec::new();
    for target in targets {
        let mut statement = Statement::of("select l.source from links l cross join rows r ", workspace);
        let (target, role) = (statement.bind(blob(target)), statement.bind(Param::Text(role.to_owned())));
        let sees = scope.sees("r", kind, |param| statement.bind(param));
        let limit = statement.bind(Param::Int(i64::from(limit)));
        statement.push(&format!(
            "on r.workspace = $1 and r.record = l.source where l.workspace = $1 and l.target = {target} and l.role = {role} \
             and r.kind = '{kind}' and r.archived = 0 and {sees} order by l.source desc limit 0 + {limit}"
        ));
        found.extend(statement.all::<(Vec<u8>,)>(tx).await?);
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.truncate(limit as usize);
    found.iter().map(|(source,)| id(RecordId::from_bytes(source), "record id")).collect()
}

/// The records of one kind in use that point at some others by one role: the target, the record, its title, its main facet.
pub async fn sources_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    kind: &KindName,
    role: &str,
    targets: &[RecordId],
) -> Result<Vec<(RecordId, RecordId, String, String)>> {
    let mut found = Vec::new();
    for chunk in targets.chunks(CHUNK) {
        let mut statement = Statement::of("select l.target, r.record, r.title, r.main from links l ", workspace);
        let role = statement.bind(Param::Text(role.to_owned()));
        let targets = statement.bind_records(chunk);
        let sees = scope.sees("r", kind, |param| statement.bind(param));
        statement.push(&format!(
            "join rows r on r.workspace = l.workspace and r.record = l.source where l.workspace = $1 and l.source_kind = '{kind}' \
             and l.role = {role} and l.target in ({targets}) and r.archived = 0 and {sees}"
        ));
        for (target, record, title, main) in statement.all::<(Vec<u8>, Vec<u8>, String, String)>(tx).await? {
            found.push((id(RecordId::from_bytes(&target), "record id")?, id(RecordId::from_bytes(&record), "record id")?, title, main));
        }
    }
    Ok(found)
}

/// Where all links lead from these records.
pub async fn all_targets_of(tx: &mut Tx, workspace: WorkspaceId, sources: &[RecordId]) -> Result<Vec<RecordId>> {
    let mut targets = Vec::new();
    for chunk in sources.chunks(CHUNK) {
        let mut statement = Statement::of("select distinct target from links ", workspace);
        let sources = statement.bind_records(chunk);
        statement.push(&format!("where workspace = $1 and source in ({sources})"));
        for (target,) in statement.all::<(Vec<u8>,)>(tx).await? {
            targets.push(id(RecordId::from_bytes(&target), "record id")?);
        }
    }
    Ok(targets)
}

/// Who made a record: the author of its first change.
pub async fn author_of(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<Option<UserId>> {
    let found: Vec<(Vec<u8>,)> = author_statement(workspace, record).all(tx).await?;
    found.first().map(|(user,)| id(UserId::from_bytes(user), "user id")).transpose()
}

fn author_statement(workspace: WorkspaceId, record: RecordId) -> Statement {
    let mut statement = Statement::of("select user_id from changes ", workspace);
    let record = statement.bind(blob(&record));
    let main = Facet::Main as i64;
    // `+ 0`: or SQLite looks for it by walking the feed from its beginning.
    statement.push(&format!("where workspace = $1 and record = {record} and facet = {main} order by position + 0 limit 1"));
    statement
}

/// What people are called.
pub async fn user_names(tx: &mut Tx, workspace: WorkspaceId, users: &[UserId]) -> Result<HashMap<UserId, String>> {
    texts_of_users(tx, workspace, users, "name").await
}

/// What people sign in with.
pub async fn logins_of(tx: &mut Tx, workspace: WorkspaceId, users: &[UserId]) -> Result<HashMap<UserId, String>> {
    texts_of_users(tx, workspace, users, "login").await
}

async fn texts_of_users(tx: &mut Tx, workspace: WorkspaceId, users: &[UserId], column: &str) -> Result<HashMap<UserId, String>> {
    let mut texts = HashMap::new();
    for chunk in users.chunks(CHUNK) {
        let mut statement = Statement::of(&format!("select user_id, {column} from users "), workspace);
        let users = statement.bind_all(chunk.iter().map(|user| Param::Blob(user.as_bytes().to_vec())));
        statement.push(&format!("where workspace = $1 and user_id in ({users})"));
        for (user, text) in statement.all::<(Vec<u8>, String)>(tx).await? {
            texts.insert(id(UserId::from_bytes(&user), "user id")?, text);
        }
    }
    Ok(texts)
}

/// What devices are called.
pub async fn device_names(tx: &mut Tx, workspace: WorkspaceId, devices: &[DeviceId]) -> Result<HashMap<DeviceId, String>> {
    let mut names = HashMap::new();
    for chunk in devices.chunks(CHUNK) {
        let mut statement = Statement::of("select device, name from devices ", workspace);
        let devices = statement.bind_all(chunk.iter().map(|device| Param::Blob(device.as_bytes().to_vec())));
        statement.push(&format!("where workspace = $1 and device in ({devices})"));
        for (device, name) in statement.all::<(Vec<u8>, String)>(tx).await? {
            names.insert(id(DeviceId::from_bytes(&device), "device id")?, name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use sync_core::access::{Level, Roles};
    use sync_core::schema::Schema;

    use super::super::scope::{KindScope, Near};
    use super::*;
    use crate::store::{Options, Store, pointing, sight};

    fn scope() -> Scope {
        let kinds = Schema::builtin().kinds().map(|kind| {
            let facets = Roles::builtin().readable("office", kind);
            (kind.name.clone(), KindScope { facets, is_whole: true, title: true, near: None })
        });
        Scope { kinds: kinds.collect() }
    }

    /// Records that others stand for are few: each is looked up, and the records of a kind are never read for it.
    #[tokio::test]
    async fn whether_what_stands_for_a_record_is_in_sight_is_looked_up_and_asked_of_nobody_who_sees_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let (workspace, query) = (WorkspaceId::of_cause("test"), Query::from_params(Schema::builtin(), "party", []).unwrap());
        let (all, mut near, context) = (scope(), scope(), Context { now: 0, offset_minutes: 0 });
        let reach = Near { user: UserId::of_cause("user"), level: Level::Team };
        near.kinds.values_mut().for_each(|kind| kind.near = Some(reach));
        for (scope, asks) in [(&all, false), (&near, true)] {
            let which = Which { workspace, scope, query: &query, context, shelf: Shelf::InUse, words: None };
            for statement in [which.page(Way::InOrder), which.counted(Some(10)), which.counted(None)] {
                let plan = statement.plan(&mut tx).await;
                assert_eq!(plan.contains("SEARCH survivor "), asks, "{plan}");
                assert!(!plan.contains("SCAN survivor") && !plan.contains("SCAN rows"), "{plan}");
            }
        }
    }

    /// What is found by an index stays as fast with a million records; a walk does not.
    #[tokio::test]
    async fn lists_pages_and_histories_are_found_by_an_index_and_never_sorted_or_walked() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let (workspace, record, schema) = (WorkspaceId::of_cause("test"), RecordId::of_cause("record"), Schema::builtin());
        let user = UserId::of_cause("user");
        let context = Context { now: 0, offset_minutes: 0 };
        for (order, index) in [("id", "rows_by_id"), ("name", "rows_by_title"), ("updatedAt", "rows_by_update")] {
            let query = Query::from_params(schema, "party", [("orderBy", order)]).unwrap();
            let scope = scope();
            let which = Which { workspace, scope: &scope, query: &query, context, shelf: Shelf::InUse, words: None };
            let plan = which.page(Way::InOrder).plan(&mut tx).await;
            assert!(plan.contains(&format!("{index} (workspace=? AND kind=? AND archived=?")) && !plan.contains("TEMP"), "{order}: {plan}");
        }
        let query = Query::from_params(schema, "party", []).unwrap();
        let all = scope();
        let which = Which { workspace, scope: &all, query: &query, context, shelf: Shelf::InUse, words: None };
        let linked = format!(r#"[{{"type":"linkedWith","attribute":"about","value":["{record}"]}}]"#);
        let about = Query::from_params(schema, "activity", [("where", &*linked)]).unwrap();
        let about = Which { query: &about, ..which };
        let happens = [("activity".parse().unwrap(), vec!["when".parse().unwrap(), "due".parse().unwrap()])];
        let activities = pointing::Pointing { targets: &[record], but: &["follow"], only: Some("activity"), until: None };
        let statements = [
            (which.named(&"teams".parse().unwrap(), "team:", &["a".to_owned()], 10), "holders_by_holder (workspace=? AND holder=?"),
            (records::changes_statement(workspace, &[record, record]), "changes_by_record (workspace=? AND record=?"),
            (author_statement(workspace, record), "changes_by_record (workspace=? AND record=? AND facet=?"),
            (pointing::pointers_statement(workspace, &scope(), &[record], &happens, 5), "links_by_target (workspace=? AND target=?"),
            (pointing::latest_statement(workspace, &scope(), activities, &happens, 5), "links_by_target (workspace=? AND target=?"),
            (pointing::counts_statement(workspace, &scope(), &[record]), "links_by_target (workspace=? AND target=?"),
            (about.page(Way::Gathered), "links_by_target (workspace=? AND target=? AND role=?"),
            (about.counted(Some(10)), "links_by_target (workspace=? AND target=? AND role=?"),
            (
                sight::moved_statement(workspace, user, true, 7, (None, 200)),
                "sqlite_autoindex_moves_1 (workspace=? AND position=? AND record>?",
            ),
            (sight::touched_statement(workspace, user, 7, (Some(record), 200)), "holders_by_holder (workspace=? AND holder=? AND record>?"),
        ];
        for (statement, index) in statements {
            let plan = statement.plan(&mut tx).await;
            assert!(plan.contains(index) && !plan.contains("rows_by_update"), "{plan}");
        }
    }
}
