//! What the other nodes ask of this one.
//!
//! Invariant: a replica answers from the moment it is started; all else waits, as `UNAVAILABLE`, until the node is put
//! together.

use std::{
    future::Future,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use tonic::{Request, Response, Status};
use weft_engine::{Delivery, EventId, Origin, RunId, WorkflowKey};
use weft_protocol::{
    api::common::WorkflowExecution,
    internal::{cluster_service_server::ClusterService, *},
};
use weft_raft::{self as raft, GroupId};
use weft_rows::{Supported, job, outbox};
use weft_shard::Failure;

use super::meeting::Meeting;
use crate::{
    jobs::Single,
    node::{Node, NodeInner, postmark, remove_here},
};

/// What is behind the internal port. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Behind>);

#[derive(Default)]
struct Behind {
    raft: OnceLock<raft::Node>,
    node: OnceLock<Weak<NodeInner>>,
    meeting: Meeting,
}

impl Inbox {
    /// The replicas run.
    pub(crate) fn attach_raft(&self, raft: &raft::Node) {
        // A node is put together once.
        let _ = self.0.raft.set(raft.clone());
    }

    /// Who founded the cluster with this node.
    pub(crate) fn meeting(&self) -> &Meeting {
        &self.0.meeting
    }

    /// The node is put together.
    pub(crate) fn attach(&self, node: &Arc<NodeInner>) {
        // A node is put together once.
        let _ = self.0.node.set(Arc::downgrade(node));
    }

    pub(crate) fn node(&self) -> Result<Arc<NodeInner>, Status> {
        let node = self.0.node.get().and_then(Weak::upgrade);
        node.ok_or_else(|| Status::unavailable("this node is starting or stopping"))
    }
}

/// What a call waits for here would hold the node's data while it stops.
pub(super) async fn until_it_stops<T>(
    node: &NodeInner,
    answer: impl Future<Output = Result<T, Status>>,
) -> Result<Response<T>, Status> {
    let mut stopping = node.stopping.clone();
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => Err(Status::unavailable("this node is stopping")),
        answer = answer => answer.map(Response::new),
    }
}

#[tonic::async_trait]
impl ClusterService for Inbox {
    async fn raft(&self, request: Request<RaftRequest>) -> Result<Response<RaftResponse>, Status> {
        let RaftRequest { group, message } = request.into_inner();
        let Some(raft) = self.0.raft.get() else { return Err(Status::unavailable("this node is starting")) };
        let answer = raft.receive(GroupId(group), message).await;
        let message = answer.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(Response::new(RaftResponse { message }))
    }

    async fn pulse(&self, request: Request<PulseRequest>) -> Result<Response<PulseResponse>, Status> {
        let Some(raft) = self.0.raft.get() else { return Err(Status::unavailable("this node is starting")) };
        let answer = raft.receive_pulse(request.into_inner().message).await;
        let message = answer.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(Response::new(PulseResponse { message }))
    }

    async fn deliver(&self, request: Request<DeliverRequest>) -> Result<Response<DeliverResponse>, Status> {
        let DeliverRequest { sender_namespace_id, sender_workflow_id, sender_run_id, event_id, message, postmark } =
            request.into_inner();
        let sender = WorkflowKey { namespace: sender_namespace_id.into(), workflow: sender_workflow_id.into() };
        let origin = Origin { sender, run: sender_run_id.into(), event_id: EventId(event_id) };
        let message = outbox::decode_message(&message).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let delivery = Delivery { origin, message: Arc::new(message) };
        let answer = self.node()?.deliver_here(delivery, postmark.as_ref().map(postmark::of_message)).await;
        Ok(Response::new(postmark::answer(answer).map_err(of_failure)?))
    }

    async fn operate(&self, request: Request<OperateRequest>) -> Result<Response<OperateResponse>, Status> {
        let OperateRequest { namespace, order, workflow_id, run_id, request_id, names_no_run } = request.into_inner();
        let order = job::decode_order(&order).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let node = Node::from(self.node()?);
        let single = Single { node: &node, namespace: &namespace, order: &order, request_id, names_no_run };
        single.run(WorkflowExecution { workflow_id, run_id }).await?;
        Ok(Response::new(OperateResponse {}))
    }

    async fn remove(&self, request: Request<RemoveRequest>) -> Result<Response<RemoveResponse>, Status> {
        let RemoveRequest { namespace_id, workflow_id, run_id, workflow_type } = request.into_inner();
        let key = WorkflowKey { namespace: namespace_id.into(), workflow: workflow_id.into() };
        let removed = remove_here(self.node()?.as_ref(), key, RunId::from(run_id), &workflow_type).await;
        removed.map_err(of_failure)?;
        Ok(Response::new(RemoveResponse {}))
    }

    async fn ping(&self, _: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        let node = self.node()?;
        let Supported { oldest, newest } = node.options.levels;
        let (oldest_level, newest_level) = (oldest.number(), newest.number());
        let led = node.led_groups();
        Ok(Response::new(PingResponse { unix_nanos: node.clock.now().0, oldest_level, newest_level, led }))
    }

    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<HoldResponse>, Status> {
        let HoldRequest { token, lease_ms } = request.into_inner();
        let node = self.node()?;
        // Whatever another node says, it is over soon.
        let lease = Duration::from_millis(lease_ms).min(node.options.hold_max);
        let held = node.crossings.hold(token, lease, node.clock.as_ref()).await;
        held.map_err(|error| Status::failed_precondition(error.to_string()))?;
        Ok(Response::new(HoldResponse {}))
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<ReleaseResponse>, Status> {
        let node = self.node()?;
        let stood = node.crossings.release(&request.into_inner().token, node.clock.as_ref());
        Ok(Response::new(ReleaseResponse { stood }))
    }
}

/// What another node is told of a shard's failure: all of it is tried again.
fn of_failure(failure: Failure) -> Status {
    Status::unavailable(failure.to_string())
}
