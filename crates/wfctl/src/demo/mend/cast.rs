//! The processes of the demo: a server and a worker, both this binary once more, which can be killed and started again.
//!
//! Invariant: both die with the value.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context;
use tokio::process::{Child, Command};
use weft_worker::sandbox::{Network, support};

use crate::demo::node::Node;

pub(super) const QUEUE: &str = "demo";

pub(in crate::demo) struct Cast {
    scratch: PathBuf,
    pub(super) server: Node,
    worker: Child,
}

impl Cast {
    /// With a bound for how long the worker searches for a repair.
    pub(super) async fn start(scratch: &Path, search: Option<Duration>) -> anyhow::Result<Self> {
        if let Some(search) = search {
            let says = format!("[builtin]\ntime_seconds = {}\n", search.as_secs());
            std::fs::write(agents(scratch), says).context("cannot write what the worker's agents are")?;
        }
        let server = Node::start(scratch, 0).await?;
        let worker = worker(scratch, &server)?;
        Ok(Self { scratch: scratch.to_owned(), server, worker })
    }

    /// `worker 17, server 18`
    pub(super) fn pids(&self) -> String {
        format!("worker {}, server {}", self.worker.id().unwrap_or_default(), self.server.ready.pid)
    }

    /// `kill -9` for both, the worker first, and both again on the same port and the same data.
    pub(super) async fn crash(&mut self) -> anyhow::Result<()> {
        self.worker.kill().await.context("the worker cannot be killed")?;
        let port = self.server.ready.address.port();
        self.server.kill_nine().await?;
        self.server = Node::start(&self.scratch, port).await?;
        self.worker = worker(&self.scratch, &self.server)?;
        Ok(())
    }

    /// Waits until one of them ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        tokio::select! {
            error = self.server.ended() => error,
            status = self.worker.wait() => match status {
                Ok(status) => anyhow::anyhow!("the worker ended in the middle: {status}{}", complaint(&self.scratch)),
                Err(error) => anyhow::anyhow!("the worker cannot be watched: {error}"),
            },
        }
    }

    pub(in crate::demo) async fn end(mut self) -> anyhow::Result<()> {
        self.worker.kill().await.context("the worker cannot be ended")?;
        self.server.kill_nine().await
    }
}

/// Whether this machine can confine what the worker runs.
pub(super) fn is_confined() -> bool {
    support(Network::Allowed).is_ok()
}

fn worker(scratch: &Path, server: &Node) -> anyhow::Result<Child> {
    let binary = std::env::current_exe().context("cannot find this program's own file")?;
    let log = File::options().create(true).append(true).open(log(scratch)).context("cannot write the worker's log")?;
    let mut command = Command::new(binary);
    command.args(["worker", "run", "--queue", QUEUE, "--address", &server.ready.address.to_string()]);
    command.arg("--folder").arg(scratch.join("worker"));
    if agents(scratch).exists() {
        command.arg("--agents").arg(agents(scratch));
    }
    if !is_confined() {
        command.arg("--no-sandbox");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    // In a group of its own, so that Ctrl-C reaches the demo alone and it decides what ends when.
    command.process_group(0).kill_on_drop(true);
    command.spawn().context("cannot start the worker")
}

fn agents(scratch: &Path) -> PathBuf {
    scratch.join("agents.toml")
}

fn log(scratch: &Path) -> PathBuf {
    scratch.join("worker.log")
}

/// What the worker wrote to its log last.
fn complaint(scratch: &Path) -> String {
    let text = std::fs::read_to_string(log(scratch)).unwrap_or_default();
    text.lines().next_back().map(|line| format!(": {line}")).unwrap_or_default()
}
