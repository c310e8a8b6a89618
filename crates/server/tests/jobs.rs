//! Batch jobs as rows and as entries of lists: they go when they should, and not before. And what they do: to the runs
//! that they found, each once, and counted, though the node loses its power.
//!
//! Time passes only when a test lets it: what a job may do by a moment is what it has done by then, on any machine.

use std::{fmt::Debug, sync::Arc, time::Duration};

use tonic::{Code, transport::Channel};
use weft_env::{
    Clock, UnixNanos, VirtualClock,
    disk::{Disk, SimDisk},
};
use weft_protocol::{
    api::{
        batch::{BatchOperationDeletion, BatchOperationSignal},
        command::{Command, ContinueAsNewWorkflowExecutionCommandAttributes, command::Attributes},
        common::{WorkflowExecution, WorkflowType},
        enums::{BatchOperationState, CommandType, EventType},
        operatorservice::DeleteNamespaceRequest,
        taskqueue::TaskQueue,
        workflowservice::{start_batch_operation_request::Operation, *},
    },
    services::{operator_service_client::OperatorServiceClient, workflow_service_client::WorkflowServiceClient},
};
use weft_rows::table;
use weft_server::{
    Embedded, Server,
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

const HOUR: Duration = Duration::from_secs(3600);
/// Time stands while a test looks.
const STANDS: Duration = Duration::ZERO;
/// So much of it passes from look to look, where it does not matter how much.
const PASSES: Duration = Duration::from_millis(10);
/// More than any of these tests has reason to look.
const LOOKS: u32 = 50_000;

/// Time, long after the machine was switched on: a job has a whole second's worth of operations at once.
fn time() -> VirtualClock {
    let time = VirtualClock::starting_at(UnixNanos(1_700_000_000_000_000_000));
    time.advance(HOUR);
    time
}

/// Looks until it is so, lets so much time pass before each further look, and gives up with what it saw last.
async fn until<T: Debug>(
    time: &VirtualClock,
    step: Duration,
    mut look: impl AsyncFnMut() -> T,
    is_so: impl Fn(&T) -> bool,
) {
    let mut last = look().await;
    for _ in 0..LOOKS {
        if is_so(&last) {
            return;
        }
        time.advance(step);
        tokio::task::yield_now().await;
        last = look().await;
    }
    panic!("at the look {LOOKS} it was still {last:?}");
}

fn world(time: &VirtualClock) -> World {
    let clock: Arc<dyn Clock> = Arc::new(time.clone());
    World { clock, ..World::real() }
}

async fn server(options: Options, world: World) -> (Embedded, Channel) {
    let server = Server::builder(Place::Memory).options(options).world(world).embed().await.expect("it starts");
    let channel = server.connector().channel();
    (server, channel)
}

async fn describe(client: &mut Client, job: &str) -> Result<DescribeBatchOperationResponse, Code> {
    let request = DescribeBatchOperationRequest { namespace: "default".to_owned(), job_id: job.to_owned() };
    client.describe_batch_operation(request).await.map(tonic::Response::into_inner).map_err(|status| status.code())
}

fn job(job: &str, operation: Operation) -> StartBatchOperationRequest {
    StartBatchOperationRequest {
        namespace: "default".to_owned(),
        job_id: job.to_owned(),
        reason: "why".to_owned(),
        operation: Some(operation),
        ..StartBatchOperationRequest::default()
    }
}

async fn start(client: &mut Client, id: &str) {
    let deletion = Operation::DeletionOperation(BatchOperationDeletion::default());
    let visibility_query = "WorkflowType = 'none'".to_owned();
    let request = StartBatchOperationRequest { visibility_query, ..job(id, deletion) };
    client.start_batch_operation(request).await.expect("it starts");
}

/// Signals these workflow ids, so many in a second, by a list that names no runs.
async fn start_signals(client: &mut Client, ids: &[String], per_second: f32) {
    let signal = BatchOperationSignal { signal: "wake".to_owned(), ..BatchOperationSignal::default() };
    let executions = ids.iter().map(|id| WorkflowExecution { workflow_id: id.clone(), run_id: String::new() });
    #[expect(deprecated, reason = "the list of executions that every client knows")]
    let request = StartBatchOperationRequest {
        executions: executions.collect(),
        max_operations_per_second: per_second,
        ..job("job", Operation::SignalOperation(signal))
    };
    client.start_batch_operation(request).await.expect("it starts");
}

async fn stop(client: &mut Client) -> Result<(), tonic::Status> {
    let (namespace, job_id, reason) = ("default".to_owned(), "job".to_owned(), "enough".to_owned());
    let request = StopBatchOperationRequest { namespace, job_id, reason, identity: "me".to_owned() };
    let mut request = tonic::Request::new(request);
    // Time stands meanwhile: whatever waits for a later moment waits for ever.
    request.set_timeout(Duration::from_secs(30));
    client.stop_batch_operation(request).await.map(drop)
}

/// Starts a workflow on a task queue of its name, and gives its run.
async fn start_workflow(client: &mut Client, id: &str) -> String {
    let request = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "waits".to_owned() }),
        task_queue: Some(TaskQueue { name: id.to_owned(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    };
    client.start_workflow_execution(request).await.expect("it starts").into_inner().run_id
}

/// A worker lets a workflow go on in a new run.
async fn continue_as_new(client: &mut Client, id: &str) {
    let task_queue = Some(TaskQueue { name: id.to_owned(), ..TaskQueue::default() });
    let poll = PollWorkflowTaskQueueRequest { namespace: "default".to_owned(), task_queue, ..Default::default() };
    let mut poll = tonic::Request::new(poll);
    poll.set_timeout(Duration::from_secs(30));
    let task = client.poll_workflow_task_queue(poll).await.expect("it is answered").into_inner();
    let again = ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: task.workflow_type.clone(),
        ..ContinueAsNewWorkflowExecutionCommandAttributes::default()
    };
    let command = Command {
        command_type: CommandType::ContinueAsNewWorkflowExecution.into(),
        attributes: Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(again)),
        ..Command::default()
    };
    let answer = RespondWorkflowTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        commands: vec![command],
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    client.respond_workflow_task_completed(answer).await.expect("its task is under way");
}

async fn start_workflows(client: &mut Client, count: usize) -> Vec<String> {
    let ids: Vec<String> = (0..count).map(|number| format!("w{number}")).collect();
    for id in &ids {
        start_workflow(client, id).await;
    }
    ids
}

async fn terminate(client: &mut Client, id: &str) {
    let request = TerminateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() }),
        ..TerminateWorkflowExecutionRequest::default()
    };
    client.terminate_workflow_execution(request).await.expect("it runs");
}

/// How many signals a run has, or the current run if none is named.
async fn signals(client: &mut Client, id: &str, run: &str) -> usize {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: "default".to_owned(),
        execution: Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: run.to_owned() }),
        ..GetWorkflowExecutionHistoryRequest::default()
    };
    let answer = client.get_workflow_execution_history(request).await.expect("it is there").into_inner();
    let events = answer.history.expect("it has events").events;
    events.iter().filter(|event| event.event_type() == EventType::WorkflowExecutionSignaled).count()
}

async fn all_signals(client: &mut Client, ids: &[String]) -> Vec<usize> {
    let mut counts = Vec::new();
    for id in ids {
        counts.push(signals(client, id, "").await);
    }
    counts
}

/// How many of the job's executions were dealt with.
async fn dealt_with(client: &mut Client) -> i64 {
    let answer = describe(client, "job").await.expect("it is kept");
    assert_eq!(answer.failure_operation_count, 0);
    answer.complete_operation_count
}

async fn completed(time: &VirtualClock, client: &mut Client, job: &str) {
    let state = async || describe(client, job).await.map(|job| job.state());
    until(time, PASSES, state, |state| *state == Ok(BatchOperationState::Completed)).await;
}

/// So many of the job's executions were dealt with, before any more time has passed.
async fn deals_with(time: &VirtualClock, client: &mut Client, count: i64) {
    until(time, STANDS, async || dealt_with(client).await, |done| *done == count).await;
}

/// The workflows up to this one have their signals, 20 of them at once and each of the others when its time has come.
async fn signals_up_to(time: &VirtualClock, client: &mut Client, ids: &[String], last: usize) {
    for (place, id) in ids.iter().enumerate().take(last + 1) {
        if place >= 20 {
            time.advance(Duration::from_millis(50));
        }
        until(time, STANDS, async || signals(client, id, "").await, |count| *count == 1).await;
    }
}

async fn listed(client: &mut Client) -> Vec<String> {
    let request = ListBatchOperationsRequest { namespace: "default".to_owned(), ..Default::default() };
    let list = client.list_batch_operations(request).await.expect("they are listed").into_inner();
    list.operation_info.into_iter().map(|it| it.job_id).collect()
}

fn rows(server: &Embedded, table: u8) -> usize {
    let found = server.node().store().scan(table, &KeyRange::prefix(Vec::new()), Order::Ascending, usize::MAX);
    found.expect("the store can be read").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_kept_long_enough_is_gone_with_all_its_rows() {
    let time = time();
    let (server, channel) = server(options(Duration::from_millis(1)), world(&time)).await;
    let mut client = WorkflowServiceClient::new(channel);
    start(&mut client, "job").await;
    until(&time, PASSES, async || describe(&mut client, "job").await, Result::is_err).await;
    assert_eq!(describe(&mut client, "job").await.err(), Some(Code::NotFound));
    assert_eq!(listed(&mut client).await, Vec::<String>::new());
    assert_eq!((rows(&server, table::JOB), rows(&server, table::WAKE)), (0, 0));
    // Its id is free again.
    start(&mut client, "job").await;
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_though_the_index_was_lost() {
    let mut ground = Ground::new();
    let (before, mut client) = ground.node().await;
    for job in ["first", "second"] {
        start(&mut client, job).await;
        completed(&ground.time, &mut client, job).await;
    }
    // Stopping makes a checkpoint; with the power gone the store has it and the log never hears of it.
    ground.lose_power(before).await;
    let (after, mut client) = ground.node().await;
    assert_eq!(listed(&mut client).await, ["second", "first"]);
    completed(&ground.time, &mut client, "first").await;
    after.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_of_a_deleted_namespace_are_removed() {
    let time = time();
    let (server, channel) = server(options(HOUR), world(&time)).await;
    let mut client = WorkflowServiceClient::new(channel.clone());
    start(&mut client, "job").await;
    completed(&time, &mut client, "job").await;
    let request = DeleteNamespaceRequest { namespace: "default".to_owned(), ..DeleteNamespaceRequest::default() };
    OperatorServiceClient::new(channel).delete_namespace(request).await.expect("it is deleted");
    until(&time, PASSES, async || rows(&server, table::JOB), |rows| *rows == 0).await;
    assert_eq!(rows(&server, table::WAKE), 0);
    server.shutdown().await;
}

/// A disk, a store and a time that outlive the nodes on them.
struct Ground {
    time: VirtualClock,
    disk: SimDisk,
    store: MemoryStore,
}

impl Ground {
    fn new() -> Self {
        let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
        let store = MemoryStore::new(&tables).expect("every table has its own number");
        Self { time: time(), disk: SimDisk::new(0), store }
    }

    async fn node(&self) -> (Embedded, Client) {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let store: Arc<dyn StateStore> = Arc::new(self.store.clone());
        let world = World { disk: Some(disk), store: Some(store), ..world(&self.time) };
        let (server, channel) = server(options(HOUR), world).await;
        (server, WorkflowServiceClient::new(channel))
    }

    /// The power is cut; what comes after begins with what the disk has.
    async fn lose_power(&mut self, server: Embedded) {
        self.disk.cut_power();
        server.shutdown().await;
        self.disk.kill();
        self.store = self.store.reopen();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_list_that_names_no_runs_leaves_runs_alone_that_started_later() {
    let time = time();
    let (server, channel) = server(options(HOUR), world(&time)).await;
    let mut client = WorkflowServiceClient::new(channel);
    start_workflows(&mut client, 2).await;
    let ids = ["w0", "absent", "w1"].map(str::to_owned);
    start_signals(&mut client, &ids, 1.0).await;
    // With the progress of one the run of the next one is known, and so is it that there is none.
    deals_with(&time, &mut client, 1).await;
    start_workflow(&mut client, "absent").await;
    time.advance(Duration::from_secs(1));
    deals_with(&time, &mut client, 2).await;
    terminate(&mut client, "w1").await;
    let new = start_workflow(&mut client, "w1").await;
    completed(&time, &mut client, "job").await;
    assert_eq!(dealt_with(&mut client).await, 3);
    assert_eq!(all_signals(&mut client, &ids).await, [1, 0, 0]);
    assert_eq!(signals(&mut client, "w1", &new).await, 0);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_list_that_names_no_runs_follows_a_run_that_continues_as_new() {
    let time = time();
    let (server, channel) = server(options(HOUR), world(&time)).await;
    let mut client = WorkflowServiceClient::new(channel);
    let ids = start_workflows(&mut client, 2).await;
    // A run that is a second old continues as new at once.
    time.advance(Duration::from_secs(1));
    start_signals(&mut client, &ids, 1.0).await;
    // Now the run of the other one is known.
    deals_with(&time, &mut client, 1).await;
    for _ in 0..2 {
        continue_as_new(&mut client, "w1").await;
    }
    completed(&time, &mut client, "job").await;
    assert_eq!(dealt_with(&mut client).await, 2);
    assert_eq!(all_signals(&mut client, &ids).await, [1, 1]);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_job_has_done_is_counted_though_the_power_goes_at_once() {
    let mut ground = Ground::new();
    let (server, mut client) = ground.node().await;
    let ids = start_workflows(&mut client, 40).await;
    start_signals(&mut client, &ids, 20.0).await;
    // In the middle of a page.
    signals_up_to(&ground.time, &mut client, &ids, 25).await;
    stop(&mut client).await.expect("it runs");
    ground.lose_power(server).await;
    let (server, mut client) = ground.node().await;
    let answer = describe(&mut client, "job").await.expect("it is kept");
    assert_eq!((answer.state(), answer.total_operation_count), (BatchOperationState::Failed, 40));
    let signalled = all_signals(&mut client, &ids).await;
    assert!(signalled.iter().all(|count| *count <= 1), "{signalled:?}");
    let done = signalled.iter().sum::<usize>();
    assert_eq!(dealt_with(&mut client).await, i64::try_from(done).expect("so few"));
    assert!((26..40).contains(&done), "{done} were done");
    assert_eq!(stop(&mut client).await.expect_err("it has ended").code(), Code::NotFound);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_before_the_power_went_is_counted_by_a_stop_soon_after() {
    let mut ground = Ground::new();
    let (server, mut client) = ground.node().await;
    let ids = start_workflows(&mut client, 60).await;
    start_signals(&mut client, &ids, 20.0).await;
    signals_up_to(&ground.time, &mut client, &ids, 25).await;
    ground.lose_power(server).await;
    let (server, mut client) = ground.node().await;
    stop(&mut client).await.expect("it runs");
    let signalled = all_signals(&mut client, &ids).await;
    assert!(signalled.iter().all(|count| *count <= 1), "{signalled:?}");
    let done = signalled.iter().sum::<usize>();
    assert_eq!(dealt_with(&mut client).await, i64::try_from(done).expect("so few"));
    assert!((26..60).contains(&done), "{done} were done");
    server.shutdown().await;
}
