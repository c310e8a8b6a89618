//! A server that speaks as GitHub does.

use std::{
    collections::BTreeSet,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri},
};
use serde_json::{Value, json};

/// What the repository is called by now; it is asked for by an earlier name too, as GitHub leads on from there.
const NAME: &str = "someone/Something-else";

/// What the server knows.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// The bare repository behind it.
    pub(crate) remote: String,
    pub(crate) pulls: Vec<Value>,
    pub(crate) issues: Vec<Value>,
    pub(crate) comments: Vec<Value>,
    pub(crate) statuses: Vec<Value>,
    pub(crate) authorizations: BTreeSet<String>,
    /// Answered to everything.
    pub(crate) broken: Option<Fault>,
    /// Answered to the next call only.
    pub(crate) broken_once: Option<Fault>,
    /// Answered to whoever merges.
    pub(crate) unmergeable: Option<Fault>,
    /// Answered to the next one who comments.
    pub(crate) mute_once: Option<Fault>,
    /// Lists of pull requests without more words know nothing of the newest.
    pub(crate) lagging: bool,
}

impl Hub {
    /// What git prints in the repository, if it agrees.
    fn git(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("git").arg("--git-dir").arg(&self.remote).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The commit that a branch is at.
    pub(crate) fn at(&self, branch: &str) -> Option<String> {
        self.git(&["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")])
    }

    /// Pull requests from here follow their branches.
    fn look(&mut self) {
        for number in 0..self.pulls.len() {
            let head = &self.pulls[number]["head"];
            let is_own = head["repo"]["full_name"] == NAME;
            if let Some(at) = head["ref"].as_str().filter(|_| is_own).and_then(|branch| self.at(branch)) {
                self.pulls[number]["head"]["sha"] = at.into();
            }
        }
    }
}

/// A status, what is said, and a header.
pub(crate) type Fault = (u16, &'static str, Option<(&'static str, &'static str)>);

pub(crate) type Shared = Arc<Mutex<Hub>>;
type Said = (StatusCode, HeaderMap, Json<Value>);

/// Its address; it goes on as long as the test's runtime.
pub(crate) async fn serve(hub: &Shared) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let api = format!("http://{}", listener.local_addr()?);
    let router = Router::new().fallback(answer).with_state(Arc::clone(hub));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(api)
}

pub(crate) fn with<T>(hub: &Shared, look: impl FnOnce(&mut Hub) -> T) -> T {
    look(&mut hub.lock().unwrap_or_else(PoisonError::into_inner))
}

fn refused((status, message, header): Fault) -> Said {
    let headers = header.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let status = StatusCode::from_u16(status).unwrap_or_default();
    (status, headers.into_iter().collect(), Json(json!({ "message": message })))
}

fn said(status: StatusCode, value: impl Into<Value>) -> Said {
    (status, HeaderMap::new(), Json(value.into()))
}

async fn answer(State(hub): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: String) -> Said {
    let mut hub = hub.lock().unwrap_or_else(PoisonError::into_inner);
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    hub.authorizations.insert(authorization.to_owned());
    if let Some(fault) = hub.broken_once.take().or(hub.broken) {
        return refused(fault);
    }
    hub.look();
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let path = uri.path().strip_prefix("/repos/someone/something/").unwrap_or_default().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    match (method.as_str(), &parts[..]) {
        ("GET", ["pulls"]) if hub.lagging && !uri.query().unwrap_or_default().contains("head=") => {
            said(StatusCode::OK, json!([]))
        }
        ("GET", ["pulls"]) => said(StatusCode::OK, hub.pulls.clone()),
        ("POST", ["pulls"])
            if hub.pulls.iter().any(|it| it["head"]["ref"] == body["head"] && it["state"] == "open") =>
        {
            let error = json!({ "message": "A pull request already exists for someone:x." });
            let answer = json!({ "message": "Validation Failed", "errors": [error] });
            said(StatusCode::UNPROCESSABLE_ENTITY, answer)
        }
        ("POST", ["pulls"]) => {
            let number = hub.pulls.len() + 1;
            let url = format!("https://example.com/someone/something/pull/{number}");
            let head = json!({ "ref": body["head"], "sha": hub.at(body["head"].as_str().unwrap_or_default()),
                "repo": { "full_name": NAME } });
            let base = json!({ "ref": body["base"], "repo": { "full_name": NAME } });
            let pull = json!({ "number": number, "html_url": url, "state": "open", "title": body["title"], "body": body["body"],
                "head": head, "base": base, "labels": [], "merged": false });
            hub.pulls.push(pull.clone());
            said(StatusCode::CREATED, pull)
        }
        ("GET", ["pulls", number]) => found(hub.pulls.get(index(number))),
        ("PATCH", ["pulls", number]) => {
            hub.pulls[index(number)]["state"] = body["state"].clone();
            found(hub.pulls.get(index(number)))
        }
        ("PUT", ["pulls", _, "merge"]) if hub.unmergeable.is_some() => refused(hub.unmergeable.unwrap_or_default()),
        ("PUT", ["pulls", number, "merge"]) => {
            let pull = &mut hub.pulls[index(number)];
            (pull["state"], pull["merged"], pull["merge_commit_sha"]) = (json!("closed"), json!(true), json!("def"));
            said(StatusCode::OK, json!({ "merged": true }))
        }
        _ => beside(&mut hub, (method.as_str(), &parts[..]), &body),
    }
}

/// What is not a pull request itself.
fn beside(hub: &mut Hub, what: (&str, &[&str]), body: &Value) -> Said {
    match what {
        ("POST", ["issues", number, "labels"]) => {
            let named = |name: &Value| json!({ "name": name });
            let labels: Vec<Value> =
                body["labels"].as_array().map(|all| all.iter().map(named).collect()).unwrap_or_default();
            hub.pulls[index(number)]["labels"] = labels.clone().into();
            said(StatusCode::OK, labels)
        }
        ("GET", ["issues", _, "comments"]) => said(StatusCode::OK, hub.comments.clone()),
        ("POST", ["issues", _, "comments"]) if hub.mute_once.is_some() => {
            refused(hub.mute_once.take().unwrap_or_default())
        }
        ("POST", ["issues", _, "comments"]) => {
            let comment = json!({ "id": hub.comments.len() + 1, "body": body["body"] });
            hub.comments.push(comment.clone());
            said(StatusCode::CREATED, comment)
        }
        ("PATCH", ["issues", "comments", id]) => {
            hub.comments[index(id)]["body"] = body["body"].clone();
            found(hub.comments.get(index(id)))
        }
        ("GET", ["issues"]) => said(StatusCode::OK, hub.issues.clone()),
        ("POST", ["issues"]) => {
            let url = format!("https://example.com/someone/something/issues/{}", hub.issues.len() + 1);
            let issue = json!({ "html_url": url, "body": body["body"], "labels": body["labels"] });
            hub.issues.push(issue.clone());
            said(StatusCode::CREATED, issue)
        }
        ("GET", ["git", "ref", "heads", branch @ ..]) => {
            found(hub.at(&branch.join("/")).map(|at| json!({ "object": { "sha": at } })).as_ref())
        }
        ("POST", ["statuses", commit]) if hub.git(&["cat-file", "-e", commit]).is_none() => {
            refused((422, "No commit found for SHA", None))
        }
        ("POST", ["statuses", commit]) => {
            hub.statuses.push(json!({ "commit": commit, "said": body }));
            said(StatusCode::CREATED, json!({}))
        }
        _ => found(None),
    }
}

fn index(number: &str) -> usize {
    number.parse::<usize>().map_or(usize::MAX, |number| number.wrapping_sub(1))
}

fn found(value: Option<&Value>) -> Said {
    match value {
        Some(value) => said(StatusCode::OK, value.clone()),
        None => said(StatusCode::NOT_FOUND, json!({ "message": "Not Found" })),
    }
}
