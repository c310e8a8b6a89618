//! Making a data directory of a backup: a node of its own, of a new cluster, that begins where the backup was taken.
//!
//! Invariants: every file is read and checked before anything is written; the data directory is one when all of it is
//! there, durably, and not before. Each group begins with one voter and an empty log (`weft_raft::restored_mark`), as
//! after the installation of a picture; lists are built from the rows when the node starts.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use weft_raft::{NodeId, restored_mark};
use weft_rows::{
    Level,
    applied::{self, AppliedRow},
    member,
    picture::{self, Keys, Note, Owns, PictureRow},
    ranges, table,
};
use weft_store::{
    datadir::{Backend, Beginning, Founding},
    state::{self, StateStore, Table, WriteBatch},
};

use super::{Error, Manifest, SavedGroup, manifest, save::hex, stream};

const CACHE_BYTES: u64 = 16 << 20;

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restoring {
    /// The id of the new cluster: another one than that of the backup, which may still run.
    pub cluster: Uuid,
    /// The number of the new node.
    pub node: u32,
}

/// Makes a data directory of a backup in `data`, which is empty or does not exist. Blocking.
///
/// # Errors
/// When the backup is not whole, or there is something in `data`. Then nothing is made.
pub fn restore(backup: &Path, data: &Path, restoring: Restoring) -> Result<Manifest, Error> {
    let manifest = Manifest::read(backup)?;
    let saved: Vec<Saved<'_>> = manifest.groups.iter().map(|of| Saved::of(backup, of, &manifest)).collect();
    // That of the rows, if it was raised while the backup was taken.
    let level =
        saved.iter().map(Saved::check).try_fold(manifest.level(), |most, level| Ok::<_, Error>(most.max(level?)))?;
    manifest::check_level(backup, level)?;
    let beginning = Beginning::at(data)?;
    let tables: Vec<Table> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
    let store = state::open(Backend::Fjall, &beginning.state(), &tables, CACHE_BYTES)?;
    saved.iter().try_for_each(|group| group.write(store.as_ref(), restoring.node))?;
    store.persist()?;
    store.close()?;
    drop::<Arc<dyn StateStore>>(store);
    let Restoring { cluster, node } = restoring;
    let (shards, format) = (manifest.source.shards, level.number());
    let founding = Founding { cluster, node, shards, backend: Backend::Fjall, format, joins: None };
    beginning.finish(&founding)?;
    Ok(manifest)
}

/// The row that says at which format level the cluster was.
fn is_level((table, key, _): &PictureRow<'_>) -> bool {
    *table == table::MEMBER && *key == member::key(member::Key::Level)
}

/// A group's file.
struct Saved<'m> {
    of: &'m SavedGroup,
    path: PathBuf,
    /// Which rows are the group's.
    tables: BTreeMap<u8, Option<Keys>>,
}

impl<'m> Saved<'m> {
    fn of(backup: &Path, of: &'m SavedGroup, manifest: &Manifest) -> Self {
        let slots = ranges(manifest.source.shards);
        // Group 0 is that of the metadata; the manifest was checked to have a range for each of the others.
        let of_shard = of.group.checked_sub(1).and_then(|shard| slots.get(shard as usize));
        let owns = of_shard.map_or(Owns::Metadata, |slots| Owns::Slots(*slots));
        Self { of, path: manifest::file(backup, of.group), tables: owns.tables().into_iter().collect() }
    }

    /// Reads all of it. Answers with the format level that it names.
    fn check(&self) -> Result<Level, Error> {
        let (mut hash, mut level) = (Sha256::new(), Level::FIRST);
        self.each_piece(|number, piece| {
            hash.update(stream::record(&piece));
            let (_, rows) = self.rows(number, &piece)?;
            if let Some((_, _, value)) = rows.iter().find(|row| is_level(row)) {
                level = member::decode_level(value).map_err(|error| Error::damaged(&self.path, error))?;
            }
            Ok(())
        })?;
        if hex(&hash.finalize()) == self.of.sha256 {
            Ok(level)
        } else {
            Err(Error::damaged(&self.path, "it is not the file that the manifest speaks of"))
        }
    }

    fn each_piece(&self, mut take: impl FnMut(u64, Bytes) -> Result<(), Error>) -> Result<(), Error> {
        let file = File::open(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing { path: self.path.clone() },
            _ => Error::io("read", &self.path, error),
        })?;
        let size = file.metadata().map_err(|error| Error::io("read", &self.path, error))?.len();
        if size != self.of.bytes {
            let why = format!("it has {size} bytes, and the manifest says {}", self.of.bytes);
            return Err(Error::damaged(&self.path, why));
        }
        let mut input = BufReader::with_capacity(1 << 20, file);
        for number in 0..self.of.pieces {
            let piece = stream::read_record(&mut input).map_err(|error| Error::damaged(&self.path, error))?;
            take(number, piece)?;
        }
        match input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::damaged(&self.path, "there is more in it than the manifest says")),
            Err(error) => Err(Error::io("read", &self.path, error)),
        }
    }

    /// The rows of a piece. That the first one says where the group stands, and that all others are the group's, is
    /// checked here.
    fn rows<'p>(&self, number: u64, piece: &'p [u8]) -> Result<(Option<AppliedRow>, Vec<PictureRow<'p>>), Error> {
        let damaged = |why: String| Error::damaged(&self.path, why);
        let mut rows = picture::rows(piece).map_err(|error| damaged(error.to_string()))?;
        let mut stands = None;
        if number == 0 {
            let found = rows.first().filter(|row| row.0 == table::APPLIED && *row.1 == *applied::key(self.of.group));
            let Some((_, _, value)) = found else {
                return Err(damaged("it does not say where the group stands".to_owned()));
            };
            let row = AppliedRow::decode(value).map_err(|error| damaged(error.to_string()))?;
            if row.index != self.of.index {
                return Err(damaged(format!("it ends at entry {}, not {}", row.index, self.of.index)));
            }
            stands = Some(row);
            rows.remove(0);
        }
        match rows.iter().find(|(table, key, _)| !self.owns(*table, key)) {
            Some((table, _, _)) => {
                Err(damaged(format!("a row of table {table} does not belong to group {}", self.of.group)))
            }
            None => Ok((stands, rows)),
        }
    }

    fn owns(&self, table: u8, key: &[u8]) -> bool {
        self.tables.get(&table).is_some_and(|keys| {
            keys.as_ref().is_none_or(|(first, beyond)| first.as_slice() <= key && key < beyond.as_slice())
        })
    }

    /// Puts the rows, and where the group stands now.
    fn write(&self, store: &dyn StateStore, node: u32) -> Result<(), Error> {
        self.each_piece(|number, piece| {
            let (stands, rows) = self.rows(number, &piece)?;
            let mut write = WriteBatch::new();
            // Who the nodes were of the cluster that was saved is nothing to the new one, which writes down its own. What the
            // rows may look like stays.
            for (table, key, value) in rows.into_iter().filter(|row| row.0 != table::MEMBER || is_level(row)) {
                write.put(table, piece.slice_ref(key), piece.slice_ref(value));
            }
            if let Some(row) = stands {
                let mark = restored_mark(row.index, NodeId(u64::from(node)));
                let mark = mark.ok_or_else(|| Error::damaged(&self.path, "the group stands nowhere"))?.to_vec();
                let note = Note::Installed { mark: mark.clone() };
                write.put(table::PICTURE, picture::note_key(self.of.group), note.encode());
                write.put(table::APPLIED, applied::key(self.of.group), AppliedRow { mark, ..row }.encode());
            }
            Ok(store.apply(write)?)
        })
    }
}

#[cfg(test)]
mod tests;
