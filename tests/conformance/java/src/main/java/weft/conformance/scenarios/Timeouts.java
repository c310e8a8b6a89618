package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.FAILED;
import static weft.conformance.scenarios.Sequences.FAILED_ACTIVITY;
import static weft.conformance.scenarios.Sequences.ONE_ACTIVITY;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.activityStarted;

import io.temporal.api.enums.v1.RetryState;
import io.temporal.api.enums.v1.TimeoutType;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TimeoutFailure;
import java.time.Duration;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Errand;
import weft.conformance.work.Errands;
import weft.conformance.work.Plain;

/** The four timeouts of activities, and those of workflows. */
final class Timeouts {
  private static final String TIMED_OUT = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskTimedOut";

  private Timeouts() {}

  private static void timesOut(Scenario s, Errand errand, TimeoutType which, String activity) throws Exception {
    s.worker();
    Run run = s.start(Errands.Runner.class, errand);
    ActivityFailure ended = as(ActivityFailure.class, s.failureOf(run));
    TimeoutFailure cause = as(TimeoutFailure.class, ended);
    equal(cause.getTimeoutType(), which);
    s.same("retry state", ended.getRetryState().name());
    s.same("message", cause.getOriginalMessage());
    s.assertHistory(run, READY + ", " + activity + ", " + TASK + ", WorkflowExecutionFailed");
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void anActivityThatTakesTooLongTimesOut(Scenario s) throws Exception {
    Errand errand = new Errand("Waits", "word");
    errand.startToClose = 500;
    errand.attemptsMax = 1;
    timesOut(s, errand, TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE, TIMED_OUT);
  }

  @Plays
  static void anActivityThatNobodyTakesTimesOut(Scenario s) throws Exception {
    Errand errand = new Errand("Echo", "word");
    errand.scheduleToStart = 500;
    errand.queue = s.queue() + "-nobody";
    timesOut(
        s, errand, TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START, "ActivityTaskScheduled, ActivityTaskTimedOut");
  }

  @Plays
  static void allAttemptsTogetherTimeOut(Scenario s) throws Exception {
    Errand errand = new Errand("Waits", "word");
    errand.scheduleToClose = 3_000;
    timesOut(s, errand, TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, TIMED_OUT);
  }

  @Plays
  static void retriesStopWhereTheTimeWouldBeUp(Scenario s) throws Exception {
    s.worker();
    Errand errand = new Errand("Fails", "no");
    errand.scheduleToClose = 5_000;
    errand.retryAfter = 20_000;
    Run run = s.start(Errands.Runner.class, errand);
    WorkflowFailedException failure = s.failureOf(run);
    equal(as(ActivityFailure.class, failure).getRetryState(), RetryState.RETRY_STATE_TIMEOUT);
    equal(as(ApplicationFailure.class, failure).getOriginalMessage(), "no");
    s.assertHistory(run, FAILED_ACTIVITY);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aSilentActivityIsRetriedWithWhatItSaidLast(Scenario s) throws Exception {
    s.worker();
    Errand errand = new Errand("Reads", "7");
    errand.heartbeat = 4_000;
    Run run = s.start(Errands.Runner.class, errand);
    equal(s.result(run, String.class), "read on from page 7");
    var it = activityStarted(s.assertHistory(run, ONE_ACTIVITY));
    // A first attempt that was slow to say anything is silent too, and the next says it then.
    if (it.getAttempt() < 2) {
      throw new Failed("attempt " + it.getAttempt());
    }
    equal(it.getLastFailure().getTimeoutFailureInfo().getTimeoutType(), TimeoutType.TIMEOUT_TYPE_HEARTBEAT);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aRunTimesOut(Scenario s) throws Exception {
    s.worker();
    WorkflowOptions.Builder options = s.options("").setWorkflowRunTimeout(Duration.ofSeconds(3));
    Run run = s.start(options, Plain.Collector.class);
    as(TimeoutFailure.class, s.failureOf(run));
    s.assertHistory(run, READY + ", WorkflowExecutionTimedOut");
    s.refusesLateSignal(s.id());
  }

  /** The execution timeout bounds the whole chain: a retry that would begin after it is not made. */
  @Plays
  static void anExecutionTimesOutAcrossItsRetries(Scenario s) throws Exception {
    s.worker();
    RetryOptions retries =
        RetryOptions.newBuilder().setInitialInterval(Duration.ofSeconds(1)).setBackoffCoefficient(20).build();
    WorkflowOptions.Builder options =
        s.options("").setWorkflowExecutionTimeout(Duration.ofSeconds(10)).setRetryOptions(retries);
    Run first = s.start(options, Plain.Flaky.class, 9);
    equal(as(ApplicationFailure.class, s.failureOf(first)).getOriginalMessage(), "run 2 fails");
    s.assertHistory(first, FAILED);
    var events = s.assertHistory(new Run(s.id(), ""), FAILED);
    equal(events.get(0).getWorkflowExecutionStartedEventAttributes().getAttempt(), 2);
    s.refusesLateSignal(s.id());
  }
}
