//! A hole in the index of a running node.

use tonic::{Code, transport::Channel};
use weft_protocol::{
    api::{common::WorkflowType, taskqueue::TaskQueue, workflowservice::*},
    services::workflow_service_client::WorkflowServiceClient,
};
use weft_shard::Feed;

use crate::{
    Server,
    node::{Options, Place, lists::ToIndex},
};

async fn start(client: &mut WorkflowServiceClient<Channel>, workflow_id: String) {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id,
        workflow_type: Some(WorkflowType { name: "order".to_owned() }),
        task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    };
    client.start_workflow_execution(request).await.expect("it starts");
}

/// Asks until lists are given again; how often they were refused before.
async fn count(client: &mut WorkflowServiceClient<Channel>) -> (i64, u64) {
    let mut refused = 0;
    loop {
        let request = CountWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            ..CountWorkflowExecutionsRequest::default()
        };
        match client.count_workflow_executions(request).await {
            Ok(answer) => return (answer.into_inner().count, refused),
            Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
        }
        refused += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_in_the_index_is_mended_while_the_node_runs() {
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut options = Options::new(Place::Memory);
    options.shards = 2;
    let server = Server::builder(Place::Memory).options(options).listen(any).start().await.expect("it starts");
    let endpoint = Channel::from_shared(format!("http://{}", server.address())).expect("an address is a URI");
    let mut client = WorkflowServiceClient::new(endpoint.connect().await.expect("it listens"));
    for number in 0..10 {
        start(&mut client, format!("before-{number}")).await;
    }
    assert_eq!(count(&mut client).await, (10, 0));

    let visibility = &server.node().lists().visibility;
    for group in [0, 1, 2] {
        // A change that nobody can read, as if it were the next one.
        ToIndex::new(visibility.clone(), [group].into_iter()).feed(group, u64::MAX, vec![vec![0xff]]);
    }
    for number in 0..10 {
        start(&mut client, format!("after-{number}")).await;
    }
    assert_eq!(count(&mut client).await.0, 20);
    assert!(visibility.whole(None).is_some());
    start(&mut client, "last".to_owned()).await;
    assert_eq!(count(&mut client).await, (21, 0));
    server.shutdown().await;
}
