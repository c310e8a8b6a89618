//! A workflow in a list, and at length.

use weft_client::{
    api::{
        common::{Payload, WorkflowExecution, WorkflowType},
        workflow::{PendingActivityInfo, PendingChildExecutionInfo, WorkflowExecutionInfo},
        workflowservice::DescribeWorkflowExecutionResponse,
    },
    own::GetHistoryHeadResponse,
};

use super::{failure, names, payload, time};
use crate::{
    head,
    output::{Output, Tone, text},
};

pub(crate) const LIST: [&str; 6] = ["STATUS", "WORKFLOW ID", "TYPE", "TASK QUEUE", "STARTED", "CLOSED"];

/// A row under [`LIST`].
pub(crate) fn row(it: &WorkflowExecutionInfo) -> Vec<(Tone, String)> {
    vec![
        (names::tone(it.status), names::status(it.status)),
        text(workflow_id(it.execution.as_ref())),
        text(kind(it.r#type.as_ref())),
        text(&it.task_queue),
        text(time::seconds(it.start_time.as_ref())),
        text(time::seconds(it.close_time.as_ref())),
    ]
}

/// Everything that a person wants to know of a run; the head where the server keeps one.
pub(crate) fn described(
    output: &Output,
    it: &DescribeWorkflowExecutionResponse,
    history: Option<&GetHistoryHeadResponse>,
) -> String {
    let status = it.workflow_execution_info.as_ref().map_or(0, |info| info.status);
    let mut parts = vec![output.pairs_and(("Status", names::tone(status)), facts(it, history))];
    if !it.pending_activities.is_empty() {
        let header = ["PENDING ACTIVITY", "ID", "STATE", "ATTEMPT", "NEXT", "LAST FAILURE"];
        let rows = it.pending_activities.iter().map(activity).collect();
        parts.push(output.table(&header, rows));
    }
    if !it.pending_children.is_empty() {
        let header = ["PENDING CHILD", "WORKFLOW ID", "RUN ID", "WHEN THIS CLOSES"];
        parts.push(output.table(&header, it.pending_children.iter().map(child).collect()));
    }
    parts.join("\n\n")
}

fn facts<'a>(
    it: &DescribeWorkflowExecutionResponse,
    history: Option<&GetHistoryHeadResponse>,
) -> Vec<(&'a str, String)> {
    let nothing = WorkflowExecutionInfo::default();
    let info = it.workflow_execution_info.as_ref().unwrap_or(&nothing);
    let config = it.execution_config.clone().unwrap_or_default();
    let queue = config.task_queue.map(|queue| queue.name).filter(|name| !name.is_empty());
    let memo = info.memo.as_ref().map(|memo| fields(&memo.fields)).unwrap_or_default();
    let search = info.search_attributes.as_ref().map(|it| fields(&it.indexed_fields)).unwrap_or_default();
    let length = format!("{} events, {}", info.history_length, bytes(info.history_size_bytes));
    let metadata = config.user_metadata.unwrap_or_default();
    vec![
        ("Workflow", workflow_id(info.execution.as_ref()).to_owned()),
        ("Run", info.execution.as_ref().map(|it| it.run_id.clone()).unwrap_or_default()),
        ("Type", kind(info.r#type.as_ref()).to_owned()),
        ("Status", names::status(info.status)),
        ("Task queue", queue.unwrap_or_else(|| info.task_queue.clone())),
        ("Started", time::seconds(info.start_time.as_ref())),
        ("First task", first_task(info)),
        ("Closed", time::seconds(info.close_time.as_ref())),
        ("Took", time::duration(info.execution_duration.as_ref())),
        ("History", length),
        ("Head", history.and_then(|it| it.head.as_ref()).map(head::line).unwrap_or_default()),
        ("Forked from", history.and_then(|it| it.forked_from.as_ref()).map(head::origin).unwrap_or_default()),
        ("Run timeout", time::duration(config.workflow_run_timeout.as_ref())),
        ("Execution timeout", time::duration(config.workflow_execution_timeout.as_ref())),
        ("First run", other(&info.first_run_id, info)),
        ("Parent", info.parent_execution.as_ref().map(|it| it.workflow_id.clone()).unwrap_or_default()),
        ("Summary", metadata.summary.as_ref().map(payload::short).unwrap_or_default()),
        ("Details", metadata.details.as_ref().map(payload::short).unwrap_or_default()),
        ("Memo", memo),
        ("Search attributes", search),
        ("Workflow task", workflow_task(it)),
        ("Paused", paused(it)),
    ]
}

/// Since when, by whom and why.
fn paused(it: &DescribeWorkflowExecutionResponse) -> String {
    let extended = it.workflow_extended_info.as_ref();
    let Some(pause) = extended.and_then(|it| it.pause_info.as_ref()) else { return String::new() };
    let why = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    format!("since {} by {}{why}", time::seconds(pause.paused_time.as_ref()), pause.identity)
}

/// When it begins, if that is not when it was started.
fn first_task(info: &WorkflowExecutionInfo) -> String {
    if info.execution_time == info.start_time { String::new() } else { time::seconds(info.execution_time.as_ref()) }
}

/// The first run's id where it is another one.
fn other(first: &str, info: &WorkflowExecutionInfo) -> String {
    let this = info.execution.as_ref().is_some_and(|it| it.run_id == first);
    if this { String::new() } else { first.to_owned() }
}

fn workflow_task(it: &DescribeWorkflowExecutionResponse) -> String {
    let Some(task) = &it.pending_workflow_task else { return String::new() };
    let since = time::seconds(task.started_time.as_ref().or(task.scheduled_time.as_ref()));
    format!("{} since {since}, attempt {}", names::task_state(task.state), task.attempt)
}

fn activity(it: &PendingActivityInfo) -> Vec<(Tone, String)> {
    let attempts = match it.maximum_attempts {
        0 => it.attempt.to_string(),
        most => format!("{} of {most}", it.attempt),
    };
    vec![
        text(it.activity_type.as_ref().map_or("", |it| &it.name)),
        text(&it.activity_id),
        text(names::activity_state(it.state)),
        text(attempts),
        text(time::seconds(it.next_attempt_schedule_time.as_ref())),
        (Tone::Bad, it.last_failure.as_ref().map(failure::root).unwrap_or_default()),
    ]
}

fn child(it: &PendingChildExecutionInfo) -> Vec<(Tone, String)> {
    vec![
        text(&it.workflow_type_name),
        text(&it.workflow_id),
        text(&it.run_id),
        text(names::parent_close_policy(it.parent_close_policy)),
    ]
}

fn fields(fields: &std::collections::HashMap<String, Payload>) -> String {
    let mut all: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", payload::short(value))).collect();
    all.sort();
    all.join(" ")
}

fn workflow_id(execution: Option<&WorkflowExecution>) -> &str {
    execution.map_or("", |it| &it.workflow_id)
}

fn kind(kind: Option<&WorkflowType>) -> &str {
    kind.map_or("", |it| &it.name)
}

/// `3.4 KB`
pub(crate) fn bytes(count: i64) -> String {
    let mut rest = count as f64;
    for unit in ["bytes", "KB", "MB", "GB"] {
        if rest < 1000.0 {
            return if unit == "bytes" { format!("{count} bytes") } else { format!("{rest:.1} {unit}") };
        }
        rest /= 1000.0;
    }
    format!("{rest:.1} TB")
}

#[cfg(test)]
mod tests {
    use weft_client::api::{
        Timestamp,
        enums::{ParentClosePolicy, PendingActivityState, WorkflowExecutionStatus},
        workflow::{PendingWorkflowTaskInfo, WorkflowExecutionConfig},
    };
    use weft_client::own::{ForkOrigin, HistoryHead};

    use super::*;

    fn info() -> WorkflowExecutionInfo {
        let start = Some(Timestamp { seconds: 1_700_000_000, nanos: 0 });
        WorkflowExecutionInfo {
            execution: Some(WorkflowExecution { workflow_id: "order-17".to_owned(), run_id: "r1".to_owned() }),
            r#type: Some(WorkflowType { name: "Order".to_owned() }),
            status: WorkflowExecutionStatus::Running.into(),
            task_queue: "orders".to_owned(),
            start_time: start,
            execution_time: start,
            history_length: 12,
            history_size_bytes: 3_400,
            first_run_id: "r1".to_owned(),
            ..WorkflowExecutionInfo::default()
        }
    }

    #[test]
    fn a_list_is_a_table() {
        let table = Output::plain().table(&LIST, vec![row(&info())]);
        let expected = "STATUS   WORKFLOW ID  TYPE   TASK QUEUE  STARTED               CLOSED\n\
                        Running  order-17     Order  orders      2023-11-14T22:13:20Z";
        assert_eq!(table, expected);
    }

    #[test]
    fn a_description_has_what_is_known_and_what_is_pending() {
        let activity = PendingActivityInfo {
            activity_id: "5".to_owned(),
            state: PendingActivityState::Scheduled.into(),
            attempt: 2,
            maximum_attempts: 3,
            ..PendingActivityInfo::default()
        };
        let it = DescribeWorkflowExecutionResponse {
            workflow_execution_info: Some(info()),
            execution_config: Some(WorkflowExecutionConfig::default()),
            pending_activities: vec![activity],
            pending_children: vec![PendingChildExecutionInfo {
                workflow_id: "payment-17".to_owned(),
                run_id: "r2".to_owned(),
                workflow_type_name: "Payment".to_owned(),
                initiated_id: 6,
                parent_close_policy: ParentClosePolicy::RequestCancel.into(),
            }],
            pending_workflow_task: Some(PendingWorkflowTaskInfo {
                state: 1,
                attempt: 1,
                scheduled_time: Some(Timestamp { seconds: 1_700_000_001, nanos: 0 }),
                ..PendingWorkflowTaskInfo::default()
            }),
            ..DescribeWorkflowExecutionResponse::default()
        };
        let expected = "\
Workflow       order-17
Run            r1
Type           Order
Status         Running
Task queue     orders
Started        2023-11-14T22:13:20Z
History        12 events, 3.4 KB
Head           0fa0 after event 12
Forked from    order-16 (run r0) at event 7
Workflow task  Scheduled since 2023-11-14T22:13:21Z, attempt 1

PENDING ACTIVITY  ID  STATE      ATTEMPT  NEXT  LAST FAILURE
                  5   Scheduled  2 of 3

PENDING CHILD  WORKFLOW ID  RUN ID  WHEN THIS CLOSES
Payment        payment-17   r2      RequestCancel";
        let execution = Some(WorkflowExecution { workflow_id: "order-16".to_owned(), run_id: "r0".to_owned() });
        let history = GetHistoryHeadResponse {
            head: Some(HistoryHead { event_count: 12, hash: vec![0x0f, 0xa0] }),
            forked_from: Some(ForkOrigin { execution, event_id: 7 }),
            ..GetHistoryHeadResponse::default()
        };
        assert_eq!(described(&Output::plain(), &it, Some(&history)), expected);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(
            [bytes(0), bytes(999), bytes(1_000), bytes(2_500_000)],
            ["0 bytes", "999 bytes", "1.0 KB", "2.5 MB"]
        );
    }
}
