//! What reminders of all sorts share: going through the records that they are about, and writing the tasks that are not there.

use serde_json::Value as Json;
use sync_core::access::RoleSet;
use sync_core::actions::next::ACTIVITY;
use sync_core::id::{KindName, RecordId, UserId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::intake::{Expect, RecordEdit};
use crate::language::Language;
use crate::reading::{List, Reading, Row};
use crate::store::people::User;
use crate::store::records;

/// Records looked at together.
const PAGE: &str = "200";

/// The server as a reader: of everything that the office sees.
pub(super) fn itself(app: &App, workspace: WorkspaceId) -> Reading {
    let (login, name) = (String::new(), String::new());
    let (user, role) = (UserId(workspace.0), RoleSet::office());
    Reading::of(app, &Caller::seeing(User { workspace, user, login, name, role, language: Language::En, disabled_at: None, created_at: 0 }))
}

/// The records of a kind that a filter finds, page by page.
pub(super) struct Pages<'a> {
    reading: &'a Reading,
    kind: &'a Kind,
    filter: String,
    after: Option<String>,
    done: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn of(reading: &'a Reading, kind: &'a Kind, filter: &Json) -> Self {
        Self { reading, kind, filter: filter.to_string(), after: None, done: false }
    }

    /// The next page, if there is one. Where the office is kept from asking, there is none.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        let after = self.after.as_deref().map(|after| ("after", after));
        let params = [("where", &*self.filter), ("maxSize", PAGE)].into_iter().chain(after);
        let Some(query) = self.reading.query(&self.kind.name, params).ok().filter(|_| !self.done) else { return Ok(None) };
        let page = self.reading.list(&List::of(query)).await?;
        (self.done, self.after) = (page.next.is_none(), page.next);
        Ok(Some(page.rows))
    }
}

/// Writes the tasks that are not there. Answers how many.
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

/// Whether a colleague is to be reminded of anything.
pub(super) fn is_active(member: &&Row) -> bool {
    member.fields.get("active") != Some(&Json::Bool(false))
}

pub(super) fn language(member: &Row) -> &str {
    member.fields.get("language").and_then(Json::as_str).unwrap_or("en")
}
