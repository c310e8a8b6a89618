//! What a batch job does goes from one workflow id to others, so a backup holds it back as it does messages.

use std::{sync::Arc, time::Duration};

use weft_env::{Clock, UnixNanos, VirtualClock};
use weft_protocol::{
    api::{
        batch::BatchOperationSignal,
        common::{WorkflowExecution, WorkflowType},
        taskqueue::TaskQueue,
        workflowservice::{
            DescribeBatchOperationRequest, DescribeBatchOperationResponse, StartBatchOperationRequest,
            StartWorkflowExecutionRequest, start_batch_operation_request::Operation,
        },
    },
    services::workflow_service_client::WorkflowServiceClient,
};

use crate::{
    Embedded, Server,
    node::{Options, Place, World},
};

const NAMESPACE: &str = "default";
/// More than a job needs that nothing holds back, on most machines.
const LOOKS_FOR_NOTHING: usize = 300;
/// More than it needs on any.
const LOOKS: usize = 50_000;
const HOUR: Duration = Duration::from_secs(3600);

type Client = WorkflowServiceClient<tonic::transport::Channel>;

async fn server(time: &VirtualClock) -> (Embedded, Client) {
    let options = Options { shards: 2, ..Options::new(Place::Memory) };
    let clock: Arc<dyn Clock> = Arc::new(time.clone());
    let world = World { clock, ..World::real() };
    let server = Server::builder(Place::Memory).options(options).world(world).embed().await.expect("it starts");
    let client = WorkflowServiceClient::new(server.connector().channel());
    (server, client)
}

async fn start_workflow(client: &mut Client, id: &str) {
    let request = StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: Some(TaskQueue { name: "orders".to_owned(), ..TaskQueue::default() }),
        request_id: id.to_owned(),
        ..StartWorkflowExecutionRequest::default()
    };
    client.start_workflow_execution(request).await.expect("it starts");
}

/// A job that signals these.
async fn start_job(client: &mut Client, ids: &[&str]) {
    let signal = BatchOperationSignal { signal: "wake".to_owned(), ..BatchOperationSignal::default() };
    let execution = |id: &&str| WorkflowExecution { workflow_id: (*id).to_owned(), run_id: String::new() };
    #[expect(deprecated, reason = "the list of executions that every client knows")]
    let request = StartBatchOperationRequest {
        namespace: NAMESPACE.to_owned(),
        job_id: "job".to_owned(),
        reason: "why".to_owned(),
        executions: ids.iter().map(execution).collect(),
        operation: Some(Operation::SignalOperation(signal)),
        ..StartBatchOperationRequest::default()
    };
    client.start_batch_operation(request).await.expect("it starts");
}

/// Lets time pass until the job is so, for so many looks; answers with what it was last.
async fn look(
    client: &mut Client,
    time: &VirtualClock,
    looks: usize,
    is_so: impl Fn(&DescribeBatchOperationResponse) -> bool,
) -> DescribeBatchOperationResponse {
    let mut seen = DescribeBatchOperationResponse::default();
    for _ in 0..looks {
        let request = DescribeBatchOperationRequest { namespace: NAMESPACE.to_owned(), job_id: "job".to_owned() };
        seen = client.describe_batch_operation(request).await.expect("it is there").into_inner();
        if is_so(&seen) {
            break;
        }
        time.advance(Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    seen
}

#[tokio::test]
async fn a_job_does_nothing_to_others_while_a_backup_begins() {
    let time = VirtualClock::starting_at(UnixNanos(1_700_000_000_000_000_000));
    time.advance(HOUR);
    let (server, mut client) = server(&time).await;
    let ids = ["one", "two", "three"];
    for id in ids {
        start_workflow(&mut client, id).await;
    }
    let node = server.node().inner();
    node.crossings.hold("a backup's".to_owned(), HOUR, &time).await.expect("nothing is held");
    start_job(&mut client, &ids).await;
    let counted = look(&mut client, &time, LOOKS, |job| job.total_operation_count == 3).await;
    assert_eq!(counted.total_operation_count, 3, "what it looks for is not held back");
    let held = look(&mut client, &time, LOOKS_FOR_NOTHING, |job| job.complete_operation_count > 0).await;
    assert_eq!((held.complete_operation_count, held.failure_operation_count), (0, 0), "nothing was done");
    assert!(node.crossings.release("a backup's", &time), "it stood all the time");
    let done = look(&mut client, &time, LOOKS, |job| job.complete_operation_count == 3).await;
    assert_eq!((done.complete_operation_count, done.failure_operation_count), (3, 0));
    server.shutdown().await;
}
