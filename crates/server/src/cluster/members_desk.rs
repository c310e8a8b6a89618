//! What is asked of this node about who the nodes of the cluster are.

use tonic::{Request, Response, Status};
use weft_protocol::internal::{members_service_server::MembersService, *};

use weft_rows::Level;

use super::{Inbox, Peers, inbox::until_it_stops};

/// In front of the node, once it is put together; what founders ask is answered before.
#[derive(Clone)]
pub(crate) struct MembersDesk(pub(crate) Inbox, pub(crate) Peers);

#[tonic::async_trait]
impl MembersService for MembersDesk {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        self.0.node()?.join(request.into_inner()).await.map(Response::new)
    }

    async fn meet(&self, request: Request<MeetRequest>) -> Result<Response<MeetResponse>, Status> {
        let own = self.0.meeting().receive(self.1.node, &request.into_inner())?;
        Ok(Response::new(MeetResponse { directory: own.to_string() }))
    }

    async fn change_cluster(
        &self,
        request: Request<ChangeClusterRequest>,
    ) -> Result<Response<ChangeClusterResponse>, Status> {
        let said = self.0.node()?.change_cluster(request.into_inner()).await?;
        Ok(Response::new(ChangeClusterResponse { said }))
    }

    async fn change_replicas(
        &self,
        request: Request<ChangeReplicasRequest>,
    ) -> Result<Response<ChangeReplicasResponse>, Status> {
        self.0.node()?.change_replicas(request.into_inner(), false).await?;
        Ok(Response::new(ChangeReplicasResponse {}))
    }

    async fn prepare_level(
        &self,
        request: Request<PrepareLevelRequest>,
    ) -> Result<Response<PrepareLevelResponse>, Status> {
        let level = Level::new(request.into_inner().level);
        self.0.node()?.prepare_level(level).await.map(Response::new)
    }

    async fn raise_level(&self, request: Request<RaiseLevelRequest>) -> Result<Response<RaiseLevelResponse>, Status> {
        let said = self.0.node()?.raise_level(request.into_inner().forwarded).await?;
        Ok(Response::new(RaiseLevelResponse { said }))
    }

    async fn copies(&self, _: Request<CopiesRequest>) -> Result<Response<CopiesResponse>, Status> {
        Ok(Response::new(CopiesResponse { copies: self.0.node()?.copies_here() }))
    }

    async fn give_up(&self, request: Request<GiveUpRequest>) -> Result<Response<GiveUpResponse>, Status> {
        self.0.node()?.give_up_copy(request.into_inner().group).await?;
        Ok(Response::new(GiveUpResponse {}))
    }

    async fn caught_up(&self, _: Request<CaughtUpRequest>) -> Result<Response<CaughtUpResponse>, Status> {
        let node = self.0.node()?;
        let caught_up = async {
            let caught_up = node.has_committed().await;
            caught_up.map(|()| CaughtUpResponse {}).map_err(|error| Status::unavailable(error.to_string()))
        };
        until_it_stops(&node, caught_up).await
    }
}
