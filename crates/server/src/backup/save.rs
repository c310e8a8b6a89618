//! Keeping what a node sends of a backup in a directory.
//!
//! Invariant: the manifest is written last, when all the rest is there and durable; whatever fails leaves nothing behind.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use weft_store::datadir::{make_directory, sync_directory};

use super::{
    Error, Frame, GroupHead, Manifest, SavedGroup, Source,
    manifest::{self, FILE},
    stream,
};

/// A file is synced each time that so much was written: were all of it synced at the end, the node that sends would see
/// nothing taken meanwhile, and give up.
const SYNC_BYTES: u64 = 64 << 20;

/// Reads a backup as a node sends it, and keeps it in `dir`, which is empty or does not exist.
///
/// # Errors
/// When it is not sent whole, or cannot be kept.
pub fn save(dir: &Path, mut input: impl Read) -> Result<Manifest, Error> {
    let mut keeping = Keeping::begin(dir)?;
    let (source, groups) = keeping.take(&mut input)?;
    let manifest = Manifest::new(source, groups);
    manifest.check().map_err(|why| Error::BrokenOff(format!("the node sent another one than it said: {why}")))?;
    keeping.finish(&manifest)?;
    Ok(manifest)
}

/// A directory that is being filled. Dropped before it is finished, it is as empty as it was.
struct Keeping {
    dir: PathBuf,
    is_made: bool,
    written: Vec<PathBuf>,
}

impl Keeping {
    fn begin(dir: &Path) -> Result<Self, Error> {
        let is_made = match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
            Ok(true) => false,
            Ok(false) => return Err(Error::NotEmpty { path: dir.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directory(dir)?;
                true
            }
            Err(error) => return Err(Error::io("read", dir, error)),
        };
        Ok(Self { dir: dir.to_owned(), is_made, written: Vec::new() })
    }

    fn take(&mut self, input: &mut impl Read) -> Result<(Source, Vec<SavedGroup>), Error> {
        let Frame::Source(source) = next(input)? else {
            return Err(Error::BrokenOff("what answers there is no node that makes backups".to_owned()));
        };
        let (mut groups, mut current): (Vec<SavedGroup>, Option<Group>) = (Vec::new(), None);
        loop {
            match next(input)? {
                Frame::Piece(piece) => match &mut current {
                    Some(group) => group.put(&piece)?,
                    None => return Err(Error::BrokenOff("there are rows of no group".to_owned())),
                },
                Frame::Group(head) => {
                    groups.extend(current.take().map(Group::finish).transpose()?);
                    let path = manifest::file(&self.dir, head.group);
                    current = Some(Group::begin(head, path.clone())?);
                    self.written.push(path);
                }
                Frame::End => {
                    groups.extend(current.take().map(Group::finish).transpose()?);
                    return Ok((source, groups));
                }
                Frame::Failed(why) => return Err(Error::BrokenOff(why)),
                Frame::Source(_) => return Err(Error::BrokenOff("it begins twice".to_owned())),
            }
        }
    }

    fn finish(&mut self, manifest: &Manifest) -> Result<(), Error> {
        // The files are there, by their names, before anything says so.
        sync_directory(&self.dir)?;
        let (unfinished, path) = (self.dir.join(format!("{FILE}.new")), self.dir.join(FILE));
        self.written.push(unfinished.clone());
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(manifest.encode().as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|error| Error::io("write", &path, error))?;
        self.written.push(path);
        sync_directory(&self.dir)?;
        self.written.clear();
        self.is_made = false;
        Ok(())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // The manifest first. As well as it can be done: what is left has none, and is refused for that.
        for path in self.written.iter().rev() {
            let _ = fs::remove_file(path);
        }
        if self.is_made {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

fn next(input: &mut impl Read) -> Result<Frame, Error> {
    Frame::read(input).map_err(|error| {
        Error::BrokenOff(match error.kind() {
            io::ErrorKind::UnexpectedEof => "the node sent only a part of it".to_owned(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the node sent nothing any more".to_owned(),
            _ => error.to_string(),
        })
    })
}

/// The file of a group.
struct Group {
    head: GroupHead,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    pieces: u64,
    bytes: u64,
    synced: u64,
}

impl Group {
    fn begin(head: GroupHead, path: PathBuf) -> Result<Self, Error> {
        // Readable for its owner only, whoever made the directory: histories may hold secrets.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| Error::io("write", &path, error))?;
        Ok(Self { head, path, file: BufWriter::new(file), hash: Sha256::new(), pieces: 0, bytes: 0, synced: 0 })
    }

    fn put(&mut self, piece: &[u8]) -> Result<(), Error> {
        let record = stream::record(piece);
        self.hash.update(&record);
        self.pieces += 1;
        self.bytes += record.len() as u64;
        self.write(&record).map_err(|error| Error::io("write", &self.path, error))
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.write_all(record)?;
        if self.bytes - self.synced >= SYNC_BYTES {
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
            self.synced = self.bytes;
        }
        Ok(())
    }

    fn finish(self) -> Result<SavedGroup, Error> {
        let Self { head, path, file, hash, pieces, bytes, synced: _ } = self;
        let failed = |error| Error::io("write", &path, error);
        file.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
        Ok(SavedGroup { group: head.group, index: head.index, pieces, bytes, sha256: hex(&hash.finalize()) })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn sent(frames: &[Frame]) -> Vec<u8> {
        frames.iter().flat_map(|frame| frame.encode().to_vec()).collect()
    }

    fn source() -> Frame {
        Frame::Source(Source {
            version: "0.1.0".to_owned(),
            cluster_name: String::new(),
            cluster: "7".to_owned(),
            node: 1,
            shards: 1,
            level: 1,
            taken_at: "2026-01-02T03:04:05Z".to_owned(),
            held_ms: 0,
        })
    }

    fn group(group: u32) -> Frame {
        Frame::Group(GroupHead { group, index: 9 })
    }

    fn whole() -> Vec<Frame> {
        let piece = Frame::Piece(Bytes::from_static(b"rows"));
        vec![source(), group(0), piece.clone(), group(1), piece.clone(), piece, Frame::End]
    }

    #[test]
    fn what_is_sent_whole_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("monday");
        let saved = save(&dir, &sent(&whole())[..]).expect("it is whole");
        assert_eq!(saved.groups.iter().map(|group| (group.group, group.pieces)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        assert_eq!(Manifest::read(&dir).expect("it is there"), saved);
        assert_eq!(fs::metadata(manifest::file(&dir, 1)).expect("it is there").len(), saved.groups[1].bytes);
        let again = save(&dir, &sent(&whole())[..]).expect_err("it is there");
        assert!(again.to_string().contains("is not empty"), "{again}");
    }

    #[test]
    fn what_breaks_off_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("monday");
        let (all, frames) = (sent(&whole()), whole());
        let lacks_a_group = sent(&[&frames[..3], &frames[6..]].concat());
        let failed = sent(&[&frames[..3], &[Frame::Failed("the server is stopping".to_owned())]].concat());
        for (input, says) in [
            (&all[..all.len() - 1], "the node sent only a part of it"),
            (&all[..0], "the node sent only a part of it"),
            (&lacks_a_group, "it has groups [0], and should have 0..=1"),
            (&failed, "the server is stopping"),
            (&sent(&frames[1..]), "no node that makes backups"),
            (&sent(&[frames[0].clone(), frames[2].clone()]), "rows of no group"),
        ] {
            let error = save(&dir, input).expect_err("it is not whole").to_string();
            assert!(error.contains(says), "{says}: {error}");
            assert!(!dir.exists(), "{says}");
        }
    }
}
