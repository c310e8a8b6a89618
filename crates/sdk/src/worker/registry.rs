//! What a worker can run, by the names that tasks have.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use weft_client::{ActivityDefinition, Args, WorkflowDefinition};
use weft_protocol::api::{
    common::{Payload, Payloads},
    failure,
};
use weft_replay::{Context, Program};

use crate::{Activity, ActivityCtx, Error, Result, Workflow, activity::BoxFuture, handlers::written, program};

pub(crate) type MakeProgram = fn(Context) -> std::result::Result<Box<dyn Program>, Box<failure::Failure>>;
pub(crate) type RunActivity =
    Arc<dyn Fn(ActivityCtx, Vec<Payload>) -> BoxFuture<Result<Option<Payloads>>> + Send + Sync>;

#[derive(Default)]
pub(crate) struct Registry {
    workflows: BTreeMap<&'static str, MakeProgram>,
    activities: BTreeMap<&'static str, RunActivity>,
}

impl Registry {
    pub(crate) fn is_empty(&self) -> bool {
        self.workflows.is_empty() && self.activities.is_empty()
    }

    /// The same workflows, and no activities.
    pub(crate) fn workflows_only(&self) -> Self {
        Self { workflows: self.workflows.clone(), activities: BTreeMap::new() }
    }

    pub(crate) fn has_workflows(&self) -> bool {
        !self.workflows.is_empty()
    }

    pub(crate) fn has_activities(&self) -> bool {
        !self.activities.is_empty()
    }

    pub(crate) fn workflow<W: Workflow>(&mut self) {
        self.workflows.insert(<W as WorkflowDefinition>::NAME, program::program::<W>);
    }

    pub(crate) fn activity<A: Activity>(&mut self, state: Arc<A::State>) {
        let run: RunActivity = Arc::new(move |ctx, input| {
            let running = arguments::<A>(&input).map(|args| A::execute(Arc::clone(&state), ctx, args));
            Box::pin(async move { written(&running?.await?) })
        });
        self.activities.insert(A::NAME, run);
    }

    pub(crate) fn replace<A, F, T>(&mut self, run: F)
    where
        A: ActivityDefinition,
        F: Fn(A::Args) -> T + Send + Sync + 'static,
        T: Future<Output = Result<A::Output>> + Send + 'static,
    {
        let run = Arc::new(run);
        let run: RunActivity = Arc::new(move |_, input| {
            let run = Arc::clone(&run);
            let running = arguments::<A>(&input).map(|args| run(args));
            Box::pin(async move { written(&running?.await?) })
        });
        self.activities.insert(A::NAME, run);
    }

    /// # Errors
    /// When there is none: what there is.
    pub(crate) fn find_workflow(&self, name: &str) -> std::result::Result<MakeProgram, String> {
        self.workflows.get(name).copied().ok_or_else(|| unknown("workflow", name, self.workflows.keys()))
    }

    pub(crate) fn has_activity(&self, name: &str) -> bool {
        self.activities.contains_key(name)
    }

    /// # Errors
    /// When there is none: what there is.
    pub(crate) fn find_activity(&self, name: &str) -> std::result::Result<RunActivity, String> {
        self.activities.get(name).cloned().ok_or_else(|| unknown("activity", name, self.activities.keys()))
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a &'static str>) -> String {
    let known: Vec<&str> = known.copied().collect();
    format!("this worker has no {what} {name:?}; it has {known:?}")
}

fn arguments<A: ActivityDefinition>(input: &[Payload]) -> Result<A::Args> {
    A::Args::from_payloads(input).map_err(|error| {
        let failure = weft_client::Failure::of_error(error).non_retryable();
        Error::from(failure).context(format_args!("the arguments of activity {}", A::NAME))
    })
}
