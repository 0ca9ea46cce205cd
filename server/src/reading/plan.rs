//! Plan against actual: the activities of some days with what became of each.

use serde_json::{Value as Json, json};
use sync_core::actions::next::ACTIVITY;
use sync_core::actions::plan::{Outcome, outcome};
use sync_core::id::{RecordId, UserId};
use sync_core::query::{Context, Filter, Query};

use super::{Days, List, ReadError, Reading, Row};

/// Activities of one page: a month of twenty people who do ten things a day.
const ACTIVITIES_MAX: u32 = 5_000;

/// Whose an activity is.
const ASSIGNEE: &str = "assignee";

/// An activity with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The activity.
    pub row: Row,
    /// Whose it is.
    pub whose: Option<RecordId>,
    /// What it is: a visit, a call.
    pub what: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl Reading {
    /// The activities of some days, of one person or of everybody in sight, those made last; and whether there are more.
    ///
    /// # Errors
    /// When the caller may not see activities, or the database fails.
    pub async fn planned(&self, days: Days, whose: Option<UserId>, offset_minutes: i32) -> Result<(Vec<Planned>, bool), ReadError> {
        let span = [days.first.to_string(), days.last.to_string()];
        let between = |attribute: &str| json!({"type": "between", "attribute": attribute, "value": span});
        let mut conditions = vec![json!({"type": "or", "value": [between("due"), between("when.start")]})];
        conditions.extend(whose.map(|user| json!({"type": "linkedWith", "attribute": ASSIGNEE, "value": [user.to_string()]})));
        let kind = self.kind(ACTIVITY)?;
        let filter = Filter::from_json(self.schema(), &kind.name, &Json::from(conditions))?;
        let newest = self.query(&kind.name, [("orderBy", "createdAt"), ("order", "desc")])?;
        let list = List { offset_minutes, ..List::of(Query { filter, max_size: ACTIVITIES_MAX, ..newest }) };
        let (found, is_cut) = self.rows_of(&list).await?;
        let context = Context { now: self.now, offset_minutes };
        let planned = |row: Row| {
            let outcome = outcome(&row.fields, row.created_at, &context)?;
            let text = |name: &str| row.fields.get(name).and_then(Json::as_str);
            let (whose, what) = (text(ASSIGNEE).and_then(|id| id.parse().ok()), text("type").unwrap_or_default().to_owned());
            Some(Planned { row, whose, what, outcome })
        };
        Ok((found.into_iter().filter_map(planned).collect(), is_cut))
    }
}
