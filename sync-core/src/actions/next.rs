//! The action needed next: of the open activities about a record, the one that is due first.
//!
//! Knows what an activity is and no record that it is about. Never reads a clock.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::id::{Millis, RecordId};
use crate::query::Context;

/// The kind of activities, and the link that says what one is about.
pub const ACTIVITY: &str = "activity";
/// The link that says what an activity is about.
pub const ABOUT: &str = "about";

/// How it stands with what is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// It should have been done.
    Late,
    /// It is due today.
    Today,
    /// It is planned for a later day, or for no day.
    Planned,
}

/// Whether an activity only tells of something, and is nothing to be done.
pub(super) fn is_note(activity: &Map<String, Json>) -> bool {
    matches!(activity.get("type").and_then(Json::as_str), Some("note" | "check_in"))
}

/// The open activity that is due first.
#[derive(Debug, Clone, PartialEq)]
pub struct NextStep {
    /// The activity.
    pub id: RecordId,
    /// What it is.
    pub title: String,
    /// When it is due: a day, a moment, or nothing.
    pub due: Option<Json>,
    /// How it stands with it.
    pub tone: Tone,
}

/// An activity, with what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The record that it is about.
    pub about: RecordId,
    /// The activity.
    pub id: RecordId,
    /// What it is.
    pub title: String,
    /// What it shows.
    pub fields: Map<String, Json>,
}

/// What is to be done next about each of the records that some activities are about; those about which nothing is planned are
/// missing.
pub fn next_steps(activities: impl IntoIterator<Item = Activity>, context: &Context) -> BTreeMap<RecordId, NextStep> {
    let mut steps: BTreeMap<RecordId, NextStep> = BTreeMap::new();
    for Activity { about, id, title, fields } in activities.into_iter().filter(|activity| is_open(&activity.fields)) {
        let due = due(&fields);
        let step = NextStep { id, title, tone: tone(due.as_ref(), context), due };
        let sooner = |known: &NextStep| place(step.due.as_ref(), context) < place(known.due.as_ref(), context);
        if steps.get(&about).is_none_or(sooner) {
            steps.insert(about, step);
        }
    }
    steps
}

/// Whether an activity is still to be done.
pub fn is_open(activity: &Map<String, Json>) -> bool {
    let is_over = matches!(activity.get("status").and_then(Json::as_str), Some("done" | "cancelled"));
    // What has no state counts only if it has a time: people log calls without saying that they are done.
    !is_note(activity) && !is_over && (activity.get("status").is_some() || due(activity).is_some())
}

/// When an activity is due: its deadline, or when it begins.
pub fn due(activity: &Map<String, Json>) -> Option<Json> {
    let start = || activity.get("when").and_then(|when| when.get("start"));
    activity.get("due").or_else(start).filter(|due| due.is_string() || due.is_i64()).cloned()
}

/// How it stands with something due then: a day, a moment, or no time at all.
pub fn tone(due: Option<&Json>, context: &Context) -> Tone {
    let today = context.today().to_string();
    let day = match due {
        Some(Json::String(day)) => Some(day.clone()),
        Some(Json::Number(millis)) => millis.as_i64().map(|at: Millis| Context { now: at, ..*context }.today().to_string()),
        _ => None,
    };
    let is_past = due.and_then(Json::as_i64).is_some_and(|at| at < context.now);
    match day {
        Some(day) if day < today || (day == today && is_past) => Tone::Late,
        Some(day) if day == today => Tone::Today,
        _ => Tone::Planned,
    }
}

/// Orders activities by when they are due; those for no day come last.
pub fn place(due: Option<&Json>, context: &Context) -> (bool, String) {
    let text = match due {
        Some(Json::String(day)) => day.clone(),
        Some(Json::Number(millis)) => Context { now: millis.as_i64().unwrap_or_default(), ..*context }.today().to_string(),
        _ => String::new(),
    };
    (text.is_empty(), text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_due_first_decides_the_colour() {
        // 2027-01-15 16:00 in Beijing.
        let context = Context { now: 1_800_000_000_000, offset_minutes: 480 };
        for (due, expected) in [
            (json!("2027-01-14"), Tone::Late),
            (json!("2027-01-15"), Tone::Today),
            (json!("2027-01-16"), Tone::Planned),
            (json!(1_799_999_999_000_i64), Tone::Late),
            (json!(1_800_000_001_000_i64), Tone::Today),
            // Late in the evening in London is tomorrow in Beijing.
            (json!(1_800_033_000_000_i64), Tone::Planned),
            (json!(null), Tone::Planned),
        ] {
            assert_eq!(tone(Some(&due), &context), expected, "{due}");
        }
    }

    #[test]
    fn only_what_is_still_to_be_done_counts() {
        let open = |value: Json| is_open(value.as_object().unwrap());
        assert!(open(json!({"status": "planned"})) && open(json!({"due": 1})));
        assert!(!open(json!({"status": "done", "due": 1})) && !open(json!({})) && !open(json!({"type": "note", "due": 1})));
    }
}
