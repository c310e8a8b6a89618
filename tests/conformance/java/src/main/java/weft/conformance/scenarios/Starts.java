package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.FAILED;
import static weft.conformance.scenarios.Sequences.GREETED;
import static weft.conformance.scenarios.Sequences.WAITING;
import static weft.conformance.scenarios.Sequences.last;

import io.grpc.Status.Code;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.enums.v1.WorkflowIdReusePolicy;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.failure.TerminatedFailure;
import java.util.List;
import java.util.UUID;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** Starting: ids in use, ids used before, eagerly, with a signal, with a cron schedule. */
final class Starts {
  private Starts() {}

  @Plays
  static void aWorkflowGivesItsResult(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Greeter.class, "Weft");
    equal(s.result(run, String.class), "Hello, Weft!");
    s.assertHistory(run, GREETED);
    s.refusesLateSignal(s.id());
    s.refusesLateSignal(s.id("absent"));
  }

  @Plays
  static void anIdInUseIsRefused(Scenario s) throws Exception {
    Run first = s.start(Plain.Collector.class);
    s.refused(
        Code.ALREADY_EXISTS,
        () -> {
          try {
            return s.start(Plain.Collector.class);
          } catch (WorkflowExecutionAlreadyStarted taken) {
            equal(taken.getExecution().getRunId(), first.runId());
            throw taken;
          }
        });
    s.assertHistory(first, WAITING);
  }

  @Plays
  static void anIdInUseCanBeJoinedOrTakenOver(Scenario s) throws Exception {
    Run first = s.start(Plain.Collector.class);
    Run joined =
        s.start(WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, Plain.Collector.class);
    equal(joined, first);
    Run heir =
        s.start(WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING, Plain.Collector.class);
    equal(heir.equals(first), false);
    as(TerminatedFailure.class, s.failureOf(first));
    List<HistoryEvent> events = s.assertHistory(first, WAITING + ", WorkflowExecutionTerminated");
    var it = events.get(2).getWorkflowExecutionTerminatedEventAttributes();
    s.same("reason", it.getReason());
    s.same("identity", it.getIdentity());
    s.assertHistory(heir, WAITING);
    s.refused(
        Code.ALREADY_EXISTS,
        () -> s.start(WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL, Plain.Collector.class));
  }

  @Plays
  static void reuseOfAnIdDependsOnHowTheLastRunEnded(Scenario s) throws Exception {
    var always = WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE;
    var ifItFailed = WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY;
    var never = WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE;
    s.worker();
    Run first = flaky(s, never, 1);
    equal(s.result(first, String.class), "run 1");
    s.refused(Code.ALREADY_EXISTS, () -> flaky(s, never, 1));
    s.refused(Code.ALREADY_EXISTS, () -> flaky(s, ifItFailed, 1));
    Run second = flaky(s, always, 2);
    s.failureOf(second);
    s.refused(Code.ALREADY_EXISTS, () -> flaky(s, never, 1));
    Run third = flaky(s, ifItFailed, 1);
    equal(s.result(third, String.class), "run 1");
    s.assertHistory(first, GREETED);
    s.assertHistory(second, FAILED);
    s.assertHistory(third, GREETED);
  }

  private static Run flaky(Scenario s, WorkflowIdReusePolicy policy, int attempt) {
    return s.start(s.options("").setWorkflowIdReusePolicy(policy), Plain.Flaky.class, attempt);
  }

  @Plays
  static void aSignalCanStartItsWorkflow(Scenario s) throws Exception {
    Run run = startedBy(s, "first");
    equal(startedBy(s, "end"), run);
    s.worker();
    equal(s.collected(run), List.of("first", "end"));
    s.refused(Code.ALREADY_EXISTS, () -> startedBy(s, "late"));
    s.assertHistory(
        run,
        "WorkflowExecutionStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowExecutionSignaled, "
            + "WorkflowTaskStarted, WorkflowTaskCompleted"
            + COMPLETED);
  }

  private static Run startedBy(Scenario s, String word) {
    WorkflowOptions.Builder once =
        s.options("").setWorkflowIdReusePolicy(WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE);
    WorkflowStub stub = s.stub(once, Plain.Collector.class);
    String runId = stub.signalWithStart("give", new Object[] {word}, new Object[] {}).getRunId();
    return new Run(s.id(), runId);
  }

  /** With a worker on the same client the answer to the start brings the first workflow task along. */
  @Plays
  static void aStartCanBringTheFirstTaskAlong(Scenario s) throws Exception {
    s.workerOn(s.connection());
    // Until all pollers of the worker have begun it may have no room for a task of its own.
    s.until("an eager start", () -> isEager(s));
    s.refusesLateSignal(s.id("absent"));
  }

  private static boolean isEager(Scenario s) throws Exception {
    WorkflowOptions.Builder eagerly = s.options(UUID.randomUUID().toString()).setDisableEagerExecution(false);
    Run run = s.start(eagerly, Plain.Greeter.class, "eager");
    equal(s.result(run, String.class), "Hello, eager!");
    List<HistoryEvent> events = s.assertHistory(run, GREETED);
    return events.get(0).getWorkflowExecutionStartedEventAttributes().getEagerExecutionAccepted();
  }

  @Plays
  static void aCronScheduleStartsRunAfterRun(Scenario s) throws Exception {
    s.worker();
    Run first = s.start(s.options("").setCronSchedule("@every 1s"), Plain.Greeter.class, "again");
    untilClosed(s, first);
    Run second = next(s, first);
    untilClosed(s, second);
    next(s, second);
    s.handle(s.id()).terminate("enough");
    s.refused(
        Code.INVALID_ARGUMENT,
        () -> s.start(s.options("other").setCronSchedule("every so often"), Plain.Greeter.class, ""));
  }

  private static void untilClosed(Scenario s, Run run) throws Exception {
    s.until("the run to end", () -> s.events(run.id(), run.runId()).size() == 5);
  }

  /** The run that follows on this one, which has greeted. */
  private static Run next(Scenario s, Run run) throws Exception {
    List<HistoryEvent> events = s.assertHistory(run, GREETED);
    String next = last(events).getWorkflowExecutionCompletedEventAttributes().getNewExecutionRunId();
    if (next.isEmpty()) {
      throw new Failed("nothing follows");
    }
    return new Run(run.id(), next);
  }
}
