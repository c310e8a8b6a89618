//! The page token: a version byte and the place of the last record of the page, nothing about nodes or groups, so that
//! it stays good when another node answers the next page.
//!
//! ```text
//! version 1 | tag 0 | closed i64 BE | start i64 BE | run id           the usual order
//! version 1 | tag 1..4, sort value | closed | start | run id           ORDER BY; the value as below
//!   1 none   2 i64 BE   3 f64 bits BE   4 length u32 BE, text
//! ```

use super::Error;
use crate::plan::Key;
use crate::plan::sql::{Literal, packed, unpacked};

const VERSION: u8 = 1;

/// Where a page ended; with the value that it is sorted by if that is not the usual order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    pub(super) sort: Option<Literal>,
    pub(super) key: Key,
}

impl Cursor {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match &self.sort {
            None => bytes.push(0),
            // Nothing sorts by bytes.
            Some(Literal::Null | Literal::Bytes(_)) => bytes.push(1),
            Some(Literal::Int(value)) => {
                bytes.push(2);
                bytes.extend(value.to_be_bytes());
            }
            Some(Literal::Real(value)) => {
                bytes.push(3);
                bytes.extend(value.to_bits().to_be_bytes());
            }
            Some(Literal::Text(text)) => put_text(text, &mut bytes),
        }
        bytes.extend(self.key.closed.to_be_bytes());
        bytes.extend(self.key.start.to_be_bytes());
        match &self.key.run {
            Literal::Bytes(run) => bytes.extend(unpacked(run).into_bytes()),
            Literal::Text(run) => bytes.extend(run.as_bytes()),
            Literal::Null | Literal::Int(_) | Literal::Real(_) => {}
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut input = Input(bytes);
        if input.take()? != [VERSION] {
            return Err(Error::Token("unknown version"));
        }
        let sort = match input.take()? {
            [0] => None,
            [1] => Some(Literal::Null),
            [2] => Some(Literal::Int(i64::from_be_bytes(input.take()?))),
            [3] => Some(Literal::Real(f64::from_bits(u64::from_be_bytes(input.take()?)))),
            [4] => {
                let length = u32::from_be_bytes(input.take()?);
                Some(Literal::Text(input.text(usize::try_from(length).unwrap_or(usize::MAX))?))
            }
            [_] => return Err(Error::Token("unknown kind of order")),
        };
        let closed = i64::from_be_bytes(input.take()?);
        let start = i64::from_be_bytes(input.take()?);
        let run = packed(&input.text(input.0.len())?);
        Ok(Self { sort, key: Key { closed, start, run } })
    }
}

fn put_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(4);
    // The values of search attributes are far shorter; a text that were longer could not come back and is refused then.
    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(text.as_bytes());
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Error::Token("cut short"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn text(&mut self, length: usize) -> Result<String, Error> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Error::Token("cut short"))?;
        self.0 = rest;
        String::from_utf8(head.to_vec()).map_err(|_| Error::Token("not text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(sort: Option<Literal>) -> Cursor {
        Cursor { sort, key: Key { closed: 258, start: 1, run: Literal::text("r") } }
    }

    #[test]
    fn the_bytes_of_version_one_are_pinned() {
        let golden = [1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, b'r'];
        assert_eq!(cursor(None).encode(), golden);
        let sorted = cursor(Some(Literal::text("ab"))).encode();
        assert_eq!(sorted[..8], [1, 4, 0, 0, 0, 2, b'a', b'b']);
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_and_no_prefix_of_it_is_one() {
        let kinds =
            [None, Some(Literal::Null), Some(Literal::Int(-1)), Some(Literal::Real(0.5)), Some(Literal::text("é"))];
        for sort in kinds {
            let cursor = cursor(sort);
            let bytes = cursor.encode();
            assert_eq!(Cursor::decode(&bytes).expect("our own"), cursor);
            for end in 0..bytes.len() - 1 {
                assert!(Cursor::decode(&bytes[..end]).is_err());
            }
        }
        assert!(Cursor::decode(&[2, 0]).is_err());
    }
}
