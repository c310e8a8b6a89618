//! What one scenario holds in its hands: a client, names of its own, workers, and its assertions.
//!
//! A scenario that asserted no history or no refusal has not done its work and fails.

use std::{
    fmt::Debug,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::sync::Mutex;
use weft::{
    Client, Failure, IntoArgs, Worker,
    client::{
        Code, Error, NamesWorkflow, Run, Signal, StartWorkflow, WorkflowDefinition, WorkflowError, WorkflowHandle,
        api::{common::WorkflowExecution, history::HistoryEvent, workflowservice::DescribeWorkflowExecutionResponse},
    },
};

use super::{
    history,
    recording::Recording,
    refusal::Refusal,
    replay,
    server::{Launch, Server},
    worker::{self, Common, Running, connect},
};
use crate::deeds::Signs;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Scenario<'a> {
    name: &'static str,
    nonce: String,
    launch: &'a Launch,
    recording: &'a Recording,
    server: Option<Mutex<Server>>,
    pub(crate) address: String,
    pub(crate) client: Client,
    histories: AtomicUsize,
    refusals: AtomicUsize,
}

impl<'a> Scenario<'a> {
    pub(crate) async fn open(
        name: &'static str,
        (launch, recording, _): (&'a Launch, &'a Recording, &'a Common),
        shared: &str,
        own_server: bool,
    ) -> Result<Self> {
        let mut address = shared.to_owned();
        let mut server = None;
        if own_server {
            let mut own = launch.server(true)?;
            own.start().await?;
            address = own.address();
            server = Some(Mutex::new(own));
        }
        let nonce = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        let client = connect(&address, "default").await?;
        let (histories, refusals) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Ok(Self { name, nonce, launch, recording, server, address, client, histories, refusals })
    }

    pub(crate) fn assert_complete(&self) -> Result<()> {
        self.recording.compare(self.name)?;
        ensure!(self.histories.load(Ordering::Relaxed) > 0, "this scenario asserts no history");
        ensure!(self.refusals.load(Ordering::Relaxed) > 0, "this scenario asserts no refusal");
        Ok(())
    }

    // Names

    /// A workflow id that no other scenario and no earlier run of this one has used.
    pub(crate) fn id(&self, suffix: &str) -> String {
        let dash = if suffix.is_empty() { "" } else { "-" };
        format!("{}-{}{dash}{suffix}", self.name, self.nonce)
    }

    pub(crate) fn queue(&self) -> String {
        format!("queue-{}", self.nonce)
    }

    pub(crate) fn wfctl(&self) -> Result<&Path> {
        self.launch.wfctl.as_deref().context("say with --wfctl-bin which wfctl")
    }

    // Servers and workers

    pub(crate) async fn kill_server(&self) -> Result<()> {
        self.server.as_ref().context("this scenario has no server of its own")?.lock().await.kill()
    }

    /// Starts the killed server again, and comes back when this scenario's own client has found it.
    pub(crate) async fn revive_server(&self) -> Result<()> {
        self.server.as_ref().context("this scenario has no server of its own")?.lock().await.start().await?;
        self.until("the client to find the server again", async || self.client.system_info().await.ok()).await?;
        Ok(())
    }

    /// kill -9 and a new start on the same data.
    pub(crate) async fn restart_server(&self) -> Result<()> {
        self.kill_server().await?;
        self.revive_server().await
    }

    /// A worker with a connection of its own.
    pub(crate) async fn worker(&self) -> Result<Running> {
        self.worker_with(|worker| worker).await
    }

    pub(crate) async fn worker_with(&self, change: impl FnOnce(Worker) -> Worker) -> Result<Running> {
        self.worker_on(&connect(&self.address, "default").await?, change)
    }

    pub(crate) fn worker_on(&self, client: &Client, change: impl FnOnce(Worker) -> Worker) -> Result<Running> {
        let signs = Arc::new(Signs::default());
        Running::start(change(worker::worker(client, &self.queue(), &signs)), signs)
    }

    /// A worker process that will be killed, at the end of the scenario at the latest.
    pub(crate) fn doomed_worker(&self, hang: &str) -> Result<Doomed> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["work", &self.address, &self.queue(), hang]);
        Ok(Doomed(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }

    // Calls

    /// A workflow of the scenario's, on its queue, that starts when this is awaited.
    pub(crate) fn begin<N: NamesWorkflow>(
        &self,
        workflow: N,
        input: impl IntoArgs<<N::Workflow as WorkflowDefinition>::Args>,
        suffix: &str,
    ) -> StartWorkflow<N::Workflow> {
        self.client.start_workflow(workflow, input).id(self.id(suffix)).task_queue(self.queue())
    }

    pub(crate) fn start<N: NamesWorkflow>(
        &self,
        workflow: N,
        input: impl IntoArgs<<N::Workflow as WorkflowDefinition>::Args>,
    ) -> StartWorkflow<N::Workflow> {
        self.begin(workflow, input, "")
    }

    pub(crate) async fn signal(&self, id: &str, name: &str) -> Result<(), Error> {
        self.client.signal(&Run::latest(id), Signal { name: name.to_owned(), ..Signal::default() }).await
    }

    pub(crate) async fn describe(&self, id: &str) -> Result<DescribeWorkflowExecutionResponse> {
        Ok(self.client.describe(&Run::latest(id)).await?)
    }

    /// The whole history, page by page.
    pub(crate) async fn events(&self, id: &str, run_id: &str) -> Result<Vec<HistoryEvent>> {
        Ok(self.client.history(&run(id, run_id), false).all().await?)
    }

    // Waiting

    /// Polls until the condition gives something, and gives that back.
    pub(crate) async fn until<T>(&self, what: &str, condition: impl AsyncFn() -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = condition().await {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("still waiting after {PATIENCE:?} for {what}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until the history holds so many events of that type, and gives the last of these.
    pub(crate) async fn until_event(&self, id: &str, name: &str, count: usize) -> Result<HistoryEvent> {
        self.until(&format!("{name} number {count} of {id}"), async || {
            let events = self.events(id, "").await.ok()?;
            events.into_iter().filter(|event| history::type_name(event) == name).nth(count - 1)
        })
        .await
    }

    // Assertions

    /// The exact sequence of event types; the SDK's replayer must accept the history too.
    pub(crate) async fn assert_history<W: WorkflowDefinition>(
        &self,
        of: &WorkflowHandle<W>,
        expected: &str,
    ) -> Result<Vec<HistoryEvent>> {
        self.assert_run(of.id(), of.run_id().unwrap_or_default(), expected).await
    }

    pub(crate) async fn assert_run(&self, id: &str, run_id: &str, expected: &str) -> Result<Vec<HistoryEvent>> {
        let events = self.events(id, run_id).await?;
        history::assert_types(&events, expected);
        history::assert_sound(&events);
        replay::replay(events.clone())?;
        self.histories.fetch_add(1, Ordering::Relaxed);
        Ok(events)
    }

    /// The call fails with this code; text and details are those that Temporal's server gave.
    pub(crate) fn refused<T: Debug, E: Refusal>(&self, called: Result<T, E>, code: &str) -> Result<()> {
        let (number, facts) = self.refusal(called, code)?;
        self.same(&format!("refusal {number}"), facts);
        Ok(())
    }

    /// As `refused`, where Temporal's text speaks of its own insides and another one may say it better.
    pub(crate) fn refused_in_its_words<T: Debug, E: Refusal>(&self, called: Result<T, E>, code: &str) -> Result<()> {
        let (number, mut facts) = self.refusal(called, code)?;
        facts["message"] = Value::Null;
        self.same(&format!("refusal {number}"), facts);
        Ok(())
    }

    fn refusal<T: Debug, E: Refusal>(&self, called: Result<T, E>, code: &str) -> Result<(usize, Value)> {
        let error = match called {
            Ok(answer) => bail!("expected a refusal, but the call was answered: {answer:?}"),
            Err(error) => error,
        };
        let shown = format!("{error:?}");
        let refused = error.refused().with_context(|| format!("not a refusal of the server: {shown}"))?;
        ensure!(refused.code == code, "{} instead of {code}: {}", refused.code, refused.message);
        let mut facts = refused.facts();
        facts["message"] = self.scrub(&refused.message).into();
        Ok((self.refusals.fetch_add(1, Ordering::Relaxed) + 1, facts))
    }

    /// What most scenarios end with: nothing can be said to a workflow that has closed.
    pub(crate) async fn refuses_late_signal(&self, id: &str) -> Result<()> {
        self.refused(self.signal(id, "late").await, "NotFound")
    }

    /// The same as Temporal's server: equal to what was recorded from it under this label.
    pub(crate) fn same(&self, label: &str, fact: impl Into<Value>) {
        self.recording.note(self.name, label, fact.into());
    }

    /// A text without what differs from run to run.
    fn scrub(&self, text: &str) -> String {
        let text = text.replace(&self.nonce, "N");
        let words = text.split_inclusive(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
        let clean = words.map(|word| match word.get(..36) {
            Some(head) if uuid::Uuid::parse_str(head).is_ok() => format!("<uuid>{}", &word[36..]),
            _ => word.to_owned(),
        });
        clean.collect()
    }
}

/// A worker process; killed at the latest when it goes out of scope.
pub(crate) struct Doomed(Child);

impl Doomed {
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        // It may have been killed on purpose already.
        let _ = self.kill();
    }
}

pub(crate) fn execution(id: &str, run_id: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: id.to_owned(), run_id: run_id.to_owned() }
}

pub(crate) fn run(id: &str, run_id: &str) -> Run {
    Run { workflow_id: id.to_owned(), run_id: run_id.to_owned() }
}

/// The result; asks again where the SDK itself gives up because the server is away for too long.
pub(crate) async fn result_of<W: WorkflowDefinition>(handle: &WorkflowHandle<W>) -> Result<W::Output> {
    loop {
        match handle.result().await {
            Ok(result) => return Ok(result),
            Err(WorkflowError::Call(error)) => {
                let gone = matches!(error.code(), Some(Code::Unavailable | Code::Unknown | Code::Cancelled));
                ensure!(gone, "{error:?}");
            }
            Err(other) => return Err(other.into()),
        }
    }
}

/// The failure with which a workflow ended.
pub(crate) async fn failure_of<W>(handle: &WorkflowHandle<W>) -> Result<Failure>
where
    W: WorkflowDefinition,
    W::Output: Debug,
{
    match handle.result().await {
        Ok(result) => bail!("the workflow did not fail: {result:?}"),
        Err(WorkflowError::Failed(failure)) => Ok(failure),
        Err(other) => Err(other.into()),
    }
}
