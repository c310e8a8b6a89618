//! Three servers in one process, on real sockets: any of them answers any client, and two of them go on without the third.

mod backup;
mod branches;
mod door;
mod far;
mod founders;
mod growing;
mod level;
mod lists;
mod members;
mod operations;
mod placement;
mod tasks;
mod trio;
mod worker;

use std::{collections::BTreeSet, time::Duration};

use tonic::{Code, Request, Response, Status};
use weft_protocol::{
    api::{
        common::{WorkflowExecution, WorkflowType},
        enums::{EventType, WorkflowExecutionStatus},
        taskqueue::TaskQueue,
        workflowservice::*,
    },
    internal::{RaftRequest, cluster_service_client::ClusterServiceClient},
};

use trio::{Client, Trio};

/// As many as make it next to certain that each node leads some of their shards.
const WORKFLOWS: usize = 24;

/// More than any of this takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is waited for, which is to come in the end.
async fn in_time<T>(what: &str, coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, coming).await.unwrap_or_else(|_| panic!("{what} takes longer than anything may"))
}

/// Asks again while a leader is missing, as SDKs do. A call that is repeated has the same request id.
async fn told<T>(mut call: impl AsyncFnMut() -> Result<Response<T>, Status>) -> Result<T, Status> {
    let asking = async {
        loop {
            match call().await {
                Err(status) if status.code() == Code::Unavailable => tokio::task::yield_now().await,
                outcome => return outcome.map(Response::into_inner),
            }
        }
    };
    in_time("to find a leader", asking).await
}

async fn start(client: &mut Client, id: &str) -> Result<String, Status> {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: Some(TaskQueue { name: "orders".to_owned(), ..Default::default() }),
        request_id: format!("start-{id}"),
        ..Default::default()
    };
    Ok(told(async || client.start_workflow_execution(request.clone()).await).await?.run_id)
}

fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() })
}

async fn run_of(client: &mut Client, id: &str) -> Result<String, Status> {
    let request = DescribeWorkflowExecutionRequest { namespace: "default".to_owned(), execution: execution(id) };
    let info = told(async || client.describe_workflow_execution(request.clone()).await).await?.workflow_execution_info;
    Ok(info.and_then(|info| info.execution).map(|execution| execution.run_id).unwrap_or_default())
}

async fn listed(client: &mut Client) -> BTreeSet<String> {
    let mut request = ListWorkflowExecutionsRequest { namespace: "default".to_owned(), ..Default::default() };
    let mut found = BTreeSet::new();
    loop {
        let listing = told(async || client.list_workflow_executions(request.clone()).await);
        let page = listing.await.expect("it is listed");
        let ids = page.executions.into_iter().filter_map(|info| info.execution);
        found.extend(ids.map(|execution| execution.workflow_id));
        if page.next_page_token.is_empty() {
            return found;
        }
        request.next_page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_answers_for_all() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    let mut ids = BTreeSet::new();
    for number in 0..WORKFLOWS {
        let id = format!("order-{number}");
        let run = start(&mut clients[number % 3], &id).await.expect("it starts");
        for client in &mut clients {
            assert_eq!(run_of(client, &id).await.expect("it is there"), run);
        }
        ids.insert(id);
        // Whoever started it, all lists have it at once.
        assert_eq!(listed(&mut clients[(number + 1) % 3]).await, ids);
    }
    let leaders: BTreeSet<_> = trio.leaders();
    assert!(leaders.len() > 1, "all shards have one leader, so nothing was brought anywhere: {leaders:?}");
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_refuses_all_refuse() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    start(&mut clients[0], "order").await.expect("it starts");
    for client in &mut clients {
        let absent = run_of(client, "nobody").await.expect_err("there is no such workflow");
        assert_eq!((absent.code(), absent.message()), (Code::NotFound, "workflow not found for ID: nobody"));
        let request = SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution("order"),
            ..Default::default()
        };
        let signalling = told(async || client.signal_workflow_execution(request.clone()).await);
        let refused = signalling.await.expect_err("it has no name");
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "SignalName is not set on request."));
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_grows_is_followed_through_any_node() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    start(&mut clients[0], "order").await.expect("it starts");
    let followers = trio.clients().into_iter().map(|client| async move {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution("order"),
            wait_new_event: true,
            history_event_filter_type: weft_protocol::api::enums::HistoryEventFilterType::CloseEvent.into(),
            ..Default::default()
        };
        worker::last_event(&client, request).await
    });
    let terminate = async {
        let request = TerminateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: execution("order"),
            ..Default::default()
        };
        let terminating = told(async || clients[1].terminate_workflow_execution(request.clone()).await);
        terminating.await.expect("it is there");
    };
    let (ends, ()) = tokio::join!(futures::future::join_all(followers), terminate);
    assert_eq!(ends, [EventType::WorkflowExecutionTerminated; 3]);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_known_everywhere_once_it_is_registered_anywhere() {
    let trio = Trio::start().await;
    let mut clients = trio.clients();
    for registering in 0..3 {
        let name = format!("team-{registering}");
        let request = RegisterNamespaceRequest {
            namespace: name.clone(),
            workflow_execution_retention_period: Some(weft_protocol::Duration { seconds: 86_400, nanos: 0 }),
            ..Default::default()
        };
        let registering = told(async || clients[registering].register_namespace(request.clone()).await);
        registering.await.expect("it is new");
        for client in &mut clients {
            let request = DescribeNamespaceRequest { namespace: name.clone(), ..Default::default() };
            let describing = told(async || client.describe_namespace(request.clone()).await);
            describing.await.expect("it is registered");
        }
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_go_on_without_the_third_and_have_all_it_acknowledged() {
    let mut trio = Trio::start().await;
    let mut clients = trio.clients();
    let mut runs = Vec::new();
    for number in 0..WORKFLOWS {
        let id = format!("order-{number}");
        runs.push((id.clone(), start(&mut clients[number % 3], &id).await.expect("it starts")));
    }
    trio.lose(0).await;
    for client in &mut clients[1..] {
        for (id, run) in &runs {
            assert_eq!(run_of(client, id).await.expect("it is still there"), *run);
        }
    }
    let request = TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("order-0"),
        ..Default::default()
    };
    let terminating = told(async || clients[1].terminate_workflow_execution(request.clone()).await);
    terminating.await.expect("it goes on");
    let request = DescribeWorkflowExecutionRequest { namespace: "default".to_owned(), execution: execution("order-0") };
    let info = told(async || clients[2].describe_workflow_execution(request.clone()).await).await.expect("it is there");
    let status = info.workflow_execution_info.map(|info| info.status());
    assert_eq!(status, Some(WorkflowExecutionStatus::Terminated));
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_at_the_internal_port() {
    let trio = Trio::start().await;
    let mut stranger = ClusterServiceClient::connect(format!("http://{}", trio.internal(0))).await.expect("it listens");
    let refused = stranger.raft(RaftRequest::default()).await.expect_err("it says of no cluster");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut request = Request::new(RaftRequest::default());
    request.metadata_mut().insert("weft-cluster", "52f2a603-f647-55a6-9795-288613a03f63".parse().expect("it is ASCII"));
    request.metadata_mut().insert("weft-node", "2".parse().expect("it is ASCII"));
    let refused = stranger.raft(request).await.expect_err("it is of another cluster");
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("look at the addresses of the members"), "{refused}");
    trio.shutdown().await;
}
