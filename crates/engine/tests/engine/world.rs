//! One workflow id with everything around it: clock, ids, table; and what must hold after every request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weft_engine::{
    Answer, Calendar, Effect, Execution, Moment, Namespace, NamespaceId, Refusal, Request, RunId, Settings, Timestamp,
    Transition, Workflow, WorkflowKey, handle, job::wake_run, rebuild, state::Job,
};
use weft_protocol::api::history::HistoryEvent;

use crate::model::Table;

/// A calendar that knows one schedule: every so many seconds, written as `@every 5s`.
pub(crate) struct Every;

impl Calendar for Every {
    fn next(&self, cron: &str, after: Timestamp) -> Option<Timestamp> {
        let seconds: i64 = cron.strip_prefix("@every ")?.strip_suffix('s')?.parse().ok()?;
        let period = seconds * 1_000_000_000;
        Some(Timestamp((after.0 / period + 1) * period))
    }
}

pub(crate) struct World {
    pub(crate) workflow: Workflow,
    pub(crate) now: Timestamp,
    pub(crate) settings: Settings,
    pub(crate) namespace: Namespace,
    pub(crate) table: Table,
    /// What the shard keeps in memory: runs that want to be woken though no row says so.
    reminders: BTreeSet<(Timestamp, RunId)>,
    /// What run ids begin with.
    prefix: String,
    runs: u32,
    /// The id of a run, from that and its number.
    pub(crate) name_run: fn(&str, u32) -> String,
    /// A fault of the engine that is planted here, to see that it is found.
    pub(crate) spoil: Option<fn(&mut Transition)>,
}

/// The time of a request; a run that it makes has this id.
pub(crate) fn moment<'m>(
    now: Timestamp,
    new_run: RunId,
    namespace: &'m Namespace,
    settings: &'m Settings,
) -> Moment<'m> {
    Moment { now, new_run, jitter: u64::MAX / 2, namespace, settings, calendar: &Every }
}

/// What one request came to.
pub(crate) type Outcome = Result<(Transition, Answer), Refusal>;

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::named("wf", "run", settings)
    }

    pub(crate) fn named(workflow: &str, prefix: &str, settings: Settings) -> Self {
        let key = WorkflowKey { namespace: NamespaceId::from("ns"), workflow: workflow.into() };
        let namespace = Namespace {
            id: key.namespace.clone(),
            name: "default".into(),
            retention: Duration::from_secs(3600),
            search_attributes: BTreeMap::from([("Known".to_owned(), 2)]).into(),
        };
        let mut workflow = Workflow::unknown(key);
        workflow.job.admit((), None);
        Self {
            workflow,
            now: Timestamp(1_000_000_000_000),
            settings,
            namespace,
            table: Table::default(),
            reminders: BTreeSet::new(),
            prefix: prefix.to_owned(),
            runs: 0,
            name_run: |prefix, number| format!("{prefix}-{number}"),
            spoil: None,
        }
    }

    /// The wake rows without that of a running job, which is due for as long as it runs.
    fn wakes(&self) -> impl Iterator<Item = &(RunId, Timestamp)> {
        let is_running = self.table.job.as_ref().is_some_and(Job::is_running);
        self.table.wakes.iter().filter(move |(run, _)| !is_running || *run != wake_run())
    }

    /// Runs whose wake row is due.
    pub(crate) fn due(&self) -> Vec<RunId> {
        let mut due: Vec<RunId> = self.wakes().filter(|(_, at)| *at <= self.now).map(|(run, _)| run.clone()).collect();
        due.extend(self.reminders.iter().filter(|(at, _)| *at <= self.now).map(|(_, run)| run.clone()));
        due.dedup();
        due
    }

    pub(crate) fn earliest_wake(&self) -> Option<Timestamp> {
        let of_runs = self.wakes().map(|(_, at)| *at).chain(self.reminders.iter().map(|(at, _)| *at));
        of_runs.chain(self.table.schedule_wakes.iter().copied()).min()
    }

    pub(crate) fn is_schedule_due(&self) -> bool {
        self.table.schedule_wakes.iter().any(|at| *at <= self.now)
    }

    /// Another leader has the shard: it knows what the rows say and nothing else.
    pub(crate) fn lose_leader(&mut self) {
        self.workflow = self.table.load(self.workflow.key.clone());
        self.reminders.clear();
    }

    pub(crate) fn current(&self) -> Option<&Execution> {
        self.workflow.runs.get(&self.workflow.current.as_ref()?.run)
    }

    /// Carries out a request and checks what must hold of every one.
    pub(crate) fn request(&mut self, request: Request) -> Outcome {
        let before = self.workflow.clone();
        if let Request::Wake(run) = &request {
            self.reminders.retain(|(at, of)| of != run || *at > self.now);
        }
        let new_run = RunId::from((self.name_run)(&self.prefix, self.runs + 1));
        let moment = moment(self.now, new_run, &self.namespace, &self.settings);
        let mut outcome = handle(&mut self.workflow, request, &moment);
        if let (Some(spoil), Ok((transition, _))) = (self.spoil, &mut outcome) {
            spoil(transition);
        }
        match &outcome {
            Ok((transition, _)) => self.check_accepted(&before, transition),
            Err(Refusal::Broken { run, what }) => panic!("{run} is broken: {what}"),
            Err(_) => assert_eq!(before, self.workflow, "a refusal changes nothing"),
        }
        outcome
    }

    fn check_accepted(&mut self, before: &Workflow, transition: &Transition) {
        let known = |run: &RunId| before.runs.contains_key(run);
        if self.workflow.runs.keys().any(|run| !known(run)) {
            self.runs += 1;
        }
        for appended in &transition.events {
            let was_closed = before.runs.get(&appended.run).is_some_and(|run| !run.is_open());
            assert!(!was_closed, "a closed run emits nothing");
        }
        for effect in &transition.effects {
            if let Effect::Remind { run, at } = effect {
                self.reminders.insert((*at, run.clone()));
            }
        }
        self.table.apply(transition);
        self.table.check_indexes();
        let mut stored = self.workflow.clone();
        for execution in stored.runs.values_mut() {
            execution.check().expect("every invariant holds");
            execution.volatile = Default::default();
            execution.check().expect("every invariant holds of the rows alone");
        }
        assert_eq!(self.table.load(self.workflow.key.clone()), stored, "rows give the state");
        // What became of a copied run when it was forked, no event tells.
        for execution in self.workflow.runs.values().filter(|run| run.core.forked_from.is_none()) {
            check_history(execution, &self.table.histories[&execution.core.run]);
        }
        for execution in self.workflow.runs.values() {
            let shown = execution.transient_events(&self.settings.limits);
            let ids: Vec<_> = shown.iter().map(|event| event.event_id).collect();
            let next: Vec<_> = (execution.core.next_event_id.0..).take(ids.len()).collect();
            assert_eq!(ids, next, "what is shown after the history follows it");
        }
        self.check_wakes(transition);
    }

    /// Whoever keeps the wake index in memory learns of each new row.
    fn check_wakes(&self, transition: &Transition) {
        for row in &transition.rows {
            if let weft_engine::RowChange::Schedule(weft_engine::ScheduleRow::PutWake(at)) = row {
                let told = |effect: &Effect| matches!(effect, Effect::WakeAt { at: when, .. } if when == at);
                assert!(transition.effects.iter().any(told), "a schedule's wake row is told of");
            }
            if let weft_engine::RowChange::PutWake { run, at } = row {
                let told = transition
                    .effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::WakeAt { run: of, at: when } if of == run && when == at));
                assert!(told, "a wake row is told of");
            }
        }
    }
}

/// Ids are dense, times never go back, and the events alone give what they tell of the state.
fn check_history(execution: &Execution, history: &[HistoryEvent]) {
    let mut last = Timestamp::default();
    for (event, id) in history.iter().zip(1..) {
        assert_eq!((event.event_id, event.task_id, event.version), (id, id, 0), "ids are dense");
        let time = Timestamp::from_wire(event.event_time.as_ref().expect("every event has a time"));
        assert!(time >= last, "times never go back");
        last = time;
    }
    let core = &execution.core;
    assert_eq!(core.next_event_id.0, history.len() as i64 + 1);
    let folded = rebuild(core.run.clone(), core.started_by.clone(), history).expect("a history begins with a start");
    let told = &folded.core;
    assert_eq!(told.start, core.start);
    assert_eq!((told.history_bytes, told.last_event_at), (core.history_bytes, core.last_event_at));
    let mut search_attributes = (*core.search_attributes).clone();
    search_attributes.remove(weft_engine::REPORTED_PROBLEMS);
    search_attributes.remove(weft_engine::PAUSE_INFO);
    assert_eq!((&told.memo, &*told.search_attributes), (&core.memo, &search_attributes));
    assert_eq!(told.last_completed_task, core.last_completed_task);
    assert_eq!((&told.reset_points, told.last_problem), (&core.reset_points, core.last_problem));
    if core.made_by_reset.is_none() {
        assert_eq!((told.run_expires_at, told.execution_expires_at), (core.run_expires_at, core.execution_expires_at));
    }
    assert_eq!(told.frozen_at, core.frozen_at);
    assert_eq!(told.first_task_at, core.first_task_at);
    let status = |execution: &Execution| execution.core.closed.as_ref().map(|closed| (closed.status, closed.at));
    assert_eq!(status(&folded), status(execution));
    // An update that came from a run that was reset is forgotten when it is rejected.
    let known =
        |(id, update): &(&_, &weft_engine::state::Update)| update.is_accepted() || execution.updates.contains(id);
    let told_of: Vec<_> = folded.updates.iter().filter(known).collect();
    assert_eq!(told_of, execution.updates.iter().collect::<Vec<_>>());
    if execution.buffered.is_empty() {
        assert_eq!((&folded.status(), &told.options), (&execution.status(), &core.options));
        // What operators asked for is told by no event.
        let of_signals = |id: &&weft_engine::RequestId| !id.as_str().starts_with(weft_engine::OPERATION);
        let signal_requests: Vec<_> = execution.signal_requests.keys().filter(of_signals).collect();
        let told_of: Vec<_> = folded.signal_requests.keys().collect();
        assert_eq!((told.signals, told_of), (core.signals, signal_requests));
        assert_eq!(folded.timers, execution.timers);
        let ids = |execution: &Execution| execution.activities.keys().copied().collect::<Vec<_>>();
        assert_eq!(ids(&folded), ids(execution));
        assert_eq!((&folded.children, &folded.external), (&execution.children, &execution.external));
        let cancel = |core: &weft_engine::state::Core| core.cancel.as_ref().map(|cancel| cancel.event_id);
        assert_eq!(cancel(told), cancel(core));
    }
    check_task(execution, &folded);
}

/// A pending workflow task is told of by events unless it is a retry.
fn check_task(execution: &Execution, folded: &Execution) {
    match (&execution.core.task, &folded.core.task) {
        (Some(live), Some(told)) => {
            assert_eq!(live.attempt, 1);
            assert_eq!((live.scheduled_event_id, live.timeout), (told.scheduled_event_id, told.timeout));
        }
        (Some(live), None) => assert!(live.attempt > 1, "a first attempt is in history"),
        (None, None) => {}
        (None, Some(_)) => panic!("history has a workflow task that the state has not"),
    }
}
