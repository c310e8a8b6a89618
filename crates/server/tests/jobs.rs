//! Batch jobs as rows and as entries of lists: they go when they should, and not before.

use std::{sync::Arc, time::Duration};

use tonic::{Code, transport::Channel};
use weft_env::disk::{Disk, SimDisk};
use weft_protocol::{
    api::{
        batch::BatchOperationDeletion,
        enums::BatchOperationState,
        operatorservice::DeleteNamespaceRequest,
        workflowservice::{start_batch_operation_request::Operation, *},
    },
    services::{operator_service_client::OperatorServiceClient, workflow_service_client::WorkflowServiceClient},
};
use weft_rows::table;
use weft_server::{
    Server,
    node::{NamespaceSeed, Options, Place, World},
};
use weft_store::state::{KeyRange, MemoryStore, Order, StateStore, Table};

type Client = WorkflowServiceClient<Channel>;

fn options(retention: Duration) -> Options {
    let mut options = Options::new(Place::Memory);
    options.shards = 2;
    let (name, search_attributes) = ("default".to_owned(), Default::default());
    options.namespaces = vec![NamespaceSeed { name, retention, search_attributes }];
    options
}

async fn server(options: Options, world: World) -> (Server, Channel) {
    let any = "127.0.0.1:0".parse().expect("an address");
    let builder = Server::builder(Place::Memory).options(options).world(world).listen(any);
    let server = builder.start().await.expect("it starts");
    let endpoint = Channel::from_shared(format!("http://{}", server.address())).expect("an address is a URI");
    let channel = endpoint.connect().await.expect("it listens");
    (server, channel)
}

async fn describe(client: &mut Client, job: &str) -> Result<DescribeBatchOperationResponse, Code> {
    let request = DescribeBatchOperationRequest { namespace: "default".to_owned(), job_id: job.to_owned() };
    client.describe_batch_operation(request).await.map(tonic::Response::into_inner).map_err(|status| status.code())
}

async fn start(client: &mut Client, job: &str) {
    let request = StartBatchOperationRequest {
        namespace: "default".to_owned(),
        job_id: job.to_owned(),
        reason: "why".to_owned(),
        visibility_query: "WorkflowType = 'none'".to_owned(),
        operation: Some(Operation::DeletionOperation(BatchOperationDeletion::default())),
        ..StartBatchOperationRequest::default()
    };
    client.start_batch_operation(request).await.expect("it starts");
}

async fn completed(client: &mut Client, job: &str) {
    while describe(client, job).await.expect("it is kept").state() != BatchOperationState::Completed {}
}

async fn listed(client: &mut Client) -> Vec<String> {
    let request = ListBatchOperationsRequest { namespace: "default".to_owned(), ..Default::default() };
    let list = client.list_batch_operations(request).await.expect("they are listed").into_inner();
    list.operation_info.into_iter().map(|it| it.job_id).collect()
}

fn rows(server: &Server, table: u8) -> usize {
    let found = server.node().store().scan(table, &KeyRange::prefix(Vec::new()), Order::Ascending, usize::MAX);
    found.expect("the store can be read").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_kept_long_enough_is_gone_with_all_its_rows() {
    let (server, channel) = server(options(Duration::from_millis(1)), World::real()).await;
    let mut client = WorkflowServiceClient::new(channel);
    start(&mut client, "job").await;
    while describe(&mut client, "job").await.is_ok() {}
    assert_eq!(describe(&mut client, "job").await.err(), Some(Code::NotFound));
    assert_eq!(listed(&mut client).await, Vec::<String>::new());
    assert_eq!((rows(&server, table::JOB), rows(&server, table::WAKE)), (0, 0));
    // Its id is free again.
    start(&mut client, "job").await;
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_though_the_index_was_lost() {
    let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
    let (disk, store) = (SimDisk::new(0), MemoryStore::new(&tables).expect("every table has its own number"));
    let on = |disk: &SimDisk, store: &MemoryStore| {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let store: Arc<dyn StateStore> = Arc::new(store.clone());
        server(options(Duration::from_secs(3600)), World { disk: Some(disk), store: Some(store), ..World::real() })
    };
    let (before, channel) = on(&disk, &store).await;
    let mut client = WorkflowServiceClient::new(channel);
    for job in ["first", "second"] {
        start(&mut client, job).await;
        completed(&mut client, job).await;
    }
    // Stopping makes a checkpoint; with the power gone the store has it and the log never hears of it.
    disk.cut_power();
    before.shutdown().await;
    disk.kill();
    let (after, channel) = on(&disk, &store.reopen()).await;
    let mut client = WorkflowServiceClient::new(channel);
    assert_eq!(listed(&mut client).await, ["second", "first"]);
    completed(&mut client, "first").await;
    after.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_of_a_deleted_namespace_are_removed() {
    let (server, channel) = server(options(Duration::from_secs(3600)), World::real()).await;
    let mut client = WorkflowServiceClient::new(channel.clone());
    start(&mut client, "job").await;
    completed(&mut client, "job").await;
    let request = DeleteNamespaceRequest { namespace: "default".to_owned(), ..DeleteNamespaceRequest::default() };
    OperatorServiceClient::new(channel).delete_namespace(request).await.expect("it is deleted");
    while rows(&server, table::JOB) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rows(&server, table::WAKE), 0);
    server.shutdown().await;
}
