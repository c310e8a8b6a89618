//! Checks of source files by the tools of their languages. Nothing of the repository is executed.

use super::{super::command::CouldNotRun, Finding, Repo, count};

/// Compiles each file named on its input, without running it or writing anything, and prints what is wrong.
const COMPILE: &str = r#"
import os, sys
sys.stdout.reconfigure(errors="backslashreplace")
for name in filter(None, sys.stdin.buffer.read().split(b"\0")):
    try:
        with open(name, "rb") as file:
            compile(file.read(), os.fsdecode(name), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        print(f"{os.fsdecode(name)}:{getattr(error, 'lineno', None) or 1}: {getattr(error, 'msg', None) or error}")
"#;

pub(super) async fn python(repo: &Repo) -> Result<Finding, CouldNotRun> {
    let files = repo.files(&["*.py"]).await?;
    if files.is_empty() {
        return Ok(Finding::not_applicable("no Python files"));
    }
    let input = files.join("\0");
    let ran = repo.run("python3", &["-I", "-B", "-W", "ignore", "-c", COMPILE], input.as_bytes()).await?;
    match (ran.code, ran.is_silent()) {
        (0, true) => Ok(Finding::passed(&ran, format!("{}, no syntax errors", count(files.len(), "file")))),
        (0, false) => Ok(Finding::failed(&ran, count(ran.lines().len(), "syntax error"), ran.lines())),
        _ => Err(ran.trouble()),
    }
}

pub(super) async fn shell(repo: &Repo) -> Result<Finding, CouldNotRun> {
    let files = repo.files(&["*.sh", "*.bash"]).await?;
    let mut wrong = Vec::new();
    let mut last = None;
    for file in &files {
        // Reads the script and does not execute it. The path in front keeps a name from being an option.
        let ran = repo.run("bash", &["-n", &format!("./{file}")], &[]).await?;
        if ran.code != 0 {
            wrong.extend(ran.complaints().into_iter().next());
        }
        last = Some(ran);
    }
    match last {
        None => Ok(Finding::not_applicable("no shell scripts")),
        Some(ran) if wrong.is_empty() => {
            Ok(Finding::passed(&ran, format!("{}, no syntax errors", count(files.len(), "script"))))
        }
        Some(ran) => {
            let summary = format!("{} of {} broken", wrong.len(), count(files.len(), "script"));
            Ok(Finding::failed(&ran, summary, wrong))
        }
    }
}

pub(super) async fn rust_format(repo: &Repo) -> Result<Finding, CouldNotRun> {
    if repo.files(&["Cargo.toml"]).await?.is_empty() {
        return Ok(Finding::not_applicable("no Cargo.toml at the top"));
    }
    let ran = repo.run("cargo", &["fmt", "--all", "--check", "--", "-l"], &[]).await?;
    match (ran.code, ran.is_silent()) {
        (0, _) => Ok(Finding::passed(&ran, "formatted")),
        // Each line is a file that rustfmt would change.
        (_, false) => {
            Ok(Finding::failed(&ran, format!("{} unformatted", count(ran.lines().len(), "file")), ran.lines()))
        }
        (_, true) => Err(ran.trouble()),
    }
}
