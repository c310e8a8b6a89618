//! Python: which lines each test executes, and how a test command is narrowed to the tests that fail.
//!
//! A tracer that Python imports by itself watches the tests from within, so that pytest, unittest and scripts of a
//! project's own are all the same to it.

pub(super) mod batch;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::spectrum::{Place, Run, Spectrum};

/// Put where Python finds it first.
pub(super) const TRACER: &str = include_str!("python/sitecustomize.py");
/// The name under which Python looks for it.
pub(super) const TRACER_NAME: &str = "sitecustomize.py";
/// Most tests that a command is narrowed to.
const NARROWED_MAX: usize = 4;

/// What the tracer wrote.
#[derive(Debug, Deserialize)]
struct Report {
    runs: Vec<Traced>,
    always: BTreeMap<String, Vec<u32>>,
}

#[derive(Debug, Deserialize)]
struct Traced {
    name: String,
    file: String,
    line: u32,
    passed: bool,
    places: BTreeMap<String, Vec<u32>>,
}

/// A test that failed, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failing {
    pub name: String,
    pub at: Place,
}

/// What each test executed, without the tests' own lines. `None` where the tracer wrote nothing that can be read.
pub(super) fn read(report: &str) -> Option<(Spectrum, BTreeSet<Failing>)> {
    let report: Report = serde_json::from_str(report).ok()?;
    let failing = report.runs.iter().filter(|run| !run.passed);
    let failing = failing.map(|run| Failing { name: run.name.clone(), at: (run.file.clone(), run.line) }).collect();
    let runs = report.runs.into_iter().map(|run| {
        let places = places(run.places);
        Run { name: run.name, passed: run.passed, places }
    });
    Some((Spectrum { runs: runs.collect(), always: places(report.always) }, failing))
}

fn places(files: BTreeMap<String, Vec<u32>>) -> BTreeSet<Place> {
    let own = files.into_iter().filter(|(file, _)| !is_test_file(file));
    own.flat_map(|(file, lines)| lines.into_iter().map(move |line| (file.clone(), line))).collect()
}

/// Tests are not mended.
pub(super) fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".py").unwrap_or(name);
    stem.starts_with("test") || stem.ends_with("_test") || stem == "conftest"
}

/// The command for these tests alone, where its runner is known.
pub(super) fn narrowed(command: &[String], failing: &BTreeSet<Failing>) -> Option<Vec<String>> {
    let runner = runner(command)?;
    let names: BTreeSet<&str> = failing.iter().map(|it| it.name.as_str()).collect();
    if names.is_empty() || names.len() > NARROWED_MAX {
        return Some(command.iter().cloned().chain([runner.fail_fast().to_owned()]).collect());
    }
    let mut command = command.to_vec();
    command.push(runner.fail_fast().to_owned());
    match runner {
        Runner::Unittest => command.extend(names.iter().flat_map(|name| ["-k".to_owned(), format!("*{name}")])),
        Runner::Pytest => command.extend(["-k".to_owned(), names.into_iter().collect::<Vec<_>>().join(" or ")]),
    }
    Some(command)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runner {
    Unittest,
    Pytest,
}

impl Runner {
    fn fail_fast(self) -> &'static str {
        match self {
            Self::Unittest => "-f",
            Self::Pytest => "-x",
        }
    }
}

fn runner(command: &[String]) -> Option<Runner> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let program = words.first()?.rsplit('/').next()?;
    match (program, words.get(1..)?) {
        ("pytest" | "py.test", _) => Some(Runner::Pytest),
        (python, ["-m", "pytest", ..]) if python.starts_with("python") => Some(Runner::Pytest),
        (python, ["-m", "unittest", ..]) if python.starts_with("python") => Some(Runner::Unittest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn failing(names: &[&str]) -> BTreeSet<Failing> {
        names.iter().map(|name| Failing { name: (*name).to_owned(), at: ("test_a.py".to_owned(), 1) }).collect()
    }

    #[test]
    fn known_runners_are_told_which_tests_fail() {
        let check = |command: &str, names: &[&str], wanted: Option<&str>| {
            let narrowed = narrowed(&words(command), &failing(names)).map(|it| it.join(" "));
            assert_eq!(narrowed.as_deref(), wanted, "{command}");
        };
        check("python3 -m unittest -q", &["test_x"], Some("python3 -m unittest -q -f -k *test_x"));
        check("/usr/bin/pytest -q", &["test_x", "test_y"], Some("/usr/bin/pytest -q -x -k test_x or test_y"));
        check("python3 -m pytest", &["1", "2", "3", "4", "5"], Some("python3 -m pytest -x"));
        check("make test", &["test_x"], None);
    }

    #[test]
    fn a_report_is_read_without_the_lines_of_tests() {
        let report = r#"{"runs":[{"name":"test_x","file":"test_a.py","line":3,"passed":false,
            "places":{"a.py":[2],"test_a.py":[4]}}],"always":{"a.py":[1]}}"#;
        let (spectrum, failed) = read(report).expect("it is a report");
        assert_eq!(spectrum.runs.first().map(|run| run.places.clone()), Some(BTreeSet::from([("a.py".to_owned(), 2)])));
        assert_eq!(failed.first().map(|it| it.at.clone()), Some(("test_a.py".to_owned(), 3)));
        assert_eq!(read("nonsense"), None);
    }
}
