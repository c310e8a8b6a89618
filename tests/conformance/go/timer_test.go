package conformance

import (
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Timers: one that fires, one that is cancelled by the workflow, one that is cancelled with it.
func timerScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"a_timer_fires":                          aTimerFires,
		"the_slower_timer_is_cancelled":          theSlowerTimerIsCancelled,
		"a_timer_is_cancelled_with_its_workflow": aTimerIsCancelledWithItsWorkflow,
	})
}

const slept = "WorkflowExecutionStarted, " + harness.Task + ", TimerStarted, TimerFired, " + harness.Task +
	", WorkflowExecutionCompleted"

func aTimerFires(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Sleeper, 300)
	s.Equal(harness.Result[string](s, run), "slept")
	events := s.AssertHistory(run, slept)
	s.Equal(string(events[4].GetUserMetadata().GetSummary().GetData()), `"a nap"`)
	s.RefusesLateSignal(s.ID(""))
}

func theSlowerTimerIsCancelled(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Race)
	s.Equal(harness.Result[string](s, run), "fast wins, the other is cancelled")
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", TimerStarted*2, TimerFired, "+harness.Task+
		", TimerCanceled, WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}

func aTimerIsCancelledWithItsWorkflow(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Sleeper, 600_000)
	s.UntilEvent(s.ID(""), "TimerStarted", 1)
	s.Ok(s.Client.CancelWorkflowWithOptions(s.Ctx, client.CancelWorkflowOptions{WorkflowID: s.ID(""), Reason: "wake up"}))
	cancelled := harness.As[*temporal.CanceledError](s, s.FailureOf(run))
	var details string
	s.Ok(cancelled.Details(&details))
	s.Equal(details, "woken")
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+
		", TimerStarted, WorkflowExecutionCancelRequested, "+harness.Task+", TimerCanceled, WorkflowExecutionCanceled")
	s.RefusesLateSignal(s.ID(""))
}
