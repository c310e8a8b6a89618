//! What a node sends of a backup, all big-endian:
//!
//! ```text
//! frame   kind u8 | bytes u32 | crc32 u32 | bytes …
//!           1 source    JSON, once, first
//!           2 group     JSON: the pieces that follow are this group's
//!           3 piece     rows, as replicas send them to each other
//!           4 end       nothing: all of it was sent
//!           5 failed    why there is no more, for people
//! file    { bytes u32 | crc32 u32 | piece … }
//! ```
//!
//! Invariant: without an end it is no backup; a frame whose checksum is another one is never taken.

use std::io::{self, Read};

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::Source;

const SOURCE: u8 = 1;
const GROUP: u8 = 2;
const PIECE: u8 = 3;
const END: u8 = 4;
const FAILED: u8 = 5;

/// A piece is a quarter of a mebibyte and one more row, which is as large as rows are.
const BYTES_MAX: u32 = 256 << 20;

/// Which group the pieces that follow are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupHead {
    pub(crate) group: u32,
    pub(crate) index: u64,
}

/// A part of what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Source(Source),
    Group(GroupHead),
    Piece(Bytes),
    End,
    Failed(String),
}

impl Frame {
    pub(crate) fn encode(&self) -> Bytes {
        let json = "numbers and texts can be written as JSON";
        let (kind, bytes) = match self {
            Self::Source(source) => (SOURCE, serde_json::to_vec(source).expect(json).into()),
            Self::Group(head) => (GROUP, serde_json::to_vec(head).expect(json).into()),
            Self::Piece(piece) => (PIECE, piece.clone()),
            Self::End => (END, Bytes::new()),
            Self::Failed(why) => (FAILED, Bytes::copy_from_slice(why.as_bytes())),
        };
        let mut out = BytesMut::with_capacity(9 + bytes.len());
        out.put_u8(kind);
        put_record(&mut out, &bytes);
        out.freeze()
    }

    /// The next one.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut kind = [0];
        input.read_exact(&mut kind)?;
        let bytes = read_record(input)?;
        match kind[0] {
            SOURCE => Ok(Self::Source(serde_json::from_slice(&bytes)?)),
            GROUP => Ok(Self::Group(serde_json::from_slice(&bytes)?)),
            PIECE => Ok(Self::Piece(bytes)),
            END => Ok(Self::End),
            FAILED => Ok(Self::Failed(String::from_utf8_lossy(&bytes).into_owned())),
            kind => Err(invalid(format!("a frame of kind {kind}, which there is not"))),
        }
    }
}

/// A piece as it stands in a file.
pub(super) fn record(piece: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(8 + piece.len());
    put_record(&mut out, piece);
    out.freeze()
}

fn put_record(out: &mut BytesMut, bytes: &[u8]) {
    // Rows are below 4 GiB, and so are pieces.
    out.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_u32(crc32fast::hash(bytes));
    out.put_slice(bytes);
}

/// The next piece of a file.
pub(super) fn read_record(input: &mut impl Read) -> io::Result<Bytes> {
    let (size, crc) = (read_u32(input)?, read_u32(input)?);
    if size > BYTES_MAX {
        return Err(invalid(format!("a piece of {size} bytes, more than there are")));
    }
    // No more memory than there are bytes.
    let mut bytes = Vec::new();
    input.take(size.into()).read_to_end(&mut bytes)?;
    if bytes.len() != size as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if crc32fast::hash(&bytes) != crc {
        return Err(invalid("a piece does not have its checksum".to_owned()));
    }
    Ok(bytes.into())
}

fn read_u32(input: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> [Frame; 4] {
        let head = GroupHead { group: 3, index: 70 };
        [Frame::Group(head), Frame::Piece(Bytes::from_static(b"rows")), Frame::End, Frame::Failed("why".to_owned())]
    }

    #[test]
    fn frames_come_back() {
        for frame in frames() {
            assert_eq!(Frame::read(&mut &frame.encode()[..]).expect("it is one"), frame);
        }
    }

    #[test]
    fn a_piece_keeps_its_bytes() {
        assert_eq!(Frame::Piece(Bytes::from_static(b"rows")).encode(), &b"\x03\0\0\0\x04\x0a\x8b\xf4\xa1rows"[..]);
        assert_eq!(record(b"rows"), &b"\0\0\0\x04\x0a\x8b\xf4\xa1rows"[..]);
    }

    #[test]
    fn what_is_cut_short_or_damaged_is_refused() {
        for frame in frames() {
            let whole = frame.encode();
            for end in 0..whole.len() {
                assert!(Frame::read(&mut &whole[..end]).is_err(), "{frame:?} cut at {end}");
            }
            for at in 0..whole.len() {
                let mut damaged = whole.to_vec();
                damaged[at] ^= 0x80;
                assert!(Frame::read(&mut &damaged[..]).is_err(), "{frame:?} damaged at {at}");
            }
        }
    }
}
