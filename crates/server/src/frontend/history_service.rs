//! `weft.api.v1`: what is built of our own service of histories. One line per call.

use tonic::{Request, Response, Status};
use weft_protocol::weft::{
    ForkWorkflowRequest, ForkWorkflowResponse, GetHistoryHeadRequest, GetHistoryHeadResponse, ResetToEventRequest,
    ResetToEventResponse, VerifyHistoryRequest, VerifyHistoryResponse, history_service_server::HistoryService,
};

use super::{Frontend, fork, head, reset, verify};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl HistoryService for Frontend {
    async fn get_history_head(&self, request: Request<GetHistoryHeadRequest>) -> Answer<GetHistoryHeadResponse> {
        head::get(&self.node, request.into_inner()).await
    }

    async fn fork_workflow(&self, request: Request<ForkWorkflowRequest>) -> Answer<ForkWorkflowResponse> {
        fork::fork(&self.node, request.into_inner()).await
    }

    async fn verify_history(&self, request: Request<VerifyHistoryRequest>) -> Answer<VerifyHistoryResponse> {
        verify::verify(&self.node, request.into_inner()).await
    }

    async fn reset_to_event(&self, request: Request<ResetToEventRequest>) -> Answer<ResetToEventResponse> {
        reset::to_event(&self.node, request.into_inner()).await
    }
}
