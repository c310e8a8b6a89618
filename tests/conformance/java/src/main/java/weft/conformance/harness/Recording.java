package weft.conformance.harness;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What Temporal's own server answered: texts of refusals and other facts too long to type.
 *
 * <p>A run with `--record` against the oracle writes the file; every other run compares with it. A fact that the oracle
 * was never asked for is a failure: a scenario must have passed there first.
 */
final class Recording {
  private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private final Path file;
  private final boolean writes;
  private final Map<String, Map<String, JsonNode>> expected = new TreeMap<>();
  private final Map<String, Map<String, JsonNode>> seen = new TreeMap<>();

  Recording(Path file, boolean writes) throws IOException {
    this.file = file;
    this.writes = writes;
    if (Files.exists(file)) {
      JsonNode recorded = JSON.readTree(Files.readString(file));
      recorded.fields().forEachRemaining(scenario -> expected.put(scenario.getKey(), facts(scenario.getValue())));
    }
  }

  private static Map<String, JsonNode> facts(JsonNode scenario) {
    Map<String, JsonNode> facts = new TreeMap<>();
    scenario.fields().forEachRemaining(fact -> facts.put(fact.getKey(), fact.getValue()));
    return facts;
  }

  /** Keeps what this server said, in the shape that it has in the file. */
  synchronized void note(String scenario, String label, Object fact) throws IOException {
    JsonNode plain = JSON.readTree(JSON.writeValueAsString(fact));
    seen.computeIfAbsent(scenario, ignored -> new TreeMap<>()).put(label, plain);
  }

  /** Tells all differences of a scenario at once, so that one wrong text does not hide the next. */
  synchronized void compare(String scenario) {
    if (writes) {
      return;
    }
    StringBuilder differences = new StringBuilder();
    Map<String, JsonNode> wanted = expected.getOrDefault(scenario, Map.of());
    seen.getOrDefault(scenario, Map.of())
        .forEach(
            (label, fact) -> {
              if (!fact.equals(wanted.get(label))) {
                differences.append("\n").append(label).append(": ").append(oneLine(fact));
                differences.append("\n    Temporal: ").append(oneLine(wanted.get(label)));
              }
            });
    if (!differences.isEmpty()) {
      throw new Failed("not what Temporal answers:" + differences);
    }
  }

  /** Keeps what the scenarios that passed have seen, in place of what they saw before. */
  synchronized void save(Set<String> passed) throws IOException {
    if (!writes) {
      return;
    }
    seen.forEach(
        (scenario, facts) -> {
          if (passed.contains(scenario)) {
            expected.put(scenario, facts);
          }
        });
    Files.writeString(file, JSON.writeValueAsString(expected) + "\n");
  }

  private static String oneLine(JsonNode fact) {
    return fact == null ? "was never asked" : fact.toString();
  }
}
