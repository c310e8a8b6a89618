package weft.conformance.harness;

import io.temporal.worker.WorkerFactoryOptions;
import io.temporal.worker.WorkerOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import weft.conformance.Main;
import weft.conformance.work.Hang;

/** A worker process; killed at the latest when its scenario ends. */
public final class WorkerProcess implements AutoCloseable {
  /** The command that makes a process one. */
  public static final String COMMAND = "work";

  private final Process process;

  WorkerProcess(String address, String queue, Hang hang) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName(),
            COMMAND,
            address,
            queue,
            hang.name());
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.INHERIT);
    process = Processes.start(builder);
  }

  /** kill -9. */
  public void kill() throws InterruptedException {
    Processes.kill(process);
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }

  /** Turns this process into a worker, which ends only by being killed. */
  public static void be(List<String> orders) throws InterruptedException {
    Hang.in(Hang.valueOf(orders.get(2)));
    // For so long others wait for its sticky queue when it is dead.
    WorkerOptions options =
        SuiteWorker.patient().setStickyQueueScheduleToStartTimeout(Duration.ofSeconds(1)).build();
    Connection connection = Connection.to(orders.get(0), "default");
    new SuiteWorker(
            connection.workflows(), orders.get(1), options, WorkerFactoryOptions.getDefaultInstance())
        .start();
    Thread.currentThread().join();
  }
}
