//! `temporal.api.operatorservice.v1`: what is built of it. One line per call.

use tonic::{Request, Response, Status};
use weft_protocol::{
    api::operatorservice::{
        DeleteNamespaceRequest, DeleteNamespaceResponse, ListClustersRequest, ListClustersResponse,
        ListSearchAttributesRequest, ListSearchAttributesResponse,
    },
    services::operator_service_server::OperatorService,
};

use super::{Frontend, list, namespace, system};

#[tonic::async_trait]
impl OperatorService for Frontend {
    async fn list_clusters(&self, _: Request<ListClustersRequest>) -> Result<Response<ListClustersResponse>, Status> {
        Ok(system::clusters(&self.node))
    }

    async fn list_search_attributes(
        &self,
        request: Request<ListSearchAttributesRequest>,
    ) -> Result<Response<ListSearchAttributesResponse>, Status> {
        list::list_search_attributes(&self.node, request.into_inner()).await
    }

    async fn delete_namespace(
        &self,
        request: Request<DeleteNamespaceRequest>,
    ) -> Result<Response<DeleteNamespaceResponse>, Status> {
        namespace::delete(&self.node, request.into_inner()).await
    }
}
