//! One table of every RPC of the services that Weft speaks, read from Temporal's descriptors.
//!
//! Whoever needs the list (refusals, metrics, routing, documentation) takes it from here, so no list of names is ever
//! written by hand. Which of them are implemented is not said here: an RPC that a server does not override answers by
//! [`unimplemented`], because the generated default stubs call it.

use tonic::Status;

include!(concat!(env!("OUT_DIR"), "/rpc_table.rs"));

/// The gRPC services of the public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    WorkflowService,
    OperatorService,
}

impl Service {
    /// The name by which health checks and reflection know it.
    pub fn full_name(self) -> &'static str {
        match self {
            Self::WorkflowService => "temporal.api.workflowservice.v1.WorkflowService",
            Self::OperatorService => "temporal.api.operatorservice.v1.OperatorService",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rpc {
    pub service: Service,
    /// As in the API: `StartWorkflowExecution`.
    pub name: &'static str,
    /// As in the `:path` of a call: `/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution`.
    pub path: &'static str,
}

/// Every RPC, in the API's order.
pub fn all() -> &'static [Rpc] {
    RPCS
}

/// The RPC of a call's path.
pub fn by_path(path: &str) -> Option<&'static Rpc> {
    RPCS.iter().find(|rpc| rpc.path == path)
}

/// The refusal of an RPC that exists in the API but not on this server.
pub fn unimplemented(path: &str) -> Status {
    let name = path.rsplit('/').next().unwrap_or(path);
    Status::unimplemented(format!("{name} is not implemented by this server (call {path})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_rpc_of_both_services() {
        let count = |service| all().iter().filter(|rpc| rpc.service == service).count();
        assert_eq!((count(Service::WorkflowService), count(Service::OperatorService)), (123, 12));
    }

    #[test]
    fn a_path_names_its_service_and_itself() {
        for rpc in all() {
            assert_eq!(rpc.path, format!("/{}/{}", rpc.service.full_name(), rpc.name));
            assert_eq!(by_path(rpc.path), Some(rpc));
        }
    }

    #[test]
    fn an_unimplemented_rpc_names_itself() {
        let status = unimplemented("/temporal.api.workflowservice.v1.WorkflowService/StartBatchOperation");
        assert_eq!(status.code(), tonic::Code::Unimplemented);
        assert!(status.message().starts_with("StartBatchOperation is not implemented by this server"));
    }

    #[tokio::test]
    async fn a_stub_that_is_not_overridden_names_its_rpc() {
        use crate::services::workflow_service_server::WorkflowService;
        struct Nothing;
        #[tonic::async_trait]
        impl WorkflowService for Nothing {}

        let status =
            Nothing.stop_batch_operation(tonic::Request::new(Default::default())).await.expect_err("no stub answers");
        assert!(status.message().starts_with("StopBatchOperation is not implemented"), "{status}");
    }
}
