//! Workflows elsewhere: signalled and cancelled from within a workflow.

use std::{marker::PhantomData, rc::Rc};

use weft_client::{Args, IntoArgs, SignalDefinition, WorkflowDefinition};
use weft_protocol::api::{
    command::{
        RequestCancelExternalWorkflowExecutionCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
    },
    common::{Payloads, WorkflowExecution},
};
use weft_replay::{Context, Source};

use super::{Ctx, Scope, done, here};
use crate::{Result, workflow::LocalFuture};

/// A workflow elsewhere, by its id.
pub struct External<W> {
    core: Context,
    scope: Rc<Scope>,
    target: WorkflowExecution,
    child_only: bool,
    workflow: PhantomData<fn() -> W>,
}

impl<S: 'static> Ctx<S> {
    /// Another workflow, by its id: its latest run.
    #[must_use]
    pub fn external<W: WorkflowDefinition>(&self, id: impl Into<String>) -> External<W> {
        External {
            core: self.core.clone(),
            scope: Rc::clone(&self.scope),
            target: WorkflowExecution { workflow_id: id.into(), run_id: String::new() },
            child_only: false,
            workflow: PhantomData,
        }
    }
}

impl<W: WorkflowDefinition> External<W> {
    pub(super) fn of_child(core: Context, scope: Rc<Scope>, target: WorkflowExecution) -> Self {
        Self { core, scope, target, child_only: true, workflow: PhantomData }
    }

    pub(super) fn target(&self) -> &WorkflowExecution {
        &self.target
    }

    /// One run of it rather than the latest.
    #[must_use]
    pub fn run(mut self, run_id: impl Into<String>) -> Self {
        self.target.run_id = run_id.into();
        self
    }

    /// Signals it. Ready when the signal is in its history.
    ///
    /// # Errors
    /// When it is unknown or has ended, or the arguments cannot be written.
    #[track_caller]
    pub fn signal<D: SignalDefinition<Workflow = W>>(
        &self,
        signal: D,
        args: impl IntoArgs<D::Args>,
    ) -> LocalFuture<Result<()>> {
        self.signal_at(signal, args.into_args(), here())
    }

    pub(super) fn signal_at<D: SignalDefinition<Workflow = W>>(
        &self,
        _signal: D,
        args: D::Args,
        at: Source,
    ) -> LocalFuture<Result<()>> {
        let wait = args.to_payloads().map(|payloads| {
            let signal = SignalExternalWorkflowExecutionCommandAttributes {
                execution: Some(self.target.clone()),
                signal_name: D::NAME.to_owned(),
                input: Some(Payloads { payloads }),
                child_workflow_only: self.child_only,
                ..SignalExternalWorkflowExecutionCommandAttributes::default()
            };
            self.core.signal_external(self.scope.id, signal, at)
        });
        Box::pin(async move { done(wait?).await })
    }

    /// Asks it to cancel itself. Ready when the request is in its history.
    ///
    /// # Errors
    /// When it is unknown.
    #[track_caller]
    pub fn cancel(&self, reason: impl Into<String>) -> LocalFuture<Result<()>> {
        let cancel = RequestCancelExternalWorkflowExecutionCommandAttributes {
            workflow_id: self.target.workflow_id.clone(),
            run_id: self.target.run_id.clone(),
            child_workflow_only: self.child_only,
            reason: reason.into(),
            ..RequestCancelExternalWorkflowExecutionCommandAttributes::default()
        };
        let wait = self.core.cancel_external(self.scope.id, cancel, here());
        Box::pin(done(wait))
    }
}
