//! Temporal's messages to the engine's requests and back, one file per family. Translation only: what is wrong with a
//! request is said by `validate`, and what becomes of it is decided by the engine.

pub(crate) mod batch;
pub(crate) mod describe;
pub(crate) mod link;
pub(crate) mod namespace;
pub(crate) mod schedule;
pub(crate) mod signal;
pub(crate) mod start;
pub(crate) mod task_queue;
pub(crate) mod update;
pub(crate) mod visibility;
pub(crate) mod worker;
pub(crate) mod workflow_task;

use weft_engine::{Identity, RequestId, limits::Limits};
use weft_protocol::error::{Error, text};

use super::validate::ids;
use crate::node::Node;

/// Who calls.
pub(crate) fn identity(limits: &Limits, identity: &str) -> Result<Identity, Error> {
    ids::within(limits, identity, text::IDENTITY_TOO_LONG)?;
    Ok(Identity::from(identity))
}

/// The request's id, or a fresh one.
pub(crate) fn request_id(node: &Node, id: &str) -> Result<RequestId, Error> {
    Ok(given_request_id(&node.settings().limits, id)?.unwrap_or_else(|| fresh_request_id(node)))
}

/// The request's id, if it has one.
pub(crate) fn given_request_id(limits: &Limits, id: &str) -> Result<Option<RequestId>, Error> {
    ids::within(limits, id, text::REQUEST_ID_TOO_LONG)?;
    Ok((!id.is_empty()).then(|| RequestId::from(id)))
}

pub(crate) fn fresh_request_id(node: &Node) -> RequestId {
    RequestId::from(node.ids().uuid().hyphenated().to_string())
}
