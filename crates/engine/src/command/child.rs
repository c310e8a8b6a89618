//! The command that starts a child.

use alloc::{boxed::Box, format, string::String, sync::Arc};
use core::time::Duration;

use weft_protocol::api::{
    command::StartChildWorkflowExecutionCommandAttributes,
    common::WorkflowExecution,
    enums::{ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTaskFailedCause as Cause},
    history::StartChildWorkflowExecutionInitiatedEventAttributes,
    sdk::UserMetadata,
    taskqueue::TaskQueue,
};

use super::{BadCommand, Decisions, Extra, check_size, place};
use crate::{
    activity::{RESERVED_QUEUES, check_priority},
    change::Run,
    cron, event,
    ids::WorkflowKey,
    limits::{Limits, Settings},
    message::{Message, MessageBody, StartChild, Step},
    outbox::message_id,
    payload, priority,
    retry::{check_policy, is_negative},
    state::RetryPolicy,
    time::{not_above, span_from_wire, wire_span},
};

const CAUSE: Cause = Cause::BadStartChildExecutionAttributes;

/// Starts a child: its workflow id is asked after the answer is taken.
pub(super) fn start(
    run: &mut Run<'_>,
    command: StartChildWorkflowExecutionCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    #[expect(deprecated, reason = "this field is how a command reaches another namespace")]
    let named = command.namespace.clone();
    let place = place::resolve(run, decisions, CAUSE, &named)?;
    let command = normalized(run, command, &place.name)?;
    check_sizes(run, &command)?;
    let (pending, limit) = (run.children.len(), run.at.settings.limits.pending_children);
    if pending >= limit {
        let reason = format!(
            "the number of pending child workflow executions, {pending}, has reached the per-workflow limit of {limit}"
        );
        return Err(BadCommand::new(Cause::PendingChildWorkflowsLimitExceeded, reason));
    }
    decisions.children.insert(command.workflow_id.as_str().into());
    let target = WorkflowKey { namespace: place.id.clone(), workflow: command.workflow_id.as_str().into() };
    let attributes = event::child::initiated(decisions.completed, &place.id, command);
    let start = start_of(run, &attributes, extra.metadata.clone());
    let id = run.append(extra.on(event::of(attributes.into())));
    let body = MessageBody::StartChild(Box::new(start));
    run.post(message_id(run, id, Step::Ask), Message::new(target, body));
    Ok(())
}

/// What the target of an initiated child is asked for.
pub(crate) fn start_of(
    run: &Run<'_>,
    attributes: &StartChildWorkflowExecutionInitiatedEventAttributes,
    user_metadata: Option<UserMetadata>,
) -> StartChild {
    StartChild {
        user_metadata,
        parent_namespace: Arc::clone(&run.at.namespace.name),
        root: root(run),
        priority: priority::merged(run.core.priority(), attributes.priority.as_ref()),
        attributes: attributes.clone(),
    }
}

/// The command with its defaults filled in, if it makes sense.
#[expect(deprecated, reason = "the event names the namespace in the field that commands do not use any more")]
fn normalized(
    run: &Run<'_>,
    command: StartChildWorkflowExecutionCommandAttributes,
    namespace: &str,
) -> Result<StartChildWorkflowExecutionCommandAttributes, BadCommand> {
    let settings = run.at.settings;
    let mut command = StartChildWorkflowExecutionCommandAttributes { namespace: namespace.into(), ..command };
    let own = namespace == &*run.at.namespace.name;
    if own {
        let fields = || command.search_attributes.iter().flat_map(|it| &it.indexed_fields);
        payload::check_search_attributes(fields(), run.at)
            .map_err(|reason| BadCommand::new(Cause::BadSearchAttributes, reason))?;
        payload::check_search_attribute_sizes(fields(), run.at)?;
    }
    check_names(&command, &settings.limits)
        .and_then(|()| check_rules(run, &command))
        .map_err(|reason| BadCommand::new(CAUSE, reason))?;
    let queue = command.task_queue.as_ref().map_or("", |queue| &queue.name);
    let queue = if queue.is_empty() { run.core.start.queue.clone() } else { queue.into() };
    command.task_queue = Some(event::workflow::queue(&queue));
    check_queue(&command, &settings.limits)?;
    let span = |span: &Option<weft_protocol::Duration>| {
        span.as_ref().map(span_from_wire).unwrap_or_default().min(settings.timeout_max)
    };
    let whole = span(&command.workflow_execution_timeout);
    command.workflow_execution_timeout = command.workflow_execution_timeout.map(|_| wire_span(whole));
    let run_timeout = not_above(span(&command.workflow_run_timeout), whole);
    command.workflow_run_timeout = Some(wire_span(run_timeout));
    command.workflow_task_timeout =
        Some(wire_span(task_timeout(span(&command.workflow_task_timeout), run_timeout, settings)));
    command.retry_policy = command.retry_policy.map(|policy| RetryPolicy::filled_in(&policy, settings).wire());
    if command.parent_close_policy() == ParentClosePolicy::Unspecified {
        command.parent_close_policy = ParentClosePolicy::Terminate as i32;
    }
    if command.workflow_id_reuse_policy() == WorkflowIdReusePolicy::Unspecified {
        command.workflow_id_reuse_policy = WorkflowIdReusePolicy::AllowDuplicate as i32;
    }
    command.memo = command.memo.and_then(payload::memo);
    if own {
        command.search_attributes =
            command.search_attributes.map(|given| payload::search_attributes(given, run.at.namespace));
    }
    Ok(command)
}

#[expect(deprecated, reason = "texts name the namespace, which commands do not use any more")]
fn check_names(command: &StartChildWorkflowExecutionCommandAttributes, limits: &Limits) -> Result<(), String> {
    let (id, kind, namespace) = (&command.workflow_id, type_name(command), &command.namespace);
    let limit = limits.id_bytes;
    let on = "StartChildWorkflowExecutionCommand";
    if id.is_empty() {
        return Err(format!("Required field WorkflowId is not set on {on}. WorkflowType={kind} Namespace={namespace}"));
    }
    if kind.is_empty() {
        return Err(format!("Required field WorkflowType is not set on {on}. WorkflowId={id} Namespace={namespace}"));
    }
    if id.len() > limit {
        let length = id.len();
        return Err(format!(
            "WorkflowId on {on} exceeds length limit. \
             WorkflowId={id} Length={length} Limit={limit} WorkflowType={kind} Namespace={namespace}"
        ));
    }
    if kind.len() > limit {
        let length = kind.len();
        return Err(format!(
            "WorkflowType on {on} exceeds length limit. \
             WorkflowId={id} WorkflowType={kind} Length={length} Limit={limit} Namespace={namespace}"
        ));
    }
    Ok(())
}

fn check_rules(run: &Run<'_>, command: &StartChildWorkflowExecutionCommandAttributes) -> Result<(), String> {
    let on = "StartChildWorkflowExecutionCommand";
    for (name, given) in [
        ("WorkflowExecutionTimeout", &command.workflow_execution_timeout),
        ("WorkflowRunTimeout", &command.workflow_run_timeout),
        ("WorkflowTaskTimeout", &command.workflow_task_timeout),
    ] {
        if given.as_ref().is_some_and(is_negative) {
            return Err(format!("Invalid {name} on {on}: negative duration. {}", about(command)));
        }
    }
    if let Some(policy) = &command.retry_policy {
        check_policy(policy, run.at.settings)
            .map_err(|reason| format!("invalid WorkflowRetryPolicy on {on}: {reason}. {}", about(command)))?;
    }
    if !command.cron_schedule.is_empty() && cron::backoff(&command.cron_schedule, run.now(), run.at).is_none() {
        return Err(format!("invalid CronSchedule on {on}: invalid CronSchedule.. {}", about(command)));
    }
    check_priority(command.priority.as_ref()).map_err(Into::into)
}

fn check_queue(command: &StartChildWorkflowExecutionCommandAttributes, limits: &Limits) -> Result<(), BadCommand> {
    let name = command.task_queue.as_ref().map_or("", |queue: &TaskQueue| &queue.name);
    let reason = if name.len() > limits.id_bytes {
        "taskQueue length exceeds limit".into()
    } else if name.starts_with(RESERVED_QUEUES) {
        format!("task queue name cannot start with reserved prefix {RESERVED_QUEUES}")
    } else {
        return Ok(());
    };
    let about = about(command);
    let reason = format!(
        "invalid TaskQueue on StartChildWorkflowExecutionCommand: {reason}. \
         {about} TaskQueue=name:\"{name}\" kind:TASK_QUEUE_KIND_NORMAL"
    );
    Err(BadCommand::new(CAUSE, reason))
}

#[expect(deprecated, reason = "texts name the namespace, which commands do not use any more")]
fn about(command: &StartChildWorkflowExecutionCommandAttributes) -> String {
    let (id, kind, namespace) = (&command.workflow_id, type_name(command), &command.namespace);
    format!("WorkflowId={id} WorkflowType={kind} Namespace={namespace}")
}

fn type_name(command: &StartChildWorkflowExecutionCommandAttributes) -> &str {
    command.workflow_type.as_ref().map_or("", |it| &it.name)
}

fn check_sizes(run: &Run<'_>, command: &StartChildWorkflowExecutionCommandAttributes) -> Result<(), BadCommand> {
    let attributes = "StartChildWorkflowExecutionCommandAttributes";
    check_size(run, CAUSE, &format!("{attributes}. Input"), command.input.as_ref())?;
    check_size(run, CAUSE, &format!("{attributes}.Memo"), command.memo.as_ref())
}

/// A child belongs to the root of its parent.
fn root(run: &Run<'_>) -> WorkflowExecution {
    run.core.start.attributes.root_workflow_execution.clone().unwrap_or_else(|| WorkflowExecution {
        workflow_id: run.key.workflow.as_str().into(),
        run_id: run.core.run.as_str().into(),
    })
}

fn task_timeout(given: Duration, run_timeout: Duration, settings: &Settings) -> Duration {
    let usual = if given.is_zero() { settings.workflow_task_timeout } else { given };
    not_above(usual.min(settings.workflow_task_timeout_max), run_timeout)
}
