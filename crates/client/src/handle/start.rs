//! A workflow that is about to be started.

use std::{future::IntoFuture, marker::PhantomData, pin::Pin, time::Duration};

use weft_protocol::{
    api::{
        common::{Payload, Priority},
        enums::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
        workflowservice::StartWorkflowExecutionRequest,
    },
    payload::json_string,
};

use super::{SignalWithStart, UpdateWithStart, WorkflowHandle};
use crate::{
    Args, Client, Error, IntoArgs, NamesWorkflow, RetryPolicy, SearchAttributes, SignalDefinition, Start,
    UpdateDefinition, Value, ValueError, WorkflowDefinition,
};

/// A workflow that starts when this is awaited. Everything but the task queue may stay as it is.
#[must_use = "nothing starts until it is awaited"]
pub struct StartWorkflow<W> {
    pub(super) client: Client,
    pub(super) start: Start,
    /// The first value that could not be written.
    pub(super) wrong: Option<ValueError>,
    workflow: PhantomData<fn() -> W>,
}

impl Client {
    /// A workflow of the kind that `workflow` stands for, to be started with these arguments: name its task queue, and
    /// await it.
    pub fn start_workflow<N: NamesWorkflow>(
        &self,
        workflow: N,
        args: impl IntoArgs<<N::Workflow as WorkflowDefinition>::Args>,
    ) -> StartWorkflow<N::Workflow> {
        let _ = workflow;
        let (input, wrong) = match args.into_args().to_payloads() {
            Ok(input) => (input, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let start = Start { input, ..Start::new(self.new_id(), N::Workflow::NAME, "") };
        StartWorkflow { client: self.clone(), start, wrong, workflow: PhantomData }
    }
}

impl<W: WorkflowDefinition> StartWorkflow<W> {
    /// The workflow's id; a random one if it is not said.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with(|start| start.workflow_id = id.into())
    }

    pub fn task_queue(self, name: impl Into<String>) -> Self {
        self.with(|start| start.task_queue = name.into())
    }

    /// How long all of its runs may take together.
    pub fn execution_timeout(self, timeout: Duration) -> Self {
        self.with(|start| start.execution_timeout = Some(timeout))
    }

    /// How long one run may take.
    pub fn run_timeout(self, timeout: Duration) -> Self {
        self.with(|start| start.run_timeout = Some(timeout))
    }

    /// How long a worker may take for one workflow task.
    pub fn task_timeout(self, timeout: Duration) -> Self {
        self.with(|start| start.task_timeout = Some(timeout))
    }

    /// How long it waits before its first task; a signal with start ends the wait.
    pub fn start_delay(self, delay: Duration) -> Self {
        self.with(|start| start.start_delay = Some(delay))
    }

    /// How it is tried again when it fails; it is not, without this.
    pub fn retry(self, policy: RetryPolicy) -> Self {
        self.with(|start| start.retry = Some(policy.into()))
    }

    /// Whether its id may have been that of a workflow that is closed.
    pub fn id_reuse(self, policy: WorkflowIdReusePolicy) -> Self {
        self.with(|start| start.reuse = policy)
    }

    /// What happens if a workflow of this id is running.
    pub fn id_conflict(self, policy: WorkflowIdConflictPolicy) -> Self {
        self.with(|start| start.conflict = policy)
    }

    /// Starts it again at the times of a cron specification, each after the one before has ended.
    pub fn cron(self, specification: impl Into<String>) -> Self {
        self.with(|start| start.cron = specification.into())
    }

    /// A note that is shown and listed with the workflow.
    pub fn memo<T: Value>(mut self, key: impl Into<String>, value: &T) -> Self {
        match value.to_payload() {
            Ok(payload) => drop(self.start.memo.insert(key.into(), payload)),
            Err(error) => drop(self.wrong.get_or_insert(error)),
        }
        self
    }

    /// What it is found by.
    pub fn search_attributes(self, attributes: SearchAttributes) -> Self {
        self.with(|start| start.search_attributes.extend(attributes.into_payloads()))
    }

    /// One line for people who look at lists of workflows.
    pub fn summary(self, text: impl AsRef<str>) -> Self {
        self.with(|start| start.metadata.get_or_insert_default().summary = Some(json_string(text.as_ref())))
    }

    /// More lines for people who look at this workflow.
    pub fn details(self, text: impl AsRef<str>) -> Self {
        self.with(|start| start.metadata.get_or_insert_default().details = Some(json_string(text.as_ref())))
    }

    /// For interceptors of the worker.
    pub fn header(self, name: impl Into<String>, value: Payload) -> Self {
        self.with(|start| drop(start.header.insert(name.into(), value)))
    }

    /// Its tasks come before those of larger numbers (1 to 5, 3 if it is not said).
    pub fn priority(self, key: i32) -> Self {
        self.with(|start| priority(start).priority_key = key)
    }

    /// Tenants of a task queue take turns by this key, each as often as its weight says.
    pub fn fairness(self, key: impl Into<String>, weight: f32) -> Self {
        self.with(|start| {
            let priority = priority(start);
            priority.fairness_key = key.into();
            priority.fairness_weight = weight;
        })
    }

    /// The request that starts it, and the first value that could not be written.
    pub(crate) fn into_request(self) -> (StartWorkflowExecutionRequest, Option<ValueError>) {
        (self.start.into_request(&self.client), self.wrong)
    }

    /// Starts it, or finds it running, and signals it, in one step.
    pub fn signal_with_start<S>(self, signal: S, args: impl IntoArgs<S::Args>) -> SignalWithStart<W>
    where
        S: SignalDefinition<Workflow = W>,
    {
        let _ = signal;
        SignalWithStart::new(self, S::NAME, args.into_args().to_payloads())
    }

    /// Starts it, or finds it running, and updates it, in one step. The conflict policy must say what to do with one
    /// that runs; if it was not set, that one is used.
    pub fn update_with_start<U>(self, update: U, args: impl IntoArgs<U::Args>) -> UpdateWithStart<W, U>
    where
        U: UpdateDefinition<Workflow = W>,
    {
        let _ = update;
        UpdateWithStart::new(self, args.into_args())
    }

    fn with(mut self, change: impl FnOnce(&mut Start)) -> Self {
        change(&mut self.start);
        self
    }

    async fn send(self) -> Result<WorkflowHandle<W>, Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong.into());
        }
        let started = self.client.start(self.start).await?;
        Ok(WorkflowHandle::started(self.client, started))
    }
}

fn priority(start: &mut Start) -> &mut Priority {
    start.priority.get_or_insert_default()
}

impl<W: WorkflowDefinition> IntoFuture for StartWorkflow<W> {
    type Output = Result<WorkflowHandle<W>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
