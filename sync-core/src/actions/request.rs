//! Requests for somebody's word on an edit: records of whoever is asked, so that they decide on a phone, also without a
//! network.
//!
//! The server alone makes and closes them; whoever is asked writes [`DECISION`] and [`NOTE`].

use super::follow::FOLLOW;
pub use crate::access::APPROVAL_KIND as APPROVAL;

/// What they decide.
pub const DECISION: &str = "decision";
/// What they tell the author.
pub const NOTE: &str = "note";
/// What came of it; none as long as it waits.
pub const OUTCOME: &str = "outcome";

/// What people keep for themselves about a record: that they follow it, and what they are asked about it.
pub const OWN_NOTES: [&str; 2] = [FOLLOW, APPROVAL];

/// Whether records of a kind are about others and somebody's own: the pages of those do not tell of them.
pub fn is_own_note(kind: &str) -> bool {
    OWN_NOTES.contains(&kind)
}
