//! The last tasks that workers answered, inside the execution row.

use prost::Message;
use weft_engine::{
    EventId, Timestamp,
    state::{AnsweredActivity, AnsweredWorkflowTask, TaskVerdict},
};

use crate::{Corrupt, table::EXECUTION, value};

#[derive(Clone, PartialEq, Message)]
pub(super) struct TaskRow {
    #[prost(int64, tag = "1")]
    scheduled_event_id: i64,
    #[prost(int64, tag = "2")]
    started_event_id: i64,
    #[prost(sfixed64, tag = "3")]
    started_at: i64,
    #[prost(uint32, tag = "4")]
    attempt: u32,
    #[prost(uint32, tag = "5")]
    verdict: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ActivityRow {
    #[prost(int64, tag = "1")]
    scheduled_event_id: i64,
    #[prost(uint32, tag = "2")]
    attempt: u32,
    #[prost(sfixed64, tag = "3")]
    started_at: i64,
}

pub(super) fn task_row(answered: &AnsweredWorkflowTask) -> TaskRow {
    let AnsweredWorkflowTask { scheduled_event_id, started_event_id, started_at, attempt, verdict } = answered;
    TaskRow {
        scheduled_event_id: scheduled_event_id.0,
        started_event_id: started_event_id.0,
        started_at: started_at.0,
        attempt: *attempt,
        verdict: match verdict {
            TaskVerdict::Completed => 1,
            TaskVerdict::Rejected => 2,
            TaskVerdict::Failed => 3,
        },
    }
}

pub(super) fn read_task(row: TaskRow) -> Result<AnsweredWorkflowTask, Corrupt> {
    let TaskRow { scheduled_event_id, started_event_id, started_at, attempt, verdict } = row;
    Ok(AnsweredWorkflowTask {
        scheduled_event_id: EventId(scheduled_event_id),
        started_event_id: EventId(started_event_id),
        started_at: Timestamp(started_at),
        attempt,
        verdict: match verdict {
            1 => TaskVerdict::Completed,
            2 => TaskVerdict::Rejected,
            3 => TaskVerdict::Failed,
            other => return Err(value::unknown(EXECUTION, "verdict", other)),
        },
    })
}

pub(super) fn activity_row(answered: &AnsweredActivity) -> ActivityRow {
    let AnsweredActivity { scheduled_event_id, attempt, started_at } = answered;
    ActivityRow { scheduled_event_id: scheduled_event_id.0, attempt: *attempt, started_at: started_at.0 }
}

pub(super) fn read_activity(row: ActivityRow) -> AnsweredActivity {
    let ActivityRow { scheduled_event_id, attempt, started_at } = row;
    AnsweredActivity { scheduled_event_id: EventId(scheduled_event_id), attempt, started_at: Timestamp(started_at) }
}
