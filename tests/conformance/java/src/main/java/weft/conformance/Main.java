package weft.conformance;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import weft.conformance.harness.Launch;
import weft.conformance.harness.Suite;
import weft.conformance.harness.WorkerProcess;
import weft.conformance.scenarios.All;

/**
 * The official Java SDK against a server: every scenario asserts the result, the exact sequence of event types, and a
 * refusal, and passes against Temporal's own dev server too. See README.md one folder up.
 *
 * <p>The same program is the worker process that some scenarios kill.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    List<String> words = Arrays.asList(args);
    if (!words.isEmpty() && words.get(0).equals(WorkerProcess.COMMAND)) {
      WorkerProcess.be(words.subList(1, words.size()));
      return;
    }
    System.exit(runAll(args));
  }

  private static int runAll(String[] args) throws Exception {
    Path folder = Path.of(System.getProperty("weft.conformance.folder", "."));
    try (Suite suite = new Suite(Launch.parse(args), folder)) {
      return suite.run(All.entries()) ? 0 : 1;
    } catch (IllegalArgumentException wrong) {
      System.err.println("the suite could not run: " + wrong.getMessage());
      return 2;
    }
  }
}
