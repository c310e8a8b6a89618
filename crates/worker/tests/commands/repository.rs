//! Repositories as people leave them, and worktrees as crashes do.

use std::{collections::BTreeSet, fs, path::Path};

use tokio_util::sync::CancellationToken;
use weft_worker::{
    blame::Blame,
    process::{Command, Watch},
    repository::{Error, Key, Release, Repository, Worktree, Worktrees, overlaps},
};

use crate::support::{Fixture, supervisor, write};

fn key(step: &str) -> Key {
    Key { run: "run-1".to_owned(), step: step.to_owned(), attempt: 1 }
}

/// A repository with a file, the worktrees beside it, and one of them.
async fn begun() -> anyhow::Result<(Fixture, Worktrees, Worktree)> {
    let fixture = Fixture::new(&[("a.txt", "one\ntwo\nthree\n")])?;
    let worktrees = Worktrees::new(fixture.beside("state"))?;
    let worktree = worktrees.acquire(&Repository::open(fixture.path()).await?, &key("patch/1"), "main").await?;
    Ok((fixture, worktrees, worktree))
}

async fn refusal(path: impl AsRef<Path>) -> anyhow::Result<String> {
    let clean = async { Repository::open(path).await?.refuse_unclean().await };
    match clean.await {
        Ok(()) => anyhow::bail!("it was not refused"),
        Err(error) => {
            anyhow::ensure!(error.blame() == Blame::Refused, "{error}");
            Ok(error.to_string())
        }
    }
}

#[tokio::test]
async fn a_repository_that_cannot_be_worked_on_is_refused_with_a_reason() -> anyhow::Result<()> {
    let fixture = Fixture::new(&[("a", "1")])?;
    assert!(refusal(fixture.beside("nowhere")).await?.contains("there is no folder"));
    fs::create_dir(fixture.beside("plain"))?;
    assert!(refusal(fixture.beside("plain")).await?.contains("is no git repository"));

    fixture.write(&[("a", "2")])?;
    assert!(refusal(fixture.path()).await?.contains("changes that are not committed (a)"));
    // A run that has begun is not disturbed by what people do in their checkout.
    Repository::open(fixture.path()).await?;
    fixture.git(&["stash"])?;
    fixture.write(&[("unknown-to-git", "2")])?;
    Repository::open(fixture.path()).await?.refuse_unclean().await?;

    let source = format!("file://{}", fixture.path().display());
    fixture.commit(&[("a", "3")])?;
    fixture.git(&["clone", "--quiet", "--depth=1", &source, "../shallow"])?;
    assert!(refusal(fixture.beside("shallow")).await?.contains("git fetch --unshallow"));
    fixture.git(&["init", "--quiet", "../empty"])?;
    assert!(refusal(fixture.beside("empty")).await?.contains("no commit yet"));
    Ok(())
}

#[tokio::test]
async fn a_repository_in_the_middle_of_a_merge_is_refused() -> anyhow::Result<()> {
    let fixture = Fixture::new(&[("a", "1")])?;
    fixture.git(&["checkout", "--quiet", "-b", "other"])?;
    fixture.commit(&[("a", "2")])?;
    fixture.git(&["checkout", "--quiet", "main"])?;
    fixture.commit(&[("a", "3")])?;
    assert!(fixture.git(&["merge", "other"]).is_err());
    assert!(refusal(fixture.path()).await?.contains("in the middle of a merge"));
    Ok(())
}

#[tokio::test]
async fn a_bare_repository_and_one_from_within_are_opened() -> anyhow::Result<()> {
    let fixture = Fixture::new(&[("a", "1"), ("sub/b", "1")])?;
    fixture.git(&["clone", "--quiet", "--bare", ".", "../bare"])?;
    let bare = Repository::open(fixture.beside("bare")).await?;
    assert_eq!(bare.resolve("main").await?, fixture.git(&["rev-parse", "main"])?);
    assert_eq!(bare.files("main").await?, BTreeSet::from(["a".to_owned(), "sub/b".to_owned()]));
    assert_eq!(bare.current_branch().await?.as_deref(), Some("main"));
    let within = Repository::open(fixture.path().join("sub")).await?;
    assert_eq!(within.git_dir(), Repository::open(fixture.path()).await?.git_dir());
    let error = bare.resolve("--help").await.expect_err("no commit").to_string();
    assert!(error.contains("there is no commit \"--help\""), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_change_becomes_a_commit_with_a_diff_that_is_known_again() -> anyhow::Result<()> {
    let (fixture, _, worktree) = begun().await?;
    assert_eq!(worktree.commit("nothing").await?, None);
    write(worktree.path(), &[("a.txt", "one\n2\nthree\n"), ("new/b.txt", "b\n")])?;
    assert_eq!(worktree.uncommitted().await?, ["a.txt", "new/b.txt"]);
    let commit = worktree.commit("Change a\n\n# kept").await?.expect("something changed");
    let diff = worktree.diff(worktree.base(), &commit).await?;
    assert_eq!(diff.files, BTreeSet::from(["a.txt".to_owned(), "new/b.txt".to_owned()]));
    assert!(String::from_utf8(diff.text.clone())?.contains("-two\n+2\n"));
    assert_eq!(worktree.diff(worktree.base(), &commit).await?, diff);
    assert_ne!(worktree.diff(&commit, worktree.base()).await?.hash, diff.hash);
    assert_eq!(fixture.git(&["log", "-1", "--format=%B", worktree.branch()])?, "Change a\n\n# kept");
    assert_eq!(fixture.git(&["status", "--porcelain"])?, "");
    Ok(())
}

#[tokio::test]
async fn a_worktree_that_is_asked_for_again_is_the_same() -> anyhow::Result<()> {
    let (fixture, worktrees, worktree) = begun().await?;
    write(worktree.path(), &[("half", "done")])?;
    let repository = Repository::open(fixture.path()).await?;
    // Another process of the worker, after a crash of the first.
    let after = Worktrees::new(fixture.beside("state"))?;
    assert_eq!(after.acquire(&repository, &key("patch/1"), "main").await?, worktree);
    assert_eq!(worktree.uncommitted().await?, ["half"]);
    fixture.commit(&[("c", "1")])?;
    let error = worktrees.acquire(&repository, &key("patch/1"), "main").await.expect_err("main has moved");
    assert!(matches!(error, Error::OtherBase { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_crash_at_each_step_of_making_one_is_mended() -> anyhow::Result<()> {
    let (fixture, worktrees, worktree) = begun().await?;
    let repository = Repository::open(fixture.path()).await?;
    let commit = {
        write(worktree.path(), &[("a.txt", "changed\n")])?;
        worktree.commit("change").await?.expect("something changed")
    };
    let admin = repository.git_dir().join("worktrees").join(key("patch/1").name());
    for break_it in [
        // The record is there and nothing else.
        (|tree: &Path, admin: &Path| [fs::remove_dir_all(tree), fs::remove_dir_all(admin)]) as fn(&Path, &Path) -> _,
        |tree, _| [fs::remove_dir_all(tree), Ok(())],
        |_, admin| [fs::remove_dir_all(admin), Ok(())],
        |_, admin| [fs::remove_file(admin.join("index")), Ok(())],
        |_, admin| [fs::write(admin.join("index.lock"), ""), Ok(())],
    ] {
        for result in break_it(worktree.path(), &admin) {
            result?;
        }
        let again = worktrees.acquire(&repository, &key("patch/1"), "main~0").await?;
        assert_eq!((again.head().await?, again.uncommitted().await?), (commit.clone(), vec![]));
    }
    assert_eq!(fixture.strays()?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_worktree_is_not_given_back_with_changes_that_are_wanted() -> anyhow::Result<()> {
    let (fixture, worktrees, worktree) = begun().await?;
    write(worktree.path(), &[("half", "done")])?;
    let error = worktrees.release(worktree.key(), Release::KeepBranch).await.expect_err("it is dirty");
    assert!(matches!(&error, Error::Dirty { files, .. } if *files == ["half"]), "{error}");
    assert!(worktree.path().join("half").exists());
    worktree.commit("done").await?;
    worktrees.release(worktree.key(), Release::KeepBranch).await?;
    assert_eq!(fixture.strays()?, [worktree.branch()]);
    worktrees.release(worktree.key(), Release::KeepBranch).await?;
    Repository::open(fixture.path()).await?.remove_branch(worktree.branch()).await?;
    assert_eq!(fixture.strays()?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_sweep_removes_what_nobody_wants_and_nothing_else() -> anyhow::Result<()> {
    let (fixture, worktrees, wanted) = begun().await?;
    let repository = Repository::open(fixture.path()).await?;
    let other = worktrees.acquire(&repository, &key("patch/2"), "main").await?;
    let broken = worktrees.acquire(&repository, &key("patch/3"), "main").await?;
    write(other.path(), &[("half", "done")])?;
    write(wanted.path(), &[("half", "done")])?;
    fs::remove_dir_all(broken.path())?;
    // A worktree of a person's, whose folder is away at the moment, is none of our business.
    fixture.git(&["worktree", "add", "--quiet", "../mine", "-b", "mine"])?;
    fs::rename(fixture.beside("mine"), fixture.beside("away"))?;
    let swept = worktrees.sweep(|record| record.key.step == "patch/1").await?;
    let mut removed = swept.removed.clone();
    removed.sort();
    assert_eq!((swept.kept, removed), (vec![key("patch/1")], vec![key("patch/2"), key("patch/3")]));
    assert_eq!(swept.failed, []);
    assert!(wanted.path().join("half").exists() && !other.path().exists() && !other.temporary().exists());
    fs::rename(fixture.beside("away"), fixture.beside("mine"))?;
    assert_eq!(fixture.strays()?.len(), 4, "{:?}", fixture.strays()?);
    assert_eq!(worktrees.list()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_branch_of_somebody_else_is_left_alone() -> anyhow::Result<()> {
    let fixture = Fixture::new(&[("a", "1")])?;
    let worktrees = Worktrees::new(fixture.beside("state"))?;
    let taken = format!("weft/{}", key("patch/1").name());
    fixture.git(&["branch", &taken])?;
    let repository = Repository::open(fixture.path()).await?;
    let worktree = worktrees.acquire(&repository, &key("patch/1"), "main").await?;
    assert_eq!(worktree.branch(), format!("{taken}-2"));
    worktrees.release(worktree.key(), Release::Discard).await?;
    assert_eq!(fixture.strays()?, [taken]);

    let (first, second) = (repository.resolve("main").await?, fixture.commit(&[("a", "2")])?);
    for (commit, expected) in
        [(&first, "feature/x"), (&second, "feature/x-2"), (&first, "feature/x"), (&second, "feature/x-2")]
    {
        assert_eq!(repository.claim_branch("feature/x", commit).await?, expected);
    }
    assert!(matches!(repository.claim_branch("-bad..name", &first).await, Err(Error::BranchName(_))));
    Ok(())
}

#[tokio::test]
async fn parallel_patches_are_merged_and_contradictions_told() -> anyhow::Result<()> {
    let (fixture, worktrees, first) = begun().await?;
    let repository = Repository::open(fixture.path()).await?;
    let keys = [key("patch/2"), key("patch/3")];
    let (second, third) = tokio::try_join!(
        worktrees.acquire(&repository, &keys[0], "main"),
        worktrees.acquire(&repository, &keys[1], "main")
    )?;
    let mut commits = Vec::new();
    let changes =
        [(&first, "a.txt", "1\ntwo\nthree\n"), (&second, "b.txt", "b\n"), (&third, "a.txt", "I\ntwo\nthree\n")];
    for (worktree, file, text) in changes {
        write(worktree.path(), &[(file, text)])?;
        commits.push(worktree.commit(file).await?.expect("something changed"));
    }
    let mut diffs = Vec::new();
    for commit in &commits {
        diffs.push(first.diff(first.base(), commit).await?.files);
    }
    let overlaps = overlaps(diffs.iter().enumerate());
    assert_eq!(overlaps.len(), 1);
    assert_eq!((overlaps[0].file.as_str(), &overlaps[0].patches), ("a.txt", &BTreeSet::from([0, 2])));

    let all = worktrees.acquire(&repository, &key("merge"), "main").await?;
    all.merge(&commits[0], "first").await?;
    let head = all.merge(&commits[1], "second").await?;
    let error = all.merge(&commits[2], "third").await.expect_err("both change the first line");
    assert!(matches!(&error, Error::Conflict { files } if *files == ["a.txt"]), "{error}");
    assert_eq!((error.blame(), all.head().await?, all.uncommitted().await?), (Blame::Work, head.clone(), vec![]));
    // Once more, as after a crash.
    assert_eq!(all.merge(&commits[0], "first").await?, head);
    assert_eq!(fs::read_to_string(all.path().join("a.txt"))?, "1\ntwo\nthree\n");
    Ok(())
}

#[tokio::test]
async fn undo_leaves_nothing_behind_but_what_git_ignores() -> anyhow::Result<()> {
    let (_fixture, _, worktree) = begun().await?;
    let before = worktree.head().await?;
    write(worktree.path(), &[(".gitignore", "target\n"), ("target/x", "x")])?;
    let ignoring = worktree.commit("ignore").await?.expect("something changed");
    write(worktree.path(), &[("a.txt", "x"), ("deep/new", "x"), ("deep/.git/HEAD", "ref: refs/heads/x\n")])?;
    fs::remove_file(worktree.path().join(".gitignore"))?;
    worktree.undo(&ignoring).await?;
    assert_eq!(worktree.uncommitted().await?, Vec::<String>::new());
    assert!(worktree.path().join("target/x").exists() && !worktree.path().join("deep").exists());
    worktree.undo(&before).await?;
    assert_eq!(worktree.head().await?, before);
    Ok(())
}

/// What a command writes into its worktree is data for git, and never a program.
#[tokio::test]
async fn a_command_cannot_make_git_run_anything() -> anyhow::Result<()> {
    let (fixture, _, worktree) = begun().await?;
    let (ran, evil) = (fixture.beside("ran"), worktree.path().join("evil"));
    write(worktree.path(), &[("evil", &format!("#!/bin/sh\ntouch {}\n", ran.display()))])?;
    let evil = evil.display();
    let line = format!(
        "chmod +x evil && rm .git && git init --quiet . && git config core.fsmonitor {evil} && git config filter.x.clean {evil} \
         && git config diff.x.textconv {evil} && git config alias.add '!{evil}' && cp evil .git/hooks/pre-commit \
         && cp evil .git/hooks/post-checkout && echo '* filter=x diff=x' > .gitattributes && echo changed > a.txt"
    );
    let command = Command::shell(line, worktree.path());
    let report = supervisor().run(&command, &worktree.sandbox(), Watch::new(&CancellationToken::new())).await?;
    assert!(report.succeeded(), "{}", report.stderr.text());
    let commit = worktree.commit("change").await?.expect("something changed");
    assert!(worktree.diff(worktree.base(), &commit).await?.files.contains("a.txt"));
    worktree.undo(worktree.base()).await?;
    assert!(!ran.exists());
    let link = fs::read_to_string(worktree.path().join(".git"))?;
    assert!(link.starts_with("gitdir: "), "{link}");
    Ok(())
}

#[tokio::test]
async fn a_command_cannot_change_the_repository() -> anyhow::Result<()> {
    let (fixture, _, worktree) = begun().await?;
    for line in
        ["git commit --allow-empty -m x", "git branch mine", "git config core.editor x", "git update-ref -d HEAD"]
    {
        let command =
            Command::shell(line, worktree.path()).env("GIT_AUTHOR_NAME", "x").env("GIT_AUTHOR_EMAIL", "x@example.com");
        let report = supervisor().run(&command, &worktree.sandbox(), Watch::new(&CancellationToken::new())).await?;
        assert!(!report.succeeded(), "{line}");
    }
    let read = Command::shell("git log --oneline && git diff && git status --short", worktree.path());
    let report = supervisor().run(&read, &worktree.sandbox(), Watch::new(&CancellationToken::new())).await?;
    assert!(report.succeeded(), "{}", report.stderr.text());
    assert_eq!(worktree.head().await?, fixture.git(&["rev-parse", "main"])?);
    Ok(())
}

#[tokio::test]
async fn a_repository_within_a_change_is_told_of() -> anyhow::Result<()> {
    let (_fixture, _, worktree) = begun().await?;
    let line = "git init --quiet inner && cd inner && touch x && git add x && git -c user.name=x -c user.email=x@example.com commit --quiet -m x";
    let report = supervisor()
        .run(&Command::shell(line, worktree.path()), &worktree.sandbox(), Watch::new(&CancellationToken::new()))
        .await?;
    assert!(report.succeeded(), "{}", report.stderr.text());
    let error = worktree.commit("change").await.expect_err("it is nested");
    assert!(matches!(&error, Error::Nested { files } if *files == ["inner"]), "{error}");
    worktree.undo(worktree.base()).await?;
    assert!(!worktree.path().join("inner").exists());
    Ok(())
}
