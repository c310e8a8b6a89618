//! Going on from an earlier place of a workflow's history.

use weft_protocol::{
    api::{
        enums::ResetReapplyExcludeType,
        workflow::{
            PostResetOperation,
            post_reset_operation::{SignalWorkflow, Variant},
        },
        workflowservice::ResetWorkflowExecutionRequest,
    },
    payload::list_of,
    weft::{ResetChildren, ResetToEventRequest, ResetToEventResponse},
};

use crate::{Client, Error, HistoryService, Run, Signal, WorkflowService, retry::Repeat, start::header};

/// A reset that is wanted.
#[derive(Clone, Debug, Default)]
pub struct Reset {
    pub reason: String,
    /// What others did since that the new run does without.
    pub exclude: Vec<ResetReapplyExcludeType>,
    /// Nor is it given the changes of options that came since. Only with [`Client::reset_to_event`].
    pub exclude_options: bool,
    /// What becomes of children that were running there. Only with [`Client::reset_to_event`].
    pub children: ResetChildren,
    /// Sent to the new run before its first task, in the same step. Temporal's server refuses this.
    pub signals: Vec<Signal>,
}

/// Where the new run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPlace {
    /// At the end of the workflow task that this event ends.
    TaskEnd(i64),
    /// At the last workflow task that ended before or with this event, with what came of activities and timers up to it.
    Event(i64),
}

impl Client {
    /// Resets a workflow to the end of a workflow task and gives the new run's id.
    ///
    /// # Errors
    /// When the run is unknown, or there is no such task.
    pub async fn reset(&self, run: &Run, finish: i64, reset: Reset) -> Result<String, Error> {
        let request = ResetWorkflowExecutionRequest {
            namespace: self.namespace().to_owned(),
            workflow_execution: run.wire(),
            reason: reset.reason,
            workflow_task_finish_event_id: finish,
            request_id: self.new_id(),
            reset_reapply_exclude_types: reset.exclude.into_iter().map(Into::into).collect(),
            post_reset_operations: operations(reset.signals),
            identity: self.identity().to_owned(),
            ..ResetWorkflowExecutionRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.reset_workflow_execution(request).await };
        let answer = self.call("ResetWorkflowExecution", request, Repeat::Harmless, send).await?;
        Ok(answer.run_id)
    }

    /// Resets a workflow to any event, or says what a reset would do. Only a Weft server can.
    ///
    /// # Errors
    /// When the run is unknown, no workflow task ended before that event, or the server is no Weft server.
    pub async fn reset_to_event(
        &self,
        run: &Run,
        place: ResetPlace,
        reset: Reset,
        dry_run: bool,
    ) -> Result<ResetToEventResponse, Error> {
        let (event_id, workflow_task_finish_event_id) = match place {
            ResetPlace::TaskEnd(event) => (0, event),
            ResetPlace::Event(event) => (event, 0),
        };
        let request = ResetToEventRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            event_id,
            workflow_task_finish_event_id,
            request_id: self.new_id(),
            reason: reset.reason,
            identity: self.identity().to_owned(),
            exclude: reset.exclude.into_iter().map(Into::into).collect(),
            post_reset_operations: operations(reset.signals),
            dry_run,
            exclude_options: reset.exclude_options,
            children: reset.children.into(),
        };
        let send = |mut stub: HistoryService, request| async move { stub.reset_to_event(request).await };
        let limit = self.options().call_timeout;
        self.call_history("ResetToEvent", limit, request, Repeat::Harmless, send).await
    }
}

pub(crate) fn operations(signals: Vec<Signal>) -> Vec<PostResetOperation> {
    let operation = |signal: Signal| {
        let input = list_of(signal.input);
        let header = header(signal.header);
        let signal = SignalWorkflow { signal_name: signal.name, input, header, ..SignalWorkflow::default() };
        PostResetOperation { variant: Some(Variant::SignalWorkflow(signal)) }
    };
    signals.into_iter().map(operation).collect()
}
