//! A server that speaks as GitHub does, and a bare repository to push to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use serde_json::{Value, json};
use weft_worker::{
    blame::Blame,
    github::{Access, Error, GitHub, Keeping, Opening},
    model::{ContentHash, Percent, PullRequestState, QualityGateResult, Spend},
    repository::Repository,
};

use crate::support::Fixture;

/// What the server knows.
#[derive(Debug, Default)]
struct Hub {
    pulls: Vec<Value>,
    issues: Vec<Value>,
    comments: Vec<Value>,
    statuses: Vec<Value>,
    authorizations: BTreeSet<String>,
    /// Answered to everything.
    broken: Option<(u16, &'static str)>,
    conflicting: bool,
}

type Shared = Arc<Mutex<Hub>>;
type Said = (StatusCode, Json<Value>);

async fn answer(State(hub): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: String) -> Said {
    let mut hub = hub.lock().unwrap_or_else(PoisonError::into_inner);
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    hub.authorizations.insert(authorization.to_owned());
    if let Some((status, message)) = hub.broken {
        return (StatusCode::from_u16(status).unwrap_or_default(), Json(json!({ "message": message })));
    }
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let path = uri.path().strip_prefix("/repos/someone/something/").unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    match (method.as_str(), &parts[..]) {
        ("GET", ["pulls"]) => (StatusCode::OK, Json(hub.pulls.clone().into())),
        ("POST", ["pulls"]) => {
            let number = hub.pulls.len() + 1;
            let url = format!("https://example.com/someone/something/pull/{number}");
            let pull = json!({ "number": number, "html_url": url, "state": "open", "title": body["title"], "body": body["body"],
                "head": { "ref": body["head"], "sha": "abc" }, "base": { "ref": body["base"] }, "labels": [], "merged": false });
            hub.pulls.push(pull.clone());
            (StatusCode::CREATED, Json(pull))
        }
        ("GET", ["pulls", number]) => found(hub.pulls.get(index(number))),
        ("PATCH", ["pulls", number]) => {
            hub.pulls[index(number)]["state"] = body["state"].clone();
            found(hub.pulls.get(index(number)))
        }
        ("PUT", ["pulls", _, "merge"]) if hub.conflicting => {
            (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "message": "Pull Request is not mergeable" })))
        }
        ("PUT", ["pulls", number, "merge"]) => {
            let pull = &mut hub.pulls[index(number)];
            (pull["state"], pull["merged"], pull["merge_commit_sha"]) = (json!("closed"), json!(true), json!("def"));
            (StatusCode::OK, Json(json!({ "merged": true })))
        }
        ("POST", ["issues", number, "labels"]) => {
            let named = |name: &Value| json!({ "name": name });
            let labels: Vec<Value> =
                body["labels"].as_array().map(|all| all.iter().map(named).collect()).unwrap_or_default();
            hub.pulls[index(number)]["labels"] = labels.clone().into();
            (StatusCode::OK, Json(labels.into()))
        }
        ("GET", ["issues", _, "comments"]) => (StatusCode::OK, Json(hub.comments.clone().into())),
        ("POST", ["issues", _, "comments"]) => {
            let comment = json!({ "id": hub.comments.len() + 1, "body": body["body"] });
            hub.comments.push(comment.clone());
            (StatusCode::CREATED, Json(comment))
        }
        ("PATCH", ["issues", "comments", id]) => {
            hub.comments[index(id)]["body"] = body["body"].clone();
            found(hub.comments.get(index(id)))
        }
        ("GET", ["issues"]) => (StatusCode::OK, Json(hub.issues.clone().into())),
        ("POST", ["issues"]) => {
            let url = format!("https://example.com/someone/something/issues/{}", hub.issues.len() + 1);
            let issue = json!({ "html_url": url, "body": body["body"], "labels": body["labels"] });
            hub.issues.push(issue.clone());
            (StatusCode::CREATED, Json(issue))
        }
        ("POST", ["statuses", commit]) => {
            hub.statuses.push(json!({ "commit": commit, "said": body }));
            (StatusCode::CREATED, Json(json!({})))
        }
        _ => found(None),
    }
}

fn index(number: &str) -> usize {
    number.parse::<usize>().map_or(usize::MAX, |number| number.wrapping_sub(1))
}

fn found(value: Option<&Value>) -> Said {
    match value {
        Some(value) => (StatusCode::OK, Json(value.clone())),
        None => (StatusCode::NOT_FOUND, Json(json!({ "message": "Not Found" }))),
    }
}

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
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let api = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&hub));
        tokio::spawn(async move { axum::serve(listener, router).await });
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

    fn with<T>(&self, look: impl FnOnce(&mut Hub) -> T) -> T {
        look(&mut self.hub.lock().unwrap_or_else(PoisonError::into_inner))
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
    let other = Opening { key: "run-2/publish".to_owned(), ..world.opening() };
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
    world.with(|hub| hub.conflicting = true);
    let error = world.github.merge(2).await.expect_err("it conflicts");
    assert!(matches!(&error, Error::Conflict { number: 2, base } if base == "main"), "{error}");
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
        title: "What happened".to_owned(),
        text: "It broke.".to_owned(),
        labels: BTreeSet::from(["postmortem".to_owned()]),
    };
    let address = world.github.keep(&keeping).await?;
    assert_eq!(world.github.keep(&keeping).await?, address);
    let result = QualityGateResult {
        pr_number: Some(1),
        all_checks_passed: false,
        required_checks_passed: false,
        can_merge: false,
        checks: std::collections::BTreeMap::new(),
        overall_score: Percent::of(1, 2),
        auto_fixes_applied: false,
        blocking_issues: vec!["x".repeat(500)],
        commit: world.commit.clone(),
        diff: ContentHash::of(b"diff"),
        spent: Spend::default(),
    };
    world.github.set_status(&result).await?;
    world.with(|hub| {
        assert_eq!((hub.comments.len(), hub.issues.len()), (1, 1));
        assert!(hub.comments[0]["body"].as_str().is_some_and(|body| body.starts_with("second\n")), "{hub:?}");
        let said = &hub.statuses[0]["said"];
        assert_eq!((&hub.statuses[0]["commit"], &said["state"]), (&json!(world.commit), &json!("failure")));
        assert!(said["description"].as_str().is_some_and(|it| it.starts_with("score 50.0; x") && it.len() == 140));
    });
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
        world.with(|hub| hub.broken = Some((status, message)));
        let error = world.github.open(&world.opening()).await.expect_err(message);
        assert_eq!(error.blame(), blame, "{error}");
        let text = error.to_string();
        assert!(text.contains(message) && !text.contains("token-of-a-test") && !text.contains('\n'), "{text}");
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
