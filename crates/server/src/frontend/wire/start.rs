//! Starts: from the API's request, with what it leaves out filled in.

use std::time::Duration;

use weft_engine::{
    ConflictPolicy, Namespace, OnConflict, Poller, RequestId, ReusePolicy, Settings, StartWorkflow, TaskQueueName,
    limits::Limits,
};
use weft_protocol::{
    api::{
        enums::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
        workflowservice::{SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest},
    },
    error::{Error, text},
};

use super::{identity, signal::Signal};
use crate::frontend::validate::{causes, ids, search_attributes, sizes, timeouts};

/// What surrounds a start: settings, its namespace, and fresh ids for what the client left out.
pub(crate) struct Around<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) namespace: &'a Namespace,
    /// For a request without an id.
    pub(crate) request: RequestId,
    /// The hand-over of an eager first task.
    pub(crate) handover: RequestId,
}

/// What a start does where the client does not say: they differ between the two calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Start,
    SignalWithStart,
}

pub(crate) fn start(
    around: Around<'_>,
    call: Call,
    body: StartWorkflowExecutionRequest,
) -> Result<StartWorkflow, Error> {
    let Around { settings, namespace, request, handover } = around;
    let limits = &settings.limits;
    refuse_what_is_not_built(&body)?;
    let retry = timeouts::retry(body.retry_policy.as_ref(), settings)?;
    let spans = Spans::of(&body)?;
    let workflow_type = checked_type(limits, call, body.workflow_type.as_ref().map_or("", |kind| &kind.name))?;
    let queue = body.task_queue.as_ref().ok_or_else(|| Error::invalid_argument(text::TASK_QUEUE_MISSING))?;
    let queue = ids::task_queue(limits, &queue.name)?;
    let request = super::given_request_id(limits, &body.request_id)?.unwrap_or(request);
    let identity = identity(limits, &body.identity)?;
    let (reuse, conflict) = policies(&body, call)?;
    sizes::blob(limits, body.input.as_ref())?;
    sizes::header(limits, body.header.as_ref())?;
    sizes::memo(limits, body.memo.as_ref())?;
    sizes::user_metadata(limits, body.user_metadata.as_ref())?;
    sizes::links(&body.links)?;
    weft_engine::check_priority(body.priority.as_ref()).map_err(Error::invalid_argument)?;
    let eager = body.request_eager_execution.then(|| Poller {
        identity: identity.clone(),
        request: handover,
        version: None,
        deployment: body.eager_worker_deployment_options,
    });
    if body.on_conflict_options.as_ref().is_some_and(|on| on.attach_completion_callbacks && !on.attach_request_id) {
        return Err(Error::invalid_argument(text::CALLBACKS_WITHOUT_REQUEST_ID));
    }
    let on_conflict = body.on_conflict_options.map_or_else(OnConflict::default, |on| OnConflict {
        attach_request_id: on.attach_request_id,
        attach_links: on.attach_links,
    });
    Ok(StartWorkflow {
        request,
        workflow_type: workflow_type.into(),
        queue: TaskQueueName::from(queue),
        input: body.input,
        header: body.header,
        memo: body.memo,
        search_attributes: search_attributes::taken(body.search_attributes, namespace, limits)?,
        execution_timeout: spans.execution,
        run_timeout: spans.run,
        task_timeout: spans.task,
        start_delay: spans.delay,
        retry,
        cron: body.cron_schedule.into(),
        identity,
        reuse,
        conflict,
        eager,
        user_metadata: body.user_metadata,
        links: body.links,
        priority: body.priority,
        versioning_override: body.versioning_override,
        continued_failure: causes::bounded(body.continued_failure),
        last_completion_result: body.last_completion_result,
        on_conflict,
    })
}

/// The name of the workflow's type. The two calls say differently what is wrong with it.
fn checked_type<'a>(limits: &Limits, call: Call, name: &'a str) -> Result<&'a str, Error> {
    match call {
        Call::Start => ids::required(limits, name, text::WORKFLOW_TYPE_NOT_SET, text::WORKFLOW_TYPE_TOO_LONG),
        Call::SignalWithStart => {
            let (length, limit) = (name.len(), limits.id_bytes);
            let too_long = format!("workflow type name exceeds maximum allowed length ({length}/{limit})");
            ids::required(limits, name, text::WORKFLOW_TYPE_MISSING, &too_long)
        }
    }
}

/// The start and the signal of a signal-with-start. Both halves have the same request id: a repetition of one is a
/// repetition of the other.
pub(crate) fn split(body: SignalWithStartWorkflowExecutionRequest) -> (StartWorkflowExecutionRequest, SignalHalf) {
    let signal = SignalHalf { name: body.signal_name, input: body.signal_input, header: body.header.clone() };
    let start = StartWorkflowExecutionRequest {
        namespace: body.namespace,
        workflow_id: body.workflow_id,
        workflow_type: body.workflow_type,
        task_queue: body.task_queue,
        input: body.input,
        workflow_execution_timeout: body.workflow_execution_timeout,
        workflow_run_timeout: body.workflow_run_timeout,
        workflow_task_timeout: body.workflow_task_timeout,
        identity: body.identity,
        request_id: body.request_id,
        workflow_id_reuse_policy: body.workflow_id_reuse_policy,
        workflow_id_conflict_policy: body.workflow_id_conflict_policy,
        retry_policy: body.retry_policy,
        cron_schedule: body.cron_schedule,
        memo: body.memo,
        search_attributes: body.search_attributes,
        header: body.header,
        workflow_start_delay: body.workflow_start_delay,
        user_metadata: body.user_metadata,
        links: body.links,
        versioning_override: body.versioning_override,
        priority: body.priority,
        time_skipping_config: body.time_skipping_config,
        ..StartWorkflowExecutionRequest::default()
    };
    (start, signal)
}

/// What of a signal-with-start is the signal's alone.
pub(crate) struct SignalHalf {
    name: String,
    input: Option<weft_protocol::api::common::Payloads>,
    header: Option<weft_protocol::api::common::Header>,
}

impl SignalHalf {
    /// The signal that goes with a start.
    pub(crate) fn with(self, start: &StartWorkflow, settings: &Settings) -> Result<weft_engine::SignalBody, Error> {
        let Self { name, input, header } = self;
        ids::required(&settings.limits, &name, text::SIGNAL_NOT_SET, text::SIGNAL_NAME_TOO_LONG)?;
        let (identity, request, links) = (start.identity.clone(), Some(start.request.clone()), start.links.clone());
        Signal { name, input, header, identity, request, links }.body(&settings.limits)
    }
}

/// The four times of a start; zero is "none", and of the first two it matters whether they were said at all.
#[derive(Debug, PartialEq, Eq)]
struct Spans {
    execution: Option<Duration>,
    run: Option<Duration>,
    task: Duration,
    delay: Duration,
}

impl Spans {
    fn of(body: &StartWorkflowExecutionRequest) -> Result<Self, Error> {
        let delay = timeouts::span(body.workflow_start_delay.as_ref(), text::START_DELAY_INVALID)?;
        if !body.cron_schedule.is_empty() && body.workflow_start_delay.is_some() {
            return Err(Error::invalid_argument(text::CRON_AND_START_DELAY));
        }
        let said =
            |given: &Option<_>, invalid| given.as_ref().map(|given| timeouts::span(Some(given), invalid)).transpose();
        Ok(Self {
            execution: said(&body.workflow_execution_timeout, text::EXECUTION_TIMEOUT_INVALID)?,
            run: said(&body.workflow_run_timeout, text::RUN_TIMEOUT_INVALID)?,
            task: timeouts::span(body.workflow_task_timeout.as_ref(), text::TASK_TIMEOUT_INVALID)?,
            delay,
        })
    }
}

fn policies(body: &StartWorkflowExecutionRequest, call: Call) -> Result<(ReusePolicy, ConflictPolicy), Error> {
    #[expect(deprecated, reason = "older SDKs say it like this")]
    let terminate_if_running = WorkflowIdReusePolicy::TerminateIfRunning;
    let reuse = WorkflowIdReusePolicy::try_from(body.workflow_id_reuse_policy)
        .map_err(|_| Error::invalid_argument("Invalid WorkflowIDReusePolicy."))?;
    let conflict = WorkflowIdConflictPolicy::try_from(body.workflow_id_conflict_policy)
        .map_err(|_| Error::invalid_argument("Invalid WorkflowIDConflictPolicy."))?;
    if reuse == terminate_if_running {
        return match conflict {
            WorkflowIdConflictPolicy::Unspecified => {
                Ok((ReusePolicy::AllowDuplicate, ConflictPolicy::TerminateExisting))
            }
            _ => Err(Error::invalid_argument(text::TERMINATE_IF_RUNNING_WITH_CONFLICT_POLICY)),
        };
    }
    let conflict = match (conflict, call) {
        (WorkflowIdConflictPolicy::Fail, Call::SignalWithStart) => {
            return Err(Error::invalid_argument(text::CONFLICT_FAIL_NOT_SUPPORTED));
        }
        (WorkflowIdConflictPolicy::Unspecified | WorkflowIdConflictPolicy::Fail, Call::Start) => ConflictPolicy::Fail,
        (WorkflowIdConflictPolicy::Unspecified, Call::SignalWithStart) | (WorkflowIdConflictPolicy::UseExisting, _) => {
            ConflictPolicy::UseExisting
        }
        (WorkflowIdConflictPolicy::TerminateExisting, _) => ConflictPolicy::TerminateExisting,
    };
    let reuse = match reuse {
        WorkflowIdReusePolicy::AllowDuplicateFailedOnly => ReusePolicy::AllowDuplicateFailedOnly,
        WorkflowIdReusePolicy::RejectDuplicate => ReusePolicy::RejectDuplicate,
        _ => ReusePolicy::AllowDuplicate,
    };
    if (reuse, conflict) == (ReusePolicy::RejectDuplicate, ConflictPolicy::TerminateExisting) {
        return Err(Error::invalid_argument(text::REJECT_DUPLICATE_WITH_TERMINATE_EXISTING));
    }
    Ok((reuse, conflict))
}

/// What would be ignored is refused, so that nobody relies on it.
fn refuse_what_is_not_built(body: &StartWorkflowExecutionRequest) -> Result<(), Error> {
    let asked = [
        (!body.completion_callbacks.is_empty(), "completion callbacks"),
        (body.time_skipping_config.is_some(), "time skipping"),
    ];
    match asked.into_iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Error::invalid_argument(format!("this server cannot start a workflow with {what}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
