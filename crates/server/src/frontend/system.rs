//! What clients ask before anything else: which server this is, and what it can do.
//!
//! Invariant: a capability is true only if it is built. Each changes what SDKs do.

use tonic::Response;
use weft_protocol::api::{
    operatorservice::{ClusterMetadata, ListClustersResponse},
    version::{ReleaseInfo, VersionInfo},
    workflowservice::{GetClusterInfoResponse, GetSystemInfoResponse, get_system_info_response::Capabilities},
};

use crate::node::Node;

/// What tools and SDKs take this server for: they switch features on by comparing it with Temporal's releases. It is
/// the release whose behaviour Weft follows; what Weft lacks of it is said by the capabilities.
pub(crate) const SERVER_VERSION: &str = "1.32.0";

/// A cluster has a name in Temporal's API; there is never another one beside it here.
pub(crate) const CLUSTER_NAME: &str = "weft";

pub(crate) fn system_info(node: &Node) -> Response<GetSystemInfoResponse> {
    let capabilities = Capabilities {
        signal_and_query_header: true,
        internal_error_differentiation: true,
        activity_failure_include_heartbeat: true,
        encoded_failure_attributes: true,
        upsert_memo: true,
        eager_workflow_start: node.settings().eager_workflow_start,
        sdk_metadata: true,
        count_group_by_execution_status: true,
        supports_schedules: true,
        build_id_based_versioning: false,
        nexus: false,
        server_scaled_deployments: false,
        ..Capabilities::default()
    };
    Response::new(GetSystemInfoResponse { server_version: SERVER_VERSION.to_owned(), capabilities: Some(capabilities) })
}

pub(crate) fn cluster_info(node: &Node) -> Response<GetClusterInfoResponse> {
    let release = ReleaseInfo { version: SERVER_VERSION.to_owned(), ..ReleaseInfo::default() };
    Response::new(GetClusterInfoResponse {
        supported_clients: supported_clients(),
        server_version: SERVER_VERSION.to_owned(),
        cluster_id: node.cluster().hyphenated().to_string(),
        version_info: Some(VersionInfo { current: Some(release), ..VersionInfo::default() }),
        cluster_name: CLUSTER_NAME.to_owned(),
        history_shard_count: i32::from(node.options().shards),
        persistence_store: "weft".to_owned(),
        visibility_store: "sqlite".to_owned(),
        ..GetClusterInfoResponse::default()
    })
}

/// There is this cluster and no other one.
pub(crate) fn clusters(node: &Node) -> Response<ListClustersResponse> {
    let this = ClusterMetadata {
        cluster_name: CLUSTER_NAME.to_owned(),
        cluster_id: node.cluster().hyphenated().to_string(),
        history_shard_count: i32::from(node.options().shards),
        is_connection_enabled: true,
        ..ClusterMetadata::default()
    };
    Response::new(ListClustersResponse { clusters: vec![this], ..ListClustersResponse::default() })
}

/// The releases of clients that speak this API, as Temporal's server gives them.
fn supported_clients() -> std::collections::HashMap<String, String> {
    [
        "temporal-go",
        "temporal-java",
        "temporal-php",
        "temporal-server",
        "temporal-typescript",
        "temporal-cli",
        "temporal-ui",
    ]
    .into_iter()
    .map(|client| (client.to_owned(), "<3.0.0".to_owned()))
    .collect()
}
