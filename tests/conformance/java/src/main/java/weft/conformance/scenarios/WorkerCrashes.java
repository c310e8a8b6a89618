package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.ACTIVITY;
import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.MARKED;
import static weft.conformance.scenarios.Sequences.ONE_ACTIVITY;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.SIGNALED;
import static weft.conformance.scenarios.Sequences.TOUR;
import static weft.conformance.scenarios.Sequences.TOURED;
import static weft.conformance.scenarios.Sequences.WAITING;
import static weft.conformance.scenarios.Sequences.activityStarted;

import io.temporal.api.enums.v1.TaskQueueType;
import io.temporal.api.enums.v1.TimeoutType;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.taskqueue.v1.TaskQueue;
import io.temporal.api.workflowservice.v1.DescribeTaskQueueRequest;
import io.temporal.client.WorkflowOptions;
import java.time.Duration;
import java.util.List;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Needs;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.harness.WorkerProcess;
import weft.conformance.work.Errand;
import weft.conformance.work.Errands;
import weft.conformance.work.Hang;
import weft.conformance.work.Plain;

/** kill -9 of a worker process, and of worker and server together: another worker goes on. */
final class WorkerCrashes {
  private static final String UNANSWERED = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut";
  private static final String UNTAKEN = "WorkflowTaskScheduled, WorkflowTaskTimedOut";
  private static final TimeoutType NONE = TimeoutType.TIMEOUT_TYPE_UNSPECIFIED;

  // More than a worker has polls of its queue at once.
  private static final int POLLS_MAX = 6;

  private WorkerCrashes() {}

  private static WorkflowOptions.Builder shortTasks(Scenario s, String suffix) {
    return s.options(suffix).setWorkflowTaskTimeout(Duration.ofSeconds(4));
  }

  /** The timeout of the first workflow task that timed out. */
  private static TimeoutType taskTimeout(List<HistoryEvent> events) {
    return events.stream()
        .filter(HistoryEvent::hasWorkflowTaskTimedOutEventAttributes)
        .map(event -> event.getWorkflowTaskTimedOutEventAttributes().getTimeoutType())
        .findFirst()
        .orElse(NONE);
  }

  @Plays
  static void anotherWorkerGoesOnWithTheActivityOfADeadOne(Scenario s) throws Exception {
    Errand errand = new Errand("Hangs", "page 1");
    errand.heartbeat = 4_000;
    Run run = s.start(Errands.Runner.class, errand);
    WorkerProcess doomed = s.doomedWorker(Hang.ACTIVITY);
    s.until(
        "the activity's heartbeat",
        () -> {
          var pending = s.describe(s.id()).getPendingActivitiesList();
          return pending.size() == 1 && pending.get(0).hasHeartbeatDetails();
        });
    doomed.kill();
    s.worker();
    // The next attempt knows what the one before said.
    equal(s.result(run, String.class), "page 7");
    List<HistoryEvent> events = s.events(s.id(), "");
    var it = activityStarted(events);
    if (it.getAttempt() < 2) {
      throw new Failed("attempt " + it.getAttempt());
    }
    equal(it.getLastFailure().getTimeoutFailureInfo().getTimeoutType(), TimeoutType.TIMEOUT_TYPE_HEARTBEAT);
    // The dead worker was sticky; where its sticky queue still counted as polled, that task timed out first.
    boolean lost = taskTimeout(events) != NONE;
    s.assertHistory(run, lost ? ONE_ACTIVITY.replace(ACTIVITY, ACTIVITY + ", " + UNTAKEN) : ONE_ACTIVITY);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void anotherWorkerTakesTheWorkflowTaskOfADeadOne(Scenario s) throws Exception {
    Run run = s.start(shortTasks(s, ""), Plain.Thinker.class);
    WorkerProcess doomed = s.doomedWorker(Hang.WORKFLOW);
    s.untilEvent(s.id(), "WorkflowTaskStarted", 1);
    doomed.kill();
    s.worker();
    equal(s.result(run, String.class), "thought");
    List<HistoryEvent> events =
        s.assertHistory(run, "WorkflowExecutionStarted, " + UNANSWERED + ", " + TASK + COMPLETED);
    equal(taskTimeout(events), TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void anotherWorkerRepeatsTheLocalActivityOfADeadOne(Scenario s) throws Exception {
    Run run = s.start(shortTasks(s, ""), Errands.LocalRunner.class, new Errands.LocalPlan("Hangs", "again", 50));
    WorkerProcess doomed = s.doomedWorker(Hang.LOCAL_ACTIVITY);
    s.untilEvent(s.id(), "WorkflowTaskStarted", 1);
    doomed.kill();
    s.worker();
    equal(s.result(run, String.class), "again");
    List<HistoryEvent> events =
        s.assertHistory(run, MARKED.replace(TASK, UNANSWERED + ", " + TASK) + COMPLETED);
    equal(taskTimeout(events), TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void anotherWorkerReplaysWhatADeadOneHadInItsCache(Scenario s) throws Exception {
    Run run = s.start(Plain.Collector.class);
    WorkerProcess doomed = s.doomedWorker(Hang.NOWHERE);
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 1);
    s.give(s.id(), "one");
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 2);
    s.give(s.id(), "two");
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 3);
    doomed.kill();
    s.give(s.id(), "end");
    s.worker();
    equal(s.collected(run), List.of("one", "two", "end"));
    // The last task was meant for the dead worker's sticky queue, and came to the living one when its time was up.
    // Where the server had not noticed yet that the worker is dead, it was handed to it, and the time that ran was the
    // task's.
    boolean handed = taskTimeout(s.events(s.id(), "")) == TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE;
    String lost = handed ? UNANSWERED : UNTAKEN;
    s.assertHistory(
        run, READY + SIGNALED + TASK + SIGNALED + TASK + SIGNALED + lost + ", " + TASK + COMPLETED);
    s.refusesLateSignal(s.id());
  }

  private static boolean isPolled(Scenario s) {
    DescribeTaskQueueRequest request =
        DescribeTaskQueueRequest.newBuilder()
            .setNamespace("default")
            .setTaskQueue(TaskQueue.newBuilder().setName(s.queue()))
            .setTaskQueueType(TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
            .build();
    return s.raw().describeTaskQueue(request).getPollersCount() > 0;
  }

  @Plays
  static void aWorkerThatDiesWhileItWaitsTakesNoTaskWithIt(Scenario s) throws Exception {
    WorkerProcess doomed = s.doomedWorker(Hang.NOWHERE);
    s.until("the worker to poll", () -> isPolled(s));
    doomed.kill();
    s.worker();
    for (int n = 0; n < POLLS_MAX; n++) {
      Run run = s.start(shortTasks(s, "" + n), Errands.Tour.class, n, 100);
      equal(s.result(run, String.class), Load.there(n));
      // A poll of the dead worker may take one task, while the server has not noticed yet; then it is gone.
      if (taskTimeout(s.events(run.id(), "")) == NONE) {
        s.assertHistory(run, TOURED);
        s.refusesLateSignal(s.id("0"));
        return;
      }
      s.assertHistory(run, "WorkflowExecutionStarted, " + UNANSWERED + ", " + TASK + TOUR);
    }
    throw new Failed("a dead worker takes task after task");
  }

  @Plays(Needs.OWN_SERVER)
  static void serverAndWorkerDieTogether(Scenario s) throws Exception {
    Run run = s.start(Plain.Collector.class);
    s.give(s.id(), "one");
    WorkerProcess doomed = s.doomedWorker(Hang.NOWHERE);
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 1);
    doomed.kill();
    s.restartServer();
    s.give(s.id(), "end");
    s.worker();
    equal(s.collected(run), List.of("one", "end"));
    // The new server knows of no poller of the dead worker's sticky queue, so nothing has to time out.
    s.assertHistory(
        run,
        WAITING
            + ", WorkflowExecutionSignaled, WorkflowTaskStarted, WorkflowTaskCompleted"
            + SIGNALED
            + TASK
            + COMPLETED);
    s.refusesLateSignal(s.id());
  }
}
