package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.THREE_TASKS;
import static weft.conformance.scenarios.Sequences.TWENTY_ONE_SIGNALS;
import static weft.conformance.scenarios.Sequences.TWO_TASKS;
import static weft.conformance.scenarios.Sequences.WAITING;

import io.grpc.Status.Code;
import io.temporal.api.enums.v1.QueryRejectCondition;
import io.temporal.api.workflowservice.v1.SignalWorkflowExecutionRequest;
import io.temporal.client.WorkflowQueryConditionallyRejectedException;
import io.temporal.common.converter.DefaultDataConverter;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** Signals and queries. */
final class Messages {
  private static final int WORDS = 20;

  private Messages() {}

  /** Twenty words, and the one that ends a collector. */
  static List<String> someWords() {
    List<String> words = new ArrayList<>();
    for (int n = 0; n < WORDS; n++) {
      words.add("word " + n);
    }
    words.add("end");
    return words;
  }

  @Plays
  static void signalsKeepTheirOrder(Scenario s) throws Exception {
    Run run = s.start(Plain.Collector.class);
    List<String> words = someWords();
    words.forEach(word -> s.give(s.id(), word));
    s.worker();
    equal(s.collected(run), words);
    s.assertHistory(run, TWENTY_ONE_SIGNALS);
    s.refusesLateSignal(s.id());
  }

  /** A signal with a request id: the SDK makes one for each of its calls. */
  static SignalWorkflowExecutionRequest once(Scenario s) {
    return SignalWorkflowExecutionRequest.newBuilder()
        .setNamespace("default")
        .setWorkflowExecution(new Run(s.id(), "").execution())
        .setSignalName("give")
        .setInput(DefaultDataConverter.STANDARD_INSTANCE.toPayloads("once").orElseThrow())
        .setRequestId(UUID.randomUUID().toString())
        .build();
  }

  @Plays
  static void aRepeatedSignalIsTakenOnce(Scenario s) throws Exception {
    Run run = s.start(Plain.Collector.class);
    SignalWorkflowExecutionRequest request = once(s);
    s.raw().signalWorkflowExecution(request);
    s.raw().signalWorkflowExecution(request);
    s.give(s.id(), "end");
    s.worker();
    equal(s.collected(run), List.of("once", "end"));
    s.assertHistory(
        run, WAITING + ", WorkflowExecutionSignaled*2, WorkflowTaskStarted, WorkflowTaskCompleted" + COMPLETED);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aQueryAnswersForOpenAndClosedWorkflows(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Collector.class);
    equal(s.words(s.id()), List.of());
    s.give(s.id(), "one");
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 2);
    equal(s.words(s.id()), List.of("one"));
    s.give(s.id(), "end");
    equal(s.collected(run), List.of("one", "end"));
    // A closed workflow is replayed to be asked.
    equal(s.words(s.id()), List.of("one", "end"));
    s.refused(Code.INVALID_ARGUMENT, () -> s.handle(s.id()).query("weight", String.class));
    s.refused(Code.NOT_FOUND, () -> s.words(s.id("absent")));
    s.assertHistory(run, THREE_TASKS);
  }

  @Plays
  static void aQueryCanBeRejectedByStatus(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Collector.class);
    equal(ask(s, QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN), List.of());
    s.give(s.id(), "end");
    equal(s.collected(run), List.of("end"));
    try {
      ask(s, QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN);
      throw new Failed("the query was answered");
    } catch (WorkflowQueryConditionallyRejectedException rejected) {
      s.same("status", rejected.getWorkflowExecutionStatus().name());
    }
    equal(ask(s, QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY), List.of("end"));
    s.assertHistory(run, TWO_TASKS);
    s.refusesLateSignal(s.id());
  }

  private static List<String> ask(Scenario s, QueryRejectCondition condition) {
    return List.of(
        s.connection().rejecting(condition).newUntypedWorkflowStub(s.id()).query("words", String[].class));
  }
}
