//! Conditions that people put together: a field, what is said about it, with what it is compared.
//!
//! One part of pages, whoever uses it: lists, roles, handovers, the records of rules. Only what the filter language
//! knows is offered (`query::offers`); what comes back is read by it. Nobody has to write JSON, and who wants to may.

mod builder;
mod held;
mod of_records;
mod one;
mod said;
mod sent;
mod together;
mod tree;
mod words;

use sync_core::schema::Kind;

use super::desk::Desk;

pub use builder::{Builder, draw, filled, read};
pub use held::held;
pub use of_records::{collect, prepare};
pub use one::{Controls, offered, read as read_one};
pub use said::{Needs, sayings};
pub use sent::asks;
pub use together::Together;
pub use words::{describe, is_nothing, label, part_key, values};

/// Where conditions hold, and so what can be said in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A list that somebody looks at: "me" is whoever looks.
    List,
    /// Records that the server chooses for everybody alike.
    Records,
    /// A rule that phones follow, too: what the record itself says, and no date.
    Rule,
}

/// What conditions are about.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Who puts them together.
    pub desk: &'a Desk,
    /// The kind of the records.
    pub kind: &'a Kind,
    /// Where they hold.
    pub scope: Scope,
}
