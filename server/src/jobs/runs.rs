//! What runs beside the doors, when it ran last and how that went: for who administers.
//!
//! In memory: after a restart everything runs at once anyway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sync_core::id::Millis;

use crate::store::marks;

/// How a job went the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// When it ended.
    pub at: Millis,
    /// How often it has run since the server started.
    pub times: u64,
    /// How often it failed.
    pub failures: u64,
    /// What went wrong the last time, if something did.
    pub error: Option<String>,
}

/// The register of runs; cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    inner: Arc<Mutex<BTreeMap<&'static str, Run>>>,
}

impl Runs {
    /// Puts words into the index.
    pub const INDEX: &'static str = marks::INDEX;
    /// Compares records.
    pub const DUPLICATES: &'static str = marks::DUPLICATES;
    /// Gives records numbers.
    pub const NUMBERS: &'static str = marks::NUMBERS;
    /// Works out who has had which content.
    pub const PROOFS: &'static str = marks::PROOFS;
    /// Tells webhooks.
    pub const HOOKS: &'static str = "hooks";
    /// Tells deputies.
    pub const DEADLINES: &'static str = "deadlines";
    /// Reminds of what stays too long in a state.
    pub const OVERSTAYS: &'static str = "overstays";
    /// Asks for people's words, and carries them out.
    pub const REQUESTS: &'static str = "requests";
    /// Erases what may not be kept any longer, where a workspace asks for it.
    pub const RETENTION: &'static str = "retention";
    /// Removes what nobody needs.
    pub const SWEEP: &'static str = "sweep";

    /// All jobs that note their runs, in the order of the page.
    pub const ALL: [&'static str; 10] = [
        Self::INDEX,
        Self::DUPLICATES,
        Self::NUMBERS,
        Self::PROOFS,
        Self::HOOKS,
        Self::DEADLINES,
        Self::OVERSTAYS,
        Self::REQUESTS,
        Self::RETENTION,
        Self::SWEEP,
    ];

    /// Notes that a job has run.
    pub fn note<T, E: std::error::Error>(&self, job: &'static str, at: Millis, done: &Result<T, E>) {
        let mut runs = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let run = runs.entry(job).or_insert(Run { at, times: 0, failures: 0, error: None });
        (run.at, run.times) = (at, run.times + 1);
        run.failures += u64::from(done.is_err());
        run.error = done.as_ref().err().map(ToString::to_string);
    }

    /// How a job went the last time.
    pub fn last(&self, job: &str) -> Option<Run> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).get(job).cloned()
    }
}
