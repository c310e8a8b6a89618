//! A server that skips time, with a worker by hand: what time jumps over, what it waits for, and Temporal's test service.

use std::time::Duration;

use tonic::{Code, Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use weft_env::{Clock, SkippingClock, UnixNanos};
use weft_protocol::{
    api::{
        command::{
            Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
            StartTimerCommandAttributes, command::Attributes,
        },
        common::{ActivityType, WorkflowExecution, WorkflowType},
        enums::{CommandType, EventType, WorkflowExecutionStatus},
        failure::{Failure, failure::FailureInfo},
        history::HistoryEvent,
        schedule::{IntervalSpec, Schedule, ScheduleAction, ScheduleSpec, schedule_action::Action},
        taskqueue::TaskQueue,
        testservice::*,
        workflow::NewWorkflowExecutionInfo,
        workflowservice::*,
    },
    services::workflow_service_client::WorkflowServiceClient,
    test_service::{self, test_service_client::TestServiceClient},
};
use weft_server::{
    Embedded, Server, StartError,
    node::{OpenError, Place},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A server, its time, and whoever starts workflows and works on them.
struct Bench {
    server: Embedded,
    clock: SkippingClock,
    start: UnixNanos,
    service: WorkflowServiceClient<Channel>,
    steering: TestServiceClient<Channel>,
}

impl Bench {
    async fn new() -> Self {
        let clock = SkippingClock::locked();
        let start = clock.now();
        let server = Server::builder(Place::Memory).skip_time(&clock).embed().await.expect("it starts");
        let channel = server.connector().channel();
        let (service, steering) = (WorkflowServiceClient::new(channel.clone()), TestServiceClient::new(channel));
        Self { server, clock, start, service, steering }
    }

    fn passed(&self) -> Duration {
        self.clock.now().since(self.start)
    }

    async fn start(&mut self, id: &str) {
        self.start_as(StartWorkflowExecutionRequest { workflow_id: id.to_owned(), ..Default::default() }).await;
    }

    async fn start_as(&mut self, request: StartWorkflowExecutionRequest) {
        let request = StartWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_type: Some(WorkflowType { name: "Wait".to_owned() }),
            task_queue: queue(),
            request_id: request.workflow_id.clone(),
            ..request
        };
        self.service.start_workflow_execution(request).await.expect("it starts");
    }

    /// The next workflow task: its token and the type of the event that it is about.
    async fn task(&mut self) -> (Vec<u8>, EventType) {
        let request =
            PollWorkflowTaskQueueRequest { namespace: "default".to_owned(), task_queue: queue(), ..Default::default() };
        let task =
            self.service.poll_workflow_task_queue(patiently(request)).await.expect("it is answered").into_inner();
        let events = task.history.expect("there is a task").events;
        let told = events.iter().rev().map(HistoryEvent::event_type);
        let of_tasks = [EventType::WorkflowTaskScheduled, EventType::WorkflowTaskStarted];
        let about = told.into_iter().find(|kind| !of_tasks.contains(kind)).expect("something happened");
        (task.task_token, about)
    }

    async fn complete(&mut self, task_token: Vec<u8>, commands: Vec<Command>) {
        let request = RespondWorkflowTaskCompletedRequest {
            namespace: "default".to_owned(),
            task_token,
            commands,
            ..Default::default()
        };
        self.service.respond_workflow_task_completed(request).await.expect("it is taken");
    }

    /// The workflow of this id does this first.
    async fn begin(&mut self, id: &str, commands: Vec<Command>) {
        self.start(id).await;
        let (token, _) = self.task().await;
        self.complete(token, commands).await;
    }

    async fn activity(&mut self) -> PollActivityTaskQueueResponse {
        let request =
            PollActivityTaskQueueRequest { namespace: "default".to_owned(), task_queue: queue(), ..Default::default() };
        self.service.poll_activity_task_queue(patiently(request)).await.expect("it is answered").into_inner()
    }

    async fn status(&mut self, id: &str) -> WorkflowExecutionStatus {
        let request = DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: Some(WorkflowExecution { workflow_id: id.to_owned(), ..Default::default() }),
        };
        let answer = self.service.describe_workflow_execution(request).await.expect("it is there").into_inner();
        answer.workflow_execution_info.expect("it is told").status()
    }
}

/// A poll says how long it waits.
fn patiently<T>(poll: T) -> Request<T> {
    let mut request = Request::new(poll);
    request.set_timeout(Duration::from_secs(60));
    request
}

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: "waiting".to_owned(), ..TaskQueue::default() })
}

fn span(span: Duration) -> Option<weft_protocol::Duration> {
    Some(weft_engine::wire_span(span))
}

fn timer(id: &str, after: Duration) -> Command {
    let attributes = StartTimerCommandAttributes { timer_id: id.to_owned(), start_to_fire_timeout: span(after) };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}

fn activity(timeout: Duration) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: "charge".to_owned(),
        activity_type: Some(ActivityType { name: "Charge".to_owned() }),
        task_queue: queue(),
        schedule_to_close_timeout: span(30 * DAY),
        start_to_close_timeout: span(timeout),
        heartbeat_timeout: span(timeout),
        retry_policy: Some(weft_protocol::api::common::RetryPolicy {
            initial_interval: span(10 * HOUR),
            backoff_coefficient: 1.0,
            ..Default::default()
        }),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn done() -> Command {
    let attributes = CompleteWorkflowExecutionCommandAttributes::default();
    let attributes = Attributes::CompleteWorkflowExecutionCommandAttributes(attributes);
    command(CommandType::CompleteWorkflowExecution, attributes)
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

#[tokio::test]
async fn a_month_takes_no_time_once_nobody_has_anything_to_do() {
    let mut bench = Bench::new().await;
    bench.begin("month", vec![timer("t", 30 * DAY)]).await;
    assert!(bench.passed() < HOUR);
    bench.clock.unlock().expect("it was locked");
    let (token, about) = bench.task().await;
    assert_eq!(about, EventType::TimerFired);
    assert!(bench.passed() >= 30 * DAY && bench.passed() < 31 * DAY);
    bench.complete(token, vec![done()]).await;
    assert_eq!(bench.status("month").await, WorkflowExecutionStatus::Completed);
    // Its removal, a century away, is nothing to jump to.
    assert!(bench.passed() < 31 * DAY);
    bench.server.shutdown().await;
}

#[tokio::test]
async fn time_stands_by_while_a_worker_has_an_activity() {
    let mut bench = Bench::new().await;
    bench.begin("both", vec![activity(HOUR), timer("t", DAY)]).await;
    bench.clock.unlock().expect("it was locked");
    // Nobody has it yet, which is as good.
    assert!(bench.passed() < HOUR);
    let task = bench.activity().await;
    assert!(bench.passed() < HOUR, "its heartbeat is not late");
    let request = RespondActivityTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        ..Default::default()
    };
    bench.service.respond_activity_task_completed(request).await.expect("it is taken");
    let (token, about) = bench.task().await;
    assert_eq!((about, bench.passed() < HOUR), (EventType::ActivityTaskCompleted, true));
    bench.complete(token, vec![]).await;
    let (_, about) = bench.task().await;
    assert_eq!((about, bench.passed() >= DAY), (EventType::TimerFired, true));
    bench.server.shutdown().await;
}

#[tokio::test]
async fn the_pause_before_the_next_attempt_is_skipped() {
    let mut bench = Bench::new().await;
    bench.begin("again", vec![activity(HOUR)]).await;
    bench.clock.unlock().expect("it was locked");
    let task = bench.activity().await;
    let request = RespondActivityTaskFailedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        failure: Some(Failure {
            message: "no".to_owned(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(Default::default())),
            ..Failure::default()
        }),
        ..Default::default()
    };
    bench.service.respond_activity_task_failed(request).await.expect("it is taken");
    assert_eq!(bench.activity().await.attempt, 2);
    assert!(bench.passed() >= 10 * HOUR && bench.passed() < 11 * HOUR);
    bench.server.shutdown().await;
}

#[tokio::test]
async fn the_worker_of_an_activity_may_sleep_without_its_lock() {
    let mut bench = Bench::new().await;
    bench.begin("slow", vec![activity(2 * DAY)]).await;
    bench.clock.unlock().expect("it was locked");
    let task = bench.activity().await;
    let sleep = SleepRequest { duration: span(DAY) };
    bench.steering.unlock_time_skipping_with_sleep(sleep).await.expect("the task is a lock");
    assert!(bench.passed() >= DAY && bench.passed() < DAY + HOUR, "and is one again");
    let request = RespondActivityTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        ..Default::default()
    };
    bench.service.respond_activity_task_completed(request).await.expect("it is taken");
    assert_eq!(bench.task().await.1, EventType::ActivityTaskCompleted);
    bench.server.shutdown().await;
}

#[tokio::test]
async fn what_has_closed_is_there_after_a_year() {
    let mut bench = Bench::new().await;
    bench.begin("over", vec![done()]).await;
    bench.clock.sleep_unlocked(365 * DAY).await.expect("it was locked");
    assert!(bench.passed() >= 365 * DAY);
    assert_eq!(bench.status("over").await, WorkflowExecutionStatus::Completed);
    bench.server.shutdown().await;
}

#[tokio::test]
async fn a_run_timeout_a_delay_and_a_schedule_are_moments_to_skip_to() {
    let mut bench = Bench::new().await;
    let timeout = StartWorkflowExecutionRequest {
        workflow_id: "timed".to_owned(),
        workflow_run_timeout: span(2 * DAY),
        workflow_start_delay: span(DAY),
        ..Default::default()
    };
    bench.start_as(timeout).await;
    let workflow = NewWorkflowExecutionInfo {
        workflow_id: "scheduled".to_owned(),
        workflow_type: Some(WorkflowType { name: "Wait".to_owned() }),
        task_queue: queue(),
        ..Default::default()
    };
    let schedule = Schedule {
        spec: Some(ScheduleSpec {
            interval: vec![IntervalSpec { interval: span(100 * DAY), phase: None }],
            ..ScheduleSpec::default()
        }),
        action: Some(ScheduleAction { action: Some(Action::StartWorkflow(workflow)) }),
        ..Schedule::default()
    };
    let request = CreateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: "rare".to_owned(),
        schedule: Some(schedule),
        request_id: "rare".to_owned(),
        ..Default::default()
    };
    bench.service.create_schedule(request).await.expect("it is made");
    bench.clock.unlock().expect("it was locked");
    let (token, about) = bench.task().await;
    assert_eq!((about, bench.passed() >= DAY), (EventType::WorkflowExecutionStarted, true));
    bench.complete(token, vec![]).await;
    let (token, _) = bench.task().await;
    assert_eq!(bench.status("timed").await, WorkflowExecutionStatus::TimedOut);
    assert!(bench.passed() >= 2 * DAY && bench.passed() <= 101 * DAY);
    bench.complete(token, vec![done()]).await;
    bench.server.shutdown().await;
}

#[tokio::test]
async fn the_test_service_steers_time() {
    let mut bench = Bench::new().await;
    assert_eq!(health(bench.server.connector().channel()).await, Ok(ServingStatus::Serving));
    let time = |answer: tonic::Response<GetCurrentTimeResponse>| {
        UnixNanos(weft_engine::Timestamp::from_wire(&answer.into_inner().time.expect("it is told")).0)
    };
    let before = time(bench.steering.get_current_time(()).await.expect("it is answered"));
    let sleep = SleepRequest { duration: span(DAY) };
    bench.steering.unlock_time_skipping_with_sleep(sleep).await.expect("it is locked once");
    bench.steering.unlock_time_skipping(UnlockTimeSkippingRequest {}).await.expect("it is locked once");
    bench.steering.sleep(sleep).await.expect("it is unlocked");
    let until = Some(weft_engine::Timestamp(before.saturating_add(9 * DAY).0).wire());
    bench.steering.sleep_until(SleepUntilRequest { timestamp: until }).await.expect("it is unlocked");
    let after = time(bench.steering.get_current_time(()).await.expect("it is answered"));
    assert!(after.since(before) >= 9 * DAY && after.since(before) < 10 * DAY);
    let refused =
        bench.steering.unlock_time_skipping(UnlockTimeSkippingRequest {}).await.expect_err("nothing locks it");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    bench.steering.lock_time_skipping(LockTimeSkippingRequest {}).await.expect("it is answered");
    bench.steering.unlock_time_skipping(UnlockTimeSkippingRequest {}).await.expect("it was locked");
    bench.server.shutdown().await;
}

/// What a health check says of the test service.
async fn health(channel: Channel) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: test_service::NAME.to_owned() };
    let answer = HealthClient::new(channel).check(request).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

#[tokio::test]
async fn a_server_that_does_not_skip_time_has_no_test_service() {
    let server = Server::builder(Place::Memory).embed().await.expect("it starts");
    let refused = TestServiceClient::new(server.connector().channel()).get_current_time(()).await;
    assert_eq!(refused.expect_err("it is not served").code(), Code::Unimplemented);
    assert_eq!(health(server.connector().channel()).await, Err(Code::NotFound));
    server.shutdown().await;
}

#[tokio::test]
async fn a_data_directory_is_not_sent_into_the_future() {
    let directory = tempfile::tempdir().expect("a directory");
    let builder = Server::builder(Place::Directory(directory.path().join("data")));
    let refused = builder.skip_time(&SkippingClock::locked()).embed().await.err().expect("it is refused");
    assert!(matches!(refused, StartError::Open(OpenError::Skips)), "{refused}");
}
