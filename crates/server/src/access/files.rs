//! Something that is made of files, and made again when they change.
//!
//! Invariant: whoever takes the current one gets a whole one; broken files are told of once and change nothing. Files
//! are compared by what is in them: times and inodes lie where secrets are mounted.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use weft_env::Clock;

use super::Error;

/// A file and what it is to us.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) what: &'static str,
    pub(crate) path: PathBuf,
    secret: bool,
}

impl Source {
    /// A file that anybody may read.
    pub(crate) fn open(what: &'static str, path: &Path) -> Self {
        Self { what, path: path.to_owned(), secret: false }
    }

    /// A file that is nobody else's business: the log says so if others can read it. It is used all the same, because
    /// orchestrators mount secrets like that.
    pub(crate) fn secret(what: &'static str, path: &Path) -> Self {
        Self { what, path: path.to_owned(), secret: true }
    }

    fn is_exposed(&self) -> bool {
        const OTHERS_READ: u32 = 0o004;
        self.secret && fs::metadata(&self.path).is_ok_and(|file| file.permissions().mode() & OTHERS_READ != 0)
    }
}

/// What is in a file.
pub(crate) struct Content {
    pub(crate) source: Source,
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    /// That it is wrong.
    pub(crate) fn wrong(&self, why: impl Into<String>) -> Error {
        Error::Content { what: self.source.what, path: self.source.path.clone(), why: why.into() }
    }
}

type Make<T> = Box<dyn Fn(&[Content]) -> Result<T, Error> + Send + Sync>;

/// See the module.
pub(crate) struct FromFiles<T> {
    sources: Vec<Source>,
    make: Make<T>,
    current: RwLock<Arc<T>>,
    /// Digest of what was found last, errors included.
    seen: Mutex<[u8; 32]>,
}

impl<T> FromFiles<T> {
    /// Reads the files for the first time; `make` is given one content for each source, in their order.
    pub(crate) fn load(
        sources: Vec<Source>,
        make: impl Fn(&[Content]) -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let read = read(&sources);
        let seen = Mutex::new(digest(&read));
        let current = RwLock::new(Arc::new(make(&read?)?));
        tell_of_exposed(&sources);
        Ok(Self { sources, make: Box::new(make), current, seen })
    }

    pub(crate) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read())
    }
}

/// Something that may have changed.
pub(crate) trait Changing: Send + Sync {
    /// Looks; whether there is a new one.
    fn look(&self) -> Result<bool, Error>;
    /// What it is called in a log.
    fn name(&self) -> &'static str;
}

impl<T: Send + Sync> Changing for FromFiles<T> {
    fn look(&self) -> Result<bool, Error> {
        let read = read(&self.sources);
        let found = digest(&read);
        if std::mem::replace(&mut *self.seen.lock(), found) == found {
            return Ok(false);
        }
        let made = (self.make)(&read?)?;
        *self.current.write() = Arc::new(made);
        tell_of_exposed(&self.sources);
        Ok(true)
    }

    fn name(&self) -> &'static str {
        self.sources.first().map_or("nothing", |source| source.what)
    }
}

fn tell_of_exposed(sources: &[Source]) {
    for source in sources.iter().filter(|source| source.is_exposed()) {
        let Source { what, path, .. } = source;
        tracing::warn!(what, path = %path.display(), "every user of this machine can read it: chmod 600 would help");
    }
}

fn read(sources: &[Source]) -> Result<Vec<Content>, Error> {
    let read = |source: &Source| match fs::read(&source.path) {
        Ok(bytes) => Ok(Content { source: source.clone(), bytes }),
        Err(error) => Err(Error::Read { what: source.what, path: source.path.clone(), error }),
    };
    sources.iter().map(read).collect()
}

fn digest(read: &Result<Vec<Content>, Error>) -> [u8; 32] {
    let mut hash = Sha256::new();
    match read {
        Ok(contents) => {
            for content in contents {
                hash.update(Sha256::digest(&content.bytes));
            }
        }
        Err(error) => hash.update(error.to_string()),
    }
    hash.finalize().into()
}

/// Looks at all of them at every interval, until the server stops.
pub(crate) async fn keep(
    all: Vec<Arc<dyn Changing>>,
    interval: Duration,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
) {
    if all.is_empty() {
        return;
    }
    loop {
        tokio::select! {
            () = clock.sleep_until(clock.monotonic() + interval) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        let all = all.clone();
        // The files may be on a disk that takes its time.
        let looked = tokio::task::spawn_blocking(move || all.iter().for_each(|one| look(one.as_ref()))).await;
        if let Err(error) = looked {
            tracing::error!(%error, "files of certificates and keys could not be looked at");
        }
    }
}

fn look(one: &dyn Changing) {
    match one.look() {
        Ok(false) => {}
        Ok(true) => tracing::info!(what = one.name(), "read again, because it changed"),
        Err(error) => tracing::error!(%error, what = one.name(), "it changed and cannot be used: the old one is kept"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(contents: &[Content]) -> Result<u32, Error> {
        let text = String::from_utf8_lossy(&contents[0].bytes);
        text.parse().map_err(|_| contents[0].wrong("is no number"))
    }

    #[test]
    fn what_is_broken_is_told_of_once_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let sources = || vec![Source::open("the number", &path)];
        assert!(FromFiles::load(sources(), number).is_err(), "there is no file yet");
        fs::write(&path, "1").unwrap();
        let held = FromFiles::load(sources(), number).unwrap();
        assert!(!held.look().unwrap());
        fs::write(&path, "two").unwrap();
        let error = held.look().unwrap_err().to_string();
        assert!(error.starts_with("the number (/") && error.ends_with("number) is no number"), "{error}");
        assert!(!held.look().unwrap(), "it was told of");
        fs::remove_file(&path).unwrap();
        assert!(held.look().unwrap_err().to_string().starts_with("cannot read the number"));
        assert!(!held.look().unwrap());
        assert_eq!(*held.current(), 1);
        fs::write(&path, "3").unwrap();
        assert!(held.look().unwrap());
        assert_eq!(*held.current(), 3);
    }
}
