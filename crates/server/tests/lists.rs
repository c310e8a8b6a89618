//! Lists across restarts: whatever part of the visibility index a crash took, what was acknowledged is listed.

use std::sync::Arc;

use tonic::transport::Channel;
use weft_env::disk::{Disk, SimDisk};
use weft_protocol::{
    api::{common::WorkflowType, taskqueue::TaskQueue, workflowservice::*},
    services::workflow_service_client::WorkflowServiceClient,
};
use weft_rows::table;
use weft_server::{
    Server,
    node::{Options, Place, World},
};
use weft_store::state::{MemoryStore, StateStore, Table};

type Client = WorkflowServiceClient<Channel>;

/// A server on this log and this store; its index is in memory, so each one begins with an empty index.
async fn on(disk: &SimDisk, store: &MemoryStore) -> (Server, Client) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let store: Arc<dyn StateStore> = Arc::new(store.clone());
    let world = World { disk: Some(disk), store: Some(store), ..World::real() };
    let mut options = Options::new(Place::Memory);
    options.shards = 2;
    let any = "127.0.0.1:0".parse().expect("an address");
    let builder = Server::builder(Place::Memory).options(options).world(world).listen(any);
    let server = builder.start().await.expect("it starts");
    let endpoint = Channel::from_shared(format!("http://{}", server.address())).expect("an address is a URI");
    let client = WorkflowServiceClient::new(endpoint.connect().await.expect("it listens"));
    (server, client)
}

async fn start(client: &mut Client, workflow_id: &str) {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "order".to_owned() }),
        task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    };
    client.start_workflow_execution(request).await.expect("it starts");
}

async fn count(client: &mut Client) -> i64 {
    let request =
        CountWorkflowExecutionsRequest { namespace: "default".to_owned(), ..CountWorkflowExecutionsRequest::default() };
    client.count_workflow_executions(request).await.expect("they are counted").into_inner().count
}

/// A checkpoint was stored and the log not yet purged when the power went: the log is replayed from the checkpoint on,
/// so what came before it has to come from the store.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_checkpoint_holds_is_listed_though_the_index_is_lost_and_the_log_was_not_purged() {
    let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
    let (disk, store) = (SimDisk::new(0), MemoryStore::new(&tables).expect("every table has its own number"));
    let (server, mut client) = on(&disk, &store).await;
    for number in 0..5 {
        start(&mut client, &format!("w{number}")).await;
    }
    assert_eq!(count(&mut client).await, 5);
    // Stopping makes a checkpoint; with the power gone the store has it and the log never hears of it.
    disk.cut_power();
    server.shutdown().await;
    disk.kill();
    let (server, mut client) = on(&disk, &store.reopen()).await;
    assert_eq!(count(&mut client).await, 5);
    start(&mut client, "one more").await;
    assert_eq!(count(&mut client).await, 6);
    server.shutdown().await;
}
