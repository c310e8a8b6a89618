//! What is there when a run is over, so that two runs can be compared: all but times, and the names that follow from them.

use std::path::Path;

use anyhow::ensure;
use serde_json::Value;

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

/// All refs with the files that they lead to and the number of their commits, and all records of the forge.
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
        if entry.file_type()?.is_dir() {
            files(&entry.path(), &name, into)?;
        } else {
            into.push(name);
        }
    }
    Ok(())
}
