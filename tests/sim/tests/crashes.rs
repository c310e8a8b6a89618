//! One node under crashes: nothing that was acknowledged is lost, nothing happens twice, everything finishes.
//!
//! `WEFT_SIM_SEEDS` says how many seeds (1000), `WEFT_SIM_SEED` plays one and prints what happened in it.

use std::sync::Mutex;

use weft_sim::{Plant, environment, in_parallel, simulate};

const SEEDS: u64 = 1000;
/// Reported failures at most: the first ones say enough.
const REPORTED_MAX: usize = 5;

#[test]
fn a_node_that_crashes_keeps_what_it_acknowledged() {
    if let Some(seed) = environment("WEFT_SIM_SEED") {
        return play_one(seed);
    }
    let seeds = environment("WEFT_SIM_SEEDS").unwrap_or(SEEDS);
    let failures = Mutex::new(Vec::new());
    let coverage = in_parallel(seeds, |seed, outcome| {
        if let Some(violation) = &outcome.violation {
            failures.lock().unwrap().push((seed, violation.clone()));
        }
    });
    println!("{seeds} seeds: {coverage}");
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    for (seed, violation) in failures.iter().take(REPORTED_MAX) {
        println!("seed {seed}: {violation}");
        println!("  again: WEFT_SIM_SEED={seed} cargo test -p weft-sim --test crashes -- --nocapture");
    }
    assert!(failures.is_empty(), "{} of {seeds} seeds failed", failures.len());
    assert!(seeds < SEEDS || coverage.missing().is_empty(), "never reached: {:?}", coverage.missing());
}

fn play_one(seed: u64) {
    let outcome = simulate(seed, Plant::Nothing, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("seed {seed}: digest {:016x}; {}", outcome.digest, outcome.coverage);
    assert_eq!(outcome.violation, None);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [1, 2, 3, 5, 8, 13, 21, 34] {
        let runs: Vec<_> = (0..2).map(|_| simulate(seed, Plant::Nothing, true)).collect();
        let differing = runs[0].trace.iter().zip(&runs[1].trace).find(|(one, other)| one != other);
        assert_eq!(differing, None, "seed {seed}");
        assert_eq!(runs[0].digest, runs[1].digest, "seed {seed}");
        assert_eq!(runs[0].coverage, runs[1].coverage, "seed {seed}");
    }
}
