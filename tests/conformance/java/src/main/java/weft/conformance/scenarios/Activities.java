package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.ACTIVITY;
import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.FAILED_ACTIVITY;
import static weft.conformance.scenarios.Sequences.ONE_ACTIVITY;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.activityStarted;
import static weft.conformance.scenarios.Sequences.summary;
import static weft.conformance.scenarios.Sequences.untilBegun;

import io.temporal.api.enums.v1.RetryState;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.client.WorkflowFailedException;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import java.time.Duration;
import java.util.List;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.harness.SuiteWorker;
import weft.conformance.work.Errand;
import weft.conformance.work.Errands;

/** Activities: results, retries, failures for good, cancellation. */
final class Activities {
  private Activities() {}

  @Plays
  static void anActivityGivesItsResult(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Errands.Runner.class, new Errand("Echo", "word"));
    equal(s.result(run, String.class), "word");
    equal(summary(s.assertHistory(run, ONE_ACTIVITY).get(4)), "\"an errand\"");
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void anActivityIsRetriedUntilItSucceeds(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Errands.Runner.class, new Errand("SucceedsAt", "3"));
    equal(s.result(run, String.class), "attempt 3");
    var it = activityStarted(s.assertHistory(run, ONE_ACTIVITY));
    equal(it.getAttempt(), 3);
    equal(it.getLastFailure().getMessage(), "attempt 2 fails");
    s.refusesLateSignal(s.id());
  }

  private static void endsFailed(Scenario s, Errand errand, RetryState state, int attempt) throws Exception {
    s.worker();
    Run run = s.start(Errands.Runner.class, errand);
    WorkflowFailedException failure = s.failureOf(run);
    equal(as(ActivityFailure.class, failure).getRetryState(), state);
    equal(as(ApplicationFailure.class, failure).getOriginalMessage(), "no");
    equal(activityStarted(s.assertHistory(run, FAILED_ACTIVITY)).getAttempt(), attempt);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aFailureForGoodIsNotRetried(Scenario s) throws Exception {
    endsFailed(s, new Errand("FailsForGood", "no"), RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE, 1);
  }

  @Plays
  static void aTypeOfFailureCanBeNamedNonRetryable(Scenario s) throws Exception {
    Errand errand = new Errand("Fails", "no");
    errand.nonRetryable = new String[] {"Planned"};
    endsFailed(s, errand, RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE, 1);
  }

  @Plays
  static void attemptsComeToAnEnd(Scenario s) throws Exception {
    Errand errand = new Errand("Fails", "no");
    errand.attemptsMax = 2;
    endsFailed(s, errand, RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, 2);
  }

  @Plays
  static void aCancelledActivityIsToldAndCleanedUpAfter(Scenario s) throws Exception {
    // It hears of it by a heartbeat, so heartbeats should come often; that one is missed is not what this is about.
    SuiteWorker worker =
        s.workerWith(SuiteWorker.patient().setMaxHeartbeatThrottleInterval(Duration.ofMillis(100)).build());
    Errand errand = new Errand("Beats", "word");
    errand.heartbeat = 10_000;
    errand.cleansUp = true;
    Run run = s.start(Errands.Runner.class, errand);
    untilBegun(s, worker);
    s.handle(s.id()).cancel("no longer needed");
    // The SDK ends a workflow that was asked to cancel as cancelled, whatever its code gives.
    as(CanceledFailure.class, s.failureOf(run));
    List<HistoryEvent> events =
        s.assertHistory(
            run,
            READY
                + ", ActivityTaskScheduled, WorkflowExecutionCancelRequested, "
                + TASK
                + ", ActivityTaskCancelRequested, ActivityTaskStarted, ActivityTaskCanceled, "
                + TASK
                + ", "
                + ACTIVITY
                + ", "
                + TASK
                + ", WorkflowExecutionCanceled");
    var cleaned = events.get(events.size() - 5).getActivityTaskCompletedEventAttributes();
    equal(cleaned.getResult().getPayloads(0).getData().toStringUtf8(), "\"cleaned up\"");
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aWorkflowNeedNotWaitForItsCancelledActivity(Scenario s) throws Exception {
    SuiteWorker worker = s.worker();
    Errand errand = new Errand("Waits", "word");
    errand.heartbeat = 10_000;
    Run run = s.start(Errands.Runner.class, errand);
    untilBegun(s, worker);
    s.handle(s.id()).cancel();
    as(CanceledFailure.class, s.failureOf(run));
    s.assertHistory(
        run,
        READY
            + ", ActivityTaskScheduled, WorkflowExecutionCancelRequested, "
            + TASK
            + ", ActivityTaskCancelRequested, WorkflowExecutionCanceled");
    s.refusesLateSignal(s.id());
  }
}
