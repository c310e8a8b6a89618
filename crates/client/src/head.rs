//! Heads of histories, verifying and forking them, on a Weft server; another one answers `UNIMPLEMENTED`.

use std::time::Duration;

use weft_protocol::weft::{
    ForkWorkflowRequest, ForkWorkflowResponse, GetHistoryHeadRequest, GetHistoryHeadResponse, VerifyHistoryRequest,
    VerifyHistoryResponse,
};

use crate::{Client, Error, HistoryService, Run, retry::Repeat};

/// The longest histories take a while to be read or copied.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(300);

impl Client {
    /// How long a run's history is, and the chained hash over its stored bytes.
    ///
    /// # Errors
    /// When the run is unknown, or the server is no Weft server.
    pub async fn history_head(&self, run: &Run) -> Result<GetHistoryHeadResponse, Error> {
        let request = GetHistoryHeadRequest { namespace: self.namespace().to_owned(), execution: run.wire() };
        let send = |mut stub: HistoryService, request| async move { stub.get_history_head(request).await };
        let limit = self.options().call_timeout;
        self.call_history("GetHistoryHead", limit, request, Repeat::Harmless, send).await
    }

    /// Makes a new workflow of a run's history up to an event, once.
    ///
    /// # Errors
    /// When the run or the event is unknown, the new id was used before, or the server is no Weft server.
    pub async fn fork(&self, run: &Run, event_id: i64, new_id: &str) -> Result<ForkWorkflowResponse, Error> {
        let request = ForkWorkflowRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            event_id,
            new_workflow_id: new_id.to_owned(),
            request_id: self.new_id(),
        };
        let send = |mut stub: HistoryService, request| async move { stub.fork_workflow(request).await };
        self.call_history("ForkWorkflow", WHOLE_TIMEOUT, request, Repeat::Harmless, send).await
    }

    /// Lets the server read a run's history as it is stored and check the chain of hashes over it, also against a head
    /// that was kept elsewhere.
    ///
    /// # Errors
    /// When the run is unknown, or the server is no Weft server. A history that does not verify is an answer.
    pub async fn verify_history(&self, run: &Run, kept_head: Vec<u8>) -> Result<VerifyHistoryResponse, Error> {
        let request = VerifyHistoryRequest { namespace: self.namespace().to_owned(), execution: run.wire(), kept_head };
        let send = |mut stub: HistoryService, request| async move { stub.verify_history(request).await };
        self.call_history("VerifyHistory", WHOLE_TIMEOUT, request, Repeat::Harmless, send).await
    }
}
