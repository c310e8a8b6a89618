//! What operators did to a run: a part of its row that most rows do not have.

use alloc::{string::String, vec::Vec};

use prost::Message;
use weft_engine::{
    Timestamp,
    state::{RunOptions, WorkflowPause},
};

use super::EXECUTION;
use crate::{Corrupt, value};

#[derive(Clone, PartialEq, Message)]
pub(super) struct PauseRow {
    #[prost(sfixed64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    identity: String,
    #[prost(string, tag = "3")]
    reason: String,
    #[prost(string, tag = "4")]
    request: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OptionsRow {
    #[prost(bytes = "vec", optional, tag = "1")]
    priority: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    versioning_override: Option<Vec<u8>>,
}

pub(super) fn pause_row(pause: &WorkflowPause) -> PauseRow {
    let WorkflowPause { at, identity, reason, request } = pause;
    PauseRow { at: at.0, identity: identity.as_str().into(), reason: reason.clone(), request: request.clone() }
}

pub(super) fn read_pause(row: PauseRow) -> WorkflowPause {
    let PauseRow { at, identity, reason, request } = row;
    WorkflowPause { at: Timestamp(at), identity: identity.into(), reason, request }
}

pub(super) fn options_row(options: &RunOptions) -> OptionsRow {
    let RunOptions { priority, versioning_override } = options;
    OptionsRow {
        priority: value::foreign(priority.as_ref()),
        versioning_override: value::foreign(versioning_override.as_ref()),
    }
}

pub(super) fn read_options(row: OptionsRow) -> Result<RunOptions, Corrupt> {
    Ok(RunOptions {
        priority: value::read_foreign(EXECUTION, row.priority)?,
        versioning_override: value::read_foreign(EXECUTION, row.versioning_override)?,
    })
}
