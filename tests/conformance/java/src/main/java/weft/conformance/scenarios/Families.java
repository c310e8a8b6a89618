package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.WAITING;

import io.temporal.api.history.v1.HistoryEvent;
import java.util.List;
import weft.conformance.harness.Needs;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Family;
import weft.conformance.work.Plain;

/** Workflows among themselves: children, and signals from one to another. */
final class Families {
  private static final String BORE =
      READY + ", StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, " + TASK;
  private static final String TOLD =
      ", SignalExternalWorkflowExecutionInitiated, ExternalWorkflowExecutionSignaled, " + TASK;
  private static final String OBEYED = ", " + TASK + COMPLETED;

  private Families() {}

  /** A parent that has seen its child start, and will do nothing before the child ends. */
  private static Run parent(Scenario s) throws Exception {
    Run run = s.start(Family.Parent.class, s.id("kid"));
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 2);
    return run;
  }

  @Plays
  static void aChildGivesItsResultToItsParent(Scenario s) throws Exception {
    s.worker();
    Run run = parent(s);
    s.handle(s.id("kid")).signal("go", "well");
    equal(s.result(run, String.class), "kid well");
    s.assertHistory(run, BORE + ", ChildWorkflowExecutionCompleted" + OBEYED);
    s.refusesLateSignal(s.id("kid"));
  }

  @Plays
  static void aChildThatFailsTellsItsParentWhy(Scenario s) throws Exception {
    s.worker();
    Run run = parent(s);
    s.handle(s.id("kid")).signal("go", "fail");
    equal(s.result(run, String.class), "failed: as told Told");
    s.assertHistory(run, BORE + ", ChildWorkflowExecutionFailed" + OBEYED);
    s.refusesLateSignal(s.id("kid"));
  }

  @Plays
  static void aParentThatCompletesEndsItsChild(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Family.Leaver.class, s.id("kid"), s.queue() + "-nobody");
    equal(s.result(run, String.class), "left");
    s.assertHistory(run, BORE + COMPLETED);
    s.untilEvent(s.id("kid"), "WorkflowExecutionTerminated", 1);
    List<HistoryEvent> events =
        s.assertHistory(new Run(s.id("kid"), ""), WAITING + ", WorkflowExecutionTerminated");
    s.same("reason", events.get(2).getWorkflowExecutionTerminatedEventAttributes().getReason());
    s.refusesLateSignal(s.id("kid"));
  }

  @Plays
  static void aWorkflowSignalsAnother(Scenario s) throws Exception {
    s.worker();
    Run listener = s.start(s.options("listener"), Plain.Collector.class);
    Run run = s.start(Family.Teller.class, s.id("listener"), List.of("one", "end"));
    equal(s.result(run, String.class), "told");
    equal(s.collected(listener), List.of("one", "end"));
    s.assertHistory(run, READY + TOLD + TOLD + COMPLETED);
    for (HistoryEvent event : s.events(s.id("listener"), "")) {
      if (event.hasWorkflowExecutionSignaledEventAttributes()) {
        var it = event.getWorkflowExecutionSignaledEventAttributes();
        equal(it.getExternalWorkflowExecution().getWorkflowId(), s.id());
      }
    }
    s.refusesLateSignal(s.id());
  }

  /** kill -9 of the server while a parent waits for its child. */
  @Plays(Needs.OWN_SERVER)
  static void aChildOutlivesTheServer(Scenario s) throws Exception {
    s.worker();
    Run run = parent(s);
    s.restartServer();
    s.handle(s.id("kid")).signal("go", "well");
    equal(s.result(run, String.class), "kid well");
    s.assertHistory(run, BORE + ", ChildWorkflowExecutionCompleted" + OBEYED);
    s.refusesLateSignal(s.id("kid"));
  }
}
