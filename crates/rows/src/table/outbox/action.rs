//! The messages between a schedule and the workflows that it starts.

use alloc::{string::String, vec::Vec};

use weft_engine::{ActionEnd, ActionEnded, EventId, StartAction, Timestamp};

use super::{OUTBOX, end_number, read_end};
use crate::{Corrupt, value};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StartRow {
    #[prost(bytes = "vec", tag = "1")]
    action: Vec<u8>,
    #[prost(sfixed64, tag = "2")]
    nominal: i64,
    #[prost(bool, tag = "3")]
    again: bool,
    #[prost(bytes = "vec", optional, tag = "4")]
    last_result: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    last_failure: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EndRow {
    #[prost(string, tag = "1")]
    first_run: String,
    #[prost(uint32, tag = "2")]
    end: u32,
    #[prost(string, tag = "3")]
    identity: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EndedRow {
    #[prost(string, tag = "1")]
    schedule: String,
    #[prost(int64, tag = "2")]
    action: i64,
    #[prost(string, tag = "3")]
    first_run: String,
    #[prost(bytes = "vec", tag = "4")]
    event: Vec<u8>,
}

pub(super) fn start_row(start: &StartAction) -> StartRow {
    let StartAction { action, nominal, again, last_result, last_failure } = start;
    StartRow {
        action: weft_protocol::encode_canonical(action),
        nominal: nominal.0,
        again: *again,
        last_result: value::foreign(last_result.as_ref()),
        last_failure: value::foreign(last_failure.as_ref()),
    }
}

pub(super) fn read_start(row: StartRow) -> Result<StartAction, Corrupt> {
    let StartRow { action, nominal, again, last_result, last_failure } = row;
    Ok(StartAction {
        action: value::message(OUTBOX, &action)?,
        nominal: Timestamp(nominal),
        again,
        last_result: value::read_foreign(OUTBOX, last_result)?,
        last_failure: value::read_foreign(OUTBOX, last_failure)?,
    })
}

pub(super) fn end_row(it: &ActionEnd) -> EndRow {
    let ActionEnd { first_run, end, identity } = it;
    EndRow { first_run: first_run.as_str().into(), end: end_number(*end), identity: identity.as_str().into() }
}

pub(super) fn read_end_action(row: EndRow) -> Result<ActionEnd, Corrupt> {
    let EndRow { first_run, end, identity } = row;
    Ok(ActionEnd { first_run: first_run.into(), end: read_end(end)?, identity: identity.into() })
}

pub(super) fn ended_row(ended: &ActionEnded) -> EndedRow {
    let ActionEnded { schedule, action, first_run, event } = ended;
    EndedRow {
        schedule: schedule.as_str().into(),
        action: action.0,
        first_run: first_run.as_str().into(),
        event: weft_protocol::encode_canonical(event),
    }
}

pub(super) fn read_ended(row: EndedRow) -> Result<ActionEnded, Corrupt> {
    let EndedRow { schedule, action, first_run, event } = row;
    Ok(ActionEnded {
        schedule: schedule.into(),
        action: EventId(action),
        first_run: first_run.into(),
        event: value::message(OUTBOX, &event)?,
    })
}
