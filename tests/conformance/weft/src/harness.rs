//! What the scenarios stand on. What knows no SDK is that of the official Rust suite, under other names of messages; what
//! is here speaks to our SDK.

/// The API's messages, under the names by which the shared parts know them.
pub(crate) use weft::client::api;

#[path = "../../rust/src/harness/history.rs"]
pub(crate) mod history;
#[path = "../../rust/src/harness/options.rs"]
pub(crate) mod options;
#[path = "../../rust/src/harness/pool.rs"]
pub(crate) mod pool;
#[path = "../../rust/src/harness/recording.rs"]
pub(crate) mod recording;
pub(crate) mod refusal;
pub(crate) mod replay;
pub(crate) mod scenario;
#[path = "../../rust/src/harness/server.rs"]
pub(crate) mod server;
pub(crate) mod worker;
