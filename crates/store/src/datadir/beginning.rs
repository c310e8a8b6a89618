//! A data directory that is made with state in it, from a backup.
//!
//! Invariant: it is not taken for a data directory before all of it is there: the identity is written last, and what a
//! crash leaves without one is refused as somebody else's.

use std::fs;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::{
    DataDir, Error, File, Founding, IDENTITY_FILE, LOCK_FILE, UNFINISHED_IDENTITY_FILE, found, is_ours, lock,
    make_directory,
};

/// A directory that is about to become a data directory. Dropped before that, it is as empty as it was.
#[derive(Debug)]
pub struct Beginning {
    path: PathBuf,
    is_made: bool,
    lock: Option<File>,
}

impl Beginning {
    /// Takes a directory that is empty or does not exist.
    ///
    /// # Errors
    /// When there is anything in it, or it cannot be made.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let is_made = !path.exists();
        if is_ours(path)? {
            return Err(Error::Exists { path: path.to_owned() });
        }
        make_directory(path)?;
        let lock = Some(lock(path)?);
        // Whoever had the lock until now may have made something of it.
        if is_ours(path)? {
            return Err(Error::Exists { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), is_made, lock })
    }

    /// Where the backend of the applied state keeps its files.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// All that is to be in it is there, durably: from now on it is a data directory.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn finish(mut self, founding: &Founding) -> Result<DataDir, Error> {
        let identity = found(&self.path, founding)?;
        match self.lock.take() {
            Some(lock) => {
                let level = Mutex::new(identity.format);
                Ok(DataDir { path: self.path.clone(), identity, level, is_new: true, _lock: lock })
            }
            None => Err(Error::Damaged { path: self.path.clone(), why: "it is finished already".to_owned() }),
        }
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if self.lock.is_none() {
            return;
        }
        // The identity first: it may stand already, where only making it durable failed. As well as it can be done: what is
        // left has no identity, and is refused for that.
        let _ = fs::remove_file(self.path.join(IDENTITY_FILE));
        let _ = fs::remove_dir_all(self.state());
        let _ = fs::remove_file(self.path.join(UNFINISHED_IDENTITY_FILE));
        let _ = fs::remove_file(self.path.join(LOCK_FILE));
        if self.is_made {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::datadir::Backend;

    fn founding() -> Founding {
        Founding { cluster: Uuid::from_u128(7), node: 3, shards: 4, backend: Backend::Fjall, format: 1, joins: None }
    }

    #[test]
    fn it_is_a_data_directory_when_it_is_finished_and_not_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data");
        let beginning = Beginning::at(&path).expect("it is not there");
        fs::create_dir(beginning.state()).expect("it is made");
        assert!(!path.join("weft.toml").exists());
        let finished = beginning.finish(&founding()).expect("it is written");
        assert_eq!((finished.identity().cluster, finished.identity().node), (Uuid::from_u128(7), 3));
        drop(finished);
        assert!(!DataDir::open(&path, &founding(), &(1..=1)).expect("it is one").is_new());
        assert!(path.join("state").exists());
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (new, empty) = (folder.path().join("new"), folder.path().join("empty"));
        fs::create_dir(&empty).expect("it is made");
        for path in [&new, &empty] {
            let beginning = Beginning::at(path).expect("it is empty");
            fs::create_dir(beginning.state()).expect("it is made");
            fs::write(beginning.state().join("1"), "rows").expect("it is written");
        }
        assert!(!new.exists());
        assert!(fs::read_dir(&empty).expect("it was there before").next().is_none());
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("mine"), "").expect("it is written");
        let foreign = Beginning::at(folder.path()).expect_err("it is somebody's");
        assert!(matches!(&foreign, Error::Foreign { found, .. } if found == "mine"), "{foreign}");
        let data = folder.path().join("data");
        drop(DataDir::open(&data, &founding(), &(1..=1)).expect("it is founded"));
        let exists = Beginning::at(&data).expect_err("it is a data directory");
        assert!(exists.to_string().contains("is a data directory already"), "{exists}");
    }
}
