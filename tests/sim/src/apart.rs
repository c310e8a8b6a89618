//! Seeds of the cluster in processes of their own, in which nothing is left to chance.
//!
//! Invariant: what a process is told is all that a seed depends on. Libraries draw numbers from the operating system (for
//! the order of hash maps, and which branch of a `select!` is tried first), count over the whole process, and read its
//! clock; `shim/still.c`, which the loader puts before the C library, gives each process the same numbers and a clock
//! that stands still. It needs a C compiler and a dynamic linker as Linux has it.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::PathBuf,
    process::{Command, Output},
    sync::OnceLock,
    thread,
};

use crate::{
    cluster::{ClusterCoverage, ClusterOutcome, simulate_cluster},
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
const DIGEST: &str = "digest: ";
const COVERAGE: &str = "coverage: ";
const VIOLATION: &str = "violation: ";

/// Plays a seed in a process of its own.
///
/// # Panics
/// If no such process can be started.
#[must_use]
pub fn simulate_apart(seed: u64, plant: Plant, is_traced: bool) -> ClusterOutcome {
    let program = env::current_exe().expect("a process knows its program");
    let mut command = Command::new(program);
    command.args(["--exact", PLAYER, "--nocapture"]);
    command.env(TOLD, format!("{seed} {plant:?} {is_traced}")).env("LD_PRELOAD", shim());
    let output = command.output().expect("a program that runs can be started again");
    read(&output)
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
    let playing = playing.spawn(move || simulate_cluster(seed, plant, is_traced));
    let outcome = playing.expect("a thread can be started").join().expect("panics are a part of the outcome");
    say(&outcome);
    true
}

fn say(outcome: &ClusterOutcome) {
    let one_line = |text: &str| text.replace('\n', " / ");
    for line in &outcome.trace {
        println!("{TRACE}{}", one_line(line));
    }
    println!("{DIGEST}{}", outcome.digest);
    println!("{COVERAGE}{}", outcome.coverage);
    if let Some(violation) = &outcome.violation {
        println!("{VIOLATION}{}", one_line(violation));
    }
}

fn read(output: &Output) -> ClusterOutcome {
    let text = String::from_utf8_lossy(&output.stdout);
    let all = |prefix: &str| text.lines().filter_map(|line| line.strip_prefix(prefix)).collect::<Vec<_>>();
    let last = |prefix: &str| all(prefix).last().map(|line| (*line).to_owned());
    let digest = last(DIGEST).and_then(|digest| digest.parse().ok());
    let coverage = last(COVERAGE).and_then(|coverage| ClusterCoverage::read(&coverage));
    let trace = all(TRACE).into_iter().map(str::to_owned).collect();
    let (Some(digest), Some(coverage)) = (digest, coverage) else {
        let errors = String::from_utf8_lossy(&output.stderr);
        let violation = Some(format!("its process ended with {}: {errors}", output.status));
        return ClusterOutcome { violation, digest: 0, coverage: ClusterCoverage::default(), trace };
    };
    ClusterOutcome { violation: last(VIOLATION), digest, coverage, trace }
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
    let own = library.with_extension(std::process::id().to_string());
    let source = own.with_extension("c");
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
