package weft.conformance.work;

import io.temporal.activity.ActivityCancellationType;
import io.temporal.activity.ActivityOptions;
import io.temporal.common.RetryOptions;
import java.time.Duration;

/** One activity with its options; times in milliseconds, 0 for none. Travels as JSON, so its fields are open. */
public final class Errand {
  public String deed;
  public String word;
  public int scheduleToClose;
  public int scheduleToStart;
  public int startToClose = 30_000;
  public int heartbeat;
  public int retryAfter = 100;
  public int attemptsMax;
  public String[] nonRetryable = {};
  public String queue;

  /** Wait until the activity has ended when the workflow is cancelled, then clean up. */
  public boolean cleansUp;

  /** For JSON. */
  public Errand() {}

  /** An errand with the options that most scenarios want. */
  public Errand(String deed, String word) {
    this.deed = deed;
    this.word = word;
  }

  ActivityOptions options() {
    ActivityOptions.Builder options =
        ActivityOptions.newBuilder()
            .setCancellationType(
                cleansUp
                    ? ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
                    : ActivityCancellationType.TRY_CANCEL)
            .setRetryOptions(
                RetryOptions.newBuilder()
                    .setInitialInterval(Duration.ofMillis(retryAfter))
                    .setMaximumAttempts(attemptsMax)
                    .setDoNotRetry(nonRetryable)
                    .build())
            .setSummary("an errand");
    if (queue != null) {
      options.setTaskQueue(queue);
    }
    if (scheduleToClose > 0) {
      options.setScheduleToCloseTimeout(Duration.ofMillis(scheduleToClose));
    }
    if (scheduleToStart > 0) {
      options.setScheduleToStartTimeout(Duration.ofMillis(scheduleToStart));
    }
    if (startToClose > 0) {
      options.setStartToCloseTimeout(Duration.ofMillis(startToClose));
    }
    if (heartbeat > 0) {
      options.setHeartbeatTimeout(Duration.ofMillis(heartbeat));
    }
    return options.build();
  }
}
