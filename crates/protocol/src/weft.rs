//! Our own API, `weft.api.v1`: what Weft does that Temporal's API has no calls for. Messages, server trait and client,
//! generated from `proto/weft/api/v1`.
//!
//! A Temporal server answers `UNIMPLEMENTED` to all of it.

#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::excessive_nesting,
    clippy::too_many_lines,
    reason = "generated code"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/weft/weft.api.v1.rs"));
}

include!(concat!(env!("OUT_DIR"), "/weft/names.rs"));

pub use generated::*;

/// The name by which health checks and reflection know the service.
pub const HISTORY_SERVICE: &str = "weft.api.v1.HistoryService";

/// Is this the name of one of our own calls?
#[must_use]
pub fn has_call(name: &str) -> bool {
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stub_that_is_not_overridden_names_its_rpc() {
        use history_service_server::HistoryService;
        struct Nothing;
        #[tonic::async_trait]
        impl HistoryService for Nothing {}

        let status =
            Nothing.get_history_head(tonic::Request::new(Default::default())).await.expect_err("no stub answers");
        assert!(status.message().starts_with("GetHistoryHead is not implemented"), "{status}");
    }

    #[test]
    fn our_calls_are_known_by_name() {
        assert!(has_call("GetHistoryHead") && !has_call("GetWorkflowExecutionHistory"));
    }

    #[test]
    fn our_messages_are_known_to_json() {
        let head = HistoryHead { event_count: 3, hash: vec![1, 2] };
        let head = GetHistoryHeadResponse { head: Some(head), ..GetHistoryHeadResponse::default() };
        let json = crate::json::to_json(&head).expect("the descriptors have it");
        assert_eq!(json, serde_json::json!({ "head": { "eventCount": "3", "hash": "AQI=" } }));
    }
}
