//! A schedule at work: times come, actions are planned, and what may begin now begins.
//!
//! Invariant: each time is dealt with once, because `done_until` moves past it in the transition that plans its action;
//! each action is asked for once, because the message that asks stands in the outbox from the transition that takes it
//! out of the buffer. Semantics: `service/worker/scheduler/workflow.go` of Temporal's server.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use super::{Found, Times};
use crate::{
    ids::{EventId, WorkflowKey},
    message::{Message, MessageBody, MessageId, Step},
    moment::Moment,
    state::schedule::{Backfill, Overlap, Plan, Planned, Progress, Schedule},
    time::Timestamp,
};

/// Actions that wait, and backfills, each.
pub(super) const BUFFER_MAX: usize = 1000;

/// Actions that backfills plan at a time.
const BACKFILLED_MAX: usize = 10;

/// Between one lot of a backfill and the next.
const BACKFILL_PAUSE: Duration = Duration::from_secs(1);

/// Times that one request goes through; what is left is gone through right afterwards.
const TIMES_MAX: usize = 1000;

/// Later than now, so that the row that fires is not put again.
const AT_ONCE: Duration = Duration::from_millis(1);

/// How long a schedule is kept that has nothing to do any more.
const IDLE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// A schedule being changed.
pub(super) struct Acting<'a> {
    pub(super) at: &'a Moment<'a>,
    pub(super) key: &'a WorkflowKey,
    pub(super) plan: Arc<Plan>,
    pub(super) progress: Progress,
    /// Messages that are put (`Some`) or are done with.
    pub(super) outbox: Vec<(MessageId, Option<Message>)>,
    times: Option<Times>,
    /// There was more than one request goes through.
    pub(super) more: bool,
}

impl<'a> Acting<'a> {
    pub(super) fn on(schedule: &Schedule, key: &'a WorkflowKey, at: &'a Moment<'a>) -> Self {
        let plan = Arc::clone(&schedule.plan);
        let progress = Progress::clone(&schedule.progress);
        let times = times(&plan, key);
        Self { at, key, plan, progress, outbox: Vec::new(), times, more: false }
    }

    /// Another plan, from now on.
    pub(super) fn replan(&mut self, plan: Plan) {
        self.times = times(&plan, self.key);
        self.plan = Arc::new(plan);
    }

    /// Deals with the times that have come.
    pub(super) fn pass_time(&mut self) {
        let now = self.at.now;
        if !self.may_act() {
            // Time that passes meanwhile is not made up for.
            self.progress.done_until = self.progress.done_until.max(now);
            return;
        }
        for _ in 0..TIMES_MAX {
            let time = match self.look(self.progress.done_until) {
                Found::Time(time) if time.actual <= now => time,
                Found::NoneUntil(until) if until <= now => {
                    self.progress.done_until = until;
                    break;
                }
                Found::Time(_) | Found::NoneUntil(_) | Found::Nothing => return,
            };
            self.progress.done_until = time.actual;
            if self.progress.updated_at.is_some_and(|updated| updated > time.actual) {
                continue;
            }
            if now.since(time.actual) > self.plan.policies.catchup_window {
                self.progress.counts.missed_catchup_window += 1;
                continue;
            }
            self.plan_action(Planned { nominal: time.nominal, actual: time.actual, overlap: None, manual: false });
        }
        self.more = true;
    }

    fn look(&self, after: Timestamp) -> Found {
        self.times.as_ref().map_or(Found::Nothing, |times| times.look(after))
    }

    /// The next time, or whether there is one.
    fn next(&self) -> Found {
        if self.may_act() { self.look(self.progress.done_until) } else { Found::Nothing }
    }

    pub(super) fn plan_action(&mut self, planned: Planned) {
        if self.progress.buffer.len() >= BUFFER_MAX {
            self.progress.counts.buffer_dropped += 1;
            return;
        }
        self.progress.buffer.push(planned);
    }

    /// Everything that may happen now, and when to look again. Says what the next time is.
    pub(super) fn go_on(&mut self) -> Found {
        self.backfill();
        self.begin_what_may();
        let next = self.next();
        self.progress.wake_at = self.next_wake(next);
        next
    }

    fn backfill(&mut self) {
        let mut left = BACKFILLED_MAX;
        while left > 0 && self.progress.buffer.len() < BUFFER_MAX / 2 {
            let Some(Backfill { after, until, overlap }) = self.progress.backfills.first().cloned() else { return };
            let come_to = match self.look(after) {
                Found::Time(time) if time.actual <= until => {
                    self.plan_action(Planned { nominal: time.nominal, actual: time.actual, overlap, manual: true });
                    time.actual
                }
                Found::NoneUntil(excluded) if excluded <= until => excluded,
                Found::Time(_) | Found::NoneUntil(_) | Found::Nothing => {
                    self.progress.backfills.remove(0);
                    continue;
                }
            };
            if let Some(backfill) = self.progress.backfills.first_mut() {
                backfill.after = come_to;
            }
            left -= 1;
        }
    }

    /// Neither paused nor out of actions.
    pub(super) fn may_act(&self) -> bool {
        !self.progress.paused && (!self.progress.limited || self.progress.remaining > 0)
    }

    /// Takes one of the actions that are left; false if there is none.
    pub(super) fn may_begin(&mut self, planned: &Planned) -> bool {
        if planned.manual {
            return true;
        }
        let may = self.may_act();
        if may && self.progress.limited {
            self.progress.remaining -= 1;
            self.progress.token += 1;
        }
        may
    }

    pub(super) fn overlap(&self, planned: &Planned) -> Overlap {
        planned.overlap.unwrap_or(self.plan.policies.overlap)
    }

    /// A number that no message of this schedule had before.
    pub(super) fn number(&mut self) -> EventId {
        let number = self.progress.next_number;
        self.progress.next_number = number.next();
        number
    }

    pub(super) fn post(&mut self, number: EventId, step: Step, target: WorkflowKey, body: MessageBody) {
        let id = MessageId::new(&self.plan.incarnation, number, step);
        self.outbox.push((id, Some(Message::new(target, body))));
    }

    /// The message that asked is done with.
    pub(super) fn settle(&mut self, number: EventId) {
        self.outbox.push((MessageId::new(&self.plan.incarnation, number, Step::Ask), None));
    }

    fn next_wake(&self, found: Found) -> Option<Timestamp> {
        let (now, progress) = (self.at.now, &self.progress);
        if self.more {
            return Some(now.after(AT_ONCE));
        }
        let next = match found {
            Found::Time(time) => Some(time.actual),
            // Then is soon enough to go on with the search.
            Found::NoneUntil(until) => Some(until),
            Found::Nothing => None,
        };
        let next = next.map(|time| time.max(now.after(AT_ONCE)));
        let lot = (!progress.backfills.is_empty() && progress.buffer.len() < BUFFER_MAX / 2)
            .then(|| now.after(BACKFILL_PAUSE));
        [next, lot, self.idle_until(found)].into_iter().flatten().min()
    }

    /// When the schedule goes, if nothing happens to it any more. `next` is what [`Self::next`] has found.
    pub(super) fn idle_until(&self, next: Found) -> Option<Timestamp> {
        let Progress { buffer, backfills, actions, recent, updated_at, .. } = &self.progress;
        let busy = self.progress.paused || !buffer.is_empty() || !backfills.is_empty() || !actions.is_empty();
        let last = [recent.last().map(|recent| recent.began_at), *updated_at].into_iter().flatten();
        let last = last.max().unwrap_or(self.plan.created_at).max(self.plan.created_at);
        (!busy && next == Found::Nothing).then(|| last.after(IDLE_MAX))
    }
}

pub(super) fn times(plan: &Plan, key: &WorkflowKey) -> Option<Times> {
    let seed = alloc::format!("{}-{}", key.namespace, key.workflow);
    Times::of(&plan.spec, &seed).ok()
}

/// A workflow id of the same namespace.
pub(super) fn beside(key: &WorkflowKey, workflow: &crate::ids::WorkflowId) -> WorkflowKey {
    WorkflowKey { namespace: key.namespace.clone(), workflow: workflow.clone() }
}
