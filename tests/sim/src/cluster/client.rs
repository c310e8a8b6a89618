//! Clients: each asks any node, asks again until it knows the outcome, and remembers what it was told.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tonic::{Code, Request, Response, Status, transport::Channel};
use weft_env::SeededIds;
use weft_protocol::{
    api::{
        common::{WorkflowExecution, WorkflowType},
        enums::WorkflowExecutionStatus,
        history::HistoryEvent,
        taskqueue::TaskQueue,
        workflowservice::*,
    },
    services::workflow_service_client::WorkflowServiceClient,
};

use super::{
    accounts,
    book::Book,
    history::Shown,
    record::{Record, Run},
};
use crate::{decide::QUEUE as WORKED, plan::Plan};

pub(crate) const NAMESPACE: &str = "default";
const QUEUE: &str = "orders";
/// How long a client waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);
/// How long it waits for a node when it asks all.
const GLANCE: Duration = Duration::from_millis(500);
/// So much each client does, however long the storm is.
const STEPS_MIN: u64 = 24;
/// A node that does not say so in time is not waited for.
const PATIENCE_MAX: Duration = Duration::from_secs(6);
/// … and while answers get lost: whoever waited for them would do nothing until that is over.
const HASTY_PATIENCE: Duration = Duration::from_millis(300);

pub(crate) type Api = WorkflowServiceClient<Channel>;

/// The ways to the nodes that are up.
#[derive(Clone, Default)]
pub(crate) struct Doors(Arc<Mutex<Ways>>);

#[derive(Default)]
struct Ways {
    open: BTreeMap<u32, Channel>,
    /// The highest number that any node had.
    last: u32,
}

impl Doors {
    pub(crate) fn open(&self, node: u32, channel: Channel) {
        let mut ways = self.0.lock();
        ways.open.insert(node, channel);
        ways.last = ways.last.max(node);
    }

    pub(crate) fn close(&self, node: u32) {
        self.0.lock().open.remove(&node);
    }

    fn to(&self, node: u32) -> Option<Api> {
        self.0.lock().open.get(&node).cloned().map(WorkflowServiceClient::new)
    }

    fn all(&self) -> Vec<(u32, Api)> {
        let ways = self.0.lock();
        ways.open.iter().map(|(node, channel)| (*node, WorkflowServiceClient::new(channel.clone()))).collect()
    }

    fn last(&self) -> u32 {
        self.0.lock().last
    }
}

/// Everything that a client has.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) doors: Doors,
    pub(crate) workflows: Arc<[String]>,
    /// So many are started in all, also by others, even if a storm left no time for it.
    pub(crate) workflows_min: u64,
    pub(crate) record: Arc<Record>,
    pub(crate) dice: Arc<SeededIds>,
    /// Workflows that pay each other.
    pub(crate) accounts: Arc<[String]>,
    /// What workers do.
    pub(crate) plan: Arc<Plan>,
    pub(crate) book: Arc<Book>,
    /// Nobody makes mistakes any more, so that everything comes to its end.
    pub(crate) calm: Arc<AtomicBool>,
    /// What is asked for now may be done without an answer.
    pub(crate) haste: Arc<AtomicBool>,
}

/// What became of a call.
pub(crate) enum Settled<T> {
    Answered(T),
    Refused {
        status: Status,
        /// It was refused the first time it was asked: it left nothing.
        for_certain: bool,
    },
}

impl Scene {
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(crate) fn is_hasty(&self) -> bool {
        self.haste.load(Ordering::Relaxed)
    }

    /// Waits for a node, but not longer than so: not long while answers get lost, whenever that began.
    pub(crate) async fn wait_for<T>(&self, usual: Duration, answer: impl Future<Output = T>) -> Option<T> {
        let mut answer = pin!(answer);
        let mut waited = Duration::ZERO;
        while waited < usual && (waited < HASTY_PATIENCE || !self.is_hasty()) {
            let step = HASTY_PATIENCE.min(usual - waited);
            if let Ok(answer) = tokio::time::timeout(step, &mut answer).await {
                return Some(answer);
            }
            waited += step;
        }
        None
    }

    /// Some node, and the way to it if it is up.
    pub(crate) fn door(&self) -> (u32, Option<Api>) {
        let nodes = u64::from(self.doors.last().max(1));
        let node = 1 + u32::try_from(self.dice.below(nodes)).expect("few nodes");
        (node, self.doors.to(node))
    }

    pub(crate) async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn any<'a>(&self, of: &'a [String]) -> Option<&'a String> {
        if of.is_empty() {
            return None;
        }
        of.get(usize::try_from(self.dice.below(of.len() as u64)).expect("few"))
    }

    /// Asks one node after the other until the outcome is known.
    pub(crate) async fn settle<T, F>(&self, what: &str, ask: impl Fn(Api) -> F) -> Settled<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut asked = 0_u64;
        loop {
            let (node, Some(api)) = self.door() else {
                self.sleep_ms(20 + self.dice.below(80)).await;
                continue;
            };
            asked += 1;
            self.record.cover(|counts| counts.repeats += u64::from(asked > 1));
            match self.wait_for(PATIENCE_MAX, ask(api)).await {
                Some(Ok(answer)) => {
                    self.record.note(&format!("{what}: answered by node {node}"));
                    self.record.cover(|counts| counts.acknowledged += 1);
                    return Settled::Answered(answer.into_inner());
                }
                Some(Err(status)) if is_final(&status) => {
                    self.record.note(&format!("{what}: refused by node {node}: {:?}", status.code()));
                    self.record.cover(|counts| counts.refusals += 1);
                    return Settled::Refused { status, for_certain: asked == 1 };
                }
                Some(Err(status)) => self.record.note(&format!("{what}: node {node}: {:?}", status.code())),
                None => self.record.note(&format!("{what}: node {node} did not answer")),
            }
            self.sleep_ms(20 + self.dice.below(200)).await;
        }
    }

    async fn start(&self, name: &str) {
        let Some(workflow) = self.any(&self.workflows) else { return };
        let deadline_ms = (self.dice.below(3) == 0).then(|| 1000 * (1 + self.dice.below(8)));
        let what = format!("start {workflow} {name}");
        self.record.starting(workflow);
        let request = StartWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_id: workflow.clone(),
            workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
            task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..Default::default() }),
            request_id: name.to_owned(),
            workflow_execution_timeout: deadline_ms.map(seconds),
            ..Default::default()
        };
        match self.ask_start(&what, request, deadline_ms).await {
            Ok(run) => self.read_everywhere(&run).await,
            Err((status, for_certain)) => {
                self.expect(&what, &status, Code::AlreadyExists);
                if for_certain {
                    self.record.not_started(workflow);
                }
            }
        }
    }

    /// Starts a workflow that workers do. Gives its run, of which everybody knows.
    pub(crate) async fn begin(&self, workflow: &str) -> Option<String> {
        let what = format!("begin {workflow}");
        let request = errand(workflow);
        self.ask_start(&what, request, None).await.map_err(|(status, _)| self.must_begin(&what, &status)).ok()
    }

    /// The same, and nobody else knows of it.
    pub(crate) async fn begin_alone(&self, workflow: &str) -> Option<String> {
        let what = format!("begin {workflow}");
        let request = errand(workflow);
        self.ask_run(&what, &request).await.map_err(|(status, _)| self.must_begin(&what, &status)).ok()
    }

    fn must_begin(&self, what: &str, status: &Status) {
        self.record.violate(format!("{what}: {:?}: {}", status.code(), status.message()));
    }

    /// Starts a workflow, and everybody knows of its run. Gives what [`Scene::ask_run`] does.
    async fn ask_start(
        &self,
        what: &str,
        request: StartWorkflowExecutionRequest,
        deadline_ms: Option<u64>,
    ) -> Result<String, (Status, bool)> {
        let run = self.ask_run(what, &request).await?;
        if !self.record.started(&request.workflow_id, &request.request_id, &run, deadline_ms) {
            self.record.violate(format!("{what}: answered with run {run}, which is another's"));
        }
        Ok(run)
    }

    /// Starts a workflow. Gives its run, or why there is none and whether that is certain: see [`Settled::Refused`].
    async fn ask_run(&self, what: &str, request: &StartWorkflowExecutionRequest) -> Result<String, (Status, bool)> {
        let ask = |mut api: Api| {
            self.record.asking_to_start(&request.workflow_id, &request.request_id);
            let request = within(request.clone(), PATIENCE);
            async move { api.start_workflow_execution(request).await }
        };
        match self.settle(what, ask).await {
            Settled::Answered(answer) => Ok(answer.run_id),
            Settled::Refused { status, for_certain } => Err((status, for_certain)),
        }
    }

    fn expect(&self, what: &str, status: &Status, code: Code) {
        if status.code() != code {
            self.record.violate(format!("{what}: refused with {:?}: {}", status.code(), status.message()));
        }
    }

    async fn signal(&self, name: &str) {
        let runs = self.record.runs();
        let Some((run, known)) = self.any(&runs).and_then(|run| Some((run.clone(), self.record.run(run)?))) else {
            return;
        };
        let what = format!("signal {} {run} {name}", known.workflow);
        let request = SignalWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: execution(&known.workflow, &run),
            signal_name: name.to_owned(),
            request_id: name.to_owned(),
            ..Default::default()
        };
        let ask = |mut api: Api| {
            let request = within(request.clone(), PATIENCE);
            async move { api.signal_workflow_execution(request).await }
        };
        match self.settle(&what, ask).await {
            Settled::Answered(_) => {
                self.record.change(&run, |run| run.signals.extend([name.to_owned()]));
                if self.dice.below(2) == 0 {
                    self.read_everywhere(&run).await;
                }
            }
            Settled::Refused { status, for_certain } => {
                self.gone(&what, &status);
                if for_certain {
                    self.record.change(&run, |run| run.refused.extend([name.to_owned()]));
                }
            }
        }
    }

    async fn terminate(&self, name: &str) {
        // What workers do comes to its end by itself: others wait for it.
        let is_order = |run: &String| self.record.run(run).is_some_and(|it| self.plan.of(&it.workflow).is_none());
        let runs: Vec<_> = self.record.runs().into_iter().filter(is_order).collect();
        let Some((run, known)) = self.any(&runs).and_then(|run| Some((run.clone(), self.record.run(run)?))) else {
            return;
        };
        let what = format!("terminate {} {run} {name}", known.workflow);
        let request = TerminateWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: execution(&known.workflow, &run),
            ..Default::default()
        };
        let ask = |mut api: Api| {
            let request = within(request.clone(), PATIENCE);
            async move { api.terminate_workflow_execution(request).await }
        };
        match self.settle(&what, ask).await {
            Settled::Answered(_) => self.record.change(&run, |run| run.is_terminated = true),
            Settled::Refused { status, .. } => self.gone(&what, &status),
        }
    }

    /// A run that was acknowledged is never unknown; it may be over.
    fn gone(&self, what: &str, status: &Status) {
        self.expect(what, status, Code::NotFound);
        if status.message() != "workflow execution already completed" {
            self.record.violate(format!("{what}: {}", status.message()));
        }
    }

    /// A run's whole history.
    pub(crate) async fn history(&self, workflow: &str, run: &str) -> Option<Vec<HistoryEvent>> {
        let what = format!("read {workflow} {run}");
        let mut events = Vec::new();
        let mut page = Vec::new();
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: NAMESPACE.to_owned(),
                execution: execution(workflow, run),
                next_page_token: page.clone(),
                ..Default::default()
            };
            let ask = |mut api: Api| {
                let request = within(request.clone(), PATIENCE);
                async move { api.get_workflow_execution_history(request).await }
            };
            match self.settle(&what, ask).await {
                Settled::Answered(answer) => {
                    events.extend(answer.history.map(|history| history.events).unwrap_or_default());
                    page = answer.next_page_token;
                }
                // A worker that was given a task of the run before it was deleted.
                Settled::Refused { status, .. } if status.code() == Code::NotFound && self.record.is_deleted(run) => {
                    return None;
                }
                Settled::Refused { status, .. } => {
                    self.record.violate(format!("{what}: {:?}: {}", status.code(), status.message()));
                    return None;
                }
            }
            if page.is_empty() {
                break;
            }
        }
        Some(events)
    }

    /// Reads a run's whole history and holds it against what was known before.
    pub(crate) async fn read(&self, run: &str) -> Option<Shown> {
        let before = self.record.run(run)?;
        let events = self.history(&before.workflow, run).await?;
        let shown = Shown::of(events);
        self.record.shown(run, &before, &shown);
        Some(shown)
    }

    /// Asks each node that is up for a run, all at once and each of them once: what was acknowledged before is there,
    /// whoever answers.
    async fn read_everywhere(&self, run: &str) {
        let looks = self.doors.all().into_iter().map(|(node, api)| self.read_at(node, api, run));
        futures::future::join_all(looks).await;
    }

    async fn read_at(&self, node: u32, mut api: Api, run: &str) {
        let Some(before) = self.record.run(run) else { return };
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.to_owned(),
            execution: execution(&before.workflow, run),
            ..Default::default()
        };
        let asked = api.get_workflow_execution_history(within(request, GLANCE));
        let answer = match tokio::time::timeout(GLANCE * 2, asked).await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => {
                if is_final(&status) {
                    self.record.violate(format!("node {node} does not know {} {run}: {status}", before.workflow));
                }
                return;
            }
            Err(_) => return,
        };
        if answer.next_page_token.is_empty() {
            self.record.note(&format!("node {node} shows {} {run}", before.workflow));
            let shown = Shown::of(answer.history.map(|history| history.events).unwrap_or_default());
            self.record.shown(run, &before, &shown);
        }
    }

    /// Lists everything: whatever was acknowledged before is there. Gives each workflow id with its run and status.
    pub(crate) async fn list(&self) -> Vec<(String, String, WorkflowExecutionStatus)> {
        let before: Vec<(String, Option<Run>)> =
            self.record.runs().into_iter().map(|run| (run.clone(), self.record.run(&run))).collect();
        let mut request = ListWorkflowExecutionsRequest { namespace: NAMESPACE.to_owned(), ..Default::default() };
        let mut executions = Vec::new();
        loop {
            let ask = |mut api: Api| {
                let request = within(request.clone(), PATIENCE);
                async move { api.list_workflow_executions(request).await }
            };
            match self.settle("list", ask).await {
                Settled::Answered(answer) => {
                    executions.extend(answer.executions);
                    request.next_page_token = answer.next_page_token;
                }
                Settled::Refused { status, .. } => {
                    self.record.violate(format!("list: {:?}: {}", status.code(), status.message()));
                    return Vec::new();
                }
            }
            if request.next_page_token.is_empty() {
                break;
            }
        }
        self.record.cover(|counts| counts.lists += 1);
        let listed: Vec<_> = executions
            .into_iter()
            .filter_map(|info| {
                let status = info.status();
                info.execution.map(|execution| (execution.workflow_id, execution.run_id, status))
            })
            .collect();
        for (run, known) in before {
            let Some((_, _, status)) = listed.iter().find(|(_, listed, _)| *listed == run) else {
                self.record.violate(format!("list: run {run} was acknowledged and is not there"));
                continue;
            };
            if known.is_some_and(|known| known.is_terminated) && *status != WorkflowExecutionStatus::Terminated {
                self.record.violate(format!("list: run {run} was terminated and is {status:?}"));
            }
        }
        listed
    }
}

/// The start of a workflow that workers do.
fn errand(workflow: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: workflow.to_owned(),
        workflow_type: Some(WorkflowType { name: "Errand".to_owned() }),
        task_queue: Some(TaskQueue { name: WORKED.to_owned(), ..Default::default() }),
        request_id: workflow.to_owned(),
        workflow_task_timeout: Some(seconds(2000)),
        ..Default::default()
    }
}

/// Plays one client from its beginning to its end.
pub(crate) async fn run(scene: Scene, number: u64, steps: u64) {
    for step in 0..steps {
        let is_over = step > STEPS_MIN && scene.is_calm();
        if is_over && scene.record.workflows() >= scene.workflows_min {
            return;
        }
        let name = format!("c{number}-{step}");
        match if is_over { 0 } else { scene.dice.below(26) } {
            0..=4 => scene.start(&name).await,
            5..=12 => scene.signal(&name).await,
            13..=16 => {
                let runs = scene.record.runs();
                if let Some(run) = scene.any(&runs) {
                    scene.read(run).await;
                }
            }
            17 | 18 => scene.terminate(&name).await,
            19..=24 => accounts::transfer(&scene, &name).await,
            _ => drop(scene.list().await),
        }
        scene.sleep_ms(scene.dice.below(400)).await;
    }
}

/// Whether the answer says what became of the call, however often it was asked before.
pub(crate) fn is_final(status: &Status) -> bool {
    match status.code() {
        // What connections that break are reported as.
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::ResourceExhausted => false,
        Code::Internal => !status.message().contains("h2"),
        _ => true,
    }
}

/// A call that the server gives up after so long.
pub(crate) fn within<T>(message: T, patience: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(patience);
    request
}

pub(crate) fn execution(workflow: &str, run: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow.to_owned(), run_id: run.to_owned() })
}

pub(crate) fn seconds(ms: u64) -> weft_protocol::Duration {
    weft_protocol::Duration { seconds: (ms / 1000).cast_signed(), nanos: 0 }
}
