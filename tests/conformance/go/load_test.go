package conformance

import (
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/client"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Many workflows at once.
func loadScenarios() []harness.Entry {
	return on(harness.Quiet, map[string]func(*harness.Scenario){
		"two_hundred_workflows_run_at_once": twoHundredWorkflowsRunAtOnce,
	})
}

const (
	toured = "WorkflowExecutionStarted, " + harness.Task + tour
	tour   = ", " + harness.Activity + ", " + harness.Task + ", TimerStarted, TimerFired, " + harness.Task + ", " +
		harness.Activity + ", " + harness.Task + ", WorkflowExecutionCompleted"
)

// Starts so many tours side by side.
func tours(s *harness.Scenario, count, pause int, taskTimeout time.Duration) []client.WorkflowRun {
	runs := make([]client.WorkflowRun, count)
	s.SideBySide(count, func(n int) error {
		options := s.Options(strconv.Itoa(n))
		options.WorkflowTaskTimeout = taskTimeout
		run, err := s.Client.ExecuteWorkflow(s.Ctx, options, work.Tour, n, pause)
		runs[n] = run
		return err
	})
	return runs
}

func there(n int) string { return fmt.Sprintf("there %d, back %d", n, n) }

func twoHundredWorkflowsRunAtOnce(s *harness.Scenario) {
	s.Worker()
	// A slow machine may take its time; what is asserted is that nothing is lost, done twice or out of order.
	runs := tours(s, 200, 200, time.Minute)
	for n, run := range runs {
		s.Equal(harness.Result[string](s, run), there(n))
		s.AssertEvents(run.GetID(), "", toured)
	}
	s.AssertHistory(runs[0], toured)
	s.RefusesLateSignal(s.ID("7"))
}
