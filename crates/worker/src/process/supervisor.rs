//! The supervisor of one command: a process of its own, with one thread that watches.
//!
//! Invariants: it is the parent of whatever loses its parent among the command's descendants, so none can get away;
//! it says that the command has ended when none of them is left; and it does not outlive the worker's end of the line.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    process::{Child, ExitCode, Stdio},
    thread,
};

use rustix::process::{Resource, Rlimit};

use super::{
    Stop,
    message::{Bounds, Halt, Kind, Note, Order},
    tree,
};
use crate::sandbox;

mod watch;

/// The argument by which a program knows that it is to be a supervisor.
pub(super) const ARGUMENT: &str = "--supervise-command";

/// Threads count as processes do for the kernel, and commands that run at the same time count too.
const NPROC_FACTOR: u64 = 16;
/// Of commands, below everything else.
const NICENESS: i32 = 10;

/// Every program that runs commands calls this first in `main`, and ends with the code if there is one.
#[must_use]
pub fn supervise_if_asked() -> Option<ExitCode> {
    (std::env::args_os().nth(1)? == ARGUMENT).then(supervise)
}

fn supervise() -> ExitCode {
    match Line::open().and_then(|mut line| serve(&mut line)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{ARGUMENT} is an argument that a worker gives to itself: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(line: &mut Line) -> io::Result<()> {
    line.say(&Note::Ready)?;
    let order = line.order()?;
    let note = match start(&order) {
        Ok(child) => Note::Ended(watch::to_the_end(line, child, order.bounds)?),
        Err(Failed { kind, message }) => Note::Failed { kind, message },
    };
    line.say(&note)
}

struct Failed {
    kind: Kind,
    message: String,
}

fn failed(kind: Kind) -> impl Fn(String) -> Failed {
    move |message| Failed { kind, message }
}

fn start(order: &Order) -> Result<Child, Failed> {
    if !order.directory.is_dir() {
        return Err(failed(Kind::Refused)(format!("{} is no folder to run a command in", order.directory.display())));
    }
    prepare(order.bounds).map_err(|e| failed(Kind::Environment)(e.to_string()))?;
    // A thread of its own, because it can never do anything else again.
    let started = thread::scope(|scope| scope.spawn(|| start_confined(order)).join());
    let mut child = started.unwrap_or_else(|_| Err(failed(Kind::Environment)("the supervisor panicked".to_owned())))?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = order.input.clone();
        // A command need not read its input: that it has gone is no error.
        thread::spawn(move || stdin.write_all(&input).is_ok());
    }
    Ok(child)
}

/// Makes this process the one that adopts, and sets what its children inherit.
fn prepare(bounds: Bounds) -> io::Result<()> {
    tree::check()?;
    // A terminal's signals are for the worker, which then tells us.
    rustix::process::setsid()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, bounds.file_bytes)?;
    // It counts what the user runs elsewhere too, so it is no limit for one command, but it is one for a fork bomb.
    // The kernel does not hold root to it.
    let elsewhere = fs::read_dir("/proc")?.count() as u64;
    lower(Resource::Nproc, elsewhere.saturating_add(u64::from(bounds.processes).saturating_mul(NPROC_FACTOR)))
}

fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let hard = rustix::process::getrlimit(resource).maximum.map_or(to, |hard| hard.min(to));
    Ok(rustix::process::setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) })?)
}

fn start_confined(order: &Order) -> Result<Child, Failed> {
    use std::os::unix::process::CommandExt;

    // Of this thread, and of all that comes from it: the worker, and whoever must end a fork bomb, come first.
    let _ = rustix::process::nice(NICENESS);
    sandbox::confine(&order.confinement).map_err(|e| failed(Kind::Refused)(e.to_string()))?;
    let spawned = std::process::Command::new(&order.program)
        .args(&order.args)
        .env_clear()
        .envs(&order.environment)
        .current_dir(&order.directory)
        .stdin(if order.input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .process_group(0)
        .spawn();
    spawned.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed(Kind::NotFound)(order.program.clone()),
        _ => failed(Kind::Environment)(format!("{}: {error}", order.program)),
    })
}

/// The line to the worker: our standard input, both ways.
struct Line {
    socket: UnixStream,
    read: Vec<u8>,
}

/// What came over the line.
enum Heard {
    Nothing,
    Stop(Stop),
    /// The worker is gone.
    Closed,
}

impl Line {
    fn open() -> io::Result<Self> {
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { socket, read: Vec::new() })
    }

    fn say(&mut self, note: &Note) -> io::Result<()> {
        let mut line = serde_json::to_vec(note)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }

    fn order(&mut self) -> io::Result<Order> {
        let mut line = Vec::new();
        let mut reader = BufReader::new(&self.socket);
        reader.read_until(b'\n', &mut line)?;
        self.read = reader.buffer().to_vec();
        Ok(serde_json::from_slice(&line)?)
    }

    /// Reads once: call it when there is something to read.
    fn hear(&mut self) -> Heard {
        let mut bytes = [0; 1024];
        match self.socket.read(&mut bytes) {
            Ok(0) => return Heard::Closed,
            Ok(count) => self.read.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Heard::Nothing,
            Err(_) => return Heard::Closed,
        }
        self.buffered()
    }

    fn buffered(&mut self) -> Heard {
        let Some(end) = self.read.iter().position(|byte| *byte == b'\n') else { return Heard::Nothing };
        let line: Vec<u8> = self.read.drain(..=end).collect();
        // Half a worker is worse than none.
        serde_json::from_slice::<Halt>(&line).map_or(Heard::Closed, |halt| Heard::Stop(halt.stop))
    }
}
