//! What a command prints: all of it goes by, its beginning and its end are kept.

use std::{borrow::Cow, collections::VecDeque};

use bytes::Bytes;

/// One of the two streams of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A piece of output as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub stream: Stream,
    pub bytes: Bytes,
}

/// The output that was kept. Invariant: `head` is full before anything is in `tail`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// How much there was.
    total_bytes: u64,
    kept_bytes: usize,
}

impl Captured {
    pub(super) fn new(kept_bytes: usize) -> Self {
        Self { kept_bytes, ..Self::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total_bytes += bytes.len() as u64;
        let (head, rest) = bytes.split_at(bytes.len().min(self.kept_bytes - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(&rest[rest.len().saturating_sub(self.kept_bytes)..]);
        let surplus = self.tail.len().saturating_sub(self.kept_bytes);
        self.tail.drain(..surplus);
    }

    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// How much is missing between the beginning and the end.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.total_bytes - (self.head.len() + self.tail.len()) as u64
    }

    /// What was kept, with a mark where something is missing.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        if self.lost_bytes() > 0 {
            all.extend_from_slice(format!("\n[… {} bytes are not shown …]\n", self.lost_bytes()).as_bytes());
        }
        all.extend(&self.tail);
        all
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self) -> String {
        match String::from_utf8_lossy(&self.bytes()) {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(kept: usize, pieces: &[&str]) -> (String, u64) {
        let mut captured = Captured::new(kept);
        for piece in pieces {
            captured.push(piece.as_bytes());
        }
        (captured.text(), captured.lost_bytes())
    }

    #[test]
    fn output_that_fits_is_whole() {
        assert_eq!(captured(4, &["ab", "cd", "efgh"]), ("abcdefgh".to_owned(), 0));
        assert_eq!(captured(4, &["abcdefgh"]), ("abcdefgh".to_owned(), 0));
    }

    #[test]
    fn of_a_flood_the_beginning_and_the_end_are_kept() {
        let expected = ("ab\n[… 4 bytes are not shown …]\nyz".to_owned(), 4);
        assert_eq!(captured(2, &["abcdefyz"]), expected);
        assert_eq!(captured(2, &["a", "bc", "defy", "z"]), expected);
    }

    #[test]
    fn nothing_may_be_kept() {
        assert_eq!(captured(0, &["abc"]).1, 3);
    }
}
