//! The engine's own transitions, batch by batch, on an empty table: after each, the rows give the state in memory.

use std::{boxed::Box, collections::BTreeMap, format, string::String, sync::Arc, time::Duration, vec::Vec};

use proptest::{collection::vec, prelude::*, sample::select};
use prost::{Message as _, Name};
use weft_engine::{
    ActivityRef, ActivityToken, Calendar, CancelBody, CompleteWorkflowTask, CompletionCapabilities, ConflictPolicy,
    Delivery, MessageBody, Moment, Namespace, OnConflict, Poller, Replied, Reply, Request, ReusePolicy, Settings,
    SignalBody, StartActivityTask, StartWorkflow, StartWorkflowTask, Target, Timestamp, UpdateBody, UpdateId, Workflow,
    WorkflowTaskToken, handle,
    state::{ActivityStage, ChildStage, Core, WorkflowTaskStage},
};
use weft_protocol::Any;
use weft_protocol::api::{
    command::{
        Command, ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes, StartTimerCommandAttributes, command::Attributes,
    },
    common::{ActivityType, Header, Memo, Payloads, WorkflowExecution, WorkflowType},
    enums::CommandType,
    protocol::Message,
    taskqueue::TaskQueue,
    update::{self, Acceptance, Input, Meta},
};

use super::*;
use crate::{
    batch::{self, BatchHeader, BatchKind},
    receipt,
    testing::family,
    wake,
};

/// What may be done to a workflow, whatever its state; most of it is refused most of the time.
#[derive(Clone, Copy, Debug)]
enum Step {
    Start,
    Restart,
    Signal,
    Update,
    Cancel,
    Poll,
    Complete,
    CompleteSticky,
    StartActivity,
    Heartbeat,
    CompleteActivity,
    /// The first that waits for another workflow id hears from it.
    Replied,
    /// Another workflow id signals.
    Delivered,
    Acknowledged,
    Wake,
    Delete,
}

const STEPS: &[Step] = &[
    Step::Start,
    Step::Restart,
    Step::Signal,
    Step::Signal,
    Step::Update,
    Step::Update,
    Step::Cancel,
    Step::Poll,
    Step::Poll,
    Step::Complete,
    Step::Complete,
    Step::CompleteSticky,
    Step::StartActivity,
    Step::Heartbeat,
    Step::CompleteActivity,
    Step::Replied,
    Step::Replied,
    Step::Delivered,
    Step::Acknowledged,
    Step::Wake,
    Step::Wake,
    Step::Delete,
];

pub(super) struct NoCron;

impl Calendar for NoCron {
    fn next(&self, _: &str, _: Timestamp) -> Option<Timestamp> {
        None
    }
}

/// One workflow id in memory and in a store.
struct World {
    workflow: Workflow,
    store: Store,
    now: Timestamp,
    count: u32,
}

impl World {
    fn new() -> Self {
        let now = Timestamp(1_000_000_000_000);
        Self { workflow: Workflow::unknown(sample::key()), store: Store::default(), now, count: 0 }
    }

    fn step(&mut self, step: Step) {
        self.count += 1;
        self.now = self.now.after(Duration::from_secs(1));
        if matches!(step, Step::Wake) {
            self.now = self.now.after(Duration::from_secs(5));
        }
        let Some(request) = self.request(step) else { return };
        let settings = Settings::default();
        let namespace = Namespace {
            id: self.workflow.key.namespace.clone(),
            name: "default".into(),
            retention: Duration::from_secs(60),
            search_attributes: Arc::default(),
        };
        let moment = Moment {
            now: self.now,
            new_run: format!("00000000-0000-4000-8000-{:012}", self.count).into(),
            jitter: 7,
            namespace: &namespace,
            settings: &settings,
            calendar: &NoCron,
        };
        if let Ok((transition, _)) = handle(&mut self.workflow, request, &moment) {
            self.write(&transition);
            self.check();
        }
    }

    /// As the shard does it: encoded, sent through a log entry, applied.
    fn write(&mut self, transition: &Transition) {
        let heads = self.workflow.runs.iter().map(|(run, it)| (run.clone(), it.core.head)).collect::<BTreeMap<_, _>>();
        let encoded = encode(&self.workflow.key, transition, &heads);
        for (run, head) in encoded.heads {
            if let Some(execution) = self.workflow.runs.get_mut(&run) {
                execution.core.head = head;
            }
        }
        let kind = BatchKind::Normal;
        let header = BatchHeader { leader: 1, term: 1, epoch: 1, sequence: 1, stamp: self.now.0, kind };
        let entry = batch::encode(&header, &encoded.ops, &encoded.visibility);
        let view = batch::decode(&entry).unwrap();
        self.store.apply(view.ops());
        assert_eq!(view.visibility().count(), transition.visibility.len());
    }

    /// The stored history of a run is what its row says.
    fn check_history(&self, core: &Core) {
        let mut audit = history::Audit::new(None);
        for stretch in history::stretches(&self.workflow.key, &core.branch, core.next_event_id) {
            for (row, batch) in self.store.between(table::HISTORY, &stretch.from, &stretch.to) {
                assert_eq!(audit.row(&stretch, &row, &batch), Ok(()));
            }
        }
        assert_eq!(audit.end(&core.head, core.next_event_id), Ok(()));
    }

    fn check(&self) {
        let key = &self.workflow.key;
        let current = self.store.get(table::CURRENT, &current_key(key));
        assert_eq!(current.map(|row| decode_current(row).unwrap()), self.workflow.current);
        for (run, execution) in &self.workflow.runs {
            let stored = self.store.load(key, run).unwrap().unwrap();
            assert_eq!(stored, Execution { volatile: Volatile::default(), ..execution.clone() });
            self.check_history(&execution.core);
        }
        let receipts: Vec<_> = self.workflow.receipts.iter().collect();
        assert_eq!(self.store.under(table::RECEIPT, &[]).len(), receipts.len());
        for (origin, reply) in receipts {
            let row = self.store.get(table::RECEIPT, &receipt::key(key, origin)).unwrap();
            assert_eq!(receipt::decode(row).as_ref(), Ok(reply));
        }
        let wakes = self.store.under(table::WAKE, &[]);
        let wakes: Vec<_> = wakes.iter().map(|(key, _)| wake::decode_key(key).unwrap()).collect();
        let wanted = self.workflow.runs.values().filter_map(|it| Some((it.core.run.clone(), it.core.wake_at?)));
        assert_eq!(
            wakes.into_iter().map(|wake| (wake.run.unwrap(), wake.at)).collect::<BTreeMap<_, _>>(),
            wanted.collect()
        );
    }

    fn request(&self, step: Step) -> Option<Request> {
        let open = self.workflow.open();
        match step {
            Step::Start => Some(Request::Start(Box::new(self.start(ConflictPolicy::Fail)))),
            Step::Restart => Some(Request::Start(Box::new(self.start(ConflictPolicy::TerminateExisting)))),
            Step::Signal => Some(Request::Signal(Target::default(), self.signal())),
            Step::Update => Some(Request::Update(Target::default(), self.update())),
            Step::Cancel => Some(Request::Cancel(
                Target::default(),
                CancelBody { identity: "me".into(), request: "c".into(), reason: String::new(), links: Vec::new() },
            )),
            Step::Poll => self.poll(open?),
            Step::Complete => self.complete(open?, false),
            Step::CompleteSticky => self.complete(open?, true),
            Step::StartActivity => {
                let activity = open?.activities.values().next()?;
                Some(Request::StartActivityTask(StartActivityTask {
                    run: open?.core.run.clone(),
                    scheduled_event_id: activity.scheduled_event_id,
                    attempt: activity.attempt,
                    queue: activity.queue.clone(),
                    poller: self.poller(),
                }))
            }
            Step::Heartbeat => Some(Request::Heartbeat(started_activity(open?)?, "w".into(), Some(input()))),
            Step::CompleteActivity => {
                Some(Request::CompleteActivity(started_activity(open?)?, "w".into(), Some(input())))
            }
            Step::Replied => replied(open?),
            Step::Delivered => Some(delivery(MessageBody::Signal(Box::default()))),
            Step::Acknowledged => Some(delivery(MessageBody::Acknowledge)),
            Step::Wake => Some(Request::Wake(open?.core.run.clone())),
            Step::Delete => Some(Request::Delete(Target::default(), "me".into())),
        }
    }

    fn start(&self, conflict: ConflictPolicy) -> StartWorkflow {
        let fields = sample::core().memo.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        StartWorkflow {
            request: format!("start-{}", self.count).into(),
            workflow_type: "order".into(),
            queue: "q".into(),
            input: Some(input()),
            header: None,
            memo: Some(Memo { fields }),
            search_attributes: None,
            execution_timeout: None,
            run_timeout: Some(Duration::from_secs(100)),
            task_timeout: Duration::from_secs(10),
            start_delay: Duration::ZERO,
            retry: None,
            cron: "".into(),
            identity: "me".into(),
            reuse: ReusePolicy::AllowDuplicate,
            conflict,
            eager: None,
            user_metadata: None,
            links: Vec::new(),
            priority: None,
            versioning_override: None,
            continued_failure: None,
            last_completion_result: None,
            on_conflict: OnConflict::default(),
        }
    }

    fn signal(&self) -> SignalBody {
        SignalBody {
            name: "s".into(),
            input: Some(input()),
            header: None,
            identity: "me".into(),
            request: Some(format!("signal-{}", self.count).into()),
            links: Vec::new(),
        }
    }

    fn update(&self) -> UpdateBody {
        let id = format!("update-{}", self.count);
        let meta = Some(Meta { update_id: id.clone(), identity: "me".into() });
        let input = Some(Input { name: "u".into(), args: Some(input()), ..Input::default() });
        UpdateBody { id: id.into(), request: Arc::new(update::Request { meta, input, ..update::Request::default() }) }
    }

    fn poller(&self) -> Poller {
        Poller { identity: "w".into(), request: format!("poll-{}", self.count).into(), version: None, deployment: None }
    }

    fn poll(&self, open: &Execution) -> Option<Request> {
        let task = open.task()?;
        Some(Request::StartWorkflowTask(StartWorkflowTask {
            run: open.core.run.clone(),
            scheduled_event_id: task.scheduled_event_id,
            attempt: task.attempt,
            sticky_queue: None,
            poller: self.poller(),
        }))
    }

    fn complete(&self, open: &Execution, sticky: bool) -> Option<Request> {
        let task = open.task()?;
        let WorkflowTaskStage::Started(started) = &task.stage else { return None };
        Some(Request::CompleteWorkflowTask(Box::new(CompleteWorkflowTask {
            token: WorkflowTaskToken {
                run: open.core.run.clone(),
                scheduled_event_id: task.scheduled_event_id,
                started_event_id: started.event_id,
                started_at: started.at,
                attempt: task.attempt,
            },
            commands: Vec::from([schedule(self.count), timer(self.count), child(self.count), signal_other()]),
            messages: accepted(open),
            namespaces: BTreeMap::new(),
            identity: "w".into(),
            sticky: sticky.then(|| ("sticky".into(), Duration::from_secs(5))),
            return_new: None,
            force_new: false,
            query_results: Vec::new(),
            sdk_metadata: None,
            metering: None,
            binary_checksum: String::new(),
            version: None,
            deployment: None,
            versioning_behavior: 0,
            eager_request: "eager".into(),
            capabilities: CompletionCapabilities::default(),
        })))
    }
}

/// Accepts every update that the task carries.
fn accepted(open: &Execution) -> Vec<Message> {
    let acceptance = Acceptance { accepted_request_sequencing_event_id: 1, ..Acceptance::default() };
    let body = Some(Any {
        type_url: format!("type.googleapis.com/{}", Acceptance::full_name()),
        value: acceptance.encode_to_vec(),
    });
    let carried = open.volatile.admitted.iter().filter(|(_, update)| update.carried_by.is_some());
    let accept =
        |id: &UpdateId| Message { protocol_instance_id: id.as_str().into(), body: body.clone(), ..Message::default() };
    carried.map(|(id, _)| accept(id)).collect()
}

fn started_activity(open: &Execution) -> Option<ActivityRef> {
    open.activities.values().find_map(|activity| match &activity.stage {
        ActivityStage::Started { at, .. } => Some(ActivityRef::Token(ActivityToken {
            run: open.core.run.clone(),
            scheduled_event_id: activity.scheduled_event_id,
            attempt: activity.attempt,
            started_at: *at,
        })),
        ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => None,
    })
}

fn input() -> Payloads {
    Payloads { payloads: Vec::from([sample::payload()]) }
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind as i32, attributes: Some(attributes), ..Command::default() }
}

fn schedule(count: u32) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: format!("a{count}"),
        activity_type: Some(ActivityType { name: "charge".into() }),
        task_queue: Some(TaskQueue { name: "q".into(), ..TaskQueue::default() }),
        input: Some(input()),
        start_to_close_timeout: Some(weft_protocol::Duration { seconds: 7, nanos: 0 }),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn child(count: u32) -> Command {
    let attributes = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: format!("kid{count}"),
        workflow_type: Some(WorkflowType { name: "Kid".into() }),
        header: Some(Header { fields: [("h".into(), sample::payload())].into_iter().collect() }),
        ..StartChildWorkflowExecutionCommandAttributes::default()
    };
    let attributes = Attributes::StartChildWorkflowExecutionCommandAttributes(attributes);
    command(CommandType::StartChildWorkflowExecution, attributes)
}

fn signal_other() -> Command {
    let attributes = SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: "other".into(), run_id: String::new() }),
        signal_name: "s".into(),
        ..SignalExternalWorkflowExecutionCommandAttributes::default()
    };
    let attributes = Attributes::SignalExternalWorkflowExecutionCommandAttributes(attributes);
    command(CommandType::SignalExternalWorkflowExecution, attributes)
}

fn replied(open: &Execution) -> Option<Request> {
    let unstarted = open.children.iter().find(|(_, child)| matches!(child.stage, ChildStage::Initiated { .. }));
    let (event_id, reply) = match unstarted {
        Some((id, _)) => (*id, Reply::ChildStarted("kid run".into())),
        None => (*open.external.keys().next()?, Reply::Done),
    };
    Some(Request::Replied(Replied { run: open.core.run.clone(), event_id, reply }))
}

fn delivery(body: MessageBody) -> Request {
    let message = Arc::new(weft_engine::Message::new(sample::key(), body));
    Request::Deliver(Box::new(Delivery { origin: family::origin(), message }))
}

fn timer(count: u32) -> Command {
    let attributes = StartTimerCommandAttributes {
        timer_id: format!("t{count}"),
        start_to_fire_timeout: Some(weft_protocol::Duration { seconds: 3, nanos: 0 }),
    };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}

#[test]
fn a_life_with_everything_in_it_is_read_back_at_every_step() {
    let mut world = World::new();
    let life = [
        Step::Start,
        Step::Poll,
        Step::Signal,
        Step::Update,
        Step::Complete,
        Step::StartActivity,
        Step::Heartbeat,
        Step::Delivered,
        Step::Replied,
        Step::Acknowledged,
        Step::Poll,
        Step::CompleteSticky,
        Step::Cancel,
        Step::Wake,
        Step::Wake,
    ];
    life.into_iter().for_each(|step| world.step(step));
    let run = world.workflow.open().expect("the run is open").core.run.clone();
    assert_eq!(world.store.under(table::UPDATE, &update_prefix(&sample::key(), &run)).len(), 1);
    assert!(world.store.under(table::ACTIVITY, &activity_prefix(&sample::key(), &run)).len() > 1);
    world.step(Step::Delete);
    let left = [table::HISTORY, table::GARBAGE, table::OUTBOX];
    world.store.0.retain(|(table, _), _| !left.contains(table));
    assert_eq!(world.store, Store::default(), "a removed workflow leaves nothing but garbage and messages");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_engine_did_is_read_back(steps in vec(select(STEPS), 0..60)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
    }
}
