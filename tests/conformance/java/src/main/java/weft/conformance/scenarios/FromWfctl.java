package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.ONE_ACTIVITY;
import static weft.conformance.scenarios.Sequences.PATCHED;

import io.temporal.api.history.v1.History;
import io.temporal.common.WorkflowExecutionHistory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Errand;
import weft.conformance.work.Errands;
import weft.conformance.work.Plain;

/** The JSON histories that people get from `wfctl`, replayed by the SDK. */
final class FromWfctl {
  private FromWfctl() {}

  /** Null if wfctl failed. */
  private static String show(Scenario s, String id) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            s.wfctl().toString(), "workflow", "show", id, "--address", s.address(), "--output", "json");
    Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return process.waitFor() == 0 ? text : null;
  }

  private static History parse(String json) {
    return WorkflowExecutionHistory.fromJson(json).getHistory();
  }

  @Plays
  static void historiesFromWfctlAreReplayed(Scenario s) throws Exception {
    s.worker();
    Run tour = s.start(s.options("tour"), Errands.Tour.class, 1, 100);
    Run retried = s.start(s.options("retried"), Errands.Runner.class, new Errand("SucceedsAt", "2"));
    Run hopeless = s.start(s.options("failed"), Errands.Runner.class, new Errand("FailsForGood", "no"));
    Run local =
        s.start(s.options("local"), Errands.LocalRunner.class, new Errands.LocalPlan("SucceedsAt", "2", 50));
    Run patched = s.start(s.options("patched"), Plain.Patched.class);
    Run collector = s.start(s.options("collector"), Plain.Collector.class);
    s.give(collector.id(), "schön");
    s.give(collector.id(), "end");
    for (Run run : List.of(tour, retried, local, patched)) {
      s.result(run, String.class);
    }
    s.failureOf(hopeless);
    s.collected(collector);

    for (Run run : List.of(tour, retried, hopeless, local, patched, collector)) {
      History parsed = parse(show(s, run.id()));
      s.replay(parsed);
      // Nothing is lost on the way: the JSON holds the very events that the server gives.
      equal(parsed, History.newBuilder().addAllEvents(s.events(run.id(), "")).build());
    }
    // And the replayer does look: with another type of activity this is not what the code decides.
    History other = parse(show(s, tour.id()).replaceFirst("\"Echo\"", "\"Other\""));
    if (replays(s, other)) {
      throw new Failed("the replayer takes any history");
    }
    equal(show(s, s.id("absent")), null);
    s.assertHistory(retried, ONE_ACTIVITY);
    s.assertHistory(patched, PATCHED);
    s.refusesLateSignal(tour.id());
  }

  private static boolean replays(Scenario s, History history) {
    try {
      s.replay(history);
      return true;
    } catch (Exception refused) {
      return false;
    }
  }
}
