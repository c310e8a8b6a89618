package weft.conformance.scenarios;

import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.GREETED;
import static weft.conformance.scenarios.Sequences.TWO_TASKS;

import io.grpc.Status.Code;
import io.temporal.api.enums.v1.ScheduleOverlapPolicy;
import io.temporal.client.schedules.Schedule;
import io.temporal.client.schedules.ScheduleActionExecution;
import io.temporal.client.schedules.ScheduleActionExecutionStartWorkflow;
import io.temporal.client.schedules.ScheduleActionResult;
import io.temporal.client.schedules.ScheduleActionStartWorkflow;
import io.temporal.client.schedules.ScheduleBackfill;
import io.temporal.client.schedules.ScheduleDescription;
import io.temporal.client.schedules.ScheduleHandle;
import io.temporal.client.schedules.ScheduleIntervalSpec;
import io.temporal.client.schedules.ScheduleOptions;
import io.temporal.client.schedules.SchedulePolicy;
import io.temporal.client.schedules.ScheduleSpec;
import io.temporal.client.schedules.ScheduleState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Predicate;
import weft.conformance.harness.Needs;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Plain;

/** Schedules: what they start and when, what they leave out, and that they outlive the server. */
final class Schedules {
  private static final ScheduleState PAUSED = ScheduleState.newBuilder().setPaused(true).build();

  private Schedules() {}

  /** A schedule of the scenario's, which acts every so often. */
  private static Schedule.Builder every(Scenario s, Duration interval, Class<?> workflow, Object... args) {
    return Schedule.newBuilder()
        .setSpec(ScheduleSpec.newBuilder().setIntervals(List.of(new ScheduleIntervalSpec(interval))).build())
        .setAction(
            ScheduleActionStartWorkflow.newBuilder()
                .setWorkflowType(workflow.getSimpleName())
                .setArguments(args)
                .setOptions(s.options("").build())
                .build());
  }

  private static ScheduleHandle create(Scenario s, Schedule.Builder schedule) {
    return s.connection()
        .schedules()
        .createSchedule(s.id("schedule"), schedule.build(), ScheduleOptions.newBuilder().build());
  }

  private static Schedule.Builder acts(Schedule.Builder schedule, int times) {
    return schedule.setState(
        ScheduleState.newBuilder().setLimitedAction(true).setRemainingActions(times).build());
  }

  private static ScheduleDescription until(
      Scenario s, ScheduleHandle handle, String what, Predicate<ScheduleDescription> holds) throws Exception {
    ScheduleDescription[] found = new ScheduleDescription[1];
    s.until(
        what,
        () -> {
          found[0] = handle.describe();
          return holds.test(found[0]);
        });
    return found[0];
  }

  private static Predicate<ScheduleDescription> actions(int count) {
    return found -> found.getInfo().getNumActions() == count;
  }

  private static Run run(ScheduleActionExecution execution) {
    var started = (ScheduleActionExecutionStartWorkflow) execution;
    return new Run(started.getWorkflowId(), started.getFirstExecutionRunId());
  }

  /** The workflows that a schedule has started, the oldest first. */
  private static List<Run> startedBy(ScheduleDescription found) {
    return found.getInfo().getRecentActions().stream()
        .map(ScheduleActionResult::getAction)
        .map(Schedules::run)
        .toList();
  }

  private static void greetsOnce(Scenario s, Run run) throws Exception {
    equal(s.result(run, String.class), "Hello, you!");
    s.assertHistory(run, GREETED);
  }

  private static void deleted(Scenario s, ScheduleHandle handle) throws Exception {
    handle.delete();
    s.refused(Code.NOT_FOUND, handle::describe);
  }

  @Plays
  static void aScheduleActsUntilItsActionsAreUsedUp(Scenario s) throws Exception {
    s.worker();
    Schedule.Builder twice = acts(every(s, Duration.ofSeconds(1), Plain.Greeter.class, "you"), 2);
    ScheduleHandle handle = create(s, twice);
    ScheduleDescription found = until(s, handle, "two actions", actions(2));
    equal(found.getSchedule().getState().getRemainingActions(), 0L);
    equal(found.getInfo().getNextActionTimes(), List.of());
    for (Run run : startedBy(found)) {
      greetsOnce(s, run);
    }
    handle.pause("enough");
    found = until(s, handle, "the pause", it -> it.getSchedule().getState().isPaused());
    equal(found.getSchedule().getState().getNote(), "enough");
    s.refused(Code.ALREADY_EXISTS, () -> create(s, twice));
    deleted(s, handle);
  }

  @Plays
  static void aScheduleSkipsWhatOverlaps(Scenario s) throws Exception {
    s.worker();
    ScheduleHandle handle = create(s, every(s, Duration.ofHours(1), Plain.Collector.class).setState(PAUSED));
    handle.trigger();
    ScheduleDescription found =
        until(s, handle, "the first one to run", it -> it.getInfo().getRunningActions().size() == 1);
    Run first = run(found.getInfo().getRunningActions().get(0));
    s.untilEvent(first.id(), "WorkflowTaskCompleted", 1);
    handle.trigger();
    found =
        until(
            s, handle, "the second one to be skipped", it -> it.getInfo().getNumActionsSkippedOverlap() == 1);
    equal(found.getInfo().getNumActions(), 1L);
    equal(found.getInfo().getRunningActions().stream().map(Schedules::run).toList(), List.of(first));
    s.give(first.id(), "end");
    equal(s.collected(first), List.of("end"));
    s.assertHistory(first, TWO_TASKS);
    s.refusesLateSignal(first.id());
  }

  @Plays
  static void aBackfillActsForEveryTimeOfItsRange(Scenario s) throws Exception {
    s.worker();
    ScheduleHandle handle =
        create(s, every(s, Duration.ofHours(1), Plain.Greeter.class, "you").setState(PAUSED));
    Instant begin = Instant.parse("2024-01-01T00:00:00Z");
    var all = ScheduleOverlapPolicy.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL;
    handle.backfill(List.of(new ScheduleBackfill(begin, begin.plus(Duration.ofHours(2)), all)));
    List<Run> runs = startedBy(until(s, handle, "all of them", actions(3)));
    for (int hour = 0; hour < 3; hour++) {
      equal(runs.get(hour).id(), s.id() + "-" + begin.plus(Duration.ofHours(hour)));
      greetsOnce(s, runs.get(hour));
    }
    deleted(s, handle);
  }

  /** Its workflows wait for a worker until the server is back: so none of their tasks is lost with it. */
  @Plays(Needs.OWN_SERVER)
  static void aScheduleOutlivesTheServer(Scenario s) throws Exception {
    var all = ScheduleOverlapPolicy.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL;
    Schedule.Builder thrice =
        acts(every(s, Duration.ofSeconds(1), Plain.Greeter.class, "you"), 3)
            .setPolicy(SchedulePolicy.newBuilder().setOverlap(all).build());
    ScheduleHandle handle = create(s, thrice);
    until(s, handle, "the first action", it -> it.getInfo().getNumActions() >= 1);
    s.restartServer();
    ScheduleDescription found = until(s, handle, "the last action", actions(3));
    equal(found.getSchedule().getState().getRemainingActions(), 0L);
    s.worker();
    List<Run> runs = startedBy(found);
    equal(runs.stream().map(Run::id).distinct().count(), 3L);
    for (Run run : runs) {
      greetsOnce(s, run);
    }
    deleted(s, handle);
  }
}
