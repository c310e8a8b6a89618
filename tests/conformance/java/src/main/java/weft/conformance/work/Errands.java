package weft.conformance.work;

import io.temporal.activity.LocalActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;

/** Workflows that run activities. */
public final class Errands {
  private Errands() {}

  static String run(Errand errand) {
    return Workflow.newUntypedActivityStub(errand.options()).execute(errand.deed, String.class, errand.word);
  }

  /** Runs one activity and ends as it ends. */
  @WorkflowInterface
  public interface Runner {
    @WorkflowMethod
    String go(Errand errand);
  }

  public static final class RunnerCode implements Runner {
    private String cleaned;

    @Override
    public String go(Errand errand) {
      try {
        return run(errand);
      } catch (ActivityFailure failure) {
        if (!(failure.getCause() instanceof CanceledFailure cancelled)) {
          throw failure;
        }
        if (!errand.cleansUp) {
          throw cancelled;
        }
        CancellationScope apart =
            Workflow.newDetachedCancellationScope(() -> cleaned = run(new Errand("Echo", "cleaned up")));
        apart.run();
        return cleaned;
      }
    }
  }

  /** Runs an activity, a timer of so many milliseconds, another activity. */
  @WorkflowInterface
  public interface Tour {
    @WorkflowMethod
    String go(int number, int pause);
  }

  public static final class TourCode implements Tour {
    @Override
    public String go(int number, int pause) {
      String first = run(new Errand("Echo", "there " + number));
      Workflow.sleep(pause);
      return first + ", " + run(new Errand("Echo", "back " + number));
    }
  }

  /** One local activity; a retry that waits longer than a workflow task may take waits in a timer instead. */
  public record LocalPlan(String deed, String word, int retryAfter) {}

  /** Runs an activity in its own worker. */
  @WorkflowInterface
  public interface LocalRunner {
    @WorkflowMethod
    String go(LocalPlan plan);
  }

  public static final class LocalRunnerCode implements LocalRunner {
    @Override
    public String go(LocalPlan plan) {
      RetryOptions retries =
          RetryOptions.newBuilder().setInitialInterval(Duration.ofMillis(plan.retryAfter())).build();
      // The SDK retries a local activity only if it is told for how long, or how often.
      LocalActivityOptions options =
          LocalActivityOptions.newBuilder()
              .setScheduleToCloseTimeout(Duration.ofMinutes(2))
              .setStartToCloseTimeout(Duration.ofMinutes(1))
              .setLocalRetryThreshold(Duration.ofSeconds(1))
              .setRetryOptions(retries)
              .build();
      return Workflow.newUntypedLocalActivityStub(options).execute(plan.deed(), String.class, plan.word());
    }
  }
}
