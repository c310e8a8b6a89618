package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.SLEPT;
import static weft.conformance.scenarios.Sequences.summary;

import io.temporal.failure.CanceledFailure;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** Timers: one that fires, one that is cancelled by the workflow, one that is cancelled with it. */
final class Timers {
  private Timers() {}

  @Plays
  static void aTimerFires(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Sleeper.class, 300);
    equal(s.result(run, String.class), "slept");
    equal(summary(s.assertHistory(run, SLEPT).get(4)), "\"a nap\"");
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void theSlowerTimerIsCancelled(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Race.class);
    equal(s.result(run, String.class), "fast wins, the other is cancelled");
    s.assertHistory(run, READY + ", TimerStarted*2, TimerFired, " + TASK + ", TimerCanceled" + COMPLETED);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aTimerIsCancelledWithItsWorkflow(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Sleeper.class, 600_000);
    s.untilEvent(s.id(), "TimerStarted", 1);
    s.handle(s.id()).cancel("wake up");
    // The SDK sends no details along when a workflow ends so.
    as(CanceledFailure.class, s.failureOf(run));
    s.assertHistory(
        run,
        READY
            + ", TimerStarted, WorkflowExecutionCancelRequested, "
            + TASK
            + ", TimerCanceled, WorkflowExecutionCanceled");
    s.refusesLateSignal(s.id());
  }
}
