//! The worker's side of a command: starts the supervisor, reads what the command prints, and says when it must end.

use std::{
    os::fd::OwnedFd,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::Child,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use weft_env::{Clock, RealClock};

use super::{
    Captured, Chunk, Command, End, Error, Limits, Report, Stop, Stream,
    message::{Bounds, Ended, Halt, Kind, Note, Order},
    supervisor::ARGUMENT,
};
use crate::sandbox::Sandbox;

/// A supervisor that is not there by then is not there at all.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Beyond the grace, before a supervisor that does not answer is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 16 << 10;

/// Starts commands. Its program must call [`super::supervise_if_asked`] first in `main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supervisor {
    program: PathBuf,
}

/// What happens beside a command.
#[derive(Clone, Debug)]
pub struct Watch<'a> {
    pub cancel: &'a CancellationToken,
    /// Gets all output as it comes. A slow receiver slows the command; one that has gone is left alone.
    pub output: Option<mpsc::Sender<Chunk>>,
}

impl<'a> Watch<'a> {
    #[must_use]
    pub fn new(cancel: &'a CancellationToken) -> Self {
        Self { cancel, output: None }
    }
}

impl Supervisor {
    /// The program that is running, even if its file has been replaced meanwhile.
    #[must_use]
    pub fn this_program() -> Self {
        Self::at("/proc/self/exe")
    }

    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// Runs a command to its end. When this returns, or is dropped, nothing of the command goes on.
    pub async fn run(&self, command: &Command, sandbox: &Sandbox, watch: Watch<'_>) -> Result<Report, Error> {
        let (clock, limits) = (RealClock::new(), command.limits);
        let (mut child, mut line) = self.start().await?;
        let flood = Flood { left: Arc::new(AtomicU64::new(limits.output_bytes)), token: CancellationToken::new() };
        let reader = |stream| Reader {
            stream,
            kept_bytes: limits.kept_bytes,
            flood: flood.clone(),
            output: watch.output.clone(),
        };
        let stdout = AbortOnDropHandle::new(reader(Stream::Stdout).spawn(child.stdout.take()));
        let stderr = AbortOnDropHandle::new(reader(Stream::Stderr).spawn(child.stderr.take()));
        let start = clock.monotonic();
        line.say(&order(command, sandbox)).await?;
        let ended = line.until_ended(limits, watch.cancel, &flood.token).await;
        let wall = clock.monotonic().saturating_sub(start);
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Whoever is left may hold the pipes open, so their end is not waited for.
                let _ = child.start_kill();
                let _ = child.wait().await;
                return Err(error);
            }
        };
        child.wait().await.map_err(environment)?;
        let (stdout, stderr) = (stdout.await.map_err(environment)?, stderr.await.map_err(environment)?);
        report(ended, wall, stdout, stderr)
    }

    async fn start(&self) -> Result<(Child, Line), Error> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(environment)?;
        ours.set_nonblocking(true).map_err(environment)?;
        let child = tokio::process::Command::new(&self.program)
            .arg(ARGUMENT)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                Error::Environment(format!("the supervisor {} does not start: {e}", self.program.display()))
            })?;
        let (read, write) = UnixStream::from_std(ours).map_err(environment)?.into_split();
        let mut line = Line { read: BufReader::new(read).lines(), write };
        match timeout(READY_WITHIN, line.hear()).await {
            Ok(Ok(Note::Ready)) => Ok((child, line)),
            Ok(Ok(Note::Ended(_) | Note::Failed { .. }) | Err(_)) | Err(_) => Err(Error::Environment(format!(
                "{} is no supervisor: its main must begin with supervise_if_asked",
                self.program.display()
            ))),
        }
    }
}

fn environment(error: impl std::fmt::Display) -> Error {
    Error::Environment(error.to_string())
}

fn order(command: &Command, sandbox: &Sandbox) -> Order {
    let mut environment = sandbox.environment();
    environment.extend(command.environment.clone());
    let limits = command.limits;
    Order {
        program: command.program.clone(),
        args: command.args.clone(),
        directory: command.directory.clone(),
        environment,
        input: command.input.clone(),
        bounds: Bounds {
            cpu_ms: milliseconds(limits.cpu),
            memory_bytes: limits.memory_bytes,
            processes: limits.processes,
            file_bytes: limits.file_bytes,
            grace_ms: milliseconds(limits.grace),
        },
        confinement: sandbox.confinement().clone(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn report(ended: Ended, wall: Duration, stdout: Captured, stderr: Captured) -> Result<Report, Error> {
    let end = match ended {
        Ended { stopped: Some(stop), .. } => End::Stopped(stop),
        Ended { exited: Some(status), .. } => End::Exited(status),
        Ended { signalled: Some(signal), .. } => End::Signalled(signal),
        Ended { .. } => return Err(environment("the supervisor does not know how the command ended")),
    };
    Ok(Report {
        end,
        stdout,
        stderr,
        wall,
        cpu: Duration::from_millis(ended.cpu_ms),
        memory_peak_bytes: ended.memory_peak_bytes,
        leftovers: ended.leftovers,
    })
}

/// The line to the supervisor.
struct Line {
    read: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Line {
    async fn say(&mut self, message: &impl serde::Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(message).map_err(|e| Error::Refused(format!("not UTF-8: {e}")))?;
        line.push(b'\n');
        self.write.write_all(&line).await.map_err(environment)
    }

    async fn hear(&mut self) -> Result<Note, Error> {
        let line = self.read.next_line().await.map_err(environment)?;
        let line = line.ok_or_else(|| environment("the supervisor has gone"))?;
        serde_json::from_str(&line).map_err(environment)
    }

    async fn until_ended(
        &mut self,
        limits: Limits,
        cancel: &CancellationToken,
        flooded: &CancellationToken,
    ) -> Result<Ended, Error> {
        let stop = tokio::select! {
            note = self.hear() => return ended(note?),
            () = cancel.cancelled() => Stop::Cancelled,
            () = flooded.cancelled() => Stop::Output,
            () = sleep(limits.wall) => Stop::Wall,
        };
        // If it has just ended, nobody listens, and the answer is there.
        let _ = self.say(&Halt { stop }).await;
        match timeout(limits.grace.saturating_add(ANSWER_WITHIN), self.hear()).await {
            Ok(note) => ended(note?),
            Err(_) => Err(environment("the supervisor does not answer")),
        }
    }
}

fn ended(note: Note) -> Result<Ended, Error> {
    match note {
        Note::Ended(ended) => Ok(ended),
        Note::Failed { kind: Kind::NotFound, message } => Err(Error::NotFound { program: message }),
        Note::Failed { kind: Kind::Refused, message } => Err(Error::Refused(message)),
        Note::Failed { kind: Kind::Environment, message } => Err(Error::Environment(message)),
        Note::Ready => Err(environment("the supervisor began twice")),
    }
}

/// Both streams draw on one allowance.
#[derive(Clone)]
struct Flood {
    left: Arc<AtomicU64>,
    token: CancellationToken,
}

impl Flood {
    /// Whether these bytes are still within it.
    fn admits(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if taken.is_err() {
            self.token.cancel();
        }
        taken.is_ok()
    }
}

struct Reader {
    stream: Stream,
    kept_bytes: usize,
    flood: Flood,
    output: Option<mpsc::Sender<Chunk>>,
}

impl Reader {
    fn spawn<R: AsyncRead + Send + Unpin + 'static>(self, from: Option<R>) -> JoinHandle<Captured> {
        tokio::spawn(async move {
            match from {
                Some(from) => self.read(from).await,
                None => Captured::default(),
            }
        })
    }

    /// To the end, also past the limit: whoever prints must not hang on a full pipe while it is asked to end.
    async fn read(self, mut from: impl AsyncRead + Unpin) -> Captured {
        let mut captured = Captured::new(self.kept_bytes);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return captured,
                Ok(count) => count,
            };
            captured.push(&buffer[..count]);
            let admitted = self.flood.admits(count);
            if let Some(output) = self.output.as_ref().filter(|_| admitted) {
                let chunk = Chunk { stream: self.stream, bytes: Bytes::copy_from_slice(&buffer[..count]) };
                let _ = output.send(chunk).await;
            }
        }
    }
}
