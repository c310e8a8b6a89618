//! Every check over small repositories with real commands.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use super::*;

fn git(dir: &Path, args: &[&str]) {
    let author = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"];
    let ran = Command::new("git").current_dir(dir).args(author).args(args).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// A repository with these files committed.
fn with(files: &[(&str, &str)]) -> (TempDir, Repo) {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "--quiet"]);
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    git(dir.path(), &["add", "--all"]);
    git(dir.path(), &["commit", "--quiet", "--allow-empty", "--message", "t"]);
    let repo = Repo::new(dir.path());
    (dir, repo)
}

async fn verdict(check: Check, files: &[(&str, &str)]) -> (Verdict, String) {
    let (_dir, repo) = with(files);
    let finding = check.run(&repo).await.unwrap();
    (finding.verdict, finding.summary)
}

#[tokio::test]
async fn good_files_pass() {
    let files = [("a.py", "x = 1\n"), ("a.sh", "true\n"), ("a.json", "{}\n")];
    for check in Check::ALL.into_iter().filter(|check| *check != Check::RustFormat) {
        let (verdict, summary) = verdict(check, &files).await;
        assert_eq!(verdict, Verdict::Passed, "{}: {summary}", check.name());
    }
}

#[tokio::test]
async fn bad_files_fail() {
    let conflict = format!("{} ours\n", "<".repeat(7));
    let secret = format!("-----BEGIN {} KEY-----\n", "PRIVATE");
    let large = "x\n".repeat(1 << 20);
    let notes = "# TODO\n".repeat(6);
    let cases = [
        (Check::Conflicts, "a.txt", conflict.as_str(), "1 conflict marker"),
        (Check::Secrets, "a.txt", &secret, "1 tracked file may hold a secret"),
        (Check::Secrets, ".env", "A=1\n", "1 tracked file may hold a secret"),
        (Check::Python, "a.py", "def f(:\n", "1 syntax error"),
        (Check::Shell, "a.sh", "if true; then\n", "1 of 1 script broken"),
        (Check::Data, "a.json", "{,}", "1 of 1 file broken"),
        (Check::Whitespace, "a.txt", "a \n", "1 whitespace error"),
        (Check::LargeFiles, "a.txt", &large, "1 file over 1 MiB"),
        (Check::Todos, "a.py", &notes, "6 TODOs in 6 lines"),
    ];
    for (check, name, text, summary) in cases {
        assert_eq!(verdict(check, &[(name, text)]).await, (Verdict::Failed, summary.to_owned()));
    }
}

#[tokio::test]
async fn a_damaged_object_store_fails() {
    let (dir, repo) = with(&[("a.txt", "a\n")]);
    let hash = repo.git(&["rev-parse", "HEAD:a.txt"]).await.unwrap().text();
    let (folder, name) = hash.trim().split_at(2);
    fs::remove_file(dir.path().join(".git/objects").join(folder).join(name)).unwrap();
    assert_eq!(Check::Objects.run(&repo).await.unwrap().verdict, Verdict::Failed);
}

#[tokio::test]
async fn what_has_nothing_to_look_at_is_not_applicable() {
    for check in [Check::Python, Check::Shell, Check::Data, Check::RustFormat] {
        assert_eq!(verdict(check, &[("a.txt", "a\n")]).await.0, Verdict::NotApplicable, "{}", check.name());
    }
}

#[tokio::test]
async fn what_is_no_repository_is_no_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repo::new(dir.path());
    for check in [Check::Objects, Check::Python, Check::Secrets] {
        check.run(&repo).await.expect_err("git cannot read it");
    }
}
