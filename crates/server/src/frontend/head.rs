//! The head of a history: its length and the chained hash over its stored bytes.
//!
//! Invariant: a head is told only when what it covers is applied and certain (rule 1), like any other answer.

use tonic::{Response, Status};
use weft_engine::{ForkOrigin, Target, state::Core};
use weft_protocol::{
    api::common::WorkflowExecution,
    weft::{ForkOrigin as WireOrigin, GetHistoryHeadRequest, GetHistoryHeadResponse, HistoryHead},
};

use super::{context, errors};
use crate::node::Node;

pub(crate) async fn get(node: &Node, body: GetHistoryHeadRequest) -> Result<Response<GetHistoryHeadResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    let target = Target { run, first_run: None };
    let view = node.shard(&key).look(key.clone(), target.clone()).await;
    let view = view.map_err(|failure| errors::about(failure, &key, &target))?;
    let core = &view.execution.core;
    Ok(Response::new(GetHistoryHeadResponse {
        execution: Some(WorkflowExecution {
            workflow_id: key.workflow.as_str().to_owned(),
            run_id: core.run.as_str().to_owned(),
        }),
        head: Some(of(core)),
        closed: core.closed.is_some(),
        forked_from: core.forked_from.as_deref().map(origin),
    }))
}

/// Where a fork comes from, as the wire has it.
pub(crate) fn origin(origin: &ForkOrigin) -> WireOrigin {
    let (workflow_id, run_id) = (origin.workflow.as_str().to_owned(), origin.run.as_str().to_owned());
    WireOrigin { execution: Some(WorkflowExecution { workflow_id, run_id }), event_id: origin.event_id.0 }
}

/// The head that a run's row has.
pub(crate) fn of(core: &Core) -> HistoryHead {
    HistoryHead { event_count: core.next_event_id.0 - 1, hash: core.head.to_vec() }
}
