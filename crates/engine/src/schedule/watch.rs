//! How a workflow that a schedule started remembers whom to tell of its end: a callback of the server's own in event 1,
//! which the runs that follow it, and its copies, inherit.
//!
//! Invariant: the bytes are pinned, because they stand in histories.

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_protocol::api::common::{Callback, callback};

use crate::ids::{EventId, RunId, WorkflowId};

/// The action of which a workflow is the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) schedule: WorkflowId,
    pub(crate) incarnation: RunId,
    pub(crate) action: EventId,
}

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(string, tag = "1")]
    schedule: String,
    #[prost(string, tag = "2")]
    incarnation: String,
    #[prost(int64, tag = "3")]
    action: i64,
}

/// What the data of such a callback begin with.
const KIND: &[u8] = b"weft.schedule\x01";

pub(crate) fn callback(watch: &Watch) -> Callback {
    let wire = Wire {
        schedule: watch.schedule.as_str().into(),
        incarnation: watch.incarnation.as_str().into(),
        action: watch.action.0,
    };
    let mut data = Vec::from(KIND);
    data.extend(wire.encode_to_vec());
    Callback { variant: Some(callback::Variant::Internal(callback::Internal { data })), ..Callback::default() }
}

/// Whom one of these callbacks tells, if it is one of a schedule's.
pub(crate) fn read(callbacks: &[Callback]) -> Option<Watch> {
    callbacks.iter().find_map(|callback| {
        let Some(callback::Variant::Internal(internal)) = &callback.variant else { return None };
        let Wire { schedule, incarnation, action } = Wire::decode(internal.data.strip_prefix(KIND)?).ok()?;
        Some(Watch { schedule: schedule.into(), incarnation: incarnation.into(), action: EventId(action) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_keep_their_bytes_and_come_back() {
        let watch = Watch { schedule: "daily".into(), incarnation: "i".into(), action: EventId(7) };
        let callback = callback(&watch);
        let Some(callback::Variant::Internal(internal)) = &callback.variant else { unreachable!("it is internal") };
        assert_eq!(internal.data, b"weft.schedule\x01\x0a\x05daily\x12\x01i\x18\x07");
        assert_eq!(read(&[Callback::default(), callback]), Some(watch));
        assert_eq!(read(&[Callback::default()]), None);
    }
}
