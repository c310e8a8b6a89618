//! The server under test: one that already runs, a Weft binary, or Temporal's dev server as an oracle.
//!
//! A server that this module starts listens on loopback only, keeps its port when it is started again, and dies by
//! SIGKILL. It writes into a temporary directory that goes away with it.

use std::{
    fs::{self, File, OpenOptions},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::worker::probe;

const READY: Duration = Duration::from_secs(60);

/// How servers come to be in this run.
pub(crate) struct Launch {
    pub(crate) which: Which,
    pub(crate) wfctl: Option<PathBuf>,
    pub(crate) server_args: Vec<String>,
}

pub(crate) enum Which {
    Running(String),
    Weft(PathBuf),
    Oracle(PathBuf),
}

impl Launch {
    /// A server that is not started yet. One that is not to be killed may keep its data in memory.
    pub(crate) fn server(&self, to_be_killed: bool) -> Result<Server> {
        let directory = tempfile::Builder::new().prefix("weft-conformance-").tempdir()?;
        let extra = self.server_args.clone();
        let (kind, port) = match &self.which {
            Which::Running(_) => bail!("this scenario kills its server: use --server-bin or --oracle-bin"),
            Which::Weft(binary) => (Kind::Weft(binary.clone()), 0),
            Which::Oracle(binary) => {
                let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
                (Kind::Oracle { binary: binary.clone(), in_memory: !to_be_killed }, port)
            }
        };
        Ok(Server { kind, extra, directory, process: None, port, starts: 0 })
    }
}

enum Kind {
    Weft(PathBuf),
    Oracle { binary: PathBuf, in_memory: bool },
}

/// A server process of our own. `start` after `kill` is a restart on the same data and the same port.
pub(crate) struct Server {
    kind: Kind,
    extra: Vec<String>,
    directory: TempDir,
    process: Option<Child>,
    port: u16,
    starts: u32,
}

impl Server {
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn start(&mut self) -> Result<()> {
        self.starts += 1;
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = self.command();
        let process = command.args(&self.extra).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.process = Some(process.spawn().with_context(|| format!("cannot start {command:?}"))?);
        let deadline = Instant::now() + READY;
        while !self.is_ready().await {
            let ended = self.process.as_mut().map(Child::try_wait).transpose()?.flatten();
            if let Some(status) = ended {
                bail!("the server ended while starting ({status}):\n{}", self.log_tail());
            }
            if Instant::now() > deadline {
                bail!("no server after {READY:?}:\n{}", self.log_tail());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// SIGKILL, as a crash does: nothing is flushed, nobody is told.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let process = self.process.as_mut().context("the server was never started")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn ready_file(&self) -> PathBuf {
        self.directory.path().join(format!("ready-{}.json", self.starts))
    }

    fn command(&self) -> Command {
        let directory = self.directory.path();
        match &self.kind {
            Kind::Weft(binary) => {
                let mut command = Command::new(binary);
                command.arg("--data-dir").arg(directory.join("data"));
                command.arg("--listen").arg(self.address());
                command.arg("--ready-file").arg(self.ready_file());
                command.args(["--metrics-listen", "127.0.0.1:0"]);
                command
            }
            Kind::Oracle { binary, in_memory } => {
                let mut command = Command::new(binary);
                command.args(["server", "start-dev", "--headless", "--log-level", "error"]);
                command.arg("--port").arg(self.port.to_string());
                if !in_memory {
                    // A killed process loses nothing that it wrote to its file, so the file need not be synced.
                    command.arg("--db-filename").arg(directory.join("temporal.db"));
                    command.args(["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=OFF"]);
                }
                command
            }
        }
    }

    async fn is_ready(&mut self) -> bool {
        match self.kind {
            Kind::Weft(_) => match said_port(&self.ready_file()) {
                Some(port) => {
                    self.port = port;
                    true
                }
                None => false,
            },
            // The front end answers before history and matching do: one start proves them all.
            Kind::Oracle { .. } => {
                timeout(Duration::from_secs(4), probe(&self.address())).await.is_ok_and(|it| it.is_ok())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may be dead already; either way nothing of it is left.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The port that a ready file names, once it is written.
fn said_port(file: &PathBuf) -> Option<u16> {
    let said: serde_json::Value = serde_json::from_reader(File::open(file).ok()?).ok()?;
    said.get("address")?.as_str()?.rsplit_once(':')?.1.parse().ok()
}
