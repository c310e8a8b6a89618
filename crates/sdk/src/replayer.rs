//! Replays histories with the code at hand: does the code that is about to be deployed still do what running workflows
//! have done?
//!
//! ```ignore
//! let replayer = Replayer::new().workflow(Order::run);
//! replayer.replay_json(&std::fs::read_to_string("tests/histories/order-17.json")?)?;
//! replayer.replay_from(&client, "order-18").await?;
//! ```

use std::{panic, sync::Arc, thread};

use weft_client::{Client, Failure, NamesWorkflow, Run as Named};
use weft_protocol::{
    api::{
        common::WorkflowExecution,
        history::{History, HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes},
    },
    json,
};
use weft_replay::{Divergence, Fault, Outcome};

use crate::{
    Interceptor, Workflow,
    interceptor::{Intercepted, Interceptors},
    worker::{registry::Registry, thread::make_run},
};

/// Knows workflows, and replays histories of them. Activities are not run: their results are in the histories.
#[derive(Default)]
#[must_use = "it does nothing until it is given a history"]
pub struct Replayer {
    registry: Registry,
    interceptors: Vec<Arc<dyn Interceptor>>,
}

/// A history that the code does again.
#[derive(Debug)]
pub struct Replayed {
    pub events: usize,
    /// How the workflow ended; `None` where the history goes on.
    pub outcome: Option<Outcome>,
}

/// Why a history was not replayed to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The code does something else than the history says: the workflows that have such a history would break.
    #[error(transparent)]
    Diverged(#[from] Box<Divergence>),
    /// The code failed the workflow task, by a panic for example.
    #[error("the workflow's code failed: {0}")]
    TaskFailed(#[source] Box<Failure>),
    /// The history is of a workflow that the replayer was not told of.
    #[error("{0}")]
    UnknownWorkflow(String),
    /// It is no whole history of a workflow.
    #[error("this is no history that can be replayed: {0}")]
    History(String),
    /// The server did not give it.
    #[error(transparent)]
    Client(#[from] weft_client::Error),
}

impl Replayer {
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn of(registry: Registry, interceptors: Vec<Arc<dyn Interceptor>>) -> Self {
        Self { registry, interceptors }
    }

    /// Knows a workflow: give its run method or the function itself.
    pub fn workflow<N>(mut self, _workflow: N) -> Self
    where
        N: NamesWorkflow,
        N::Workflow: Workflow,
    {
        self.registry.workflow::<N::Workflow>();
        self
    }

    /// Shows an interceptor what comes to the workflows, as a worker does: give those that the workers have had, for what
    /// they refused then is to be refused again. The first of several is the outermost.
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(Arc::new(interceptor));
        self
    }

    /// Replays a history in Temporal's JSON, as `wfctl workflow export`, `temporal workflow show --output json` and the
    /// web pages give it. Payloads are taken as they are: where a codec encoded them, have it decode the history, and
    /// replay its events.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn replay_json(&self, text: &str) -> Result<Replayed, ReplayError> {
        self.replay(history_of_json(text)?.events)
    }

    /// Replays the history of a run on a server: of a workflow's latest run by its id.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub async fn replay_from(&self, client: &Client, workflow_id: &str) -> Result<Replayed, ReplayError> {
        self.replay(client.history(&Named::latest(workflow_id), false).all().await?)
    }

    /// Replays a whole history.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn replay(&self, events: Vec<HistoryEvent>) -> Result<Replayed, ReplayError> {
        let started = started(&events)?;
        let kind = started.workflow_type.clone().unwrap_or_default().name;
        let make = self.registry.find_workflow(&kind).map_err(ReplayError::UnknownWorkflow)?;
        let names = WorkflowExecution {
            workflow_id: started.workflow_id.clone(),
            run_id: started.original_execution_run_id.clone(),
        };
        let task_queue = started.task_queue.clone().unwrap_or_default().name;
        let count = events.len();
        let interceptors: Interceptors = self.interceptors.as_slice().into();
        // On a thread of its own: a workflow has no async runtime here, as it has none in a worker.
        let replayed = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let program = Box::new(move |context| Intercepted::program(&interceptors, context, make));
                    let mut run = make_run(String::new(), names, task_queue, program);
                    run.advance(events, Vec::new()).map(|_| run.outcome().cloned())
                })
                .join()
        });
        match replayed {
            Ok(Ok(outcome)) => Ok(Replayed { events: count, outcome }),
            Ok(Err(fault)) => Err(fault.into()),
            Err(panic) => panic::resume_unwind(panic),
        }
    }
}

/// A history in Temporal's JSON, with its payloads as they are.
pub(crate) fn history_of_json(text: &str) -> Result<History, ReplayError> {
    let value =
        serde_json::from_str(text).map_err(|error: serde_json::Error| ReplayError::History(error.to_string()))?;
    json::from_json(&value).map_err(|error| ReplayError::History(error.to_string()))
}

fn started(events: &[HistoryEvent]) -> Result<&WorkflowExecutionStartedEventAttributes, ReplayError> {
    match events.first().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => Ok(started),
        _ => Err(ReplayError::History("it does not begin with the workflow's start".to_owned())),
    }
}

impl From<Fault> for ReplayError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Diverged(divergence) => Self::Diverged(divergence),
            Fault::TaskFailed(failure) => Self::TaskFailed(Box::new((*failure).into())),
            Fault::History(message) => Self::History(message),
            Fault::Stale => Self::History("events are missing, or not in order".to_owned()),
        }
    }
}
