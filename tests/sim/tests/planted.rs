//! Bugs on purpose: whoever takes a sync out of the program, or acknowledges before it, is found out here.

use weft_sim::{Plant, hunt};

/// Fails if a planted bug lives through this many seeds in which it had its chance.
fn check(plant: Plant, chances: u64) {
    match hunt(plant, chances) {
        Some(found) => println!("{plant:?}: found by seed {} at try {}: {}", found.seed, found.tries, found.violation),
        None => panic!("{plant:?} was not found within {chances} seeds"),
    }
}

#[test]
fn a_frame_that_is_never_synced_is_found() {
    check(Plant::NoFrameSync, 20);
}

#[test]
fn a_new_segment_whose_name_is_never_synced_is_found() {
    check(Plant::NoDirSync, 50);
}

#[test]
fn one_sync_that_is_skipped_is_found() {
    check(Plant::SkippedSync, 200);
}

#[test]
fn one_sync_of_the_directory_that_is_skipped_is_found() {
    check(Plant::SkippedDirSync, 200);
}

#[test]
fn a_sync_that_is_acknowledged_before_it_is_done_is_found() {
    check(Plant::EarlySync, 20);
}

#[test]
fn a_checkpoint_that_is_published_before_the_store_is_durable_is_found() {
    check(Plant::LyingCheckpoint, 20);
}

#[test]
fn messages_that_are_not_stored_are_found() {
    check(Plant::NoMessage, 200);
}

#[test]
fn a_shared_history_that_nobody_remembers_to_be_shared_is_found() {
    check(Plant::NoReference, 100);
}

#[test]
fn request_ids_that_are_not_stored_are_found() {
    check(Plant::NoRequestId, 200);
}

#[test]
fn accepted_updates_that_are_not_stored_are_found() {
    check(Plant::NoUpdate, 50);
}

#[test]
fn attempts_and_pauses_of_activities_that_are_not_stored_are_found() {
    check(Plant::NoActivityChange, 50);
}

#[test]
fn batch_jobs_that_are_not_stored_are_found() {
    check(Plant::NoJob, 50);
}
