//! What a workflow costs, counted: syncs and bytes of the log, writes and bytes of the store, by the production server
//! on a real directory.
//!
//! Times depend on the machine, counts do not, so these are tests. One caller and one worker take turns, and a poll
//! always waits before the task is made, so that every run does the same. A count above its ceiling is a regression; one
//! well below it is progress, and the ceiling has to follow.

use std::{future::Future, path::Path, time::Duration};

use tokio::task::JoinHandle;
use weft_bench::wire::{self, IDENTITY, NAMESPACE, Service};
use weft_protocol::api::{
    command::Command,
    common::WorkflowExecution,
    workflowservice::{
        PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
        PollWorkflowTaskQueueResponse, RespondActivityTaskCompletedRequest, SignalWorkflowExecutionRequest,
    },
};
use weft_server::{
    Server,
    node::{Options, Place},
};

/// Per workflow. Lower them as the server gets better.
const ONE_ACTIVITY: Counts =
    Counts { syncs: 4.0, entries: 4.0, log_bytes: 5_700.0, store_batches: 4.0, store_rows: 15.0, store_bytes: 2_900.0 };
const TEN_SEQUENTIAL_ACTIVITIES: Counts = Counts {
    syncs: 22.0,
    entries: 22.0,
    log_bytes: 25_000.0,
    store_batches: 22.0,
    store_rows: 69.0,
    store_bytes: 16_000.0,
};
const TIMER_AND_SIGNAL: Counts =
    Counts { syncs: 6.0, entries: 6.0, log_bytes: 7_700.0, store_batches: 6.0, store_rows: 24.0, store_bytes: 3_950.0 };

/// A ceiling that is farther above what was counted is out of date.
const SLACK: f64 = 0.1;
/// Workflows that are counted, after one that is not: it makes the queue.
const WORKFLOWS: usize = 20;
const QUEUE: &str = "counted";

#[derive(Clone, Copy, Debug)]
struct Counts {
    /// fdatasync calls of the log.
    syncs: f64,
    /// Raft entries: one holds the transitions of one shard that were decided meanwhile.
    entries: f64,
    log_bytes: f64,
    store_batches: f64,
    /// Rows put and deleted.
    store_rows: f64,
    store_bytes: f64,
}

#[tokio::test]
async fn a_workflow_of_one_activity() {
    check(ONE_ACTIVITY, async |world| world.activities(1).await).await;
}

#[tokio::test]
async fn a_workflow_of_ten_activities_one_after_the_other() {
    check(TEN_SEQUENTIAL_ACTIVITIES, async |world| world.activities(10).await).await;
}

#[tokio::test]
async fn a_workflow_of_a_timer_and_a_signal() {
    check(TIMER_AND_SIGNAL, World::timer_and_signal).await;
}

/// Runs workflows one after the other and holds what each cost to the ceilings.
async fn check(ceilings: Counts, life: impl AsyncFn(&mut World)) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut world = World::open(directory.path()).await;
    life(&mut world).await;
    let before = world.counts();
    for _ in 0..WORKFLOWS {
        life(&mut world).await;
    }
    let after = world.counts();
    world.server.shutdown().await;
    let cost = |read: fn(&Counts) -> f64| (read(&after) - read(&before)) / WORKFLOWS as f64;
    let mut wrong = Vec::new();
    for (name, read) in COUNTED {
        let (cost, ceiling) = (cost(read), read(&ceilings));
        if cost > ceiling {
            wrong.push(format!("{name}: {cost} a workflow, at most {ceiling}: what became more expensive?"));
        } else if cost < ceiling * (1.0 - SLACK) {
            wrong.push(format!("{name}: {cost} a workflow, and the ceiling is {ceiling}: lower it"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A count and how it is read.
type Counted = (&'static str, fn(&Counts) -> f64);

const COUNTED: [Counted; 6] = [
    ("syncs", |counts| counts.syncs),
    ("entries", |counts| counts.entries),
    ("log_bytes", |counts| counts.log_bytes),
    ("store_batches", |counts| counts.store_batches),
    ("store_rows", |counts| counts.store_rows),
    ("store_bytes", |counts| counts.store_bytes),
];

/// A server of its own, one caller, and one worker.
struct World {
    server: Server,
    service: Service,
    started: usize,
}

impl World {
    async fn open(directory: &Path) -> Self {
        let mut options = Options::new(Place::Directory(directory.join("data")));
        // Nothing is counted that comes by the clock.
        options.checkpoint_interval = Duration::from_secs(3600);
        let address = "127.0.0.1:0".parse().expect("an address");
        let builder = Server::builder(options.place.clone()).options(options).listen(address);
        let server = builder.start().await.expect("it starts");
        let service = wire::connect(&server.address().to_string()).await.expect("it listens");
        Self { server, service, started: 0 }
    }

    fn counts(&self) -> Counts {
        let (log, store) = (self.server.node().wal().stats(), self.server.node().store().stats());
        // Far below 2^53.
        let number = |count: u64| count as f64;
        Counts {
            syncs: number(log.syncs),
            entries: number(log.entries),
            log_bytes: number(log.bytes),
            store_batches: number(store.batches),
            store_rows: number(store.puts + store.deletes),
            store_bytes: number(store.bytes_written),
        }
    }

    async fn activities(&mut self, count: usize) {
        let mut task = self.start().await;
        for number in 0..count {
            let poll = self.poll_activity().await;
            self.answer(&task, vec![wire::schedule_activity(number, QUEUE)]).await;
            let activity = taken(poll).await;
            let poll = self.poll_workflow().await;
            self.complete_activity(activity).await;
            task = taken(poll).await;
        }
        self.answer(&task, vec![wire::complete_workflow()]).await;
    }

    async fn timer_and_signal(&mut self) {
        let task = self.start().await;
        let poll = self.poll_workflow().await;
        self.answer(&task, vec![wire::start_timer(Duration::from_millis(1))]).await;
        let fired = taken(poll).await;
        self.answer(&fired, Vec::new()).await;
        let poll = self.poll_workflow().await;
        self.signal(fired.workflow_execution).await;
        let signalled = taken(poll).await;
        self.answer(&signalled, vec![wire::complete_workflow()]).await;
    }

    /// The first workflow task of a new workflow.
    async fn start(&mut self) -> PollWorkflowTaskQueueResponse {
        self.started += 1;
        let poll = self.poll_workflow().await;
        // Ids of one length: bytes are counted.
        let request = wire::start(QUEUE, format!("counted-{:04}", self.started));
        self.service.start_workflow_execution(request).await.expect("it starts");
        taken(poll).await
    }

    async fn answer(&mut self, task: &PollWorkflowTaskQueueResponse, commands: Vec<Command>) {
        let answer = wire::completed(task.task_token.clone(), commands);
        self.service.respond_workflow_task_completed(answer).await.expect("the answer is taken");
    }

    async fn complete_activity(&mut self, activity: PollActivityTaskQueueResponse) {
        let answer = RespondActivityTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: activity.task_token,
            identity: IDENTITY.to_owned(),
            ..Default::default()
        };
        self.service.respond_activity_task_completed(answer).await.expect("the answer is taken");
    }

    async fn signal(&mut self, workflow_execution: Option<WorkflowExecution>) {
        let signal = SignalWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution,
            signal_name: "go".to_owned(),
            request_id: format!("signal-{:04}", self.started),
            identity: IDENTITY.to_owned(),
            ..Default::default()
        };
        self.service.signal_workflow_execution(signal).await.expect("the signal is taken");
    }

    async fn poll_workflow(&self) -> JoinHandle<PollWorkflowTaskQueueResponse> {
        let mut service = self.service.clone();
        let request = wire::poll(PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: wire::queue(QUEUE),
            identity: IDENTITY.to_owned(),
            ..Default::default()
        });
        let poll = async move { service.poll_workflow_task_queue(request).await.expect("the poll is answered") };
        self.waiting(async { poll.await.into_inner() }).await
    }

    async fn poll_activity(&self) -> JoinHandle<PollActivityTaskQueueResponse> {
        let mut service = self.service.clone();
        let request = wire::poll(PollActivityTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: wire::queue(QUEUE),
            identity: IDENTITY.to_owned(),
            ..Default::default()
        });
        let poll = async move { service.poll_activity_task_queue(request).await.expect("the poll is answered") };
        self.waiting(async { poll.await.into_inner() }).await
    }

    /// Sends a poll and comes back when it waits in the server, which no other does.
    async fn waiting<T: Send + 'static>(&self, poll: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let poll = tokio::spawn(poll);
        while self.server.node().matching().polls_waiting() == 0 {
            assert!(!poll.is_finished(), "a poll was answered before there was a task");
            tokio::task::yield_now().await;
        }
        poll
    }
}

/// The task that a waiting poll was given.
async fn taken<T>(poll: JoinHandle<T>) -> T {
    poll.await.expect("a poll does not panic")
}
