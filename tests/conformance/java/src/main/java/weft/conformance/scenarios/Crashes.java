package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.count;
import static weft.conformance.harness.Histories.names;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.GREETED;
import static weft.conformance.scenarios.Sequences.ONE_ACTIVITY;
import static weft.conformance.scenarios.Sequences.SLEPT;
import static weft.conformance.scenarios.Sequences.TOURED;
import static weft.conformance.scenarios.Sequences.TWENTY_ONE_SIGNALS;
import static weft.conformance.scenarios.Sequences.WAITING;
import static weft.conformance.scenarios.Sequences.activityStarted;
import static weft.conformance.scenarios.Sequences.untilBegun;
import static weft.conformance.scenarios.Sequences.untilFirstAttemptFailed;

import io.grpc.Status.Code;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.workflowservice.v1.SignalWorkflowExecutionRequest;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Needs;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.harness.SuiteWorker;
import weft.conformance.work.Errand;
import weft.conformance.work.Errands;
import weft.conformance.work.Plain;

/** kill -9 of the server: what was acknowledged is still there, once, and the work goes on. */
final class Crashes {
  private static final int LOOKED_AT = 3;

  // A crash may cost a workflow task its time; nothing else may differ from an undisturbed tour.
  private static final Map<String, Integer> ONE_TOUR =
      Map.of(
          "WorkflowExecutionStarted", 1,
          "ActivityTaskScheduled", 2,
          "ActivityTaskCompleted", 2,
          "TimerStarted", 1,
          "TimerFired", 1,
          "WorkflowExecutionCompleted", 1);

  private Crashes() {}

  @Plays(Needs.OWN_SERVER)
  static void aTimerSurvivesTheServer(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Sleeper.class, 1_500);
    s.untilEvent(s.id(), "TimerStarted", 1);
    s.restartServer();
    equal(s.result(run, String.class), "slept");
    s.assertHistory(run, SLEPT);
    s.refusesLateSignal(s.id());
  }

  @Plays(Needs.OWN_SERVER)
  static void acknowledgedSignalsSurviveTheServer(Scenario s) throws Exception {
    Run run = s.start(Plain.Collector.class);
    List<String> words = Messages.someWords();
    for (String word : words) {
      if (word.equals("word 10")) {
        s.restartServer();
      }
      s.give(s.id(), word);
    }
    s.restartServer();
    s.worker();
    equal(s.collected(run), words);
    s.assertHistory(run, TWENTY_ONE_SIGNALS);
    s.refusesLateSignal(s.id());
  }

  @Plays(Needs.OWN_SERVER)
  static void anIdStaysTakenWhenTheServerDies(Scenario s) throws Exception {
    SignalWorkflowExecutionRequest request = Messages.once(s);
    Run run = s.start(Plain.Collector.class);
    s.raw().signalWorkflowExecution(request);
    s.restartServer();
    s.refused(
        Code.ALREADY_EXISTS,
        () -> {
          try {
            return s.start(Plain.Collector.class);
          } catch (WorkflowExecutionAlreadyStarted taken) {
            equal(taken.getExecution().getRunId(), run.runId());
            throw taken;
          }
        });
    s.raw().signalWorkflowExecution(request);
    s.assertHistory(run, WAITING + ", WorkflowExecutionSignaled");
  }

  @Plays(Needs.OWN_SERVER)
  static void anActivityInBackoffSurvivesTheServer(Scenario s) throws Exception {
    s.worker();
    Errand errand = new Errand("SucceedsAt", "2");
    errand.retryAfter = 2_000;
    Run run = s.start(Errands.Runner.class, errand);
    untilFirstAttemptFailed(s);
    s.restartServer();
    equal(s.result(run, String.class), "attempt 2");
    var it = activityStarted(s.assertHistory(run, ONE_ACTIVITY));
    equal(it.getAttempt(), 2);
    equal(it.getLastFailure().getMessage(), "attempt 1 fails");
    s.refusesLateSignal(s.id());
  }

  /** The worker keeps its activity, finds the server again, and reports to it. */
  @Plays(Needs.OWN_SERVER)
  static void aRunningActivityOutlivesTheServer(Scenario s) throws Exception {
    SuiteWorker worker = s.worker();
    Errand errand = new Errand("Beats", "all in one go");
    errand.heartbeat = 20_000;
    Run run = s.start(Errands.Runner.class, errand);
    untilBegun(s, worker);
    Future<String> waited = s.meanwhile(() -> s.result(run, String.class));
    s.restartServer();
    worker.signs().release();
    equal(Scenario.finished(waited), "all in one go");
    equal(activityStarted(s.assertHistory(run, ONE_ACTIVITY)).getAttempt(), 1);
    s.refusesLateSignal(s.id());
  }

  @Plays(Needs.OWN_SERVER)
  static void aClosedWorkflowIsTheSameAfterTheCrash(Scenario s) throws Exception {
    s.worker();
    Run greeter = s.start(s.options("greeter"), Plain.Greeter.class, "once");
    Run run = s.start(Plain.Collector.class);
    s.give(s.id(), "end");
    s.collected(run);
    equal(s.result(greeter, String.class), "Hello, once!");
    List<HistoryEvent> before = s.events(s.id(), "");
    List<HistoryEvent> greeting = s.events(greeter.id(), "");
    s.restartServer();
    equal(s.events(s.id(), ""), before);
    equal(s.events(greeter.id(), ""), greeting);
    equal(s.collected(new Run(s.id(), "")), List.of("end"));
    equal(s.words(s.id()), List.of("end"));
    s.assertHistory(greeter, GREETED);
    s.refusesLateSignal(s.id());
  }

  @Plays(Needs.OWN_SERVER)
  static void manyWorkflowsSurviveAServerThatDiesAgainAndAgain(Scenario s) throws Exception {
    s.worker();
    // A task that a crash takes along comes back after two seconds.
    List<Run> runs = Load.tours(s, 20, 1_000, Duration.ofSeconds(2));
    Future<List<String>> waited = s.meanwhile(() -> runs.stream().map(run -> s.result(run, String.class)).toList());
    int done = TOURED.split(",").length;
    for (int crash = 0; crash < 3; crash++) {
      // The next crash comes when something has happened since the last, or when all is done.
      List<Integer> before = lengths(s);
      s.until(
          "any progress",
          () -> {
            List<Integer> now = lengths(s);
            return !now.equals(before) || Collections.min(now) >= done;
          });
      s.restartServer();
    }
    List<String> results = Scenario.finished(waited);
    for (int n = 0; n < runs.size(); n++) {
      equal(results.get(n), Load.there(n));
      List<HistoryEvent> events = s.events(runs.get(n).id(), "");
      ONE_TOUR.forEach(
          (name, times) -> {
            if (count(events, name) != times) {
              throw new Failed(count(events, name) + " of " + name + ": " + names(events));
            }
          });
      s.assertEvents(runs.get(n), String.join(", ", names(events)));
    }
    s.assertHistory(runs.get(0), String.join(", ", names(s.events(s.id("0"), ""))));
    s.refusesLateSignal(s.id("0"));
  }

  /** The lengths of a few of the histories. */
  private static List<Integer> lengths(Scenario s) {
    List<Integer> lengths = new ArrayList<>();
    for (int n = 0; n < LOOKED_AT; n++) {
      lengths.add(s.events(s.id("" + n), "").size());
    }
    return lengths;
  }
}
