//! What one node does on behalf of all reaches workflows that others lead.

use tonic::transport::{Channel, Endpoint};
use weft_protocol::{
    api::{
        batch::BatchOperationTermination,
        enums::BatchOperationState,
        operatorservice::DeleteNamespaceRequest,
        workflowservice::{start_batch_operation_request::Operation, *},
    },
    services::operator_service_client::OperatorServiceClient,
};

use crate::{
    PATIENCE, WORKFLOWS, listed, start, told,
    trio::{Client, Trio},
};

/// Looks again until it is so. Each look is a call, so this is no tight loop.
async fn until(mut look: impl AsyncFnMut() -> bool) {
    let looking = async { while !look().await {} };
    tokio::time::timeout(PATIENCE, looking).await.expect("it is so in the end");
}

async fn started(trio: &Trio) -> Vec<Client> {
    let mut clients = trio.clients();
    for number in 0..WORKFLOWS {
        start(&mut clients[number % 3], &format!("order-{number}")).await.expect("it starts");
    }
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_job_deals_with_all_that_it_found() {
    let trio = Trio::start().await;
    let mut clients = started(&trio).await;
    let operation = Operation::TerminationOperation(BatchOperationTermination::default());
    let request = StartBatchOperationRequest {
        namespace: "default".to_owned(),
        job_id: "cleanup".to_owned(),
        reason: "a test".to_owned(),
        visibility_query: "WorkflowType = 'Order'".to_owned(),
        operation: Some(operation),
        ..Default::default()
    };
    told(async || clients[1].start_batch_operation(request.clone()).await).await.expect("it starts");
    let mut counts = Vec::new();
    until(async || {
        let request = DescribeBatchOperationRequest { namespace: "default".to_owned(), job_id: "cleanup".to_owned() };
        let describing = told(async || clients[2].describe_batch_operation(request.clone()).await);
        let job = describing.await.expect("it is there");
        counts = vec![job.total_operation_count, job.complete_operation_count, job.failure_operation_count];
        job.state() == BatchOperationState::Completed
    })
    .await;
    assert_eq!(counts, [24, 24, 0]);
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_emptied_wherever_its_workflows_are_led() {
    let trio = Trio::start().await;
    let mut clients = started(&trio).await;
    let channel: Channel = Endpoint::from_shared(trio.url(2)).expect("an address").connect_lazy();
    let request = DeleteNamespaceRequest { namespace: "default".to_owned(), ..Default::default() };
    let mut operator = OperatorServiceClient::new(channel);
    let answer = told(async || operator.delete_namespace(request.clone()).await).await.expect("it is there");
    for client in &mut clients {
        until(async || {
            let request = CountWorkflowExecutionsRequest {
                namespace: answer.deleted_namespace.clone(),
                ..CountWorkflowExecutionsRequest::default()
            };
            let counting = told(async || client.count_workflow_executions(request.clone()).await);
            counting.await.expect("it is counted").count == 0
        })
        .await;
    }
    trio.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_hands_over_and_the_others_lead_as_many_each() {
    let mut trio = Trio::start().await;
    assert_eq!(trio.leaders().len(), 3);
    let mut clients = started(&trio).await;
    trio.lose(2).await;
    // At once, without an election in between: the rest of the test would pass with one as well.
    assert_eq!(listed(&mut clients[0]).await.len(), WORKFLOWS);
    trio.evenly_led().await;
    assert_eq!(trio.leaders().len(), 2);
    trio.shutdown().await;
}
