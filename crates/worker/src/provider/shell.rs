//! How providers run commands: a seam, so that the worker confines them and tests count them.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{io::AsyncReadExt, process::Command};
use tokio_util::sync::CancellationToken;

use crate::{
    process::{self, Chunk, End, Limits, Stop, Stream, Supervisor, Watch},
    sandbox::Sandbox,
    transcript::Scribe,
};

/// What is kept of each stream, in bytes: cargo says much when it builds.
const KEPT_BYTES: usize = 8 << 20;

/// A command that a provider wants to run.
#[derive(Clone, Debug)]
pub struct Call {
    /// A path, or a name that is looked up in `PATH`.
    pub program: String,
    pub args: Vec<String>,
    pub directory: PathBuf,
    /// Beside what whoever runs it lets through.
    pub environment: BTreeMap<String, String>,
    /// What it reads from its standard input.
    pub input: String,
    /// It is killed when this much time has passed.
    pub time: Duration,
    /// Hears its output as it comes.
    pub scribe: Scribe,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its status was 0.
    pub success: bool,
    /// It was killed because its time was up.
    pub timed_out: bool,
    pub stdout: String,
    pub stderr: String,
}

/// A command that could not be run: the environment is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{program} cannot be run: {reason}")]
pub struct CannotRun {
    pub program: String,
    pub reason: String,
}

/// Runs commands, one after the other or several at once. A future that is dropped ends its command.
pub trait Shell: Send + Sync {
    fn run(&self, call: Call) -> BoxFuture<'_, Result<Ended, CannotRun>>;
}

impl Call {
    pub fn new(command: &[String], directory: impl Into<PathBuf>, time: Duration) -> Self {
        let (program, args) = command.split_first().map(|(it, rest)| (it.clone(), rest.to_vec())).unwrap_or_default();
        let (environment, input) = (BTreeMap::new(), String::new());
        let scribe = Scribe::default();
        Self { program, args, directory: directory.into(), environment, input, time, scribe }
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }
}

impl Ended {
    /// Both streams.
    #[must_use]
    pub fn output(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// Runs commands confined, under the worker's supervisor.
#[derive(Clone, Debug)]
pub struct Confined {
    pub supervisor: Supervisor,
    pub sandbox: Sandbox,
    pub limits: Limits,
    /// Ends the command that runs, and all after it.
    pub cancel: CancellationToken,
}

impl Shell for Confined {
    fn run(&self, call: Call) -> BoxFuture<'_, Result<Ended, CannotRun>> {
        Box::pin(async move {
            let limits = Limits { wall: call.time, kept_bytes: KEPT_BYTES / 4, ..self.limits };
            let mut command = process::Command::new(&call.program, &call.directory)
                .args(call.args)
                .input(call.input.into_bytes())
                .limits(limits);
            command.environment = call.environment;
            let (output, heard) = call.scribe.listen().unzip();
            let watch = Watch { cancel: &self.cancel, output };
            let report = self.supervisor.run(&command, &self.sandbox, watch).await;
            if let Some(heard) = heard {
                // It ends with the command: nobody else has the other end.
                let _ = heard.await;
            }
            let report = report.map_err(|e| CannotRun { program: call.program, reason: e.to_string() })?;
            if report.end == End::Stopped(Stop::Cancelled) {
                return Err(CannotRun { program: command.program, reason: "nobody wants it any more".to_owned() });
            }
            Ok(Ended {
                success: report.end == End::Exited(0),
                timed_out: report.end == End::Stopped(Stop::Wall),
                stdout: report.stdout.text(),
                stderr: report.stderr.text(),
            })
        })
    }
}

/// Runs commands as they are, with the worker's own rights and environment. For trusted trees and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unconfined;

impl Shell for Unconfined {
    fn run(&self, call: Call) -> BoxFuture<'_, Result<Ended, CannotRun>> {
        Box::pin(async move {
            let (program, scribe) = (call.program.clone(), call.scribe.clone());
            let cannot = |e: std::io::Error| CannotRun { program: program.clone(), reason: e.to_string() };
            let ended = run(call).await.map_err(cannot)?;
            for (stream, text) in [(Stream::Stdout, &ended.stdout), (Stream::Stderr, &ended.stderr)] {
                scribe.output(Chunk { stream, bytes: text.clone().into() }).await;
            }
            Ok(ended)
        })
    }
}

async fn run(call: Call) -> std::io::Result<Ended> {
    let mut child = Command::new(&call.program)
        .args(&call.args)
        .current_dir(&call.directory)
        .envs(&call.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let _group = Group(child.id());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A command that does not read what it is given may still do its work.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stdin, call.input.as_bytes()).await;
        }
    };
    let ended = tokio::time::timeout(call.time, async {
        let (status, (), stdout, stderr) = tokio::join!(child.wait(), write, read(stdout), read(stderr));
        Ok::<_, std::io::Error>(Ended { success: status?.success(), timed_out: false, stdout, stderr })
    });
    match ended.await {
        Ok(ended) => ended,
        Err(_) => Ok(Ended { timed_out: true, ..Ended::default() }),
    }
}

/// The processes of a command: whoever is left when it is over is ended.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(leader) = leader {
            // An error says that nobody is left.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        let _ = (&mut stream).take(KEPT_BYTES as u64).read_to_end(&mut kept).await;
        // What is not kept is read all the same: a full pipe would stop the command.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    String::from_utf8_lossy(&kept).into_owned()
}
