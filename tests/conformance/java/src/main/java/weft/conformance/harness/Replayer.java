package weft.conformance.harness;

import io.temporal.api.history.v1.History;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.common.WorkflowExecutionHistory;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import java.util.List;
import weft.conformance.work.Signs;
import weft.conformance.work.Work;

/** The SDK's own replayer: a worker that polls nothing. */
final class Replayer implements AutoCloseable {
  private final Connection nowhere;
  private final WorkerFactory factory;
  private final Worker worker;

  Replayer(String address) {
    nowhere = Connection.to(address, "default");
    factory = WorkerFactory.newInstance(nowhere.workflows());
    worker = factory.newWorker("replays", SuiteWorker.patient().build());
    Work.register(worker, new Signs());
  }

  /**
   * Fails if the code would not do what the history says.
   *
   * <p>A history without a completed task holds nothing to replay. A termination, which no code decides, is left out:
   * it is the one end that this SDK's replayer does not know.
   */
  void replay(History history) throws Exception {
    List<HistoryEvent> events = history.getEventsList();
    if (events.get(events.size() - 1).hasWorkflowExecutionTerminatedEventAttributes()) {
      events = events.subList(0, events.size() - 1);
    }
    if (Histories.count(events, "WorkflowTaskCompleted") > 0) {
      worker.replayWorkflowExecution(
          new WorkflowExecutionHistory(History.newBuilder().addAllEvents(events).build()));
    }
  }

  @Override
  public void close() {
    factory.shutdownNow();
    nowhere.close();
  }
}
