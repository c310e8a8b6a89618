package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.READY;

import io.grpc.Status.Code;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsRequest;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** Lists and counts. */
final class Visibility {
  private static final Map<String, Long> COUNTS =
      Map.of(
          "WorkflowType = 'Greeter'", 5L,
          "ExecutionStatus = 'Completed' AND WorkflowType IN ('Greeter', 'Flaky')", 5L,
          "ExecutionStatus = 'Failed'", 1L,
          "WorkflowType = 'Greeter' AND CloseTime IS NULL", 0L,
          "WorkflowType != 'Greeter'", 2L);

  private Visibility() {}

  private static String ofOurs(Scenario s) {
    return "TaskQueue = '" + s.queue() + "'";
  }

  private static long count(Scenario s, String query) {
    return s.client().countWorkflows(ofOurs(s) + " AND (" + query + ")").getCount();
  }

  /** How many there are when they come so many to a page. */
  private static int listed(Scenario s, int size) throws Exception {
    int found = 0;
    ListWorkflowExecutionsRequest.Builder request =
        ListWorkflowExecutionsRequest.newBuilder()
            .setNamespace("default")
            .setQuery(ofOurs(s))
            .setPageSize(size);
    do {
      ListWorkflowExecutionsResponse page = s.inTurn(() -> s.raw().listWorkflowExecutions(request.build()));
      if (page.getExecutionsCount() > size) {
        throw new Failed(page.getExecutionsCount() + " on a page of " + size);
      }
      found += page.getExecutionsCount();
      request.setNextPageToken(page.getNextPageToken());
    } while (!request.getNextPageToken().isEmpty());
    return found;
  }

  @Plays
  static void workflowsAreListedAndCountedByWhatTheyAre(Scenario s) throws Exception {
    s.worker();
    List<String> greeters = new ArrayList<>();
    for (int n = 0; n < 5; n++) {
      greeters.add(s.id("greeter-" + n));
      s.result(s.start(s.options("greeter-" + n), Plain.Greeter.class, "you"), String.class);
    }
    s.failureOf(s.start(s.options("flaky"), Plain.Flaky.class, 2));
    Run open = s.start(s.options("open"), Plain.Collector.class);
    // Temporal's index follows a little later.
    s.until(
        "the index to know of all",
        () -> count(s, "ExecutionStatus != 'Running'") == 6 && count(s, "ExecutionStatus = 'Running'") == 1);
    for (Map.Entry<String, Long> each : COUNTS.entrySet()) {
      long found = count(s, each.getKey());
      if (found != each.getValue()) {
        throw new Failed(found + " instead of " + each.getValue() + ": " + each.getKey());
      }
    }
    List<String> found =
        s.client()
            .listExecutions(ofOurs(s) + " AND WorkflowType STARTS_WITH 'Gree'")
            .map(each -> each.getExecution().getWorkflowId())
            .sorted()
            .toList();
    equal(found, greeters);
    equal(listed(s, 2), 7);
    for (String nonsense : List.of("NoSuchAttribute = 'x'", "WorkflowType >", "ExecutionStatus = 'Asleep'")) {
      s.refusedInItsWords(Code.INVALID_ARGUMENT, () -> count(s, nonsense));
    }
    s.untilEvent(open.id(), "WorkflowTaskCompleted", 1);
    s.assertHistory(open, READY);
  }
}
