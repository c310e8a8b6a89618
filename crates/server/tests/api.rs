//! The public API on a socket, by a client that knows nothing of the server's insides: what every caller meets before
//! any workflow. Workflows themselves are shown by foreign SDKs in `tests/conformance`.

use std::{sync::Arc, time::Duration};

use tonic::{Code, Request, codec::CompressionEncoding, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use weft_env::{Clock, UnixNanos, VirtualClock};
use weft_protocol::{
    api::{
        common::{Priority, WorkflowType},
        taskqueue::TaskQueue,
        workflowservice::*,
    },
    services::workflow_service_client::WorkflowServiceClient,
};
use weft_server::{
    Server,
    node::{Options, Place, World},
};

async fn server() -> Server {
    let address = "127.0.0.1:0".parse().expect("an address");
    Server::builder(Place::Memory).listen(address).start().await.expect("it starts")
}

async fn connect(server: &Server) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", server.address())).expect("an address is a URI");
    endpoint.connect().await.expect("it listens")
}

#[tokio::test]
async fn requests_may_be_compressed() {
    let server = server().await;
    let client = WorkflowServiceClient::new(connect(&server).await);
    let mut client = client.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
    let info = client.get_system_info(GetSystemInfoRequest {}).await.expect("it is answered").into_inner();
    assert!(info.capabilities.expect("they are there").sdk_metadata);
    server.shutdown().await;
}

#[tokio::test]
async fn health_is_told_by_service() {
    let server = server().await;
    let mut client = HealthClient::new(connect(&server).await);
    let services = [
        "",
        "temporal.api.workflowservice.v1.WorkflowService",
        "temporal.api.operatorservice.v1.OperatorService",
        "weft.api.v1.HistoryService",
    ];
    for service in services {
        let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await.expect("it is known");
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service}");
    }
    let unknown = client.check(HealthCheckRequest { service: "other".to_owned() }).await.expect_err("it is not known");
    assert_eq!(unknown.code(), Code::NotFound);
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_not_built_names_itself() {
    let server = server().await;
    let mut client = WorkflowServiceClient::new(connect(&server).await);
    let refused = client.create_workflow_rule(CreateWorkflowRuleRequest::default()).await.expect_err("it is not built");
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().starts_with("CreateWorkflowRule is not implemented"), "{refused}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_request_larger_than_grpcs_default_is_taken() {
    let server = server().await;
    let mut client = WorkflowServiceClient::new(connect(&server).await);
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: "i".repeat(8 << 20),
        ..StartWorkflowExecutionRequest::default()
    };
    let refused = client.start_workflow_execution(request).await.expect_err("the id is too long");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "WorkflowId exceeds maximum allowed length (8388608/1000)");
    server.shutdown().await;
}

/// Matching holds one task of each shard and pulls the others: none is lost, the urgent ones come first, and all are
/// counted.
#[tokio::test]
async fn a_backlog_larger_than_matching_holds_is_counted_and_handed_out_in_order() {
    let mut options = Options::new(Place::Memory);
    options.shards = 1;
    options.matching.held_per_shard_max = 1;
    let address = "127.0.0.1:0".parse().expect("an address");
    let server = Server::builder(Place::Memory).listen(address).options(options).start().await.expect("it starts");
    let mut client = WorkflowServiceClient::new(connect(&server).await);
    let namespace = || "default".to_owned();
    let queue = || Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() });
    for number in 0..10 {
        let start = StartWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_id: format!("w{number}"),
            workflow_type: Some(WorkflowType { name: "T".to_owned() }),
            task_queue: queue(),
            priority: Some(Priority { priority_key: 5 - number % 5, ..Priority::default() }),
            ..StartWorkflowExecutionRequest::default()
        };
        client.start_workflow_execution(start).await.expect("it starts");
    }
    let ask = DescribeTaskQueueRequest {
        namespace: namespace(),
        task_queue: queue(),
        report_stats: true,
        ..DescribeTaskQueueRequest::default()
    };
    let known = client.describe_task_queue(ask).await.expect("it is known").into_inner();
    assert_eq!(known.stats.map(|stats| stats.approximate_backlog_count), Some(10));
    let by_priority = |priority| known.stats_by_priority_key[&priority].approximate_backlog_count;
    assert_eq!([1, 2, 3, 4, 5].map(by_priority), [2; 5]);
    let mut order = Vec::new();
    for _ in 0..10 {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: namespace(),
            task_queue: queue(),
            ..PollWorkflowTaskQueueRequest::default()
        };
        let mut poll = Request::new(poll);
        poll.set_timeout(Duration::from_secs(30));
        let task = client.poll_workflow_task_queue(poll).await.expect("it is answered").into_inner();
        order.push(task.workflow_execution.expect("a task comes").workflow_id);
    }
    assert_eq!(order, ["w4", "w9", "w3", "w8", "w2", "w7", "w1", "w6", "w0", "w5"]);
    server.shutdown().await;
}

/// A shard that is opened offers some of its tasks by itself; the rest is asked for.
#[tokio::test]
async fn a_backlog_larger_than_a_shard_offers_is_handed_out_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = async || {
        let mut options = Options::new(Place::Directory(folder.path().join("data")));
        options.shards = 1;
        options.shard_limits.tasks_per_read = 4;
        let address = "127.0.0.1:0".parse().expect("an address");
        let server = Server::builder(options.place.clone()).listen(address).options(options).start().await;
        let server = server.expect("it starts");
        let client = WorkflowServiceClient::new(connect(&server).await);
        (server, client)
    };
    let queue = |number: u32| Some(TaskQueue { name: format!("q{}", number % 3), ..TaskQueue::default() });
    let (server, mut client) = start().await;
    for number in 0..30 {
        let start = StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_id: format!("w{number}"),
            workflow_type: Some(WorkflowType { name: "T".to_owned() }),
            task_queue: queue(number),
            ..StartWorkflowExecutionRequest::default()
        };
        client.start_workflow_execution(start).await.expect("it starts");
    }
    server.shutdown().await;
    let (server, mut client) = start().await;
    for number in 0..30 {
        let mut poll = Request::new(PollWorkflowTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: queue(number),
            ..PollWorkflowTaskQueueRequest::default()
        });
        poll.set_timeout(Duration::from_secs(30));
        let task = client.poll_workflow_task_queue(poll).await.expect("it is answered").into_inner();
        assert!(task.workflow_execution.is_some(), "task {number} was forgotten");
    }
    server.shutdown().await;
}

/// The polls of one connection.
const POLLS: usize = 2_500;
const CONNECTIONS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_polls_wait_and_end_empty_when_the_server_stops() {
    // Its time stands: no poll ends by itself, and the server cuts off no answer, however long ten thousand take.
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(UnixNanos(1_700_000_000_000_000_000)));
    let address = "127.0.0.1:0".parse().expect("an address");
    let world = World { clock, ..World::real() };
    let server = Server::builder(Place::Memory).listen(address).world(world).start().await.expect("it starts");
    let mut polls = tokio::task::JoinSet::new();
    for connection in 0..CONNECTIONS {
        let client = WorkflowServiceClient::new(connect(&server).await);
        for poll in 0..POLLS {
            let mut client = client.clone();
            let name = format!("queue-{connection}-{}", poll % 100);
            polls.spawn(async move {
                let mut request = Request::new(PollWorkflowTaskQueueRequest {
                    namespace: "default".to_owned(),
                    task_queue: Some(TaskQueue { name, ..TaskQueue::default() }),
                    ..PollWorkflowTaskQueueRequest::default()
                });
                request.set_timeout(Duration::from_secs(3600));
                client.poll_workflow_task_queue(request).await
            });
        }
    }
    while server.node().matching().polls_waiting() < CONNECTIONS * POLLS {
        tokio::task::yield_now().await;
        if let Some(ended) = polls.try_join_next() {
            panic!("a poll ended early: {ended:?}");
        }
    }
    let answers = tokio::spawn(polls.join_all());
    server.shutdown().await;
    for answer in answers.await.expect("no poll panics") {
        let task = answer.expect("an idle poll is answered").into_inner();
        assert!(task.task_token.is_empty());
    }
}
