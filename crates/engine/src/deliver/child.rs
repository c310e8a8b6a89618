//! What a parent asks of a child's workflow id: to start, to go on, to stop.

use core::time::Duration;

use alloc::{string::ToString, vec::Vec};

use weft_protocol::api::{common::WorkflowExecution, enums::WorkflowIdReusePolicy};

use super::{execution, is_parent, keep, request_id, server};
use crate::{
    answer::ChainEnd,
    cancel,
    change::{Change, Run},
    fold,
    ids::{Identity, RunId},
    message::{ChildEnd, Origin, Reply, StartChild},
    refusal::Refusal,
    request::{CancelBody, ConflictPolicy, OnConflict, ReusePolicy, StartWorkflow, Target},
    start::{self, Parent},
    terminate,
    time::{Timestamp, span_from_wire},
    workflow_task::schedule,
};

const BY_POLICY: &str = "by parent close policy";

/// Starts the child; its first workflow task waits until the parent has recorded that.
pub(super) fn start(change: &mut Change<'_>, origin: &Origin, start: &StartChild) -> Result<Reply, Refusal> {
    let parent = Parent {
        execution: execution(origin),
        namespace: start.parent_namespace.to_string(),
        namespace_id: origin.sender.namespace.to_string(),
        initiated_event_id: origin.event_id,
        root: start.root.clone(),
        execution_timeout: start.attributes.workflow_execution_timeout,
        run_timeout: start.attributes.workflow_run_timeout,
    };
    match start::start_child(change, body(origin, start), parent) {
        Ok(run) => Ok(keep(change, origin, Reply::ChildStarted(run))),
        Err(Refusal::AlreadyStarted { .. }) => Ok(Reply::AlreadyExists),
        Err(refusal) => Err(refusal),
    }
}

fn body(origin: &Origin, start: &StartChild) -> StartWorkflow {
    let it = &start.attributes;
    let span = |span: Option<&weft_protocol::Duration>| span.map(span_from_wire).unwrap_or_default();
    let (reuse, conflict) = policies(it.workflow_id_reuse_policy());
    StartWorkflow {
        continued_failure: None,
        last_completion_result: None,
        request: request_id(origin),
        workflow_type: it.workflow_type.as_ref().map_or("", |it| &it.name).into(),
        queue: it.task_queue.as_ref().map_or("", |it| &it.name).into(),
        input: it.input.clone(),
        header: it.header.clone(),
        memo: it.memo.clone(),
        search_attributes: it.search_attributes.clone(),
        execution_timeout: it.workflow_execution_timeout.as_ref().map(span_from_wire),
        run_timeout: it.workflow_run_timeout.as_ref().map(span_from_wire),
        task_timeout: span(it.workflow_task_timeout.as_ref()),
        start_delay: Duration::ZERO,
        retry: it.retry_policy.as_ref().map(fold::retry_policy),
        cron: it.cron_schedule.as_str().into(),
        identity: Identity::from(""),
        reuse,
        conflict,
        eager: None,
        user_metadata: start.user_metadata.clone(),
        links: Vec::new(),
        priority: start.priority.clone(),
        versioning_override: None,
        on_conflict: OnConflict::default(),
    }
}

#[expect(deprecated, reason = "children have no conflict policy: this reuse policy still says it for them")]
fn policies(reuse: WorkflowIdReusePolicy) -> (ReusePolicy, ConflictPolicy) {
    match reuse {
        WorkflowIdReusePolicy::Unspecified | WorkflowIdReusePolicy::AllowDuplicate => {
            (ReusePolicy::AllowDuplicate, ConflictPolicy::Fail)
        }
        WorkflowIdReusePolicy::AllowDuplicateFailedOnly => {
            (ReusePolicy::AllowDuplicateFailedOnly, ConflictPolicy::Fail)
        }
        WorkflowIdReusePolicy::RejectDuplicate => (ReusePolicy::RejectDuplicate, ConflictPolicy::Fail),
        WorkflowIdReusePolicy::TerminateIfRunning => (ReusePolicy::AllowDuplicate, ConflictPolicy::TerminateExisting),
    }
}

/// The parent knows of the child: it may begin, unless its first task waits for a time of its own.
pub(super) fn first_task(change: &mut Change<'_>, id: &RunId) {
    let Some(mut run) = change.run(id) else { return };
    if run.is_open() && run.core.first_task_at == Some(Timestamp::MAX) {
        schedule::at_once(&mut run);
    }
}

/// The parent has ended without knowing of the child: it must not run. Receipts of signals and the like just go.
pub(super) fn recall(change: &mut Change<'_>, origin: &Origin) {
    let id = match change.workflow.receipts.get(origin) {
        Some(Reply::ChildStarted(id)) => id.clone(),
        Some(
            Reply::Done
            | Reply::AlreadyExists
            | Reply::NotFound
            | Reply::NamespaceNotFound
            | Reply::SignalLimit
            | Reply::Found(_),
        )
        | None => return,
    };
    if let Some(mut run) = change.run(&id)
        && run.is_open()
        && is_parent(&run, origin)
    {
        terminate::by_server(&mut run, BY_POLICY);
    }
}

/// The parent has ended: its policy is applied to whatever run of the child's chain is open. Applied again it finds the
/// run ended, or cancelled already.
pub(super) fn parent_closed(change: &mut Change<'_>, origin: &Origin, first_run: &RunId, end: ChildEnd) -> Reply {
    let target = Target { run: None, first_run: Some(first_run.clone()) };
    match change.open_run(&target) {
        Ok(mut run) if is_parent(&run, origin) => apply(&mut run, execution(origin), end),
        Ok(_) | Err(_) => {}
    }
    Reply::Done
}

fn apply(run: &mut Run<'_>, parent: WorkflowExecution, end: ChildEnd) {
    match end {
        ChildEnd::Terminate => terminate::by_server(run, BY_POLICY),
        ChildEnd::RequestCancel => {
            let request = run.core.started_by.clone();
            let body = CancelBody { identity: server(), request, reason: "".into(), links: Vec::new() };
            cancel::record(run, body, Some(cancel::From { execution: parent, initiated_event_id: 0 }));
        }
    }
}

/// How a child's chain of runs has ended. If the workflow id has gone to another chain since, only the child's own runs
/// tell, from the first one on.
pub(super) fn find(change: &Change<'_>, first_run: &RunId) -> ChainEnd {
    let current = change.workflow.current.as_ref().filter(|current| current.first_run == *first_run);
    let run = current.and_then(|current| change.workflow.runs.get(&current.run));
    run.map_or_else(|| ChainEnd::Followed(first_run.clone()), |run| run.core.chain_end())
}
