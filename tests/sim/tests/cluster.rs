//! A cluster under crashes and a network that fails: nothing that was acknowledged is lost, nothing happens twice,
//! everything finishes, and all replicas become equal.
//!
//! `WEFT_SIM_CLUSTER_SEEDS` says how many seeds (100), `WEFT_SIM_CLUSTER_SEED` plays one and prints what happened in it,
//! and `WEFT_SIM_CLUSTER_LARGE_SEEDS` how many large ones (2): a minute of the cluster, 300 workflows and 10 faults or more.
//! With `WEFT_SIM_CLUSTER_SIZE=large` all seeds are large.
//! With `WEFT_SIM_CLUSTER_RECORD=DIR/NAME.txt` what was played is written to `DIR/NAME-PROGRAM.txt`, a file for each build of
//! this program, and who is interrupted goes on from there, with `WEFT_SIM_CLUSTER_PROCESSES` seeds at a time (1);
//! `WEFT_SIM_CLUSTER_FIRST` is then the first of them (0), and `WEFT_SIM_CLUSTER_SEEDS` the one behind the last.

use std::{collections::BTreeSet, env, path::Path};

use weft_sim::{
    ClusterCoverage, Plant, Size, again, campaign, cluster_seeds, environment, is_about, play_if_told, simulate_apart,
};

const SEEDS: u64 = 100;
/// One of them has copies on some nodes only.
const LARGE_SEEDS: [u64; 2] = [0, 4];
/// What one small seed in a hundred comes to, and one large one in ten: the hundred large seeds of CI have it.
const SELDOM: &[&str] = &["proposed again"];
/// Failures that are told with what was violated: of the others the seed is enough.
const REPORTED_MAX: usize = 5;

#[test]
fn a_cluster_that_crashes_keeps_what_it_acknowledged() {
    if play_if_told() {
        return;
    }
    if let Some(seed) = environment("WEFT_SIM_CLUSTER_SEED") {
        return play_one(seed);
    }
    let seeds = environment("WEFT_SIM_CLUSTER_SEEDS").unwrap_or(SEEDS);
    if let Some(record) = env::var_os("WEFT_SIM_CLUSTER_RECORD") {
        let processes = environment("WEFT_SIM_CLUSTER_PROCESSES").unwrap_or(1);
        let first = environment("WEFT_SIM_CLUSTER_FIRST").unwrap_or(0);
        let played = campaign(first..seeds, usize::try_from(processes).expect("few"), Path::new(&record));
        let coverage = played.unwrap_or_else(|failure| panic!("{failure}"));
        return check_coverage(seeds.saturating_sub(first), &coverage, &[]);
    }
    let (coverage, failures) = cluster_seeds(Size::told(), &(0..seeds).collect::<Vec<_>>());
    println!("{seeds} seeds: {coverage}");
    report(Size::told(), &failures);
    assert!(failures.is_empty(), "{} of {seeds} seeds failed", failures.len());
    check_coverage(seeds, &coverage, SELDOM);
}

/// Fails if so many seeds have never come to something, but for what comes too seldom.
fn check_coverage(seeds: u64, coverage: &ClusterCoverage, seldom: &[&str]) {
    let missing: Vec<_> = coverage.missing().into_iter().filter(|name| !seldom.contains(name)).collect();
    assert!(seeds < SEEDS || missing.is_empty(), "never reached: {missing:?}");
}

/// Seeds of the size that the small ones, which are many, have not.
#[test]
fn large_seeds_keep_what_they_acknowledged() {
    let seeds = environment("WEFT_SIM_CLUSTER_LARGE_SEEDS");
    let seeds = seeds.map_or_else(|| LARGE_SEEDS.to_vec(), |seeds| (0..seeds).collect());
    let (coverage, failures) = cluster_seeds(Size::Large, &seeds);
    let seeds = seeds.len() as u64;
    println!("{seeds} large seeds: {coverage}");
    report(Size::Large, &failures);
    assert!(failures.is_empty(), "{} of {seeds} large seeds failed", failures.len());
    check_coverage(seeds, &coverage, &[]);
}

fn report(size: Size, failures: &[(u64, String)]) {
    let (told, others) = failures.split_at(failures.len().min(REPORTED_MAX));
    for (seed, violation) in told {
        println!("seed {seed}: {violation}");
        println!("  again: {}", again(size, *seed));
    }
    if !others.is_empty() {
        println!("and seeds {:?}", others.iter().map(|(seed, _)| seed).collect::<Vec<_>>());
    }
}

fn play_one(seed: u64) {
    let outcome = simulate_apart(Size::told(), seed, Plant::Nothing, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("seed {seed}: digest {:016x}; {}", outcome.digest, outcome.coverage);
    assert_eq!(outcome.violation, None);
}

#[test]
fn the_same_seed_is_the_same_run_in_another_process() {
    let mut digests = BTreeSet::new();
    let mut is_placed = false;
    for seed in [1, 2, 4] {
        let [one, other] = [(); 2].map(|()| simulate_apart(Size::Small, seed, Plant::Nothing, true));
        assert!(one.trace.len() > 100, "seed {seed}: {:?}", one.violation);
        let differing = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert_eq!(differing, None, "seed {seed}");
        assert_eq!(one.digest, other.digest, "seed {seed}");
        assert_eq!(one.coverage, other.coverage, "seed {seed}");
        assert!(digests.insert(one.digest), "seed {seed} is the same run as another one");
        is_placed |= one.trace.iter().any(|line| line.contains("with copies on some nodes"));
    }
    assert!(is_placed, "none of them has copies on some nodes only");
}

/// In what is said of an answer that does not know what was acknowledged before.
const UNKNOWN: &[&str] =
    &["does not know", "workflow execution not found", "was acknowledged and is not there", "events were seen and"];
/// In what is said of a disk, or of replicas, that have lost what was acknowledged.
const LOST: &[&str] = &[
    "does not know",
    "workflow execution not found",
    "was acknowledged and is not there",
    "events were seen and",
    "was another one before",
    "was shown to a worker as another one",
    "the write-ahead log is damaged",
];
/// In a panic of openraft's own check that what is committed stays: a log has, up to there, no entry of which another one
/// was committed.
const NOT_COMMITTED: &str = "assertion failed: Some(log_id.to_ref()) <= self.committed().to_ref()";
/// … and in that of its check that a term has one leader.
const TWO_LEADERS: &str = "must be >= current accepted.committed_vote";
/// In what is said of replicas that have applied different entries.
const UNEQUAL: &str = "have not applied the same";

/// Fails if no seed of this many finds a planted bug for what it is: by a violation that has one of these words in it.
fn check(plant: Plant, seeds: u64, words: &[&str]) {
    for seed in 0..seeds {
        let Some(violation) = simulate_apart(Size::Small, seed, plant, false).violation else { continue };
        if is_about(&violation, words) {
            return println!("{plant:?}: found by seed {seed}: {violation}");
        }
        println!("{plant:?}: seed {seed} found something else: {violation}");
    }
    panic!("{plant:?} was not found within {seeds} seeds");
}

#[test]
fn a_frame_that_is_never_synced_is_found() {
    check(Plant::NoFrameSync, 20, &[LOST, &[UNEQUAL]].concat());
}

#[test]
fn a_sync_that_is_acknowledged_before_it_is_done_is_found() {
    check(Plant::EarlySync, 20, &[LOST, &[UNEQUAL]].concat());
}

#[test]
fn an_entry_that_counts_as_committed_before_others_have_it_is_found() {
    check(Plant::EarlyCommit, 100, &[UNKNOWN, &[NOT_COMMITTED, UNEQUAL, "was another one before"]].concat());
}

#[test]
fn a_vote_that_is_counted_and_was_not_given_is_found() {
    check(Plant::WrongQuorum, 40, &["lead GroupId", TWO_LEADERS, NOT_COMMITTED, UNEQUAL]);
}

#[test]
fn an_answer_that_is_given_before_it_can_be_read_is_found() {
    check(Plant::LateApply, 20, UNKNOWN);
}

#[test]
fn timers_that_are_too_early_are_found() {
    check(Plant::EarlyTimer, 20, &["too early"]);
}

#[test]
fn a_read_that_asks_nobody_is_found() {
    check(Plant::StaleRead, 100, UNKNOWN);
}

#[test]
fn a_message_of_which_no_receipt_is_stored_is_found() {
    check(Plant::NoReceipt, 100, &["was done 2 times", "accounts began with"]);
}

#[test]
fn a_batch_that_is_applied_in_another_epoch_is_found() {
    check(Plant::NoEpoch, 40, LOST);
}
