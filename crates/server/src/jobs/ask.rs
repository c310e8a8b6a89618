//! What an operation of a batch job asks of one execution: the request that a client would send for it alone.

use weft_engine::{EventId, state::JobOrder};
use weft_protocol::api::{
    batch::*,
    common::{WorkflowExecution, reset_options::Target},
    enums::ResetType,
    workflowservice::*,
};
use weft_shard::ResetPlace;

/// One execution, and who asks what of it.
pub(super) struct Ask<'o> {
    pub(super) namespace: String,
    pub(super) target: WorkflowExecution,
    pub(super) order: &'o JobOrder,
    pub(super) request_id: String,
}

/// Where a reset goes to, if it says so by itself.
pub(super) fn reset_place(operation: &BatchOperationReset) -> Option<ResetPlace> {
    let Some(options) = &operation.options else { return place_by_type(operation) };
    match options.target.as_ref()? {
        Target::FirstWorkflowTask(_) => Some(ResetPlace::FirstTask),
        Target::LastWorkflowTask(_) => Some(ResetPlace::LastTask),
        Target::WorkflowTaskId(event) => Some(ResetPlace::TaskEnd(EventId(*event))),
        Target::BuildId(_) => None,
    }
}

/// The build to whose first workflow task a reset goes back, and whether only the run that was found may have it.
pub(super) fn reset_build(operation: &BatchOperationReset) -> Option<(&str, bool)> {
    let options = operation.options.as_ref()?;
    match options.target.as_ref()? {
        Target::BuildId(build) => Some((build, options.current_run_only)),
        Target::FirstWorkflowTask(_) | Target::LastWorkflowTask(_) | Target::WorkflowTaskId(_) => None,
    }
}

/// As older clients say it.
fn place_by_type(operation: &BatchOperationReset) -> Option<ResetPlace> {
    match operation.reset_type() {
        ResetType::FirstWorkflowTask => Some(ResetPlace::FirstTask),
        ResetType::LastWorkflowTask => Some(ResetPlace::LastTask),
        ResetType::Unspecified => None,
    }
}

impl Ask<'_> {
    fn identity(&self) -> String {
        self.order.identity.to_string()
    }

    pub(super) fn terminate(self, it: &BatchOperationTermination) -> TerminateWorkflowExecutionRequest {
        TerminateWorkflowExecutionRequest {
            identity: self.identity(),
            namespace: self.namespace,
            workflow_execution: Some(self.target),
            reason: self.order.reason.clone(),
            details: it.details.clone(),
            ..TerminateWorkflowExecutionRequest::default()
        }
    }

    pub(super) fn cancel(self) -> RequestCancelWorkflowExecutionRequest {
        RequestCancelWorkflowExecutionRequest {
            identity: self.identity(),
            namespace: self.namespace,
            workflow_execution: Some(self.target),
            request_id: self.request_id,
            ..RequestCancelWorkflowExecutionRequest::default()
        }
    }

    pub(super) fn signal(self, it: &BatchOperationSignal) -> SignalWorkflowExecutionRequest {
        SignalWorkflowExecutionRequest {
            identity: self.identity(),
            namespace: self.namespace,
            workflow_execution: Some(self.target),
            signal_name: it.signal.clone(),
            input: it.input.clone(),
            header: it.header.clone(),
            request_id: self.request_id,
            ..SignalWorkflowExecutionRequest::default()
        }
    }

    pub(super) fn delete(self) -> DeleteWorkflowExecutionRequest {
        DeleteWorkflowExecutionRequest { namespace: self.namespace, workflow_execution: Some(self.target) }
    }

    #[expect(deprecated, reason = "older clients say with `reset_reapply_type` what is taken along")]
    pub(super) fn reset(self, it: &BatchOperationReset) -> ResetWorkflowExecutionRequest {
        let (reset_reapply_type, reset_reapply_exclude_types) = match &it.options {
            Some(options) => (options.reset_reapply_type, options.reset_reapply_exclude_types.clone()),
            None => (it.reset_reapply_type, Vec::new()),
        };
        ResetWorkflowExecutionRequest {
            identity: self.identity(),
            namespace: self.namespace,
            workflow_execution: Some(self.target),
            reason: self.order.reason.clone(),
            request_id: self.request_id,
            reset_reapply_type,
            reset_reapply_exclude_types,
            post_reset_operations: it.post_reset_operations.clone(),
            ..ResetWorkflowExecutionRequest::default()
        }
    }

    pub(super) fn update_options(
        self,
        it: &BatchOperationUpdateWorkflowExecutionOptions,
    ) -> UpdateWorkflowExecutionOptionsRequest {
        UpdateWorkflowExecutionOptionsRequest {
            identity: self.identity(),
            namespace: self.namespace,
            workflow_execution: Some(self.target),
            workflow_execution_options: it.workflow_execution_options.clone(),
            update_mask: it.update_mask.clone(),
        }
    }

    pub(super) fn unpause_activities(self, it: &BatchOperationUnpauseActivities) -> UnpauseActivityRequest {
        use batch_operation_unpause_activities::Activity as Which;
        use unpause_activity_request::Activity;
        UnpauseActivityRequest {
            identity: self.identity(),
            namespace: self.namespace,
            execution: Some(self.target),
            reset_attempts: it.reset_attempts,
            reset_heartbeat: it.reset_heartbeat,
            jitter: it.jitter,
            activity: it.activity.clone().map(|which| match which {
                Which::Type(name) => Activity::Type(name),
                Which::MatchAll(all) => Activity::UnpauseAll(all),
            }),
        }
    }

    pub(super) fn reset_activities(self, it: &BatchOperationResetActivities) -> ResetActivityRequest {
        use batch_operation_reset_activities::Activity as Which;
        use reset_activity_request::Activity;
        ResetActivityRequest {
            identity: self.identity(),
            namespace: self.namespace,
            execution: Some(self.target),
            reset_heartbeat: it.reset_heartbeat,
            keep_paused: it.keep_paused,
            jitter: it.jitter,
            restore_original_options: it.restore_original_options,
            activity: it.activity.clone().map(|which| match which {
                Which::Type(name) => Activity::Type(name),
                Which::MatchAll(all) => Activity::MatchAll(all),
            }),
        }
    }

    pub(super) fn update_activities(self, it: &BatchOperationUpdateActivityOptions) -> UpdateActivityOptionsRequest {
        use batch_operation_update_activity_options::Activity as Which;
        use update_activity_options_request::Activity;
        UpdateActivityOptionsRequest {
            identity: self.identity(),
            namespace: self.namespace,
            execution: Some(self.target),
            activity_options: it.activity_options.clone(),
            update_mask: it.update_mask.clone(),
            restore_original: it.restore_original,
            activity: it.activity.clone().map(|which| match which {
                Which::Type(name) => Activity::Type(name),
                Which::MatchAll(all) => Activity::MatchAll(all),
            }),
        }
    }
}
