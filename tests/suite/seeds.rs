//! The seeded world, seed by seed.

use std::time::Instant;

use tests::world::play;

/// Seeds that every run plays: two minutes on two cores. Set `RAPPORT_SEEDS` for a night.
const SEEDS: u64 = 500;
const PARTS: u64 = 4;

/// How many seeds to play in all: `RAPPORT_SEEDS` for more than every run does.
fn seeds() -> u64 {
    std::env::var("RAPPORT_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

fn play_part(part: u64) {
    let (begun, mut edits, mut changes, mut days) = (Instant::now(), 0, 0, 0);
    let (count, mut broken) = (seeds() / PARTS, Vec::new());
    for seed in part * count..(part + 1) * count {
        match play(seed) {
            Ok(played) => {
                edits += played.edits;
                changes += played.changes;
                days += played.millis / 86_400_000;
            }
            Err(violation) => broken.push((seed, violation)),
        }
    }
    if let Some((_, first)) = broken.first() {
        panic!("{first}\nseeds that break the promise: {:?}", broken.iter().map(|(seed, _)| seed).collect::<Vec<_>>());
    }
    let each = begun.elapsed() / u32::try_from(count.max(1)).unwrap();
    println!("{count} seeds, {each:?} each: {edits} edits, {changes} kept, {days} days");
}

#[test]
fn the_first_quarter_of_the_seeds_keeps_the_promise() {
    play_part(0);
}

#[test]
fn the_second_quarter_of_the_seeds_keeps_the_promise() {
    play_part(1);
}

#[test]
fn the_third_quarter_of_the_seeds_keeps_the_promise() {
    play_part(2);
}

#[test]
fn the_last_quarter_of_the_seeds_keeps_the_promise() {
    play_part(3);
}

#[test]
fn one_seed() {
    let seed = std::env::var("RAPPORT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let played = play(seed).unwrap_or_else(|violation| panic!("{}\n{violation}", violation.trace.join("\n")));
    println!("{}", played.trace.join("\n"));
}

#[test]
fn a_seed_plays_the_same_twice() {
    for seed in [1, 2, 3, 5, 8, 13] {
        let (once, twice) = (play(seed), play(seed));
        let trace = |played: &Result<_, tests::world::Violation>| match played {
            Ok(tests::world::Played { trace, .. }) => trace.clone(),
            Err(violation) => violation.trace.clone(),
        };
        let (once, twice) = (trace(&once), trace(&twice));
        let differs = once.iter().zip(&twice).position(|(a, b)| a != b);
        assert_eq!(differs.map(|line| (&once[line], &twice[line])), None, "seed {seed}");
        assert_eq!(once.len(), twice.len(), "seed {seed}");
    }
}
