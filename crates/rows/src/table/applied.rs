//! Applied: how far a group's log is applied on this node, written by checkpoints and by the installation of a picture.
//!
//! ```text
//! key    group u32
//! value  01 | Row
//! ```
//!
//! Invariant (rule 3): only the batch that comes next is applied: one that opens the next epoch, or the next one in
//! sequence of the epoch's own leader.

use alloc::vec::Vec;

use prost::Message;

use super::APPLIED;
use crate::{
    Corrupt,
    batch::{BatchHeader, BatchKind},
    value,
};

/// Where a group stands on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedRow {
    /// The last applied entry.
    pub index: u64,
    /// Its log id and the membership, as the raft crate gave them.
    pub mark: Vec<u8>,
    /// Who opened the current epoch, and in which term.
    pub leader: u64,
    pub term: u64,
    pub epoch: u64,
    /// The last batch of the epoch.
    pub sequence: u64,
    /// The highest stamp so far (rule 17).
    pub stamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(bytes = "vec", tag = "2")]
    mark: Vec<u8>,
    #[prost(uint64, tag = "3")]
    leader: u64,
    #[prost(uint64, tag = "4")]
    term: u64,
    #[prost(uint64, tag = "5")]
    epoch: u64,
    #[prost(uint64, tag = "6")]
    sequence: u64,
    #[prost(sfixed64, tag = "7")]
    stamp: i64,
}

#[must_use]
pub fn key(group: u32) -> Vec<u8> {
    group.to_be_bytes().to_vec()
}

impl AppliedRow {
    /// Is this the batch that comes next?
    #[must_use]
    pub fn accepts(&self, header: &BatchHeader) -> bool {
        #[cfg(feature = "testing")]
        if crate::unchecked::applies_any() {
            return true;
        }
        match header.kind {
            BatchKind::Open => self.epoch.checked_add(1) == Some(header.epoch),
            BatchKind::Normal => {
                (header.leader, header.term, header.epoch) == (self.leader, self.term, self.epoch)
                    && self.sequence.checked_add(1) == Some(header.sequence)
            }
        }
    }

    /// Takes in the batch that comes next; index and mark are the entry's and set by the caller.
    pub fn advance(&mut self, header: &BatchHeader) {
        let BatchHeader { leader, term, epoch, sequence, stamp, kind: _ } = *header;
        (self.leader, self.term, self.epoch, self.sequence) = (leader, term, epoch, sequence);
        self.stamp = self.stamp.max(stamp);
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { index, mark, leader, term, epoch, sequence, stamp } = self.clone();
        value::encode(&Row { index, mark, leader, term, epoch, sequence, stamp })
    }

    /// # Errors
    /// When nobody wrote such a row.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let Row { index, mark, leader, term, epoch, sequence, stamp } = value::decode(APPLIED, bytes)?;
        Ok(Self { index, mark, leader, term, epoch, sequence, stamp })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{golden, sample};

    fn row() -> AppliedRow {
        AppliedRow { index: 9, mark: Vec::from([1, 2]), leader: 1, term: 2, epoch: 3, sequence: 4, stamp: 5 }
    }

    fn batch(kind: BatchKind, epoch: u64, sequence: u64) -> BatchHeader {
        BatchHeader { epoch, sequence, ..sample::header(kind) }
    }

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("applied key", &key(258));
        golden::check("applied value", &row().encode());
    }

    #[test]
    fn only_the_batch_that_comes_next_is_accepted() {
        assert!(row().accepts(&batch(BatchKind::Normal, 3, 5)));
        for (epoch, sequence) in [(3, 4), (3, 6), (4, 5), (2, 5)] {
            assert!(!row().accepts(&batch(BatchKind::Normal, epoch, sequence)));
        }
        assert!(!row().accepts(&BatchHeader { leader: 2, ..batch(BatchKind::Normal, 3, 5) }));
        assert!(!row().accepts(&BatchHeader { term: 3, ..batch(BatchKind::Normal, 3, 5) }));
    }

    #[test]
    fn whoever_opens_the_next_epoch_is_accepted() {
        let opens = BatchHeader { leader: 7, term: 8, ..batch(BatchKind::Open, 4, 0) };
        assert!(row().accepts(&opens));
        for epoch in [3, 5] {
            assert!(!row().accepts(&batch(BatchKind::Open, epoch, 0)));
        }
        let mut after = row();
        after.advance(&opens);
        assert_eq!(after, AppliedRow { leader: 7, term: 8, epoch: 4, sequence: 0, ..row() });
        assert!(after.accepts(&BatchHeader { kind: BatchKind::Normal, sequence: 1, ..opens }));
    }

    #[test]
    fn the_stamp_never_goes_back() {
        let mut row = row();
        row.advance(&BatchHeader { stamp: 4, ..batch(BatchKind::Normal, 3, 5) });
        assert_eq!(row.stamp, 5);
        row.advance(&BatchHeader { stamp: 6, ..batch(BatchKind::Normal, 3, 6) });
        assert_eq!(row.stamp, 6);
    }

    proptest! {
        #[test]
        fn rows_come_back(mark: Vec<u8>, numbers: [u64; 5], stamp: i64) {
            let [index, leader, term, epoch, sequence] = numbers;
            let row = AppliedRow { index, mark, leader, term, epoch, sequence, stamp };
            prop_assert_eq!(AppliedRow::decode(&row.encode()), Ok(row));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = AppliedRow::decode(&bytes);
        }
    }
}
