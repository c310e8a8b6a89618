package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.count;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.TWO_TASKS;
import static weft.conformance.scenarios.Sequences.WAITING;

import io.grpc.Status.Code;
import io.temporal.api.batch.v1.BatchOperationSignal;
import io.temporal.api.batch.v1.BatchOperationTermination;
import io.temporal.api.enums.v1.BatchOperationState;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.workflowservice.v1.DescribeBatchOperationRequest;
import io.temporal.api.workflowservice.v1.DescribeBatchOperationResponse;
import io.temporal.api.workflowservice.v1.StartBatchOperationRequest;
import io.temporal.api.workflowservice.v1.StartBatchOperationResponse;
import io.temporal.api.workflowservice.v1.StopBatchOperationRequest;
import io.temporal.common.converter.DefaultDataConverter;
import java.util.List;
import weft.conformance.harness.Needs;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** Batch operations: one thing done to many workflows by the server, which may die meanwhile. The SDK has no calls. */
final class Batches {
  // A collector that heard its only word before its first task began.
  private static final String SIGNALED_BEFORE =
      WAITING + ", WorkflowExecutionSignaled, WorkflowTaskStarted, WorkflowTaskCompleted" + COMPLETED;
  private static final int MANY = 80;

  private Batches() {}

  private static List<Run> collectors(Scenario s, int count) throws Exception {
    return s.sideBySide(count, n -> s.start(s.options("" + n), Plain.Collector.class));
  }

  /** The workflows of this scenario; Temporal's index follows a little later. */
  private static String untilListed(Scenario s, int count) throws Exception {
    String query = "TaskQueue = '" + s.queue() + "' AND WorkflowType = 'Collector'";
    s.until("the index to know of all", () -> s.client().countWorkflows(query).getCount() == count);
    return query;
  }

  private static StartBatchOperationRequest.Builder batch(Scenario s) {
    return StartBatchOperationRequest.newBuilder()
        .setNamespace("default")
        .setJobId(s.id("job"))
        .setReason("the reason");
  }

  private static BatchOperationSignal gives(String word) {
    return BatchOperationSignal.newBuilder()
        .setSignal("give")
        .setInput(DefaultDataConverter.STANDARD_INSTANCE.toPayloads(word).orElseThrow())
        .setIdentity("operator")
        .build();
  }

  /** When no other batch runs: there is one at a time. */
  private static StartBatchOperationResponse inTurn(Scenario s, StartBatchOperationRequest request)
      throws Exception {
    return s.inTurn(() -> s.raw().startBatchOperation(request));
  }

  private static DescribeBatchOperationResponse describe(Scenario s) {
    return s.raw()
        .describeBatchOperation(
            DescribeBatchOperationRequest.newBuilder().setNamespace("default").setJobId(s.id("job")).build());
  }

  /** The batch comes to its end, with all of so many done. */
  private static void untilDone(Scenario s, long count) throws Exception {
    s.until("the batch to end", () -> describe(s).getState() != BatchOperationState.BATCH_OPERATION_STATE_RUNNING);
    DescribeBatchOperationResponse found = describe(s);
    equal(found.getState(), BatchOperationState.BATCH_OPERATION_STATE_COMPLETED);
    List<Long> counts =
        List.of(
            found.getTotalOperationCount(), found.getCompleteOperationCount(), found.getFailureOperationCount());
    equal(counts, List.of(count, count, 0L));
    equal(found.getReason(), "the reason");
  }

  @Plays
  static void aBatchTerminatesWhatAQueryFinds(Scenario s) throws Exception {
    List<Run> runs = collectors(s, 3);
    StartBatchOperationRequest request =
        batch(s)
            .setVisibilityQuery(untilListed(s, 3))
            .setTerminationOperation(BatchOperationTermination.newBuilder().setIdentity("operator"))
            .build();
    inTurn(s, request);
    untilDone(s, 3);
    for (Run run : runs) {
      List<HistoryEvent> events = s.assertHistory(run, WAITING + ", WorkflowExecutionTerminated");
      equal(events.get(2).getWorkflowExecutionTerminatedEventAttributes().getReason(), "the reason");
    }
    // The id of a batch is given once.
    s.refused(Code.ALREADY_EXISTS, () -> inTurn(s, request));
  }

  @Plays
  static void aBatchSignalsListedWorkflows(Scenario s) throws Exception {
    s.worker();
    List<Run> runs = collectors(s, 3);
    StartBatchOperationRequest.Builder request = batch(s).setSignalOperation(gives("end"));
    for (Run run : runs) {
      s.untilEvent(run.id(), "WorkflowTaskCompleted", 1);
      list(request, run.equals(runs.get(0)) ? new Run(run.id(), "") : run);
    }
    inTurn(s, request.build());
    untilDone(s, 3);
    for (Run run : runs) {
      equal(s.collected(run), List.of("end"));
      s.assertHistory(run, TWO_TASKS);
    }
    StopBatchOperationRequest stop =
        StopBatchOperationRequest.newBuilder()
            .setNamespace("default")
            .setJobId(s.id("job"))
            .setReason("too late")
            .setIdentity("operator")
            .build();
    s.refused(Code.NOT_FOUND, () -> s.raw().stopBatchOperation(stop));
  }

  // The API has another way by now; this is what clients send until they know it.
  @SuppressWarnings("deprecation")
  private static void list(StartBatchOperationRequest.Builder request, Run run) {
    request.addExecutions(run.execution());
  }

  /** Its workflows wait for a worker until the server is back: so none of their tasks is lost with it. */
  @Plays(Needs.OWN_SERVER)
  static void aBatchOutlivesTheServer(Scenario s) throws Exception {
    List<Run> runs = collectors(s, MANY);
    inTurn(s, batch(s).setVisibilityQuery(untilListed(s, MANY)).setSignalOperation(gives("end")).build());
    s.until("some to be signalled", () -> describe(s).getCompleteOperationCount() >= 10);
    s.restartServer();
    untilDone(s, MANY);
    s.worker();
    for (Run run : runs) {
      equal(s.collected(run), List.of("end"));
      equal(count(s.events(run.id(), ""), "WorkflowExecutionSignaled"), 1);
    }
    for (Run run : runs.subList(0, 3)) {
      s.assertHistory(run, SIGNALED_BEFORE);
    }
    s.refusesLateSignal(s.id("0"));
  }
}
