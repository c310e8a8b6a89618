package conformance

import (
	"slices"
	"strconv"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// kill -9 of a worker process, and of worker and server together: another worker goes on.
func workerCrashScenarios() []harness.Entry {
	return slices.Concat(
		on(harness.SharedServer, map[string]func(*harness.Scenario){
			"another_worker_goes_on_with_the_activity_of_a_dead_one":  goesOnWithTheActivity,
			"another_worker_takes_the_workflow_task_of_a_dead_one":    takesTheWorkflowTask,
			"another_worker_repeats_the_local_activity_of_a_dead_one": repeatsTheLocalActivity,
			"another_worker_replays_what_a_dead_one_had_in_its_cache": replaysWhatWasInTheCache,
			"a_worker_that_dies_while_it_waits_takes_no_task_with_it": diesWhileItWaits,
		}),
		on(harness.OwnServer, map[string]func(*harness.Scenario){
			"server_and_worker_die_together": serverAndWorkerDieTogether,
		}),
	)
}

const (
	unanswered = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut"
	untaken    = "WorkflowTaskScheduled, WorkflowTaskTimedOut"
)

// The timeout of the first workflow task that timed out.
func taskTimeout(events []*history.HistoryEvent) enums.TimeoutType {
	for _, event := range events {
		if it := event.GetWorkflowTaskTimedOutEventAttributes(); it != nil {
			return it.GetTimeoutType()
		}
	}
	return enums.TIMEOUT_TYPE_UNSPECIFIED
}

func goesOnWithTheActivity(s *harness.Scenario) {
	errand := work.NewErrand("Hangs", "page 1")
	errand.Heartbeat = 4_000
	run := s.Start(work.Runner, errand)
	doomed := s.DoomedWorker(work.HangActivity)
	s.Until("the activity's heartbeat", func() bool {
		pending := s.Describe(s.ID("")).GetPendingActivities()
		return len(pending) == 1 && pending[0].GetHeartbeatDetails() != nil
	})
	doomed.Kill()
	s.Worker()
	// The next attempt knows what the one before said.
	s.Equal(harness.Result[string](s, run), "page 7")
	events := s.Events(s.ID(""), "")
	it := started(events)
	if it.GetAttempt() < 2 {
		s.Fatalf("attempt %d", it.GetAttempt())
	}
	s.Equal(it.GetLastFailure().GetTimeoutFailureInfo().GetTimeoutType(), enums.TIMEOUT_TYPE_HEARTBEAT)
	// The dead worker was sticky; where its sticky queue still counted as polled, that task timed out first.
	expected := oneActivity
	if taskTimeout(events) != enums.TIMEOUT_TYPE_UNSPECIFIED {
		expected = strings.Replace(oneActivity, harness.Activity, harness.Activity+", "+untaken, 1)
	}
	s.AssertHistory(run, expected)
	s.RefusesLateSignal(s.ID(""))
}

func takesTheWorkflowTask(s *harness.Scenario) {
	options := s.Options("")
	options.WorkflowTaskTimeout = 4 * time.Second
	run := s.StartWith(options, work.Thinker)
	doomed := s.DoomedWorker(work.HangWorkflow)
	s.UntilEvent(s.ID(""), "WorkflowTaskStarted", 1)
	doomed.Kill()
	s.Worker()
	s.Equal(harness.Result[string](s, run), "thought")
	events := s.AssertHistory(run, "WorkflowExecutionStarted, "+unanswered+", "+harness.Task+", WorkflowExecutionCompleted")
	s.Equal(taskTimeout(events), enums.TIMEOUT_TYPE_START_TO_CLOSE)
	s.RefusesLateSignal(s.ID(""))
}

func repeatsTheLocalActivity(s *harness.Scenario) {
	options := s.Options("")
	options.WorkflowTaskTimeout = 4 * time.Second
	run := s.StartWith(options, work.LocalRunner, work.LocalPlan{Deed: "Hangs", Word: "again", RetryAfter: 50})
	doomed := s.DoomedWorker(work.HangLocalActivity)
	s.UntilEvent(s.ID(""), "WorkflowTaskStarted", 1)
	doomed.Kill()
	s.Worker()
	s.Equal(harness.Result[string](s, run), "again")
	events := s.AssertHistory(run, "WorkflowExecutionStarted, "+unanswered+", "+harness.Task+
		", MarkerRecorded, WorkflowExecutionCompleted")
	s.Equal(taskTimeout(events), enums.TIMEOUT_TYPE_START_TO_CLOSE)
	s.RefusesLateSignal(s.ID(""))
}

func replaysWhatWasInTheCache(s *harness.Scenario) {
	run := s.Start(work.Collector)
	doomed := s.DoomedWorker(work.HangNowhere)
	for done, word := range []string{"one", "two"} {
		s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", done+1)
		s.Give(s.ID(""), word)
	}
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 3)
	doomed.Kill()
	s.Give(s.ID(""), "end")
	s.Worker()
	s.Equal(harness.Result[[]string](s, run), []string{"one", "two", "end"})
	// The last task was meant for the dead worker's sticky queue, and came to the living one when its time was up. Where
	// the server had not noticed yet that the worker is dead, it was handed to it, and the time that ran was the task's.
	lost := untaken
	if taskTimeout(s.Events(s.ID(""), "")) == enums.TIMEOUT_TYPE_START_TO_CLOSE {
		lost = unanswered
	}
	signaled := ", WorkflowExecutionSignaled, "
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+signaled+harness.Task+signaled+harness.Task+signaled+
		lost+", "+harness.Task+", WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}

// More than a worker has polls of its queue at once.
const pollsMax = 5

func diesWhileItWaits(s *harness.Scenario) {
	doomed := s.DoomedWorker(work.HangNowhere)
	s.Until("the worker to poll", func() bool {
		described, err := s.Client.DescribeTaskQueue(s.Ctx, s.Queue(), enums.TASK_QUEUE_TYPE_WORKFLOW)
		s.Ok(err)
		return len(described.GetPollers()) > 0
	})
	doomed.Kill()
	s.Worker()
	for n := range pollsMax {
		options := s.Options(strconv.Itoa(n))
		options.WorkflowTaskTimeout = 4 * time.Second
		run := s.StartWith(options, work.Tour, n, 100)
		s.Equal(harness.Result[string](s, run), there(n))
		// A poll of the dead worker may take one task, while the server has not noticed yet; then it is gone.
		if taskTimeout(s.Events(run.GetID(), "")) == enums.TIMEOUT_TYPE_UNSPECIFIED {
			s.AssertHistory(run, toured)
			s.RefusesLateSignal(s.ID("0"))
			return
		}
		s.AssertHistory(run, "WorkflowExecutionStarted, "+unanswered+", "+harness.Task+tour)
	}
	s.Fatalf("a dead worker takes task after task")
}

func serverAndWorkerDieTogether(s *harness.Scenario) {
	run := s.Start(work.Collector)
	s.Give(s.ID(""), "one")
	doomed := s.DoomedWorker(work.HangNowhere)
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 1)
	doomed.Kill()
	s.RestartServer()
	s.Give(s.ID(""), "end")
	s.Worker()
	s.Equal(harness.Result[[]string](s, run), []string{"one", "end"})
	// The new server knows of no poller of the dead worker's sticky queue, so nothing has to time out.
	s.AssertHistory(run, waiting+", WorkflowExecutionSignaled, WorkflowTaskStarted, WorkflowTaskCompleted, "+
		"WorkflowExecutionSignaled, "+harness.Task+", WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}
