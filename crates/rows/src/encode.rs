//! A transition as writes: the one place where changes of state become rows.
//!
//! Invariants: events are encoded here, once, and the hash chain of their branch goes on from the head that is given;
//! the new head stands in the execution row of the same transition. Writes are absolute puts and point deletes, so
//! applying them again changes nothing (rule 4).

use alloc::{collections::BTreeMap, vec::Vec};

use weft_engine::{
    Appended, EventId, RowChange, RunId, ScheduleRow, Transition, WorkflowKey,
    state::{BranchId, Hash},
};

use crate::{
    Ops,
    key::Scope,
    table::{
        self, activity, buffered, child, current, execution, external, garbage, history, job, outbox, receipt,
        reference, request_id, schedule, task, timer, update, wake,
    },
    value::MARK,
    visibility::{self, VisibilityBytes},
};

/// What a transition writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    pub ops: Ops,
    pub visibility: Vec<VisibilityBytes>,
    /// The new heads of the runs whose history grew: the caller sets them in memory.
    pub heads: Vec<(RunId, Hash)>,
    /// The history batches, once more: the caller keeps the newest at hand.
    pub batches: Vec<EncodedBatch>,
}

/// A history batch as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedBatch {
    pub branch: BranchId,
    pub first: EventId,
    pub bytes: Vec<u8>,
}

/// Encodes a transition of a workflow id. `heads` has the head of every run whose history grows and is not new.
#[must_use]
pub fn encode(key: &WorkflowKey, transition: &Transition, heads: &BTreeMap<RunId, Hash>) -> Encoded {
    let scope = Scope::of(key);
    let mut ops = Ops::default();
    let mut grown: BTreeMap<&RunId, Hash> = BTreeMap::new();
    let mut batches = Vec::with_capacity(transition.events.len());
    for Appended { run, branch, first_event_id, events } in &transition.events {
        let previous = grown.get(run).or_else(|| heads.get(run)).copied().unwrap_or_default();
        let (bytes, head) = history::encode(&previous, *first_event_id, events);
        ops.put(table::HISTORY, &history::scoped_key(&scope, branch, *first_event_id), &bytes);
        batches.push(EncodedBatch { branch: branch.clone(), first: *first_event_id, bytes });
        grown.insert(run, head);
    }
    for row in &transition.rows {
        write(&mut ops, &scope, &grown, row);
    }
    Encoded {
        ops,
        visibility: transition.visibility.iter().map(|change| visibility::encode(key, change)).collect(),
        heads: grown.into_iter().map(|(run, head)| (run.clone(), head)).collect(),
        batches,
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of row, and nothing else")]
fn write(ops: &mut Ops, scope: &Scope, grown: &BTreeMap<&RunId, Hash>, row: &RowChange) {
    match row {
        RowChange::PutCurrent(run) => ops.put(table::CURRENT, &current::key(scope), &current::encode(run)),
        RowChange::RemoveCurrent => ops.delete(table::CURRENT, &current::key(scope)),
        RowChange::PutExecution(core) => {
            let head = grown.get(&core.run).unwrap_or(&core.head);
            ops.put(table::EXECUTION, &execution::key(scope, &core.run), &execution::encode(core, head));
        }
        // Whatever else the run has, the engine removes row by row; its history is too long for that.
        RowChange::RemoveExecution { run, branch, last_event_id: _ } => {
            ops.delete(table::EXECUTION, &execution::key(scope, run));
            ops.put(table::GARBAGE, &garbage::scoped_key(scope, &branch.id), &garbage::encode(&branch.ancestors));
        }
        RowChange::PutReference { branch, by } => {
            ops.put(table::REFERENCE, &reference::scoped_key(scope, branch, by), &MARK);
        }
        RowChange::RemoveReference { branch, by } => {
            ops.delete(table::REFERENCE, &reference::scoped_key(scope, branch, by));
        }
        RowChange::KeepBranch(branch) => ops.delete(table::GARBAGE, &garbage::scoped_key(scope, branch)),
        RowChange::PutActivity { run, activity } => {
            let key = activity::key(scope, run, activity.scheduled_event_id);
            ops.put(table::ACTIVITY, &key, &activity::encode(activity));
        }
        RowChange::RemoveActivity { run, scheduled_event_id } => {
            ops.delete(table::ACTIVITY, &activity::key(scope, run, *scheduled_event_id));
        }
        RowChange::PutTimer { run, id, timer } => {
            ops.put(table::TIMER, &timer::key(scope, run, id), &timer::encode(timer));
        }
        RowChange::RemoveTimer { run, id } => ops.delete(table::TIMER, &timer::key(scope, run, id)),
        RowChange::PutChild { run, initiated_event_id, child } => {
            ops.put(table::CHILD, &child::key(scope, run, *initiated_event_id), &child::encode(child));
        }
        RowChange::RemoveChild { run, initiated_event_id } => {
            ops.delete(table::CHILD, &child::key(scope, run, *initiated_event_id));
        }
        RowChange::PutExternal { run, initiated_event_id, external } => {
            ops.put(table::EXTERNAL, &external::key(scope, run, *initiated_event_id), &external::encode(external));
        }
        RowChange::RemoveExternal { run, initiated_event_id } => {
            ops.delete(table::EXTERNAL, &external::key(scope, run, *initiated_event_id));
        }
        RowChange::PutMessage { id, message } => {
            ops.put(table::OUTBOX, &outbox::scoped_key(scope, id), &outbox::encode(message));
        }
        RowChange::RemoveMessage(id) => ops.delete(table::OUTBOX, &outbox::scoped_key(scope, id)),
        RowChange::PutReceipt { origin, reply } => {
            ops.put(table::RECEIPT, &receipt::scoped_key(scope, origin), &receipt::encode(reply));
        }
        RowChange::RemoveReceipt(origin) => ops.delete(table::RECEIPT, &receipt::scoped_key(scope, origin)),
        RowChange::PutBuffered { run, order, event } => {
            ops.put(table::BUFFERED, &buffered::key(scope, run, *order), &buffered::encode(event));
        }
        RowChange::RemoveBuffered { run, order } => ops.delete(table::BUFFERED, &buffered::key(scope, run, *order)),
        RowChange::PutSignalRequest { run, request } => {
            ops.put(table::REQUEST_ID, &request_id::key(scope, run, request), &MARK);
        }
        RowChange::RemoveSignalRequest { run, request } => {
            ops.delete(table::REQUEST_ID, &request_id::key(scope, run, request));
        }
        RowChange::PutUpdate { run, id, update } => {
            ops.put(table::UPDATE, &update::key(scope, run, id), &update::encode(update));
        }
        RowChange::RemoveUpdate { run, id } => ops.delete(table::UPDATE, &update::key(scope, run, id)),
        RowChange::PutTask(row) => ops.put(table::TASK, &task::key(scope, row), &task::encode_value(row)),
        RowChange::RemoveTask(row) => ops.delete(table::TASK, &task::key(scope, row)),
        RowChange::PutWake { run, at } => ops.put(table::WAKE, &wake::scoped_key(scope, run, *at), &MARK),
        RowChange::RemoveWake { run, at } => ops.delete(table::WAKE, &wake::scoped_key(scope, run, *at)),
        RowChange::PutJobOrder(order) => job::put_order(ops, scope, order),
        RowChange::PutJob(it) => job::put(ops, scope, it),
        RowChange::RemoveJob => job::remove(ops, scope),
        RowChange::Schedule(row) => write_schedule(ops, scope, row),
    }
}

fn write_schedule(ops: &mut Ops, scope: &Scope, row: &ScheduleRow) {
    match row {
        ScheduleRow::PutPlan(plan) => {
            ops.put(table::SCHEDULE, &schedule::scoped_plan_key(scope), &schedule::encode_plan(plan));
        }
        ScheduleRow::RemovePlan => ops.delete(table::SCHEDULE, &schedule::scoped_plan_key(scope)),
        ScheduleRow::PutProgress(progress) => {
            ops.put(table::SCHEDULE, &schedule::scoped_progress_key(scope), &schedule::encode_progress(progress));
        }
        ScheduleRow::RemoveProgress => ops.delete(table::SCHEDULE, &schedule::scoped_progress_key(scope)),
        ScheduleRow::PutWake(at) => ops.put(table::WAKE, &wake::scoped_schedule_key(scope, *at), &MARK),
        ScheduleRow::RemoveWake(at) => ops.delete(table::WAKE, &wake::scoped_schedule_key(scope, *at)),
    }
}
