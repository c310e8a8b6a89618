package conformance

import (
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Workflow tasks: sticky queues and eviction, long histories, tasks that fail, workers that leave.
func taskScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"later_tasks_go_to_the_sticky_queue":          laterTasksGoToTheStickyQueue,
		"a_worker_without_a_cache_replays_every_time": aWorkerWithoutACache,
		"evicted_workflows_come_back_by_replay":       evictedWorkflowsComeBack,
		"a_long_history_is_read_in_pages":             aLongHistoryIsReadInPages,
		"a_failed_task_is_tried_again":                aFailedTaskIsTriedAgain,
		"a_namespace_that_does_not_exist_is_refused":  aNamespaceThatDoesNotExist,
	})
}

const threeTasks = "WorkflowExecutionStarted, " + harness.Task + ", WorkflowExecutionSignaled, " + harness.Task +
	", WorkflowExecutionSignaled, " + harness.Task + ", WorkflowExecutionCompleted"

// The kinds of queue to which the workflow tasks of this workflow were scheduled.
func collectOn(s *harness.Scenario) []enums.TaskQueueKind {
	run := s.Start(work.Collector)
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 1)
	s.Give(s.ID(""), "one")
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 2)
	s.Give(s.ID(""), "end")
	s.Equal(harness.Result[[]string](s, run), []string{"one", "end"})
	var kinds []enums.TaskQueueKind
	for _, event := range s.AssertHistory(run, threeTasks) {
		if it := event.GetWorkflowTaskScheduledEventAttributes(); it != nil {
			kinds = append(kinds, it.GetTaskQueue().GetKind())
		}
	}
	s.RefusesLateSignal(s.ID(""))
	return kinds
}

const (
	normal = enums.TASK_QUEUE_KIND_NORMAL
	sticky = enums.TASK_QUEUE_KIND_STICKY
)

func laterTasksGoToTheStickyQueue(s *harness.Scenario) {
	s.Worker()
	s.Equal(collectOn(s), []enums.TaskQueueKind{normal, sticky, sticky})
}

func aWorkerWithoutACache(s *harness.Scenario) {
	s.WorkerWithCache(0)
	s.Equal(collectOn(s), []enums.TaskQueueKind{normal, normal, normal})
}

// Two workflows and room for one: each task of one evicts the other.
func evictedWorkflowsComeBack(s *harness.Scenario) {
	s.WorkerWithCache(1)
	suffixes := []string{"a", "b"}
	var runs []client.WorkflowRun
	for _, suffix := range suffixes {
		runs = append(runs, s.StartWith(s.Options(suffix), work.Collector))
		s.UntilEvent(s.ID(suffix), "WorkflowTaskCompleted", 1)
	}
	for round, word := range []string{"one", "end"} {
		for _, suffix := range suffixes {
			s.Give(s.ID(suffix), word)
			s.UntilEvent(s.ID(suffix), "WorkflowTaskCompleted", round+2)
		}
	}
	for _, run := range runs {
		s.Equal(harness.Result[[]string](s, run), []string{"one", "end"})
		s.Equal(words(s, run.GetID()), []string{"one", "end"})
		s.AssertHistory(run, threeTasks)
	}
	s.RefusesLateSignal(s.ID("a"))
}

// More events than the server gives in one page: a new worker process must read on to replay.
func aLongHistoryIsReadInPages(s *harness.Scenario) {
	writer := s.Worker()
	run := s.Start(work.Scribe, 1_200)
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 1)
	writer.Stop()
	s.Ok(s.Client.SignalWorkflow(s.Ctx, s.ID(""), "", "end", nil))
	s.WorkerProcess()
	s.Equal(harness.Result[int](s, run), 1_200)
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+
		", WorkflowPropertiesModified*1200, WorkflowExecutionSignaled, "+harness.Task+", WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}

func aFailedTaskIsTriedAgain(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Clumsy)
	s.Equal(harness.Result[string](s, run), "stood up")
	events := s.AssertHistory(run, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, "+
		"WorkflowTaskFailed, "+harness.Task+", WorkflowExecutionCompleted")
	it := events[3].GetWorkflowTaskFailedEventAttributes()
	s.Same("cause", it.GetCause().String())
	s.Same("failure", it.GetFailure().GetMessage())
	s.RefusesLateSignal(s.ID(""))
}

func aNamespaceThatDoesNotExist(s *harness.Scenario) {
	run := s.Start(work.Greeter, "here")
	elsewhere := s.Connect("nowhere-" + s.ID(""))
	_, err := elsewhere.ExecuteWorkflow(s.Ctx, s.Options("there"), work.Greeter, "there")
	s.Refused(err, "NotFound")
	idle := harness.NewWorker(elsewhere, s.Queue(), worker.Options{})
	if err := idle.Start(); err == nil || !strings.Contains(err.Error(), "is not found") {
		s.Fatalf("a worker in a namespace that does not exist: %v", err)
	}
	s.AssertHistory(run, waiting)
}
