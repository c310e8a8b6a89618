//! The workflows of the suite. Their code depends on nothing but their input and their history: all are replayed.

mod errand;
mod family;
mod local;
mod messages;
mod plain;
mod till;
mod timers;

pub(crate) use errand::{Deed, Errand, Runner, Tour};
pub(crate) use family::{Leaver, Parent, Patient, Teller};
pub(crate) use local::{LocalDeed, LocalPlan, LocalRunner};
pub(crate) use messages::Collector;
pub(crate) use plain::{BATCHER_USER, Clumsy, Flaky, Greeter, Labeller, Patched, Relay, Scribe, Thinker};
pub(crate) use till::Till;
pub(crate) use timers::{Race, Sleeper};

use weft::{Replayer, Worker};

/// Workers and replayers have the same method and no trait in common.
macro_rules! all_of {
    ($to:expr) => {
        $to.workflow(Greeter::run)
            .workflow(Thinker::run)
            .workflow(Flaky::run)
            .workflow(Relay::run)
            .workflow(Clumsy::run)
            .workflow(Labeller::run)
            .workflow(Patched::run)
            .workflow(Scribe::run)
            .workflow(Collector::run)
            .workflow(Runner::run)
            .workflow(Tour::run)
            .workflow(LocalRunner::run)
            .workflow(Sleeper::run)
            .workflow(Race::run)
            .workflow(Till::run)
            .workflow(Patient::run)
            .workflow(Parent::run)
            .workflow(Leaver::run)
            .workflow(Teller::run)
    };
}

pub(crate) fn worker(worker: Worker) -> Worker {
    all_of!(worker)
}

pub(crate) fn replayer(replayer: Replayer) -> Replayer {
    all_of!(replayer)
}
