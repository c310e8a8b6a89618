package conformance

import (
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Local activities: they run in the worker of their workflow and leave a marker.
func localScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"a_local_activity_leaves_a_marker":                    aLocalActivityLeavesAMarker,
		"a_local_activity_that_fails_leaves_its_failure":      aLocalActivityThatFails,
		"a_long_backoff_of_a_local_activity_is_a_timer":       aLongBackoffIsATimer,
		"a_long_local_activity_keeps_its_workflow_task_alive": aLongLocalActivity,
	})
}

const marked = "WorkflowExecutionStarted, " + harness.Task + ", MarkerRecorded, "

func aLocalActivityLeavesAMarker(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.LocalRunner, work.LocalPlan{Deed: "SucceedsAt", Word: "2", RetryAfter: 50})
	s.Equal(harness.Result[string](s, run), "attempt 2")
	s.AssertHistory(run, marked+"WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}

func aLocalActivityThatFails(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.LocalRunner, work.LocalPlan{Deed: "FailsForGood", Word: "no", RetryAfter: 50})
	s.Equal(harness.As[*temporal.ApplicationError](s, s.FailureOf(run)).Message(), "no")
	s.AssertHistory(run, marked+"WorkflowExecutionFailed")
	s.RefusesLateSignal(s.ID(""))
}

// The SDK waits in a timer when the backoff is longer than a workflow task may take.
func aLongBackoffIsATimer(s *harness.Scenario) {
	s.Worker()
	options := s.Options("")
	options.WorkflowTaskTimeout = 5 * time.Second
	plan := work.LocalPlan{Deed: "SucceedsAt", Word: "2", RetryAfter: 6_000}
	run := s.StartWith(options, work.LocalRunner, plan)
	s.Equal(harness.Result[string](s, run), "attempt 2")
	s.AssertHistory(run, marked+"TimerStarted, TimerFired, "+harness.Task+", MarkerRecorded, WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}

// The worker answers its task before it times out and asks for the next at once.
func aLongLocalActivity(s *harness.Scenario) {
	worker := s.Worker()
	options := s.Options("")
	options.WorkflowTaskTimeout = 5 * time.Second
	run := s.StartWith(options, work.LocalRunner, work.LocalPlan{Deed: "Waits", Word: "patience", RetryAfter: 50})
	s.UntilEvent(s.ID(""), "WorkflowTaskStarted", 3)
	worker.Signs.Release()
	s.Equal(harness.Result[string](s, run), "patience")
	tasks := harness.Count(s.Events(s.ID(""), ""), "WorkflowTaskCompleted")
	if tasks < 3 {
		s.Fatalf("the worker did not keep its task alive")
	}
	s.AssertHistory(run, "WorkflowExecutionStarted, "+strings.Repeat(harness.Task+", ", tasks)+
		"MarkerRecorded, WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}
