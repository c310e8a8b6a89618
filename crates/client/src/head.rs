//! Heads of histories, from a Weft server; another one answers `UNIMPLEMENTED`.

use weft_protocol::weft::{GetHistoryHeadRequest, GetHistoryHeadResponse};

use crate::{Client, Error, HistoryService, Run, retry::Repeat};

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
}
