//! The commands of workflows, in as few words as they need here.

use std::time::Duration;

use weft_protocol::{
    api::{
        command::{
            Command, CompleteWorkflowExecutionCommandAttributes, ContinueAsNewWorkflowExecutionCommandAttributes,
            ProtocolMessageCommandAttributes, ScheduleActivityTaskCommandAttributes,
            SignalExternalWorkflowExecutionCommandAttributes, StartChildWorkflowExecutionCommandAttributes,
            StartTimerCommandAttributes, command::Attributes,
        },
        common::{ActivityType, Payloads, RetryPolicy, WorkflowExecution, WorkflowType},
        enums::CommandType,
        taskqueue::TaskQueue,
    },
    payload,
};

/// The queue of workflow and activity tasks.
pub(crate) const QUEUE: &str = "chaos";
/// A worker that vanishes with an attempt is missed after that.
const START_TO_CLOSE: Duration = Duration::from_secs(3);
const RETRY_INITIAL: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

pub(crate) fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

pub(crate) fn kind(name: &str) -> Option<WorkflowType> {
    Some(WorkflowType { name: name.to_owned() })
}

pub(crate) fn text(text: &str) -> Option<Payloads> {
    Some(payload::list(payload::json_string(text)))
}

/// It is tried again until it succeeds.
pub(crate) fn activity(id: &str) -> Command {
    let retry = RetryPolicy {
        initial_interval: span(RETRY_INITIAL),
        backoff_coefficient: 2.0,
        maximum_interval: span(RETRY_MAX),
        ..RetryPolicy::default()
    };
    let schedule = ScheduleActivityTaskCommandAttributes {
        activity_id: id.to_owned(),
        activity_type: Some(ActivityType { name: "activity".to_owned() }),
        task_queue: queue(QUEUE),
        start_to_close_timeout: span(START_TO_CLOSE),
        retry_policy: Some(retry),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(schedule))
}

pub(crate) fn timer(id: &str, lasts: Duration) -> Command {
    let start = StartTimerCommandAttributes { timer_id: id.to_owned(), start_to_fire_timeout: span(lasts) };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(start))
}

pub(crate) fn child(workflow: &str, kind_name: &str) -> Command {
    let start = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: workflow.to_owned(),
        workflow_type: kind(kind_name),
        task_queue: queue(QUEUE),
        ..StartChildWorkflowExecutionCommandAttributes::default()
    };
    let start = Attributes::StartChildWorkflowExecutionCommandAttributes(start);
    command(CommandType::StartChildWorkflowExecution, start)
}

/// A signal to another workflow, whichever run it is in.
pub(crate) fn tell(whom: &str, signal_name: String) -> Command {
    let signal = SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: whom.to_owned(), run_id: String::new() }),
        signal_name,
        ..SignalExternalWorkflowExecutionCommandAttributes::default()
    };
    let signal = Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal);
    command(CommandType::SignalExternalWorkflowExecution, signal)
}

pub(crate) fn go_on_as_new(kind_name: &str, input: Option<Payloads>) -> Command {
    let go_on = ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: kind(kind_name),
        task_queue: queue(QUEUE),
        input,
        ..ContinueAsNewWorkflowExecutionCommandAttributes::default()
    };
    let go_on = Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(go_on);
    command(CommandType::ContinueAsNewWorkflowExecution, go_on)
}

pub(crate) fn complete(result: Option<Payloads>) -> Command {
    let complete = CompleteWorkflowExecutionCommandAttributes { result };
    let complete = Attributes::CompleteWorkflowExecutionCommandAttributes(complete);
    command(CommandType::CompleteWorkflowExecution, complete)
}

/// Where among the commands a message stands.
pub(crate) fn message(id: &str) -> Command {
    let message = ProtocolMessageCommandAttributes { message_id: id.to_owned() };
    command(CommandType::ProtocolMessage, Attributes::ProtocolMessageCommandAttributes(message))
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

fn span(span: Duration) -> Option<weft_protocol::Duration> {
    let (seconds, nanos) = (span.as_secs().cast_signed(), span.subsec_nanos().cast_signed());
    Some(weft_protocol::Duration { seconds, nanos })
}
