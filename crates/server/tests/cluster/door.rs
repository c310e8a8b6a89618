//! The internal port: whom it lets in, and to what.

use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use weft_protocol::api::workflowservice::DescribeWorkflowExecutionRequest;
use weft_protocol::internal::{
    PingRequest, RaftRequest, cluster_service_client::ClusterServiceClient,
    matching_service_client::MatchingServiceClient,
};
use weft_server::ClusterOptions;

use crate::trio::Trio;

/// How a node of the cluster says who it is.
#[derive(Clone)]
pub(crate) struct Introduced {
    cluster: MetadataValue<Ascii>,
    node: u32,
}

impl Interceptor for Introduced {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("weft-cluster", self.cluster.clone());
        request.metadata_mut().insert("weft-node", MetadataValue::from(self.node));
        Ok(request)
    }
}

pub(crate) type NodeService = ClusterServiceClient<InterceptedService<Channel, Introduced>>;

/// A way to one of them, for somebody who says that he is this node.
pub(crate) fn as_node(trio: &Trio, place: usize, node: u32) -> NodeService {
    let (channel, introduced) = introduced(trio, place, node);
    ClusterServiceClient::with_interceptor(channel, introduced)
}

/// The same to what it says of tasks.
pub(crate) fn matching_as_node(
    trio: &Trio,
    place: usize,
    node: u32,
) -> MatchingServiceClient<InterceptedService<Channel, Introduced>> {
    let (channel, introduced) = introduced(trio, place, node);
    MatchingServiceClient::with_interceptor(channel, introduced)
}

fn introduced(trio: &Trio, place: usize, node: u32) -> (Channel, Introduced) {
    let (name, members) = ("trio".to_owned(), [(1, "a:1".to_owned())].into());
    let cluster = ClusterOptions { name, members, ..ClusterOptions::default() }.id().expect("it has one");
    let cluster = cluster.to_string().parse().expect("it is ASCII");
    let address = format!("http://{}", trio.internal(place));
    let channel = Endpoint::from_shared(address).expect("an address").connect_lazy();
    (channel, Introduced { cluster, node })
}

/// Who leads the metadata may be a node of which only the metadata would tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_heard_before_its_node_is_known_and_nothing_else_of_it() {
    let trio = Trio::start().await;
    let mut stranger = as_node(&trio, 0, 9);
    let nonsense = RaftRequest { group: 0, message: "nonsense".into() };
    let said = stranger.raft(nonsense).await.expect_err("it is nonsense");
    assert_ne!(said.code(), Code::PermissionDenied, "{said}");
    let said = stranger.ping(PingRequest {}).await.expect_err("it is no member");
    assert_eq!(said.code(), Code::PermissionDenied, "{said}");
    as_node(&trio, 0, 2).ping(PingRequest {}).await.expect("it is a member");
    trio.shutdown().await;
}

/// To a node such a header says whom the call is for, and whether its own data are lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_in_the_name_of_a_node_is_not_brought_to_another() {
    let trio = Trio::start().await;
    let mut client = trio.clients().remove(0);
    let id = trio.name_led_by(1, "order");
    crate::start(&mut client, &id).await.expect("it starts");
    let describe =
        DescribeWorkflowExecutionRequest { namespace: "default".to_owned(), execution: crate::execution(&id) };
    let asking = crate::told(async || {
        let mut asks = Request::new(describe.clone());
        let other = "9:00000000-0000-0000-0000-000000000001".parse().expect("it is ASCII");
        asks.metadata_mut().insert("weft-directory", other);
        client.describe_workflow_execution(asks).await
    });
    asking.await.expect("node 2 answers, and goes on");
    crate::run_of(&mut client, &id).await.expect("it goes on");
    trio.shutdown().await;
}
