//! Keeping nothing longer than it may be kept: rules that say which records of a kind are erased after how long.
//!
//! A rule is a record of the kind `rule` whose purpose is `retention`: the kind it is `about`, and a `condition` in
//! the filter language that says how old a record must be. It erases as a person does (`privacy`), with the
//! same proof, and shows beforehand what it would erase.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use sync_core::access::Right;
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::query::Query;

use super::runs::Runs;
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::error::{Error, Text};
use crate::files::hex;
use crate::intake::ages;
use crate::privacy::{self, Proof};
use crate::reading::{List, ReadError, Reading, Row};
use crate::store::lists::Shelf;
use crate::store::people::User;
use crate::store::retention::{self, Daily};
use crate::store::{StoreError, people, sequences, workspaces};

/// Records read at once.
const PAGE: &str = "200";

/// Records erased before it is looked again what is due: few enough that nobody has touched one in between.
const ERASED_AT_ONCE: &str = "50";

/// Records that one rule erases in one go: each is a transaction, and whoever reads the list must be able to.
pub const RECORDS_MAX: usize = 10_000;

/// How often it is looked whether a day has begun somewhere.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// What a rule would erase.
#[derive(Debug)]
pub struct Due {
    /// The rule.
    pub rule: RecordId,
    /// What it is called.
    pub name: String,
    /// The kind that it looks at.
    pub kind: String,
    /// The records, with their titles, at most [`RECORDS_MAX`]; or why it cannot be carried out.
    pub records: Result<Vec<(RecordId, String)>, Text>,
    /// Stands for just these records under just this condition.
    pub seen: String,
}

/// A record that a rule has erased.
#[derive(Debug)]
pub struct Gone {
    /// The rule.
    pub rule: RecordId,
    /// The record.
    pub record: RecordId,
    /// What was removed.
    pub proof: Proof,
}

/// Which rules are carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All that are in force: somebody says so.
    All,
    /// One of them: somebody says so, who has looked at what it finds, [`Due::seen`].
    One(RecordId, String),
    /// All, because a day has begun.
    Daily,
}

/// A rule that is in force.
struct Rule {
    id: RecordId,
    name: String,
    kind: String,
    condition: String,
}

impl Rule {
    /// What it asks for, or why it cannot be carried out.
    fn query(&self, reading: &Reading, size: &str, after: Option<&str>) -> Result<Query, Text> {
        if let Some(why) = privacy::kept(&self.kind) {
            return Err(why);
        }
        ages::checked(&self.condition).map_err(|bad| Text::new(bad.to_string(), bad.message_zh()))?;
        let mut params = vec![("where", self.condition.as_str()), ("maxSize", size)];
        params.extend(after.map(|after| ("after", after)));
        reading.query(&self.kind, params).map_err(|error| Error::from(error).problem().text)
    }
}

/// Carries out the rules every day in the workspaces that ask for it, until the server stops.
pub async fn run(app: App) {
    loop {
        let done = round(&app).await;
        if let Err(error) = &done {
            tracing::error!(error = error as &dyn std::error::Error, "what may not be kept was not erased; it is tried again");
        }
        app.runs.note(Runs::RETENTION, app.clock.now(), &done);
        if !app.pause(LOOK_EVERY).await {
            return;
        }
    }
}

/// Carries out the rules wherever a day has begun for which that was not done. Answers how many records are gone.
///
/// # Errors
/// What went wrong last; every workspace had its turn.
pub async fn round(app: &App) -> Result<usize, Error> {
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    let (mut gone, mut failed) = (0, None);
    for workspace in all {
        match daily(app, workspace.workspace).await {
            Ok(more) => gone += more,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(gone), Err)
}

async fn daily(app: &App, workspace: WorkspaceId) -> Result<usize, Error> {
    let now = app.clock.now();
    let mut tx = app.store.reader().await?;
    let Some(daily) = retention::daily(&mut tx, workspace).await? else { return Ok(0) };
    let day = sequences::today(&mut tx, workspace, now).await?.to_string();
    drop(tx);
    if daily.last_day == day {
        return Ok(0);
    }
    let nobody = |_| {
        Error::Forbidden(Text::new(
            "Whoever switched daily erasing on may not erase any more: switch it on again.",
            "启用每天自动清除的人员已无清除权限，请重新启用。",
        ))
    };
    let caller = eraser(app, workspace, |user| user.user == daily.by).await.map_err(nobody)?;
    let gone = erase(app, &caller, Which::Daily).await?.len();
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { retention::done(tx, workspace, &day, now).await })).await?;
    Ok(gone)
}

/// Switches daily erasing on, on the caller's behalf, or off. What is due today stays until tomorrow.
///
/// # Errors
/// When the database fails.
pub async fn switch(app: &App, caller: &Caller, on: bool) -> Result<(), Error> {
    let (workspace, by, now) = (caller.workspace, caller.user, app.clock.now());
    let last_day = sequences::today(&mut app.store.reader().await?, workspace, now).await?.to_string();
    let note = Note::of(workspace, Some(by), Act::RetentionSwitched, workspace).with(json!({ "on": on }));
    let switched = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            match on {
                true => retention::switch_on(tx, workspace, &Daily { by, since: now, last_day, last_at: None }).await?,
                false => retention::switch_off(tx, workspace).await?,
            }
            note.write(tx, now).await
        })
    });
    Ok(switched.await?)
}

/// Somebody who may erase, for who runs the job: whoever is named, or the first person of the office.
///
/// # Errors
/// When there is nobody.
pub async fn on_behalf(app: &App, workspace: WorkspaceId, login: Option<&str>) -> Result<Caller, Error> {
    eraser(app, workspace, |user| login.is_none_or(|login| user.login == login)).await
}

async fn eraser(app: &App, workspace: WorkspaceId, is_meant: impl Fn(&User) -> bool) -> Result<Caller, Error> {
    let mut users = people::users(&mut app.store.reader().await?, workspace).await?;
    let roles = app.intake.rules(workspace).roles;
    users.retain(|user| user.disabled_at.is_none() && roles.may(&user.role, Right::Purge));
    users.sort_by_key(|user| user.created_at);
    let user = users.into_iter().find(is_meant).ok_or(Error::NotFound)?;
    Ok(Caller::seeing(user))
}

/// What the rules that are in force would erase now.
///
/// # Errors
/// When the database fails. A rule that cannot be carried out says so in its place.
pub async fn due(app: &App, caller: &Caller) -> Result<Vec<Due>, Error> {
    let reading = Reading::of(app, caller);
    let mut all = Vec::new();
    for rule in rules(&reading).await? {
        let records = found(&reading, &rule).await?;
        let seen = seen(&rule, records.as_deref().unwrap_or_default());
        all.push(Due { rule: rule.id, name: rule.name, kind: rule.kind, records, seen });
    }
    Ok(all)
}

async fn rules(reading: &Reading) -> Result<Vec<Rule>, Error> {
    let filter = r#"[{"type": "equals", "attribute": "purpose", "value": "retention"}, {"type": "isTrue", "attribute": "enabled"}]"#;
    let query = reading.query("rule", [("where", filter), ("orderBy", "name"), ("maxSize", PAGE)])?;
    let rule = |row: Row| {
        let text = |name: &str| row.fields.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        Rule { id: row.id, kind: text("about"), condition: text("condition"), name: row.title.clone() }
    };
    Ok(reading.list(&List::of(query)).await?.rows.into_iter().map(rule).collect())
}

fn seen(rule: &Rule, records: &[(RecordId, String)]) -> String {
    let mut ids: Vec<RecordId> = records.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    let text = json!([rule.kind, rule.condition, ids]).to_string();
    hex(&Sha256::digest(text).into())
}

/// The records that a rule finds, archived ones too.
async fn found(reading: &Reading, rule: &Rule) -> Result<Result<Vec<(RecordId, String)>, Text>, Error> {
    let (mut records, mut after): (Vec<(RecordId, String)>, Option<String>) = (Vec::new(), None);
    loop {
        let query = match rule.query(reading, PAGE, after.as_deref()) {
            Ok(query) => query,
            Err(bad) => return Ok(Err(bad)),
        };
        let (rows, next) = page_of(reading, query).await?;
        records.extend(rows.into_iter().map(|row| (row.id, row.title)));
        after = next.filter(|_| records.len() < RECORDS_MAX);
        if after.is_none() {
            records.truncate(RECORDS_MAX);
            return Ok(Ok(records));
        }
    }
}

/// A page of what is due, and where the next one begins. What was merged into another record goes with that one.
async fn page_of(reading: &Reading, query: Query) -> Result<(Vec<Row>, Option<String>), ReadError> {
    let mut page = reading.list(&List { shelf: Shelf::Both, ..List::of(query) }).await?;
    let merged = reading.merged_among(&page.rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    page.rows.retain(|row| !merged.contains(&row.id));
    Ok((page.rows, page.next))
}

/// Erases what is due, and answers the proofs. It is looked at page by page: what somebody has touched meanwhile is not
/// due any more.
///
/// # Errors
/// What went wrong last; what was erased until then is, and the rest is due the next time. [`Error::Conflict`] when one rule
/// finds other records than were looked at, [`Error::NotFound`] when it is not in force; nothing is erased then.
pub async fn erase(app: &App, caller: &Caller, which: Which) -> Result<Vec<Gone>, Error> {
    let _one = app.retaining.lock().await;
    let (mut gone, mut failed) = (Vec::new(), None);
    let mut all = rules(&Reading::of(app, caller)).await?;
    if let Which::One(one, _) = &which {
        all.retain(|rule| rule.id == *one);
        if all.is_empty() {
            return Err(Error::NotFound);
        }
    }
    for rule in all {
        let only = match &which {
            Which::One(_, looked_at) => Some(as_looked_at(app, caller, &rule, looked_at).await?),
            Which::All | Which::Daily => None,
        };
        let before = gone.len();
        failed = carry_out(app, caller, &rule, only.as_ref(), &mut gone).await.err().or(failed);
        note(app, caller, &rule, &which, gone.len() - before).await?;
    }
    if !gone.is_empty() {
        privacy::scrub(app, caller.workspace).await?;
    }
    failed.map_or(Ok(gone), Err)
}

/// The records that a rule finds, if they are those that were looked at.
async fn as_looked_at(app: &App, caller: &Caller, rule: &Rule, looked_at: &str) -> Result<BTreeSet<RecordId>, Error> {
    let records = found(&Reading::of(app, caller), rule).await?.unwrap_or_default();
    if seen(rule, &records) != looked_at {
        return Err(Error::Conflict(Text::new(
            "Other records are due than were looked at: look again.",
            "到期的记录与所查看的不同，请重新查看。",
        )));
    }
    Ok(records.into_iter().map(|(id, _)| id).collect())
}

/// Erases what a rule finds; of that, `only` these records.
async fn carry_out(app: &App, caller: &Caller, rule: &Rule, only: Option<&BTreeSet<RecordId>>, gone: &mut Vec<Gone>) -> Result<(), Error> {
    let (reading, most) = (Reading::of(app, caller), gone.len() + RECORDS_MAX);
    let (mut after, mut holders): (Option<String>, _) = (None, None);
    loop {
        // What cannot be carried out says so where it is shown.
        let Ok(query) = rule.query(&reading, ERASED_AT_ONCE, after.as_deref()) else { return Ok(()) };
        let (rows, next) = page_of(&reading, query).await?;
        for row in rows.into_iter().filter(|row| only.is_none_or(|only| only.contains(&row.id))) {
            match privacy::erase_row(app, caller, row.id, &mut holders).await {
                Ok(proof) => gone.push(Gone { rule: rule.id, record: row.id, proof }),
                // Somebody else has erased it a moment ago, or it went with another one, as a file does.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        after = next.filter(|_| gone.len() < most);
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn note(app: &App, caller: &Caller, rule: &Rule, which: &Which, count: usize) -> Result<(), StoreError> {
    if count == 0 {
        return Ok(());
    }
    let detail = if *which == Which::Daily { json!({ "records": count, "daily": true }) } else { json!({ "records": count }) };
    Note::of(caller.workspace, Some(caller.user), Act::RetentionRun, rule.id).with(detail).keep(&app.store, app.clock.now()).await
}
