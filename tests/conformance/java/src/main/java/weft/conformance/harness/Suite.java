package weft.conformance.harness;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.temporal.api.history.v1.History;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/**
 * One run of all scenarios, side by side: most wait for timers, so one after the other would take many times longer
 * than the work does. A scenario that does not end in time fails.
 */
public final class Suite implements AutoCloseable {
  private static final int SCENARIO_SECONDS = 90;
  private static final int AT_ONCE = 8;
  private static final int CRASHING_AT_ONCE = 2;
  private static final int SLOWEST = 6;

  private final Launch launch;
  private final Recording recording;
  private final Server server;
  private final Replayer replayer;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            return thread;
          });
  private final Map<Needs, Semaphore> slots =
      Map.of(
          Needs.SHARED_SERVER, new Semaphore(AT_ONCE),
          Needs.OWN_SERVER, new Semaphore(CRASHING_AT_ONCE),
          Needs.QUIET, new Semaphore(1));

  private record Outcome(String name, long millis, Throwable failure) {
    boolean passed() {
      return failure == null;
    }
  }

  /** Makes ready what all scenarios share; recordings are kept in that folder. */
  public Suite(Launch launch, Path folder) throws IOException, InterruptedException {
    this.launch = launch;
    recording = new Recording(folder.resolve("recorded.json"), launch.record());
    server = launch.address() == null ? new Server(launch, false) : null;
    if (server != null) {
      server.start();
    }
    replayer = new Replayer(shared());
  }

  @Override
  public void close() throws IOException, InterruptedException {
    replayer.close();
    if (server != null) {
      server.dispose();
    }
  }

  /** True if every scenario that was asked for passed. */
  public boolean run(List<Entry> all) throws Exception {
    List<Entry> entries = all.stream().filter(each -> launch.wants(each.name())).toList();
    if (entries.isEmpty()) {
      throw new IllegalArgumentException("no scenario has such a name");
    }
    List<Outcome> outcomes = new ArrayList<>();
    for (boolean quiet : new boolean[] {false, true}) {
      List<Future<Outcome>> playing = new ArrayList<>();
      for (Entry entry : entries) {
        if ((entry.needs() == Needs.QUIET) == quiet) {
          playing.add(threads.submit(() -> inTurn(entry)));
        }
      }
      for (Future<Outcome> each : playing) {
        outcomes.add(each.get());
      }
    }
    recording.save(outcomes.stream().filter(Outcome::passed).map(Outcome::name).collect(Collectors.toSet()));
    report(outcomes);
    return outcomes.stream().allMatch(Outcome::passed);
  }

  Launch launch() {
    return launch;
  }

  Recording recording() {
    return recording;
  }

  /** The address of the server that most scenarios share. */
  String shared() {
    return server == null ? launch.address() : server.address();
  }

  <T> Future<T> elsewhere(Callable<T> work) {
    return threads.submit(work);
  }

  // One at a time: they take turns with one worker.
  synchronized void replay(History history) throws Exception {
    replayer.replay(history);
  }

  private Outcome inTurn(Entry entry) throws InterruptedException {
    Semaphore slot = slots.get(entry.needs());
    slot.acquire();
    try {
      long began = System.nanoTime();
      Throwable failure = play(entry);
      Outcome outcome =
          new Outcome(entry.name(), TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began), failure);
      if (failure != null) {
        complain(outcome);
      }
      return outcome;
    } finally {
      slot.release();
    }
  }

  private Throwable play(Entry entry) throws InterruptedException {
    Scenario scenario = new Scenario(this, entry.name());
    Future<Throwable> playing = threads.submit(() -> attempt(entry, scenario));
    try {
      return playing.get(SCENARIO_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException late) {
      playing.cancel(true);
      return new Failed("did not end in " + SCENARIO_SECONDS + " s");
    } catch (ExecutionException failure) {
      return failure.getCause();
    }
  }

  private static Throwable attempt(Entry entry, Scenario scenario) throws Exception {
    try {
      scenario.open(entry.needs() == Needs.OWN_SERVER);
      entry.body().play(scenario);
      scenario.assertComplete();
      return null;
    } catch (Throwable failure) {
      return failure;
    } finally {
      scenario.close();
    }
  }

  private static synchronized void complain(Outcome outcome) {
    System.err.println("FAILED " + outcome.name());
    outcome.failure().printStackTrace();
  }

  private void report(List<Outcome> outcomes) throws IOException {
    String slowest =
        outcomes.stream()
            .sorted(Comparator.comparingLong(Outcome::millis).reversed())
            .limit(SLOWEST)
            .map(each -> "%s %.1f s".formatted(each.name(), each.millis() / 1000.0))
            .collect(Collectors.joining(", "));
    long passed = outcomes.stream().filter(Outcome::passed).count();
    System.out.println("slowest: " + slowest);
    System.out.println(passed + " passed, " + (outcomes.size() - passed) + " failed");
    if (launch.results() != null) {
      Map<String, String> results = new TreeMap<>();
      outcomes.forEach(each -> results.put(each.name(), each.passed() ? "pass" : reason(each.failure())));
      Files.writeString(launch.results(), new ObjectMapper().writeValueAsString(results) + "\n");
    }
  }

  private static String reason(Throwable failure) {
    String text = failure instanceof Failed ? failure.getMessage() : failure.toString();
    return text.lines().findFirst().orElse("failed");
  }
}
