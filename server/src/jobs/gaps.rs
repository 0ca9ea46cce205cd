//! Tasks that gaps open for whoever answers for a record, where the kind asks for it.
//!
//! Keeps nothing: the id of a task follows from the gap and the record, so that one is made once, whatever becomes of it.

use serde_json::{Value as Json, json};
use sync_core::actions::checklist;
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::schema::{Gap, Kind};

use super::reminding::{Pages, is_active, itself, language, owner_of, write};
use crate::app::App;
use crate::error::Error;
use crate::reading::{Reading, Row};

/// Tasks of one gap that are opened at a time: one that is asked for in a full workspace does not flood it at once.
const TASKS_MAX: usize = 500;

/// Opens the tasks of a kind's gaps that are not there. Answers how many.
///
/// # Errors
/// When the database fails.
pub(super) async fn of_kind(app: &App, workspace: WorkspaceId, kind: &Kind) -> Result<usize, Error> {
    let mut made = 0;
    let has_tasks = checklist::has_tasks(&app.intake.rules(workspace).schema, kind);
    if let Some(owner) = kind.owner.as_ref().filter(|_| has_tasks) {
        for gap in kind.gaps.iter().filter(|gap| gap.task) {
            made += of_gap(app, workspace, kind, (gap, owner)).await?;
        }
    }
    Ok(made)
}

async fn of_gap(app: &App, workspace: WorkspaceId, kind: &Kind, (gap, owner): (&Gap, &str)) -> Result<usize, Error> {
    let reading = itself(app, workspace);
    let Ok(Json::Array(mut conditions)) = serde_json::from_str(&gap.conditions(None)) else { return Ok(0) };
    conditions.push(json!({"type": "isNotNull", "attribute": owner}));
    let (mut pages, mut made) = (Pages::of(&reading, kind, &Json::Array(conditions)), 0);
    while made < TASKS_MAX
        && let Some(rows) = pages.next().await?
    {
        made += open(app, (workspace, &reading), (kind, gap), &rows).await?;
    }
    Ok(made)
}

async fn open(app: &App, (workspace, reading): (WorkspaceId, &Reading), (kind, gap): (&Kind, &Gap), rows: &[Row]) -> Result<usize, Error> {
    let owned: Vec<(&Row, RecordId)> = rows.iter().filter_map(|row| Some((row, owner_of(kind, row)?))).collect();
    let ids: Vec<RecordId> = owned.iter().map(|(_, owner)| *owner).collect();
    let (owning, _) = reading.rows(&ids).await?;
    let task = |(row, owner): &(&Row, RecordId)| {
        let member = owning.get(owner).filter(is_active)?;
        Some(checklist::of_gap(gap, (row.id, &row.title), &member.id.to_string(), language(member)))
    };
    let tasks = owned.iter().filter_map(task).collect();
    write(app, workspace, tasks).await
}
