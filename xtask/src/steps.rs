//! What each verb runs, step by step.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// One command of a verb.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(&'static str, String)>,
    /// What must be on the machine for it, and how to get it.
    needs: Option<(&'static str, &'static str)>,
}

pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

impl Step {
    pub(crate) fn cargo(name: &'static str, args: &[&str]) -> Self {
        let program = crate::cargo().get_program().to_owned();
        Self { name, program, args: args.iter().map(OsString::from).collect(), env: Vec::new(), needs: None }
    }

    fn program(name: &'static str, program: &str, args: Vec<OsString>) -> Self {
        Self { name, program: program.into(), args, env: Vec::new(), needs: None }
    }

    fn env(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.env.push((key, value.into()));
        self
    }

    fn needs(mut self, program: &'static str, how: &'static str) -> Self {
        self.needs = Some((program, how));
        self
    }

    pub(crate) fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn run(&self, root: &Path) -> Outcome {
        if let Some((program, how)) = self.needs {
            let there = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
            if !there {
                return Outcome::Skipped(format!("{program} is not on this machine ({how})"));
            }
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

/// Where cargo puts what it builds.
fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from)
}

pub(crate) fn lint() -> Vec<Step> {
    vec![
        Step::cargo("format", &["fmt", "--all", "--check"]),
        Step::cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        Step::cargo(
            "lints of the sled backend",
            &["clippy", "-p", "weft-store", "-p", "weft-server", "--features", "sled", "--", "-D", "warnings"],
        ),
    ]
}

pub(crate) fn unit() -> Step {
    Step::cargo("unit, property, simulation and end-to-end tests", &["test", "--workspace"])
}

fn sled() -> Step {
    Step::cargo(
        "conformance of the sled backend",
        &["test", "-p", "weft-store", "--features", "sled", "--lib", "state"],
    )
}

pub(crate) fn sim(seeds: &str) -> Step {
    Step::cargo("simulated disk", &["test", "-p", "weft-sim", "--", "--nocapture"]).env("WEFT_SIM_SEEDS", seeds)
}

pub(crate) fn conformance() -> Vec<Step> {
    vec![
        Step::cargo("the server for conformance", &["build", "-p", "weft-server", "--bin", "weft-server"]),
        conformance_suite("conformance: Python SDK", &[]),
    ]
}

/// Kills the server under load far more often than `conformance` does.
fn crash_load(kills: &str) -> Step {
    conformance_suite("kill after kill under load", &["-k", "crash_load"]).env("WEFT_CRASH_KILLS", kills)
}

fn conformance_suite(name: &'static str, rest: &[&str]) -> Step {
    let server = target_dir().join("debug/weft-server");
    let script = OsString::from("tests/conformance/run.py");
    let mut args = vec![script, "--server-bin".into(), server.into()];
    args.extend(rest.iter().map(OsString::from));
    Step::program(name, "python3", args).needs("python3", "install Python 3.11 or newer")
}

pub(crate) fn bench(rest: &[String]) -> Vec<Step> {
    let mut args = vec!["run", "--release", "-p", "weft-bench", "--"];
    args.extend(rest.iter().map(String::as_str));
    vec![
        Step::cargo("a release build", &["build", "--release", "-p", "weft-server", "--bin", "weft-server"]),
        Step::cargo("benchmark", &args),
    ]
}

/// Everything, in the order in which a mistake is found soonest.
pub(crate) fn test(long: bool) -> Vec<Step> {
    let mut steps = lint();
    steps.push(unit());
    steps.push(sled());
    if long {
        steps.push(sim("20000").env("WEFT_TIER", "long"));
    }
    steps.extend(conformance());
    if long {
        steps.push(crash_load("300"));
    }
    steps
}
