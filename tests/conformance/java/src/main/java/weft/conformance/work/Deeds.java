package weft.conformance.work;

import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.activity.ActivityInterface;
import io.temporal.failure.ApplicationFailure;
import java.util.concurrent.TimeUnit;

/** The activities. All take a text and give a text, so that one workflow can be told which to run. */
@ActivityInterface
public interface Deeds {
  /** Gives back what it gets. */
  String echo(String word);

  /** Fails until the attempt whose number it is given. */
  String succeedsAt(String attempt);

  /** Fails each time. */
  String fails(String message);

  /** Says that another attempt would be in vain. */
  String failsForGood(String message);

  /** Waits until its scenario lets it go on. */
  String waits(String word) throws InterruptedException;

  /** Says how far it got, then is never heard of again; the next attempt goes on from there. */
  String reads(String page) throws InterruptedException;

  /** Heartbeats until it is cancelled or let go. */
  String beats(String word) throws InterruptedException;

  /** Is completed by somebody else. */
  String elsewhere(String word);

  /** Heartbeats and never comes back in a worker process that is to be killed here. */
  String hangs(String word);

  /** The activities of one worker. */
  final class Done implements Deeds {
    private static final long BEAT_MS = 100;
    private final Signs signs;

    public Done(Signs signs) {
      this.signs = signs;
    }

    @Override
    public String echo(String word) {
      return word;
    }

    @Override
    public String succeedsAt(String attempt) {
      int now = Activity.getExecutionContext().getInfo().getAttempt();
      if (now < Integer.parseInt(attempt)) {
        throw ApplicationFailure.newFailure("attempt " + now + " fails", "Planned");
      }
      return "attempt " + now;
    }

    @Override
    public String fails(String message) {
      throw ApplicationFailure.newFailure(message, "Planned");
    }

    @Override
    public String failsForGood(String message) {
      throw ApplicationFailure.newNonRetryableFailure(message, "Planned");
    }

    @Override
    public String waits(String word) throws InterruptedException {
      signs.begin();
      signs.released().await();
      return word;
    }

    @Override
    public String reads(String page) throws InterruptedException {
      ActivityExecutionContext context = Activity.getExecutionContext();
      String last = context.getHeartbeatDetails(String.class).orElse(null);
      if (last != null) {
        return "read on from page " + last;
      }
      context.heartbeat(page);
      signs.begin();
      signs.released().await();
      return "read too late";
    }

    @Override
    public String beats(String word) throws InterruptedException {
      signs.begin();
      do {
        // Throws when the activity has been cancelled.
        Activity.getExecutionContext().heartbeat("alive");
      } while (!signs.released().await(BEAT_MS, TimeUnit.MILLISECONDS));
      return word;
    }

    @Override
    public String elsewhere(String word) {
      ActivityExecutionContext context = Activity.getExecutionContext();
      context.doNotCompleteOnReturn();
      signs.keep(context.getTaskToken());
      return null;
    }

    @Override
    public String hangs(String word) {
      ActivityExecutionContext context = Activity.getExecutionContext();
      if (context.getInfo().isLocal()) {
        if (Hang.is(Hang.LOCAL_ACTIVITY)) {
          Hang.forever();
        }
        return word;
      }
      if (Hang.is(Hang.ACTIVITY)) {
        context.heartbeat("page 7");
        Hang.forever();
      }
      return context.getHeartbeatDetails(String.class).orElse(word);
    }
  }
}
