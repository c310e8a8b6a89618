//! The tables: one file each, with its layout drawn.
//!
//! Invariant: a number stands for one table for ever. Numbers are explicit, and none is used again.

pub(crate) mod activity;
pub(crate) mod ancestor;
pub mod applied;
pub(crate) mod buffered;
pub(crate) mod child;
pub(crate) mod current;
pub(crate) mod execution;
pub(crate) mod external;
pub mod garbage;
pub mod history;
pub mod job;
pub mod member;
pub mod namespace;
pub mod outbox;
pub mod picture;
pub mod queue_config;
pub mod receipt;
pub mod reference;
pub(crate) mod request_id;
pub mod schedule;
pub mod task;
pub(crate) mod timer;
pub(crate) mod update;
pub mod wake;

pub const EXECUTION: u8 = 1;
pub const CURRENT: u8 = 2;
pub const ACTIVITY: u8 = 3;
pub const TIMER: u8 = 4;
pub const BUFFERED: u8 = 5;
pub const REQUEST_ID: u8 = 6;
pub const TASK: u8 = 7;
pub const HISTORY: u8 = 8;
pub const WAKE: u8 = 9;
pub const APPLIED: u8 = 10;
pub const NAMESPACE: u8 = 11;
pub const GARBAGE: u8 = 12;
pub const CHILD: u8 = 13;
pub const EXTERNAL: u8 = 14;
pub const UPDATE: u8 = 15;
pub const OUTBOX: u8 = 16;
pub const RECEIPT: u8 = 17;
pub const SCHEDULE: u8 = 18;
pub const REFERENCE: u8 = 19;
pub const JOB: u8 = 20;
pub const QUEUE_CONFIG: u8 = 22;
pub const PICTURE: u8 = 23;
pub const MEMBER: u8 = 24;

/// Every table there is: its number and its name.
pub const TABLES: &[(u8, &str)] = &[
    (EXECUTION, "execution"),
    (CURRENT, "current_run"),
    (ACTIVITY, "pending_activity"),
    (TIMER, "timer"),
    (BUFFERED, "buffered_event"),
    (REQUEST_ID, "request_id"),
    (TASK, "task_by_queue"),
    (HISTORY, "history_batch"),
    (WAKE, "wake"),
    (APPLIED, "applied"),
    (NAMESPACE, "namespace"),
    (GARBAGE, "garbage"),
    (CHILD, "child"),
    (EXTERNAL, "external_request"),
    (UPDATE, "update"),
    (OUTBOX, "outbox"),
    (RECEIPT, "receipt"),
    (SCHEDULE, "schedule"),
    (REFERENCE, "branch_reference"),
    (JOB, "batch_job"),
    (QUEUE_CONFIG, "task_queue_config"),
    (PICTURE, "picture"),
    (MEMBER, "cluster_member"),
];

/// The name of a table, for people.
#[must_use]
pub fn name(table: u8) -> &'static str {
    TABLES.iter().find(|(id, _)| *id == table).map_or("unknown table", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn table_numbers_are_pinned_for_ever() {
        let mut all: Vec<_> = TABLES.to_vec();
        all.sort_unstable();
        let golden = [
            (1, "execution"),
            (2, "current_run"),
            (3, "pending_activity"),
            (4, "timer"),
            (5, "buffered_event"),
            (6, "request_id"),
            (7, "task_by_queue"),
            (8, "history_batch"),
            (9, "wake"),
            (10, "applied"),
            (11, "namespace"),
            (12, "garbage"),
            (13, "child"),
            (14, "external_request"),
            (15, "update"),
            (16, "outbox"),
            (17, "receipt"),
            (18, "schedule"),
            (19, "branch_reference"),
            (20, "batch_job"),
            (22, "task_queue_config"),
            (23, "picture"),
            (24, "cluster_member"),
        ];
        assert_eq!(all, golden);
    }
}
