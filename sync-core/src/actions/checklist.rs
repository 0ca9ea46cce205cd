//! What is to be done when a record comes into a state: tasks about it, each made once, whoever puts it there and wherever.
//!
//! A task's id follows from the record, the state and its place in the list: two phones that put a record into a state
//! without knowing of each other make the same tasks, and who comes back to a state makes none again.

use serde_json::{Map, Value as Json};

use super::next::{ABOUT, ACTIVITY};
use super::prices::written;
use crate::id::{RecordId, UserId};
use crate::record::fields::FieldEdit;
use crate::record::gates;
use crate::schema::{Gap, Kind, Schema};

/// The tasks that follow from edits of a record: their ids, and what makes them. `before` is what the record has; they are
/// for its owner, or for who edits.
pub fn tasks(
    schema: &Schema,
    (kind, record): (&Kind, RecordId),
    before: &Map<String, Json>,
    edits: &[FieldEdit],
    author: UserId,
) -> Vec<(RecordId, Vec<FieldEdit>)> {
    if !has_tasks(schema, kind) {
        return Vec::new();
    }
    let owner = kind.owner.as_deref().and_then(|name| written(before, edits, name)?.as_str().filter(|owner| !owner.is_empty()));
    let assignee = owner.map_or_else(|| author.to_string(), str::to_owned);
    let task = |cause: String, subject: &String| (RecordId::of_cause(&cause), planned(subject, &assignee, record));
    let of_state = |(field, option): (&crate::schema::Field, &crate::schema::Choice)| {
        let cause = |place| format!("task {place} of {} {} of {record}", field.name, option.value);
        option.tasks.iter().enumerate().map(|(place, subject)| task(cause(place), subject)).collect::<Vec<_>>()
    };
    gates::moves(kind, before, edits).into_iter().flat_map(of_state).collect()
}

/// Whether there can be tasks about records of a kind.
pub fn has_tasks(schema: &Schema, kind: &Kind) -> bool {
    let about = schema.kind(ACTIVITY).and_then(|activity| activity.field(ABOUT));
    about.is_some_and(|about| about.to.contains(&kind.name))
}

/// The task that a gap opens about a record: its id, and what makes it, for whoever reads this language. There is one, however
/// often the record falls into the gap.
pub fn of_gap(gap: &Gap, (record, title): (RecordId, &str), assignee: &str, language: &str) -> (RecordId, Vec<FieldEdit>) {
    let subject = format!("{}: {title}", gap.label.in_language(language));
    (RecordId::of_cause(&format!("gap {} of {record}", gap.name)), planned(&subject, assignee, record))
}

/// What makes a task of somebody's about a record.
pub(super) fn planned(subject: &str, assignee: &str, record: RecordId) -> Vec<FieldEdit> {
    vec![
        FieldEdit::set("subject", subject),
        FieldEdit::set("type", "task"),
        FieldEdit::set("status", "planned"),
        FieldEdit::set("assignee", assignee),
        FieldEdit::Add { field: ABOUT.to_owned(), value: record.to_string() },
    ]
}
