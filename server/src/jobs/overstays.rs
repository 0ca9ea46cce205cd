//! Reminders of records that stay in a state for longer than they may: a task for whoever answers for one, and after another
//! span one for whom they report to; and of gaps that ask for one.
//!
//! Keeps nothing: what was made is there, and is not made again (`sync_core::actions::overstays`).

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use sync_core::actions::overstays::{self, Reminded};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Kind};

use super::gaps;
use super::reminding::{Pages, is_active, itself, language, owner_of, write};
use super::runs::Runs;
use crate::app::App;
use crate::error::Error;
use crate::reading::{Reading, Row};
use crate::store::workspaces;

/// How often it is looked: what may stay for days is told within the hour.
const LOOK_EVERY: Duration = Duration::from_secs(900);

/// Reminds until the server stops. What fails is looked at again.
pub async fn run(app: App) {
    loop {
        let done = round(&app).await;
        if let Err(error) = &done {
            tracing::error!(error = error as &dyn std::error::Error, "reminders of what stays too long could not be made");
        }
        app.runs.note(Runs::OVERSTAYS, app.clock.now(), &done);
        if !app.pause(LOOK_EVERY).await {
            return;
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

async fn of_kind(app: &App, workspace: WorkspaceId, kind: &Kind, (due, state): (&Field, &Field)) -> Result<usize, Error> {
    let reading = itself(app, workspace);
    let timed: Vec<&str> = state.options.iter().filter(|option| option.days.is_some()).map(|option| &*option.value).collect();
    let filter = json!([{"type": "in", "attribute": state.name, "value": timed}, {"type": "past", "attribute": due.name}]);
    let (mut pages, mut made) = (Pages::of(&reading, kind, &filter), 0);
    while let Some(rows) = pages.next().await? {
        made += remind(app, (workspace, &reading), kind, &rows).await?;
    }
    Ok(made)
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
            tasks.extend(
                known.filter(is_active).map(|member| over.task((row.id, &row.title), whom, &member.id.to_string(), language(member))),
            );
        }
    }
    write(app, workspace, tasks).await
}

/// Whom a colleague reports to.
fn superior(member: &Row) -> Option<RecordId> {
    member.fields.get("reports_to")?.as_str()?.parse().ok()
}
