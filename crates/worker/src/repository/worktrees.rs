//! Worktrees as durable resources: one for each step and attempt.
//!
//! Invariants: a worktree has a record before it exists and until it is gone; one that is asked for again is the same;
//! one with changes that are not committed is removed only by who says that nobody wants them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::sync::Mutex;

use super::{
    Error, Repository,
    git::Git,
    record::{self, Key, Record},
    worktree::Worktree,
};

/// Below this, branches are the workers'.
const BRANCH_PREFIX: &str = "weft";

/// The worktrees of a worker.
#[derive(Debug)]
pub struct Worktrees {
    folder: PathBuf,
    /// Git locks what it changes and does not wait for the lock.
    turn: Mutex<()>,
}

/// What becomes of what is in a worktree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Its branch stays. Refused if there are changes that are not committed.
    KeepBranch,
    /// Nobody wants it.
    Discard,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub kept: Vec<Key>,
    pub removed: Vec<Key>,
    /// Could not be removed, and why.
    pub failed: Vec<(Key, String)>,
}

impl Worktrees {
    /// In a folder of the worker's own.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        for part in ["records", "trees", "tmp"] {
            fs::create_dir_all(folder.join(part)).map_err(|e| disk(&folder.join(part), &e))?;
        }
        let folder = folder.canonicalize().map_err(|e| disk(&folder, &e))?;
        Ok(Self { folder, turn: Mutex::new(()) })
    }

    /// The worktree for a step and attempt, made if it is not there. One that is there is given as it is: what was
    /// done in it before a crash is still in it.
    pub async fn acquire(&self, repository: &Repository, key: &Key, base: &str) -> Result<Worktree, Error> {
        let base = repository.resolve(base).await?;
        let name = key.name();
        let _turn = self.turn.lock().await;
        let record = match record::read(&self.record_path(&name))? {
            Some(record) if record.base != base || record.git_dir != repository.git_dir() => {
                return Err(Error::OtherBase { name, registered: record.base, asked: base });
            }
            Some(record) => record,
            None => self.register(repository, key, base).await?,
        };
        let worktree = self.worktree(&record);
        if !worktree.is_whole() {
            self.make(repository, &record, &worktree).await?;
        }
        fs::create_dir_all(worktree.temporary()).map_err(|e| disk(worktree.temporary(), &e))?;
        Ok(worktree)
    }

    /// What is registered, in the order of names.
    pub fn list(&self) -> Result<Vec<Record>, Error> {
        let folder = self.folder.join("records");
        let entries = fs::read_dir(&folder).map_err(|e| disk(&folder, &e))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        paths.iter().filter_map(|path| record::read(path).transpose()).collect()
    }

    /// Gives a worktree back. One that is not registered is gone already.
    pub async fn release(&self, key: &Key, how: Release) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        match record::read(&self.record_path(&key.name()))? {
            Some(record) => self.remove(&record, how).await,
            None => Ok(()),
        }
    }

    /// Removes all that nobody wants any more, whatever state a crash left it in.
    pub async fn sweep(&self, is_wanted: impl Fn(&Record) -> bool) -> Result<Swept, Error> {
        let _turn = self.turn.lock().await;
        let mut swept = Swept::default();
        for record in self.list()? {
            if is_wanted(&record) {
                swept.kept.push(record.key);
                continue;
            }
            match self.remove(&record, Release::Discard).await {
                Ok(()) => swept.removed.push(record.key),
                Err(error) => swept.failed.push((record.key, error.to_string())),
            }
        }
        Ok(swept)
    }

    /// Writes the record, with a branch that nobody has.
    async fn register(&self, repository: &Repository, key: &Key, base: String) -> Result<Record, Error> {
        let name = key.name();
        let mut branch = format!("{BRANCH_PREFIX}/{name}");
        let mut number = 2;
        while repository.branch(&branch).await?.is_some() {
            branch = format!("{BRANCH_PREFIX}/{name}-{number}");
            number += 1;
        }
        let record = Record { key: key.clone(), git_dir: repository.git_dir().to_owned(), branch, base };
        record::write(&self.record_path(&name), &record)?;
        Ok(record)
    }

    /// Makes a worktree where there is none, or half of one after a crash.
    async fn make(&self, repository: &Repository, record: &Record, worktree: &Worktree) -> Result<(), Error> {
        let git = repository.git();
        clear(worktree.path())?;
        clear(worktree.git_dir())?;
        let path = text(worktree.path())?;
        // The branch is there if the crash came after it was made; its commits are part of what is to be found again.
        let args = match repository.branch(&record.branch).await? {
            Some(_) => vec!["worktree", "add", "--quiet", "--force", path, &record.branch],
            None => vec!["worktree", "add", "--quiet", "--no-track", "-b", &record.branch, path, &record.base],
        };
        git.run(&args).await?;
        Ok(())
    }

    async fn remove(&self, record: &Record, how: Release) -> Result<(), Error> {
        let worktree = self.worktree(record);
        let files = match how {
            Release::KeepBranch if worktree.is_whole() => worktree.uncommitted().await?,
            Release::KeepBranch | Release::Discard => Vec::new(),
        };
        if !files.is_empty() {
            return Err(Error::Dirty { path: worktree.path().to_owned(), files });
        }
        clear(worktree.path())?;
        clear(worktree.temporary())?;
        // Not by git, which would look after all worktrees, and other people have theirs.
        clear(worktree.git_dir())?;
        // A repository that is gone has taken its branches along.
        if how == Release::Discard && record.git_dir.is_dir() {
            let reference = format!("refs/heads/{}", record.branch);
            Git::of(&record.git_dir).run(&["update-ref", "-d", &reference]).await?;
        }
        let path = self.record_path(&record.key.name());
        fs::remove_file(&path).map_err(|e| disk(&path, &e))
    }

    fn worktree(&self, record: &Record) -> Worktree {
        let name = record.key.name();
        let (path, temporary) = (self.folder.join("trees").join(&name), self.folder.join("tmp").join(&name));
        // Git names a worktree's folder after the last part of its path, and no other has this one.
        let git_dir = record.git_dir.join("worktrees").join(&name);
        Worktree::new(path, temporary, git_dir, record.clone())
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.folder.join("records").join(format!("{name}.json"))
    }
}

fn disk(path: &Path, error: &std::io::Error) -> Error {
    Error::Disk { path: path.to_owned(), message: error.to_string() }
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Disk { path: path.to_owned(), message: "the path is not UTF-8".to_owned() })
}

/// Removes a folder with all that is in it, also what a command has made unreadable for itself.
fn clear(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            open_up(path);
            fs::remove_dir_all(path).map_err(|e| disk(path, &e))
        }
        other => other.map_err(|e| disk(path, &e)),
    }
}

/// Lets the owner into every folder below.
fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        // What cannot be opened is told of when it cannot be removed.
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        open.extend(entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
    }
}
