//! What the scenarios stand on: servers, the pool that runs scenarios side by side, workers, histories, refusals.
//!
//! Nothing here knows a scenario, and nothing here decides what a server should do.

/// The API's messages, under the names by which the parts know them that other suites share.
pub(crate) mod api {
    pub(crate) use temporalio_protos::temporal::api::{enums::v1 as enums, history::v1 as history};
}
pub(crate) mod history;
pub(crate) mod json;
pub(crate) mod options;
pub(crate) mod pool;
pub(crate) mod recording;
pub(crate) mod refusal;
pub(crate) mod replay;
pub(crate) mod scenario;
pub(crate) mod server;
pub(crate) mod worker;
