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
pub(crate) use plain::{Clumsy, Flaky, Greeter, Labeller, Patched, Relay, Scribe, Thinker};
pub(crate) use till::Till;
pub(crate) use timers::{Race, Sleeper};

use temporalio_sdk::{WorkerOptions, WorkflowRegistrationError, workflow_replayer::WorkflowReplayerOptions};

/// The two kinds of options have the same method and no trait in common.
macro_rules! register_all {
    ($options:expr) => {
        $options
            .register_workflow::<Greeter>()?
            .register_workflow::<Thinker>()?
            .register_workflow::<Flaky>()?
            .register_workflow::<Relay>()?
            .register_workflow::<Clumsy>()?
            .register_workflow::<Labeller>()?
            .register_workflow::<Patched>()?
            .register_workflow::<Scribe>()?
            .register_workflow::<Collector>()?
            .register_workflow::<Runner>()?
            .register_workflow::<Tour>()?
            .register_workflow::<LocalRunner>()?
            .register_workflow::<Sleeper>()?
            .register_workflow::<Race>()?
            .register_workflow::<Till>()?
            .register_workflow::<Patient>()?
            .register_workflow::<Parent>()?
            .register_workflow::<Leaver>()?
            .register_workflow::<Teller>()?
    };
}

pub(crate) fn register(options: &mut WorkerOptions) -> Result<(), WorkflowRegistrationError> {
    register_all!(options);
    Ok(())
}

pub(crate) fn register_for_replay(options: &mut WorkflowReplayerOptions) -> Result<(), WorkflowRegistrationError> {
    register_all!(options);
    Ok(())
}
