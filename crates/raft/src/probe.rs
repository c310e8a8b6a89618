//! Reads any record of a group's log as those who replay it do: for fuzzing, and nothing else (feature `testing`).
//!
//! Invariant that it asserts: what was read and written again is read as the same.

use bytes::Bytes;

use crate::codec::{self, CodecError};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Entry,
    Vote,
    /// A committed or a purged mark.
    Place,
    /// How far a machine has come.
    Mark,
}

/// # Errors
/// When nobody wrote such a record.
///
/// # Panics
/// When the record that was read is not read again from what it is written as.
pub fn record(record: Record, bytes: Bytes) -> Result<(), CodecError> {
    let again = rewritten(record, bytes)?;
    assert_eq!(rewritten(record, again.clone()), Ok(again), "{record:?} is read in two ways");
    Ok(())
}

fn rewritten(record: Record, bytes: Bytes) -> Result<Bytes, CodecError> {
    Ok(match record {
        Record::Entry => {
            let term = codec::read_term(&bytes);
            let read = codec::read_entry(7, bytes)?;
            assert_eq!(term, Ok(read.log_id.leader_id.term));
            codec::entry(&read)
        }
        Record::Vote => codec::vote(&codec::read_vote(bytes)?),
        Record::Place => codec::place(&codec::read_place(bytes)?),
        Record::Mark => {
            let codec::Mark { applied, membership } = codec::read_mark(bytes)?;
            codec::mark(&applied, &codec::stored_membership(&membership))
        }
    })
}
