package weft.conformance.harness;

import java.io.IOException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Processes that this one has started: none of them outlives it. */
final class Processes {
  private static final Set<Process> LIVING = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> LIVING.forEach(Process::destroyForcibly)));
  }

  private Processes() {}

  static Process start(ProcessBuilder builder) throws IOException {
    Process process = builder.start();
    LIVING.add(process);
    return process;
  }

  /** SIGKILL, as a crash does: nothing is flushed, nobody is told. */
  static void kill(Process process) throws InterruptedException {
    process.destroyForcibly().waitFor();
    LIVING.remove(process);
  }
}
