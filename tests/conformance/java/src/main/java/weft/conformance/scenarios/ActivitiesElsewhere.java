package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.FAILED_ACTIVITY;
import static weft.conformance.scenarios.Sequences.ONE_ACTIVITY;
import static weft.conformance.scenarios.Sequences.activityStarted;

import io.grpc.Status.Code;
import io.temporal.client.ActivityCompletionClient;
import io.temporal.client.WorkflowFailedException;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.harness.SuiteWorker;
import weft.conformance.work.Errand;
import weft.conformance.work.Errands;

/** Activities that somebody else than their worker completes: by task token, by id. */
final class ActivitiesElsewhere {
  private ActivitiesElsewhere() {}

  private static ActivityCompletionClient completions(Scenario s) {
    return s.client().newActivityCompletionClient();
  }

  /** The token of the activity, of an attempt after the one with that token. */
  private static byte[] token(Scenario s, SuiteWorker worker, byte[] after) throws Exception {
    s.until(
        "the activity's token",
        () -> worker.signs().token() != null && !Arrays.equals(worker.signs().token(), after));
    return worker.signs().token();
  }

  @Plays
  static void anActivityIsCompletedElsewhereByItsToken(Scenario s) throws Exception {
    SuiteWorker worker = s.worker();
    Run run = s.start(Errands.Runner.class, new Errand("Elsewhere", ""));
    byte[] token = token(s, worker, null);
    completions(s).heartbeat(token, "alive");
    var pending = s.describe(s.id()).getPendingActivities(0);
    equal(pending.getHeartbeatDetails().getPayloads(0).getData().toStringUtf8(), "\"alive\"");
    completions(s).complete(token, "done elsewhere");
    equal(s.result(run, String.class), "done elsewhere");
    // Not a second completion: Weft answers the last one as the first time when it is repeated.
    s.refused(Code.NOT_FOUND, () -> heartbeat(s, token));
    s.refused(
        Code.INVALID_ARGUMENT,
        () -> {
          completions(s).complete("garbage".getBytes(StandardCharsets.UTF_8), "x");
          return null;
        });
    s.assertHistory(run, ONE_ACTIVITY);
  }

  private static Void heartbeat(Scenario s, byte[] token) {
    completions(s).heartbeat(token, "late");
    return null;
  }

  private static Void complete(Scenario s, String activity, String result) {
    completions(s).complete(s.id(), Optional.empty(), activity, result);
    return null;
  }

  @Plays
  static void anActivityIsCompletedElsewhereByItsId(Scenario s) throws Exception {
    SuiteWorker worker = s.worker();
    Run run = s.start(Errands.Runner.class, new Errand("Elsewhere", ""));
    token(s, worker, null);
    String id = s.describe(s.id()).getPendingActivities(0).getActivityId();
    s.refused(Code.NOT_FOUND, () -> complete(s, "no such", "x"));
    complete(s, id, "done by id");
    equal(s.result(run, String.class), "done by id");
    s.refused(Code.NOT_FOUND, () -> complete(s, id, "x"));
    s.assertHistory(run, ONE_ACTIVITY);
  }

  @Plays
  static void anActivityThatFailsElsewhereIsRetried(Scenario s) throws Exception {
    SuiteWorker worker = s.worker();
    Errand errand = new Errand("Elsewhere", "");
    errand.attemptsMax = 2;
    Run run = s.start(Errands.Runner.class, errand);
    byte[] first = token(s, worker, null);
    completions(s).completeExceptionally(first, new Exception("failed elsewhere"));
    byte[] second = token(s, worker, first);
    s.refused(Code.NOT_FOUND, () -> heartbeat(s, first));
    completions(s).completeExceptionally(second, new Exception("failed elsewhere"));
    WorkflowFailedException failure = s.failureOf(run);
    equal(as(ApplicationFailure.class, failure).getOriginalMessage(), "failed elsewhere");
    s.same("retry state", as(ActivityFailure.class, failure).getRetryState().name());
    equal(activityStarted(s.assertHistory(run, FAILED_ACTIVITY)).getAttempt(), 2);
  }
}
