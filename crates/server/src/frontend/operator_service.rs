//! `temporal.api.operatorservice.v1`: what is built of it. One line per call.

use tonic::{Request, Response, Status};
use weft_protocol::{
    api::operatorservice::{
        AddSearchAttributesRequest, AddSearchAttributesResponse, DeleteNamespaceRequest, DeleteNamespaceResponse,
        ListClustersRequest, ListClustersResponse, ListSearchAttributesRequest, ListSearchAttributesResponse,
        RemoveSearchAttributesRequest, RemoveSearchAttributesResponse,
    },
    services::operator_service_server::OperatorService,
};

use super::{Frontend, namespace, search_attribute, system};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OperatorService for Frontend {
    async fn list_clusters(&self, _: Request<ListClustersRequest>) -> Answer<ListClustersResponse> {
        Ok(system::clusters(&self.node))
    }

    async fn add_search_attributes(
        &self,
        request: Request<AddSearchAttributesRequest>,
    ) -> Answer<AddSearchAttributesResponse> {
        search_attribute::add(&self.node, request.into_inner()).await
    }

    async fn remove_search_attributes(
        &self,
        request: Request<RemoveSearchAttributesRequest>,
    ) -> Answer<RemoveSearchAttributesResponse> {
        search_attribute::remove(&self.node, request.into_inner()).await
    }

    async fn list_search_attributes(
        &self,
        request: Request<ListSearchAttributesRequest>,
    ) -> Answer<ListSearchAttributesResponse> {
        search_attribute::list(&self.node, request.into_inner()).await
    }

    async fn delete_namespace(&self, request: Request<DeleteNamespaceRequest>) -> Answer<DeleteNamespaceResponse> {
        namespace::delete(&self.node, request.into_inner()).await
    }
}
