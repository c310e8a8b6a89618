//! A forge without a service: the repository itself has the branches, and beside its objects lies a record of each pull
//! request, issue and postmortem.
//!
//! ```text
//! <git directory>/weft/lock                     held while anything is changed
//!                     /pull-requests/1.json     the record
//!                     /issues/2.json            numbers are shared, as everywhere
//!                     /postmortems/3.json, 3.md
//! refs/pull/1/head                              what the pull request is at, also when its branch is gone
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Answer, DocumentKind, Error, Forge, NewDocument, NewPullRequest};
use crate::{
    model::{PullRequest, PullRequestState, QualityGateResult},
    repository::{self, Repository},
};

/// The forge of one repository.
#[derive(Clone, Debug)]
pub struct Local {
    repository: Repository,
    records: PathBuf,
}

/// A pull request, with what only the forge needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    key: String,
    #[serde(flatten)]
    pull_request: PullRequest,
    head: String,
    /// By their keys.
    #[serde(default)]
    comments: BTreeMap<String, String>,
    #[serde(default)]
    status: Option<Status>,
}

/// What the last quality gate said.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Status {
    success: bool,
    commit: String,
    score: f64,
    blocking_issues: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Document {
    key: String,
    title: String,
    text: String,
    labels: std::collections::BTreeSet<String>,
}

const PULL_REQUESTS: &str = "pull-requests";

impl Local {
    /// # Errors
    /// When the records cannot be kept there.
    pub fn new(repository: Repository) -> Result<Self, Error> {
        let records = repository.git_dir().join("weft");
        for folder in [PULL_REQUESTS, folder(DocumentKind::Issue), folder(DocumentKind::Postmortem)] {
            fs::create_dir_all(records.join(folder)).map_err(|error| unkept(&records, &error))?;
        }
        Ok(Self { repository, records })
    }

    /// Held until it is dropped, or its process is gone.
    async fn lock(&self) -> Result<File, Error> {
        let path = self.records.join("lock");
        let lock = move || {
            let file = File::options().create(true).truncate(false).write(true).open(&path);
            file.and_then(|file| file.lock().map(|()| file)).map_err(|error| unkept(&path, &error))
        };
        tokio::task::spawn_blocking(lock).await.map_err(|error| Error::Records(error.to_string()))?
    }

    fn path(&self, folder: &str, number: u64) -> PathBuf {
        self.records.join(folder).join(format!("{number}.json"))
    }

    fn record(&self, number: u64) -> Result<Record, Error> {
        read(&self.path(PULL_REQUESTS, number))?.ok_or(Error::Unknown(number))
    }

    fn write(&self, record: &Record) -> Result<(), Error> {
        write(&self.path(PULL_REQUESTS, record.pull_request.number), record)
    }

    /// Numbers of a folder, in their order.
    fn numbers(&self, folder: &str) -> Result<Vec<u64>, Error> {
        let path = self.records.join(folder);
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&path).map_err(|error| unkept(&path, &error))? {
            let name = entry.map_err(|error| unkept(&path, &error))?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn next_number(&self) -> Result<u64, Error> {
        let mut last = 0;
        for folder in [PULL_REQUESTS, folder(DocumentKind::Issue), folder(DocumentKind::Postmortem)] {
            last = last.max(self.numbers(folder)?.last().copied().unwrap_or(0));
        }
        Ok(last + 1)
    }

    /// What was opened with a key, as a record of this folder.
    fn keyed<T: DeserializeOwned>(&self, folder: &str, has: impl Fn(&T) -> bool) -> Result<Option<(u64, T)>, Error> {
        for number in self.numbers(folder)? {
            if let Some(record) = read::<T>(&self.path(folder, number))?.filter(&has) {
                return Ok(Some((number, record)));
            }
        }
        Ok(None)
    }

    async fn change(&self, number: u64, change: impl FnOnce(&mut Record)) -> Result<PullRequest, Error> {
        let _held = self.lock().await?;
        let mut record = self.record(number)?;
        change(&mut record);
        self.write(&record)?;
        Ok(record.pull_request)
    }

    async fn open_one(&self, new: &NewPullRequest) -> Result<PullRequest, Error> {
        let _held = self.lock().await?;
        if let Some((_, record)) = self.keyed(PULL_REQUESTS, |record: &Record| record.key == new.key)? {
            return Ok(record.pull_request);
        }
        let found = self.repository.resolve(&format!("refs/heads/{}", new.branch)).await?;
        if found != new.commit {
            return Err(Error::Moved { branch: new.branch.clone(), wanted: new.commit.clone(), found });
        }
        self.repository.resolve(&format!("refs/heads/{}", new.base)).await?;
        let mut number = self.next_number()?;
        // A mirror has pull requests of its own, and a crash may have left a ref without a record.
        while self.repository.keep(&format!("refs/pull/{number}/head"), &found).await? != found {
            number += 1;
        }
        let pull_request = PullRequest {
            number,
            url: address(&self.path(PULL_REQUESTS, number)),
            branch: new.branch.clone(),
            base: new.base.clone(),
            title: new.title.clone(),
            description: new.description.clone(),
            labels: new.labels.clone(),
            state: PullRequestState::Open,
            merge_commit: None,
        };
        let key = new.key.clone();
        let record = Record { key, pull_request, head: found, comments: BTreeMap::new(), status: None };
        self.write(&record)?;
        Ok(record.pull_request)
    }

    async fn merge_one(&self, number: u64) -> Result<PullRequest, Error> {
        let _held = self.lock().await?;
        let mut record = self.record(number)?;
        let base = record.pull_request.base.clone();
        match record.pull_request.state {
            PullRequestState::Merged => return Ok(record.pull_request),
            PullRequestState::Closed => return Err(Error::Closed(number)),
            PullRequestState::Open => {}
        }
        if let Some(path) = self.repository.checked_out(&base).await? {
            return Err(Error::CheckedOut { number, base, path: path.display().to_string() });
        }
        let from = self.repository.resolve(&format!("refs/heads/{base}")).await?;
        let message = format!("Merge pull request {number}: {}", record.pull_request.title);
        // An attempt that was cut short after the branch moved and before the record was written has done it already.
        let is_merged = self.repository.contains(&from, &record.head).await?
            && self.repository.message(&from).await?.starts_with(&message);
        let to = if is_merged {
            from
        } else {
            let to =
                self.repository.merge_commit(&from, &record.head, &message).await.map_err(|error| match error {
                    repository::Error::Conflict { .. } => Error::Conflict { number, base: base.clone() },
                    other => other.into(),
                })?;
            self.repository.move_branch(&base, &from, &to).await?;
            to
        };
        record.pull_request.state = PullRequestState::Merged;
        record.pull_request.merge_commit = Some(to);
        self.write(&record)?;
        Ok(record.pull_request)
    }

    async fn keep_one(&self, new: &NewDocument) -> Result<String, Error> {
        let _held = self.lock().await?;
        let folder = folder(new.kind);
        let found = self.keyed(folder, |document: &Document| document.key == new.key)?;
        let number = found.map_or_else(|| self.next_number(), |(number, _)| Ok(number))?;
        let (key, title, labels) = (new.key.clone(), new.title.clone(), new.labels.clone());
        let path = self.path(folder, number);
        // The text before the record: what is recorded can be read.
        let readable = path.with_extension("md");
        put(&readable, format!("# {title}\n\n{}\n", new.text.trim()).as_bytes())?;
        write(&path, &Document { key, title, text: new.text.clone(), labels })?;
        Ok(address(&readable))
    }
}

impl Forge for Local {
    fn open<'a>(&'a self, new: &'a NewPullRequest) -> Answer<'a, PullRequest> {
        Box::pin(self.open_one(new))
    }

    fn get(&self, number: u64) -> Answer<'_, PullRequest> {
        Box::pin(async move { self.record(number).map(|record| record.pull_request) })
    }

    fn comment<'a>(&'a self, number: u64, key: &'a str, text: &'a str) -> Answer<'a, ()> {
        let leave = |record: &mut Record| drop(record.comments.insert(key.to_owned(), text.to_owned()));
        Box::pin(async move { self.change(number, leave).await.map(drop) })
    }

    fn set_status<'a>(&'a self, number: u64, result: &'a QualityGateResult) -> Answer<'a, ()> {
        let status = Status {
            success: result.can_merge,
            commit: result.commit.clone(),
            score: result.overall_score.get(),
            blocking_issues: result.blocking_issues.clone(),
        };
        Box::pin(async move { self.change(number, |record| record.status = Some(status)).await.map(drop) })
    }

    fn merge(&self, number: u64) -> Answer<'_, PullRequest> {
        Box::pin(self.merge_one(number))
    }

    fn close(&self, number: u64) -> Answer<'_, PullRequest> {
        let close = |record: &mut Record| {
            if record.pull_request.state == PullRequestState::Open {
                record.pull_request.state = PullRequestState::Closed;
            }
        };
        Box::pin(self.change(number, close))
    }

    fn keep<'a>(&'a self, new: &'a NewDocument) -> Answer<'a, String> {
        Box::pin(self.keep_one(new))
    }

    fn remove_branch<'a>(&'a self, _: &'a str) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

fn folder(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Issue => "issues",
        DocumentKind::Postmortem => "postmortems",
    }
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn unkept(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Records(format!("{}: {error}", path.display()))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unkept(path, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unkept(path, &error)),
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| unkept(path, &error))?;
    put(path, &bytes)
}

/// Whole or not at all, whatever happens meanwhile.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let draft = path.with_extension("draft");
    let written = File::create(&draft).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&draft, path)).map_err(|error| unkept(path, &error))
}
