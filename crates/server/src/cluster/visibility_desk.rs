//! What is asked of this node's visibility index by others, that have no copy of some shard.

use std::{future::Future, sync::Arc};

use tonic::{Request, Response, Status};
use weft_protocol::internal::{visibility_service_server::VisibilityService, *};

use super::Inbox;
use crate::node::NodeInner;

/// In front of the node, once it is put together.
#[derive(Clone)]
pub(crate) struct VisibilityDesk(pub(crate) Inbox);

#[tonic::async_trait]
impl VisibilityService for VisibilityDesk {
    async fn list_part(&self, request: Request<ListPartRequest>) -> Result<Response<RowsPart>, Status> {
        let node = self.0.node()?;
        until_it_stops(&node, node.lists.answer_list(request.into_inner())).await
    }

    async fn walk_part(&self, request: Request<WalkPartRequest>) -> Result<Response<RowsPart>, Status> {
        let node = self.0.node()?;
        until_it_stops(&node, node.lists.answer_walk(request.into_inner())).await
    }

    async fn count_part(&self, request: Request<CountPartRequest>) -> Result<Response<CountedPart>, Status> {
        let node = self.0.node()?;
        until_it_stops(&node, node.lists.answer_count(request.into_inner())).await
    }
}

/// What a call waits for here would hold the node's data while it stops.
async fn until_it_stops<T>(
    node: &Arc<NodeInner>,
    answer: impl Future<Output = Result<T, Status>>,
) -> Result<Response<T>, Status> {
    let mut stopping = node.stopping.clone();
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => Err(Status::unavailable("this node is stopping")),
        answer = answer => answer.map(Response::new),
    }
}
