package weft.conformance.harness;

import com.google.protobuf.util.Timestamps;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.history.v1.HistoryEvent;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** What can be said of a history without its server. */
public final class Histories {
  /** Most sequences are made of these: a workflow task and an activity that went well. */
  public static final String TASK = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted";

  public static final String ACTIVITY = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted";

  private static final int SHOWN_MAX = 120;

  // These may have been held back while a workflow task ran: they are written with their own time.
  private static final Set<EventType> MAY_BE_LATE =
      EnumSet.of(
          EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
          EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
          EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
          EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
          EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
          EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
          EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
          EventType.EVENT_TYPE_TIMER_FIRED);

  private Histories() {}

  /** `EVENT_TYPE_TIMER_FIRED` is called `TimerFired`. */
  public static String name(HistoryEvent event) {
    StringBuilder name = new StringBuilder();
    for (String word : event.getEventType().name().substring("EVENT_TYPE_".length()).split("_")) {
      name.append(word.charAt(0)).append(word.substring(1).toLowerCase(Locale.ROOT));
    }
    return name.toString();
  }

  /** Names of the event types of a history. */
  public static List<String> names(List<HistoryEvent> events) {
    return events.stream().map(Histories::name).toList();
  }

  /** How often an event type occurs. */
  public static int count(List<HistoryEvent> events, String name) {
    return (int) events.stream().filter(event -> name(event).equals(name)).count();
  }

  /** `A, B*2` is A, B, B. */
  static List<String> parse(String expected) {
    List<String> names = new ArrayList<>();
    for (String part : expected.split(",")) {
      String[] times = part.strip().split("\\*");
      int count = times.length == 1 ? 1 : Integer.parseInt(times[1]);
      for (int n = 0; n < count; n++) {
        names.add(times[0]);
      }
    }
    return names;
  }

  /** Tells, side by side, where the sequence of types is another. */
  static void checkTypes(List<HistoryEvent> events, String expected) {
    List<String> actual = names(events);
    List<String> wanted = parse(expected);
    if (actual.equals(wanted)) {
      return;
    }
    StringBuilder table = new StringBuilder("the history is not as expected:\n");
    for (int at = 0; at < Math.min(SHOWN_MAX, Math.max(actual.size(), wanted.size())); at++) {
      String got = at < actual.size() ? actual.get(at) : "(nothing)";
      String want = at < wanted.size() ? wanted.get(at) : "(nothing)";
      String line = got.equals(want) ? "  %4d %s%n" : "! %4d %-42s expected %s%n";
      table.append(line.formatted(at + 1, got, want));
    }
    throw new Failed(table.toString());
  }

  /** What must hold of all: dense ids, times and task ids that do not go back, references that point right. */
  static void checkSound(List<HistoryEvent> events) {
    for (int at = 0; at < events.size(); at++) {
      HistoryEvent event = events.get(at);
      String which = name(event) + " " + (at + 1);
      if (event.getEventId() != at + 1) {
        throw new Failed(which + " has the id " + event.getEventId());
      }
      if (at > 0) {
        HistoryEvent before = events.get(at - 1);
        if (event.getTaskId() <= before.getTaskId()) {
          throw new Failed("the task id of " + which + " does not grow");
        }
        boolean back = Timestamps.compare(event.getEventTime(), before.getEventTime()) < 0;
        if (back && !MAY_BE_LATE.contains(event.getEventType())) {
          throw new Failed(which + " happened before the event before it");
        }
      }
      for (Reference reference : references(event)) {
        boolean right = reference.id >= 1 && reference.id <= at;
        if (!right || events.get((int) reference.id - 1).getEventType() != reference.to) {
          throw new Failed(which + " refers to " + reference.id + " as a " + reference.to);
        }
      }
    }
  }

  private record Reference(long id, EventType to) {}

  private static Reference decided(long id) {
    return new Reference(id, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED);
  }

  private static Reference task(long id) {
    return new Reference(id, EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
  }

  private static Reference scheduled(long id) {
    return new Reference(id, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED);
  }

  private static Reference started(long id) {
    return new Reference(id, EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED);
  }

  private static Reference timer(long id) {
    return new Reference(id, EventType.EVENT_TYPE_TIMER_STARTED);
  }

  /** The events that this one names, with the type that each must have. */
  private static List<Reference> references(HistoryEvent event) {
    return switch (event.getAttributesCase()) {
      case WORKFLOW_TASK_STARTED_EVENT_ATTRIBUTES ->
          List.of(task(event.getWorkflowTaskStartedEventAttributes().getScheduledEventId()));
      case WORKFLOW_TASK_COMPLETED_EVENT_ATTRIBUTES -> {
        var it = event.getWorkflowTaskCompletedEventAttributes();
        var begun = new Reference(it.getStartedEventId(), EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED);
        yield List.of(task(it.getScheduledEventId()), begun);
      }
      case ACTIVITY_TASK_SCHEDULED_EVENT_ATTRIBUTES ->
          List.of(decided(event.getActivityTaskScheduledEventAttributes().getWorkflowTaskCompletedEventId()));
      case ACTIVITY_TASK_STARTED_EVENT_ATTRIBUTES ->
          List.of(scheduled(event.getActivityTaskStartedEventAttributes().getScheduledEventId()));
      case ACTIVITY_TASK_COMPLETED_EVENT_ATTRIBUTES -> {
        var it = event.getActivityTaskCompletedEventAttributes();
        yield List.of(scheduled(it.getScheduledEventId()), started(it.getStartedEventId()));
      }
      case ACTIVITY_TASK_FAILED_EVENT_ATTRIBUTES -> {
        var it = event.getActivityTaskFailedEventAttributes();
        yield List.of(scheduled(it.getScheduledEventId()), started(it.getStartedEventId()));
      }
      case TIMER_STARTED_EVENT_ATTRIBUTES ->
          List.of(decided(event.getTimerStartedEventAttributes().getWorkflowTaskCompletedEventId()));
      case TIMER_FIRED_EVENT_ATTRIBUTES -> List.of(timer(event.getTimerFiredEventAttributes().getStartedEventId()));
      case TIMER_CANCELED_EVENT_ATTRIBUTES -> {
        var it = event.getTimerCanceledEventAttributes();
        yield List.of(timer(it.getStartedEventId()), decided(it.getWorkflowTaskCompletedEventId()));
      }
      case MARKER_RECORDED_EVENT_ATTRIBUTES ->
          List.of(decided(event.getMarkerRecordedEventAttributes().getWorkflowTaskCompletedEventId()));
      case WORKFLOW_EXECUTION_COMPLETED_EVENT_ATTRIBUTES ->
          List.of(decided(event.getWorkflowExecutionCompletedEventAttributes().getWorkflowTaskCompletedEventId()));
      // The rest refers to nothing, or to nothing that is worth a second look.
      default -> List.of();
    };
  }
}
