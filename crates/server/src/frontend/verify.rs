//! Verifying a history: the chain of hashes over its stored bytes, against the run's own row and a head kept elsewhere.
//!
//! Invariant: a problem is told only of a run that is still there after it was found; one that is removed meanwhile is
//! not found.

use tonic::{Response, Status};
use weft_engine::{Target, WorkflowKey};
use weft_protocol::{
    api::common::WorkflowExecution,
    error::Error,
    weft::{HistoryHead, HistoryProblem, VerifyHistoryRequest, VerifyHistoryResponse},
};
use weft_rows::history::{Audit, Broken};
use weft_shard::{Failure, View};

use super::{context, errors, head};
use crate::node::Node;

pub(crate) async fn verify(node: &Node, body: VerifyHistoryRequest) -> Result<Response<VerifyHistoryResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    let kept = match body.kept_head.len() {
        0 => None,
        _ => Some(body.kept_head.as_slice().try_into().map_err(|_| not_a_head(&body.kept_head))?),
    };
    let target = Target { run, first_run: None };
    let view = match look(node, &key, &target).await {
        // A history whose beginning cannot be read is no run any more, but it is surely not what was written.
        Err(Failure::Storage(what)) => return Ok(Response::new(unreadable(&key, &target, &what))),
        looked => looked.map_err(|failure| errors::about(failure, &key, &target))?,
    };
    let core = &view.execution.core;
    let (end, history) = ((core.head, core.next_event_id), node.shard(&key).history());
    let checked = history.verify(&key, &core.branch, end, kept).await;
    let (audit, broken) = checked.map_err(|failure| errors::of_failure(failure, &key))?;
    if broken.is_some() {
        let target = Target { run: Some(core.run.clone()), first_run: None };
        look(node, &key, &target).await.map_err(|failure| errors::about(failure, &key, &target))?;
    }
    Ok(Response::new(VerifyHistoryResponse {
        execution: Some(execution(&key, core.run.as_str())),
        head: Some(head::of(core)),
        computed: Some(computed(&audit)),
        batch_count: i64::try_from(audit.batches()).unwrap_or(i64::MAX),
        problem: broken.map(problem),
        kept_after_event: audit.kept_at().map_or(0, |event| event.0),
        closed: core.closed.is_some(),
    }))
}

async fn look(node: &Node, key: &WorkflowKey, target: &Target) -> Result<Box<View>, Failure> {
    node.shard(key).look(key.clone(), target.clone()).await
}

fn not_a_head(bytes: &[u8]) -> Error {
    Error::invalid_argument(format!("KeptHead has {} bytes; a head has 32.", bytes.len()))
}

fn unreadable(key: &WorkflowKey, target: &Target, what: &str) -> VerifyHistoryResponse {
    let run = target.run.as_ref().map_or("", |run| run.as_str());
    VerifyHistoryResponse {
        execution: Some(execution(key, run)),
        computed: Some(HistoryHead { event_count: 0, hash: vec![0; 32] }),
        problem: Some(HistoryProblem { first_event_id: 1, last_event_id: 0, what: what.to_owned() }),
        ..VerifyHistoryResponse::default()
    }
}

fn execution(key: &WorkflowKey, run: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: key.workflow.as_str().to_owned(), run_id: run.to_owned() }
}

fn computed(audit: &Audit) -> HistoryHead {
    HistoryHead { event_count: audit.next().0 - 1, hash: audit.head().to_vec() }
}

fn problem(broken: Broken) -> HistoryProblem {
    HistoryProblem { first_event_id: broken.first.0, last_event_id: broken.last.0, what: broken.what }
}
