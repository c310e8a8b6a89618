//! The server of the demo: this binary once more, as a process of its own, on a data directory that outlives it.
//!
//! Invariant: the process dies with the value: whatever way the demo ends, no server stays behind.

use std::{
    fs::File,
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

const READY_LIMIT: Duration = Duration::from_secs(30);
const SIGKILL: i32 = 9;

pub(super) struct Node {
    child: Child,
    pub(super) ready: Ready,
    /// Kept open, so that the server may always print.
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// What `wfctl dev --output json` prints once it takes calls.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) address: SocketAddr,
    pub(super) pid: u32,
}

impl Node {
    /// Starts `wfctl dev` and waits until it takes calls. Port 0 lets the system choose.
    pub(super) async fn start(scratch: &Path, port: u16) -> anyhow::Result<Self> {
        let binary = std::env::current_exe().context("cannot find this program's own file")?;
        let log = scratch.join("server.log");
        let stderr = File::options().create(true).append(true).open(&log).context("cannot write the server's log")?;
        let mut command = Command::new(binary);
        command.args(["dev", "--operations-port", "0", "--output", "json", "--log", "error"]);
        command.arg("--port").arg(port.to_string()).arg("--data").arg(scratch.join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        // In a group of its own, so that Ctrl-C reaches the demo alone and it decides what ends when.
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start the server")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut stdout = BufReader::new(stdout).lines();
        let Ok(line) = tokio::time::timeout(READY_LIMIT, stdout.next_line()).await else {
            bail!("the server was not ready within {} s{}", READY_LIMIT.as_secs(), complaint(log));
        };
        let Some(line) = line.context("cannot read what the server prints")? else {
            let status = child.wait().await.context("cannot wait for the server")?;
            bail!("the server did not start ({status}){}", complaint(log));
        };
        let ready = serde_json::from_str(&line).with_context(|| format!("the server says {line:?}"))?;
        Ok(Self { child, ready, _stdout: stdout })
    }

    /// `kill -9`: the process gets no chance to write or to say anything.
    pub(super) async fn kill_nine(&mut self) -> anyhow::Result<()> {
        self.child.start_kill().context("cannot kill the server")?;
        let status = self.child.wait().await.context("cannot wait for the server")?;
        ensure!(status.signal() == Some(SIGKILL), "the server was to be killed and ended otherwise: {status}");
        Ok(())
    }

    /// Waits until the server ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow::anyhow!("the server ended in the middle: {status}"),
            Err(error) => anyhow::anyhow!("the server cannot be watched: {error}"),
        }
    }
}

/// What the server wrote to its log last.
fn complaint(log: PathBuf) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().next_back().map(|line| format!(": {line}")).unwrap_or_default()
}
