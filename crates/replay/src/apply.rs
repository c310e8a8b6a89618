//! What events tell: operations that ended, signals that came, a request to cancel.

use alloc::boxed::Box;

use weft_protocol::api::{
    common::WorkflowExecution,
    enums::{
        CancelExternalWorkflowExecutionFailedCause as CancelCause,
        SignalExternalWorkflowExecutionFailedCause as SignalCause,
        StartChildWorkflowExecutionFailedCause as StartCause, TimeoutType, WorkflowTaskFailedCause,
    },
    failure::{
        ActivityFailureInfo, CanceledFailureInfo, ChildWorkflowExecutionFailureInfo, Failure, TerminatedFailureInfo,
        TimeoutFailureInfo, failure::FailureInfo,
    },
    history::{HistoryEvent, history_event::Attributes},
};

use crate::{
    failure,
    operation::{Kind, Resolution},
    program::Signal,
    random::Random,
    scope::ScopeId,
    state::{Family, State},
};

/// What an event means to the program itself, beyond the operations that it waits for.
pub(crate) enum News {
    Nothing,
    Signal(Signal),
    Admitted(Box<weft_protocol::api::update::Request>),
}

impl State {
    /// Applies one event that no command of the program stands behind.
    pub(crate) fn apply(&mut self, event: HistoryEvent) -> News {
        let Some(attributes) = event.attributes else { return News::Nothing };
        match attributes {
            Attributes::TimerFiredEventAttributes(it) => self.end(Family::Timer, it.started_event_id, Ok(None)),
            Attributes::ActivityTaskCompletedEventAttributes(it) => {
                self.end(Family::Activity, it.scheduled_event_id, Ok(it.result));
            }
            Attributes::ActivityTaskFailedEventAttributes(it) => {
                let cause = it.failure.map_or_else(failure::unexplained, Box::new);
                let ended =
                    self.activity_failed("activity failed", it.scheduled_event_id, it.retry_state, &it.identity, cause);
                self.end(Family::Activity, it.scheduled_event_id, ended);
            }
            Attributes::ActivityTaskTimedOutEventAttributes(it) => {
                let cause = it.failure.map_or_else(failure::unexplained, Box::new);
                let ended =
                    self.activity_failed("activity timed out", it.scheduled_event_id, it.retry_state, "", cause);
                self.end(Family::Activity, it.scheduled_event_id, ended);
            }
            Attributes::ActivityTaskCanceledEventAttributes(it) => {
                let info = CanceledFailureInfo { details: it.details, ..CanceledFailureInfo::default() };
                let cause = failure::of("canceled", FailureInfo::CanceledFailureInfo(info));
                let ended = self.activity_failed("activity canceled", it.scheduled_event_id, 0, &it.identity, cause);
                self.end(Family::Activity, it.scheduled_event_id, ended);
            }
            Attributes::WorkflowExecutionSignaledEventAttributes(it) => {
                return News::Signal(Signal {
                    name: it.signal_name,
                    input: it.input,
                    header: it.header,
                    identity: it.identity,
                });
            }
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(it) => {
                let reason = if it.cause.is_empty() { "workflow canceled" } else { it.cause.as_str() };
                self.cancel_scope(ScopeId::ROOT, reason);
            }
            Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(it) => {
                return it.request.map_or(News::Nothing, |request| News::Admitted(Box::new(request)));
            }
            Attributes::WorkflowTaskFailedEventAttributes(it) => {
                if it.cause() == WorkflowTaskFailedCause::ResetWorkflow {
                    self.random = Some(Random::of_run(&it.new_run_id));
                }
            }
            other => self.apply_of_other_workflow(other),
        }
        News::Nothing
    }

    fn apply_of_other_workflow(&mut self, attributes: Attributes) {
        match attributes {
            Attributes::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
                self.end(Family::Signal, it.initiated_event_id, Ok(None));
            }
            Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
                let message = match it.cause() {
                    SignalCause::ExternalWorkflowExecutionNotFound => "the workflow to signal was not found",
                    SignalCause::NamespaceNotFound => "the namespace of the workflow to signal was not found",
                    SignalCause::SignalCountLimitExceeded => "the workflow to signal has taken too many signals",
                    SignalCause::Unspecified => "the signal was not delivered",
                };
                let kind = "SignalExternalWorkflowFailed";
                self.end(Family::Signal, it.initiated_event_id, Err(failure::application(message, kind, true)));
            }
            Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
                self.end(Family::Cancel, it.initiated_event_id, Ok(None));
            }
            Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
                let message = match it.cause() {
                    CancelCause::ExternalWorkflowExecutionNotFound => "the workflow to cancel was not found",
                    CancelCause::NamespaceNotFound => "the namespace of the workflow to cancel was not found",
                    CancelCause::Unspecified => "the request to cancel was not delivered",
                };
                let kind = "CancelExternalWorkflowFailed";
                self.end(Family::Cancel, it.initiated_event_id, Err(failure::application(message, kind, true)));
            }
            other => self.apply_of_child(other),
        }
    }

    fn apply_of_child(&mut self, attributes: Attributes) {
        let canceled = |details| {
            let info = CanceledFailureInfo { details, ..CanceledFailureInfo::default() };
            failure::of("canceled", FailureInfo::CanceledFailureInfo(info))
        };
        match attributes {
            Attributes::StartChildWorkflowExecutionFailedEventAttributes(it) => {
                let why = match it.cause() {
                    StartCause::WorkflowAlreadyExists => "a workflow with this id is running or has run",
                    StartCause::NamespaceNotFound => "its namespace was not found",
                    StartCause::InvalidVersioningOverride => "its versioning override is not valid",
                    StartCause::Unspecified => "the server did not say why",
                };
                let cause = failure::application(why, "ChildWorkflowNotStarted", true);
                self.child_ended("child workflow not started", it.initiated_event_id, 0, cause);
            }
            Attributes::ChildWorkflowExecutionStartedEventAttributes(it) => {
                self.child_started(it.initiated_event_id, it.workflow_execution);
            }
            Attributes::ChildWorkflowExecutionCompletedEventAttributes(it) => {
                self.end(Family::Child, it.initiated_event_id, Ok(it.result));
            }
            Attributes::ChildWorkflowExecutionFailedEventAttributes(it) => {
                let cause = it.failure.map_or_else(failure::unexplained, Box::new);
                self.child_ended("child workflow failed", it.initiated_event_id, it.retry_state, cause);
            }
            Attributes::ChildWorkflowExecutionCanceledEventAttributes(it) => {
                self.child_ended("child workflow canceled", it.initiated_event_id, 0, canceled(it.details));
            }
            Attributes::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
                let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose.into(), ..Default::default() };
                let cause = failure::of("child workflow timed out", FailureInfo::TimeoutFailureInfo(info));
                self.child_ended("child workflow timed out", it.initiated_event_id, it.retry_state, cause);
            }
            Attributes::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
                let info = FailureInfo::TerminatedFailureInfo(TerminatedFailureInfo::default());
                let cause = failure::of("child workflow terminated", info);
                self.child_ended("child workflow terminated", it.initiated_event_id, 0, cause);
            }
            _ => {}
        }
    }

    fn activity_failed(
        &mut self,
        message: &str,
        scheduled_event_id: i64,
        retry_state: i32,
        identity: &str,
        cause: Box<Failure>,
    ) -> Resolution {
        let mut info = ActivityFailureInfo {
            scheduled_event_id,
            retry_state,
            identity: identity.into(),
            ..ActivityFailureInfo::default()
        };
        if let Some(Kind::Activity { id, kind, .. }) =
            self.bound(Family::Activity, scheduled_event_id).map(|it| &it.kind)
        {
            info.activity_id.clone_from(id);
            info.activity_type = Some(weft_protocol::api::common::ActivityType { name: kind.clone() });
        }
        Err(failure::caused(failure::of(message, FailureInfo::ActivityFailureInfo(info)), cause))
    }

    fn child_started(&mut self, initiated_event_id: i64, run: Option<WorkflowExecution>) {
        let Some(operation) = self.bound(Family::Child, initiated_event_id) else { return };
        if let Kind::Child { target, started, .. } = &mut operation.kind {
            target.workflow_execution = run;
            target.initiated_event_id = initiated_event_id;
            started.reach(Ok(None));
        }
    }

    fn child_ended(&mut self, message: &str, initiated_event_id: i64, retry_state: i32, cause: Box<Failure>) {
        let mut info = match self.bound(Family::Child, initiated_event_id).map(|operation| &operation.kind) {
            Some(Kind::Child { target, .. }) => target.clone(),
            _ => ChildWorkflowExecutionFailureInfo::default(),
        };
        info.retry_state = retry_state;
        let failed = failure::of(message, FailureInfo::ChildWorkflowExecutionFailureInfo(info));
        self.end(Family::Child, initiated_event_id, Err(failure::caused(failed, cause)));
    }
}
