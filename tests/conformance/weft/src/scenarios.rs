//! All scenarios, by subject.

mod activities;
mod async_activities;
mod batches;
mod closing;
mod crashes;
mod data;
mod family;
mod load;
mod local;
mod messages;
mod operate;
mod schedules;
mod start;
mod tasks;
mod timeouts;
mod timers;
mod updates;
mod visibility;
mod wfctl;
mod worker_crashes;

use crate::harness::pool::Entry;

/// Entries of scenarios under their own names.
macro_rules! scenarios {
    ($needs:ident: $($name:ident),+ $(,)?) => {
        vec![$($crate::harness::pool::Entry {
            name: stringify!($name),
            needs: $crate::harness::pool::Needs::$needs,
            body: |scenario| Box::pin($name(scenario)),
        }),+]
    };
}
use scenarios;

/// Scenarios that this SDK cannot play, and why.
pub(crate) const ABSENT: &[(&str, &str)] = &[
    ("a_start_can_bring_the_first_task_along", "starts do not ask for their first task"),
    ("a_long_backoff_of_a_local_activity_is_a_timer", "local activities wait for their retries in the worker"),
];

pub(crate) fn all() -> Vec<Entry> {
    let subjects = [
        start::all(),
        messages::all(),
        updates::all(),
        family::all(),
        timers::all(),
        activities::all(),
        timeouts::all(),
        async_activities::all(),
        local::all(),
        closing::all(),
        data::all(),
        tasks::all(),
        visibility::all(),
        operate::all(),
        schedules::all(),
        batches::all(),
        wfctl::all(),
        crashes::all(),
        worker_crashes::all(),
        load::all(),
    ];
    subjects.into_iter().flatten().collect()
}
