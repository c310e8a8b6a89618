//! What each verb runs, step by step.

use std::{
    env,
    ffi::OsString,
    iter,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{fuzz, tools::CARGO_DENY, upgrade};

const RUSTFMT: &[&str] = &["cargo", "fmt", "--version"];
const CLIPPY: &[&str] = &["cargo", "clippy", "--version"];
const PYTHON_AND_GO: &[&str] = &[
    "python3",
    "-c",
    "import shutil, sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11) or not shutil.which('go'))",
];
const PYTHON_AND_GO_HOW: &str = "needs python3, 3.11 or newer, with venv, and Go: install them";
const COMPONENTS: &str = "needs rustfmt and clippy: `rustup component add rustfmt clippy`";

/// How much `cargo xtask test` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// What CI runs: the tiers `fast` and `full` of docs/testing.md.
    Full,
    Long,
}

impl Tier {
    /// From the arguments of `test`; `None` if they say something else.
    pub(crate) fn of(args: &[String]) -> Option<Self> {
        match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] | ["--tier", "full"] => Some(Self::Full),
            ["--tier", "long"] => Some(Self::Long),
            [..] => None,
        }
    }
}

/// One command of a verb.
pub(crate) struct Step {
    pub(crate) name: String,
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(&'static str, String)>,
    need: Option<Need>,
    /// Nothing is to be done where this file is.
    unless: Option<PathBuf>,
}

/// What must be on the machine for a step.
struct Need {
    /// Succeeds where it is.
    check: &'static [&'static str],
    /// How to get it.
    how: &'static str,
}

pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

impl Step {
    pub(crate) fn cargo(name: &str, args: &[&str]) -> Self {
        let program = crate::cargo().get_program().to_owned();
        Self::program(name, &program.to_string_lossy(), args.iter().map(OsString::from).collect())
    }

    pub(crate) fn program(name: &str, program: &str, args: Vec<OsString>) -> Self {
        Self { name: name.to_owned(), program: program.into(), args, env: Vec::new(), need: None, unless: None }
    }

    /// Not where this file is.
    pub(crate) fn unless(mut self, file: PathBuf) -> Self {
        self.unless = Some(file);
        self
    }

    pub(crate) fn arg(mut self, arg: &Path) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(OsString::from));
        self
    }

    pub(crate) fn env(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.env.push((key, value.into()));
        self
    }

    fn needs(mut self, check: &'static [&'static str], how: &'static str) -> Self {
        self.need = Some(Need { check, how });
        self
    }

    pub(crate) fn line(&self) -> String {
        let words = iter::once(&self.program).chain(&self.args);
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn run(&self, root: &Path) -> Outcome {
        if self.unless.as_ref().is_some_and(|file| file.exists()) {
            return Outcome::Passed;
        }
        if let Some(need) = &self.need
            && !need.is_met()
        {
            return Outcome::Skipped(need.how.to_owned());
        }
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(root).envs(self.env.iter().map(|(key, value)| (key, value)));
        match command.status() {
            Ok(status) if status.success() => Outcome::Passed,
            Ok(_) => Outcome::Failed,
            Err(error) => {
                eprintln!("xtask: {}: {error}", self.line());
                Outcome::Failed
            }
        }
    }
}

impl Need {
    fn is_met(&self) -> bool {
        let Some((program, args)) = self.check.split_first() else { return true };
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    }
}

const GO: &[&str] = &["go", "version"];

const GO_SUITE: &str = "tests/conformance/go";
const RUST_SUITE: &str = "tests/conformance/rust/Cargo.toml";

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    // Steps run at the root, wherever this was called.
    std::path::absolute(&named).unwrap_or(named)
}

pub(crate) fn lint() -> Vec<Step> {
    vec![
        Step::cargo("format", &["fmt", "--all", "--check"]).needs(RUSTFMT, COMPONENTS),
        Step::cargo("format of the fuzz targets", &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]),
        Step::cargo("format of the Rust SDK's suite", &["fmt", "--manifest-path", RUST_SUITE, "--check"]),
        // `gofmt -l` names what is not formatted and calls that a success.
        Step::program(
            "format of the Go SDK's suite",
            "sh",
            ["-c", "cd \"$0\" && test -z \"$(gofmt -l . | tee /dev/stderr)\"", GO_SUITE].map(Into::into).to_vec(),
        )
        .needs(GO, "needs Go: install it, 1.26 or newer"),
        Step::cargo(
            "lints",
            &["clippy", "--workspace", "--all-targets", "--features", TESTING, "--", "-D", "warnings"],
        )
        .needs(CLIPPY, COMPONENTS),
        Step::cargo(
            "lints of the sled backend",
            &["clippy", "-p", "weft-store", "-p", "weft-server", "--features", "sled", "--", "-D", "warnings"],
        ),
        // As users take it: in the workspace, features of its tests are on.
        Step::cargo("lints of the SDK as it is", &["clippy", "-p", "weft", "--lib", "--", "-D", "warnings"]),
        Step::cargo(
            "lints of the SDK with telemetry",
            &["clippy", "-p", "weft", "--lib", "--features", "otel", "--", "-D", "warnings"],
        ),
    ]
}

pub(crate) fn format() -> Vec<Step> {
    vec![
        Step::cargo("format", &["fmt", "--all"]),
        Step::cargo("format of the fuzz targets", &["fmt", "--manifest-path", "fuzz/Cargo.toml"]),
        Step::cargo("format of the Rust SDK's suite", &["fmt", "--manifest-path", RUST_SUITE]),
        Step::program("format of the Go SDK's suite", "gofmt", ["-w", GO_SUITE].map(Into::into).to_vec())
            .needs(GO, "needs Go: install it, 1.26 or newer"),
    ]
}

/// The SDK's tests want a server in their process; without this they would be left out in silence.
const TESTING: &str = "weft/testing";

/// A simulated cluster is played four times as fast where our crates are optimised, as `profile.dev` has the libraries of
/// others; their checks stay in. Whatever plays fewer of them is sooner built than that is made good.
const OPTIMISED: [&str; 2] = ["--config", "profile.dev.opt-level=1"];

/// Tests of the simulation.
fn simulated(name: &str, args: &[&str]) -> Step {
    Step::cargo(name, &["test"]).args(OPTIMISED).args(["-p", "weft-sim"]).args(args.iter().copied())
}

pub(crate) fn unit() -> Vec<Step> {
    let others = ["test", "--workspace", "--exclude", "weft-sim", "--features", TESTING];
    vec![
        Step::cargo("unit, property and end-to-end tests", &others),
        simulated("simulation", &[]).env("WEFT_SIM_CLUSTER_LARGE_SEEDS", "100"),
    ]
}

fn sled() -> Step {
    Step::cargo(
        "conformance of the sled backend",
        &["test", "-p", "weft-store", "--features", "sled", "--lib", "state"],
    )
}

pub(crate) fn sim(seeds: &str) -> Step {
    // A cluster takes far longer than a node; whoever gave no number is told so by the tests.
    let of_cluster = seeds.parse::<u64>().map_or_else(|_| seeds.to_owned(), |seeds| (seeds / 10).max(1).to_string());
    simulated("simulated nodes and clusters", &["--", "--nocapture"])
        .env("WEFT_SIM_SEEDS", seeds)
        .env("WEFT_SIM_CLUSTER_SEEDS", of_cluster)
        .env("WEFT_SIM_CLUSTER_LARGE_SEEDS", "0")
}

/// The simulated node alone, over so many seeds.
fn nodes(seeds: &str) -> Step {
    simulated("simulated nodes", &["--test", "crashes", "--", "--nocapture"]).env("WEFT_SIM_SEEDS", seeds)
}

/// The simulated cluster over so many seeds.
pub(crate) fn seeds(seeds: &str, processes: &str) -> Step {
    let test = "a_cluster_that_crashes_keeps_what_it_acknowledged";
    let record = target_dir().join("sim-seeds.txt").to_string_lossy().into_owned();
    simulated("simulated clusters", &["--test", "cluster", "--", "--exact", test, "--nocapture"])
        .env("WEFT_SIM_CLUSTER_SEEDS", seeds)
        .env("WEFT_SIM_CLUSTER_PROCESSES", processes)
        .env("WEFT_SIM_CLUSTER_RECORD", record)
}

/// The engine's laws over so many random sequences of requests, and so many random lives that are forked, which no
/// sequence does.
pub(crate) fn laws(cases: &str) -> Step {
    let forks = "forks::any_life_can_be_forked_anywhere";
    let laws = ["test", "-p", "weft-engine", "--test", "engine", "--", "--nocapture", "laws::", forks];
    Step::cargo("the laws of the engine", &laws).env("PROPTEST_CASES", cases)
}

/// Workflows of the software-engineering worker, whose processes are killed in each phase.
fn phases() -> Step {
    let test = ["test", "-p", "wfctl", "--test", "crash"];
    Step::cargo("kills in each phase of the worker's workflows", &test).env("CRASH_PHASES", "all")
}

/// What is told in `docs/results` of the software-engineering worker.
pub(crate) fn figures() -> Vec<Step> {
    let of_workflows = ["test", "-p", "weft-worker", "--test", "workflows", "--"];
    let alone = ["figures::", "--nocapture", "--test-threads", "1"];
    let of_processes = ["test", "-p", "wfctl", "--test", "crash", "--", "--nocapture", "--test-threads", "1"];
    vec![
        Step::cargo(
            "what a durable step costs, and what doing things at once saves",
            &[&of_workflows[..], &alone].concat(),
        )
        .env("FIGURE_SECONDS", "2"),
        Step::cargo(
            "a durable step, and twenty runs at once on one worker",
            &[&of_processes[..], &["many::", "overhead::"]].concat(),
        )
        .env("OVERHEAD_RUNS", "5")
        .env("WORKER_RUNS", "20"),
        repair("50"),
    ]
}

/// Random workflows on workers that crash and forget, over so many seeds.
fn closed_loop(seeds: &str) -> Step {
    let test = ["test", "-p", "weft-engine", "--test", "closed_loop", "--", "--nocapture"];
    Step::cargo("the engine and replay face to face", &test).env("CLOSED_LOOP_SEEDS", seeds)
}

/// The builtin provider's repair over so many seeded mutants of each of two small projects.
pub(crate) fn repair(mutants: &str) -> Step {
    let test = ["test", "-p", "weft-worker", "--test", "repair", "--", "--nocapture"];
    Step::cargo("repair of seeded mutants", &test).env("REPAIR_MUTANTS", mutants)
}

/// The decoders over mutations, so many times as many as in every test run.
fn mutations(times: &str) -> Step {
    Step::cargo("mutations of what decoders read", &["test", "-p", "weft-fuzz", "--", "--nocapture"])
        .env("WEFT_FUZZ_TRIES", times)
}

/// The foreign SDKs against the binaries that people get. With `write` the table of outcomes is made anew.
///
/// The Rust SDK has a workspace and a target directory of its own: its features must not leak into ours.
pub(crate) fn conformance(write: bool) -> Vec<Step> {
    let own_target = target_dir().join("conformance-rust").to_string_lossy().into_owned();
    vec![
        binaries(),
        python_script("conformance: all SDKs", "tests/conformance/all.py")
            .args(write.then_some("--write"))
            .env("CARGO_TARGET_DIR", own_target),
        python_script("conformance: Temporal's CLI", "tests/conformance/run.py")
            .args(["--build-cli", "test_cli.py"])
            .needs(PYTHON_AND_GO, PYTHON_AND_GO_HOW),
    ]
}

/// The suites against Temporal's own server: a scenario that does not pass there asks for what is not Temporal's.
pub(crate) fn oracle(rest: &[String]) -> Vec<Step> {
    let own_target = target_dir().join("conformance-rust").to_string_lossy().into_owned();
    let suites = python_script("conformance of Temporal's own server", "tests/conformance/all.py")
        .args(iter::once("--oracle").chain(rest.iter().map(String::as_str)))
        .env("CARGO_TARGET_DIR", own_target)
        .needs(PYTHON_AND_GO, PYTHON_AND_GO_HOW);
    vec![binaries(), suites]
}

/// The scenarios against Temporal's own server too, and the histories of both compared.
pub(crate) fn side_by_side(rest: &[String]) -> Vec<Step> {
    let compare = python_script("side by side with Temporal", "tests/conformance/side_by_side.py")
        .args(rest.iter().map(String::as_str))
        .needs(PYTHON_AND_GO, PYTHON_AND_GO_HOW);
    vec![binaries(), compare]
}

pub(crate) fn binaries() -> Step {
    let binaries = ["weft-server", "wfctl", "weft-conformance"];
    let build: Vec<&str> =
        iter::once("build").chain(binaries.iter().flat_map(|name| ["-p", name, "--bin", name])).collect();
    Step::cargo("the binaries for conformance", &build)
}

/// Kills the server under load far more often than `conformance` does.
fn crash_load(kills: &str) -> Step {
    python_script("kill after kill under load", "tests/conformance/run.py")
        .args(["-k", "crash_load"])
        .env("WEFT_CRASH_KILLS", kills)
}

/// One of the scripts that take the binaries that were built.
fn python_script(name: &str, script: &str) -> Step {
    let (server, wfctl) = (target_dir().join("debug/weft-server"), target_dir().join("debug/wfctl"));
    let args = vec![script.into(), "--server-bin".into(), server.into(), "--wfctl-bin".into(), wfctl.into()];
    let check = &["python3", "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"];
    Step::program(name, "python3", args).needs(check, "needs python3, 3.11 or newer, with venv: install it")
}

/// The files for deployment against the schemas of Kubernetes and the server's configuration.
pub(crate) fn deploy() -> Vec<Step> {
    vec![binaries(), python_script("files for deployment", "deploy/check.py")]
}

/// cargo-deny without its advisories, whose database is elsewhere.
pub(crate) fn deny() -> Vec<Step> {
    let args = ["check", "bans", "licenses", "sources"];
    vec![CARGO_DENY.install(), CARGO_DENY.run("licences, bans and sources", &args)]
}

pub(crate) fn bench(rest: &[String]) -> Vec<Step> {
    let mut args = vec!["run", "--release", "-p", "weft-bench", "--"];
    args.extend(rest.iter().map(String::as_str));
    vec![
        Step::cargo("a release build", &["build", "--release", "-p", "weft-server", "--bin", "weft-server"]),
        Step::cargo("benchmark", &args),
    ]
}

/// Three or more real processes, broken for as long as the arguments say.
pub(crate) fn chaos(rest: &[&str]) -> Vec<Step> {
    let server = target_dir().join("debug/weft-server").to_string_lossy().into_owned();
    let mut args = vec!["run", "-p", "weft-chaos", "--", "--server", &server];
    args.extend(rest);
    vec![binaries(), Step::cargo("chaos", &args)]
}

/// Everything of the tier, in the order in which a mistake is found soonest.
pub(crate) fn test(tier: Tier) -> Vec<Step> {
    let mut steps = lint();
    steps.extend(deny());
    steps.extend(unit());
    steps.push(sled());
    steps.extend(deploy());
    steps.extend(conformance(false));
    match tier {
        Tier::Full => steps.extend(chaos(&["--seconds", "120"])),
        Tier::Long => {
            steps.extend(chaos(&["--seconds", "3600", "--nodes", "5"]));
            steps.extend(upgrade::steps());
            steps.push(laws("100000"));
            steps.push(closed_loop("3000"));
            // The Python suite is a part of what is compared.
            steps.extend(oracle(&["rust", "go", "typescript", "java"].map(|sdk| format!("--only={sdk}"))));
            steps.extend(side_by_side(&[]));
            steps.push(nodes("20000"));
            steps.push(seeds("10000", "2"));
            steps.push(crash_load("300"));
            steps.push(mutations("50"));
            steps.push(repair("50"));
            steps.push(phases());
            steps.extend(fuzz::all(300));
        }
    }
    steps
}
