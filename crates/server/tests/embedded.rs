//! A server in this process without a port: the same API through memory.

use std::{io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpStream;
use tonic::{Code, Request, transport::Channel};
use weft_client::{Client, ConnectOptions, Start};
use weft_env::disk::{Disk, SimDisk};
use weft_protocol::{
    api::{
        common::WorkflowType,
        taskqueue::TaskQueue,
        workflowservice::{
            DescribeNamespaceRequest, GetSystemInfoRequest, PollWorkflowTaskQueueRequest, StartWorkflowExecutionRequest,
        },
    },
    services::workflow_service_client::WorkflowServiceClient,
};
use weft_server::{
    Embedded, Server,
    node::{Options, Place, World},
};

async fn embedded() -> Embedded {
    Server::builder(Place::Memory).embed().await.expect("it starts")
}

#[tokio::test]
async fn it_is_called_without_a_port() {
    let server = embedded().await;
    let mut client = WorkflowServiceClient::new(server.connector().channel());
    let info = client.get_system_info(GetSystemInfoRequest {}).await.expect("it is answered").into_inner();
    assert!(info.capabilities.expect("they are there").sdk_metadata);
    server.shutdown().await;
}

#[tokio::test]
async fn servers_of_one_process_know_nothing_of_each_other() {
    let servers = futures::future::join_all((0..4).map(|_| embedded())).await;
    let mut seen = std::collections::BTreeSet::new();
    for server in &servers {
        let mut client = WorkflowServiceClient::new(server.connector().channel());
        let request = DescribeNamespaceRequest { namespace: "default".to_owned(), ..Default::default() };
        let answer = client.describe_namespace(request).await.expect("it is there").into_inner();
        seen.insert(answer.namespace_info.expect("it is told").id);
    }
    assert_eq!(seen.len(), servers.len());
    futures::future::join_all(servers.into_iter().map(Embedded::shutdown)).await;
}

#[tokio::test]
async fn a_stopped_server_refuses_connections() {
    let server = embedded().await;
    let connector = server.connector().clone();
    let mut client = WorkflowServiceClient::new(connector.channel());
    client.get_system_info(GetSystemInfoRequest {}).await.expect("it is answered");
    server.shutdown().await;
    assert_eq!(connector.connect().await.expect_err("nobody is there").kind(), ErrorKind::ConnectionRefused);
    let refused = client.get_system_info(GetSystemInfoRequest {}).await.expect_err("nobody is there");
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_server_on_a_port_has_the_way_through_memory_too() {
    let address = "127.0.0.1:0".parse().expect("an address");
    let server = Server::builder(Place::Memory).listen(address).start().await.expect("it starts");
    let mut client = WorkflowServiceClient::new(server.connector().channel());
    client.get_system_info(GetSystemInfoRequest {}).await.expect("it is answered");
    server.shutdown().await;
}

#[tokio::test]
async fn our_client_goes_over_its_channel() {
    let server = embedded().await;
    let client = Client::over(server.connector().channel(), ConnectOptions::default()).expect("the options are right");
    let started = client.start(Start::new("order-17", "Order", "orders")).await.expect("it starts");
    assert_eq!(client.describe(&started.run).await.expect("it is there").pending_activities.len(), 0);
    server.shutdown().await;
}

/// A server on a directory, with all its ports but the one for other nodes.
async fn on(directory: &std::path::Path) -> Server {
    let mut options = Options::new(Place::Directory(directory.to_owned()));
    options.shards = 2;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let builder = Server::builder(options.place.clone()).options(options).listen(any).operations(any);
    builder.start().await.expect("nobody has its data any more")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_opened_again_as_soon_as_its_server_has_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut started = Vec::new();
    for round in 0..50 {
        let server = on(folder.path()).await;
        let client = Client::over(server.connector().channel(), ConnectOptions::default()).expect("they are right");
        for run in &started {
            client.describe(run).await.expect("nothing was lost");
        }
        started
            .push(client.start(Start::new(format!("order-{round}"), "Order", "orders")).await.expect("it starts").run);
        // What nobody ends but the server: a connection to the operations port that nothing is asked on, one whose calls
        // are answered, and a poll that waits.
        let _idle = TcpStream::connect(server.operations().expect("it has the port")).await.expect("it listens");
        let mut poller = WorkflowServiceClient::new(server.connector().channel());
        let queue = TaskQueue { name: "nobody".to_owned(), ..TaskQueue::default() };
        let mut request = Request::new(PollWorkflowTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: Some(queue),
            ..PollWorkflowTaskQueueRequest::default()
        });
        // One that says of no time is refused.
        request.set_timeout(Duration::from_secs(70));
        let poll = tokio::spawn(async move { poller.poll_workflow_task_queue(request).await });
        while server.node().matching().polls_waiting() == 0 {
            if poll.is_finished() {
                panic!("it has ended early: {:?}", poll.await);
            }
            tokio::task::yield_now().await;
        }
        server.shutdown().await;
        let polled = poll.await.expect("it does not panic");
        assert!(polled.is_err() || polled.is_ok_and(|task| task.into_inner().task_token.is_empty()));
    }
    let server = on(folder.path()).await;
    server.shutdown().await;
}

/// Starts a workflow, once.
async fn start(client: &mut WorkflowServiceClient<Channel>, id: &str) -> Result<(), Code> {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: Some(TaskQueue { name: "orders".to_owned(), ..TaskQueue::default() }),
        request_id: id.to_owned(),
        ..StartWorkflowExecutionRequest::default()
    };
    client.start_workflow_execution(request).await.map(drop).map_err(|status| status.code())
}

#[tokio::test]
async fn a_shard_that_refused_many_calls_for_want_of_room_takes_others_when_there_is_some() {
    let disk = SimDisk::new(0);
    let mut options = Options::new(Place::Memory);
    options.shards = 1;
    options.shard_limits.batch_calls = 4;
    options.wal.segment_bytes = 64 << 10;
    options.wal.small_segment_bytes = 64 << 10;
    let refusals = 3 * options.shard_limits.batch_calls;
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let world = World { disk: Some(shared), ..World::real() };
    let server = Server::builder(Place::Memory).options(options).world(world).embed().await.expect("it starts");
    let mut client = WorkflowServiceClient::new(server.connector().channel());

    disk.set_capacity(Some(disk.used()));
    // What is written until the log finds the disk full goes into the segment that is there.
    let mut refused = 0;
    for number in 0.. {
        match start(&mut client, &format!("order-{number}")).await {
            Ok(()) => assert_eq!(refused, 0, "there is no room again"),
            Err(code) => {
                assert_eq!(code, Code::ResourceExhausted);
                refused += 1;
            }
        }
        if refused == refusals {
            break;
        }
    }
    disk.set_capacity(None);
    // The disk is looked at again when somebody asks. A shard that takes no calls would let this wait for ever.
    let later = async { while start(&mut client, "order-later").await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(60), later).await.expect("the shard takes calls");
    server.shutdown().await;
}
