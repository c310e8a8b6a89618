//! The pending workflow task, inside the execution row.

use alloc::string::String;

use prost::Message;
use weft_engine::{
    EventId, Timestamp,
    state::{ScheduledOn, StartedStage, TaskKind, WorkflowTask, WorkflowTaskStage},
};

use crate::{
    Corrupt,
    table::EXECUTION,
    value::{self, Span},
};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(int64, tag = "1")]
    scheduled_event_id: i64,
    #[prost(sfixed64, tag = "2")]
    scheduled_at: i64,
    #[prost(sfixed64, tag = "3")]
    original_scheduled_at: i64,
    #[prost(uint32, tag = "4")]
    attempt: u32,
    #[prost(uint32, tag = "5")]
    kind: u32,
    #[prost(message, optional, tag = "6")]
    timeout: Option<Span>,
    /// With neither of these two, the task waits on the normal queue; there are never both.
    #[prost(message, optional, tag = "7")]
    sticky: Option<StickyRow>,
    #[prost(message, optional, tag = "8")]
    started: Option<StartedRow>,
}

#[derive(Clone, PartialEq, Message)]
struct StickyRow {
    #[prost(string, tag = "1")]
    queue: String,
    #[prost(sfixed64, tag = "2")]
    give_up_at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct StartedRow {
    #[prost(int64, tag = "1")]
    event_id: i64,
    #[prost(sfixed64, tag = "2")]
    at: i64,
    #[prost(string, tag = "3")]
    identity: String,
    #[prost(string, tag = "4")]
    request: String,
    #[prost(bool, tag = "5")]
    from_sticky: bool,
    #[prost(bool, tag = "6")]
    suggest_continue_as_new: bool,
    #[prost(uint64, tag = "7")]
    history_bytes: u64,
    #[prost(bool, tag = "8")]
    too_many_updates: bool,
}

pub(super) fn row(task: &WorkflowTask) -> Row {
    let WorkflowTask { scheduled_event_id, scheduled_at, original_scheduled_at, attempt, kind, timeout, stage } = task;
    let (sticky, started) = match stage {
        WorkflowTaskStage::Scheduled(ScheduledOn::Normal) => (None, None),
        WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { queue, give_up_at }) => {
            (Some(StickyRow { queue: queue.as_str().into(), give_up_at: give_up_at.0 }), None)
        }
        WorkflowTaskStage::Started(started) => (None, Some(started_row(started))),
    };
    Row {
        scheduled_event_id: scheduled_event_id.0,
        scheduled_at: scheduled_at.0,
        original_scheduled_at: original_scheduled_at.0,
        attempt: *attempt,
        kind: match kind {
            TaskKind::Normal => 1,
            TaskKind::Transient => 2,
            // Never written: the engine's check sees to it that no row has such a task.
            TaskKind::Speculative => 3,
        },
        timeout: value::span(*timeout),
        sticky,
        started,
    }
}

pub(super) fn read(row: Row) -> Result<WorkflowTask, Corrupt> {
    let stage = match (row.sticky, row.started) {
        (None, None) => WorkflowTaskStage::Scheduled(ScheduledOn::Normal),
        (Some(StickyRow { queue, give_up_at }), None) => {
            WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { queue: queue.into(), give_up_at: Timestamp(give_up_at) })
        }
        (None, Some(started)) => WorkflowTaskStage::Started(read_started(started)),
        (Some(_), Some(_)) => return Err(Corrupt::row(EXECUTION, "a workflow task that waits and is started")),
    };
    Ok(WorkflowTask {
        scheduled_event_id: EventId(row.scheduled_event_id),
        scheduled_at: Timestamp(row.scheduled_at),
        original_scheduled_at: Timestamp(row.original_scheduled_at),
        attempt: row.attempt,
        kind: match row.kind {
            1 => TaskKind::Normal,
            2 => TaskKind::Transient,
            other => return Err(value::unknown(EXECUTION, "kind of workflow task", other)),
        },
        timeout: value::read_span(EXECUTION, row.timeout)?,
        stage,
    })
}

fn started_row(started: &StartedStage) -> StartedRow {
    let StartedStage { event_id, at, identity, request, from_sticky, suggest_continue_as_new, .. } = started;
    let StartedStage { too_many_updates, history_bytes, .. } = started;
    StartedRow {
        event_id: event_id.0,
        at: at.0,
        identity: identity.as_str().into(),
        request: request.as_str().into(),
        from_sticky: *from_sticky,
        suggest_continue_as_new: *suggest_continue_as_new,
        history_bytes: *history_bytes,
        too_many_updates: *too_many_updates,
    }
}

fn read_started(row: StartedRow) -> StartedStage {
    let StartedRow { event_id, at, identity, request, from_sticky, suggest_continue_as_new, .. } = row;
    let (too_many_updates, history_bytes) = (row.too_many_updates, row.history_bytes);
    StartedStage {
        event_id: EventId(event_id),
        at: Timestamp(at),
        identity: identity.into(),
        request: request.into(),
        from_sticky,
        suggest_continue_as_new,
        too_many_updates,
        history_bytes,
    }
}
