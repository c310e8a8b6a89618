//! GitHub, or a server that speaks as it does: what a worker needs of it for pull requests.
//!
//! What is opened carries its key in a comment that people do not see (`<!-- weft: key -->`), by which it is found
//! again: a call that was repeated, because its answer was lost, makes nothing twice.

mod answer;
mod branch;
mod fault;
mod forge;

use std::{collections::BTreeSet, time::Duration};

use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use answer::{document_address, nonsense, number, number_of, pull_request};
use fault::{causes, fault, status};

use crate::{
    blame::Blame,
    forge::{DocumentKind, NewDocument, NewPullRequest},
    model::{PullRequest, PullRequestState, QualityGateResult},
    repository::{self, Repository},
};

/// The name of our status beside those of others.
const STATUS_CONTEXT: &str = "weft/quality-gate";
/// GitHub cuts longer ones off with an error.
const STATUS_CHARS_MAX: usize = 140;
/// What carries a key is looked for among this many: the newest of pull requests and issues, the oldest of comments.
const PAGE_SIZE: u32 = 100;
/// All but what means nothing anywhere in an address.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
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
    #[error("GitHub wants fewer calls: {said}")]
    Busy { said: String, wait: Option<Duration> },
    #[error(
        "pull request {number} cannot be merged into {base} ({said}): bring its branch up to date, or see what {base} requires"
    )]
    NotMergeable { number: u64, base: String, said: String },
    #[error("somebody has pushed to the branch of pull request {0} since it was looked at: have it checked again")]
    Changed(u64),
    #[error("pull request {0} is closed")]
    Closed(u64),
}

impl Error {
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Repository(error) => error.blame(),
            Self::NotThere(_) | Self::Denied(_) | Self::Closed(_) => Blame::Refused,
            Self::NotMergeable { .. } | Self::Changed(_) => Blame::Work,
            Self::Service(_) | Self::Busy { .. } => Blame::Environment,
        }
    }

    /// How long it wants to be left alone, if it says so.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait, .. } => *wait,
            Self::Repository(_)
            | Self::NotThere(_)
            | Self::Denied(_)
            | Self::Service(_)
            | Self::NotMergeable { .. }
            | Self::Changed(_)
            | Self::Closed(_) => None,
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
    pub async fn open(&self, new: &NewPullRequest) -> Result<PullRequest, Error> {
        self.clone.push(&self.access.remote, &new.commit, &new.branch, Some(&self.access.token)).await?;
        let list = format!("pulls?state=all&base={}&per_page={PAGE_SIZE}", encoded(&new.base));
        let opened = match self.keyed(&list, &new.key).await? {
            Some(opened) => opened,
            None => {
                let body = format!("{}\n\n{}", new.description, mark(&new.key));
                let ask = json!({ "title": new.title, "head": new.branch, "base": new.base, "body": body });
                match self.client.post(self.route("pulls"), Some(&ask)).await {
                    Ok(opened) => opened,
                    // Its lists lag behind what it knows.
                    Err(error) if status(&error) == Some(422) => self.lagging(new, fault(error)).await?,
                    Err(error) => return Err(fault(error)),
                }
            }
        };
        let number = number(&opened)?;
        if !new.labels.is_empty() {
            // Labels that are there already stay as they are.
            self.post(&format!("issues/{number}/labels"), &json!({ "labels": new.labels })).await?;
        }
        self.get(number).await
    }

    /// The open pull request of the branch, if it is the one that was to be opened.
    async fn lagging(&self, new: &NewPullRequest, refused: Error) -> Result<Value, Error> {
        let owner = self.access.name.split('/').next().unwrap_or_default();
        let head = encoded(&format!("{owner}:{}", new.branch));
        match self.keyed(&format!("pulls?state=open&head={head}"), &new.key).await? {
            Some(opened) => Ok(opened),
            None => Err(refused),
        }
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

    /// Says on the commit what a quality gate found. Automatic fixes are commits that GitHub does not have yet; those of
    /// a fork it does not get, and nothing can be said on them.
    pub async fn set_status(&self, number: u64, result: &QualityGateResult) -> Result<(), Error> {
        let has_it = self.bring(number, &self.pull(number).await?, &result.commit).await?;
        let state = if result.can_merge { "success" } else { "failure" };
        let score = format!("score {:.1}", result.overall_score.get());
        let words = std::iter::once(&score).chain(&result.blocking_issues).map(String::as_str);
        let description: String = words.collect::<Vec<_>>().join("; ").chars().take(STATUS_CHARS_MAX).collect();
        let body = json!({ "state": state, "context": STATUS_CONTEXT, "description": description });
        let said: Result<Value, _> =
            self.client.post(self.route(&format!("statuses/{}", result.commit)), Some(&body)).await;
        match said {
            Err(error) if !has_it && status(&error) == Some(422) => Ok(()),
            said => said.map(drop).map_err(fault),
        }
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
                Some(409) => Err(Error::Changed(number)),
                // It says so itself when it only needs another moment.
                Some(405) if fault::message(&error).contains("try the merge again") => {
                    Err(Error::Service(fault::message(&error)))
                }
                Some(405) => Err(Error::NotMergeable { number, base: known.base, said: fault::message(&error) }),
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
    pub async fn keep(&self, new: &NewDocument) -> Result<String, Error> {
        let kind = match new.kind {
            DocumentKind::Issue => None,
            DocumentKind::Postmortem => Some("postmortem"),
        };
        let labels: BTreeSet<&str> = new.labels.iter().map(String::as_str).chain(kind).collect();
        let names: Vec<&str> = labels.iter().copied().collect();
        let list = format!("issues?state=all&labels={}&per_page={PAGE_SIZE}", encoded(&names.join(",")));
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
    utf8_percent_encode(text, &ESCAPED).to_string()
}
