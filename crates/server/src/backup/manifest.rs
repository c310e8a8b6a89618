//! `backup.json`: whose backup it is, and what every file of it holds.
//!
//! Its format is the format level that the cluster had. Keys that a later version of the same format adds are ignored. A
//! format that this version does not know is not looked into further.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use weft_rows::{Level, SLOTS, Supported};

use super::Error;

pub(super) const FILE: &str = "backup.json";
const MAGIC: &str = "weft cluster backup";

/// Where a backup comes from: the first thing that a node sends of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Of the server that made it.
    pub version: String,
    /// The name of the cluster; empty for a node of its own.
    pub cluster_name: String,
    pub cluster: String,
    /// The node that was asked.
    pub node: u32,
    pub shards: u16,
    /// The format level of the cluster; versions that knew none had the first.
    #[serde(default = "first_level")]
    pub level: u32,
    /// When, by that node's clock: RFC 3339.
    pub taken_at: String,
    /// How long messages between workflows waited for it.
    pub held_ms: u64,
}

fn first_level() -> u32 {
    Level::FIRST.number()
}

/// The rows of a Raft group, in a file of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedGroup {
    pub group: u32,
    /// The last entry of the group's log that they include.
    pub index: u64,
    pub pieces: u64,
    /// Of the file.
    pub bytes: u64,
    pub sha256: String,
}

/// All that is said of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    magic: String,
    format: u32,
    #[serde(flatten)]
    pub source: Source,
    /// In the order of their numbers: the metadata, and then every shard.
    pub groups: Vec<SavedGroup>,
}

/// What is read before anything else.
#[derive(Deserialize)]
struct Envelope {
    magic: String,
    format: u32,
}

impl Manifest {
    pub(super) fn new(source: Source, groups: Vec<SavedGroup>) -> Self {
        Self { magic: MAGIC.to_owned(), format: source.level, source, groups }
    }

    /// The format level of the cluster when it was made.
    pub(super) fn level(&self) -> Level {
        Level::new(self.source.level).unwrap_or_default()
    }

    /// Bytes of all groups' files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.groups.iter().map(|group| group.bytes).sum()
    }

    pub(super) fn encode(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("numbers and texts can be written as JSON") + "\n"
    }

    /// Reads that of a backup.
    ///
    /// # Errors
    /// When there is none, or it is not one of ours.
    pub fn read(backup: &Path) -> Result<Self, Error> {
        let path = backup.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => Self::decode(&bytes, &path),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                let path = backup.to_owned();
                Err(if backup.join("weft.toml").exists() {
                    Error::DataDirectory { path }
                } else {
                    Error::NoManifest { path }
                })
            }
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let wrong = |why: String| Error::Manifest { path: path.to_owned(), why };
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if envelope.magic != MAGIC {
            return Err(wrong(format!("it says that it is {:?}", envelope.magic)));
        }
        let level = Level::new(envelope.format).ok_or_else(|| wrong("no version ever had format 0".to_owned()))?;
        check_level(path, level)?;
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        manifest.check().map_err(wrong)?;
        Ok(manifest)
    }

    /// That it has the metadata and every shard, once.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.source.shards == 0 || self.source.shards > SLOTS {
            return Err(format!("there are no clusters of {} shards", self.source.shards));
        }
        let (found, wanted) = (self.groups.iter().map(|group| group.group), 0..=u32::from(self.source.shards));
        if found.clone().ne(wanted.clone()) {
            return Err(format!("it has groups {:?}, and should have {wanted:?}", found.collect::<Vec<_>>()));
        }
        match self.groups.iter().find(|group| group.index == 0) {
            Some(empty) => Err(format!("group {} stands nowhere", empty.group)),
            None => Ok(()),
        }
    }
}

/// Whether this version can make a node of a backup of a cluster at this level.
pub(super) fn check_level(path: &Path, level: Level) -> Result<(), Error> {
    let Supported { oldest, newest } = Supported::HERE;
    let (path, found) = (path.to_owned(), level.number());
    if level > newest {
        return Err(Error::Newer { path, found, known: newest.number() });
    }
    if level < oldest { Err(Error::Older { path, found, known: oldest.number() }) } else { Ok(()) }
}

/// The file of a group.
pub(super) fn file(backup: &Path, group: u32) -> PathBuf {
    backup.join(format!("group-{group:05}.weft"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let group = |group| SavedGroup { group, index: 9, pieces: 1, bytes: 7, sha256: "ab".to_owned() };
        let source = Source {
            version: "0.1.0".to_owned(),
            cluster_name: "prod".to_owned(),
            cluster: "7".to_owned(),
            node: 2,
            shards: 2,
            level: 1,
            taken_at: "2026-01-02T03:04:05Z".to_owned(),
            held_ms: 12,
        };
        Manifest::new(source, (0..3).map(group).collect())
    }

    fn read(text: &str) -> Result<Manifest, String> {
        Manifest::decode(text.as_bytes(), Path::new("dir/backup.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn it_comes_back_and_keeps_its_keys() {
        let text = manifest().encode();
        assert_eq!(read(&text), Ok(manifest()));
        for key in ["\"magic\": \"weft cluster backup\"", "\"format\": 1", "\"shards\": 2", "\"sha256\": \"ab\""] {
            assert!(text.contains(key), "{key}: {text}");
        }
        assert_eq!(read(&text.replace("\"format\"", "\"later\": 1, \"format\"")), Ok(manifest()));
        let without_level = text.replace("\"level\": 1,", "");
        assert!(without_level != text && read(&without_level) == Ok(manifest()), "versions that knew none made it");
    }

    #[test]
    fn what_is_no_manifest_is_said() {
        let text = manifest().encode();
        for (broken, says) in [
            (text.replace("weft cluster backup", "photos"), "it says that it is \"photos\""),
            (text.replace("\"format\": 1", "\"format\": 0"), "no version ever had format 0"),
            (text.replace("\"format\": 1", "\"format\": 99"), "use the newer version that made it"),
            (text.replace("\"shards\": 2", "\"shards\": 3"), "it has groups [0, 1, 2], and should have 0..=3"),
            (text.replace("\"shards\": 2", "\"shards\": 0"), "there are no clusters of 0 shards"),
            (text.replacen("\"index\": 9", "\"index\": 0", 1), "group 0 stands nowhere"),
            (text[..text.len() / 2].to_owned(), "dir/backup.json is not the manifest of a backup"),
        ] {
            let said = read(&broken).expect_err("it is broken");
            assert!(said.contains(says), "{says}: {said}");
        }
    }
}
