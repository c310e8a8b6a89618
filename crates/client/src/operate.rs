//! What operators do to one run: pause it, change its options; pause, reset, change and finish its pending activities.

use std::time::Duration;

use weft_protocol::{
    api::{
        activity::ActivityOptions,
        common::Payload,
        failure::Failure,
        workflow::WorkflowExecutionOptions,
        workflowservice::{
            PauseActivityRequest, PauseWorkflowExecutionRequest, ResetActivityRequest,
            RespondActivityTaskCompletedByIdRequest, RespondActivityTaskFailedByIdRequest, UnpauseActivityRequest,
            UnpauseWorkflowExecutionRequest, UpdateActivityOptionsRequest, UpdateWorkflowExecutionOptionsRequest,
            pause_activity_request, reset_activity_request, unpause_activity_request, update_activity_options_request,
        },
    },
    payload::list_of,
    prost_wkt_types::FieldMask,
    time::proto_duration,
};

use crate::{Client, Error, Run, WorkflowService, retry::Repeat};

/// Which pending activities of a run are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activities {
    Id(String),
    Type(String),
    All,
}

/// How paused activities go on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unpause {
    pub reset_attempts: bool,
    pub reset_heartbeat: bool,
    pub jitter: Option<Duration>,
}

/// How activities begin again.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResetActivities {
    pub reset_heartbeat: bool,
    pub keep_paused: bool,
    pub restore_original_options: bool,
    pub jitter: Option<Duration>,
}

impl Client {
    /// Pauses activities: no further attempt is handed out. The API pauses by id or by type, never all of them.
    ///
    /// # Errors
    /// When there are none, or one of them is paused already.
    pub async fn pause_activities(&self, run: &Run, which: Activities, reason: &str) -> Result<(), Error> {
        use pause_activity_request::Activity;
        let request = PauseActivityRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            identity: self.identity().to_owned(),
            reason: reason.to_owned(),
            request_id: self.new_id(),
            activity: match which {
                Activities::Id(id) => Some(Activity::Id(id)),
                Activities::Type(name) => Some(Activity::Type(name)),
                Activities::All => None,
            },
        };
        let send = |mut stub: WorkflowService, request| async move { stub.pause_activity(request).await };
        self.call("PauseActivity", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Lets paused activities go on.
    ///
    /// # Errors
    /// When there are none.
    pub async fn unpause_activities(&self, run: &Run, which: Activities, how: Unpause) -> Result<(), Error> {
        use unpause_activity_request::Activity;
        let request = UnpauseActivityRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            identity: self.identity().to_owned(),
            reset_attempts: how.reset_attempts,
            reset_heartbeat: how.reset_heartbeat,
            jitter: how.jitter.map(proto_duration),
            activity: Some(match which {
                Activities::Id(id) => Activity::Id(id),
                Activities::Type(name) => Activity::Type(name),
                Activities::All => Activity::UnpauseAll(true),
            }),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.unpause_activity(request).await };
        self.call("UnpauseActivity", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Lets activities begin again with their first attempt.
    ///
    /// # Errors
    /// When there are none.
    pub async fn reset_activities(&self, run: &Run, which: Activities, how: ResetActivities) -> Result<(), Error> {
        use reset_activity_request::Activity;
        let request = ResetActivityRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            identity: self.identity().to_owned(),
            reset_heartbeat: how.reset_heartbeat,
            keep_paused: how.keep_paused,
            restore_original_options: how.restore_original_options,
            jitter: how.jitter.map(proto_duration),
            activity: Some(match which {
                Activities::Id(id) => Activity::Id(id),
                Activities::Type(name) => Activity::Type(name),
                Activities::All => Activity::MatchAll(true),
            }),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.reset_activity(request).await };
        self.call("ResetActivity", request, Repeat::Never, send).await.map(drop)
    }

    /// Changes those options that `paths` name, and gives all of them back; without new ones, as the workflow gave them.
    ///
    /// # Errors
    /// When there are no such activities, or the options make no sense.
    pub async fn update_activities(
        &self,
        run: &Run,
        which: Activities,
        new: Option<(ActivityOptions, Vec<String>)>,
    ) -> Result<ActivityOptions, Error> {
        use update_activity_options_request::Activity;
        let restore_original = new.is_none();
        let (activity_options, update_mask) = new.map(|(options, paths)| (options, FieldMask { paths })).unzip();
        let request = UpdateActivityOptionsRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            identity: self.identity().to_owned(),
            activity_options,
            update_mask,
            restore_original,
            activity: Some(match which {
                Activities::Id(id) => Activity::Id(id),
                Activities::Type(name) => Activity::Type(name),
                Activities::All => Activity::MatchAll(true),
            }),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.update_activity_options(request).await };
        let answer = self.call("UpdateActivityOptions", request, Repeat::Harmless, send).await?;
        Ok(answer.activity_options.unwrap_or_default())
    }

    /// Completes a pending activity in its worker's place.
    ///
    /// # Errors
    /// When it is not pending.
    pub async fn complete_activity(&self, run: &Run, id: &str, result: Vec<Payload>) -> Result<(), Error> {
        let request = RespondActivityTaskCompletedByIdRequest {
            namespace: self.namespace().to_owned(),
            workflow_id: run.workflow_id.clone(),
            run_id: run.run_id.clone(),
            activity_id: id.to_owned(),
            result: list_of(result),
            identity: self.identity().to_owned(),
            ..RespondActivityTaskCompletedByIdRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move {
            stub.respond_activity_task_completed_by_id(request).await
        };
        self.call("RespondActivityTaskCompletedById", request, Repeat::Never, send).await.map(drop)
    }

    /// Fails the running attempt of an activity in its worker's place.
    ///
    /// # Errors
    /// When no worker has it.
    pub async fn fail_activity(&self, run: &Run, id: &str, failure: Failure) -> Result<(), Error> {
        let request = RespondActivityTaskFailedByIdRequest {
            namespace: self.namespace().to_owned(),
            workflow_id: run.workflow_id.clone(),
            run_id: run.run_id.clone(),
            activity_id: id.to_owned(),
            failure: Some(failure),
            identity: self.identity().to_owned(),
            ..RespondActivityTaskFailedByIdRequest::default()
        };
        let send =
            |mut stub: WorkflowService, request| async move { stub.respond_activity_task_failed_by_id(request).await };
        self.call("RespondActivityTaskFailedById", request, Repeat::Never, send).await.map(drop)
    }

    /// Pauses a workflow.
    ///
    /// # Errors
    /// When it is paused already, unknown or closed.
    pub async fn pause(&self, run: &Run, reason: &str) -> Result<(), Error> {
        let request = PauseWorkflowExecutionRequest {
            namespace: self.namespace().to_owned(),
            workflow_id: run.workflow_id.clone(),
            run_id: run.run_id.clone(),
            identity: self.identity().to_owned(),
            reason: reason.to_owned(),
            request_id: self.new_id(),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.pause_workflow_execution(request).await };
        self.call("PauseWorkflowExecution", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Lets a paused workflow go on. Not repeated: a second call would say that it is not paused.
    ///
    /// # Errors
    /// When it is not paused, unknown or closed.
    pub async fn unpause(&self, run: &Run, reason: &str) -> Result<(), Error> {
        let request = UnpauseWorkflowExecutionRequest {
            namespace: self.namespace().to_owned(),
            workflow_id: run.workflow_id.clone(),
            run_id: run.run_id.clone(),
            identity: self.identity().to_owned(),
            reason: reason.to_owned(),
            request_id: self.new_id(),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.unpause_workflow_execution(request).await };
        self.call("UnpauseWorkflowExecution", request, Repeat::Never, send).await.map(drop)
    }

    /// Changes those options of a run that `paths` name, and gives all of them back.
    ///
    /// # Errors
    /// When it is unknown or closed, or the options make no sense.
    pub async fn update_options(
        &self,
        run: &Run,
        options: WorkflowExecutionOptions,
        paths: Vec<String>,
    ) -> Result<WorkflowExecutionOptions, Error> {
        let request = UpdateWorkflowExecutionOptionsRequest {
            namespace: self.namespace().to_owned(),
            workflow_execution: run.wire(),
            workflow_execution_options: Some(options),
            update_mask: Some(FieldMask { paths }),
            identity: self.identity().to_owned(),
        };
        let send =
            |mut stub: WorkflowService, request| async move { stub.update_workflow_execution_options(request).await };
        let answer = self.call("UpdateWorkflowExecutionOptions", request, Repeat::Harmless, send).await?;
        Ok(answer.workflow_execution_options.unwrap_or_default())
    }
}
