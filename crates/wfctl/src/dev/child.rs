//! A node of `wfctl dev --nodes`: this binary once more, as a process of its own with a folder of its own.
//!
//! Invariant: a child never outlives this process: it is ended with the value, and ends by itself when it has no parent
//! any more. What it says goes to a file in its folder.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};
use weft_env::{Clock, RealClock};
use weft_server::config;

use crate::exit::Failure;

/// Between looks at whether a node is ready.
const LOOK: Duration = Duration::from_millis(20);
/// A node that stops in order has so much time for it.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A node's place on the disk.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.0.join("weft.toml")
    }

    fn ready(&self) -> PathBuf {
        self.0.join("ready.json")
    }
}

/// What a server writes once it takes calls.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) address: String,
    pub(super) metrics: Option<String>,
    pub(super) pid: u32,
}

pub(super) struct Node {
    pub(super) number: u32,
    pub(super) folder: Folder,
    /// Where the other nodes reach it, if there are others.
    pub(super) internal: Option<String>,
    child: Child,
}

impl Node {
    /// Starts it; it takes calls later.
    pub(super) fn start(number: u32, folder: Folder, mut file: config::File) -> anyhow::Result<Self> {
        let shown = folder.0.display().to_string();
        fs::create_dir_all(&folder.0).with_context(|| format!("cannot make the folder {shown}"))?;
        // What an earlier start wrote.
        if let Err(error) = fs::remove_file(folder.ready())
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| format!("cannot write to the folder {shown}"));
        }
        file.server.data_dir = Some(folder.data());
        file.server.ready_file = Some(folder.ready());
        let text = toml::to_string(&file).context("the configuration cannot be written")?;
        fs::write(folder.config(), text).with_context(|| format!("cannot write to the folder {shown}"))?;
        let log = File::options().create(true).append(true).open(folder.log());
        let log = log.with_context(|| format!("cannot write to the folder {shown}"))?;
        let child = command(&folder.config(), log)?.spawn().context("cannot start a server")?;
        let internal = file.cluster.members.get(&number.to_string()).cloned();
        Ok(Self { number, folder, internal, child })
    }

    /// Waits until it takes calls.
    pub(super) async fn ready(&mut self) -> anyhow::Result<Ready> {
        let clock = RealClock::new();
        loop {
            match fs::read(self.folder.ready()) {
                Ok(text) => {
                    let path = self.folder.ready();
                    return serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).context("cannot see whether a server is ready"),
            }
            tokio::select! {
                ended = self.child.wait() => return Err(self.did_not_start(ended.context("cannot watch a server")?)),
                () = clock.sleep_until(clock.monotonic() + LOOK) => {}
            }
        }
    }

    fn did_not_start(&self, status: ExitStatus) -> anyhow::Error {
        let (number, log) = (self.number, self.folder.log());
        let said = fs::read_to_string(&log).unwrap_or_default();
        let last = said.lines().next_back().unwrap_or("it said nothing").to_owned();
        Failure::refused(format!("node {number} did not start ({status}): {last}; see {}", log.display())).into()
    }

    /// Waits until it has ended, and says how.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("node {} ended: {status}", self.number),
            Err(error) => format!("node {} cannot be watched: {error}", self.number),
        }
    }

    /// Asks it to stop.
    pub(super) fn terminate(&self) -> anyhow::Result<()> {
        // One that has ended already has no id any more.
        let Some(id) = self.child.id() else { return Ok(()) };
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or_else(|| anyhow!("{id} is no process"))?;
        kill_process(pid, Signal::TERM).with_context(|| format!("cannot stop node {}", self.number))
    }

    /// Waits until it has stopped, and kills it if it does not.
    pub(super) async fn stopped(mut self) -> anyhow::Result<()> {
        let clock = RealClock::new();
        tokio::select! {
            ended = self.child.wait() => {
                ended.context("cannot watch a server")?;
                return Ok(());
            }
            () = clock.sleep_until(clock.monotonic() + STOP_LIMIT) => {}
        }
        self.child.kill().await.context("cannot end a server")?;
        Err(Failure::refused(format!("node {} did not stop and was killed", self.number)).into())
    }
}

fn command(config: &Path, log: File) -> anyhow::Result<Command> {
    let binary = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(binary);
    let own = std::process::id().to_string();
    command.args(["server", "run", "--with-parent", &own, "--config"]).arg(config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    // They would go over the file, and be the same for all nodes.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEFT_")) {
        command.env_remove(name);
    }
    // In a group of its own, so that Ctrl-C reaches this process alone and it decides what ends when.
    command.process_group(0).kill_on_drop(true);
    Ok(command)
}
