package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.TOURED;

import java.time.Duration;
import java.util.List;
import weft.conformance.harness.Needs;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Errands;

/** Many workflows at once. */
final class Load {
  private static final int MANY = 200;

  private Load() {}

  /** Starts so many tours side by side. */
  static List<Run> tours(Scenario s, int count, int pause, Duration taskTimeout) throws Exception {
    return s.sideBySide(
        count,
        n -> s.start(s.options("" + n).setWorkflowTaskTimeout(taskTimeout), Errands.Tour.class, n, pause));
  }

  /** What a tour comes to. */
  static String there(int n) {
    return "there " + n + ", back " + n;
  }

  @Plays(Needs.QUIET)
  static void twoHundredWorkflowsRunAtOnce(Scenario s) throws Exception {
    s.worker();
    // A slow machine may take its time; what is asserted is that nothing is lost, done twice or out of order.
    List<Run> runs = tours(s, MANY, 200, Duration.ofMinutes(1));
    for (int n = 0; n < MANY; n++) {
      equal(s.result(runs.get(n), String.class), there(n));
      s.assertEvents(runs.get(n), TOURED);
    }
    s.assertHistory(runs.get(0), TOURED);
    s.refusesLateSignal(s.id("7"));
  }
}
