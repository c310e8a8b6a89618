//! Enum values as words: `EVENT_TYPE_TIMER_FIRED` is `TimerFired`.

use weft_client::api::enums::{
    EventType, IndexedValueType, NamespaceState, ParentClosePolicy, PendingActivityState, PendingWorkflowTaskState,
    RetryState, TimeoutType, WorkflowExecutionStatus, WorkflowTaskFailedCause,
};

use crate::output::Tone;

pub(crate) fn event(value: i32) -> String {
    named(value, EventType::try_from(value).map(|it| it.as_str_name()), "EVENT_TYPE_")
}

pub(crate) fn status(value: i32) -> String {
    named(value, WorkflowExecutionStatus::try_from(value).map(|it| it.as_str_name()), "WORKFLOW_EXECUTION_STATUS_")
}

pub(crate) fn activity_state(value: i32) -> String {
    named(value, PendingActivityState::try_from(value).map(|it| it.as_str_name()), "PENDING_ACTIVITY_STATE_")
}

pub(crate) fn parent_close_policy(value: i32) -> String {
    named(value, ParentClosePolicy::try_from(value).map(|it| it.as_str_name()), "PARENT_CLOSE_POLICY_")
}

pub(crate) fn task_state(value: i32) -> String {
    named(value, PendingWorkflowTaskState::try_from(value).map(|it| it.as_str_name()), "PENDING_WORKFLOW_TASK_STATE_")
}

pub(crate) fn timeout(value: i32) -> String {
    named(value, TimeoutType::try_from(value).map(|it| it.as_str_name()), "TIMEOUT_TYPE_")
}

pub(crate) fn retry_state(value: i32) -> String {
    named(value, RetryState::try_from(value).map(|it| it.as_str_name()), "RETRY_STATE_")
}

pub(crate) fn task_failed(value: i32) -> String {
    let name = WorkflowTaskFailedCause::try_from(value).map(|it| it.as_str_name());
    named(value, name, "WORKFLOW_TASK_FAILED_CAUSE_")
}

pub(crate) fn namespace_state(value: i32) -> String {
    named(value, NamespaceState::try_from(value).map(|it| it.as_str_name()), "NAMESPACE_STATE_")
}

/// The type of a search attribute.
pub(crate) fn value_type(value: i32) -> String {
    named(value, IndexedValueType::try_from(value).map(|it| it.as_str_name()), "INDEXED_VALUE_TYPE_")
}

/// The colour of a status.
pub(crate) fn tone(status: i32) -> Tone {
    match WorkflowExecutionStatus::try_from(status) {
        Ok(WorkflowExecutionStatus::Running) => Tone::Busy,
        Ok(WorkflowExecutionStatus::Completed | WorkflowExecutionStatus::ContinuedAsNew) => Tone::Good,
        Ok(
            WorkflowExecutionStatus::Failed
            | WorkflowExecutionStatus::TimedOut
            | WorkflowExecutionStatus::Terminated
            | WorkflowExecutionStatus::Canceled,
        ) => Tone::Bad,
        Ok(WorkflowExecutionStatus::Unspecified | WorkflowExecutionStatus::Paused) | Err(_) => Tone::Plain,
    }
}

/// A number that this version does not know is shown as it is.
fn named<E>(value: i32, name: Result<&'static str, E>, prefix: &str) -> String {
    let Ok(name) = name else { return format!("#{value}") };
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words.map(capitalized).collect()
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_owned() + &rest.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_words_and_those_of_tomorrow_are_numbers() {
        assert_eq!(event(EventType::WorkflowExecutionStarted.into()), "WorkflowExecutionStarted");
        assert_eq!(status(WorkflowExecutionStatus::TimedOut.into()), "TimedOut");
        assert_eq!(timeout(TimeoutType::StartToClose.into()), "StartToClose");
        assert_eq!(event(9999), "#9999");
    }
}
