package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.ACTIVITY;
import static weft.conformance.harness.Histories.TASK;

import io.temporal.api.history.v1.ActivityTaskStartedEventAttributes;
import io.temporal.api.history.v1.HistoryEvent;
import java.util.List;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Scenario;
import weft.conformance.harness.SuiteWorker;

/** Sequences of event types, and looks into histories, that more than one subject needs. */
final class Sequences {
  static final String WAITING = "WorkflowExecutionStarted, WorkflowTaskScheduled";
  static final String READY = "WorkflowExecutionStarted, " + TASK;
  static final String COMPLETED = ", WorkflowExecutionCompleted";
  static final String GREETED = READY + COMPLETED;
  static final String FAILED = READY + ", WorkflowExecutionFailed";
  static final String SIGNALED = ", WorkflowExecutionSignaled, ";
  static final String TWO_TASKS = READY + SIGNALED + TASK + COMPLETED;
  static final String THREE_TASKS = READY + SIGNALED + TASK + SIGNALED + TASK + COMPLETED;
  static final String TWENTY_ONE_SIGNALS =
      WAITING + ", WorkflowExecutionSignaled*21, WorkflowTaskStarted, WorkflowTaskCompleted" + COMPLETED;

  static final String ONE_ACTIVITY = READY + ", " + ACTIVITY + ", " + TASK + COMPLETED;
  static final String FAILED_ACTIVITY =
      READY
          + ", ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed, "
          + TASK
          + ", WorkflowExecutionFailed";

  static final String SLEPT = READY + ", TimerStarted, TimerFired, " + TASK + COMPLETED;
  static final String MARKED = READY + ", MarkerRecorded";
  static final String PATCHED = MARKED + ", UpsertWorkflowSearchAttributes" + COMPLETED;
  static final String TOUR =
      ", " + ACTIVITY + ", " + TASK + ", TimerStarted, TimerFired, " + TASK + ", " + ACTIVITY + ", " + TASK + COMPLETED;
  static final String TOURED = READY + TOUR;

  private Sequences() {}

  static HistoryEvent last(List<HistoryEvent> events) {
    return events.get(events.size() - 1);
  }

  /** What the first ActivityTaskStarted says. */
  static ActivityTaskStartedEventAttributes activityStarted(List<HistoryEvent> events) {
    return events.stream()
        .filter(HistoryEvent::hasActivityTaskStartedEventAttributes)
        .map(HistoryEvent::getActivityTaskStartedEventAttributes)
        .findFirst()
        .orElseThrow(() -> new Failed("no activity has started"));
  }

  /** The summary of an event, as it travelled. */
  static String summary(HistoryEvent event) {
    return event.getUserMetadata().getSummary().getData().toStringUtf8();
  }

  static void untilBegun(Scenario s, SuiteWorker worker) throws Exception {
    s.until("the activity to begin", () -> worker.signs().began() == 1);
  }

  /** The first attempt of the workflow's activity has failed. */
  static void untilFirstAttemptFailed(Scenario s) throws Exception {
    s.until(
        "the first attempt to fail",
        () -> {
          var pending = s.describe(s.id()).getPendingActivitiesList();
          return pending.size() == 1 && pending.get(0).getAttempt() == 2;
        });
  }
}
