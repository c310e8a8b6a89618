//! What clients ask of a schedule.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use weft_protocol::api::{
    common::{Memo, SearchAttributes},
    schedule::{SchedulePatch, ScheduleSpec},
    workflow::NewWorkflowExecutionInfo,
};

use super::act::{Acting, BUFFER_MAX, beside};
use crate::{
    answer::Answer,
    change::Change,
    ids::{EventId, RequestId},
    message::{Message, MessageBody, MessageId, Replied, Step},
    refusal::Refusal,
    state::schedule::{ActionStage, Backfill, Counts, Overlap, Plan, Planned, Policies, Progress, Schedule, Scheduled},
    time::Timestamp,
};

/// Something asked of the schedule of an id.
#[derive(Clone, Debug)]
pub enum ScheduleRequest {
    Create(Box<CreateSchedule>),
    Update(Box<UpdateSchedule>),
    Patch(Option<RequestId>, Box<SchedulePatch>),
    Delete,
    /// As it is.
    Describe,
    /// Its wake row has fired.
    Wake,
    /// The reply to a message that asked for an action.
    Replied(Replied),
}

/// What a client says of a schedule, checked, with its defaults filled in.
#[derive(Clone, Debug)]
pub struct ScheduleBody {
    /// In its canonical form.
    pub spec: ScheduleSpec,
    pub action: Option<NewWorkflowExecutionInfo>,
    pub policies: Policies,
    pub paused: bool,
    pub notes: String,
    pub limited: bool,
    pub remaining: i64,
}

#[derive(Clone, Debug)]
pub struct CreateSchedule {
    pub request: RequestId,
    pub body: ScheduleBody,
    pub patch: Option<SchedulePatch>,
    pub memo: Option<Memo>,
    pub search_attributes: Option<SearchAttributes>,
}

#[derive(Clone, Debug)]
pub struct UpdateSchedule {
    pub request: Option<RequestId>,
    /// The update is refused if the schedule has changed since it had this token.
    pub token: Option<i64>,
    pub body: ScheduleBody,
    /// `None` leaves them as they are.
    pub memo: Option<Memo>,
    /// `None` leaves them as they are.
    pub search_attributes: Option<SearchAttributes>,
}

/// The token of a schedule that nobody has changed.
const FIRST_TOKEN: i64 = 1;

/// Requests that are remembered.
const REQUESTS_MAX: usize = 32;

/// A backfill includes the time with which it begins.
const INCLUSIVE: i64 = 1_000_000;

pub(crate) fn ask(change: &mut Change<'_>, request: ScheduleRequest) -> Result<Answer, Refusal> {
    match request {
        ScheduleRequest::Create(body) => create(change, *body),
        ScheduleRequest::Update(body) => update(change, *body),
        ScheduleRequest::Patch(request, patch) => {
            known(change)?;
            super::carry_out(change, |acting| {
                if acting.is_new(request.as_ref()) {
                    acting.pass_time();
                    acting.patch(&patch);
                    acting.go_on();
                }
            });
            Ok(Answer::Done)
        }
        ScheduleRequest::Delete => delete(change),
        ScheduleRequest::Describe => {
            let schedule = known(change)?.clone();
            Ok(Answer::Schedule(Box::new((schedule, change.at.now))))
        }
        ScheduleRequest::Wake => {
            wake(change);
            Ok(Answer::Done)
        }
        ScheduleRequest::Replied(replied) => {
            super::hear::replied(change, &replied);
            Ok(Answer::Done)
        }
    }
}

fn known<'c>(change: &'c Change<'_>) -> Result<&'c Schedule, Refusal> {
    change.workflow.schedule.get().ok_or(Refusal::ScheduleNotFound)
}

fn create(change: &mut Change<'_>, body: CreateSchedule) -> Result<Answer, Refusal> {
    if let Some(schedule) = change.workflow.schedule.get() {
        if schedule.plan.created_by == body.request {
            return Ok(Answer::ScheduleCreated { token: FIRST_TOKEN });
        }
        return Err(Refusal::ScheduleExists);
    }
    let CreateSchedule { request, body, patch, memo, search_attributes } = body;
    let ScheduleBody { spec, action, policies, paused, notes, limited, remaining } = body;
    let (incarnation, now) = (change.at.new_run.clone(), change.at.now);
    let plan =
        Plan { incarnation, created_by: request, created_at: now, spec, action, policies, memo, search_attributes };
    let progress = Progress {
        token: FIRST_TOKEN,
        paused,
        notes,
        limited,
        remaining,
        updated_at: None,
        done_until: now,
        counts: Counts::default(),
        buffer: Vec::new(),
        backfills: Vec::new(),
        actions: Vec::new(),
        recent: Vec::new(),
        last_result: None,
        last_failure: None,
        next_number: EventId::FIRST,
        requests: Vec::new(),
        wake_at: None,
    };
    change.workflow.schedule = Scheduled::Present(Schedule { plan: Arc::new(plan), progress: Arc::new(progress) });
    super::carry_out(change, |acting| {
        if let Some(patch) = &patch {
            acting.patch(patch);
        }
        acting.go_on();
    });
    Ok(Answer::ScheduleCreated { token: FIRST_TOKEN })
}

fn update(change: &mut Change<'_>, body: UpdateSchedule) -> Result<Answer, Refusal> {
    let progress = &known(change)?.progress;
    let repeated = body.request.as_ref().is_some_and(|request| progress.requests.contains(request));
    if !repeated && body.token.is_some_and(|token| token != progress.token) {
        return Err(Refusal::ScheduleConflict);
    }
    super::carry_out(change, |acting| {
        if acting.is_new(body.request.as_ref()) {
            // What was due before is done by the plan that was in force.
            acting.pass_time();
            acting.update(body);
            acting.pass_time();
            acting.go_on();
        }
    });
    Ok(Answer::Done)
}

/// Workflows that it started go on; what it asked for and has not heard of is not waited for any more.
fn delete(change: &mut Change<'_>) -> Result<Answer, Refusal> {
    let Schedule { plan, progress } = known(change)?.clone();
    for action in &progress.actions {
        match &action.stage {
            ActionStage::Running { .. } => {}
            ActionStage::Asked { .. } => {
                let id = |step| MessageId::new(&plan.incarnation, action.number, step);
                let target = beside(&change.workflow.key, &action.workflow);
                let acknowledge = Message::new(target, MessageBody::Acknowledge);
                change.outbox.insert(id(Step::Ask), None);
                change.outbox.insert(id(Step::Follow), Some(Arc::new(acknowledge)));
            }
        }
    }
    change.workflow.schedule = Scheduled::Absent;
    Ok(Answer::Done)
}

fn wake(change: &mut Change<'_>) {
    let mut idle = false;
    super::carry_out(change, |acting| {
        acting.pass_time();
        let next = acting.go_on();
        idle = acting.idle_until(next).is_some_and(|until| until <= acting.at.now);
    });
    if idle {
        change.workflow.schedule = Scheduled::Absent;
    }
}

impl Acting<'_> {
    /// Remembers a request; false if it was carried out before.
    fn is_new(&mut self, request: Option<&RequestId>) -> bool {
        let Some(request) = request else { return true };
        let requests = &mut self.progress.requests;
        if requests.contains(request) {
            return false;
        }
        requests.push(request.clone());
        let over = requests.len().saturating_sub(REQUESTS_MAX);
        requests.drain(..over);
        true
    }

    fn patch(&mut self, patch: &SchedulePatch) {
        if let Some(trigger) = &patch.trigger_immediately {
            let at = trigger.scheduled_time.as_ref().map_or(self.at.now, Timestamp::from_wire);
            let overlap = Overlap::of(trigger.overlap_policy);
            self.plan_action(Planned { nominal: at, actual: at, overlap, manual: true });
        }
        for asked in &patch.backfill_request {
            if self.progress.backfills.len() >= BUFFER_MAX {
                self.progress.counts.buffer_dropped += 1;
                continue;
            }
            let time = |time: Option<&weft_protocol::Timestamp>| time.map(Timestamp::from_wire).unwrap_or_default();
            let after = Timestamp(time(asked.start_time.as_ref()).0.saturating_sub(INCLUSIVE));
            let (until, overlap) = (time(asked.end_time.as_ref()), Overlap::of(asked.overlap_policy));
            self.progress.backfills.push(Backfill { after, until, overlap });
        }
        for (notes, paused) in [(&patch.pause, true), (&patch.unpause, false)] {
            if !notes.is_empty() {
                self.progress.paused = paused;
                self.progress.notes.clone_from(notes);
                self.progress.token += 1;
            }
        }
    }

    fn update(&mut self, body: UpdateSchedule) {
        let UpdateSchedule { request: _, token: _, body, memo, search_attributes } = body;
        let ScheduleBody { spec, action, policies, paused, notes, limited, remaining } = body;
        let old = Plan::clone(&self.plan);
        let memo = memo.or_else(|| old.memo.clone());
        let search_attributes = search_attributes.or_else(|| old.search_attributes.clone());
        self.replan(Plan { spec, action, policies, memo, search_attributes, ..old });
        let progress = &mut self.progress;
        (progress.paused, progress.notes, progress.limited, progress.remaining) = (paused, notes, limited, remaining);
        progress.updated_at = Some(self.at.now);
        progress.token += 1;
    }
}
