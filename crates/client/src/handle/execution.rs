//! What a server tells of a workflow, read with types: [`Execution`].

use std::time::SystemTime;

use weft_protocol::{
    Timestamp,
    api::{
        common::Payload, enums::WorkflowExecutionStatus, sdk::UserMetadata, workflow::WorkflowExecutionInfo,
        workflowservice::DescribeWorkflowExecutionResponse,
    },
};

use crate::{Error, Run, SearchAttributes, Value, ValueError};

/// A workflow as it is listed, or described.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// All that the server said, with what has no method here.
    pub info: WorkflowExecutionInfo,
    /// What only a description tells: pending activities and children, options, and so on.
    pub description: Option<Box<DescribeWorkflowExecutionResponse>>,
}

impl From<WorkflowExecutionInfo> for Execution {
    fn from(info: WorkflowExecutionInfo) -> Self {
        Self { info, description: None }
    }
}

impl Execution {
    pub(super) fn described(mut raw: DescribeWorkflowExecutionResponse) -> Result<Self, Error> {
        let missing = Error::Answer { call: "DescribeWorkflowExecution", what: "execution" };
        let info = raw.workflow_execution_info.take().ok_or(missing)?;
        Ok(Self { info, description: Some(Box::new(raw)) })
    }

    #[must_use]
    pub fn run(&self) -> Run {
        let execution = self.info.execution.clone().unwrap_or_default();
        Run { workflow_id: execution.workflow_id, run_id: execution.run_id }
    }

    #[must_use]
    pub fn status(&self) -> WorkflowExecutionStatus {
        self.info.status()
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status() == WorkflowExecutionStatus::Running
    }

    #[must_use]
    pub fn workflow_type(&self) -> &str {
        self.info.r#type.as_ref().map_or("", |it| &it.name)
    }

    #[must_use]
    pub fn task_queue(&self) -> &str {
        &self.info.task_queue
    }

    #[must_use]
    pub fn start_time(&self) -> Option<SystemTime> {
        time(self.info.start_time)
    }

    #[must_use]
    pub fn close_time(&self) -> Option<SystemTime> {
        time(self.info.close_time)
    }

    #[must_use]
    pub fn history_length(&self) -> i64 {
        self.info.history_length
    }

    /// A note of its starter, if it is there.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn memo<T: Value>(&self, key: &str) -> Result<Option<T>, ValueError> {
        let payload = self.info.memo.as_ref().and_then(|memo| memo.fields.get(key));
        payload.map(T::from_payload).transpose()
    }

    #[must_use]
    pub fn search_attributes(&self) -> SearchAttributes {
        self.info.search_attributes.clone().map(Into::into).unwrap_or_default()
    }

    /// One line of its starter for people; only a description tells it.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        self.metadata().and_then(|it| text(it.summary.as_ref()?))
    }

    /// More lines of its starter for people; only a description tells them.
    #[must_use]
    pub fn details(&self) -> Option<String> {
        self.metadata().and_then(|it| text(it.details.as_ref()?))
    }

    fn metadata(&self) -> Option<&UserMetadata> {
        self.description.as_ref()?.execution_config.as_ref()?.user_metadata.as_ref()
    }
}

fn text(payload: &Payload) -> Option<String> {
    String::from_payload(payload).ok()
}

/// A time that this machine cannot say is as good as not told.
fn time(timestamp: Option<Timestamp>) -> Option<SystemTime> {
    timestamp.and_then(|timestamp| SystemTime::try_from(timestamp).ok())
}
