//! A server and a worker as processes of their own, which can be killed and started again.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;
use serde_json::Value;

pub(crate) const QUEUE: &str = "crash";

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Worker,
    Server,
    /// The worker first, in the middle of what it does; then the server, which may not have heard of it.
    Both,
}

pub(crate) struct Machine {
    folder: PathBuf,
    address: String,
    server: Child,
    worker: Child,
}

impl Machine {
    /// What both write lies in the folder; `agents.toml` there says who does what, if it is there.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let (server, address) = server(folder, "0")?;
        let worker = worker(folder, &address)?;
        Ok(Self { folder: folder.to_owned(), address, server, worker })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the worker that runs calls itself, up to the name of the host.
    pub(crate) fn worker_identity(&self) -> String {
        format!("{}@", self.worker.id())
    }

    pub(crate) fn kill_nine(&mut self, victim: Victim) -> anyhow::Result<()> {
        let victims = match victim {
            Victim::Worker => vec![&mut self.worker],
            Victim::Server => vec![&mut self.server],
            Victim::Both => vec![&mut self.worker, &mut self.server],
        };
        for process in victims {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// On the data that is there, at the address that the others know.
    pub(crate) fn start_server_again(&mut self) -> anyhow::Result<()> {
        let port = self.address.rsplit(':').next().context("an address has a port")?.to_owned();
        self.server = server(&self.folder, &port)?.0;
        Ok(())
    }

    pub(crate) fn start_worker_again(&mut self) -> anyhow::Result<()> {
        self.worker = worker(&self.folder, &self.address)?;
        Ok(())
    }

    /// The most memory that the worker has had resident.
    pub(crate) fn worker_peak_mebibytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.worker.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
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
    let agents = folder.join("agents.toml");
    if agents.exists() {
        command.arg("--agents").arg(agents);
    }
    Ok(command.stdout(Stdio::null()).spawn()?)
}

fn command(folder: &Path, log: &str) -> anyhow::Result<Command> {
    let log = File::options().create(true).append(true).open(folder.join(log))?;
    let binary = std::env::var_os("WFCTL_UNDER_TEST").unwrap_or_else(|| env!("CARGO_BIN_EXE_wfctl").into());
    let mut command = Command::new(binary);
    command.stdin(Stdio::null()).stderr(log);
    Ok(command)
}
