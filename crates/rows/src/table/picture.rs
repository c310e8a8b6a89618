//! Picture: what this node has of a picture of a group's rows that another node sends, and how far its installation is; and
//! what it must know of a group that it gave up.
//!
//! ```text
//! key    group u32 | 00                    the note
//!        group u32 | 01 | number u64       a piece
//!        group u32 | 02                    the floor, from format level 3 on
//! value  01 | state u8 | pieces u64 | mark …
//!        01 | { table u8 | key bytes u32 | key | value bytes u32 | value }
//!        01 | place [17]
//! ```
//!
//! The state is 1 while the rows are being replaced and 2 when they are; the mark is where the picture ends. It is 3 while
//! all that the node has of the group is being removed (from format level 3 on), and then there is no mark. The floor is
//! what Raft must know of a group that was given up, for ever. Pieces are
//! what nodes send each other, byte for byte.
//!
//! Invariant (rule 9): while a note of state 1 stands, the group's rows are neither the old ones nor the new, and all
//! pieces are there to make them the new ones. While one of state 3 stands, nothing of the group may be used.

use alloc::vec::Vec;

use super::PICTURE;
use crate::{Corrupt, SlotRange, value};

const NOTE: u8 = 0;
const PIECE: u8 = 1;
const FLOOR: u8 = 2;

/// A place in the log, as Raft writes it: a version, a term and an index.
const PLACE_BYTES: usize = 1 + 8 + 8;

const INSTALLING: u8 = 1;
const INSTALLED: u8 = 2;
const REMOVING: u8 = 3;

/// How far an installation is, or that all is on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The rows are being replaced by so many pieces.
    Installing { pieces: u64, mark: Vec<u8> },
    /// They were.
    Installed { mark: Vec<u8> },
    /// What there is of the group is being removed.
    Removing,
}

/// The first key of a part of a table, and the first one beyond it.
pub type Keys = (Vec<u8>, Vec<u8>);

/// Whose rows a group's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owns {
    /// Namespaces and whatever else belongs to no workflow id.
    Metadata,
    /// All rows of these slots.
    Slots(SlotRange),
}

impl Owns {
    /// Where the rows are: tables, in order, and which keys of each; none for all.
    #[must_use]
    pub fn tables(self) -> Vec<(u8, Option<Keys>)> {
        let tables = super::TABLES.iter().map(|(table, _)| *table);
        match self {
            Self::Metadata => tables.filter(|table| belongs_to_metadata(*table)).map(|table| (table, None)).collect(),
            Self::Slots(slots) => {
                let by_slot = tables.filter(|table| !belongs_to_metadata(*table) && !belongs_to_node(*table));
                by_slot.map(|table| (table, Some(slots.bounds()))).collect()
            }
        }
    }
}

fn belongs_to_metadata(table: u8) -> bool {
    matches!(table, super::NAMESPACE | super::QUEUE_CONFIG | super::MEMBER)
}

fn belongs_to_node(table: u8) -> bool {
    matches!(table, super::APPLIED | PICTURE)
}

#[must_use]
pub fn note_key(group: u32) -> Vec<u8> {
    let mut key = group.to_be_bytes().to_vec();
    key.push(NOTE);
    key
}

#[must_use]
pub fn floor_key(group: u32) -> Vec<u8> {
    let mut key = group.to_be_bytes().to_vec();
    key.push(FLOOR);
    key
}

/// The first key of a group's pieces, and the first one beyond them.
#[must_use]
pub fn pieces(group: u32) -> Keys {
    (piece_key(group, 0), floor_key(group))
}

#[must_use]
pub fn encode_floor(place: &[u8]) -> Vec<u8> {
    [&value::MARK[..], place].concat()
}

/// # Errors
/// When nobody wrote such a floor.
pub fn decode_floor(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let place = value::body(PICTURE, bytes)?;
    if place.len() != PLACE_BYTES {
        return Err(Corrupt::row(PICTURE, "a floor that is no place in a log"));
    }
    Ok(place.to_vec())
}

#[must_use]
pub fn piece_key(group: u32, number: u64) -> Vec<u8> {
    let mut key = group.to_be_bytes().to_vec();
    key.push(PIECE);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

impl Note {
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (state, pieces, mark) = match self {
            Self::Installing { pieces, mark } => (INSTALLING, *pieces, mark),
            Self::Installed { mark } => (INSTALLED, 0, mark),
            Self::Removing => (REMOVING, 0, &Vec::new()),
        };
        let mut out = Vec::from(value::MARK);
        out.push(state);
        out.extend_from_slice(&pieces.to_be_bytes());
        out.extend_from_slice(mark);
        out
    }

    /// # Errors
    /// When nobody wrote such a note.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let corrupt = |what| Corrupt::row(PICTURE, what);
        let (state, rest) = value::body(PICTURE, bytes)?.split_first().ok_or_else(|| corrupt("a note of no state"))?;
        let (pieces, mark) = rest.split_first_chunk().ok_or_else(|| corrupt("a note that is cut short"))?;
        let mark = mark.to_vec();
        match (*state, u64::from_be_bytes(*pieces)) {
            (INSTALLING, pieces) => Ok(Self::Installing { pieces, mark }),
            (INSTALLED, 0) => Ok(Self::Installed { mark }),
            (REMOVING, 0) if mark.is_empty() => Ok(Self::Removing),
            _ => Err(corrupt("a note of a state that there is not")),
        }
    }
}

/// A piece that is being filled.
#[derive(Clone, Debug)]
pub struct Piece(Vec<u8>);

impl Default for Piece {
    fn default() -> Self {
        Self(Vec::from(value::MARK))
    }
}

impl Piece {
    /// Adds a row. Keys and values are below 4 GiB, as the store has them.
    pub fn put(&mut self, table: u8, key: &[u8], value: &[u8]) {
        self.0.push(table);
        for part in [key, value] {
            self.0.extend_from_slice(&(part.len() as u32).to_be_bytes());
            self.0.extend_from_slice(part);
        }
    }

    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// A row of a piece: table, key and value.
pub type PictureRow<'a> = (u8, &'a [u8], &'a [u8]);

/// The rows of a piece.
///
/// # Errors
/// When nobody wrote such a piece.
pub fn rows(piece: &[u8]) -> Result<Vec<PictureRow<'_>>, Corrupt> {
    let mut rest = value::body(PICTURE, piece)?;
    let mut rows = Vec::new();
    while let Some((table, after)) = rest.split_first() {
        let (key, after) = part(after)?;
        let (value, after) = part(after)?;
        rows.push((*table, key, value));
        rest = after;
    }
    Ok(rows)
}

fn part(bytes: &[u8]) -> Result<(&[u8], &[u8]), Corrupt> {
    let cut = || Corrupt::row(PICTURE, "a piece that is cut short");
    let (size, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
    rest.split_at_checked(u32::from_be_bytes(*size) as usize).ok_or_else(cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::golden;

    fn piece() -> Vec<u8> {
        let mut piece = Piece::default();
        piece.put(1, b"key", b"value");
        piece.put(8, b"k", b"");
        piece.finish()
    }

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("picture key of a note", &note_key(258));
        golden::check("picture key of a piece", &piece_key(258, 7));
        let mark = Vec::from([9, 8]);
        for (name, note) in [
            ("picture value, installing", Note::Installing { pieces: 7, mark: mark.clone() }),
            ("picture value, installed", Note::Installed { mark }),
            ("picture value, removing", Note::Removing),
        ] {
            golden::check(name, &note.encode());
            assert_eq!(Note::decode(&note.encode()), Ok(note));
        }
        golden::check("picture value, piece", &piece());
        golden::check("picture key of a floor", &floor_key(258));
        let place = [&[1][..], &7_u64.to_be_bytes(), &258_u64.to_be_bytes()].concat();
        golden::check("picture value, floor", &encode_floor(&place));
        assert_eq!(decode_floor(&encode_floor(&place)), Ok(place.clone()));
        for other in [&place[1..], &[&place[..], &[0]].concat(), &[]] {
            assert!(decode_floor(&encode_floor(other)).is_err(), "{other:?} is no place");
        }
    }

    #[test]
    fn a_piece_gives_its_rows_and_nothing_when_it_is_cut_short() {
        let whole = piece();
        let rows_of_it: [PictureRow<'_>; 2] = [(1, b"key", b"value"), (8, b"k", b"")];
        assert_eq!(rows(&whole).as_deref(), Ok(&rows_of_it[..]));
        let between_rows = [1, whole.len() - 10];
        for end in 0..whole.len() {
            assert_eq!(rows(&whole[..end]).is_ok(), between_rows.contains(&end), "cut at {end}");
        }
        for end in 0..10 {
            assert!(Note::decode(&Note::Installed { mark: Vec::new() }.encode()[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn every_table_belongs_to_the_slots_or_to_the_metadata_or_to_the_node() {
        let slots = Owns::Slots(SlotRange::ALL).tables();
        let metadata = Owns::Metadata.tables();
        for (table, name) in super::super::TABLES {
            let owners = [&slots, &metadata].map(|tables| tables.iter().filter(|(found, _)| found == table).count());
            let expected = match *name {
                "applied" | "picture" => [0, 0],
                "namespace" | "task_queue_config" | "cluster_member" => [0, 1],
                _ => [1, 0],
            };
            assert_eq!(owners, expected, "{name}");
        }
    }
}
