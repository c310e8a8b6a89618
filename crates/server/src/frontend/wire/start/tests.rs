//! What a start comes to, and what is refused at the door.

use weft_protocol::{
    api::{self, common, taskqueue::TaskQueue},
    payload,
};

use super::*;

fn plain() -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        workflow_id: "w".to_owned(),
        workflow_type: Some(common::WorkflowType { name: "T".to_owned() }),
        task_queue: Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    }
}

fn convert(call: Call, body: StartWorkflowExecutionRequest) -> Result<StartWorkflow, String> {
    let namespace = Namespace {
        id: "id".into(),
        name: "default".into(),
        retention: Duration::ZERO,
        search_attributes: Default::default(),
    };
    let settings = Settings::default();
    let around =
        Around { settings: &settings, namespace: &namespace, request: "fresh".into(), handover: "handover".into() };
    start(around, call, body).map_err(|error| error.message)
}

fn refused(change: impl FnOnce(&mut StartWorkflowExecutionRequest), expected: &str) {
    let mut body = plain();
    change(&mut body);
    assert_eq!(convert(Call::Start, body).err().as_deref(), Some(expected));
}

fn seconds(seconds: i64) -> Option<api::Duration> {
    Some(api::Duration { seconds, nanos: 0 })
}

#[test]
fn what_a_start_leaves_out_is_filled_in() {
    let start = convert(Call::Start, plain()).expect("it is fine");
    assert_eq!((start.request.as_str(), start.queue.as_str(), &*start.workflow_type), ("fresh", "q", "T"));
    assert_eq!((start.reuse, start.conflict), (ReusePolicy::AllowDuplicate, ConflictPolicy::Fail));
    assert!(start.retry.is_none() && start.eager.is_none() && start.execution_timeout.is_none());
}

#[test]
fn an_eager_start_names_the_worker_that_takes_the_first_task() {
    let body = StartWorkflowExecutionRequest { request_eager_execution: true, identity: "me".to_owned(), ..plain() };
    let eager = convert(Call::Start, body).expect("it is fine").eager.expect("it is asked for");
    assert_eq!((eager.identity.as_str(), eager.request.as_str()), ("me", "handover"));
}

#[test]
fn policies_have_defaults_and_some_contradict_each_other() {
    use WorkflowIdConflictPolicy as Conflict;
    use WorkflowIdReusePolicy as Reuse;
    #[expect(deprecated, reason = "older SDKs say it like this")]
    let terminate = Reuse::TerminateIfRunning;
    let check = |call, reuse: Reuse, conflict: Conflict, expected: Result<(ReusePolicy, ConflictPolicy), &str>| {
        let body = StartWorkflowExecutionRequest {
            workflow_id_reuse_policy: reuse.into(),
            workflow_id_conflict_policy: conflict.into(),
            ..plain()
        };
        let found = convert(call, body).map(|start| (start.reuse, start.conflict));
        assert_eq!(found, expected.map_err(str::to_owned), "{call:?} {reuse:?} {conflict:?}");
    };
    let any = ReusePolicy::AllowDuplicate;
    let signal = Call::SignalWithStart;
    check(Call::Start, Reuse::Unspecified, Conflict::Unspecified, Ok((any, ConflictPolicy::Fail)));
    check(signal, Reuse::Unspecified, Conflict::Unspecified, Ok((any, ConflictPolicy::UseExisting)));
    check(signal, Reuse::Unspecified, Conflict::TerminateExisting, Ok((any, ConflictPolicy::TerminateExisting)));
    check(signal, Reuse::Unspecified, Conflict::Fail, Err(text::CONFLICT_FAIL_NOT_SUPPORTED));
    check(Call::Start, terminate, Conflict::Unspecified, Ok((any, ConflictPolicy::TerminateExisting)));
    check(Call::Start, terminate, Conflict::Fail, Err(text::TERMINATE_IF_RUNNING_WITH_CONFLICT_POLICY));
    let contradiction = Err(text::REJECT_DUPLICATE_WITH_TERMINATE_EXISTING);
    check(Call::Start, Reuse::RejectDuplicate, Conflict::TerminateExisting, contradiction);
    let reject = Ok((ReusePolicy::RejectDuplicate, ConflictPolicy::UseExisting));
    check(Call::Start, Reuse::RejectDuplicate, Conflict::UseExisting, reject);
}

#[test]
fn numbers_that_name_no_policy_are_refused() {
    refused(|body| body.workflow_id_reuse_policy = 99, "Invalid WorkflowIDReusePolicy.");
    refused(|body| body.workflow_id_conflict_policy = -1, "Invalid WorkflowIDConflictPolicy.");
}

#[test]
fn names_and_times_that_make_no_sense_are_refused() {
    refused(|body| body.workflow_type = None, "WorkflowType is not set on request.");
    refused(|body| body.task_queue = None, "taskQueue is not set");
    refused(|body| body.request_id = "r".repeat(1001), "RequestId length exceeds limit.");
    refused(|body| body.identity = "i".repeat(1001), "Identity length exceeds limit.");
    let negative = |what: &str| format!("An invalid {what} is set on request. cause: negative duration");
    refused(|body| body.workflow_run_timeout = seconds(-1), &negative("WorkflowRunTimeoutSeconds"));
    refused(|body| body.workflow_execution_timeout = seconds(-1), &negative("WorkflowExecutionTimeoutSeconds"));
    refused(|body| body.workflow_task_timeout = seconds(-1), &negative("WorkflowTaskTimeoutSeconds"));
    refused(|body| body.workflow_start_delay = seconds(-1), &negative("WorkflowStartDelaySeconds"));
    let both = |body: &mut StartWorkflowExecutionRequest| {
        body.cron_schedule = "@hourly".to_owned();
        body.workflow_start_delay = seconds(1);
    };
    refused(both, text::CRON_AND_START_DELAY);
}

#[test]
fn what_is_not_built_is_refused_rather_than_ignored() {
    let callbacks = |body: &mut StartWorkflowExecutionRequest| body.completion_callbacks.push(Default::default());
    refused(callbacks, "this server cannot start a workflow with completion callbacks");
    refused(
        |body| body.time_skipping_config = Some(Default::default()),
        "this server cannot start a workflow with time skipping",
    );
}

#[test]
fn the_signal_of_a_signal_with_start_has_the_request_id_of_the_start() {
    let body = SignalWithStartWorkflowExecutionRequest {
        workflow_type: Some(common::WorkflowType { name: "T".to_owned() }),
        task_queue: Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() }),
        signal_name: "s".to_owned(),
        signal_input: Some(payload::list(payload::json_string("x"))),
        ..Default::default()
    };
    let (start, signal) = split(body.clone());
    let start = convert(Call::SignalWithStart, start).expect("it is fine");
    let signal = signal.with(&start, &Settings::default()).expect("it is fine");
    assert_eq!((&*signal.name, signal.request), ("s", Some(start.request.clone())));
    let nameless = split(SignalWithStartWorkflowExecutionRequest { signal_name: String::new(), ..body }).1;
    assert_eq!(nameless.with(&start, &Settings::default()).expect_err("it is refused").message, "signal not set");
}

#[test]
fn a_timeout_of_zero_is_none_but_was_said() {
    let zero = Some(weft_protocol::Duration { seconds: 0, nanos: 0 });
    let said = StartWorkflowExecutionRequest { workflow_run_timeout: zero, ..plain() };
    let start = convert(Call::Start, said).expect("it is fine");
    assert_eq!((start.run_timeout, start.execution_timeout), (Some(Duration::ZERO), None));
}
