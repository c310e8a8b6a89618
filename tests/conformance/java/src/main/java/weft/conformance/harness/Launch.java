package weft.conformance.harness;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Which server this run is against, and what else the command line says. Paths that were not given are null. */
public record Launch(
    String address, Path serverBin, Path oracleBin, Path wfctlBin, Path results, boolean record, List<String> words) {

  /** Reads the command line; an {@link IllegalArgumentException} says what is wrong with it. */
  public static Launch parse(String[] args) {
    Map<String, String> given = new HashMap<>();
    List<String> words = new ArrayList<>();
    boolean record = false;
    for (int at = 0; at < args.length; at++) {
      switch (args[at]) {
        case "--record" -> record = true;
        case "-k" -> words.add(value(args, ++at));
        case "--address", "--server-bin", "--oracle-bin", "--wfctl-bin", "--results" ->
            given.put(args[at], value(args, ++at));
        default -> throw new IllegalArgumentException("there is no option " + args[at]);
      }
    }
    if (!given.containsKey("--address") && !given.containsKey("--server-bin") && !given.containsKey("--oracle-bin")) {
      throw new IllegalArgumentException("say which server: --server-bin, --oracle-bin or --address");
    }
    if (record && !given.containsKey("--oracle-bin")) {
      throw new IllegalArgumentException("only the oracle's answers are recorded: --record needs --oracle-bin");
    }
    return new Launch(
        given.get("--address"),
        path(given.get("--server-bin")),
        path(given.get("--oracle-bin")),
        path(given.get("--wfctl-bin")),
        path(given.get("--results")),
        record,
        List.copyOf(words));
  }

  /** Whether a scenario of this name was asked for. */
  boolean wants(String name) {
    return words.isEmpty() || words.stream().anyMatch(name::contains);
  }

  private static String value(String[] args, int at) {
    if (at >= args.length) {
      throw new IllegalArgumentException(args[at - 1] + " needs a value");
    }
    return args[at];
  }

  private static Path path(String text) {
    return text == null ? null : Path.of(text).toAbsolutePath();
  }
}
