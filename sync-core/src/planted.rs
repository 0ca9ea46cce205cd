//! Known bugs, planted on purpose: the tests of the tests.
//!
//! The simulated world must find each of them within its budget of seeds. Without the feature
//! `planted-bugs` nothing here can be switched on, and the compiler removes every trace.

/// A bug that the simulated world must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The fence does not write a change again to compare it with what came.
    SkipRoundTrip,
    /// The server acknowledges before it commits.
    AcknowledgeBeforeCommit,
    /// Positions come from a sequence that a failed commit does not give back.
    PositionFromSequence,
    /// A device restored from a backup goes on writing under its old actor id.
    ReuseActor,
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug in this thread, or with `None` takes it out again.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether a bug is planted in this thread.
#[cfg(feature = "planted-bugs")]
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether a bug is planted in this thread: never.
#[cfg(not(feature = "planted-bugs"))]
pub const fn is_planted(_: Bug) -> bool {
    false
}
