//! Plan against actual: what became of an activity that was planned, and what was done beside the plan.
//!
//! An activity that was written down before its time was planned; one that was written down afterwards tells what was done
//! anyhow. Knows what an activity is and no record that it is about. Never reads a clock.

use serde_json::{Map, Value as Json};

use super::next::{due, is_note};
use crate::id::{DAY_MS, Millis};
use crate::query::Context;

/// The derived field that says since when an activity is what it is.
const SINCE: &str = "status_since";

/// What became of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was planned and done in time.
    Done,
    /// It was planned and done after its time.
    Late,
    /// It was planned, its time is over, and it is not done.
    Missed,
    /// It is planned, and there is time.
    Open,
    /// It was called off.
    Cancelled,
    /// It was done without a plan.
    Beside,
}

impl Outcome {
    /// All of them, with their words.
    pub const ALL: [(Outcome, &'static str); 6] = [
        (Outcome::Done, "done"),
        (Outcome::Late, "late"),
        (Outcome::Missed, "missed"),
        (Outcome::Open, "open"),
        (Outcome::Cancelled, "cancelled"),
        (Outcome::Beside, "beside"),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(outcome, _)| *outcome == self).map_or("", |(_, word)| word)
    }

    /// Whether there was a plan that somebody can be held to.
    pub fn was_planned(self) -> bool {
        !matches!(self, Outcome::Beside | Outcome::Cancelled)
    }
}

/// What became of an activity that was written down at a moment; none for notes, and for what is for no time. What is due at
/// a moment is to be done by then, a visit or a call by the end of its day.
pub fn outcome(activity: &Map<String, Json>, written_at: Millis, context: &Context) -> Option<Outcome> {
    if is_note(activity) {
        return None;
    }
    let at = due(activity)?;
    let begins = match &at {
        Json::Number(moment) => moment.as_i64()?,
        _ => context.begin_of(at.as_str()?)?,
    };
    let is_deadline = activity.get("due").is_some_and(Json::is_i64);
    let ends = if is_deadline { begins } else { context.end_of_day(begins) };
    let since = activity.get(SINCE).and_then(Json::as_i64).unwrap_or(written_at);
    Some(match activity.get("status").and_then(Json::as_str) {
        Some("cancelled") => Outcome::Cancelled,
        Some("done") if written_at >= if at.is_string() { begins + DAY_MS } else { begins } => Outcome::Beside,
        Some("done") if since <= ends => Outcome::Done,
        Some("done") => Outcome::Late,
        _ if ends < context.now => Outcome::Missed,
        _ => Outcome::Open,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_down_before_its_time_was_planned() {
        // 2027-01-15 16:00 in Beijing.
        const NOW: Millis = 1_800_000_000_000;
        const HOUR: Millis = 3_600_000;
        let context = Context { now: NOW, offset_minutes: 480 };
        let visit = |start: Millis, rest: Json| {
            let mut activity = json!({"type": "visit", "when": {"start": start}});
            activity.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            activity
        };
        let yesterday = NOW - 24 * HOUR;
        for (activity, written_at, expected) in [
            (visit(yesterday, json!({"status": "done", "status_since": yesterday + HOUR})), yesterday - HOUR, Some(Outcome::Done)),
            (visit(yesterday, json!({"status": "done", "status_since": NOW})), yesterday - HOUR, Some(Outcome::Late)),
            (visit(yesterday, json!({"status": "done", "status_since": NOW})), NOW, Some(Outcome::Beside)),
            (visit(yesterday, json!({"status": "planned"})), yesterday - HOUR, Some(Outcome::Missed)),
            (visit(NOW - HOUR, json!({"status": "planned"})), yesterday, Some(Outcome::Open)),
            (visit(yesterday, json!({"status": "cancelled"})), yesterday - HOUR, Some(Outcome::Cancelled)),
            // A deadline is a moment, a day is over when it ends where the reader is.
            (json!({"type": "task", "due": NOW - 1, "status": "planned"}), yesterday, Some(Outcome::Missed)),
            (json!({"type": "task", "due": NOW - HOUR, "status": "done", "status_since": NOW}), yesterday, Some(Outcome::Late)),
            (json!({"type": "call", "when": {"start": "2027-01-15"}, "status": "planned"}), yesterday, Some(Outcome::Open)),
            (json!({"type": "call", "when": {"start": "2027-01-14"}, "status": "planned"}), yesterday, Some(Outcome::Missed)),
            (json!({"type": "call", "when": {"start": "2027-01-15"}, "status": "done"}), NOW, Some(Outcome::Done)),
            (json!({"type": "note", "when": {"start": yesterday}}), yesterday, None),
            (json!({"type": "task", "status": "planned"}), yesterday, None),
        ] {
            assert_eq!(outcome(activity.as_object().unwrap(), written_at, &context), expected, "{activity}");
        }
    }
}
