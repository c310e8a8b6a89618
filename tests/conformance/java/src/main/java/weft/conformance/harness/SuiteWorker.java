package weft.conformance.harness;

import io.temporal.client.WorkflowClient;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerFactoryOptions;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import weft.conformance.work.Signs;
import weft.conformance.work.Work;

/** A worker of this process that knows every workflow and every activity of the suite. */
public final class SuiteWorker implements AutoCloseable {
  private static final int STOP_SECONDS = 5;

  private final WorkerFactory factory;
  private final Signs signs = new Signs();

  /** Makes a worker that is not started yet. */
  public SuiteWorker(WorkflowClient client, String queue, WorkerOptions options, WorkerFactoryOptions all) {
    factory = WorkerFactory.newInstance(client, all);
    Work.register(factory.newWorker(queue, options), signs);
  }

  /** Options of one that takes no busy machine for a workflow that is stuck. */
  public static WorkerOptions.Builder patient() {
    return WorkerOptions.newBuilder().setDefaultDeadlockDetectionTimeout(Duration.ofHours(1).toMillis());
  }

  /** What its activities show, and what they wait for. */
  public Signs signs() {
    return signs;
  }

  /** Fails if there is no such namespace. */
  public void start() {
    factory.start();
  }

  /** Ends it; a second time does nothing. */
  @Override
  public void close() {
    signs.release();
    factory.shutdownNow();
    factory.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS);
  }
}
