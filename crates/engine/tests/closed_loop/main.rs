//! The engine and replay face to face: random workflows, run by workers that crash, forget, fail and come late.
//!
//! Virtual time, no network, no threads: one seed decides everything. Laws: code never parts from its history; every
//! workflow ends; each run, replayed whole, ends as it ended; the same seed gives the same trace, event by event.
//!
//! `CLOSED_LOOP_SEEDS` asks for more seeds than CI's.

mod cluster;
#[path = "../engine/model.rs"]
#[expect(dead_code, reason = "the scenarios of the engine use more of it")]
mod model;
mod plan;
mod play;
#[path = "../engine/world.rs"]
#[expect(dead_code, reason = "the scenarios of the engine use more of it")]
mod world;

use cluster::Cluster;
use play::Fault;

fn seeds() -> u64 {
    std::env::var("CLOSED_LOOP_SEEDS").map_or(200, |seeds| seeds.parse().expect("CLOSED_LOOP_SEEDS is a number"))
}

/// Runs the workflows of a seed to their ends.
fn run(seed: u64, fault: Fault) -> Result<Cluster, String> {
    let mut cluster = Cluster::new(seed, fault);
    match cluster.run() {
        Ok(()) => Ok(cluster),
        Err(why) => {
            let last = cluster.trace.len().saturating_sub(40);
            Err(format!("{why}\n{}", cluster.trace[last..].join("\n")))
        }
    }
}

#[test]
fn random_workflows_never_part_from_their_histories_and_all_of_them_end() {
    let mut ended = cluster::Counts::default();
    for seed in 0..seeds() {
        let cluster = run(seed, Fault::None).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        ended.add(&cluster.counts);
    }
    println!("{ended:?}");
    assert!(ended.all_happened(), "the chaos was not all there: {ended:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..10 {
        let once = run(seed, Fault::None).expect("it ends").trace;
        let again = run(seed, Fault::None).expect("it ends").trace;
        assert!(once == again, "seed {seed} went two ways");
    }
}

/// What the loop is good for: bugs that are planted in the workflows' code are found, each within a few seeds.
#[test]
fn code_that_is_not_deterministic_is_found() {
    for fault in [Fault::Chance, Fault::Forgotten, Fault::Swapped] {
        let found = (0..100).find_map(|seed| run(seed, fault).err());
        let why = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert!(why.contains("nondeterministic workflow"), "{fault:?}: {why}");
    }
}
