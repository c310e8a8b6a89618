//! Clients that start workflows and signal them, and workers that finish those that are told to.
//!
//! Invariant: a client sends the same request id until it is told what came of it, or gives up and never sends it again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle};
use tonic::{Code, Request};
use weft_env::{Clock, SeededIds};
use weft_protocol::api::{
    command::{Command, CompleteWorkflowExecutionCommandAttributes, command::Attributes},
    common::{WorkflowExecution, WorkflowType},
    enums::{CommandType, EventType},
    history::{HistoryEvent, history_event},
    taskqueue::TaskQueue,
    workflowservice::{
        PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest, SignalWorkflowExecutionRequest,
        StartWorkflowExecutionRequest,
    },
};

use crate::{
    ledger::{Ledger, Told, history},
    nodes::{Client, Nodes},
};

pub(crate) const NAMESPACE: &str = "default";
/// The signal on which a workflow ends.
pub(crate) const FINISH: &str = "finish";
const QUEUE: &str = "chaos";
/// No worker polls it.
const PROBES: &str = "probes";
/// How long one try of a call may take.
pub(crate) const PATIENT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(20);
const SIGNALS: u64 = 8;
const WORKERS: usize = 6;
/// A workflow that can finish has done so by then, once the one before it has.
const FINISHED_MAX: Duration = Duration::from_secs(60);

/// The clients and workers.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    clients: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    reader: Client,
}

#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    given_up: AtomicU64,
    finished: AtomicU64,
    slowest: Mutex<Duration>,
    to_finish: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) answered: u64,
    pub(crate) given_up: u64,
    pub(crate) finished: u64,
    /// The longest that a client waited to be told, retries included.
    pub(crate) slowest: Duration,
    /// Answers that no client should have had.
    pub(crate) wrong: Vec<String>,
}

impl Load {
    pub(crate) fn start(
        nodes: &Nodes,
        ledger: &Arc<Ledger>,
        clock: &Arc<dyn Clock>,
        clients: usize,
        ids: &SeededIds,
    ) -> Self {
        let (stop, shared) = (watch::Sender::new(false), Arc::<Shared>::default());
        let all: Vec<Client> = (0..nodes.count()).map(|node| nodes.client(node)).collect();
        let one = |number| Caller {
            name: format!("w{number}"),
            nodes: (0..nodes.count()).map(|node| nodes.client(node)).collect(),
            ledger: Arc::clone(ledger),
            clock: Arc::clone(clock),
            shared: Arc::clone(&shared),
            ids: ids.fork(),
            stopping: stop.subscribe(),
        };
        let clients = (0..clients).map(|number| tokio::spawn(one(number).run())).collect();
        let workers = (0..WORKERS)
            .map(|number| tokio::spawn(work(nodes.client(number % nodes.count()), Arc::clone(clock))))
            .collect();
        Self { stop, clients, workers, shared, clock: Arc::clone(clock), reader: all[0].clone() }
    }

    /// Lets clients end what they are at, and waits for the workflows that were told to finish, or may have been.
    pub(crate) async fn finish(mut self) -> Work {
        self.stop.send_replace(true);
        for client in self.clients {
            if let Err(panicked) = client.await {
                self.shared.wrong.lock().push(format!("a client: {panicked}"));
            }
        }
        let mut end = self.clock.monotonic() + FINISHED_MAX;
        let waiting = self.shared.to_finish.lock().clone();
        for workflow in waiting {
            while self.clock.monotonic() < end {
                match history(&mut self.reader, &workflow).await.map(|events| is_to_come(&events)) {
                    Ok(ToCome::Nothing { finished }) => {
                        self.shared.finished.fetch_add(u64::from(finished), Ordering::Relaxed);
                    }
                    Ok(ToCome::More) | Err(_) => {
                        self.clock.sleep_until(self.clock.monotonic() + RETRY).await;
                        continue;
                    }
                }
                end = self.clock.monotonic() + FINISHED_MAX;
                break;
            }
        }
        self.workers.iter().for_each(JoinHandle::abort);
        Work {
            answered: self.shared.answered.load(Ordering::Relaxed),
            given_up: self.shared.given_up.load(Ordering::Relaxed),
            finished: self.shared.finished.load(Ordering::Relaxed),
            slowest: *self.shared.slowest.lock(),
            wrong: self.shared.wrong.lock().clone(),
        }
    }
}

/// One client, with a connection to each node.
struct Caller {
    name: String,
    nodes: Vec<Client>,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    ids: SeededIds,
    stopping: watch::Receiver<bool>,
}

impl Caller {
    async fn run(mut self) {
        for number in 0_u64.. {
            if *self.stopping.borrow() {
                return;
            }
            self.life(&format!("{}-{number}", self.name)).await;
        }
    }

    /// One workflow from its start to its end.
    async fn life(&mut self, workflow: &str) {
        self.ledger.asks(workflow);
        let start = start_request(workflow, QUEUE);
        let started = self.until_told(|mut client| {
            let start = start.clone();
            async move { client.start_workflow_execution(patient(start)).await }
        });
        let Some(run) = started.await.map(|answer| answer.into_inner().run_id) else { return };
        self.ledger.started(workflow, run);
        for number in 0..SIGNALS {
            self.signal(workflow, &format!("s{number}")).await;
        }
        // Also where it was told nothing: the signal may be there all the same.
        self.signal(workflow, FINISH).await;
        self.shared.to_finish.lock().push(workflow.to_owned());
    }

    async fn signal(&mut self, workflow: &str, name: &str) {
        self.ledger.signalled(workflow, name, Told::Nothing);
        let request = SignalWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: Some(WorkflowExecution { workflow_id: workflow.to_owned(), run_id: String::new() }),
            signal_name: name.to_owned(),
            request_id: format!("{workflow}-{name}"),
            ..Default::default()
        };
        let told = self.until_told(|mut client| {
            let request = request.clone();
            async move { client.signal_workflow_execution(patient(request)).await }
        });
        let told = if told.await.is_some() { Told::Done } else { Told::Nothing };
        self.ledger.signalled(workflow, name, told);
    }

    /// Asks one node after the other until one says what came of it. Now and then it gives up after a failure.
    async fn until_told<T, F: Future<Output = Result<T, tonic::Status>>>(
        &mut self,
        call: impl Fn(Client) -> F,
    ) -> Option<T> {
        let began = self.clock.monotonic();
        loop {
            let node = usize::try_from(self.ids.below(self.nodes.len() as u64)).unwrap_or(0);
            match call(self.nodes[node].clone()).await {
                Ok(answer) => {
                    self.shared.answered.fetch_add(1, Ordering::Relaxed);
                    let waited = self.clock.monotonic().saturating_sub(began);
                    let mut slowest = self.shared.slowest.lock();
                    *slowest = waited.max(*slowest);
                    return Some(answer);
                }
                Err(status) if may_be_tried_again(status.code()) => {}
                Err(status) => {
                    let complaint = format!("node {} gave an answer that is final, and wrong: {status}", node + 1);
                    self.shared.wrong.lock().push(complaint);
                    return None;
                }
            }
            if self.ids.below(20) == 0 {
                self.shared.given_up.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            self.clock.sleep_until(self.clock.monotonic() + RETRY).await;
        }
    }
}

/// What a node may say while the cluster is broken. Anything final would be wrong: each of these requests succeeds once.
fn may_be_tried_again(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::ResourceExhausted
    )
}

fn patient<T>(request: T) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(PATIENT);
    request
}

fn start_request(workflow: &str, queue: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: workflow.to_owned(),
        workflow_type: Some(WorkflowType { name: "chaos".to_owned() }),
        task_queue: Some(TaskQueue { name: queue.to_owned(), ..Default::default() }),
        request_id: format!("start-{workflow}"),
        ..Default::default()
    }
}

/// Starts a workflow, asking again at once until its start is told.
pub(crate) async fn start_until_told(mut client: Client, workflow: &str) {
    while client.start_workflow_execution(patient(start_request(workflow, PROBES))).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// A worker that ends the workflows that have been told to.
async fn work(mut client: Client, clock: Arc<dyn Clock>) {
    loop {
        let mut poll = Request::new(PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..Default::default() }),
            identity: "chaos".to_owned(),
            ..Default::default()
        });
        poll.set_timeout(POLL);
        let task = match client.poll_workflow_task_queue(poll).await {
            Ok(task) => task.into_inner(),
            Err(_) => {
                clock.sleep_until(clock.monotonic() + RETRY).await;
                continue;
            }
        };
        if task.task_token.is_empty() {
            continue;
        }
        let finishes = has_finished(&task.history.unwrap_or_default().events).is_some();
        let completed = RespondWorkflowTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            commands: if finishes { vec![complete()] } else { Vec::new() },
            identity: "chaos".to_owned(),
            ..Default::default()
        };
        // What is lost here is done again after the task's timeout.
        let _ = client.respond_workflow_task_completed(patient(completed)).await;
    }
}

/// Whether a workflow has ended; `None` while nobody has told it to.
fn has_finished(events: &[HistoryEvent]) -> Option<bool> {
    let is_told = events.iter().any(|event| {
        matches!(
            &event.attributes,
            Some(history_event::Attributes::WorkflowExecutionSignaledEventAttributes(it)) if it.signal_name == FINISH
        )
    });
    is_told.then(|| events.last().is_some_and(|it| it.event_type() == EventType::WorkflowExecutionCompleted))
}

/// Whether more is to be waited for in a history.
#[derive(Debug, PartialEq, Eq)]
enum ToCome {
    More,
    Nothing { finished: bool },
}

/// What a workflow was told while it has a task is in its history only once that has ended, be it by its timeout.
fn is_to_come(events: &[HistoryEvent]) -> ToCome {
    let has_task = events.last().is_some_and(|it| it.event_type() == EventType::WorkflowTaskStarted);
    match has_finished(events) {
        Some(true) => ToCome::Nothing { finished: true },
        None if !has_task => ToCome::Nothing { finished: false },
        Some(false) | None => ToCome::More,
    }
}

fn complete() -> Command {
    Command {
        command_type: CommandType::CompleteWorkflowExecution.into(),
        attributes: Some(Attributes::CompleteWorkflowExecutionCommandAttributes(
            CompleteWorkflowExecutionCommandAttributes::default(),
        )),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::WorkflowExecutionSignaledEventAttributes;

    use super::*;

    fn event(kind: EventType) -> HistoryEvent {
        HistoryEvent { event_type: kind.into(), ..HistoryEvent::default() }
    }

    #[test]
    fn a_workflow_that_has_a_task_may_have_been_told_what_its_history_does_not_say() {
        let told = HistoryEvent {
            attributes: Some(history_event::Attributes::WorkflowExecutionSignaledEventAttributes(
                WorkflowExecutionSignaledEventAttributes { signal_name: FINISH.to_owned(), ..Default::default() },
            )),
            ..event(EventType::WorkflowExecutionSignaled)
        };
        let [started, ended] = [EventType::WorkflowTaskStarted, EventType::WorkflowTaskTimedOut].map(event);
        let completed = event(EventType::WorkflowExecutionCompleted);
        assert_eq!(is_to_come(std::slice::from_ref(&started)), ToCome::More);
        assert_eq!(is_to_come(&[started.clone(), ended.clone()]), ToCome::Nothing { finished: false });
        assert_eq!(is_to_come(&[started.clone(), ended.clone(), told.clone()]), ToCome::More);
        assert_eq!(is_to_come(&[started, ended, told, completed]), ToCome::Nothing { finished: true });
    }
}
