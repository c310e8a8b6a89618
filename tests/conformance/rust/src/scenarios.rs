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
