//! The tests of the tests: each bug that is planted on purpose must be found within the seeds that every
//! run plays. A harness that finds none of them would prove nothing.

use sync_core::planted::{Bug, plant};
use tests::world::play;

/// The seeds that every run plays.
const SEEDS: u64 = 1_000;

/// Plays seeds with a bug planted in this thread until one breaks the promise.
fn is_found(bug: Bug) {
    plant(Some(bug));
    let found = (0..SEEDS).find_map(|seed| play(seed).err());
    plant(None);
    let violation = found.unwrap_or_else(|| panic!("{bug:?} was not found in {SEEDS} seeds"));
    println!("{bug:?} was found after {} seeds: {}", violation.seed + 1, violation.what.lines().next().unwrap_or_default());
}

#[test]
fn planted_acknowledgement_before_the_commit_is_found() {
    is_found(Bug::AcknowledgeBeforeCommit);
}

#[test]
fn planted_positions_from_a_sequence_are_found() {
    is_found(Bug::PositionFromSequence);
}

#[test]
fn planted_skip_of_the_round_trip_is_found() {
    is_found(Bug::SkipRoundTrip);
}

#[test]
fn planted_reuse_of_an_actor_is_found() {
    is_found(Bug::ReuseActor);
}
