//! Schedule: what a client said of it, and how far it has come; two rows, because the first is large and changes seldom.
//!
//! ```text
//! key    slot | namespace id | schedule id text | part u8 (1 plan, 2 progress)
//! value  01 | PlanRow, or 01 | ProgressRow
//! ```
//!
//! It stands under the slot of its own id, beside a workflow of the same id.

use alloc::{string::String, sync::Arc, vec::Vec};

use prost::{Message, bytes::Bytes};
use weft_engine::{
    ChildEnd, EventId, RequestId, Timestamp, WorkflowKey,
    state::schedule::{
        Action, ActionStage, Backfill, Counts, Overlap, Plan, Planned, Policies, Progress, Recent, Schedule,
    },
};

use super::{SCHEDULE, execution::status};
use crate::{
    Corrupt, SlotRange,
    key::{Reader, Scope},
    value::{self, Span},
};

const PLAN: u8 = 1;
const PROGRESS: u8 = 2;

#[derive(Clone, PartialEq, Message)]
struct PlanRow {
    #[prost(string, tag = "1")]
    incarnation: String,
    #[prost(string, tag = "2")]
    created_by: String,
    #[prost(sfixed64, tag = "3")]
    created_at: i64,
    #[prost(bytes = "vec", tag = "4")]
    spec: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "5")]
    action: Option<Vec<u8>>,
    #[prost(uint32, tag = "6")]
    overlap: u32,
    #[prost(message, optional, tag = "7")]
    catchup_window: Option<Span>,
    #[prost(bool, tag = "8")]
    pause_on_failure: bool,
    #[prost(bool, tag = "9")]
    keep_workflow_id: bool,
    #[prost(bytes = "vec", optional, tag = "10")]
    memo: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "11")]
    search_attributes: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ProgressRow {
    #[prost(int64, tag = "1")]
    token: i64,
    #[prost(bool, tag = "2")]
    paused: bool,
    #[prost(string, tag = "3")]
    notes: String,
    #[prost(bool, tag = "4")]
    limited: bool,
    #[prost(int64, tag = "5")]
    remaining: i64,
    #[prost(sfixed64, optional, tag = "6")]
    updated_at: Option<i64>,
    #[prost(sfixed64, tag = "7")]
    done_until: i64,
    #[prost(int64, tag = "8")]
    actions_count: i64,
    #[prost(int64, tag = "9")]
    missed_catchup_window: i64,
    #[prost(int64, tag = "10")]
    overlap_skipped: i64,
    #[prost(int64, tag = "11")]
    buffer_dropped: i64,
    #[prost(message, repeated, tag = "12")]
    buffer: Vec<PlannedRow>,
    #[prost(message, repeated, tag = "13")]
    backfills: Vec<BackfillRow>,
    #[prost(message, repeated, tag = "14")]
    actions: Vec<ActionRow>,
    #[prost(message, repeated, tag = "15")]
    recent: Vec<RecentRow>,
    #[prost(bytes = "vec", optional, tag = "16")]
    last_result: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "17")]
    last_failure: Option<Vec<u8>>,
    #[prost(int64, tag = "18")]
    next_number: i64,
    #[prost(string, repeated, tag = "19")]
    requests: Vec<String>,
    #[prost(sfixed64, optional, tag = "20")]
    wake_at: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct PlannedRow {
    #[prost(sfixed64, tag = "1")]
    nominal: i64,
    #[prost(sfixed64, tag = "2")]
    actual: i64,
    /// 0 is none.
    #[prost(uint32, tag = "3")]
    overlap: u32,
    #[prost(bool, tag = "4")]
    manual: bool,
}

#[derive(Clone, PartialEq, Message)]
struct BackfillRow {
    #[prost(sfixed64, tag = "1")]
    after: i64,
    #[prost(sfixed64, tag = "2")]
    until: i64,
    /// 0 is none.
    #[prost(uint32, tag = "3")]
    overlap: u32,
}

/// Exactly one of the fields 4 and 5 is there.
#[derive(Clone, PartialEq, Message)]
struct ActionRow {
    #[prost(int64, tag = "1")]
    number: i64,
    #[prost(string, tag = "2")]
    workflow: String,
    #[prost(bool, tag = "3")]
    counts: bool,
    #[prost(sfixed64, optional, tag = "4")]
    scheduled_at: Option<i64>,
    #[prost(string, optional, tag = "5")]
    run: Option<String>,
    /// 0 is nothing.
    #[prost(uint32, tag = "6")]
    told: u32,
}

#[derive(Clone, PartialEq, Message)]
struct RecentRow {
    #[prost(int64, tag = "1")]
    number: i64,
    #[prost(sfixed64, tag = "2")]
    scheduled_at: i64,
    #[prost(sfixed64, tag = "3")]
    began_at: i64,
    #[prost(string, tag = "4")]
    workflow: String,
    #[prost(string, tag = "5")]
    run: String,
    #[prost(uint32, tag = "6")]
    status: u32,
}

/// The key of the plan.
#[must_use]
pub fn plan_key(key: &WorkflowKey) -> Vec<u8> {
    scoped_plan_key(&Scope::of(key))
}

/// The key of the progress.
#[must_use]
pub fn progress_key(key: &WorkflowKey) -> Vec<u8> {
    scoped_progress_key(&Scope::of(key))
}

pub(crate) fn scoped_plan_key(scope: &Scope) -> Vec<u8> {
    let mut key = scope.workflow();
    key.push(PLAN);
    key
}

pub(crate) fn scoped_progress_key(scope: &Scope) -> Vec<u8> {
    let mut key = scope.workflow();
    key.push(PROGRESS);
    key
}

/// Which of a schedule's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Plan,
    Progress,
}

/// All rows of schedules of these slots: from the first key up to but without the second.
#[must_use]
pub fn range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

/// Which row of which schedule this key is.
///
/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<(WorkflowKey, Part), Corrupt> {
    let mut reader = Reader::new(SCHEDULE, key);
    let (slot, namespace, workflow) = (reader.slot()?, reader.namespace()?, reader.workflow_id()?);
    let key = reader.placed(slot, namespace, workflow)?;
    let part = match reader.array()? {
        [PLAN] => Part::Plan,
        [PROGRESS] => Part::Progress,
        [other] => return Err(value::unknown(SCHEDULE, "part", other.into())),
    };
    reader.end()?;
    Ok((key, part))
}

/// Puts a schedule together from its two rows.
///
/// # Errors
/// When nobody wrote such rows.
pub fn assemble(plan: &Bytes, progress: &Bytes) -> Result<Schedule, Corrupt> {
    Ok(Schedule { plan: Arc::new(decode_plan(plan)?), progress: Arc::new(decode_progress(progress)?) })
}

pub(crate) fn encode_plan(plan: &Plan) -> Vec<u8> {
    let Plan { incarnation, created_by, created_at, spec, action, policies, memo, search_attributes } = plan;
    let Policies { overlap, catchup_window, pause_on_failure, keep_workflow_id } = *policies;
    value::encode(&PlanRow {
        incarnation: incarnation.as_str().into(),
        created_by: created_by.as_str().into(),
        created_at: created_at.0,
        spec: weft_protocol::encode_canonical(spec),
        action: value::foreign(action.as_ref()),
        overlap: overlap_number(Some(overlap)),
        catchup_window: value::span(catchup_window),
        pause_on_failure,
        keep_workflow_id,
        memo: value::foreign(memo.as_ref()),
        search_attributes: value::foreign(search_attributes.as_ref()),
    })
}

pub(crate) fn decode_plan(bytes: &[u8]) -> Result<Plan, Corrupt> {
    let row: PlanRow = value::decode(SCHEDULE, bytes)?;
    Ok(Plan {
        incarnation: row.incarnation.into(),
        created_by: row.created_by.into(),
        created_at: Timestamp(row.created_at),
        spec: value::message(SCHEDULE, &row.spec)?,
        action: value::read_foreign(SCHEDULE, row.action)?,
        policies: Policies {
            overlap: read_overlap(row.overlap)?.ok_or_else(|| value::unknown(SCHEDULE, "overlap policy", 0))?,
            catchup_window: value::read_span(SCHEDULE, row.catchup_window)?,
            pause_on_failure: row.pause_on_failure,
            keep_workflow_id: row.keep_workflow_id,
        },
        memo: value::read_foreign(SCHEDULE, row.memo)?,
        search_attributes: value::read_foreign(SCHEDULE, row.search_attributes)?,
    })
}

pub(crate) fn encode_progress(progress: &Progress) -> Vec<u8> {
    // Every field is named, so that a new one cannot be forgotten here.
    let Progress { token, paused, notes, limited, remaining, updated_at, done_until, counts, buffer, .. } = progress;
    let Progress { backfills, actions, recent, last_result, last_failure, next_number, requests, wake_at, .. } =
        progress;
    let Counts { actions: actions_count, missed_catchup_window, overlap_skipped, buffer_dropped } = *counts;
    value::encode(&ProgressRow {
        token: *token,
        paused: *paused,
        notes: notes.clone(),
        limited: *limited,
        remaining: *remaining,
        updated_at: value::time(*updated_at),
        done_until: done_until.0,
        actions_count,
        missed_catchup_window,
        overlap_skipped,
        buffer_dropped,
        buffer: buffer.iter().map(planned_row).collect(),
        backfills: backfills.iter().map(backfill_row).collect(),
        actions: actions.iter().map(action_row).collect(),
        recent: recent.iter().map(recent_row).collect(),
        last_result: value::foreign(last_result.as_deref()),
        last_failure: value::foreign(last_failure.as_deref()),
        next_number: next_number.0,
        requests: requests.iter().map(|request| request.as_str().into()).collect(),
        wake_at: value::time(*wake_at),
    })
}

pub(crate) fn decode_progress(bytes: &[u8]) -> Result<Progress, Corrupt> {
    let row: ProgressRow = value::decode(SCHEDULE, bytes)?;
    Ok(Progress {
        token: row.token,
        paused: row.paused,
        notes: row.notes,
        limited: row.limited,
        remaining: row.remaining,
        updated_at: value::read_time(row.updated_at),
        done_until: Timestamp(row.done_until),
        counts: Counts {
            actions: row.actions_count,
            missed_catchup_window: row.missed_catchup_window,
            overlap_skipped: row.overlap_skipped,
            buffer_dropped: row.buffer_dropped,
        },
        buffer: row.buffer.iter().map(read_planned).collect::<Result<_, _>>()?,
        backfills: row.backfills.iter().map(read_backfill).collect::<Result<_, _>>()?,
        actions: row.actions.into_iter().map(read_action).collect::<Result<_, _>>()?,
        recent: row.recent.into_iter().map(read_recent).collect::<Result<_, _>>()?,
        last_result: value::read_foreign(SCHEDULE, row.last_result)?.map(Arc::new),
        last_failure: value::read_foreign(SCHEDULE, row.last_failure)?.map(Arc::new),
        next_number: EventId(row.next_number),
        requests: row.requests.into_iter().map(RequestId::from).collect(),
        wake_at: value::read_time(row.wake_at),
    })
}

fn planned_row(planned: &Planned) -> PlannedRow {
    let Planned { nominal, actual, overlap, manual } = *planned;
    PlannedRow { nominal: nominal.0, actual: actual.0, overlap: overlap_number(overlap), manual }
}

fn read_planned(row: &PlannedRow) -> Result<Planned, Corrupt> {
    let PlannedRow { nominal, actual, overlap, manual } = *row;
    let overlap = read_overlap(overlap)?;
    Ok(Planned { nominal: Timestamp(nominal), actual: Timestamp(actual), overlap, manual })
}

fn backfill_row(backfill: &Backfill) -> BackfillRow {
    let Backfill { after, until, overlap } = *backfill;
    BackfillRow { after: after.0, until: until.0, overlap: overlap_number(overlap) }
}

fn read_backfill(row: &BackfillRow) -> Result<Backfill, Corrupt> {
    let BackfillRow { after, until, overlap } = *row;
    Ok(Backfill { after: Timestamp(after), until: Timestamp(until), overlap: read_overlap(overlap)? })
}

fn action_row(action: &Action) -> ActionRow {
    let Action { number, workflow, counts, stage } = action;
    let row =
        ActionRow { number: number.0, workflow: workflow.as_str().into(), counts: *counts, ..ActionRow::default() };
    match stage {
        ActionStage::Asked { scheduled_at } => ActionRow { scheduled_at: Some(scheduled_at.0), ..row },
        ActionStage::Running { run, told } => {
            ActionRow { run: Some(run.as_str().into()), told: end_number(*told), ..row }
        }
    }
}

fn read_action(row: ActionRow) -> Result<Action, Corrupt> {
    let ActionRow { number, workflow, counts, scheduled_at, run, told } = row;
    let stage = match (scheduled_at, run) {
        (Some(at), None) if told == 0 => ActionStage::Asked { scheduled_at: Timestamp(at) },
        (None, Some(run)) => ActionStage::Running { run: run.into(), told: read_end(told)? },
        (Some(_), _) | (None, None) => {
            return Err(Corrupt::row(SCHEDULE, "an action that is neither asked for nor runs"));
        }
    };
    Ok(Action { number: EventId(number), workflow: workflow.into(), counts, stage })
}

fn recent_row(recent: &Recent) -> RecentRow {
    let Recent { number, scheduled_at, began_at, workflow, run, status } = recent;
    RecentRow {
        number: number.0,
        scheduled_at: scheduled_at.0,
        began_at: began_at.0,
        workflow: workflow.as_str().into(),
        run: run.as_str().into(),
        status: status::number(*status),
    }
}

fn read_recent(row: RecentRow) -> Result<Recent, Corrupt> {
    let RecentRow { number, scheduled_at, began_at, workflow, run, status } = row;
    Ok(Recent {
        number: EventId(number),
        scheduled_at: Timestamp(scheduled_at),
        began_at: Timestamp(began_at),
        workflow: workflow.into(),
        run: run.into(),
        status: status::read(SCHEDULE, status)?,
    })
}

/// Those of Temporal's `ScheduleOverlapPolicy`.
fn overlap_number(overlap: Option<Overlap>) -> u32 {
    match overlap {
        None => 0,
        Some(Overlap::Skip) => 1,
        Some(Overlap::BufferOne) => 2,
        Some(Overlap::BufferAll) => 3,
        Some(Overlap::CancelOther) => 4,
        Some(Overlap::TerminateOther) => 5,
        Some(Overlap::AllowAll) => 6,
    }
}

fn read_overlap(number: u32) -> Result<Option<Overlap>, Corrupt> {
    Ok(match number {
        0 => None,
        1 => Some(Overlap::Skip),
        2 => Some(Overlap::BufferOne),
        3 => Some(Overlap::BufferAll),
        4 => Some(Overlap::CancelOther),
        5 => Some(Overlap::TerminateOther),
        6 => Some(Overlap::AllowAll),
        other => return Err(value::unknown(SCHEDULE, "overlap policy", other)),
    })
}

fn end_number(end: Option<ChildEnd>) -> u32 {
    match end {
        None => 0,
        Some(ChildEnd::Terminate) => 1,
        Some(ChildEnd::RequestCancel) => 2,
    }
}

fn read_end(number: u32) -> Result<Option<ChildEnd>, Corrupt> {
    Ok(match number {
        0 => None,
        1 => Some(ChildEnd::Terminate),
        2 => Some(ChildEnd::RequestCancel),
        other => return Err(value::unknown(SCHEDULE, "end of an action", other)),
    })
}

#[cfg(test)]
mod tests;
