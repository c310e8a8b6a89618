//! One call: the engine is asked, and what it decided goes into the batch that is being built.
//!
//! Invariant (rule 12): a refusal writes nothing; a panic or a broken invariant sets that one execution aside and never
//! takes the shard down.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use weft_engine::{
    Answer, Chain, Effect, JobRequest, Moment, Namespace, Poller, QueryDisposition, Refusal, Request, RunId,
    StartActivityTask, StartWorkflowTask, Target, Timestamp, Transition, UpdateId, UpdateStage, WorkflowKey, handle,
    job, schedule::ScheduleRequest, state::Job,
};

use super::Leader;
use crate::{
    call::{Ask, Call, Failure, View},
    dispatch::{Delivered, Reservation, TaskRef},
    parcel::{Handover, Parcel},
    updates::Following,
};

impl Leader {
    pub(super) fn decide(&mut self, call: Call) {
        self.decided += 1;
        self.shared.stats.calls.fetch_add(1, Ordering::Relaxed);
        let Call { key, ask } = call;
        if let Some(why) = self.shared.quarantine.reason(&key) {
            return self.refuse(ask, Failure::Quarantined(why));
        }
        if ask.writes() && !(self.shared.room)() {
            return self.postpone(&key, ask, Failure::DiskFull);
        }
        match ask {
            Ask::Request { namespace, request, reply } => {
                let answer = self.run(&key, &namespace, request);
                self.building.parcels.push(Parcel::Answer(reply, answer));
            }
            Ask::Deliver { namespace, delivery, postmark, reply } => {
                if let Some(postmark) = postmark
                    && let Err(failure) = self.senders.admit(self.leads(), &postmark)
                {
                    // Nobody waits for what is not done to be certain.
                    return drop(reply.send(Err(failure)));
                }
                let answer = self.run(&key, &namespace, Request::Deliver(delivery));
                self.building.parcels.push(Parcel::Answer(reply, answer));
            }
            Ask::Query { namespace, query, request, reply, outcome } => {
                let answer = self.run(&key, &namespace, request);
                if let Ok(Answer::Query(QueryDisposition::Attached(_))) = &answer {
                    self.queries.insert(query, outcome);
                }
                self.building.parcels.push(Parcel::Answer(reply, answer));
            }
            Ask::Update { namespace, update, request, reply } => {
                let answer = self.run(&key, &namespace, request).map(|answer| {
                    let following = self.follow(&update, &answer);
                    (answer, following)
                });
                self.building.parcels.push(Parcel::Update(reply, answer));
            }
            Ask::Look { target, reply } => {
                let view = self.look(&key, &target);
                self.building.parcels.push(Parcel::View(reply, view));
            }
            Ask::Stage { branch, begins, ops, reply } => self.stage(branch, begins, ops, reply),
            Ask::TakeBranch { namespace, branch, request, reply } => {
                self.take_branch(&key, &namespace, branch, request, reply);
            }
            Ask::DropBranch(branch) => self.drop_branch(branch),
            Ask::Own(request) => drop(self.run_own(&key, request)),
            Ask::Record(record) => self.record(&key, *record),
            Ask::Wake { run: Some(run), at } if run == job::wake_run() => self.wake_job(&key, at),
            Ask::Wake { run, at } => self.wake(&key, run, at),
        }
    }

    /// Notes the caller of an update that is under way, before anything becomes of it.
    fn follow(&mut self, update: &UpdateId, answer: &Answer) -> Option<Following> {
        let (Answer::Update(status) | Answer::UpdateWithStart(_, status)) = answer else { return None };
        match status.stage {
            UpdateStage::Admitted | UpdateStage::Accepted => Some(self.updates.follow(&status.run, update)),
            UpdateStage::Completed(_) | UpdateStage::CutShort => None,
        }
    }

    /// It cannot be done now: callers are told why, and what is due is due again a little later, for nobody else tries it
    /// again while this node leads.
    pub(super) fn postpone(&mut self, key: &WorkflowKey, ask: Ask, failure: Failure) {
        let retry_after = self.shared.limits.retry_after;
        match ask {
            Ask::Wake { at, .. } => {
                let later = self.stamper.stamp().max(at).after(retry_after);
                self.wakes.arm(weft_rows::slot_of(key), later);
            }
            Ask::Own(Request::Wake(run)) => {
                let later = self.stamper.stamp().after(retry_after);
                self.reminders.arm(later, key.clone(), run);
            }
            other => self.refuse(other, failure),
        }
    }

    pub(super) fn run_own(&mut self, key: &WorkflowKey, request: Request) -> Result<Answer, Failure> {
        let Some(namespace) = self.shared.directory.namespace(&key.namespace) else {
            tracing::warn!(namespace = %key.namespace, workflow = %key.workflow, "the namespace of a workflow is unknown");
            return Err(Failure::Unavailable("the namespace is not known here yet"));
        };
        self.run(key, &namespace, request)
    }

    /// Fires what is due; a wake row that the run, or the schedule, does not speak of any more is removed.
    fn wake(&mut self, key: &WorkflowKey, run: Option<RunId>, at: Timestamp) {
        let request = match &run {
            Some(run) => Request::Wake(run.clone()),
            None => Request::Schedule(Box::new(ScheduleRequest::Wake)),
        };
        let result = self.run_own(key, request);
        let settled = self.cache.get(key).and_then(|cached| match &run {
            Some(run) => cached.workflow.runs.get(run)?.core.wake_at,
            None => cached.workflow.schedule.get()?.progress.wake_at,
        });
        let slot = weft_rows::slot_of(key);
        if settled != Some(at) {
            let row = match &run {
                Some(run) => weft_rows::wake::key(key, run, at),
                None => weft_rows::wake::schedule_key(key, at),
            };
            self.building.ops.delete(weft_rows::table::WAKE, &row);
        } else if matches!(result, Err(Failure::Unavailable(_))) {
            self.wakes.arm(slot, self.stamper.last().after(self.shared.limits.retry_after));
        } else if at <= self.stamper.last() {
            let what = format!("a wake that was due at {} left the run due at the same time", at.0);
            let run = run.unwrap_or_else(|| RunId::from("schedule"));
            self.refusal(key, Refusal::Broken { run, what });
        } else {
            self.wakes.arm(slot, at);
        }
    }

    /// Has a running job worked on, or removes one that was kept long enough. The row of a running job stays due: it is
    /// told of whenever the slot is read, to begin with by whoever leads next.
    fn wake_job(&mut self, key: &WorkflowKey, at: Timestamp) {
        let result = self.run_own(key, Request::Job(JobRequest::Wake));
        let job = self.cache.get(key).and_then(|cached| cached.workflow.job.get(&())?.as_ref());
        if job.map(Job::wake_at) != Some(at) {
            self.building.ops.delete(weft_rows::table::WAKE, &weft_rows::wake::key(key, &job::wake_run(), at));
        } else if result.is_err() {
            self.wakes.arm(weft_rows::slot_of(key), self.stamper.last().after(self.shared.limits.retry_after));
        }
    }

    fn look(&mut self, key: &WorkflowKey, target: &Target) -> Result<Box<View>, Failure> {
        let workflow = &self.cache.get(key).ok_or(Refusal::WorkflowNotFound)?.workflow;
        let current = workflow.current.as_ref().ok_or(Refusal::WorkflowNotFound)?.run.clone();
        let run = target.run.as_ref().unwrap_or(&current);
        let execution = workflow.runs.get(run).ok_or(Refusal::WorkflowNotFound)?.clone();
        Ok(Box::new(View { namespace: key.namespace.clone(), current, execution }))
    }

    /// Asks the engine and takes in what it decided.
    pub(super) fn run(
        &mut self,
        key: &WorkflowKey,
        namespace: &Arc<Namespace>,
        request: Request,
    ) -> Result<Answer, Failure> {
        let now = self.stamper.stamp();
        let (transition, answer) = self.ask_engine(key, namespace, request, now)?;
        self.absorb(key, namespace, transition, now);
        Ok(answer)
    }

    fn ask_engine(
        &mut self,
        key: &WorkflowKey,
        namespace: &Namespace,
        request: Request,
        now: Timestamp,
    ) -> Result<(Transition, Answer), Failure> {
        let Some(cached) = self.cache.get_mut(key) else { return Err(Refusal::WorkflowNotFound.into()) };
        let moment = Moment {
            now,
            new_run: RunId::new(self.shared.ids.uuid().hyphenated().to_string()),
            jitter: self.shared.ids.next_u64(),
            namespace,
            settings: &self.shared.settings,
            calendar: self.shared.calendar.as_ref(),
        };
        match catch_unwind(AssertUnwindSafe(|| handle(&mut cached.workflow, request, &moment))) {
            Ok(Ok(decided)) => Ok(decided),
            Ok(Err(refusal)) => {
                self.shared.stats.refusals.fetch_add(1, Ordering::Relaxed);
                Err(self.refusal(key, refusal))
            }
            Err(_) => {
                let run = cached.workflow.current.as_ref().map(|current| current.run.clone());
                Err(self.quarantine(key, run, "the engine panicked on a request".to_owned()))
            }
        }
    }

    /// Puts a transition into the batch that is being built, and with it the starts of those of its tasks for which a
    /// poller waits: one commit less, and what a start writes over is never written.
    fn absorb(&mut self, key: &WorkflowKey, namespace: &Arc<Namespace>, transition: Transition, now: Timestamp) {
        let mut chain = Chain::default();
        let mut next = VecDeque::from([transition]);
        while let Some(mut transition) = next.pop_front() {
            let effects = std::mem::take(&mut transition.effects);
            chain.push(transition);
            for effect in effects {
                let task = match effect {
                    Effect::OfferWorkflowTask(offer) => TaskRef::Workflow(offer),
                    Effect::OfferActivityTask(offer) => TaskRef::Activity(offer),
                    other => {
                        self.building.parcels.push(Parcel::Effect(key.clone(), other));
                        continue;
                    }
                };
                match self.shared.dispatch.reserve(key, &task) {
                    Some(reservation) => next.extend(self.start(key, namespace, task, reservation, now)),
                    None => self.building.parcels.push(Parcel::Effect(key.clone(), task.into_effect())),
                }
            }
        }
        let whole = chain.finish();
        if !whole.is_empty() {
            self.write(key, &whole);
        }
        self.cache.used(key);
        self.note_for_skips(key);
    }

    /// A clock that skips time must know what this workflow id waits for now.
    fn note_for_skips(&self, key: &WorkflowKey) {
        let Some(skips) = &self.shared.skips else { return };
        match self.cache.get(key) {
            Some(cached) if self.shared.quarantine.reason(key).is_none() => skips.note(&cached.workflow),
            Some(_) | None => skips.forget(key),
        }
    }

    fn write(&mut self, key: &WorkflowKey, transition: &Transition) {
        let gate = self.pipeline.next_gate();
        let Some(cached) = self.cache.get_mut(key) else { return };
        let grows = transition.events.iter().map(|appended| &appended.run);
        let heads: BTreeMap<_, _> =
            grows.filter_map(|run| Some((run.clone(), cached.workflow.runs.get(run)?.core.head))).collect();
        let encoded = weft_rows::encode(key, transition, &heads);
        for (run, head) in encoded.heads {
            if let Some(execution) = cached.workflow.runs.get_mut(&run) {
                execution.core.head = head;
            }
        }
        cached.gate = gate;
        for batch in encoded.batches {
            self.shared.events.append(batch);
        }
        self.building.ops.merge(encoded.ops);
        self.building.visibility.extend(encoded.visibility);
    }

    /// Starts a task for a poller that waits, in the batch that makes the task.
    fn start(
        &mut self,
        key: &WorkflowKey,
        namespace: &Arc<Namespace>,
        task: TaskRef,
        reservation: Box<dyn Reservation>,
        now: Timestamp,
    ) -> Option<Transition> {
        let request = task.start_request(reservation.poller());
        let (transition, delivered) = match self.ask_engine(key, namespace, request, now) {
            Ok((transition, Answer::WorkflowTask(started))) => (transition, Delivered::Workflow(started)),
            Ok((transition, Answer::ActivityTask(started))) => (transition, Delivered::Activity(started)),
            // Nothing to hand out, but something to write: the run had grown too long. The poller waits on.
            Ok((transition, _)) => return Some(transition),
            // The reservation is dropped: the poller waits on.
            Err(_) => {
                self.building.parcels.push(Parcel::Effect(key.clone(), task.into_effect()));
                return None;
            }
        };
        let handover = Handover { shard: self.shared.id, key: key.clone(), reservation, task, delivered };
        self.building.parcels.push(Parcel::Deliver(Box::new(handover)));
        Some(transition)
    }
}

impl TaskRef {
    fn into_effect(self) -> Effect {
        match self {
            Self::Workflow(offer) => Effect::OfferWorkflowTask(offer),
            Self::Activity(offer) => Effect::OfferActivityTask(offer),
        }
    }

    /// What to ask the engine for when `poller` takes this task.
    #[must_use]
    pub fn start_request(&self, poller: Poller) -> Request {
        match self {
            Self::Workflow(offer) => Request::StartWorkflowTask(StartWorkflowTask {
                run: offer.run.clone(),
                scheduled_event_id: offer.scheduled_event_id,
                attempt: offer.attempt,
                sticky_queue: offer.sticky_of.is_some().then(|| offer.queue.clone()),
                poller,
            }),
            Self::Activity(offer) => Request::StartActivityTask(StartActivityTask {
                run: offer.run.clone(),
                scheduled_event_id: offer.scheduled_event_id,
                attempt: offer.attempt,
                queue: offer.queue.clone(),
                poller,
            }),
        }
    }
}
