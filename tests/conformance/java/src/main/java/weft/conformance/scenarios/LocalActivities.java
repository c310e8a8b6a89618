package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Histories.count;
import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.MARKED;

import io.temporal.client.WorkflowOptions;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.harness.SuiteWorker;
import weft.conformance.work.Errands;

/** Local activities: they run in the worker of their workflow and leave a marker. */
final class LocalActivities {
  private LocalActivities() {}

  @Plays
  static void aLocalActivityLeavesAMarker(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Errands.LocalRunner.class, new Errands.LocalPlan("SucceedsAt", "2", 50));
    equal(s.result(run, String.class), "attempt 2");
    s.assertHistory(run, MARKED + COMPLETED);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aLocalActivityThatFailsLeavesItsFailure(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Errands.LocalRunner.class, new Errands.LocalPlan("FailsForGood", "no", 50));
    equal(as(ApplicationFailure.class, s.failureOf(run)).getOriginalMessage(), "no");
    s.assertHistory(run, MARKED + ", WorkflowExecutionFailed");
    s.refusesLateSignal(s.id());
  }

  /** The SDK waits in a timer when the backoff is longer than the workflow wants to wait in its task. */
  @Plays
  static void aLongBackoffOfALocalActivityIsATimer(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Errands.LocalRunner.class, new Errands.LocalPlan("SucceedsAt", "2", 1_200));
    equal(s.result(run, String.class), "attempt 2");
    s.assertHistory(run, MARKED + ", TimerStarted, TimerFired, " + TASK + ", MarkerRecorded" + COMPLETED);
    s.refusesLateSignal(s.id());
  }

  /** The worker answers its task before it times out and asks for the next at once. */
  @Plays
  static void aLongLocalActivityKeepsItsWorkflowTaskAlive(Scenario s) throws Exception {
    SuiteWorker worker = s.worker();
    WorkflowOptions.Builder options = s.options("").setWorkflowTaskTimeout(Duration.ofSeconds(5));
    Run run = s.start(options, Errands.LocalRunner.class, new Errands.LocalPlan("Waits", "patience", 50));
    s.untilEvent(s.id(), "WorkflowTaskStarted", 3);
    worker.signs().release();
    equal(s.result(run, String.class), "patience");
    int tasks = count(s.events(s.id(), ""), "WorkflowTaskCompleted");
    if (tasks < 3) {
      throw new Failed("the worker did not keep its task alive");
    }
    s.assertHistory(run, "WorkflowExecutionStarted" + (", " + TASK).repeat(tasks) + ", MarkerRecorded" + COMPLETED);
    s.refusesLateSignal(s.id());
  }
}
