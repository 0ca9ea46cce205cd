//! What a form with conditions sends: lines, and lines within lines.
//!
//! A line is a condition as it is (`raw`), a group (`match`, and lines of its own), or the controls of one
//! (`attribute`), which may have lines of its own about the records that point here (`of`).

use serde_json::{Value as Json, json};
use sync_core::query::{MAX_CONDITIONS, MAX_DEPTH};

use super::together::{Together, leaves};
use crate::console::typed::Typed;

/// Lines about the records that point here.
pub const OF: &str = "of";

/// The button for one more line, or one more group.
pub const MORE: &str = "+";

/// Whether a form was sent to be drawn again, not to be taken.
pub fn asks(typed: &Typed) -> bool {
    typed.one("step") == "ask" || !typed.names_with(&format!(".{MORE}")).is_empty()
}

/// Whether a form has more lines, or lines within lines, than any filter may have conditions and groups: nobody has made it by
/// hand, and taking it apart takes as long as it is deep.
pub fn is_too_much(typed: &Typed) -> bool {
    let mut lines = 0;
    typed.names().any(|name| {
        lines += usize::from(name.ends_with(".raw") || name.ends_with(".match") || name.ends_with(".attribute"));
        // A line and `of` are a segment each, and the last one is the control.
        name.split('.').count() > 2 * MAX_DEPTH + 1 || lines > 2 * MAX_CONDITIONS
    })
}

/// The lines of a form or of a group: those that are taken out and those that say nothing are not among them.
pub fn lines(typed: &Typed) -> Vec<Typed> {
    let is_sent = |at: &usize| ["raw", "match", "attribute"].iter().any(|part| typed.has(&format!("{at}.{part}")));
    let sent = (0..).take_while(is_sent).map(|at| typed.under(&at.to_string()));
    sent.filter(|line| !line.has("remove") && (line.has("raw") || is_group(line) || !line.one("attribute").is_empty())).collect()
}

/// Whether a line is a group.
pub fn is_group(line: &Typed) -> bool {
    line.has("match") && !line.has("raw")
}

/// Fills in conditions that are there already, each as it is, under names that begin so.
pub fn fill(typed: &mut Typed, prefix: &str, way: Together, conditions: &[Json]) {
    typed.add(format!("{prefix}match"), way.word());
    for (at, condition) in conditions.iter().enumerate() {
        typed.add(format!("{prefix}{at}.raw"), condition.to_string());
    }
}

/// How many conditions were sent.
pub fn weight(typed: &Typed) -> usize {
    let raw = typed.ending_in("raw").filter_map(|text| serde_json::from_str::<Json>(text).ok()).map(|raw| leaves(&raw));
    raw.sum::<usize>() + typed.ending_in("attribute").filter(|attribute| !attribute.is_empty()).count()
}

/// What lines say, whether there is such a field or not.
pub fn loose(typed: &Typed) -> Vec<Json> {
    lines(typed).iter().filter_map(loose_line).collect()
}

/// What one line says, whether there is such a field or not.
pub fn loose_line(line: &Typed) -> Option<Json> {
    if line.has("raw") {
        return serde_json::from_str(line.one("raw")).ok();
    }
    if is_group(line) {
        let inner = loose(line);
        return (!inner.is_empty()).then(|| Together::of(line.one("match")).one(&inner));
    }
    let of = line.under(OF);
    let value = match &loose(&of)[..] {
        [] => Json::from(line.all("v")),
        inner => Json::from(Together::of(of.one("match")).list(inner)),
    };
    Some(json!({"type": line.one("op"), "attribute": line.one("attribute"), "value": value}))
}
