//! GitHub's client, and a bare repository to push to.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::json;
use weft_worker::{
    blame::Blame,
    forge::{DocumentKind, NewDocument as Keeping, NewPullRequest as Opening},
    github::{Access, Error, GitHub},
    model::{ContentHash, Percent, PullRequestState, QualityGateResult, Spend},
    repository::Repository,
};

use crate::{
    hub::{Hub, Shared, serve, with},
    support::Fixture,
};

/// A clone with a commit on a branch, a bare repository that it is pushed to, and the server.
struct World {
    fixture: Fixture,
    hub: Shared,
    github: GitHub,
    commit: String,
}

impl World {
    async fn new() -> anyhow::Result<Self> {
        let fixture = Fixture::new(&[("a", "1")])?;
        fixture.git(&["clone", "--quiet", "--bare", ".", "../remote"])?;
        fixture.git(&["checkout", "--quiet", "-b", "feature/x"])?;
        let commit = fixture.commit(&[("a", "2")])?;
        let hub = Shared::default();
        with(&hub, |hub| hub.remote = fixture.beside("remote").display().to_string());
        let api = serve(&hub).await?;
        let access = Access {
            api,
            name: "someone/something".to_owned(),
            remote: fixture.beside("remote").display().to_string(),
            token: "token-of-a-test".to_owned(),
        };
        let github = GitHub::new(access, Repository::open(fixture.path()).await?)?;
        Ok(Self { fixture, hub, github, commit })
    }

    fn opening(&self) -> Opening {
        Opening {
            key: "run-1/publish".to_owned(),
            branch: "feature/x".to_owned(),
            commit: self.commit.clone(),
            base: "main".to_owned(),
            title: "Do x".to_owned(),
            description: "It was **not** done.".to_owned(),
            labels: BTreeSet::from(["automated".to_owned(), "feature".to_owned()]),
        }
    }

    /// Nothing is removed there any more.
    fn protect(&self, why: &str) -> anyhow::Result<()> {
        let hook = self.fixture.beside("remote").join("hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap_or(&hook))?;
        std::fs::write(&hook, format!("#!/bin/sh\necho '{why}' >&2\nexit 1\n"))?;
        Ok(std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))?)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Hub) -> T) -> T {
        with(&self.hub, look)
    }
}

#[tokio::test]
async fn a_branch_is_pushed_and_its_pull_request_opened_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let opened = world.github.open(&world.opening()).await?;
    assert_eq!((opened.number, opened.state, opened.merge_commit.as_deref()), (1, PullRequestState::Open, None));
    assert_eq!(opened.description, "It was **not** done.");
    assert_eq!(opened.labels, world.opening().labels);
    assert_eq!(opened.url, "https://example.com/someone/something/pull/1");
    assert_eq!(world.fixture.git(&["--git-dir=../remote", "rev-parse", "feature/x"])?, world.commit);
    assert_eq!(world.github.open(&world.opening()).await?, opened);
    // Lists lag behind: it is found all the same, and another run's is not taken for ours.
    world.with(|hub| hub.lagging = true);
    assert_eq!(world.github.open(&world.opening()).await?, opened);
    let other = Opening { key: "run-2/publish".to_owned(), ..world.opening() };
    let error = world.github.open(&other).await.expect_err("the branch has one");
    let text = "Validation Failed: A pull request already exists for someone:x. (422 Unprocessable Entity)";
    assert!(error.to_string().contains(text) && error.blame() == Blame::Refused, "{error}");
    world.with(|hub| hub.pulls[0]["state"] = json!("closed"));
    assert_eq!(world.github.open(&other).await?.number, 2);
    assert_eq!(world.with(|hub| hub.authorizations.clone()), BTreeSet::from(["Bearer token-of-a-test".to_owned()]));
    Ok(())
}

#[tokio::test]
async fn what_others_pushed_is_not_overwritten() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    world.fixture.git(&["commit", "--quiet", "--amend", "--message", "another"])?;
    let commit = world.fixture.git(&["rev-parse", "HEAD"])?;
    let error = world.github.open(&Opening { commit, ..world.opening() }).await.expect_err("it is no descendant");
    assert!(error.to_string().contains("feature/x has other commits") && error.blame() == Blame::Refused, "{error}");
    Ok(())
}

#[tokio::test]
async fn a_pull_request_is_merged_or_closed_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    for _ in 0..2 {
        let merged = world.github.merge(1).await?;
        assert_eq!((merged.state, merged.merge_commit.as_deref()), (PullRequestState::Merged, Some("def")));
        assert_eq!(world.github.close(1).await?.state, PullRequestState::Merged);
    }
    world.github.open(&Opening { key: "run-2".to_owned(), ..world.opening() }).await?;
    for (status, message, blame) in [
        (405, "Pull Request is not mergeable", Blame::Work),
        (405, "Base branch was modified. Review and try the merge again.", Blame::Environment),
        (409, "Head branch was modified. Review and try the merge again.", Blame::Work),
        (403, "Resource not accessible by integration", Blame::Refused),
    ] {
        world.with(|hub| hub.unmergeable = Some((status, message, None)));
        let error = world.github.merge(2).await.expect_err(message);
        assert_eq!(error.blame(), blame, "{error}");
        assert_eq!(matches!(error, Error::Changed(2)), status == 409, "{error}");
    }
    assert_eq!(world.github.close(2).await?.state, PullRequestState::Closed);
    assert!(matches!(world.github.merge(2).await, Err(Error::Closed(2))));
    assert!(matches!(world.github.get(7).await, Err(Error::NotThere(_))));
    Ok(())
}

#[tokio::test]
async fn comments_and_issues_are_left_once_and_a_status_is_short() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    for text in ["first", "second"] {
        world.github.comment(1, "gate", text).await?;
    }
    let keeping = Keeping {
        key: "run-1/postmortem".to_owned(),
        kind: DocumentKind::Postmortem,
        title: "What happened".to_owned(),
        text: "It broke.".to_owned(),
        labels: BTreeSet::new(),
    };
    let address = world.github.keep(&keeping).await?;
    assert_eq!(world.github.keep(&keeping).await?, address);
    let result = QualityGateResult { blocking_issues: vec!["x".repeat(500)], ..found(&world.commit) };
    world.github.set_status(1, &result).await?;
    world.with(|hub| {
        assert_eq!((hub.comments.len(), hub.issues.len()), (1, 1));
        assert_eq!(hub.issues[0]["labels"], json!(["postmortem"]));
        assert!(hub.comments[0]["body"].as_str().is_some_and(|body| body.starts_with("second\n")), "{hub:?}");
        let said = &hub.statuses[0]["said"];
        assert_eq!((&hub.statuses[0]["commit"], &said["state"]), (&json!(world.commit), &json!("failure")));
        assert!(said["description"].as_str().is_some_and(|it| it.starts_with("score 50.0; x") && it.len() == 140));
    });
    Ok(())
}

/// What a gate found on a commit.
fn found(commit: &str) -> QualityGateResult {
    QualityGateResult {
        pr_number: Some(1),
        all_checks_passed: false,
        required_checks_passed: false,
        can_merge: false,
        checks: std::collections::BTreeMap::new(),
        overall_score: Percent::of(1, 2),
        auto_fixes_applied: false,
        blocking_issues: Vec::new(),
        commit: commit.to_owned(),
        diff: ContentHash::of(b"diff"),
        spent: Spend::default(),
    }
}

#[tokio::test]
async fn fixes_are_pushed_onto_what_was_checked_and_nowhere_else() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    let on_github = || world.fixture.git(&["--git-dir=../remote", "rev-parse", "feature/x"]);
    let fixed = world.fixture.commit(&[("a", "3")])?;
    // A fork's branch of the same name is another one, and GitHub does not get its fixes.
    let own = world
        .with(|hub| std::mem::replace(&mut hub.pulls[0]["head"]["repo"], json!({ "full_name": "somebody/something" })));
    world.github.set_status(1, &found(&fixed)).await?;
    assert_eq!((on_github()?, world.with(|hub| hub.statuses.len())), (world.commit.clone(), 0));
    world.with(|hub| hub.pulls[0]["head"]["repo"] = own);
    world.github.set_status(1, &found(&fixed)).await?;
    assert_eq!((on_github()?, world.with(|hub| hub.statuses.len())), (fixed.clone(), 1));
    // Somebody else went on from there.
    let others = world.fixture.commit(&[("a", "4")])?;
    world.fixture.git(&["push", "--quiet", "../remote", "HEAD:refs/heads/feature/x"])?;
    let error = world.github.set_status(1, &found(&fixed)).await.expect_err("it was not checked");
    assert!(matches!(error, Error::Changed(1)), "{error}");
    assert_eq!(on_github()?, others);
    Ok(())
}

#[tokio::test]
async fn a_branch_that_others_went_on_with_stays() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    world.fixture.git(&["checkout", "--quiet", "-b", "others"])?;
    world.fixture.commit(&[("a", "3")])?;
    world.fixture.git(&["push", "--quiet", "../remote", "HEAD:refs/heads/feature/x"])?;
    world.github.remove_branch("feature/x").await?;
    assert!(world.with(|hub| hub.at("feature/x")).is_some());
    // Ours, and protected.
    world.fixture.git(&["branch", "--force", "feature/x", "others"])?;
    world.protect("Cannot delete this branch")?;
    let error = world.github.remove_branch("feature/x").await.expect_err("it is protected");
    assert!(error.to_string().contains("Cannot delete this branch") && error.blame() == Blame::Refused, "{error}");
    assert!(world.with(|hub| hub.at("feature/x")).is_some());
    Ok(())
}

#[tokio::test]
async fn a_branch_whose_commits_never_came_here_stays() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    let tree = world.fixture.git(&["--git-dir=../remote", "rev-parse", "feature/x^{tree}"])?;
    let identity = ["-c", "user.name=Another", "-c", "user.email=another@example.com"];
    let made =
        [&identity[..], &["--git-dir=../remote", "commit-tree", &tree, "-p", "feature/x", "-m", "theirs"]].concat();
    let theirs = world.fixture.git(&made)?;
    world.fixture.git(&["--git-dir=../remote", "update-ref", "refs/heads/feature/x", &theirs])?;
    world.github.remove_branch("feature/x").await?;
    assert_eq!(world.with(|hub| hub.at("feature/x")), Some(theirs));
    let fixed = world.fixture.commit(&[("a", "3")])?;
    let error = world.github.set_status(1, &found(&fixed)).await.expect_err("it was not checked");
    assert!(matches!(error, Error::Changed(1)), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_branch_is_removed_where_it_was_seen_or_not_at_all() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    let clone = Repository::open(world.fixture.path()).await?;
    let remote = world.fixture.beside("remote").display().to_string();
    // Somebody pushed after it was looked at.
    let seen = world.fixture.git(&["rev-parse", "main"])?;
    assert!(!clone.remove_pushed(&remote, "feature/x", &seen, None).await?);
    assert_eq!(world.with(|hub| hub.at("feature/x")), Some(world.commit.clone()));
    assert!(clone.remove_pushed(&remote, "feature/x", &world.commit, None).await?);
    assert!(!clone.remove_pushed(&remote, "feature/x", &world.commit, None).await?, "it is gone already");
    assert_eq!(world.with(|hub| hub.at("feature/x")), None);
    Ok(())
}

#[tokio::test]
async fn faults_are_told_apart() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (status, message, blame) in [
        (500, "oops", Blame::Environment),
        (429, "slow down", Blame::Environment),
        (403, "API rate limit exceeded", Blame::Environment),
        (403, "Resource not accessible by personal access token", Blame::Refused),
        (401, "Bad credentials", Blame::Refused),
        (422, "Validation Failed", Blame::Refused),
    ] {
        world.with(|hub| hub.broken = Some((status, message, None)));
        let error = world.github.open(&world.opening()).await.expect_err(message);
        assert_eq!(error.blame(), blame, "{error}");
        let text = error.to_string();
        assert!(text.contains(message) && !text.contains("token-of-a-test") && !text.contains('\n'), "{text}");
    }
    for (status, header, seconds) in
        [(403, ("retry-after", "60"), 60), (429, ("retry-after", "7"), 7), (403, ("retry-after", "100000"), 3600)]
    {
        world.with(|hub| hub.broken = Some((status, "You have exceeded a secondary limit", Some(header))));
        let error = world.github.get(1).await.expect_err("it wants to be left alone");
        assert_eq!((error.blame(), error.wait()), (Blame::Environment, Some(Duration::from_secs(seconds))), "{error}");
    }
    let gone = Access {
        api: "http://127.0.0.1:1".to_owned(),
        name: "a/b".to_owned(),
        remote: world.fixture.beside("remote").display().to_string(),
        token: "token-of-a-test".to_owned(),
    };
    assert!(!format!("{gone:?}").contains("token-of-a-test"));
    let gone = GitHub::new(gone, Repository::open(world.fixture.path()).await?)?;
    let error = gone.get(1).await.expect_err("nobody is there");
    assert!(error.blame() == Blame::Environment && !error.to_string().contains('\n'), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_branch_that_is_not_wanted_is_removed_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.github.open(&world.opening()).await?;
    for branch in ["feature/x", "feature/x", "feature/never"] {
        world.github.remove_branch(branch).await?;
    }
    assert_eq!(world.with(|hub| hub.at("feature/x")), None);
    world.with(|hub| hub.broken = Some((403, "Resource not accessible", None)));
    assert_eq!(world.github.remove_branch("feature/x").await.expect_err("it is refused").blame(), Blame::Refused);
    Ok(())
}
