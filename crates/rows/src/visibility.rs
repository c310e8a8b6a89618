//! Visibility changes as they travel in a batch: what lists show of a run from now on.
//!
//! ```text
//! 01 | Row
//! ```
//!
//! The info of a run stays Temporal's message, in canonical bytes. What an index keeps of it is the index's business.

use alloc::{boxed::Box, string::String, vec::Vec};

use prost::Message;
use weft_engine::{RunId, VisibilityChange, WorkflowKey};
use weft_protocol::{api::workflow::WorkflowExecutionInfo, encode_canonical};

use crate::Corrupt;

/// One change, encoded.
pub type VisibilityBytes = Vec<u8>;

const FORMAT: u8 = 1;
const PLACE: &str = "visibility change";

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    workflow: String,
    /// Exactly one of these two is there.
    #[prost(bytes = "vec", optional, tag = "3")]
    upsert: Option<Vec<u8>>,
    #[prost(string, optional, tag = "4")]
    remove: Option<String>,
}

#[must_use]
pub fn encode(key: &WorkflowKey, change: &VisibilityChange) -> VisibilityBytes {
    let (upsert, remove) = match change {
        VisibilityChange::Upsert(info) => (Some(encode_canonical::<WorkflowExecutionInfo>(info)), None),
        VisibilityChange::Remove(run) => (None, Some(run.as_str().into())),
    };
    let row = Row { namespace: key.namespace.as_str().into(), workflow: key.workflow.as_str().into(), upsert, remove };
    let mut bytes = Vec::with_capacity(1 + row.encoded_len());
    bytes.push(FORMAT);
    row.encode_raw(&mut bytes);
    bytes
}

/// # Errors
/// When nobody wrote such a change.
pub fn decode(bytes: &[u8]) -> Result<(WorkflowKey, VisibilityChange), Corrupt> {
    let [FORMAT, body @ ..] = bytes else { return Err(Corrupt::at(PLACE, "an unknown format")) };
    let Row { namespace, workflow, upsert, remove } = Row::decode(body).map_err(|error| Corrupt::at(PLACE, error))?;
    let change = match (upsert, remove) {
        (Some(info), None) => {
            let info = WorkflowExecutionInfo::decode(info.as_slice()).map_err(|error| Corrupt::at(PLACE, error))?;
            VisibilityChange::Upsert(Box::new(info))
        }
        (None, Some(run)) => VisibilityChange::Remove(RunId::from(run)),
        (Some(_), Some(_)) | (None, None) => return Err(Corrupt::at(PLACE, "not exactly one change")),
    };
    Ok((WorkflowKey { namespace: namespace.into(), workflow: workflow.into() }, change))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn changes_keep_their_bytes() {
        golden::check("visibility upsert", &encode(&sample::key(), &VisibilityChange::Upsert(sample::info())));
        golden::check("visibility remove", &encode(&sample::key(), &VisibilityChange::Remove(sample::run())));
    }

    proptest! {
        #[test]
        fn changes_come_back(key in generate::key(), change in generate::change()) {
            let (read_key, read) = decode(&encode(&key, &change)).unwrap();
            prop_assert_eq!(read_key, key);
            match (read, change) {
                (VisibilityChange::Upsert(read), VisibilityChange::Upsert(info)) => prop_assert_eq!(read, info),
                (VisibilityChange::Remove(read), VisibilityChange::Remove(run)) => prop_assert_eq!(read, run),
                (read, change) => prop_assert!(false, "{change:?} came back as {read:?}"),
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
