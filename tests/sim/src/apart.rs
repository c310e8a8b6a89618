//! Seeds of the cluster in processes of their own, in which nothing is left to chance.
//!
//! Invariant: what a process is told is all that a seed depends on. Libraries draw numbers from the operating system (for
//! the order of hash maps, and which branch of a `select!` is tried first), count over the whole process, and read its
//! clock; `shim/still.c`, which the loader puts before the C library, gives each process the same numbers and a clock
//! that stands still. It needs a C compiler and a dynamic linker as Linux has it.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use crate::{
    cluster::{ClusterCoverage, ClusterOutcome, SIZE, Size, simulate_cluster},
    plant::Plant,
};

/// What a process is to play.
const TOLD: &str = "WEFT_SIM_CLUSTER_APART";
/// The name by which the shim knows the thread that plays.
const THREAD: &str = "seed";
const SHIM: &str = include_str!("../shim/still.c");
/// The test that plays what its process is told to.
const PLAYER: &str = "a_cluster_that_crashes_keeps_what_it_acknowledged";

const TRACE: &str = "trace: ";
const CPU: &str = "cpu: ";
const DIGEST: &str = "digest: ";
const COVERAGE: &str = "coverage: ";
const VIOLATION: &str = "violation: ";

/// A seed that is not over by then hangs, however busy the machine is.
const LASTS_MAX: Duration = Duration::from_secs(900);
/// In KiB, of addresses: a seed that takes more holds on to something without end, and is not to take the machine with it.
const MEMORY_MAX: u64 = 8 << 20;

/// Plays a seed in a process of its own.
///
/// # Panics
/// If no such process can be started, or if it ends, or has to be ended, without saying what came of the seed: that says
/// something of the simulation, and nothing of what it simulates.
#[must_use]
pub fn simulate_apart(size: Size, seed: u64, plant: Plant, is_traced: bool) -> ClusterOutcome {
    let program = env::current_exe().expect("a process knows its program");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY_MAX} && exec \"$0\" \"$@\"")]).arg(program);
    command.args(["--exact", PLAYER, "--nocapture"]);
    command.env(TOLD, format!("{seed} {plant:?} {is_traced}")).env(SIZE, size.name()).env("LD_PRELOAD", shim());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a program that runs can be started again");
    let (said, complaints) = (all_of(child.stdout.take()), all_of(child.stderr.take()));
    let said = said.recv_timeout(LASTS_MAX);
    if said.is_err() {
        // It may just have ended.
        let _ = child.kill();
    }
    let status = child.wait().expect("a child can be waited for");
    let outcome = said.ok().and_then(|said| read(&said));
    outcome.unwrap_or_else(|| {
        let complaints = complaints.recv().unwrap_or_default();
        panic!("the process of seed {seed} ({plant:?}) said nothing of its end ({status}): {complaints}")
    })
}

/// Everything that comes until nothing more can, read beside whatever else is done.
fn all_of(from: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (read, all) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has said what it had to say; and nobody may want to hear it any more.
        let _ = from.map(|mut from| from.read_to_end(&mut bytes));
        let _ = read.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    all
}

/// Plays what this process was told to, if it was told anything, and says what came of it.
///
/// # Panics
/// If it was told nonsense.
#[must_use]
pub fn play_if_told() -> bool {
    let Ok(told) = env::var(TOLD) else { return false };
    let [seed, plant, is_traced] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{TOLD} is {told}") };
    let seed = seed.parse().unwrap_or_else(|_| panic!("{seed} is no seed"));
    let plant = Plant::named(plant).unwrap_or_else(|| panic!("{plant} is no planted bug"));
    let is_traced = is_traced == "true";
    let playing = thread::Builder::new().name(THREAD.to_owned());
    let playing = playing.spawn(move || simulate_cluster(Size::told(), seed, plant, is_traced));
    let outcome = playing.expect("a thread can be started").join().expect("panics are a part of the outcome");
    say(&ClusterOutcome { cpu_ms: cpu_ms(), ..outcome });
    true
}

/// The digest comes last: whoever reads it has read everything.
fn say(outcome: &ClusterOutcome) {
    let one_line = |text: &str| text.replace('\n', " / ");
    // Whatever stands in the line already that libtest has begun.
    let mut said = String::from("\n");
    let lines = outcome.trace.iter().map(|line| (TRACE, one_line(line)));
    let lines = lines.chain(outcome.violation.iter().map(|violation| (VIOLATION, one_line(violation))));
    let (coverage, cpu) = (outcome.coverage.to_string(), outcome.cpu_ms.to_string());
    let ends = [(COVERAGE, coverage), (CPU, cpu), (DIGEST, outcome.digest.to_string())];
    for (prefix, line) in lines.chain(ends) {
        said.extend([prefix, &line, "\n"]);
    }
    io::stdout().write_all(said.as_bytes()).expect("somebody listens");
}

/// What came of a seed; none if it is not said to its end.
fn read(said: &str) -> Option<ClusterOutcome> {
    let all = |prefix: &str| said.lines().filter_map(|line| line.strip_prefix(prefix)).collect::<Vec<_>>();
    let last = |prefix: &str| all(prefix).last().map(|line| (*line).to_owned());
    let digest = last(DIGEST)?.parse().ok()?;
    let coverage = ClusterCoverage::read(&last(COVERAGE)?)?;
    let cpu_ms = last(CPU)?.parse().ok()?;
    let trace = all(TRACE).into_iter().map(str::to_owned).collect();
    Some(ClusterOutcome { violation: last(VIOLATION), digest, coverage, trace, cpu_ms })
}

/// What this process has used of the machine's time, as Linux counts it: in hundredths of a second.
fn cpu_ms() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may have anything in it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks * 10
}

/// The compiled shim, beside the program.
fn shim() -> &'static PathBuf {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    COMPILED.get_or_init(|| compile().unwrap_or_else(|error| panic!("the shim of the simulation: {error}")))
}

fn compile() -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    SHIM.hash(&mut hasher);
    let program = env::current_exe()?;
    let library = program.with_file_name(format!("sim-still-{:016x}.so", hasher.finish()));
    if library.exists() {
        return Ok(library);
    }
    // Others may be compiling it: each makes its own and puts it there whole.
    let process = std::process::id();
    let (own, source) = (library.with_extension(process.to_string()), library.with_extension(format!("{process}.c")));
    fs::write(&source, SHIM)?;
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Werror", "-fPIC", "-shared", "-o"]).arg(&own).arg(&source);
    let said = cc.output()?;
    fs::remove_file(&source)?;
    if !said.status.success() {
        return Err(io::Error::other(format!("cc failed: {}", String::from_utf8_lossy(&said.stderr))));
    }
    fs::rename(&own, &library)?;
    Ok(library)
}
