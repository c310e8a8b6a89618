//! A server and a worker as processes of their own, which can be killed and started again.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use weft_client::{
    Client, Close, ConnectOptions, IntoArgs, NamesWorkflow, Run, WorkflowDefinition,
    api::history::{HistoryEvent, history_event::Attributes},
};

const QUEUE: &str = "crash";

/// Both processes are killed when so many activities of this type have been scheduled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub activity: &'static str,
    pub nth: usize,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Played {
    pub result: Value,
    /// How often each activity was scheduled, by its type and the step that it is for.
    pub scheduled: BTreeMap<String, usize>,
    /// The processes were killed.
    pub was_hit: bool,
}

pub(crate) struct Machine {
    folder: PathBuf,
    runtime: tokio::runtime::Runtime,
    address: String,
    server: Child,
    worker: Child,
}

impl Machine {
    /// What both write lies in the folder.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (server, address) = server(folder, "0")?;
        let worker = worker(folder, &address)?;
        Ok(Self { folder: folder.to_owned(), runtime, address, server, worker })
    }

    /// Runs a workflow to its end.
    pub(crate) fn play<N: NamesWorkflow>(
        &mut self,
        workflow: N,
        request: impl IntoArgs<<N::Workflow as WorkflowDefinition>::Args>,
        hit: Option<Hit>,
    ) -> anyhow::Result<Played> {
        let options = ConnectOptions { address: self.address.clone(), ..ConnectOptions::default() };
        let client = self.runtime.block_on(Client::connect(options))?;
        let started = client.start_workflow(workflow, request).id("run").task_queue(QUEUE);
        self.runtime.block_on(async { started.await })?;
        let run = Run::latest("run");
        let mut pages = client.history(&run, true);
        let (mut scheduled, mut of_type, mut was_hit) = (BTreeMap::new(), 0, false);
        while let Some(events) = self.runtime.block_on(pages.next())? {
            for event in events {
                let Some((activity, step)) = activity(event)? else { continue };
                *scheduled.entry(format!("{activity} {step}")).or_default() += 1;
                let Some(hit) = hit.filter(|hit| hit.activity == activity && !was_hit) else { continue };
                of_type += 1;
                if of_type == hit.nth {
                    self.kill_nine_and_restart()?;
                    was_hit = true;
                }
            }
        }
        let result = match self.runtime.block_on(client.result(&run))?.close {
            Close::Completed(payloads) => serde_json::from_slice(&payloads[0].data)?,
            other => bail!("it did not complete: {other:?}"),
        };
        Ok(Played { result, scheduled, was_hit })
    }

    /// The worker first, in the middle of what it does; then the server, which may not have heard of it.
    fn kill_nine_and_restart(&mut self) -> anyhow::Result<()> {
        for process in [&mut self.worker, &mut self.server] {
            process.kill()?;
            process.wait()?;
        }
        let port = self.address.rsplit(':').next().context("an address has a port")?.to_owned();
        self.server = server(&self.folder, &port)?.0;
        self.worker = worker(&self.folder, &self.address)?;
        Ok(())
    }

    /// Worktrees, their records and their temporary folders that are still there.
    pub(crate) fn left_behind(&self) -> anyhow::Result<usize> {
        let count = |part| anyhow::Ok(std::fs::read_dir(self.folder.join("worker").join(part))?.count());
        Ok(count("trees")? + count("records")? + count("tmp")?)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for process in [&mut self.worker, &mut self.server] {
            // Gone already is as good.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn server(folder: &Path, port: &str) -> anyhow::Result<(Child, String)> {
    let mut command = command(folder, "server.log")?;
    command.args(["dev", "--operations-port", "0", "--output", "json", "--port", port]);
    let mut child = command.arg("--data").arg(folder.join("data")).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("it has an output")?).read_line(&mut line)?;
    let ready: Value = serde_json::from_str(&line).with_context(|| format!("the server says {line:?}"))?;
    let address = ready["address"].as_str().context("it says where it listens")?.to_owned();
    Ok((child, address))
}

fn worker(folder: &Path, address: &str) -> anyhow::Result<Child> {
    let mut command = command(folder, "worker.log")?;
    command.args(["worker", "run", "--queue", QUEUE, "--address", address, "--folder"]).arg(folder.join("worker"));
    Ok(command.stdout(Stdio::null()).spawn()?)
}

fn command(folder: &Path, log: &str) -> anyhow::Result<Command> {
    let log = File::options().create(true).append(true).open(folder.join(log))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_wfctl"));
    command.stdin(Stdio::null()).stderr(log);
    Ok(command)
}

/// The type of an activity that was scheduled, and the step that it is for.
fn activity(event: HistoryEvent) -> anyhow::Result<Option<(String, String)>> {
    let Some(Attributes::ActivityTaskScheduledEventAttributes(it)) = event.attributes else { return Ok(None) };
    let name = it.activity_type.context("an activity has a type")?.name;
    let payloads = it.input.context("an activity has an input")?.payloads;
    ensure!(payloads.len() == 1, "{name} takes one thing");
    let input: Value = serde_json::from_slice(&payloads[0].data)?;
    let site = input.get("site").unwrap_or(&input);
    let step = site["step"].as_str().with_context(|| format!("{name} has no step: {input}"))?;
    Ok(Some((name, step.to_owned())))
}
