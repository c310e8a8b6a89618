//! Which of the actions that wait begin now, which wait on, which never begin, and who must end for them.

use alloc::{boxed::Box, format, sync::Arc, vec::Vec};

use jiff::Timestamp as Instant;
use prost::Message;

use super::act::{Acting, beside};
use crate::{
    ids::{Identity, WorkflowId},
    message::{ActionEnd, ChildEnd, MessageBody, StartAction, Step},
    state::schedule::{Action, ActionStage, Overlap, Planned},
    time::Timestamp,
};

/// Actions that may begin whatever runs, which one transition lets begin, and the bytes of them: each has its whole input
/// with it, and all of them become one entry of the log. The others begin right afterwards.
const BEGUN_MAX: usize = 10;
const BEGUN_BYTES_MAX: usize = 1024 * 1024;

/// What becomes of the actions that wait.
#[derive(Default)]
struct Sorted {
    /// They begin whatever runs.
    beside: Vec<Planned>,
    /// It begins because nothing runs.
    alone: Option<Planned>,
    waiting: Vec<Planned>,
    end: Option<ChildEnd>,
    skipped: i64,
}

impl Acting<'_> {
    pub(super) fn begin_what_may(&mut self) {
        if self.plan.action.is_none() {
            self.progress.buffer.clear();
        }
        let mut room = self.room();
        loop {
            let Sorted { mut beside, alone, waiting, end, skipped } = self.sort();
            room = room.saturating_sub(usize::from(alone.is_some()));
            let later = beside.split_off(room.min(beside.len()));
            room -= beside.len();
            self.more |= !later.is_empty();
            self.progress.buffer = later.into_iter().chain(waiting).collect();
            self.progress.counts.overlap_skipped += skipped;
            let mut held_back = false;
            for (planned, counts) in beside.into_iter().map(|it| (it, false)).chain(alone.map(|it| (it, true))) {
                if self.may_begin(&planned) {
                    self.begin(&planned, counts);
                } else {
                    held_back = true;
                }
            }
            if let Some(end) = end {
                self.end_what_runs(end);
            }
            // Whoever waited for one that was held back need not wait.
            if !held_back {
                return;
            }
        }
    }

    /// How many actions may begin together.
    fn room(&self) -> usize {
        if self.progress.buffer.len() <= 1 {
            return 1;
        }
        let action = self.plan.action.as_ref().map_or(0, Message::encoded_len);
        let result = self.progress.last_result.as_ref().map_or(0, |it| it.encoded_len());
        let failure = self.progress.last_failure.as_ref().map_or(0, |it| it.encoded_len());
        (BEGUN_BYTES_MAX / (action + result + failure).max(1)).clamp(1, BEGUN_MAX)
    }

    fn sort(&mut self) -> Sorted {
        let runs = self.progress.actions.iter().any(|action| action.counts);
        let mut sorted = Sorted::default();
        for planned in core::mem::take(&mut self.progress.buffer) {
            let overlap = self.overlap(&planned);
            if overlap == Overlap::AllowAll {
                sorted.beside.push(planned);
            } else if !runs && sorted.alone.is_none() {
                sorted.alone = Some(planned);
            } else {
                sorted.overlapping(planned, overlap, runs);
            }
        }
        if sorted.end.is_some() {
            // They would be ended as soon as they began.
            sorted.beside.clear();
        }
        sorted
    }

    fn begin(&mut self, planned: &Planned, counts: bool) {
        let Some(action) = self.plan.action.clone() else { return };
        let nominal = Timestamp(planned.nominal.0 - planned.nominal.0.rem_euclid(1_000_000_000));
        let workflow = if self.plan.policies.keep_workflow_id {
            WorkflowId::from(action.workflow_id.as_str())
        } else {
            WorkflowId::from(format!("{}-{}", action.workflow_id, rfc3339(nominal)))
        };
        let apart = planned.overlap == Some(Overlap::AllowAll);
        let number = self.number();
        let start = StartAction {
            action,
            nominal,
            // The same time may be asked for again by a client; by the clock it comes once.
            again: planned.manual || self.plan.policies.keep_workflow_id,
            last_result: self.progress.last_result.as_deref().filter(|_| !apart).cloned(),
            last_failure: self.progress.last_failure.as_deref().filter(|_| !apart).cloned(),
        };
        self.post(number, Step::Ask, beside(self.key, &workflow), MessageBody::StartAction(Box::new(start)));
        let stage = ActionStage::Asked { scheduled_at: planned.actual };
        self.progress.actions.push(Action { number, workflow, counts, stage });
    }

    fn end_what_runs(&mut self, end: ChildEnd) {
        let mut told = Vec::new();
        for action in &mut self.progress.actions {
            let Action { workflow, counts, stage, .. } = action;
            if let (true, ActionStage::Running { run, told: before }) = (*counts, stage)
                && *before != Some(end)
                && *before != Some(ChildEnd::Terminate)
            {
                *before = Some(end);
                told.push((workflow.clone(), run.clone()));
            }
        }
        let identity = identity(&self.at.namespace.name, &self.key.workflow);
        for (workflow, first_run) in told {
            let number = self.number();
            let body = ActionEnd { first_run, end, identity: identity.clone() };
            self.post(number, Step::End, beside(self.key, &workflow), MessageBody::EndAction(Box::new(body)));
        }
    }
}

impl Sorted {
    /// `runs`: an action is under way; otherwise one is about to begin.
    fn overlapping(&mut self, planned: Planned, overlap: Overlap, runs: bool) {
        match overlap {
            Overlap::BufferAll => self.waiting.push(planned),
            Overlap::BufferOne if self.waiting.is_empty() => self.waiting.push(planned),
            Overlap::Skip | Overlap::BufferOne | Overlap::AllowAll => self.skipped += 1,
            Overlap::CancelOther | Overlap::TerminateOther if !runs => self.alone = Some(planned),
            Overlap::CancelOther => {
                self.end = self.end.or(Some(ChildEnd::RequestCancel));
                self.waiting.push(planned);
            }
            Overlap::TerminateOther => {
                self.end = Some(ChildEnd::Terminate);
                self.waiting.push(planned);
            }
        }
    }
}

/// Who starts and ends workflows for a schedule.
pub(crate) fn identity(namespace: &Arc<str>, schedule: &WorkflowId) -> Identity {
    Identity::from(format!("temporal-scheduler-{namespace}-{schedule}"))
}

/// A whole second, as texts have it.
pub(crate) fn rfc3339(time: Timestamp) -> alloc::string::String {
    let instant = Instant::from_nanosecond(i128::from(time.0)).unwrap_or(Instant::UNIX_EPOCH);
    format!("{instant}")
}
