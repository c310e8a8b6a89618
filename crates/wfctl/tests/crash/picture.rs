//! What is there when a run is over, so that two runs can be compared: all but times, and the names that follow from them.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::repository::git;

/// A result without what differs each time it is made.
pub(crate) fn of_result(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let is_time = |name: &str| name.starts_with("duration_") || name.ends_with("_minutes");
            let fields = fields.into_iter().filter(|(name, _)| !is_time(name));
            Value::Object(fields.map(|(name, value)| (name, of_result(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(of_result).collect()),
        Value::String(text) => Value::String(of_text(&text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// A commit's name follows from its time, an address of the local forge from the folder.
fn of_text(text: &str) -> String {
    let is_commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.strip_prefix("file://").and_then(|path| path.rsplit_once("/weft/")) {
        Some((_, record)) => format!("file:{record}"),
        None if is_commit => "a commit".to_owned(),
        None => text.to_owned(),
    }
}

/// All refs with the files that they lead to and the number of their commits; of each pull request its state, labels, number of
/// comments and verdict; and which documents there are.
pub(crate) fn of_repository(repository: &Path) -> anyhow::Result<Vec<String>> {
    let refs = git(repository, &["for-each-ref", "--format=%(refname) %(tree)"])?;
    let mut picture = Vec::new();
    for line in refs.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        picture.push(format!("{line} {}", git(repository, &["rev-list", "--count", name])?));
    }
    let worktrees = git(repository, &["worktree", "list"])?;
    ensure!(worktrees.lines().count() == 1, "worktrees are registered: {worktrees}");
    files(&repository.join("weft"), "weft", &mut picture)?;
    picture.sort();
    Ok(picture)
}

fn files(folder: &Path, name: &str, into: &mut Vec<String>) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name().display());
        if name == "weft/transcripts" {
            // They tell of attempts, which a kill makes more of, and are named by runs.
            continue;
        }
        if entry.file_type()?.is_dir() {
            files(&entry.path(), &name, into)?;
        } else if name.starts_with("weft/pull-requests/") {
            let record = serde_json::from_slice(&std::fs::read(entry.path())?)?;
            into.push(format!("{name} {}", of_pull_request(&record).with_context(|| format!("{name}: {record}"))?));
        } else {
            into.push(name);
        }
    }
    Ok(())
}

/// What a record of the local forge says, without what depends on times.
fn of_pull_request(record: &Value) -> Option<Value> {
    let verdict = match record.get("status")? {
        Value::Null => Value::Null,
        status => json!({ "success": status.get("success")?, "score": status.get("score")? }),
    };
    let (state, labels) = (record.get("state")?.as_str()?, record.get("labels")?.as_array()?);
    Some(json!({
        "state": state, "labels": labels, "comments": record.get("comments")?.as_object()?.len(), "verdict": verdict,
    }))
}

#[test]
fn pull_requests_that_differ_in_more_than_times_are_told_apart() {
    let record = json!({
        "key": "k", "number": 1, "head": "0123", "state": "open", "labels": ["automated"], "comments": { "gate": "in 5 s" },
        "status": { "success": true, "commit": "0123", "score": 92.5, "blocking_issues": [] },
    });
    let other = |pointer: &str, value: Value| {
        let mut other = record.clone();
        *other.pointer_mut(pointer).expect("it is there") = value;
        of_pull_request(&other)
    };
    let same = of_pull_request(&record);
    assert!(same.is_some());
    assert_eq!(other("/head", json!("4567")), same);
    assert_eq!(other("/comments/gate", json!("in 6 s")), same);
    for (pointer, value) in [
        ("/state", json!("merged")),
        ("/labels", json!([])),
        ("/comments", json!({})),
        ("/status", json!(null)),
        ("/status/success", json!(false)),
        ("/status/score", json!(80.0)),
    ] {
        assert_ne!(other(pointer, value), same, "{pointer}");
    }
    assert_eq!(other("/state", json!(null)), None, "a record that says nothing is no record");
}
