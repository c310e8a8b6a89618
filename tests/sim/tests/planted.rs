//! Bugs on purpose: whoever takes a sync out of the program, or acknowledges before it, is found out here.

use weft_sim::{Plant, hunt};

/// In what is said of a log that is not what it was.
const DAMAGED: &[&str] = &["the write-ahead log is damaged", "which the log, that ends at", "but purged up to"];
/// In what is said of something that was acknowledged, or done, and is not there any more.
const LOST: &[&str] = &["0 times in history", "was acknowledged and is not there", "were seen and"];

/// Fails if a planted bug is not found for what it is, by a violation that has one of these words in it, within this many
/// seeds in which it had its chance.
fn check(plant: Plant, chances: u64, words: &[&str]) {
    match hunt(plant, chances, words) {
        Some(found) => println!("{plant:?}: found by seed {} at try {}: {}", found.seed, found.tries, found.violation),
        None => panic!("{plant:?} was not found within {chances} seeds"),
    }
}

#[test]
fn a_frame_that_is_never_synced_is_found() {
    check(Plant::NoFrameSync, 20, &[DAMAGED, LOST].concat());
}

#[test]
fn a_new_segment_whose_name_is_never_synced_is_found() {
    check(Plant::NoDirSync, 50, &[DAMAGED, LOST].concat());
}

#[test]
fn one_sync_that_is_skipped_is_found() {
    check(Plant::SkippedSync, 200, &[DAMAGED, LOST].concat());
}

#[test]
fn one_sync_of_the_directory_that_is_skipped_is_found() {
    check(Plant::SkippedDirSync, 200, &[DAMAGED, LOST].concat());
}

#[test]
fn a_sync_that_is_acknowledged_before_it_is_done_is_found() {
    check(Plant::EarlySync, 20, &[DAMAGED, LOST].concat());
}

#[test]
fn a_checkpoint_that_is_published_before_the_store_is_durable_is_found() {
    check(Plant::LyingCheckpoint, 20, &[DAMAGED, LOST].concat());
}

#[test]
fn messages_that_are_not_stored_are_found() {
    check(Plant::NoMessage, 200, &["not everything came to its end"]);
}

#[test]
fn a_shared_history_that_nobody_remembers_to_be_shared_is_found() {
    check(Plant::NoReference, 100, &["events of a branch missing"]);
}

#[test]
fn request_ids_that_are_not_stored_are_found() {
    check(Plant::NoRequestId, 200, &["2 times in history"]);
}

#[test]
fn accepted_updates_that_are_not_stored_are_found() {
    // One that is forgotten is accepted again, and its timer is started again.
    check(Plant::NoUpdate, 50, &["about: Update", "an update without an outcome", "was started twice"]);
}

#[test]
fn attempts_and_pauses_of_activities_that_are_not_stored_are_found() {
    check(Plant::NoActivityChange, 50, &["and it is not paused"]);
}

#[test]
fn batch_jobs_that_are_not_stored_are_found() {
    check(Plant::NoJob, 50, &["job"]);
}
