//! Reminders of records that stay in a state for longer than they may: a task for whoever answers for one, and after another
//! span one for whom they report to; and of gaps that ask for one.
//!
//! Keeps nothing: what was made is there, and is not made again (`sync_core::actions::overstays`).

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value as Json, json};
use sync_core::access::RoleSet;
use sync_core::actions::next::ACTIVITY;
use sync_core::actions::overstays::{self, Reminded};
use sync_core::id::{KindName, RecordId, UserId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Kind};

use super::gaps;
use super::runs::Runs;
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::intake::{Expect, RecordEdit};
use crate::language::Language;
use crate::reading::{List, Reading, Row};
use crate::store::people::User;
use crate::store::{records, workspaces};

/// How often it is looked: what may stay for days is told within the hour.
const LOOK_EVERY: Duration = Duration::from_secs(900);

/// Records looked at together.
pub(super) const PAGE: &str = "200";

/// Reminds until the server stops. What fails is looked at again.
pub async fn run(app: App) {
    loop {
        let done = round(&app).await;
        if let Err(error) = &done {
            tracing::error!(error = error as &dyn std::error::Error, "reminders of what stays too long could not be made");
        }
        app.runs.note(Runs::OVERSTAYS, app.clock.now(), &done);
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = app.until_stopping() => return,
        }
    }
}

/// Makes all reminders that are due and not there. Answers how many.
///
/// # Errors
/// When the database fails.
pub async fn round(app: &App) -> Result<usize, Error> {
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    let mut made = 0;
    for workspace in all.into_iter().map(|known| known.workspace) {
        let rules = app.intake.rules(workspace);
        for kind in rules.schema.kinds() {
            for (due, state) in overstays::timed(kind) {
                made += of_kind(app, workspace, kind, (due, state)).await?;
            }
            made += gaps::of_kind(app, workspace, kind).await?;
        }
    }
    Ok(made)
}

/// The server as a reader: of everything that the office sees.
pub(super) fn itself(app: &App, workspace: WorkspaceId) -> Reading {
    let (login, name) = (String::new(), String::new());
    let (user, role) = (UserId(workspace.0), RoleSet::office());
    Reading::of(app, &Caller::seeing(User { workspace, user, login, name, role, language: Language::En, disabled_at: None, created_at: 0 }))
}

async fn of_kind(app: &App, workspace: WorkspaceId, kind: &Kind, (due, state): (&Field, &Field)) -> Result<usize, Error> {
    let reading = itself(app, workspace);
    let timed: Vec<&str> = state.options.iter().filter(|option| option.days.is_some()).map(|option| &*option.value).collect();
    let filter = json!([{"type": "in", "attribute": state.name, "value": timed}, {"type": "past", "attribute": due.name}]).to_string();
    let (mut made, mut after): (usize, Option<String>) = (0, None);
    loop {
        let mut params = vec![("where", &*filter), ("maxSize", PAGE)];
        params.extend(after.as_deref().map(|after| ("after", after)));
        // Where the office is kept from asking, nobody is reminded.
        let Ok(query) = reading.query(&kind.name, params) else { return Ok(made) };
        let page = reading.list(&List::of(query)).await?;
        made += remind(app, (workspace, &reading), kind, &page.rows).await?;
        after = page.next;
        if after.is_none() {
            return Ok(made);
        }
    }
}

/// Makes the reminders of some records, those that are not there.
async fn remind(app: &App, (workspace, reading): (WorkspaceId, &Reading), kind: &Kind, rows: &[Row]) -> Result<usize, Error> {
    let owners: HashMap<RecordId, RecordId> = rows.iter().filter_map(|row| Some((row.id, owner_of(kind, row)?))).collect();
    let ids: Vec<RecordId> = owners.values().copied().collect();
    let (owning, _) = reading.rows(&ids).await?;
    let superiors: Vec<RecordId> = owning.values().filter_map(superior).collect();
    let (leading, _) = reading.rows(&superiors).await?;
    let now = app.clock.now();
    let mut tasks: Vec<(RecordId, Vec<FieldEdit>)> = Vec::new();
    for row in rows {
        let Some(owner) = owners.get(&row.id) else { continue };
        let all =
            overstays::of(kind, &row.fields, now).flat_map(|over| over.reminded(now).into_iter().map(move |whom| (over.clone(), whom)));
        for (over, whom) in all {
            let known = match whom {
                Reminded::Owner => owning.get(owner),
                Reminded::Superior => owning.get(owner).and_then(superior).and_then(|superior| leading.get(&superior)),
            };
            let reader = known.filter(|member| member.fields.get("active") != Some(&Json::Bool(false)));
            tasks.extend(reader.map(|member| over.task((row.id, &row.title), whom, &member.id.to_string(), language(member))));
        }
    }
    write(app, workspace, tasks).await
}

pub(super) async fn write(app: &App, workspace: WorkspaceId, tasks: Vec<(RecordId, Vec<FieldEdit>)>) -> Result<usize, Error> {
    let ids: Vec<RecordId> = tasks.iter().map(|(id, _)| *id).collect();
    let there = records::rows_of(&mut app.store.reader().await?, workspace, &ids).await?;
    let kind: KindName = ACTIVITY.parse().expect("a built-in kind");
    let new = tasks.into_iter().filter(|(id, _)| !there.contains_key(id));
    let edits: Vec<RecordEdit> = new.map(|(record, edits)| RecordEdit { kind: kind.clone(), record, edits, expect: Expect::New }).collect();
    if edits.is_empty() {
        return Ok(0);
    }
    let answers = app.intake.edit(&app.intake.itself(workspace), edits, app.clock.now(), None).await?;
    Ok(answers.into_iter().filter(Result::is_ok).count())
}

pub(super) fn owner_of(kind: &Kind, row: &Row) -> Option<RecordId> {
    row.fields.get(&**kind.owner.as_ref()?)?.as_str()?.parse().ok()
}

/// Whom a colleague reports to.
fn superior(member: &Row) -> Option<RecordId> {
    member.fields.get("reports_to")?.as_str()?.parse().ok()
}

pub(super) fn language(member: &Row) -> &str {
    member.fields.get("language").and_then(Json::as_str).unwrap_or("en")
}
