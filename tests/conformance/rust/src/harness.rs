//! What the scenarios stand on: servers, the pool that runs scenarios side by side, workers, histories, refusals.
//!
//! Nothing here knows a scenario, and nothing here decides what a server should do.

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
