package weft.conformance.harness;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.temporal.api.workflowservice.v1.GetSystemInfoRequest;
import io.temporal.api.workflowservice.v1.WorkflowServiceGrpc.WorkflowServiceBlockingStub;
import io.temporal.client.WorkflowClient;
import io.temporal.worker.WorkerFactoryOptions;
import io.temporal.worker.WorkerOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntFunction;
import weft.conformance.work.Hang;

/** What one scenario holds in its hands: names, servers, workers, waiting; {@link Calls} are what it asks. */
public final class Scenario extends Calls {
  private static final long PATIENCE_MS = 30_000;
  private static final long LOOK_MS = 30;
  private static final int CALL_SECONDS = 30;

  private final Suite suite;
  private final String name;
  private final String nonce = UUID.randomUUID().toString().substring(0, 8);
  private final Deque<AutoCloseable> closers = new ArrayDeque<>();
  private Server own;
  private String address;
  private Connection connection;
  private WorkflowServiceBlockingStub raw;

  Scenario(Suite suite, String name) {
    this.suite = suite;
    this.name = name;
  }

  void open(boolean ownServer) throws Exception {
    address = suite.shared();
    if (ownServer) {
      own = new Server(suite.launch(), true);
      closers.push(own::dispose);
      own.start();
      address = own.address();
    }
    connection = connect("default");
    ManagedChannel channel = Connection.dial(address);
    closers.push(channel::shutdownNow);
    raw = Connection.raw(channel);
  }

  /** Closes all, whatever happens to some. */
  void close() throws Exception {
    Exception first = null;
    while (!closers.isEmpty()) {
      try {
        closers.pop().close();
      } catch (Exception failure) {
        first = first == null ? failure : first;
      }
    }
    if (first != null) {
      throw first;
    }
  }

  // Names

  @Override
  public String id(String suffix) {
    return name + "-" + nonce + (suffix.isEmpty() ? "" : "-" + suffix);
  }

  @Override
  public String queue() {
    return "queue-" + nonce;
  }

  @Override
  String scrub(String text) {
    return text.replace(nonce, "N").replaceAll("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>");
  }

  @Override
  String name() {
    return name;
  }

  @Override
  Suite suite() {
    return suite;
  }

  // Servers

  public String address() {
    return address;
  }

  /** The binary of that name. */
  public Path wfctl() {
    if (suite.launch().wfctlBin() == null) {
      throw new Failed("say with --wfctl-bin which wfctl");
    }
    return suite.launch().wfctlBin();
  }

  /** A connection that ends with the scenario. */
  public Connection connect(String namespace) {
    Connection opened = Connection.to(address, namespace);
    closers.push(opened);
    return opened;
  }

  /** The scenario's own connection. */
  public Connection connection() {
    return connection;
  }

  @Override
  public WorkflowClient client() {
    return connection.workflows();
  }

  @Override
  public WorkflowServiceBlockingStub raw() {
    return raw.withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS);
  }

  /** kill -9 of the scenario's own server, and a new start on the same data. */
  public void restartServer() throws Exception {
    own.kill();
    own.start();
    GetSystemInfoRequest request = GetSystemInfoRequest.getDefaultInstance();
    until(
        "the clients to find the server again",
        () ->
            answers(() -> client().getWorkflowServiceStubs().blockingStub().getSystemInfo(request))
                && answers(() -> raw().getSystemInfo(request)));
  }

  private static boolean answers(Callable<?> call) throws Exception {
    return unless(Status.Code.UNAVAILABLE, call).isPresent();
  }

  /** What a call without an SDK gives, asked again for as long as the server has too much to do. */
  public <T> T inTurn(Callable<T> call) throws Exception {
    AtomicReference<T> answer = new AtomicReference<>();
    until(
        "its turn",
        () -> {
          Optional<T> given = unless(Status.Code.RESOURCE_EXHAUSTED, call);
          given.ifPresent(answer::set);
          return given.isPresent();
        });
    return answer.get();
  }

  /** What the call gives; nothing if it is refused with this code. */
  private static <T> Optional<T> unless(Status.Code code, Callable<T> call) throws Exception {
    try {
      return Optional.of(call.call());
    } catch (RuntimeException failure) {
      if (codeOf(failure) == code) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  // Workers

  /** A worker with a connection of its own. Like all, it ends with the scenario at the latest. */
  public SuiteWorker worker() {
    return workerOn(connect("default"));
  }

  /** One on this connection. */
  public SuiteWorker workerOn(Connection on) {
    return start(on, SuiteWorker.patient().build(), WorkerFactoryOptions.getDefaultInstance());
  }

  /** One with other options than most; see {@link SuiteWorker#patient}. */
  public SuiteWorker workerWith(WorkerOptions options) {
    return start(connect("default"), options, WorkerFactoryOptions.getDefaultInstance());
  }

  /** One that keeps so many workflows. */
  public SuiteWorker workerWithCache(int size) {
    WorkerFactoryOptions all = WorkerFactoryOptions.newBuilder().setWorkflowCacheSize(size).build();
    return start(connect("default"), SuiteWorker.patient().build(), all);
  }

  private SuiteWorker start(Connection on, WorkerOptions options, WorkerFactoryOptions all) {
    SuiteWorker worker = new SuiteWorker(on.workflows(), queue(), options, all);
    closers.push(worker);
    worker.start();
    return worker;
  }

  /** A worker process that will be killed; `hang` is what it does not come back from. */
  public WorkerProcess doomedWorker(Hang hang) throws IOException {
    WorkerProcess process = new WorkerProcess(address, queue(), hang);
    closers.push(process);
    return process;
  }

  // Doing and waiting

  /** Does so many things at once; what they give is in their order, and the first failure ends the scenario. */
  public <T> List<T> sideBySide(int count, IntFunction<T> make) throws Exception {
    List<Future<T>> futures = new ArrayList<>();
    for (int n = 0; n < count; n++) {
      int which = n;
      futures.add(suite.elsewhere(() -> make.apply(which)));
    }
    List<T> made = new ArrayList<>();
    for (Future<T> each : futures) {
      made.add(finished(each));
    }
    return made;
  }

  /** Goes on beside the scenario. */
  public <T> Future<T> meanwhile(Callable<T> work) {
    return suite.elsewhere(work);
  }

  /** What that came to. */
  public static <T> T finished(Future<T> work) throws Exception {
    try {
      return work.get();
    } catch (ExecutionException failure) {
      throw failure.getCause() instanceof Exception cause ? cause : failure;
    }
  }

  /** Asks until the condition holds. */
  public void until(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.currentTimeMillis() + PATIENCE_MS;
    while (!condition.call()) {
      if (System.currentTimeMillis() > deadline) {
        throw new Failed("still waiting after " + PATIENCE_MS + " ms for " + what);
      }
      Thread.sleep(LOOK_MS);
    }
  }

  /** Waits until the history holds so many events of that type. */
  public void untilEvent(String id, String event, int count) throws Exception {
    until(event + " number " + count + " of " + id, () -> has(id, event, count));
  }

  private boolean has(String id, String event, int count) throws Exception {
    return unless(Status.Code.NOT_FOUND, () -> events(id, ""))
        .filter(events -> Histories.count(events, event) >= count)
        .isPresent();
  }

  /** Ends the scenario if the two differ. */
  public static void equal(Object got, Object wanted) {
    if (!Objects.equals(got, wanted)) {
      throw new Failed(got + " instead of " + wanted);
    }
  }
}
