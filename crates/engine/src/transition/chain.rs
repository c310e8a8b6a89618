//! Transitions of one workflow id that were decided right after each other and are written together.
//!
//! A task that is made for a worker that already waits is started by a second transition, in the same batch. What the
//! first one wrote and the second one wrote over need not be written at all.
//!
//! Invariant: the rows of a chain give the same state as the rows of its transitions one after the other; events are
//! the same and in the same order.

use alloc::{
    collections::{BTreeMap, btree_map::Entry},
    vec::Vec,
};

use super::{Appended, RowChange, ScheduleRow, TaskRow, Transition, VisibilityChange};
use crate::{
    ids::{EventId, RequestId, RunId, TimerId, UpdateId},
    message::{MessageId, Origin},
    time::Timestamp,
};

/// See the module.
#[derive(Debug, Default)]
pub struct Chain {
    whole: Transition,
}

impl Chain {
    /// Adds what was decided next. Its effects are the caller's.
    pub fn push(&mut self, next: Transition) {
        for appended in next.events {
            match self.whole.events.last_mut() {
                Some(last) if last.goes_on_with(&appended) => last.events.extend(appended.events),
                Some(_) | None => self.whole.events.push(appended),
            }
        }
        self.whole.rows.extend(next.rows);
        for change in next.visibility {
            self.whole.visibility.retain(|earlier| earlier.run() != change.run());
            self.whole.visibility.push(change);
        }
    }

    /// What is written for all of it.
    #[must_use]
    pub fn finish(mut self) -> Transition {
        self.whole.rows = last_of_each(self.whole.rows);
        self.whole
    }
}

impl Appended {
    fn goes_on_with(&self, next: &Self) -> bool {
        let end = self.first_event_id.0 + self.events.len() as i64;
        self.run == next.run && self.branch == next.branch && end == next.first_event_id.0
    }
}

impl VisibilityChange {
    fn run(&self) -> Option<&str> {
        match self {
            Self::Upsert(info) => info.execution.as_ref().map(|execution| execution.run_id.as_str()),
            Self::Remove(run) => Some(run.as_str()),
        }
    }
}

/// Which row a change is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Current,
    Execution(RunId),
    Reference(RunId, RunId),
    Branch(RunId),
    Activity(RunId, EventId),
    Timer(RunId, TimerId),
    Child(RunId, EventId),
    External(RunId, EventId),
    Message(MessageId),
    Receipt(Origin),
    Buffered(RunId, u32),
    SignalRequest(RunId, RequestId),
    Update(RunId, UpdateId),
    Task(TaskRow),
    Wake(RunId, Timestamp),
    JobOrder,
    Job,
    SchedulePlan,
    ScheduleProgress,
    ScheduleWake(Timestamp),
}

impl RowChange {
    fn place(&self) -> Place {
        match self {
            Self::PutCurrent(_) | Self::RemoveCurrent => Place::Current,
            Self::PutExecution(core) => Place::Execution(core.run.clone()),
            Self::RemoveExecution { run, .. } => Place::Execution(run.clone()),
            Self::PutReference { branch, by } | Self::RemoveReference { branch, by } => {
                Place::Reference(branch.clone(), by.clone())
            }
            Self::KeepBranch(branch) => Place::Branch(branch.clone()),
            Self::PutActivity { run, activity } => Place::Activity(run.clone(), activity.scheduled_event_id),
            Self::RemoveActivity { run, scheduled_event_id } => Place::Activity(run.clone(), *scheduled_event_id),
            Self::PutTimer { run, id, .. } | Self::RemoveTimer { run, id } => Place::Timer(run.clone(), id.clone()),
            Self::PutChild { run, initiated_event_id, .. } | Self::RemoveChild { run, initiated_event_id } => {
                Place::Child(run.clone(), *initiated_event_id)
            }
            Self::PutExternal { run, initiated_event_id, .. } | Self::RemoveExternal { run, initiated_event_id } => {
                Place::External(run.clone(), *initiated_event_id)
            }
            Self::PutMessage { id, .. } | Self::RemoveMessage(id) => Place::Message(id.clone()),
            Self::PutReceipt { origin, .. } | Self::RemoveReceipt(origin) => Place::Receipt(origin.clone()),
            Self::PutBuffered { run, order, .. } | Self::RemoveBuffered { run, order } => {
                Place::Buffered(run.clone(), *order)
            }
            Self::PutSignalRequest { run, request } | Self::RemoveSignalRequest { run, request } => {
                Place::SignalRequest(run.clone(), request.clone())
            }
            Self::PutUpdate { run, id, .. } | Self::RemoveUpdate { run, id } => Place::Update(run.clone(), id.clone()),
            Self::PutTask(row) | Self::RemoveTask(row) => Place::Task(row.clone()),
            Self::PutWake { run, at } | Self::RemoveWake { run, at } => Place::Wake(run.clone(), *at),
            Self::PutJobOrder(_) => Place::JobOrder,
            Self::PutJob(_) | Self::RemoveJob => Place::Job,
            Self::Schedule(row) => row.place(),
        }
    }

    /// Tasks and wakes are never put where they already are: they are found by comparison, and their keys are all that
    /// they say.
    fn makes_new(&self) -> bool {
        match self {
            Self::PutTask(_) | Self::PutWake { .. } | Self::Schedule(ScheduleRow::PutWake(_)) => true,
            Self::PutCurrent(_)
            | Self::RemoveCurrent
            | Self::PutExecution(_)
            | Self::RemoveExecution { .. }
            | Self::PutReference { .. }
            | Self::RemoveReference { .. }
            | Self::KeepBranch(_)
            | Self::PutActivity { .. }
            | Self::RemoveActivity { .. }
            | Self::PutTimer { .. }
            | Self::RemoveTimer { .. }
            | Self::PutChild { .. }
            | Self::RemoveChild { .. }
            | Self::PutExternal { .. }
            | Self::RemoveExternal { .. }
            | Self::PutMessage { .. }
            | Self::RemoveMessage(_)
            | Self::PutReceipt { .. }
            | Self::RemoveReceipt(_)
            | Self::PutBuffered { .. }
            | Self::RemoveBuffered { .. }
            | Self::PutSignalRequest { .. }
            | Self::RemoveSignalRequest { .. }
            | Self::PutUpdate { .. }
            | Self::RemoveUpdate { .. }
            | Self::RemoveTask(_)
            | Self::RemoveWake { .. }
            | Self::PutJobOrder(_)
            | Self::PutJob(_)
            | Self::RemoveJob
            | Self::Schedule(
                ScheduleRow::PutPlan(_)
                | ScheduleRow::RemovePlan
                | ScheduleRow::PutProgress(_)
                | ScheduleRow::RemoveProgress
                | ScheduleRow::RemoveWake(_),
            ) => false,
        }
    }

    fn removes_mark(&self) -> bool {
        matches!(self, Self::RemoveTask(_) | Self::RemoveWake { .. } | Self::Schedule(ScheduleRow::RemoveWake(_)))
    }
}

impl ScheduleRow {
    fn place(&self) -> Place {
        match self {
            Self::PutPlan(_) | Self::RemovePlan => Place::SchedulePlan,
            Self::PutProgress(_) | Self::RemoveProgress => Place::ScheduleProgress,
            Self::PutWake(at) | Self::RemoveWake(at) => Place::ScheduleWake(*at),
        }
    }
}

/// The last change of each row, and none of a mark that came and went.
fn last_of_each(rows: Vec<RowChange>) -> Vec<RowChange> {
    let mut kept: Vec<Option<RowChange>> = Vec::with_capacity(rows.len());
    let mut seen: BTreeMap<Place, (usize, bool)> = BTreeMap::new();
    for row in rows {
        match seen.entry(row.place()) {
            Entry::Vacant(entry) => {
                entry.insert((kept.len(), row.makes_new()));
            }
            Entry::Occupied(mut entry) => {
                let (earlier, was_new) = *entry.get();
                kept[earlier] = None;
                entry.insert((kept.len(), was_new));
                if was_new && row.removes_mark() {
                    kept.push(None);
                    continue;
                }
            }
        }
        kept.push(Some(row));
    }
    kept.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::HistoryEvent;

    use super::*;
    use crate::{ids::TaskQueueName, transition::TaskRowKind};

    fn task(attempt: u32) -> TaskRow {
        TaskRow {
            kind: TaskRowKind::Workflow,
            queue: TaskQueueName::from("q"),
            scheduled_at: Timestamp(1),
            run: RunId::from("run"),
            scheduled_event_id: EventId(2),
            attempt,
            urgency: crate::transition::Urgency::DEFAULT,
            fairness: None,
        }
    }

    fn wake(at: i64) -> (RunId, Timestamp) {
        (RunId::from("run"), Timestamp(at))
    }

    fn check(rows: Vec<RowChange>, expected: &[&str]) {
        let mut chain = Chain::default();
        for row in rows {
            chain.push(Transition { rows: Vec::from([row]), ..Transition::default() });
        }
        let named = chain.finish().rows.into_iter().map(|row| match row {
            RowChange::PutTask(row) => alloc::format!("put task {}", row.attempt),
            RowChange::RemoveTask(row) => alloc::format!("remove task {}", row.attempt),
            RowChange::PutWake { at, .. } => alloc::format!("put wake {}", at.0),
            RowChange::RemoveWake { at, .. } => alloc::format!("remove wake {}", at.0),
            RowChange::RemoveCurrent => alloc::string::String::from("remove current"),
            other => alloc::format!("{other:?}"),
        });
        assert_eq!(named.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_task_that_is_taken_at_once_is_never_written() {
        check(Vec::from([RowChange::PutTask(task(1)), RowChange::RemoveTask(task(1))]), &[]);
        let (run, at) = wake(5);
        let rows = [RowChange::PutWake { run: run.clone(), at }, RowChange::RemoveWake { run, at }];
        check(Vec::from(rows), &[]);
    }

    #[test]
    fn what_stood_before_is_removed() {
        let rows = [RowChange::RemoveTask(task(1)), RowChange::PutTask(task(1)), RowChange::RemoveTask(task(1))];
        check(Vec::from(rows), &["remove task 1"]);
        let rows = [RowChange::RemoveTask(task(1)), RowChange::PutTask(task(2)), RowChange::RemoveTask(task(2))];
        check(Vec::from(rows), &["remove task 1"]);
    }

    #[test]
    fn what_comes_back_is_written() {
        let put = || RowChange::PutTask(task(1));
        check(Vec::from([put(), RowChange::RemoveTask(task(1)), put()]), &["put task 1"]);
        check(Vec::from([RowChange::RemoveTask(task(1)), put()]), &["put task 1"]);
    }

    #[test]
    fn the_last_change_of_a_row_counts() {
        check(Vec::from([RowChange::RemoveCurrent, RowChange::RemoveCurrent]), &["remove current"]);
    }

    #[test]
    fn events_that_follow_each_other_are_one_batch() {
        let appended = |run: &str, first: i64, count: i64| Transition {
            events: Vec::from([Appended {
                run: RunId::from(run),
                branch: RunId::from(run),
                first_event_id: EventId(first),
                events: (first..first + count)
                    .map(|event_id| HistoryEvent { event_id, ..HistoryEvent::default() })
                    .collect(),
            }]),
            ..Transition::default()
        };
        let mut chain = Chain::default();
        [appended("a", 1, 2), appended("a", 3, 1), appended("b", 1, 2), appended("b", 5, 1)]
            .into_iter()
            .for_each(|transition| chain.push(transition));
        let batches = chain.finish().events;
        let batches: Vec<_> = batches.iter().map(|a| (a.run.as_str(), a.first_event_id.0, a.events.len())).collect();
        assert_eq!(batches, [("a", 1, 3), ("b", 1, 2), ("b", 5, 1)]);
    }
}
