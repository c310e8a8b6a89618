//! A table of rows as a store would hold them, filled by nothing but transitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weft_engine::{
    Appended, EventId, Execution, Fairness, Message, MessageId, Origin, Reply, RequestId, RowChange, RunId,
    ScheduleRow, TaskRow, TaskRowKind, TimerId, Timestamp, Transition, UpdateId, Urgency, Workflow, WorkflowKey,
    state::{
        Activity, ActivityStage, BranchId, Child, ChildStage, Core, CurrentRun, ExternalRequest, Job, JobOrder, Part,
        Timer, Update, Volatile, WorkflowTaskStage,
        schedule::{ActionStage, Plan, Progress, Schedule, Scheduled},
    },
};
use weft_protocol::api::{common::Priority, history::HistoryEvent};

#[derive(Default)]
pub(crate) struct Table {
    current: Option<CurrentRun>,
    executions: BTreeMap<RunId, Core>,
    activities: BTreeMap<(RunId, EventId), Arc<Activity>>,
    timers: BTreeMap<(RunId, TimerId), Arc<Timer>>,
    children: BTreeMap<(RunId, EventId), Arc<Child>>,
    external: BTreeMap<(RunId, EventId), Arc<ExternalRequest>>,
    pub(crate) messages: BTreeMap<MessageId, Arc<Message>>,
    pub(crate) receipts: BTreeMap<Origin, Arc<Reply>>,
    pub(crate) job_order: Option<Arc<JobOrder>>,
    pub(crate) job: Option<Job>,
    buffered: BTreeMap<(RunId, u32), Arc<HistoryEvent>>,
    signal_requests: BTreeSet<(RunId, RequestId)>,
    updates: BTreeMap<(RunId, UpdateId), Arc<Update>>,
    pub(crate) tasks: BTreeSet<TaskRow>,
    pub(crate) wakes: BTreeSet<(RunId, Timestamp)>,
    plan: Option<Arc<Plan>>,
    progress: Option<Arc<Progress>>,
    pub(crate) schedule_wakes: BTreeSet<Timestamp>,
    /// Somebody asked for the schedule of this id.
    asked_for_schedule: bool,
    pub(crate) histories: BTreeMap<RunId, Vec<HistoryEvent>>,
    /// What was ever appended to each branch.
    branches: BTreeMap<(BranchId, EventId), HistoryEvent>,
    references: BTreeSet<(BranchId, BranchId)>,
}

impl Table {
    pub(crate) fn apply(&mut self, transition: &Transition) {
        for Appended { run, branch, first_event_id, events } in &transition.events {
            if !self.histories.contains_key(run) {
                self.histories.insert(run.clone(), self.shared(transition, run));
            }
            let history = self.histories.entry(run.clone()).or_default();
            assert_eq!(first_event_id.0, history.len() as i64 + 1, "history grows at its end");
            history.extend(events.iter().cloned());
            let appended = events.iter().map(|event| ((branch.clone(), EventId(event.event_id)), event.clone()));
            self.branches.extend(appended);
        }
        for row in &transition.rows {
            self.apply_row(row.clone());
        }
    }

    /// What stands there before the run whose branch it is.
    pub(crate) fn stage(&mut self, run: &RunId, events: Vec<HistoryEvent>) {
        let staged = events.iter().map(|event| ((run.clone(), EventId(event.event_id)), event.clone()));
        self.branches.extend(staged);
        self.histories.insert(run.clone(), events);
    }

    /// What a run that this transition makes has in common with the runs before it.
    fn shared(&self, transition: &Transition, run: &RunId) -> Vec<HistoryEvent> {
        let branch = transition.rows.iter().find_map(|row| match row {
            RowChange::PutExecution(core) if core.run == *run => Some(&core.branch),
            _ => None,
        });
        let branch = branch.expect("a run that grows is written");
        let parts = branch.parts(EventId::FIRST, branch.own_from()).into_iter();
        let events = parts.flat_map(|Part { branch, from, to }| {
            (from.0..to.0).map(move |id| self.branches[&(branch.clone(), EventId(id))].clone())
        });
        events.collect()
    }

    fn apply_row(&mut self, row: RowChange) {
        match row {
            RowChange::PutCurrent(current) => self.current = Some(*current),
            RowChange::RemoveCurrent => self.current = None,
            RowChange::PutExecution(core) => drop(self.executions.insert(core.run.clone(), *core)),
            // What was staged is not shown here: a test that forks puts it there itself.
            RowChange::KeepBranch(branch) => {
                assert!(self.histories.contains_key(&branch), "a branch that is kept is there");
            }
            RowChange::RemoveExecution { run, last_event_id, .. } => {
                assert!(self.executions.remove(&run).is_some(), "only a run that is there is removed");
                let history = self.histories.remove(&run).unwrap_or_default();
                assert_eq!(history.len() as i64, last_event_id.0);
            }
            RowChange::PutReference { branch, by } => assert!(self.references.insert((branch, by))),
            RowChange::RemoveReference { branch, by } => assert!(self.references.remove(&(branch, by))),
            RowChange::PutActivity { run, activity } => {
                drop(self.activities.insert((run, activity.scheduled_event_id), activity));
            }
            RowChange::RemoveActivity { run, scheduled_event_id } => {
                drop(self.activities.remove(&(run, scheduled_event_id)));
            }
            RowChange::PutTimer { run, id, timer } => drop(self.timers.insert((run, id), timer)),
            RowChange::RemoveTimer { run, id } => drop(self.timers.remove(&(run, id))),
            RowChange::PutChild { run, initiated_event_id, child } => {
                drop(self.children.insert((run, initiated_event_id), child));
            }
            RowChange::RemoveChild { run, initiated_event_id } => {
                drop(self.children.remove(&(run, initiated_event_id)));
            }
            RowChange::PutExternal { run, initiated_event_id, external } => {
                drop(self.external.insert((run, initiated_event_id), external));
            }
            RowChange::RemoveExternal { run, initiated_event_id } => {
                drop(self.external.remove(&(run, initiated_event_id)));
            }
            RowChange::PutMessage { id, message } => {
                assert!(self.messages.insert(id, message).is_none(), "a message is written once");
            }
            RowChange::RemoveMessage(id) => assert!(self.messages.remove(&id).is_some(), "a removed message was there"),
            RowChange::PutReceipt { origin, reply } => {
                assert!(self.receipts.insert(origin, reply).is_none(), "a receipt is written once");
            }
            RowChange::RemoveReceipt(origin) => drop(self.receipts.remove(&origin)),
            RowChange::PutBuffered { run, order, event } => drop(self.buffered.insert((run, order), event)),
            RowChange::RemoveBuffered { run, order } => drop(self.buffered.remove(&(run, order))),
            RowChange::PutSignalRequest { run, request } => drop(self.signal_requests.insert((run, request))),
            RowChange::RemoveSignalRequest { run, request } => drop(self.signal_requests.remove(&(run, request))),
            RowChange::PutUpdate { run, id, update } => drop(self.updates.insert((run, id), update)),
            RowChange::RemoveUpdate { run, id } => drop(self.updates.remove(&(run, id))),
            RowChange::PutTask(task) => assert!(self.tasks.insert(task), "a task row is put once"),
            RowChange::RemoveTask(task) => assert!(self.tasks.remove(&task), "a task row that is removed was there"),
            RowChange::PutWake { run, at } => assert!(self.wakes.insert((run, at)), "a wake row is put once"),
            RowChange::RemoveWake { run, at } => assert!(self.wakes.remove(&(run, at)), "a removed wake row was there"),
            RowChange::PutJobOrder(order) => {
                assert!(self.job_order.replace(order).is_none(), "an order is written once");
            }
            RowChange::PutJob(job) => {
                assert_eq!(self.job_order.as_ref(), Some(&job.order), "what was asked for stands in its row");
                self.job = Some(*job);
            }
            RowChange::RemoveJob => {
                assert!(self.job.take().is_some() && self.job_order.take().is_some(), "a removed job was there");
            }
            RowChange::Schedule(row) => self.apply_schedule_row(row),
        }
    }

    fn apply_schedule_row(&mut self, row: ScheduleRow) {
        match row {
            ScheduleRow::PutPlan(plan) => {
                self.plan = Some(plan);
                self.asked_for_schedule = true;
            }
            ScheduleRow::RemovePlan => assert!(self.plan.take().is_some(), "a plan that is removed was there"),
            ScheduleRow::PutProgress(progress) => self.progress = Some(progress),
            ScheduleRow::RemoveProgress => assert!(self.progress.take().is_some(), "a progress was there"),
            ScheduleRow::PutWake(at) => assert!(self.schedule_wakes.insert(at), "a wake row is put once"),
            ScheduleRow::RemoveWake(at) => assert!(self.schedule_wakes.remove(&at), "a removed wake row was there"),
        }
    }

    /// The workflow as a new leader would load it.
    pub(crate) fn load(&self, key: WorkflowKey) -> Workflow {
        let execution = |core: &Core| {
            let run = &core.run;
            Execution {
                core: core.clone(),
                activities: of_run(&self.activities, run).map(|(id, it)| (id, (**it).clone())).collect(),
                timers: of_run(&self.timers, run).map(|(id, it)| (id, (**it).clone())).collect(),
                children: of_run(&self.children, run).map(|(id, it)| (id, (**it).clone())).collect(),
                external: of_run(&self.external, run).map(|(id, it)| (id, (**it).clone())).collect(),
                buffered: of_run(&self.buffered, run).map(|(order, it)| (order, (**it).clone())).collect(),
                signal_requests: self
                    .signal_requests
                    .iter()
                    .filter(|(of, _)| of == run)
                    .map(|(_, request)| (request.clone(), ()))
                    .collect(),
                updates: of_run(&self.updates, run).map(|(id, it)| (id, (**it).clone())).collect(),
                volatile: Volatile::default(),
            }
        };
        Workflow {
            key,
            current: self.current.clone(),
            runs: self.executions.values().map(|core| (core.run.clone(), execution(core))).collect(),
            receipts: self.receipts.iter().map(|(origin, reply)| (origin.clone(), (**reply).clone())).collect(),
            job: [((), self.job.clone())].into_iter().collect(),
            schedule: match (&self.plan, &self.progress) {
                (Some(plan), Some(progress)) => {
                    Scheduled::Present(Schedule { plan: Arc::clone(plan), progress: Arc::clone(progress) })
                }
                (None, None) if self.asked_for_schedule => Scheduled::Absent,
                (None, None) => Scheduled::Unread,
                (Some(_), None) | (None, Some(_)) => panic!("a schedule has both of its rows or none"),
            },
        }
    }

    /// Tasks and wakes are indexes: they must say what the executions say.
    pub(crate) fn check_indexes(&self) {
        let mut tasks = BTreeSet::new();
        for core in self.executions.values() {
            if let Some(task) = &core.task
                && matches!(task.stage, WorkflowTaskStage::Scheduled(_))
            {
                tasks.insert(TaskRow {
                    kind: TaskRowKind::Workflow,
                    queue: core.start.queue.clone(),
                    urgency: Urgency::of(core.priority()),
                    fairness: Fairness::of(core.priority()),
                    scheduled_at: task.scheduled_at,
                    run: core.run.clone(),
                    scheduled_event_id: task.scheduled_event_id,
                    attempt: task.attempt,
                });
            }
        }
        for ((run, _), activity) in &self.activities {
            if let ActivityStage::Scheduled { at } = &activity.stage
                && !activity.is_held()
            {
                let priority = priority_of(&self.executions[run], activity);
                tasks.insert(TaskRow {
                    kind: TaskRowKind::Activity,
                    queue: activity.queue.clone(),
                    urgency: Urgency::of(Some(&priority)),
                    fairness: Fairness::of(Some(&priority)),
                    scheduled_at: *at,
                    run: run.clone(),
                    scheduled_event_id: activity.scheduled_event_id,
                    attempt: activity.attempt,
                });
            }
        }
        assert_eq!(self.tasks, tasks, "task rows and executions say the same");
        let of_job = self.job.iter().map(|job| (weft_engine::job::wake_run(), job.wake_at()));
        let of_runs = self.executions.values().filter_map(|core| Some((core.run.clone(), core.wake_at?)));
        let wakes: BTreeSet<_> = of_runs.chain(of_job).collect();
        assert_eq!(self.wakes, wakes, "wake rows and executions say the same");
        let wake = self.progress.as_ref().and_then(|progress| progress.wake_at);
        assert!(self.schedule_wakes.iter().copied().eq(wake), "wake row and schedule say the same");
        self.check_messages();
        for core in self.executions.values().filter(|core| core.closed.is_some()) {
            let left = of_run(&self.activities, &core.run).count()
                + of_run(&self.timers, &core.run).count()
                + of_run(&self.children, &core.run).count()
                + of_run(&self.external, &core.run).count()
                + of_run(&self.buffered, &core.run).count();
            assert_eq!(left, 0, "a closed run leaves no rows of pending things");
        }
    }

    /// Whatever waits for a reply has its message, and a message that asks has somebody who waits. A child that is looked for
    /// may tell of its end first.
    fn check_messages(&self) {
        let asking = self.messages.iter().filter(|(_, message)| message.body.keeps_receipt());
        let asking: BTreeSet<_> = asking.map(|(id, _)| (id.run.clone(), id.event_id)).collect();
        let unstarted = self.children.iter().filter(|(_, child)| matches!(child.stage, ChildStage::Initiated { .. }));
        let mut waiting: BTreeSet<_> = unstarted.map(|(key, _)| key).chain(self.external.keys()).cloned().collect();
        if let (Some(plan), Some(progress)) = (&self.plan, &self.progress) {
            let asked = progress.actions.iter().filter(|it| matches!(it.stage, ActionStage::Asked { .. }));
            waiting.extend(asked.map(|action| (plan.incarnation.clone(), action.number)));
        }
        assert_eq!(asking, waiting, "messages that ask and those who wait are the same");
    }
}

/// What an activity does not say of itself its workflow says for it.
fn priority_of(core: &Core, activity: &Activity) -> Priority {
    let (own, owner) = (activity.priority.clone(), core.priority().cloned().unwrap_or_default());
    let own = own.unwrap_or_default();
    Priority {
        priority_key: if own.priority_key == 0 { owner.priority_key } else { own.priority_key },
        fairness_key: if own.fairness_key.is_empty() { owner.fairness_key } else { own.fairness_key },
        fairness_weight: if own.fairness_weight == 0.0 { owner.fairness_weight } else { own.fairness_weight },
    }
}

fn of_run<'t, K: Clone + 't, V>(rows: &'t BTreeMap<(RunId, K), V>, run: &'t RunId) -> impl Iterator<Item = (K, &'t V)> {
    rows.iter().filter(move |((of, _), _)| of == run).map(|((_, key), value)| (key.clone(), value))
}
