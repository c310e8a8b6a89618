//! Lines of events of the workflow itself and of its tasks.

use weft_client::api::{enums::TaskQueueKind, history::history_event::Attributes};

use super::Details;
use crate::render::{failure, names, payload, time};

pub(super) fn add(details: &mut Details, attributes: &Attributes) -> bool {
    task(details, attributes) || life(details, attributes)
}

fn life(details: &mut Details, attributes: &Attributes) -> bool {
    match attributes {
        Attributes::WorkflowExecutionStartedEventAttributes(it) => {
            details
                .word(it.workflow_type.as_ref().map(|it| it.name.clone()).unwrap_or_default())
                .put("queue", it.task_queue.as_ref().map_or("", |it| &it.name))
                .put("input", payload::list(it.input.as_ref()))
                .put("cron", &it.cron_schedule)
                .put("run_timeout", time::duration(it.workflow_run_timeout.as_ref()))
                .put("continued_from", &it.continued_execution_run_id)
                .put("parent", it.parent_workflow_execution.as_ref().map_or("", |it| &it.workflow_id))
                .number("attempt", if it.attempt > 1 { it.attempt } else { 0 });
        }
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => {
            details.put("result", payload::list(it.result.as_ref())).put("next_run", &it.new_execution_run_id);
        }
        Attributes::WorkflowExecutionFailedEventAttributes(it) => {
            details
                .word(it.failure.as_ref().map(failure::root).unwrap_or_default())
                .put("next_run", &it.new_execution_run_id);
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => {
            details.put("next_run", &it.new_execution_run_id);
        }
        Attributes::WorkflowExecutionCanceledEventAttributes(it) => {
            details.put("details", payload::list(it.details.as_ref()));
        }
        Attributes::WorkflowExecutionTerminatedEventAttributes(it) => {
            details.put("reason", quoted(&it.reason)).put("by", &it.identity);
        }
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it) => {
            details.put("next_run", &it.new_execution_run_id).put("input", payload::list(it.input.as_ref()));
        }
        Attributes::WorkflowExecutionSignaledEventAttributes(it) => {
            details.word(&it.signal_name).put("input", payload::list(it.input.as_ref())).put("by", &it.identity);
        }
        Attributes::WorkflowExecutionCancelRequestedEventAttributes(it) => {
            details.put("reason", quoted(&it.cause)).put("by", &it.identity);
        }
        _ => return false,
    }
    true
}

fn task(details: &mut Details, attributes: &Attributes) -> bool {
    match attributes {
        Attributes::WorkflowTaskScheduledEventAttributes(it) => {
            // A sticky queue's name is made up by the worker and says nothing to people.
            let sticky = it.task_queue.as_ref().is_some_and(|it| it.kind() == TaskQueueKind::Sticky);
            let name = it.task_queue.as_ref().map_or("", |it| &it.name);
            details
                .put("queue", if sticky { "(sticky)" } else { name })
                .number("attempt", if it.attempt > 1 { it.attempt } else { 0 });
        }
        Attributes::WorkflowTaskStartedEventAttributes(it) => {
            details.put("by", &it.identity);
        }
        Attributes::WorkflowTaskCompletedEventAttributes(it) => {
            details.put("by", &it.identity);
        }
        Attributes::WorkflowTaskTimedOutEventAttributes(it) => {
            details.word(names::timeout(it.timeout_type));
        }
        Attributes::WorkflowTaskFailedEventAttributes(it) => {
            details
                .word(names::task_failed(it.cause))
                .word(it.failure.as_ref().map(failure::root).unwrap_or_default())
                .put("by", &it.identity);
        }
        _ => return false,
    }
    true
}

/// A text in quotes; none for an empty one.
fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text:?}") }
}
