//! Child workflows.

use std::{
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use weft_client::{IntoArgs, NamesWorkflow, RetryPolicy, SignalDefinition, Value, WorkflowDefinition};
use weft_protocol::api::{
    command::StartChildWorkflowExecutionCommandAttributes,
    common::{Memo, Payloads, WorkflowExecution, WorkflowType},
    enums::{ParentClosePolicy, WorkflowIdReusePolicy},
};
use weft_replay::{ChildCancellation, Context, Source, Wait};

use super::{Ctx, External, Scope, here, input, metadata, proto, task_queue, value};
use crate::{Error, Result, workflow::LocalFuture};

/// A call of a child workflow that has not begun: await it for its result, or start it for a handle.
#[must_use = "a child is started when its call is awaited"]
pub struct ChildCall<W> {
    core: Context,
    scope: Rc<Scope>,
    at: Source,
    input: Result<Option<Payloads>>,
    start: StartChildWorkflowExecutionCommandAttributes,
    cancellation: ChildCancellation,
    summary: Option<String>,
    workflow: PhantomData<fn() -> W>,
}

/// A child that runs. Dropping it leaves the child alone.
pub struct ChildHandle<W> {
    external: External<W>,
    ended: Wait,
}

impl<S: 'static> Ctx<S> {
    /// Calls a workflow as a child of this one.
    ///
    /// # Errors
    /// When awaited: what the child ended with, as the cause of a child workflow failure; or that this context was
    /// cancelled.
    #[track_caller]
    pub fn child<W: NamesWorkflow>(
        &self,
        _workflow: W,
        args: impl IntoArgs<<W::Workflow as WorkflowDefinition>::Args>,
    ) -> ChildCall<W::Workflow> {
        let info = self.core.info();
        let queue = self.options.task_queue.clone().unwrap_or_else(|| info.task_queue.clone());
        ChildCall {
            core: self.core.clone(),
            scope: Rc::clone(&self.scope),
            at: here(),
            input: input(args.into_args()),
            start: StartChildWorkflowExecutionCommandAttributes {
                workflow_type: Some(WorkflowType { name: W::Workflow::NAME.to_owned() }),
                task_queue: Some(task_queue(queue)),
                parent_close_policy: ParentClosePolicy::Terminate.into(),
                workflow_id_reuse_policy: WorkflowIdReusePolicy::AllowDuplicate.into(),
                ..StartChildWorkflowExecutionCommandAttributes::default()
            },
            cancellation: ChildCancellation::default(),
            summary: self.options.summary.clone(),
            workflow: PhantomData,
        }
    }
}

impl<W: WorkflowDefinition> ChildCall<W> {
    /// Another workflow id than a random one.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.start.workflow_id = id.into();
        self
    }

    pub fn task_queue(mut self, queue: impl Into<String>) -> Self {
        self.start.task_queue = Some(task_queue(queue.into()));
        self
    }

    /// How long the child may take, with its retries and continuations.
    pub fn execution_timeout(mut self, longest: Duration) -> Self {
        self.start.workflow_execution_timeout = proto(Some(longest));
        self
    }

    /// How long one run of the child may take.
    pub fn run_timeout(mut self, longest: Duration) -> Self {
        self.start.workflow_run_timeout = proto(Some(longest));
        self
    }

    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.start.retry_policy = Some(policy.into());
        self
    }

    /// What becomes of the child when this workflow ends before it.
    pub fn parent_close_policy(mut self, policy: ParentClosePolicy) -> Self {
        self.start.parent_close_policy = policy.into();
        self
    }

    /// What becomes of the child when the call is cancelled.
    pub fn cancellation(mut self, cancellation: ChildCancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Whether an ended workflow of the same id stands in the way.
    pub fn id_reuse_policy(mut self, policy: WorkflowIdReusePolicy) -> Self {
        self.start.workflow_id_reuse_policy = policy.into();
        self
    }

    pub fn cron(mut self, cron: impl Into<String>) -> Self {
        self.start.cron_schedule = cron.into();
        self
    }

    pub fn search_attributes(mut self, attributes: weft_client::SearchAttributes) -> Self {
        self.start.search_attributes = Some(attributes.into());
        self
    }

    /// # Errors
    /// When the value cannot be written.
    pub fn memo<T: Value>(mut self, key: impl Into<String>, value: &T) -> Result<Self> {
        self.start.memo.get_or_insert_with(Memo::default).fields.insert(key.into(), value.to_payload()?);
        Ok(self)
    }

    /// What people read beside the child in histories.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    fn begin(self) -> Result<weft_replay::Child> {
        let start = StartChildWorkflowExecutionCommandAttributes { input: self.input?, ..self.start };
        Ok(self.core.child(self.scope.id, start, self.cancellation, metadata(self.summary.as_deref()), self.at))
    }

    /// Starts the child and waits until it runs.
    ///
    /// # Errors
    /// When it could not be started, for example because its id is taken.
    pub fn start(self) -> LocalFuture<Result<ChildHandle<W>>> {
        let (core, scope) = (self.core.clone(), Rc::clone(&self.scope));
        let child = self.begin();
        Box::pin(async move {
            let mut child = child?;
            child.started.await.map_err(Error::of_wire)?;
            child.ended.detach();
            let run = child.ended.child_run().unwrap_or_default();
            Ok(ChildHandle { external: External::of_child(core, scope, run), ended: child.ended })
        })
    }
}

impl<W: WorkflowDefinition> IntoFuture for ChildCall<W> {
    type Output = Result<W::Output>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<W::Output>>>>;

    fn into_future(self) -> Self::IntoFuture {
        let child = self.begin();
        Box::pin(async move { value(child?.ended).await })
    }
}

impl<W: WorkflowDefinition> ChildHandle<W> {
    #[must_use]
    pub fn id(&self) -> &str {
        &self.external.target().workflow_id
    }

    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.external.target().run_id
    }

    /// The run that was started.
    #[must_use]
    pub fn execution(&self) -> &WorkflowExecution {
        self.external.target()
    }

    /// Signals the child.
    ///
    /// # Errors
    /// When it has ended, or the arguments cannot be written.
    #[track_caller]
    pub fn signal<D: SignalDefinition<Workflow = W>>(
        &self,
        signal: D,
        args: impl IntoArgs<D::Args>,
    ) -> LocalFuture<Result<()>> {
        self.external.signal_at(signal, args.into_args(), here())
    }

    /// Asks the child to cancel itself.
    pub fn cancel(&self) {
        self.ended.cancel();
    }

    /// Waits for the child's end.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn result(self) -> Result<W::Output> {
        value(self.ended).await
    }
}
