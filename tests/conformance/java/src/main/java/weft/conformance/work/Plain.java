package weft.conformance.work;

import io.temporal.common.SearchAttributeKey;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.TimerOptions;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import io.temporal.workflow.unsafe.WorkflowUnsafe;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Workflows that run no activity. */
public final class Plain {
  /** A search attribute that every server has. */
  public static final SearchAttributeKey<String> BATCHER_USER = SearchAttributeKey.forKeyword("BatcherUser");

  private Plain() {}

  /** Greets. */
  @WorkflowInterface
  public interface Greeter {
    @WorkflowMethod
    String greet(String name);
  }

  public static final class GreeterCode implements Greeter {
    @Override
    public String greet(String name) {
      return "Hello, " + name + "!";
    }
  }

  /** Keeps its first task for ever in a worker process that is to be killed here. */
  @WorkflowInterface
  public interface Thinker {
    @WorkflowMethod
    String think();
  }

  public static final class ThinkerCode implements Thinker {
    @Override
    public String think() {
      if (Hang.is(Hang.WORKFLOW)) {
        Hang.forever();
      }
      return "thought";
    }
  }

  /** Fails until the run's attempt with this number; type `Planned`. */
  @WorkflowInterface
  public interface Flaky {
    @WorkflowMethod
    String go(int attempt);
  }

  public static final class FlakyCode implements Flaky {
    @Override
    public String go(int attempt) {
      int now = Workflow.getInfo().getAttempt();
      if (now < attempt) {
        throw ApplicationFailure.newFailure("run " + now + " fails", "Planned");
      }
      return "run " + now;
    }
  }

  /** Counts in runs: each goes on as new until the second number is reached. */
  @WorkflowInterface
  public interface Relay {
    @WorkflowMethod
    int count(int now, int last);
  }

  public static final class RelayCode implements Relay {
    @Override
    public int count(int now, int last) {
      if (now < last) {
        Workflow.continueAsNew(now + 1, last);
      }
      return now;
    }
  }

  /** Fails the first task of each workflow, and none after it. */
  @WorkflowInterface
  public interface Clumsy {
    @WorkflowMethod
    String stand();
  }

  public static final class ClumsyCode implements Clumsy {
    // Workflows that have failed a task: outside of what a workflow may know, as a fault in its code would be.
    private static final Set<String> FELL = ConcurrentHashMap.newKeySet();

    @Override
    public String stand() {
      boolean first = FELL.add(Workflow.getInfo().getWorkflowId());
      if (first && !WorkflowUnsafe.isReplaying()) {
        throw new IllegalStateException("fell over");
      }
      return "stood up";
    }
  }

  /** What a labeller saw before it changed them. */
  public record Labels(String user, String colour) {}

  /** Changes its memo and a search attribute. */
  @WorkflowInterface
  public interface Labeller {
    @WorkflowMethod
    Labels label();
  }

  public static final class LabellerCode implements Labeller {
    @Override
    public Labels label() {
      String user = Workflow.getTypedSearchAttributes().get(BATCHER_USER);
      Labels before = new Labels(user, Workflow.getMemo("colour", String.class, String.class));
      Map<String, Object> memo = new HashMap<>();
      memo.put("colour", "red");
      memo.put("size", null);
      Workflow.upsertMemo(memo);
      Workflow.upsertTypedSearchAttributes(BATCHER_USER.valueSet("somebody else"));
      return before;
    }
  }

  /** Asks which version of its code to run. */
  @WorkflowInterface
  public interface Patched {
    @WorkflowMethod
    String go();
  }

  public static final class PatchedCode implements Patched {
    @Override
    public String go() {
      int version = Workflow.getVersion("better", Workflow.DEFAULT_VERSION, 1);
      return version == Workflow.DEFAULT_VERSION ? "the old way" : "the better way";
    }
  }

  /** Writes so many pages into its history, then waits for `end`. */
  @WorkflowInterface
  public interface Scribe {
    @WorkflowMethod
    int write(int pages);

    @SignalMethod
    void end();
  }

  public static final class ScribeCode implements Scribe {
    private boolean ended;

    @Override
    public int write(int pages) {
      for (int page = 0; page < pages; page++) {
        Workflow.upsertMemo(Map.of("page", page));
      }
      Workflow.await(() -> ended);
      return pages;
    }

    @Override
    public void end() {
      ended = true;
    }
  }

  /** Collects words until the word `end`, which it keeps too. */
  @WorkflowInterface
  public interface Collector {
    @WorkflowMethod
    List<String> collect();

    @SignalMethod
    void give(String word);

    @QueryMethod
    List<String> words();
  }

  public static final class CollectorCode implements Collector {
    private final List<String> words = new ArrayList<>();

    @Override
    public List<String> collect() {
      Workflow.await(() -> words.contains("end"));
      return words;
    }

    @Override
    public void give(String word) {
      words.add(word);
    }

    @Override
    public List<String> words() {
      return words;
    }
  }

  /** Sleeps so many milliseconds. */
  @WorkflowInterface
  public interface Sleeper {
    @WorkflowMethod
    String sleep(int pause);
  }

  public static final class SleeperCode implements Sleeper {
    @Override
    public String sleep(int pause) {
      TimerOptions nap = TimerOptions.newBuilder().setSummary("a nap").build();
      Workflow.newTimer(Duration.ofMillis(pause), nap).get();
      return "slept";
    }
  }

  /** Lets two timers run; the one that loses is cancelled. */
  @WorkflowInterface
  public interface Race {
    @WorkflowMethod
    String run();
  }

  public static final class RaceCode implements Race {
    private Promise<Void> slow;

    @Override
    public String run() {
      CancellationScope cancellable =
          Workflow.newCancellationScope(() -> slow = Workflow.newTimer(Duration.ofMinutes(10)));
      cancellable.run();
      Promise<Void> fast = Workflow.newTimer(Duration.ofMillis(100));
      Promise.anyOf(slow, fast).get();
      String winner = fast.isCompleted() ? "fast" : "slow";
      cancellable.cancel();
      return winner + " wins, the other is " + end(slow);
    }

    private static String end(Promise<Void> timer) {
      try {
        timer.get();
        return "done";
      } catch (CanceledFailure cancelled) {
        return "cancelled";
      }
    }
  }
}
