//! Receipt: what was said to a message of another workflow id, so that the same message again is answered the same.
//!
//! ```text
//! key    slot | namespace id | workflow text | sender's namespace id | sender's workflow text | run id | event signed
//! value  01 | Row
//! ```
//!
//! It belongs to the workflow id, not to a run: it outlives the run that the message reached, until the sender says that
//! the reply is recorded.

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_engine::{Origin, Reply, WorkflowKey};

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

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(uint32, tag = "1")]
    kind: u32,
    /// Of a child that started.
    #[prost(string, optional, tag = "2")]
    run: Option<String>,
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

pub(crate) fn encode(reply: &Reply) -> Vec<u8> {
    let (kind, run) = match reply {
        Reply::Done => (DONE, None),
        Reply::ChildStarted(run) => (CHILD_STARTED, Some(run.as_str().into())),
        Reply::AlreadyExists => (ALREADY_EXISTS, None),
        Reply::NotFound => (NOT_FOUND, None),
        Reply::NamespaceNotFound => (NAMESPACE_NOT_FOUND, None),
        Reply::SignalLimit => (SIGNAL_LIMIT, None),
    };
    value::encode(&Row { kind, run })
}

/// # Errors
/// When nobody wrote such a row.
pub fn decode(bytes: &[u8]) -> Result<Reply, Corrupt> {
    let Row { kind, run } = value::decode(RECEIPT, bytes)?;
    match (kind, run) {
        (DONE, None) => Ok(Reply::Done),
        (CHILD_STARTED, Some(run)) => Ok(Reply::ChildStarted(run.into())),
        (ALREADY_EXISTS, None) => Ok(Reply::AlreadyExists),
        (NOT_FOUND, None) => Ok(Reply::NotFound),
        (NAMESPACE_NOT_FOUND, None) => Ok(Reply::NamespaceNotFound),
        (SIGNAL_LIMIT, None) => Ok(Reply::SignalLimit),
        (kind, _) => Err(value::unknown(RECEIPT, "reply", kind)),
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
