//! Execution: the facts of one run that are one row.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id
//! value  01 | Row
//! ```
//!
//! What the run was started with is not here: it is event 1, in the first history batch of its branch.

mod answered;
mod operated;
pub(crate) mod status;
mod worker;
mod workflow_task;

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use prost::Message;
use weft_engine::{
    EventId, ForkOrigin, RunId, Timestamp,
    state::{AttachedRequest, Branch, CancelRequest, CloseFacts, Core, Hash, ResetFacts, Start, Sticky},
};

use super::{EXECUTION, ancestor};
use crate::{
    Corrupt,
    key::Scope,
    value::{self, Span},
};

#[derive(Clone, PartialEq, Message)]
struct Row {
    /// Empty if it is named like the run.
    #[prost(string, tag = "1")]
    branch: String,
    #[prost(string, tag = "2")]
    started_by: String,
    #[prost(int64, tag = "3")]
    next_event_id: i64,
    #[prost(uint64, tag = "4")]
    history_bytes: u64,
    #[prost(bytes = "vec", tag = "5")]
    head: Vec<u8>,
    #[prost(uint64, tag = "6")]
    state_transitions: u64,
    #[prost(sfixed64, tag = "7")]
    last_event_at: i64,
    #[prost(sfixed64, optional, tag = "8")]
    first_task_at: Option<i64>,
    #[prost(sfixed64, optional, tag = "9")]
    run_expires_at: Option<i64>,
    #[prost(sfixed64, optional, tag = "10")]
    execution_expires_at: Option<i64>,
    #[prost(message, optional, tag = "11")]
    task: Option<workflow_task::Row>,
    #[prost(int64, tag = "12")]
    last_completed_task: i64,
    #[prost(message, optional, tag = "13")]
    sticky: Option<StickyRow>,
    #[prost(message, optional, tag = "14")]
    cancel: Option<NotedRow>,
    #[prost(uint32, tag = "15")]
    signals: u32,
    #[prost(btree_map = "string, bytes", tag = "16")]
    memo: BTreeMap<String, Vec<u8>>,
    #[prost(btree_map = "string, bytes", tag = "17")]
    search_attributes: BTreeMap<String, Vec<u8>>,
    #[prost(message, repeated, tag = "18")]
    attached: Vec<NotedRow>,
    #[prost(bool, tag = "19")]
    closing: bool,
    #[prost(uint32, tag = "20")]
    task_problems: u32,
    #[prost(message, optional, tag = "21")]
    answered_task: Option<answered::TaskRow>,
    #[prost(message, optional, tag = "22")]
    answered_activity: Option<answered::ActivityRow>,
    #[prost(message, optional, tag = "23")]
    last_worker: Option<worker::Row>,
    #[prost(message, optional, tag = "24")]
    closed: Option<CloseRow>,
    #[prost(sfixed64, optional, tag = "25")]
    wake_at: Option<i64>,
    #[prost(message, optional, tag = "26")]
    last_problem: Option<worker::ProblemRow>,
    #[prost(message, repeated, tag = "27")]
    reset_points: Vec<worker::ResetPointRow>,
    /// What the branch begins with.
    #[prost(message, repeated, tag = "28")]
    ancestors: Vec<ancestor::Row>,
    #[prost(message, optional, tag = "29")]
    pause: Option<operated::PauseRow>,
    #[prost(sfixed64, optional, tag = "30")]
    frozen_at: Option<i64>,
    #[prost(message, optional, tag = "31")]
    options: Option<operated::OptionsRow>,
    #[prost(message, optional, tag = "32")]
    made_by_reset: Option<ResetRow>,
    #[prost(string, optional, tag = "33")]
    reset_run: Option<String>,
    /// Of a fork.
    #[prost(message, optional, tag = "34")]
    forked_from: Option<OriginRow>,
}

#[derive(Clone, PartialEq, Message)]
struct ResetRow {
    #[prost(string, tag = "1")]
    base: String,
    #[prost(int64, tag = "2")]
    divided_at: i64,
    #[prost(sfixed64, tag = "3")]
    at: i64,
}

/// The part of a row that says where the history stands.
#[derive(Clone, PartialEq, Message)]
struct BranchRow {
    #[prost(string, tag = "1")]
    branch: String,
    #[prost(message, repeated, tag = "28")]
    ancestors: Vec<ancestor::Row>,
}

/// Where a forked run's history was copied from.
#[derive(Clone, PartialEq, Message)]
struct OriginRow {
    #[prost(string, tag = "1")]
    workflow: String,
    #[prost(string, tag = "2")]
    run: String,
    #[prost(int64, tag = "3")]
    event_id: i64,
}

#[derive(Clone, PartialEq, Message)]
struct StickyRow {
    #[prost(string, tag = "1")]
    queue: String,
    #[prost(message, optional, tag = "2")]
    schedule_to_start: Option<Span>,
}

/// A request and the event that noted it.
#[derive(Clone, PartialEq, Message)]
struct NotedRow {
    #[prost(string, tag = "1")]
    request: String,
    #[prost(int64, tag = "2")]
    event_id: i64,
}

#[derive(Clone, PartialEq, Message)]
struct CloseRow {
    #[prost(uint32, tag = "1")]
    status: u32,
    #[prost(sfixed64, tag = "2")]
    at: i64,
    #[prost(int64, tag = "3")]
    event_id: i64,
    #[prost(string, optional, tag = "4")]
    new_run: Option<String>,
    #[prost(sfixed64, tag = "5")]
    remove_at: i64,
}

pub(crate) fn key(scope: &Scope, run: &RunId) -> Vec<u8> {
    scope.run(run)
}

/// The row of a run whose history ends with `head`.
pub(crate) fn encode(core: &Core, head: &Hash) -> Vec<u8> {
    // Every field is named, so that a new one cannot be forgotten here. Event 1 has a row of its own.
    let Core { run, start: _, branch, started_by, next_event_id, history_bytes, head: _, state_transitions, .. } = core;
    let Core { last_event_at, first_task_at, run_expires_at, execution_expires_at, task, last_completed_task, .. } =
        core;
    let Core { sticky, cancel, signals, memo, search_attributes, attached, closing, task_problems, .. } = core;
    let Core { answered_task, answered_activity, last_worker, closed, wake_at, last_problem, reset_points, .. } = core;
    let Core { pause, frozen_at, options, made_by_reset, reset_run, .. } = core;
    let Core { forked_from, .. } = core;
    value::encode(&Row {
        branch: if branch.id == *run { String::new() } else { branch.id.as_str().into() },
        started_by: started_by.as_str().into(),
        next_event_id: next_event_id.0,
        history_bytes: *history_bytes,
        head: head.to_vec(),
        state_transitions: *state_transitions,
        last_event_at: last_event_at.0,
        first_task_at: value::time(*first_task_at),
        run_expires_at: value::time(*run_expires_at),
        execution_expires_at: value::time(*execution_expires_at),
        task: task.as_ref().map(workflow_task::row),
        last_completed_task: last_completed_task.0,
        sticky: sticky.as_ref().map(sticky_row),
        cancel: cancel.as_ref().map(|it| NotedRow { request: it.request.as_str().into(), event_id: it.event_id.0 }),
        signals: *signals,
        memo: value::fields(memo),
        search_attributes: value::fields(search_attributes),
        attached: attached
            .iter()
            .map(|it| NotedRow { request: it.request.as_str().into(), event_id: it.event_id.0 })
            .collect(),
        closing: *closing,
        task_problems: *task_problems,
        answered_task: answered_task.as_ref().map(answered::task_row),
        answered_activity: answered_activity.as_ref().map(answered::activity_row),
        last_worker: worker::row(last_worker),
        closed: closed.as_ref().map(close_row),
        wake_at: value::time(*wake_at),
        last_problem: last_problem.map(worker::problem_row),
        reset_points: reset_points.iter().map(|point| worker::reset_point_row(point, run)).collect(),
        ancestors: ancestor::rows(&branch.ancestors),
        pause: pause.as_deref().map(operated::pause_row),
        frozen_at: value::time(*frozen_at),
        options: options.as_deref().map(operated::options_row),
        made_by_reset: made_by_reset.as_deref().map(reset_row),
        reset_run: reset_run.as_ref().map(|run| run.as_str().into()),
        forked_from: forked_from.as_deref().map(origin_row),
    })
}

/// Where the history of the run whose row this is stands, without reading all of it.
pub(crate) fn branch(run: &RunId, bytes: &[u8]) -> Result<Branch, Corrupt> {
    let row: BranchRow = value::decode(EXECUTION, bytes)?;
    Ok(read_branch(run, row.branch, row.ancestors))
}

fn read_branch(run: &RunId, id: String, ancestors: Vec<ancestor::Row>) -> Branch {
    let id = if id.is_empty() { run.clone() } else { id.into() };
    Branch { id, ancestors: ancestor::read(ancestors) }
}

/// What a row says, without event 1.
pub(crate) struct Decoded(Row);

impl Decoded {
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, Corrupt> {
        value::decode(EXECUTION, bytes).map(Self)
    }

    pub(crate) fn started_by(&self) -> &str {
        &self.0.started_by
    }

    pub(crate) fn with_start(self, run: RunId, start: Arc<Start>) -> Result<Core, Corrupt> {
        let row = self.0;
        let points = row.reset_points.into_iter().map(|point| worker::read_reset_point(point, &run));
        Ok(Core {
            reset_points: Arc::new(points.collect()),
            branch: read_branch(&run, row.branch, row.ancestors),
            run,
            start,
            started_by: row.started_by.into(),
            next_event_id: EventId(row.next_event_id),
            history_bytes: row.history_bytes,
            head: row.head.try_into().map_err(|_| Corrupt::row(EXECUTION, "a history head that is no hash"))?,
            state_transitions: row.state_transitions,
            last_event_at: Timestamp(row.last_event_at),
            first_task_at: value::read_time(row.first_task_at),
            run_expires_at: value::read_time(row.run_expires_at),
            execution_expires_at: value::read_time(row.execution_expires_at),
            task: row.task.map(workflow_task::read).transpose()?,
            last_completed_task: EventId(row.last_completed_task),
            sticky: row.sticky.map(read_sticky).transpose()?,
            cancel: row.cancel.map(|it| CancelRequest { request: it.request.into(), event_id: EventId(it.event_id) }),
            signals: row.signals,
            memo: Arc::new(value::read_fields(EXECUTION, row.memo)?),
            search_attributes: Arc::new(value::read_fields(EXECUTION, row.search_attributes)?),
            attached: row
                .attached
                .into_iter()
                .map(|it| AttachedRequest { request: it.request.into(), event_id: EventId(it.event_id) })
                .collect(),
            closing: row.closing,
            task_problems: row.task_problems,
            answered_task: row.answered_task.map(answered::read_task).transpose()?,
            answered_activity: row.answered_activity.map(answered::read_activity),
            last_problem: row.last_problem.map(worker::read_problem).transpose()?,
            last_worker: Arc::new(worker::read(row.last_worker)),
            closed: row.closed.map(read_close).transpose()?,
            pause: row.pause.map(operated::read_pause).map(Arc::new),
            frozen_at: value::read_time(row.frozen_at),
            options: row.options.map(operated::read_options).transpose()?.map(Arc::new),
            made_by_reset: row.made_by_reset.map(read_reset).map(Arc::new),
            reset_run: row.reset_run.map(Into::into),
            wake_at: value::read_time(row.wake_at),
            forked_from: row.forked_from.map(|origin| read_origin(origin).into()),
        })
    }
}

fn origin_row(origin: &ForkOrigin) -> OriginRow {
    let ForkOrigin { workflow, run, event_id } = origin;
    OriginRow { workflow: workflow.as_str().into(), run: run.as_str().into(), event_id: event_id.0 }
}

fn read_origin(row: OriginRow) -> ForkOrigin {
    let OriginRow { workflow, run, event_id } = row;
    ForkOrigin { workflow: workflow.into(), run: run.into(), event_id: EventId(event_id) }
}

fn sticky_row(sticky: &Sticky) -> StickyRow {
    let Sticky { queue, schedule_to_start } = sticky;
    StickyRow { queue: queue.as_str().into(), schedule_to_start: value::span(*schedule_to_start) }
}

fn read_sticky(row: StickyRow) -> Result<Sticky, Corrupt> {
    let StickyRow { queue, schedule_to_start } = row;
    Ok(Sticky { queue: queue.into(), schedule_to_start: value::read_span(EXECUTION, schedule_to_start)? })
}

fn reset_row(reset: &ResetFacts) -> ResetRow {
    let ResetFacts { base, divided_at, at } = reset;
    ResetRow { base: base.as_str().into(), divided_at: divided_at.0, at: at.0 }
}

fn read_reset(row: ResetRow) -> ResetFacts {
    let ResetRow { base, divided_at, at } = row;
    ResetFacts { base: base.into(), divided_at: EventId(divided_at), at: Timestamp(at) }
}

fn close_row(close: &CloseFacts) -> CloseRow {
    let CloseFacts { status, at, event_id, new_run, remove_at } = close;
    CloseRow {
        status: status::number(*status),
        at: at.0,
        event_id: event_id.0,
        new_run: new_run.as_ref().map(|run| run.as_str().into()),
        remove_at: remove_at.0,
    }
}

fn read_close(row: CloseRow) -> Result<CloseFacts, Corrupt> {
    let CloseRow { status, at, event_id, new_run, remove_at } = row;
    Ok(CloseFacts {
        status: status::read(EXECUTION, status)?,
        at: Timestamp(at),
        event_id: EventId(event_id),
        new_run: new_run.map(Into::into),
        remove_at: Timestamp(remove_at),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        let core = sample::core();
        golden::check("execution key", &key(&Scope::of(&sample::key()), &core.run));
        golden::check("execution value", &encode(&core, &core.head));
        let waiting =
            Core { task: Some(sample::sticky_task()), branch: Branch::root(core.run.clone()), ..core.clone() };
        golden::check("execution value, sticky task", &encode(&waiting, &[8; 32]));
        let built = sample::with_builds(core.clone());
        let branch = Branch { id: core.run.clone(), ancestors: sample::ancestors() };
        let reset = Core { branch: branch.clone(), ..core.clone() };
        golden::check("execution value, reset", &encode(&reset, &reset.head));
        let made_by_reset = Some(Arc::new(sample::reset()));
        let linked = Core { made_by_reset, reset_run: Some("next".into()), ..reset.clone() };
        golden::check("execution value, between resets", &encode(&linked, &linked.head));
        assert_eq!(super::branch(&core.run, &encode(&reset, &reset.head)), Ok(branch));
        golden::check("execution value, builds", &encode(&built, &built.head));
        let operated = sample::operated_run(sample::core());
        golden::check("execution value, paused", &encode(&operated, &operated.head));
        let forked = sample::forked(sample::core());
        golden::check("execution value, forked", &encode(&forked, &forked.head));
    }

    proptest! {
        #[test]
        fn rows_come_back(
            (core, branch) in (generate::run(), generate::start_event()).prop_flat_map(|(run, start)| {
                (generate::core(run.clone(), &start), generate::branch(run))
            })
        ) {
            let core = Core { branch, ..core };
            let decoded = Decoded::of(&encode(&core, &core.head));
            prop_assert_eq!(decoded.and_then(|row| row.with_start(core.run.clone(), Arc::clone(&core.start))), Ok(core));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let start = sample::core().start;
            let _ = Decoded::of(&bytes).and_then(|row| row.with_start(sample::run(), start));
        }
    }
}
