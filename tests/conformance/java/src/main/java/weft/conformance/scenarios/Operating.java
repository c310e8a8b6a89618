package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Histories.count;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.ONE_ACTIVITY;
import static weft.conformance.scenarios.Sequences.SIGNALED;
import static weft.conformance.scenarios.Sequences.THREE_TASKS;
import static weft.conformance.scenarios.Sequences.activityStarted;
import static weft.conformance.scenarios.Sequences.untilFirstAttemptFailed;

import io.grpc.Status.Code;
import io.temporal.api.enums.v1.ResetReapplyExcludeType;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.workflowservice.v1.PauseActivityRequest;
import io.temporal.api.workflowservice.v1.PauseActivityResponse;
import io.temporal.api.workflowservice.v1.ResetWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.UnpauseActivityRequest;
import java.util.List;
import java.util.UUID;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Errand;
import weft.conformance.work.Errands;

/** What operators do to one workflow: reset it, pause its activities. The SDK has no calls for that. */
final class Operating {
  private static final String RESET_TASK = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed";

  private Operating() {}

  private static Run reset(Scenario s, Run run, long finish, ResetReapplyExcludeType... without) {
    ResetWorkflowExecutionRequest request =
        ResetWorkflowExecutionRequest.newBuilder()
            .setNamespace("default")
            .setWorkflowExecution(run.execution())
            .setReason("once more")
            .setRequestId(UUID.randomUUID().toString())
            .setWorkflowTaskFinishEventId(finish)
            .addAllResetReapplyExcludeTypes(List.of(without))
            .build();
    return new Run(run.id(), s.raw().resetWorkflowExecution(request).getRunId());
  }

  @Plays
  static void aResetGoesBackToTheFirstTask(Scenario s) throws Exception {
    s.worker();
    Run base = Tasks.collected(s);
    s.assertHistory(base, THREE_TASKS);
    s.refused(Code.INVALID_ARGUMENT, () -> reset(s, base, 1));
    Run again = reset(s, base, 4);
    equal(s.collected(again), List.of("one", "end"));
    List<HistoryEvent> events =
        s.assertHistory(
            again,
            "WorkflowExecutionStarted, " + RESET_TASK + ", WorkflowExecutionSignaled*2, " + TASK + COMPLETED);
    var it = events.get(3).getWorkflowTaskFailedEventAttributes();
    equal(it.getBaseRunId(), base.runId());
    s.same("cause of the failed task", it.getCause().name());
    s.assertHistory(base, THREE_TASKS);
  }

  @Plays
  static void aResetCanLeaveSignalsOut(Scenario s) throws Exception {
    s.worker();
    Run base = Tasks.collected(s);
    s.assertHistory(base, THREE_TASKS);
    Run again = reset(s, base, 8, ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL);
    // It has not heard `end`, and waits for it.
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 2);
    s.give(s.id(), "other");
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 3);
    s.give(s.id(), "end");
    equal(s.collected(again), List.of("one", "other", "end"));
    s.assertHistory(
        again,
        "WorkflowExecutionStarted, "
            + TASK
            + SIGNALED
            + RESET_TASK
            + ", "
            + TASK
            + SIGNALED
            + TASK
            + SIGNALED
            + TASK
            + COMPLETED);
    s.refusesLateSignal(s.id());
  }

  private static PauseActivityResponse pause(Scenario s) {
    return s.raw()
        .pauseActivity(
            PauseActivityRequest.newBuilder()
                .setNamespace("default")
                .setExecution(new Run(s.id(), "").execution())
                .setIdentity("operator")
                .setReason("too hot")
                .setRequestId(UUID.randomUUID().toString())
                .setType("SucceedsAt")
                .build());
  }

  @Plays
  static void aPausedActivityGetsNoAttemptUntilUnpaused(Scenario s) throws Exception {
    s.worker();
    Errand errand = new Errand("SucceedsAt", "2");
    // Unpaused, it does not wait for this.
    errand.retryAfter = 600_000;
    Run run = s.start(Errands.Runner.class, errand);
    untilFirstAttemptFailed(s);
    pause(s);
    var pending = s.describe(s.id()).getPendingActivities(0);
    s.same(
        "paused",
        List.of(
            pending.getPaused(), pending.getState().name(), pending.getPauseInfo().getManual().getReason()));
    s.refused(Code.FAILED_PRECONDITION, () -> pause(s));
    s.raw()
        .unpauseActivity(
            UnpauseActivityRequest.newBuilder()
                .setNamespace("default")
                .setExecution(new Run(s.id(), "").execution())
                .setIdentity("operator")
                .setUnpauseAll(true)
                .build());
    equal(s.result(run, String.class), "attempt 2");
    List<HistoryEvent> events = s.assertHistory(run, ONE_ACTIVITY);
    equal(activityStarted(events).getAttempt(), 2);
    equal(count(events, "ActivityTaskFailed"), 0);
  }
}
