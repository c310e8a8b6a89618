package weft.conformance.harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * A server process of our own. A start after a kill is a restart on the same data and the same port.
 *
 * <p>It listens on loopback only, dies by SIGKILL, and writes into a temporary directory that goes away with it.
 */
final class Server {
  private static final long READY_MS = 60_000;
  private static final long LOOK_MS = 20;
  private static final int TAIL_LINES = 40;

  private final Launch launch;
  private final boolean toBeKilled;
  private final Path directory;
  private int port;
  private int starts;
  private Process process;

  /** A server that is not to be killed may keep its data in memory. */
  Server(Launch launch, boolean toBeKilled) throws IOException {
    if (launch.address() != null) {
      throw new Failed("this scenario kills its server: use --server-bin or --oracle-bin");
    }
    this.launch = launch;
    this.toBeKilled = toBeKilled;
    this.directory = Files.createTempDirectory("weft-conformance-");
    if (launch.oracleBin() != null) {
      port = freePort();
    }
  }

  String address() {
    return "127.0.0.1:" + port;
  }

  void start() throws IOException, InterruptedException {
    starts++;
    File log = directory.resolve("server.log").toFile();
    ProcessBuilder builder = new ProcessBuilder(command()).redirectErrorStream(true);
    process = Processes.start(builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log)));
    long deadline = System.currentTimeMillis() + READY_MS;
    while (!isReady()) {
      if (!process.isAlive()) {
        throw new Failed("the server ended while starting:\n" + tail(log.toPath()));
      }
      if (System.currentTimeMillis() > deadline) {
        throw new Failed("no server after " + READY_MS + " ms:\n" + tail(log.toPath()));
      }
      Thread.sleep(LOOK_MS);
    }
  }

  void kill() throws InterruptedException {
    Processes.kill(process);
  }

  /** It may be dead already, or may never have lived; either way nothing of it is left. */
  void dispose() throws IOException, InterruptedException {
    if (process != null) {
      kill();
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private List<String> command() {
    if (launch.oracleBin() == null) {
      return List.of(
          launch.serverBin().toString(),
          "--data-dir",
          directory.resolve("data").toString(),
          "--listen",
          address(),
          "--ready-file",
          readyFile().toString(),
          "--metrics-listen",
          "127.0.0.1:0");
    }
    List<String> command = new ArrayList<>();
    command.add(launch.oracleBin().toString());
    command.addAll(List.of("server", "start-dev", "--headless", "--log-level", "error", "--port", "" + port));
    if (toBeKilled) {
      // A killed process loses nothing that it wrote to its file, so the file need not be synced.
      command.addAll(List.of("--db-filename", directory.resolve("temporal.db").toString()));
      command.addAll(List.of("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=OFF"));
    }
    return command;
  }

  private Path readyFile() {
    return directory.resolve("ready-" + starts + ".json");
  }

  private boolean isReady() throws IOException {
    if (launch.oracleBin() != null) {
      // The front end answers before history and matching do: one start proves them all.
      return Connection.probe(address());
    }
    if (!Files.exists(readyFile())) {
      return false;
    }
    String said = new ObjectMapper().readTree(Files.readString(readyFile())).path("address").asText();
    int colon = said.lastIndexOf(':');
    if (colon < 0) {
      return false;
    }
    port = Integer.parseInt(said.substring(colon + 1));
    return true;
  }

  private static String tail(Path log) throws IOException {
    List<String> lines = Files.readAllLines(log);
    return String.join("\n", lines.subList(Math.max(0, lines.size() - TAIL_LINES), lines.size()));
  }
}
