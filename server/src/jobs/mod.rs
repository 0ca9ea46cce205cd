//! Work that nobody waits for at a door: bringing records in, taking them out, checking everything.
//!
//! Writes only through `intake`. Never reads arguments and never prints: `cli` does, and whoever else
//! starts a job.

pub mod acts;
pub mod bulk;
pub mod cell;
pub mod check;
pub mod columns;
pub mod deadlines;
pub mod duplicates;
pub mod export;
mod following;
pub mod foresight;
mod gaps;
pub mod handover;
pub mod heads;
pub mod import;
pub mod index;
pub mod merge;
pub mod others;
pub mod overstays;
pub mod proofs;
mod reminding;
pub mod reporting;
pub mod retention;
pub mod runs;
pub mod sequences;
pub mod upload;
pub mod whole;

/// What happened so far, for whoever watches a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps that are done.
    pub done: u64,
    /// Steps that there are.
    pub total: u64,
}

/// Somebody who watches a job.
pub type Watch<'a> = &'a mut (dyn FnMut(Progress) + Send);
