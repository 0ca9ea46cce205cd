//! Notes that name somebody, and whom a note may name.
//!
//! Every row passes a [`Scope`]. Decides nothing.

use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::query::Param;

use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// Who is named, where.
pub struct Naming<'a> {
    /// The kind of the notes.
    pub kind: &'a KindName,
    /// The role that names somebody.
    pub role: &'a str,
    /// The role that says what a note is about.
    pub about: &'a str,
    /// Who.
    pub person: RecordId,
}

/// Links that a count looks at, those of the newest records: whoever takes part in thousands of visits has as many, and
/// every page of the console counts. Read one by one they are a fraction of a millisecond.
const LOOKED_AT_MAX: i64 = 100;

/// The same of tasks: what is still to be done may be older than what was done since.
const TASKS_LOOKED_AT_MAX: i64 = 500;

/// The notes in use that name a person and are not their own, with the position of the feed at which each named them: those
/// that did so last come first.
pub async fn notes_naming(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    naming: &Naming<'_>,
    limit: u32,
) -> Result<Vec<(RecordId, u64)>> {
    let mut statement = Statement::of("", workspace);
    let links = links_to(&mut statement, naming, None);
    let (named, condition) = (named_at(&mut statement, naming), is_told(&mut statement, scope, naming));
    // Crossed: of the links to a person there are few, of rows there may be any number.
    statement.push(&format!(
        "select r.record, {named} as named from ({links}) l cross join rows r on r.workspace = $1 and r.record = l.source \
         where {condition} order by named desc limit {limit}"
    ));
    let note = |(record, named): (Vec<u8>, i64)| Ok((id(RecordId::from_bytes(&record), "record id")?, named as u64));
    statement.all(tx).await?.into_iter().map(note).collect()
}

/// How many notes named a person after a position of the feed, among those made last: `limit` at most.
pub async fn new_count(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, naming: &Naming<'_>, (after, limit): (u64, u32)) -> Result<u64> {
    let mut statement = Statement::of("", workspace);
    let links = links_to(&mut statement, naming, Some(LOOKED_AT_MAX));
    let after = statement.bind(Param::Int(after as i64));
    let (named, condition) = (named_at(&mut statement, naming), is_told(&mut statement, scope, naming));
    // What was last changed before the mark named nobody after it: most rows go no further than that.
    statement.push(&format!(
        "select count(*) from (select 1 from ({links}) l cross join rows r on r.workspace = $1 and r.record = l.source \
         where r.position > {after} and {condition} and {named} > {after} limit {limit})"
    ));
    let counted: Vec<(i64,)> = statement.all(tx).await?;
    Ok(counted.first().map_or(0, |(count,)| *count as u64))
}

/// How many of a person's activities in sight have a status, among those made last.
pub async fn open_count(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, naming: &Naming<'_>, status: &str) -> Result<u64> {
    let mut statement = Statement::of("", workspace);
    let links = links_to(&mut statement, naming, Some(TASKS_LOOKED_AT_MAX));
    let status = statement.bind(Param::Text(status.to_owned()));
    let sees = scope.sees("r", naming.kind, |param| statement.bind(param));
    statement.push(&format!(
        "select count(*) from ({links}) l cross join rows r on r.workspace = $1 and r.record = l.source \
         where r.kind = '{}' and r.archived = 0 and r.main ->> 'status' = {status} and {sees}",
        naming.kind
    ));
    let counted: Vec<(i64,)> = statement.all(tx).await?;
    Ok(counted.first().map_or(0, |(count,)| *count as u64))
}

/// Ids begin with the time at which they were made: from the end of the index come those made last.
fn links_to(statement: &mut Statement, naming: &Naming<'_>, most: Option<i64>) -> String {
    let role = statement.bind(Param::Text(naming.role.to_owned()));
    let target = statement.bind(Param::Blob(naming.person.as_bytes().to_vec()));
    let most = most.map(|most| format!(" order by source desc limit {most}")).unwrap_or_default();
    format!("select source from links where workspace = $1 and target = {target} and role = {role}{most}")
}

/// The position of the change that named the person: the first with their id in its bytes, where a value or a path has it
/// as text. What says so in none named them when it was last changed.
///
/// The sign in front of `position` keeps SQLite from looking for the least one along the whole feed: the record's few changes
/// are found by its id.
fn named_at(statement: &mut Statement, naming: &Naming<'_>) -> String {
    let person = statement.bind(Param::Blob(naming.person.to_string().into_bytes()));
    format!(
        "coalesce((select min(+c.position) from changes c where c.workspace = $1 and c.record = r.record \
         and instr(c.body, {person}) > 0), r.position)"
    )
}

/// That a row is a note in use, in sight, not the person's own, and about something in sight, if it is about anything.
fn is_told(statement: &mut Statement, scope: &Scope, naming: &Naming<'_>) -> String {
    let author = statement.bind(Param::Text(naming.person.to_string()));
    let sees = scope.sees("r", naming.kind, |param| statement.bind(param));
    let about = statement.bind(Param::Text(naming.about.to_owned()));
    let sees_about = scope.sees_any("t", statement);
    let abouts = format!("links a where a.workspace = $1 and a.source = r.record and a.role = {about}");
    format!(
        "r.kind = '{}' and r.archived = 0 and r.main ->> 'type' = 'note' and coalesce(r.main ->> 'assignee', '') <> {author} and {sees} \
         and (not exists (select 1 from {abouts}) or exists (select 1 from {abouts} and exists \
         (select 1 from rows t where t.workspace = $1 and t.record = a.target and {sees_about})))",
        naming.kind
    )
}

/// A colleague and what they are called.
pub type Called = (RecordId, String);

/// Everybody in sight whom a note may name, by name.
pub async fn colleagues(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, kind: &KindName) -> Result<Vec<Called>> {
    let mut statement = Statement::of("select r.record, r.title from rows r ", workspace);
    let condition = is_called(&mut statement, scope, kind);
    statement.push(&format!("where {condition} order by r.sort_title, r.record"));
    called(statement, tx).await
}

/// Everybody at work whom a note may name, once for each of their teams: the team's name, and who.
pub async fn teams(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, kind: &KindName) -> Result<Vec<(String, RecordId)>> {
    let mut statement = Statement::of("select t.value, r.record from rows r, json_each(r.main, '$.teams') t ", workspace);
    let condition = is_called(&mut statement, scope, kind);
    statement.push(&format!("where {condition} and coalesce(r.main ->> 'active', 1) <> 0 order by 1, r.sort_title, r.record"));
    let found = statement.all::<(String, Vec<u8>)>(tx).await?.into_iter();
    found.map(|(team, record)| Ok((team, id(RecordId::from_bytes(&record), "record id")?))).collect()
}

/// Whom to look for behind an at sign.
pub struct Begun<'a> {
    /// The kind of the colleagues.
    pub kind: &'a KindName,
    /// The first word that was typed, as search folds it; none: everybody.
    pub word: Option<&'a str>,
    /// Somebody who is meant whatever they are called.
    pub also: Option<RecordId>,
    /// Who is asking: nobody calls for themselves.
    pub but: RecordId,
}

/// Colleagues at work whose name may be meant by a word, and some more: those whose name begins with its letter come first.
///
/// Names are compared as lists order them, where syllables of pinyin stand before their characters: the letters of the word
/// occur there in their order from the beginning of a word on, however it is meant.
pub async fn begun(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, begun: &Begun<'_>, limit: u32) -> Result<Vec<Called>> {
    let mut statement = Statement::of("select r.record, r.title from rows r ", workspace);
    let condition = is_called(&mut statement, scope, begun.kind);
    let but = statement.bind(Param::Blob(begun.but.as_bytes().to_vec()));
    statement.push(&format!("where {condition} and r.record <> {but} and coalesce(r.main ->> 'active', 1) <> 0"));
    let mut order = String::new();
    if let Some((word, first)) = begun.word.and_then(|word| Some((word, word.chars().next()?))) {
        let (pattern, first) = (statement.bind(Param::Text(pattern(word))), statement.bind(Param::Text(format!(" {first}"))));
        let also = begun.also.map(|also| statement.bind(Param::Blob(also.as_bytes().to_vec())));
        let also = also.map(|also| format!(" or r.record = {also}")).unwrap_or_default();
        statement.push(&format!(" and (' ' || r.sort_title like {pattern}{also})"));
        order = format!("instr(' ' || r.sort_title, {first}), ");
    }
    statement.push(&format!(" order by {order}r.sort_title, r.record limit {limit}"));
    called(statement, tx).await
}

/// What has the letters of a word in their order, from the beginning of a word on. What is u to some is v to others.
fn pattern(word: &str) -> String {
    let letters: Vec<String> = word.chars().map(|letter| if matches!(letter, 'u' | 'v') { '_' } else { letter }.to_string()).collect();
    format!("% {}%", letters.join("%"))
}

async fn called(statement: Statement, tx: &mut Tx) -> Result<Vec<Called>> {
    let found = statement.all::<(Vec<u8>, String)>(tx).await?.into_iter();
    found.map(|(record, name)| Ok((id(RecordId::from_bytes(&record), "record id")?, name))).collect()
}

/// That a row is a record in use and in sight that is called something and stands for itself.
fn is_called(statement: &mut Statement, scope: &Scope, kind: &KindName) -> String {
    let sees = scope.sees("r", kind, |param| statement.bind(param));
    let stood_for = scope.stood_for(kind, |param| statement.bind(param));
    format!(
        "r.workspace = $1 and r.kind = '{kind}' and r.archived = 0 and r.title <> '' and {sees} and not exists \
         (select 1 from aliases a where a.workspace = r.workspace and a.kind = r.kind and a.record = r.record{stood_for})"
    )
}
