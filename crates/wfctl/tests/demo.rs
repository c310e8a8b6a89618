//! `wfctl demo` from outside: the real binary over a small real repository, with its real crash.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

const CHECKS: [&str; 10] = [
    "conflicts",
    "data-files",
    "large-files",
    "objects",
    "python",
    "rust-format",
    "secrets",
    "shell",
    "todos",
    "whitespace",
];

/// A mistake that a small edit mends.
const SEED: &str = "7";
const PASSES: &str =
    "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        self.assertTrue(True)\n";

fn git(dir: &Path, args: &[&str]) {
    let author = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"];
    let ran = Command::new("git").current_dir(dir).args(author).args(args).output().expect("git runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// A repository with one thing wrong: a JSON file, which weighs 2 of the 16 that the checks with verdicts weigh.
fn repository() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory can be made");
    for (name, text) in [("a.txt", "a\n"), ("a.py", "x = 1\n"), ("a.json", "{,}\n")] {
        fs::write(dir.path().join(name), text).expect("a file can be written");
    }
    git(dir.path(), &["init", "--quiet"]);
    git(dir.path(), &["add", "--all"]);
    git(dir.path(), &["commit", "--quiet", "--message", "t"]);
    dir
}

/// Runs the demo with a directory of its own for temporary files, which is given back too.
fn demo(args: &[&str]) -> (Output, TempDir) {
    let temporary = tempfile::tempdir().expect("a directory can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wfctl"));
    command.arg("demo").args(args).env("TMPDIR", temporary.path()).current_dir(temporary.path());
    (command.output().expect("wfctl runs"), temporary)
}

fn stdout(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*err), (Some(0), ""), "{out}");
    out.into_owned()
}

/// The ids of activities whose events are of this type, in order of their scheduling.
fn activities(history: &Value, kind: &str) -> Vec<String> {
    let events = history["events"].as_array().expect("a list of events");
    let scheduled = |id: &Value| {
        let by_id = events.iter().find(|event| event["eventId"] == *id).expect("an event of that id");
        by_id["activityTaskScheduledEventAttributes"]["activityId"].as_str().expect("an id").to_owned()
    };
    let of_kind = events.iter().filter(|event| event["eventType"] == format!("EVENT_TYPE_ACTIVITY_TASK_{kind}"));
    let mut ids: Vec<_> = of_kind
        .map(|event| match kind {
            "SCHEDULED" => scheduled(&event["eventId"]),
            _ => scheduled(&event["activityTaskCompletedEventAttributes"]["scheduledEventId"]),
        })
        .collect();
    ids.sort();
    ids
}

#[test]
fn the_workflow_outlives_its_server_and_every_check_is_done_once() {
    let repository = repository();
    let path = repository.path().to_str().expect("a path in UTF-8");
    let (output, _temporary) = demo(&["--gate", "--repo", path, "--output", "json"]);
    let told: Value = serde_json::from_str(&stdout(&output)).expect("JSON");

    let servers: BTreeSet<_> = told["servers"].as_array().expect("a list").iter().map(Value::to_string).collect();
    assert_eq!((servers.len(), &told["servers"][0]), (2, &told["killed"]["pid"]));
    assert_eq!((&told["killed"]["checks_recorded"], &told["killed"]["checks_running"]), (&5.into(), &5.into()));

    let expected: Vec<_> = CHECKS.into_iter().chain(["report"]).collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(activities(&told["history"], "SCHEDULED"), expected);
    assert_eq!(activities(&told["history"], "COMPLETED"), expected);
    assert_eq!(told["events"]["TimerFired"], 1);

    let verdict = |check: &str| told["checks"][check]["verdict"].as_str().expect("a verdict").to_owned();
    assert_eq!((verdict("data-files"), verdict("python")), ("failed".to_owned(), "passed".to_owned()));
    assert_eq!(verdict("rust-format"), "not applicable");
    assert_eq!(told["score"]["tenths"], 14 * 1000 / 16);
}

#[test]
fn people_get_the_history_the_score_and_a_report_and_nothing_else_is_left() {
    let repository = repository();
    let path = repository.path().to_str().expect("a path in UTF-8");
    let (output, temporary) = demo(&["--gate", "--repo", path]);
    let text = stdout(&output);

    assert!(text.lines().any(|line| line == "Score: 87.5 of 100, 85.0 is required: passed"), "{text}");
    assert!(text.contains("WorkflowExecutionCompleted") && text.contains("──── kill -9 of the server"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for check in CHECKS {
        let lines = text.lines().filter(|line| line.starts_with("  ") && line.contains(&format!("  {check}  ")));
        assert_eq!(lines.count(), 1, "{check} in {text}");
    }

    let left: Vec<_> =
        fs::read_dir(temporary.path()).expect("a directory").map(|entry| entry.expect("an entry")).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let report = fs::read_to_string(left[0].path()).expect("the report");
    assert!(report.starts_with("# Quality gate: passed\n") && report.contains("**87.5**"), "{report}");
    assert!(text.contains(left[0].path().to_str().expect("a path in UTF-8")), "{text}");
}

#[test]
fn without_a_repository_it_makes_a_sample() {
    let (output, _temporary) = demo(&["--gate", "--no-crash"]);
    let text = stdout(&output);
    assert!(text.contains("checks of a sample repository") && text.contains("Score: "), "{text}");
    assert!(!text.contains("kill -9"), "{text}");
}

#[test]
fn what_is_no_repository_is_refused() {
    let empty = tempfile::tempdir().expect("a directory can be made");
    let path = empty.path().to_str().expect("a path in UTF-8");
    let (output, temporary) = demo(&["--gate", "--repo", path]);
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{says}");
    assert!(says.starts_with("error: --repo ") && says.contains("not a git repository"), "{says}");
    assert_eq!(fs::read_dir(temporary.path()).expect("a directory").count(), 0);
}

/// What a person sees, and what is left in the folder for temporary files.
fn mended(args: &[&str]) -> String {
    let (output, temporary) = demo(args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert_eq!(fs::read_dir(temporary.path()).expect("a directory").count(), 0);
    out.into_owned()
}

#[test]
fn a_fault_becomes_a_pull_request_whose_diff_is_shown() {
    let text = mended(&["--seed", SEED]);
    assert!(text.contains("a repository whose tests fail (--seed "), "{text}");
    let diff = text.split_once("\npull request 1: bugfix/fix-what-the-tests-complain-of\n").expect("it is shown").1;
    let changed =
        |sign: &str| diff.lines().filter(|it| it.starts_with(sign) && !it.starts_with(&sign.repeat(3))).count();
    assert!(diff.starts_with("\ndiff --git a/shelf.py b/shelf.py") && changed("+") + changed("-") > 0, "{text}");
}

#[test]
fn it_goes_on_after_worker_and_server_were_killed() {
    let text = mended(&["--seed", SEED, "--crash"]);
    let killed = text.split_once("kill -9 in the middle of patch/issue-1: worker ");
    let (before, after) = killed.unwrap_or_else(|| panic!("they were not killed: {text}"));
    assert!(!before.contains("patch/issue-1 done"), "{text}");
    assert!(after.contains("again, on the same data") && after.contains("patch/issue-1 done"), "{text}");
    assert!(after.contains("\npull request 1: ") && after.contains("diff --git"), "{text}");
}

#[test]
fn a_repository_whose_tests_pass_is_told_so_and_left_alone() {
    let repository = repository();
    fs::write(repository.path().join("test_a.py"), PASSES).expect("a file can be written");
    git(repository.path(), &["add", "--all"]);
    git(repository.path(), &["commit", "--quiet", "--message", "test"]);
    let path = repository.path().to_str().expect("a path in UTF-8");
    let (output, temporary) = demo(&["--repo", path, "--requirement", "Fix a.py"]);
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{says}");
    assert!(says.contains("all tests pass: there is nothing to mend"), "{says}");
    assert_eq!(fs::read_dir(temporary.path()).expect("a directory").count(), 0);
}
