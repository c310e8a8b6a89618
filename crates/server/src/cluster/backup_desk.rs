//! What is asked of this node by others that make a backup, and have no copy of some shard.

use tonic::{Request, Response, Status};
use weft_protocol::internal::{backup_service_server::BackupService, *};

use super::{Inbox, inbox::until_it_stops};

/// In front of the node, once it is put together.
#[derive(Clone)]
pub(crate) struct BackupDesk(pub(crate) Inbox);

#[tonic::async_trait]
impl BackupService for BackupDesk {
    async fn prepare(&self, request: Request<PrepareViewsRequest>) -> Result<Response<PrepareViewsResponse>, Status> {
        let node = self.0.node()?;
        until_it_stops(&node, node.answer_prepare(request.into_inner())).await
    }

    async fn open(&self, request: Request<OpenViewsRequest>) -> Result<Response<OpenViewsResponse>, Status> {
        let node = self.0.node()?;
        until_it_stops(&node, node.answer_open(request.into_inner())).await
    }

    async fn read(&self, request: Request<ReadViewRequest>) -> Result<Response<ReadViewResponse>, Status> {
        let node = self.0.node()?;
        until_it_stops(&node, node.answer_read(request.into_inner())).await
    }

    async fn keep(&self, request: Request<KeepViewsRequest>) -> Result<Response<KeepViewsResponse>, Status> {
        self.0.node()?.answer_keep(request.get_ref()).map(Response::new)
    }

    async fn close(&self, request: Request<CloseViewsRequest>) -> Result<Response<CloseViewsResponse>, Status> {
        Ok(Response::new(self.0.node()?.answer_close(request.get_ref())))
    }
}
