//! Workflows by their types: started, signalled, asked, updated and waited for, with what the compiler knows of them.
//!
//! ```no_run
//! # use weft_client::{Client, NamesWorkflow, QueryDefinition, SignalDefinition, WorkflowDefinition};
//! # struct Order;
//! # impl WorkflowDefinition for Order { type Args = (String, u32); type Output = String; const NAME: &'static str = "Order"; }
//! # impl NamesWorkflow for Order { type Workflow = Self; }
//! # struct Approve;
//! # impl SignalDefinition for Approve { type Workflow = Order; type Args = (bool,); const NAME: &'static str = "approve"; }
//! # struct Status;
//! # impl QueryDefinition for Status { type Workflow = Order; type Args = (); type Output = String; const NAME: &'static str = "status"; }
//! # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let order = client.start_workflow(Order, ("ada".to_owned(), 3)).id("order-17").task_queue("orders").await?;
//! order.signal(Approve, true).await?;
//! let status: String = order.query(Status, ()).await?;
//! let receipt: String = order.result().await?;
//! # Ok(()) }
//! ```
//!
//! An argument or a signal of another workflow does not compile:
//!
//! ```compile_fail
//! # use weft_client::{Client, NamesWorkflow, SignalDefinition, WorkflowDefinition, WorkflowHandle};
//! # struct Order;
//! # impl WorkflowDefinition for Order { type Args = (String, u32); type Output = String; const NAME: &'static str = "Order"; }
//! # struct Approve;
//! # impl SignalDefinition for Approve { type Workflow = Order; type Args = (bool,); const NAME: &'static str = "approve"; }
//! # async fn example(order: WorkflowHandle<Order>) {
//! order.signal(Approve, "yes").await;
//! # }
//! ```
//!
//! Deliberately nothing here that the untyped calls do not do: a handle knows its workflow and puts types to payloads.

mod execution;
mod query;
mod result;
mod start;
mod update;
mod with_start;

use std::{fmt, marker::PhantomData};

pub use execution::Execution;
pub use query::{QueryCall, QueryError};
pub use result::WorkflowError;
pub use start::StartWorkflow;
pub use update::{UpdateCall, UpdateError, UpdateHandle};
pub use with_start::{SignalWithStart, UpdateWithStart};

use crate::{
    Args, Client, Error, HistoryPages, IntoArgs, Reset, Run, Signal, SignalDefinition, UpdateDefinition,
    WorkflowDefinition,
};

/// A workflow of the kind `W`: its latest run, or the run that was named.
pub struct WorkflowHandle<W> {
    client: Client,
    run: Run,
    /// The run that was started here, if it was: its outcome is waited for.
    started_run_id: String,
    /// The first run of the chain: what ends the workflow must not meet another one that took its id.
    first_run_id: String,
    workflow: PhantomData<fn() -> W>,
}

/// Any kind of workflow, for handles whose kind is not known here: its results are payloads.
pub struct AnyWorkflow;

impl WorkflowDefinition for AnyWorkflow {
    type Args = ();
    type Output = crate::Raw;
    const NAME: &'static str = "any workflow";
}

impl Client {
    /// A workflow that was started before, by its id. Nothing is asked of the server yet.
    #[must_use]
    pub fn handle<W: WorkflowDefinition>(&self, workflow_id: impl Into<String>) -> WorkflowHandle<W> {
        WorkflowHandle::new(self.clone(), Run::latest(workflow_id))
    }
}

impl<W> WorkflowHandle<W> {
    fn new(client: Client, run: Run) -> Self {
        Self { client, run, started_run_id: String::new(), first_run_id: String::new(), workflow: PhantomData }
    }

    fn started(client: Client, started: crate::Started) -> Self {
        let run = Run::latest(started.run.workflow_id);
        let handle = Self::new(client, run);
        Self { started_run_id: started.run.run_id, first_run_id: started.first_run_id, ..handle }
    }

    /// One run of the workflow instead of its latest.
    #[must_use]
    pub fn with_run(mut self, run_id: impl Into<String>) -> Self {
        self.run.run_id = run_id.into();
        self.started_run_id.clear();
        self
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.run.workflow_id
    }

    /// The run that was started here, or that was named; none where the handle is for the latest.
    #[must_use]
    pub fn run_id(&self) -> Option<&str> {
        let run_id = if self.started_run_id.is_empty() { &self.run.run_id } else { &self.started_run_id };
        (!run_id.is_empty()).then_some(run_id)
    }

    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The run whose outcome and history are meant.
    fn own_run(&self) -> Run {
        Run { workflow_id: self.run.workflow_id.clone(), run_id: self.run_id().unwrap_or_default().to_owned() }
    }

    /// Asks the workflow to cancel itself; it may clean up first.
    ///
    /// # Errors
    /// When it is unknown or closed.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.cancel_because("").await
    }

    /// The same with a reason, for people.
    ///
    /// # Errors
    /// When it is unknown or closed.
    pub async fn cancel_because(&self, reason: &str) -> Result<(), Error> {
        self.client.cancel_in_chain(&self.run, &self.first_run_id, reason).await
    }

    /// Ends the workflow without asking it.
    ///
    /// # Errors
    /// When it is unknown or closed.
    pub async fn terminate(&self, reason: &str) -> Result<(), Error> {
        self.client.terminate_in_chain(&self.run, &self.first_run_id, reason, Vec::new()).await
    }

    /// Goes on from the end of an earlier workflow task, in a new run.
    ///
    /// # Errors
    /// When it is unknown, or there is no such task.
    pub async fn reset(&self, task_finish_event_id: i64, reset: Reset) -> Result<Self, Error> {
        let run_id = self.client.reset(&self.own_run(), task_finish_event_id, reset).await?;
        Ok(Self::new(self.client.clone(), self.run.clone()).with_run(run_id))
    }

    /// What the server knows of it.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn describe(&self) -> Result<Execution, Error> {
        let described = self.client.describe(&self.own_run()).await?;
        Execution::described(described)
    }

    /// Its history as it is now; `.stream()` gives the events one by one.
    #[must_use]
    pub fn history(&self) -> HistoryPages {
        self.client.history(&self.own_run(), false)
    }

    /// Its history until the run closes, as it grows.
    #[must_use]
    pub fn follow_history(&self) -> HistoryPages {
        self.client.history(&self.own_run(), true)
    }
}

impl<W: WorkflowDefinition> WorkflowHandle<W> {
    /// Sends a signal, once.
    ///
    /// # Errors
    /// When the workflow is unknown or closed.
    pub async fn signal<S>(&self, signal: S, args: impl IntoArgs<S::Args>) -> Result<(), Error>
    where
        S: SignalDefinition<Workflow = W>,
    {
        let _ = signal;
        let input = args.into_args().to_payloads()?;
        let signal = Signal { name: S::NAME.to_owned(), input, ..Signal::default() };
        self.client.signal(&self.run, signal).await
    }

    /// Asks the workflow something: await it. One of its workers answers.
    pub fn query<Q>(&self, query: Q, args: impl IntoArgs<Q::Args>) -> QueryCall<Q>
    where
        Q: crate::QueryDefinition<Workflow = W>,
    {
        let _ = query;
        QueryCall::new(self.client.clone(), self.run.clone(), args.into_args())
    }

    /// Asks the workflow to do something and to say what came of it: await it, or `.start()` it and wait later.
    pub fn update<U>(&self, update: U, args: impl IntoArgs<U::Args>) -> UpdateCall<U>
    where
        U: UpdateDefinition<Workflow = W>,
    {
        let _ = update;
        UpdateCall::new(self.client.clone(), self.run.clone(), self.first_run_id.clone(), args.into_args())
    }

    /// An update that was asked for before, by its id.
    #[must_use]
    pub fn update_handle<U>(&self, update_id: impl Into<String>) -> UpdateHandle<U>
    where
        U: UpdateDefinition<Workflow = W>,
    {
        UpdateHandle::new(self.client.clone(), self.run.clone(), update_id.into(), None)
    }

    /// Waits until the workflow ends, over all runs that follow the one of this handle.
    ///
    /// # Errors
    /// How else it ended, or why that is not known: see [`WorkflowError`].
    pub async fn result(&self) -> Result<W::Output, WorkflowError> {
        let outcome = self.client.result(&self.own_run()).await?;
        result::of_close::<W::Output>(outcome.close)
    }

    /// Waits until this run ends; that it goes on in another one is an error here.
    ///
    /// # Errors
    /// See [`WorkflowError`].
    pub async fn result_of_run(&self) -> Result<W::Output, WorkflowError> {
        let run = self.client.pinned(&self.own_run()).await?;
        result::of_end::<W::Output>(self.client.end_of_run(&run).await?)
    }
}

impl<W> Clone for WorkflowHandle<W> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            run: self.run.clone(),
            started_run_id: self.started_run_id.clone(),
            first_run_id: self.first_run_id.clone(),
            workflow: PhantomData,
        }
    }
}

impl<W: WorkflowDefinition> fmt::Debug for WorkflowHandle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", W::NAME, self.id(), self.run_id())
    }
}
