//! GitHub, or a server that speaks as it does: what a worker needs of it for pull requests.
//!
//! What is opened carries its key in a comment that people do not see (`<!-- weft: key -->`), by which it is found
//! again: a call that was repeated, because its answer was lost, makes nothing twice.

mod answer;

use std::{collections::BTreeSet, time::Duration};

use octocrab::Octocrab;
use serde_json::{Value, json};

use answer::{document_address, nonsense, number, number_of, pull_request};

use crate::{
    blame::Blame,
    model::{PullRequest, PullRequestState, QualityGateResult},
    repository::{self, Repository},
};

/// The name of our status beside those of others.
const STATUS_CONTEXT: &str = "weft/quality-gate";
/// GitHub cuts longer ones off with an error.
const STATUS_CHARS_MAX: usize = 140;
/// What carries a key is looked for among this many: the newest of pull requests and issues, the oldest of comments.
const PAGE_SIZE: u32 = 100;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Which repository, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// `https://api.github.com`
    pub api: String,
    /// `owner/name`
    pub name: String,
    /// Where branches are pushed to: an address or a path that git understands.
    pub remote: String,
    pub token: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.name, self.api)
    }
}

/// A pull request that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The step that opens it.
    pub key: String,
    pub branch: String,
    /// What the branch is at.
    pub commit: String,
    pub base: String,
    pub title: String,
    /// In Markdown.
    pub description: String,
    pub labels: BTreeSet<String>,
}

/// An issue that is to be kept: one for people, or a postmortem, told apart by their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The step that keeps it.
    pub key: String,
    pub title: String,
    /// In Markdown.
    pub text: String,
    pub labels: BTreeSet<String>,
}

/// What GitHub did not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Repository(#[from] repository::Error),
    #[error("GitHub has nothing there: {0}")]
    NotThere(String),
    #[error("GitHub refuses: {0}")]
    Denied(String),
    #[error("GitHub cannot be reached, or does not work: {0}")]
    Service(String),
    #[error("pull request {number} cannot be merged into {base}: bring its branch up to date")]
    Conflict { number: u64, base: String },
    #[error("pull request {0} is closed")]
    Closed(u64),
}

impl Error {
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Repository(error) => error.blame(),
            Self::NotThere(_) | Self::Denied(_) | Self::Closed(_) => Blame::Refused,
            Self::Conflict { .. } => Blame::Work,
            Self::Service(_) => Blame::Environment,
        }
    }
}

/// A repository on GitHub, with a clone of it here.
#[derive(Clone, Debug)]
pub struct GitHub {
    client: Octocrab,
    access: Access,
    clone: Repository,
}

impl GitHub {
    /// # Errors
    /// When the address is none.
    pub fn new(access: Access, clone: Repository) -> Result<Self, Error> {
        let refused = |e: octocrab::Error| Error::Denied(format!("{:?} is no address: {}", access.api, causes(&e)));
        let builder = Octocrab::builder().base_uri(access.api.as_str()).map_err(refused)?;
        let builder = builder.set_connect_timeout(Some(CONNECT_WITHIN)).set_read_timeout(Some(ANSWER_WITHIN));
        let client = builder.personal_token(access.token.clone()).build().map_err(refused)?;
        Ok(Self { client, access, clone })
    }

    fn route(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.access.name)
    }

    async fn read(&self, rest: &str) -> Result<Value, Error> {
        self.client.get(self.route(rest), None::<&()>).await.map_err(fault)
    }

    async fn post(&self, rest: &str, body: &Value) -> Result<Value, Error> {
        self.client.post(self.route(rest), Some(body)).await.map_err(fault)
    }

    /// The first entry of a list that carries the key.
    async fn keyed(&self, rest: &str, key: &str) -> Result<Option<Value>, Error> {
        let Value::Array(all) = self.read(rest).await? else { return Err(nonsense(rest)) };
        let mark = mark(key);
        Ok(all.into_iter().find(|it| it["body"].as_str().is_some_and(|body| body.contains(&mark))))
    }

    /// Pushes the commit and opens a pull request for it.
    pub async fn open(&self, new: &Opening) -> Result<PullRequest, Error> {
        self.clone.push(&self.access.remote, &new.commit, &new.branch, Some(&self.access.token)).await?;
        let list = format!("pulls?state=all&base={}&per_page={PAGE_SIZE}", encoded(&new.base));
        let opened = match self.keyed(&list, &new.key).await? {
            Some(opened) => opened,
            None => {
                let body = format!("{}\n\n{}", new.description, mark(&new.key));
                let ask = json!({ "title": new.title, "head": new.branch, "base": new.base, "body": body });
                self.post("pulls", &ask).await?
            }
        };
        let number = number(&opened)?;
        if !new.labels.is_empty() {
            // Labels that are there already stay as they are.
            self.post(&format!("issues/{number}/labels"), &json!({ "labels": new.labels })).await?;
        }
        self.get(number).await
    }

    pub async fn get(&self, number: u64) -> Result<PullRequest, Error> {
        pull_request(&self.pull(number).await?)
    }

    async fn pull(&self, number: u64) -> Result<Value, Error> {
        self.read(&format!("pulls/{number}")).await
    }

    /// Leaves a comment. With a key that has one it replaces it.
    pub async fn comment(&self, number: u64, key: &str, text: &str) -> Result<(), Error> {
        let list = format!("issues/{number}/comments?per_page={PAGE_SIZE}");
        let body = json!({ "body": format!("{text}\n\n{}", mark(key)) });
        match self.keyed(&list, key).await? {
            Some(comment) => {
                let route = self.route(&format!("issues/comments/{}", number_of(&comment, "id")?));
                self.client.patch::<Value, _, _>(route, Some(&body)).await.map_err(fault)?;
            }
            None => drop(self.post(&format!("issues/{number}/comments"), &body).await?),
        }
        Ok(())
    }

    /// Says on the commit what a quality gate found.
    pub async fn set_status(&self, result: &QualityGateResult) -> Result<(), Error> {
        let state = if result.can_merge { "success" } else { "failure" };
        let score = format!("score {:.1}", result.overall_score.get());
        let words = std::iter::once(&score).chain(&result.blocking_issues).map(String::as_str);
        let description: String = words.collect::<Vec<_>>().join("; ").chars().take(STATUS_CHARS_MAX).collect();
        let body = json!({ "state": state, "context": STATUS_CONTEXT, "description": description });
        self.post(&format!("statuses/{}", result.commit), &body).await.map(drop)
    }

    /// Merges it; once it is merged, nothing more.
    pub async fn merge(&self, number: u64) -> Result<PullRequest, Error> {
        let now = self.pull(number).await?;
        let known = pull_request(&now)?;
        match known.state {
            PullRequestState::Merged => return Ok(known),
            PullRequestState::Closed => return Err(Error::Closed(number)),
            PullRequestState::Open => {}
        }
        // Nothing is merged that has come onto the branch since.
        let body = json!({ "merge_method": "merge", "sha": now["head"]["sha"] });
        let route = self.route(&format!("pulls/{number}/merge"));
        match self.client.put::<Value, _, _>(route, Some(&body)).await {
            Ok(_) => self.get(number).await,
            Err(error) => match status(&error) {
                Some(405 | 409) => Err(Error::Conflict { number, base: known.base }),
                _ => Err(fault(error)),
            },
        }
    }

    /// Closes it, unless it is merged or closed.
    pub async fn close(&self, number: u64) -> Result<PullRequest, Error> {
        let known = self.get(number).await?;
        if known.state != PullRequestState::Open {
            return Ok(known);
        }
        let route = self.route(&format!("pulls/{number}"));
        let closed: Value = self.client.patch(route, Some(&json!({ "state": "closed" }))).await.map_err(fault)?;
        pull_request(&closed)
    }

    /// Keeps an issue; its address. Found again among those with its labels.
    pub async fn keep(&self, new: &Keeping) -> Result<String, Error> {
        let labels: Vec<&str> = new.labels.iter().map(String::as_str).collect();
        let list = format!("issues?state=all&labels={}&per_page={PAGE_SIZE}", encoded(&labels.join(",")));
        let kept = match self.keyed(&list, &new.key).await? {
            Some(kept) => kept,
            None => {
                let body = format!("{}\n\n{}", new.text, mark(&new.key));
                self.post("issues", &json!({ "title": new.title, "body": body, "labels": labels })).await?
            }
        };
        document_address(&kept)
    }
}

/// A key cannot end the comment that it stands in.
fn mark(key: &str) -> String {
    format!("<!-- weft: {} -->", key.replace("--", "-\u{2060}-").replace('>', ""))
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn status(error: &octocrab::Error) -> Option<u16> {
    match error {
        octocrab::Error::GitHub { source, .. } => Some(source.status_code.as_u16()),
        _ => None,
    }
}

/// Too many calls come with 403 or 429, and words that say so.
fn fault(error: octocrab::Error) -> Error {
    let octocrab::Error::GitHub { source, .. } = &error else { return Error::Service(causes(&error)) };
    let message = format!("{} ({})", source.message, source.status_code);
    match source.status_code.as_u16() {
        403 if source.message.contains("rate limit") => Error::Service(message),
        408 | 429 | 500.. => Error::Service(message),
        404 => Error::NotThere(message),
        _ => Error::Denied(message),
    }
}

/// All that is said of an error, but not the backtrace that its first words hold.
fn causes(error: &octocrab::Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.join(": ")
}
