//! Receipt: what was said to a message of another workflow id, so that the same message again is answered the same.
//!
//! ```text
//! key    slot | namespace id | workflow text | sender's namespace id | sender's workflow text | run id | event signed
//! value  01 | Row
//! ```
//!
//! It belongs to the workflow id, not to a run: it outlives the run that the message reached, until the sender says that
//! the reply is recorded.

use alloc::{boxed::Box, string::String, vec::Vec};

use prost::Message;
use weft_engine::{FoundChild, Origin, Reply, WorkflowKey};

use super::RECEIPT;
use crate::{
    Corrupt,
    key::{Scope, put_id, put_signed, put_text},
    value,
};

const DONE: u32 = 1;
const CHILD_STARTED: u32 = 2;
const ALREADY_EXISTS: u32 = 3;
const NOT_FOUND: u32 = 4;
const NAMESPACE_NOT_FOUND: u32 = 5;
const SIGNAL_LIMIT: u32 = 6;
const CHILD_OPEN: u32 = 7;
const CHILD_ENDED: u32 = 8;
const CHILD_GONE: u32 = 9;

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(uint32, tag = "1")]
    kind: u32,
    /// Of a child that started, or has ended.
    #[prost(string, optional, tag = "2")]
    run: Option<String>,
    /// The last event of a child that has ended.
    #[prost(bytes = "vec", optional, tag = "3")]
    event: Option<Vec<u8>>,
}

#[must_use]
pub fn key(target: &WorkflowKey, origin: &Origin) -> Vec<u8> {
    scoped_key(&Scope::of(target), origin)
}

pub(crate) fn scoped_key(scope: &Scope, origin: &Origin) -> Vec<u8> {
    let Origin { sender, run, event_id } = origin;
    let mut key = scope.workflow();
    put_id(&mut key, sender.namespace.as_str());
    put_text(&mut key, sender.workflow.as_str());
    put_id(&mut key, run.as_str());
    put_signed(&mut key, event_id.0);
    key
}

/// The value of a receipt's row: also what one node answers to another.
#[must_use]
pub fn encode(reply: &Reply) -> Vec<u8> {
    let plain = |kind| Row { kind, ..Row::default() };
    let row = match reply {
        Reply::Done => plain(DONE),
        Reply::ChildStarted(run) => Row { run: Some(run.as_str().into()), ..plain(CHILD_STARTED) },
        Reply::AlreadyExists => plain(ALREADY_EXISTS),
        Reply::NotFound => plain(NOT_FOUND),
        Reply::NamespaceNotFound => plain(NAMESPACE_NOT_FOUND),
        Reply::SignalLimit => plain(SIGNAL_LIMIT),
        Reply::Found(FoundChild::Open) => plain(CHILD_OPEN),
        Reply::Found(FoundChild::Ended { run, event }) => Row {
            run: Some(run.as_str().into()),
            event: Some(weft_protocol::encode_canonical(&**event)),
            ..plain(CHILD_ENDED)
        },
        Reply::Found(FoundChild::Gone) => plain(CHILD_GONE),
    };
    value::encode(&row)
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode(bytes: &[u8]) -> Result<Reply, Corrupt> {
    let Row { kind, run, event } = value::decode(RECEIPT, bytes)?;
    match (kind, run, event) {
        (DONE, None, None) => Ok(Reply::Done),
        (CHILD_STARTED, Some(run), None) => Ok(Reply::ChildStarted(run.into())),
        (ALREADY_EXISTS, None, None) => Ok(Reply::AlreadyExists),
        (NOT_FOUND, None, None) => Ok(Reply::NotFound),
        (NAMESPACE_NOT_FOUND, None, None) => Ok(Reply::NamespaceNotFound),
        (SIGNAL_LIMIT, None, None) => Ok(Reply::SignalLimit),
        (CHILD_OPEN, None, None) => Ok(Reply::Found(FoundChild::Open)),
        (CHILD_ENDED, Some(run), Some(event)) => {
            let event = Box::new(value::message(RECEIPT, &event)?);
            Ok(Reply::Found(FoundChild::Ended { run: run.into(), event }))
        }
        (CHILD_GONE, None, None) => Ok(Reply::Found(FoundChild::Gone)),
        (kind, ..) => Err(value::unknown(RECEIPT, "reply", kind)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{family, generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("receipt key", &key(&sample::key(), &family::origin()));
        for (name, reply) in family::replies() {
            golden::check(&std::format!("receipt value, {name}"), &encode(&reply));
            assert_eq!(decode(&encode(&reply)), Ok(reply));
        }
    }

    proptest! {
        #[test]
        fn keys_tell_senders_apart(target in generate::key(), one in family::any_origin(), other in family::any_origin()) {
            prop_assert_eq!(key(&target, &one) == key(&target, &other), one == other);
            prop_assert!(key(&target, &one).starts_with(&Scope::of(&target).workflow()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
