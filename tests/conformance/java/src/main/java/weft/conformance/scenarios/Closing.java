package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.FAILED;
import static weft.conformance.scenarios.Sequences.GREETED;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.last;

import io.grpc.Status.Code;
import io.temporal.api.common.v1.RetryPolicy;
import io.temporal.api.common.v1.WorkflowType;
import io.temporal.api.enums.v1.RetryState;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.taskqueue.v1.TaskQueue;
import io.temporal.api.workflowservice.v1.StartWorkflowExecutionRequest;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TerminatedFailure;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** How workflows end: cancelled, terminated, failed, retried, as new. */
final class Closing {
  private Closing() {}

  private static Void cancel(Scenario s, String id) {
    s.handle(id).cancel("enough");
    return null;
  }

  private static Void terminate(Scenario s, String id, String reason) {
    s.handle(id).terminate(reason);
    return null;
  }

  @Plays
  static void aCancelledWorkflowEndsCancelled(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Collector.class);
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 1);
    cancel(s, s.id());
    as(CanceledFailure.class, s.failureOf(run));
    List<HistoryEvent> events =
        s.assertHistory(
            run, READY + ", WorkflowExecutionCancelRequested, " + TASK + ", WorkflowExecutionCanceled");
    equal(events.get(4).getWorkflowExecutionCancelRequestedEventAttributes().getCause(), "enough");
    // What is asked for is so already: no refusal, and nothing is written.
    cancel(s, s.id());
    equal(s.events(s.id(), ""), events);
    s.refused(Code.NOT_FOUND, () -> cancel(s, s.id("absent")));
  }

  @Plays
  static void aTerminatedWorkflowIsOverAtOnce(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Collector.class);
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 1);
    terminate(s, s.id(), "out of order");
    as(TerminatedFailure.class, s.failureOf(run));
    List<HistoryEvent> events = s.assertHistory(run, READY + ", WorkflowExecutionTerminated");
    var it = events.get(4).getWorkflowExecutionTerminatedEventAttributes();
    equal(it.getReason(), "out of order");
    equal(it.getIdentity(), "conformance-java");
    s.refused(Code.NOT_FOUND, () -> terminate(s, s.id(), "again"));
    s.refused(Code.NOT_FOUND, () -> terminate(s, s.id("absent"), "again"));
  }

  @Plays
  static void aWorkflowIsRetriedAsItsPolicySays(Scenario s) throws Exception {
    s.worker();
    RetryOptions retries = RetryOptions.newBuilder().setInitialInterval(Duration.ofSeconds(1)).build();
    Run first = s.start(s.options("").setRetryOptions(retries), Plain.Flaky.class, 2);
    // The result is that of the last run.
    equal(s.result(first, String.class), "run 2");
    var ended = last(s.assertHistory(first, FAILED)).getWorkflowExecutionFailedEventAttributes();
    equal(ended.getRetryState(), RetryState.RETRY_STATE_IN_PROGRESS);
    Run second = new Run(s.id(), ended.getNewExecutionRunId());
    var it = s.assertHistory(second, GREETED).get(0).getWorkflowExecutionStartedEventAttributes();
    equal(it.getAttempt(), 2);
    equal(it.getContinuedExecutionRunId(), first.runId());
    equal(it.getContinuedFailure().getMessage(), "run 1 fails");
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aWorkflowThatFailsForGoodIsNotRetried(Scenario s) throws Exception {
    s.worker();
    RetryOptions retries = RetryOptions.newBuilder().setDoNotRetry("Planned").build();
    Run run = s.start(s.options("").setRetryOptions(retries), Plain.Flaky.class, 2);
    equal(as(ApplicationFailure.class, s.failureOf(run)).getOriginalMessage(), "run 1 fails");
    var ended = last(s.assertHistory(run, FAILED)).getWorkflowExecutionFailedEventAttributes();
    equal(ended.getRetryState(), RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE);
    equal(ended.getNewExecutionRunId(), "");
    s.refusesLateSignal(s.id());
    s.refused(Code.INVALID_ARGUMENT, () -> s.raw().startWorkflowExecution(backwards(s)));
  }

  /** A start with a policy that the SDK itself would not send. */
  private static StartWorkflowExecutionRequest backwards(Scenario s) {
    return StartWorkflowExecutionRequest.newBuilder()
        .setNamespace("default")
        .setWorkflowId(s.id("other"))
        .setRequestId(UUID.randomUUID().toString())
        .setWorkflowType(WorkflowType.newBuilder().setName("Flaky"))
        .setTaskQueue(TaskQueue.newBuilder().setName(s.queue()))
        .setRetryPolicy(RetryPolicy.newBuilder().setBackoffCoefficient(0.5))
        .build();
  }

  @Plays
  static void aWorkflowGoesOnAsNew(Scenario s) throws Exception {
    s.worker();
    Run first = s.start(Plain.Relay.class, 1, 3);
    equal(s.result(first, Integer.class), 3);
    Run run = first;
    for (int n = 0; n < 2; n++) {
      List<HistoryEvent> events = s.assertHistory(run, READY + ", WorkflowExecutionContinuedAsNew");
      var it = last(events).getWorkflowExecutionContinuedAsNewEventAttributes();
      run = new Run(s.id(), it.getNewExecutionRunId());
    }
    List<HistoryEvent> events = s.assertHistory(run, GREETED);
    equal(
        events.get(0).getWorkflowExecutionStartedEventAttributes().getFirstExecutionRunId(), first.runId());
    s.refusesLateSignal(s.id());
  }
}
