//! What is asked of this node's visibility index by others, that have no copy of some shard.

use tonic::{Request, Response, Status};
use weft_protocol::internal::{visibility_service_server::VisibilityService, *};

use super::{Inbox, inbox::until_it_stops};

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
