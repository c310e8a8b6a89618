//! The numbers of statuses: those of Temporal's `WorkflowExecutionStatus`.

use weft_engine::state::Status;

use crate::{Corrupt, value};

pub(crate) fn number(status: Status) -> u32 {
    match status {
        Status::Running => 1,
        Status::Completed => 2,
        Status::Failed => 3,
        Status::Canceled => 4,
        Status::Terminated => 5,
        Status::ContinuedAsNew => 6,
        Status::TimedOut => 7,
        Status::Paused => 8,
    }
}

pub(crate) fn read(table: u8, number: u32) -> Result<Status, Corrupt> {
    Ok(match number {
        1 => Status::Running,
        2 => Status::Completed,
        3 => Status::Failed,
        4 => Status::Canceled,
        5 => Status::Terminated,
        6 => Status::ContinuedAsNew,
        7 => Status::TimedOut,
        8 => Status::Paused,
        other => return Err(value::unknown(table, "status", other)),
    })
}
