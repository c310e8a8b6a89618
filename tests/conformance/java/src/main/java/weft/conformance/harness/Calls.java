package weft.conformance.harness;

import com.google.protobuf.Any;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.history.v1.History;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryRequest;
import io.temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryResponse;
import io.temporal.api.workflowservice.v1.WorkflowServiceGrpc.WorkflowServiceBlockingStub;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowServiceException;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowTargetOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What a scenario asks of its server, and what it asserts of the answers.
 *
 * <p>A scenario that asserted no history or no refusal has not done its work and fails.
 */
public abstract sealed class Calls permits Scenario {
  private static final int RESULT_SECONDS = 80;

  private int histories;
  private int refusals;

  abstract String name();

  abstract Suite suite();

  /** A text without what differs from run to run. */
  abstract String scrub(String text);

  /** A workflow id that no other scenario and no earlier run of this one has used. */
  public abstract String id(String suffix);

  /** The scenario's own task queue. */
  public abstract String queue();

  /** The SDK's client of the scenario's connection. */
  public abstract WorkflowClient client();

  /** The public API without an SDK. */
  public abstract WorkflowServiceBlockingStub raw();

  /** The id of the scenario's first workflow. */
  public String id() {
    return id("");
  }

  void assertComplete() {
    suite().recording().compare(name());
    if (histories == 0 || refusals == 0) {
      throw new Failed(
          "this scenario asserts %d histories and %d refusals: at least one of each".formatted(histories, refusals));
    }
  }

  // Starting

  /** Options of a workflow that is to be started. */
  public WorkflowOptions.Builder options(String suffix) {
    return WorkflowOptions.newBuilder().setWorkflowId(id(suffix)).setTaskQueue(queue());
  }

  /** Starts the scenario's workflow, of the type that this interface names. */
  public Run start(Class<?> workflow, Object... args) {
    return start(options(""), workflow, args);
  }

  /** Starts a workflow with other options than most; an id that is taken is an error. */
  public Run start(WorkflowOptions.Builder options, Class<?> workflow, Object... args) {
    return Run.of(stub(options, workflow).start(args));
  }

  /** Starts one, or joins or takes over what runs. */
  public Run start(WorkflowIdConflictPolicy policy, Class<?> workflow, Object... args) {
    return start(options("").setWorkflowIdConflictPolicy(policy), workflow, args);
  }

  /** For starts of other kinds. */
  public WorkflowStub stub(WorkflowOptions.Builder options, Class<?> workflow) {
    return client().newUntypedWorkflowStub(workflow.getSimpleName(), options.build());
  }

  // Workflows that are there

  /** A handle of the latest run. */
  public WorkflowStub handle(String id) {
    return client().newUntypedWorkflowStub(id);
  }

  private WorkflowStub handle(Run run) {
    String runId = run.runId().isEmpty() ? null : run.runId();
    return client()
        .newUntypedWorkflowStub(
            WorkflowTargetOptions.newBuilder().setWorkflowId(run.id()).setRunId(runId).build());
  }

  /** Signals a word to a collector. */
  public void give(String id, String word) {
    handle(id).signal("give", word);
  }

  /** The result of a workflow that completes. Asks again where the SDK gives up because the server is away too long. */
  public <T> T result(Run run, Class<T> type) {
    while (true) {
      try {
        return handle(run).getResult(RESULT_SECONDS, TimeUnit.SECONDS, type);
      } catch (TimeoutException late) {
        throw new Failed("no result after " + RESULT_SECONDS + " s");
      } catch (WorkflowServiceException failure) {
        if (codeOf(failure) != Status.Code.UNAVAILABLE) {
          throw failure;
        }
      }
    }
  }

  /** The result of a collector. */
  public List<String> collected(Run run) {
    return Arrays.asList(result(run, String[].class));
  }

  /** The words of a collector, by query. */
  public List<String> words(String id) {
    return Arrays.asList(handle(id).query("words", String[].class));
  }

  /** How a workflow that does not complete ended, as the SDK tells it. */
  public WorkflowFailedException failureOf(Run run) {
    try {
      Object result = result(run, Object.class);
      throw new Failed("the workflow completed with " + result);
    } catch (WorkflowFailedException failure) {
      return failure;
    }
  }

  /** Describes the latest run. */
  public DescribeWorkflowExecutionResponse describe(String id) {
    return handle(id).describe().getRawDescription();
  }

  /** The whole history, page by page. */
  public List<HistoryEvent> events(String id, String runId) {
    List<HistoryEvent> events = new ArrayList<>();
    GetWorkflowExecutionHistoryRequest.Builder request =
        GetWorkflowExecutionHistoryRequest.newBuilder()
            .setNamespace("default")
            .setExecution(new Run(id, runId).execution());
    do {
      GetWorkflowExecutionHistoryResponse page = raw().getWorkflowExecutionHistory(request.build());
      events.addAll(page.getHistory().getEventsList());
      request.setNextPageToken(page.getNextPageToken());
    } while (!request.getNextPageToken().isEmpty());
    return events;
  }

  // Assertions

  /** Asserts the exact sequence of event types; the SDK's replayer must accept the history too. */
  public List<HistoryEvent> assertHistory(Run run, String expected) throws Exception {
    List<HistoryEvent> events = assertEvents(run, expected);
    replay(History.newBuilder().addAllEvents(events).build());
    histories++;
    return events;
  }

  /** Fails if the SDK's replayer does not accept the history. */
  public void replay(History history) throws Exception {
    suite().replay(history);
  }

  /** Asserts the sequence of event types, and that the history is sound. */
  public List<HistoryEvent> assertEvents(Run run, String expected) {
    List<HistoryEvent> events = events(run.id(), run.runId());
    Histories.checkTypes(events, expected);
    Histories.checkSound(events);
    return events;
  }

  /** Asserts that the call fails with this code; text and details are those that Temporal's server gave. */
  public void refused(Status.Code code, Callable<?> call) throws Exception {
    refusal(code, call, true);
  }

  /** The same where Temporal's text speaks of its own insides and another one may say it better. */
  public void refusedInItsWords(Status.Code code, Callable<?> call) throws Exception {
    refusal(code, call, false);
  }

  private void refusal(Status.Code code, Callable<?> call, boolean words) throws Exception {
    StatusRuntimeException refusal = refusalOf(code, call);
    List<String> details = new ArrayList<>();
    for (Any detail : StatusProto.fromThrowable(refusal).getDetailsList()) {
      details.add(detail.getTypeUrl().substring(detail.getTypeUrl().lastIndexOf('/') + 1));
    }
    String message = refusal.getStatus().getDescription();
    Map<String, Object> fact = new HashMap<>();
    fact.put("code", code.name());
    fact.put("details", details);
    fact.put("message", words && message != null ? scrub(message) : null);
    refusals++;
    same("refusal " + refusals, fact);
  }

  private static StatusRuntimeException refusalOf(Status.Code code, Callable<?> call) throws Exception {
    try {
      call.call();
    } catch (RuntimeException failure) {
      if (codeOf(failure) == code) {
        return as(StatusRuntimeException.class, failure);
      }
      throw failure;
    }
    throw new Failed("the call was answered: it should be refused with " + code);
  }

  /** The code with which a server refused a call; null if this failure is something else. */
  static Status.Code codeOf(Throwable failure) {
    return find(StatusRuntimeException.class, failure).map(each -> each.getStatus().getCode()).orElse(null);
  }

  /** What most scenarios end with: nothing can be said to a workflow that has closed. */
  public void refusesLateSignal(String id) throws Exception {
    refused(
        Status.Code.NOT_FOUND,
        () -> {
          handle(id).signal("late");
          return null;
        });
  }

  /** Asserts that the fact is what was recorded from Temporal's server under this label. */
  public void same(String label, Object fact) throws Exception {
    suite().recording().note(name(), label, fact);
  }

  /** The failure of this type among the causes. */
  public static <E extends Throwable> E as(Class<E> type, Throwable failure) {
    return find(type, failure).orElseThrow(() -> new Failed("no " + type.getSimpleName() + " in " + failure));
  }

  private static <E extends Throwable> Optional<E> find(Class<E> type, Throwable failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (type.isInstance(each)) {
        return Optional.of(type.cast(each));
      }
    }
    return Optional.empty();
  }
}
