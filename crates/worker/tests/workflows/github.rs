//! From a requirement to a pull request on GitHub: git, worktrees and the builtin provider are real, GitHub is a server
//! that speaks as it does, with a bare repository behind it.

use serde_json::json;
use weft::{Running, testing::TestEnv};
use weft_worker::{
    budget::Limits,
    forge::config::Forges,
    github::Access,
    provider::Providers,
    serve::worker_with,
    workflow::{
        PlanPatchPrRequest, PlanPatchPrWorkflow,
        desk::{House, ReviewPolicy},
    },
};

use crate::{
    hub::{Shared, serve, with},
    lab::{QUEUE, house, kind},
    shelf::{BROKEN, SHELF, Shelf},
};

const BRANCH: &str = "bugfix/fix-refill-in-shelf-py-it-orders";

/// A clone in which something is broken, the server, and a worker that knows of it.
async fn world(env: &TestEnv) -> anyhow::Result<(Shelf, Shelf, Shared, Running)> {
    let broken = SHELF.replace("value > high", "value > low");
    let (shelf, remote, hub) = (Shelf::new(&broken)?, Shelf::new(&broken)?, Shared::default());
    let access = Access {
        api: serve(&hub).await?,
        name: "someone/something".to_owned(),
        remote: remote.path(),
        token: "token-of-a-test".to_owned(),
    };
    with(&hub, |hub| hub.remote = remote.path());
    // It has the same commits as the clone, as a fork has.
    remote.asked(&["fetch", "--quiet", &shelf.path(), "+main:main"])?;
    let forges = Forges::default().github(std::path::Path::new(&shelf.path()).canonicalize()?, access);
    let worker = worker_with(env.client(), &shelf.settings(), &Providers::default(), forges)?.start()?;
    Ok((shelf, remote, hub, worker))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_becomes_a_merged_pull_request_on_github_though_it_is_busy_once() -> anyhow::Result<()> {
    let env = TestEnv::start().await?;
    let (shelf, remote, hub, worker) = world(&env).await?;
    with(&hub, |hub| hub.broken_once = Some((403, "You have exceeded a secondary limit", Some(("retry-after", "60")))));
    let run =
        env.client().start_workflow(PlanPatchPrWorkflow::run, shelf.wanted(BROKEN)).id("github").task_queue(QUEUE);
    let result = run.await?.result().await?;
    assert_eq!((result.pr_number, result.merged, result.merge_commit_sha.as_deref()), (1, true, Some("def")));
    assert_eq!(
        (result.pr_url.as_str(), result.branch_name.as_str()),
        ("https://example.com/someone/something/pull/1", BRANCH)
    );
    assert_eq!(remote.asked(&["show", &format!("{BRANCH}:shelf.py")])?, SHELF.trim());
    with(&hub, |hub| {
        assert_eq!((hub.pulls.len(), hub.comments.len(), hub.at(BRANCH).is_some()), (1, 1, true), "{hub:?}");
        assert_eq!(hub.pulls[0]["labels"], json!([{ "name": "automated" }, { "name": "bugfix" }]));
        assert!(hub.pulls[0]["body"].as_str().is_some_and(|body| body.contains("## Quality gate")));
        assert!(hub.comments[0]["body"].as_str().is_some_and(|body| body.starts_with("Merged: ")));
    });
    let history = env.client().handle::<PlanPatchPrWorkflow>("github").history().all().await?;
    assert!(!format!("{history:?}").contains("token-of-a-test"));
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_does_not_merge_is_closed_and_its_branch_removed() -> anyhow::Result<()> {
    let env = TestEnv::start().await?;
    let (shelf, _remote, hub, worker) = world(&env).await?;
    with(&hub, |hub| hub.unmergeable = Some((405, "At least 1 approving review is required", None)));
    let run =
        env.client().start_workflow(PlanPatchPrWorkflow::run, shelf.wanted(BROKEN)).id("github").task_queue(QUEUE);
    let error = run.await?.result().await.expect_err("it is not merged");
    let said = format!("{error:?}");
    assert!(said.contains("At least 1 approving review is required"), "{said}");
    assert_eq!(kind(error), "Work");
    with(&hub, |hub| {
        assert_eq!((&hub.pulls[0]["state"], hub.at(BRANCH)), (&json!("closed"), None));
        assert!(hub.comments[0]["body"].as_str().is_some_and(|body| body.starts_with("Closed: ")), "{hub:?}");
    });
    assert_eq!(shelf.asked(&["for-each-ref", "--format=%(refname)"])?, "refs/heads/main");
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_cannot_be_left_beside_the_pull_request_undoes_nothing() -> anyhow::Result<()> {
    let env = TestEnv::start().await?;
    let (shelf, _remote, hub, worker) = world(&env).await?;
    with(&hub, |hub| hub.mute_once = Some((403, "Resource not accessible", None)));
    let review = Some(ReviewPolicy::default());
    let wanted = PlanPatchPrRequest { house: House { review, ..house(Limits::default()) }, ..shelf.wanted(BROKEN) };
    let run = env.client().start_workflow(PlanPatchPrWorkflow::run, wanted).id("github").task_queue(QUEUE);
    let result = run.await?.result().await?;
    assert!(result.merged && result.review.is_some(), "{result:?}");
    with(&hub, |hub| assert!(hub.mute_once.is_none() && hub.comments.len() == 1, "{hub:?}"));
    worker.shutdown().await?;
    env.shutdown().await;
    Ok(())
}
