package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.THREE_TASKS;
import static weft.conformance.scenarios.Sequences.WAITING;

import io.grpc.Status.Code;
import io.temporal.api.enums.v1.TaskQueueKind;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.worker.WorkerFactoryOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import weft.conformance.harness.Connection;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.harness.SuiteWorker;
import weft.conformance.work.Plain;

/** Workflow tasks: sticky queues and eviction, long histories, tasks that fail, workers that leave. */
final class Tasks {
  private static final TaskQueueKind NORMAL = TaskQueueKind.TASK_QUEUE_KIND_NORMAL;
  private static final TaskQueueKind STICKY = TaskQueueKind.TASK_QUEUE_KIND_STICKY;
  private static final int PAGES = 1_200;

  private Tasks() {}

  /** A collector that was given `one` and `end`, each with a task of its own, and has closed. */
  static Run collected(Scenario s) throws Exception {
    Run run = s.start(Plain.Collector.class);
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 1);
    s.give(s.id(), "one");
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 2);
    s.give(s.id(), "end");
    equal(s.collected(run), List.of("one", "end"));
    return run;
  }

  /** The kinds of queue to which the workflow tasks of such a one were scheduled. */
  private static List<TaskQueueKind> kinds(Scenario s) throws Exception {
    List<TaskQueueKind> kinds = new ArrayList<>();
    for (HistoryEvent event : s.assertHistory(collected(s), THREE_TASKS)) {
      if (event.hasWorkflowTaskScheduledEventAttributes()) {
        kinds.add(event.getWorkflowTaskScheduledEventAttributes().getTaskQueue().getKind());
      }
    }
    s.refusesLateSignal(s.id());
    return kinds;
  }

  @Plays
  static void laterTasksGoToTheStickyQueue(Scenario s) throws Exception {
    s.worker();
    equal(kinds(s), List.of(NORMAL, STICKY, STICKY));
  }

  @Plays
  static void aWorkerWithoutACacheReplaysEveryTime(Scenario s) throws Exception {
    // The SDK always has a cache; without a sticky queue, whole histories come and it is of no use.
    s.workerWith(SuiteWorker.patient().setStickyQueueScheduleToStartTimeout(Duration.ZERO).build());
    equal(kinds(s), List.of(NORMAL, NORMAL, NORMAL));
  }

  /** Two workflows and room for one: each task of one evicts the other. */
  @Plays
  static void evictedWorkflowsComeBackByReplay(Scenario s) throws Exception {
    s.workerWithCache(1);
    List<String> suffixes = List.of("a", "b");
    List<Run> runs = new ArrayList<>();
    for (String suffix : suffixes) {
      runs.add(s.start(s.options(suffix), Plain.Collector.class));
      s.untilEvent(s.id(suffix), "WorkflowTaskCompleted", 1);
    }
    List<String> words = List.of("one", "end");
    for (String word : words) {
      for (String suffix : suffixes) {
        s.give(s.id(suffix), word);
        s.untilEvent(s.id(suffix), "WorkflowTaskCompleted", words.indexOf(word) + 2);
      }
    }
    for (Run run : runs) {
      equal(s.collected(run), words);
      equal(s.words(run.id()), words);
      s.assertHistory(run, THREE_TASKS);
    }
    s.refusesLateSignal(s.id("a"));
  }

  /** More events than the server gives in one page: a new worker must read on to replay. */
  @Plays
  static void aLongHistoryIsReadInPages(Scenario s) throws Exception {
    SuiteWorker writer = s.worker();
    Run run = s.start(Plain.Scribe.class, PAGES);
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 1);
    writer.close();
    s.handle(s.id()).signal("end");
    s.worker();
    equal(s.result(run, Integer.class), PAGES);
    s.assertHistory(
        run,
        READY
            + ", WorkflowPropertiesModified*"
            + PAGES
            + ", WorkflowExecutionSignaled, "
            + TASK
            + COMPLETED);
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aFailedTaskIsTriedAgain(Scenario s) throws Exception {
    s.worker();
    Run run = s.start(Plain.Clumsy.class);
    equal(s.result(run, String.class), "stood up");
    List<HistoryEvent> events =
        s.assertHistory(run, WAITING + ", WorkflowTaskStarted, WorkflowTaskFailed, " + TASK + COMPLETED);
    var it = events.get(3).getWorkflowTaskFailedEventAttributes();
    s.same("cause", it.getCause().name());
    s.same("failure", it.getFailure().getMessage());
    s.refusesLateSignal(s.id());
  }

  @Plays
  static void aNamespaceThatDoesNotExistIsRefused(Scenario s) throws Exception {
    Run run = s.start(Plain.Greeter.class, "here");
    Connection elsewhere = s.connect("nowhere-" + s.id());
    s.refused(
        Code.NOT_FOUND,
        () ->
            elsewhere
                .workflows()
                .newUntypedWorkflowStub("Greeter", s.options("there").build())
                .start("there"));
    SuiteWorker idle =
        new SuiteWorker(
            elsewhere.workflows(),
            s.queue(),
            SuiteWorker.patient().build(),
            WorkerFactoryOptions.getDefaultInstance());
    s.refused(
        Code.NOT_FOUND,
        () -> {
          idle.start();
          return null;
        });
    s.assertHistory(run, WAITING);
  }
}
