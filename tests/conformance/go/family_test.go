package conformance

import (
	"go.temporal.io/sdk/client"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Workflows among themselves: children, and signals from one to another.
func familyScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"a_child_gives_its_result_to_its_parent":  aChildGivesItsResult,
		"a_child_that_fails_tells_its_parent_why": aChildThatFails,
		"a_parent_that_completes_ends_its_child":  aParentEndsItsChild,
		"a_workflow_signals_another":              aWorkflowSignalsAnother,
	})
}

const (
	bore   = "WorkflowExecutionStarted, " + harness.Task + ", StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, " + harness.Task
	told   = "SignalExternalWorkflowExecutionInitiated, ExternalWorkflowExecutionSignaled, " + harness.Task
	obeyed = ", " + harness.Task + ", WorkflowExecutionCompleted"
)

// A parent that has seen its child start, and will do nothing before the child ends.
func parent(s *harness.Scenario) client.WorkflowRun {
	run := s.Start(work.Parent, s.ID("kid"))
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 2)
	return run
}

func tell(s *harness.Scenario, how string) {
	s.Helper()
	s.Ok(s.Client.SignalWorkflow(s.Ctx, s.ID("kid"), "", "go", how))
}

func aChildGivesItsResult(s *harness.Scenario) {
	s.Worker()
	run := parent(s)
	tell(s, "well")
	s.Equal(harness.Result[string](s, run), "kid well")
	s.AssertHistory(run, bore+", ChildWorkflowExecutionCompleted"+obeyed)
	s.RefusesLateSignal(s.ID("kid"))
}

func aChildThatFails(s *harness.Scenario) {
	s.Worker()
	run := parent(s)
	tell(s, "fail")
	s.Equal(harness.Result[string](s, run), "failed: as told Told")
	s.AssertHistory(run, bore+", ChildWorkflowExecutionFailed"+obeyed)
	s.RefusesLateSignal(s.ID("kid"))
}

func aParentEndsItsChild(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Leaver, s.ID("kid"), s.Queue()+"-nobody")
	s.Equal(harness.Result[string](s, run), "left")
	s.AssertHistory(run, bore+", WorkflowExecutionCompleted")
	s.UntilEvent(s.ID("kid"), "WorkflowExecutionTerminated", 1)
	events := s.AssertRun(s.ID("kid"), "", waiting+", WorkflowExecutionTerminated")
	s.Same("reason", events[2].GetWorkflowExecutionTerminatedEventAttributes().GetReason())
	s.RefusesLateSignal(s.ID("kid"))
}

func aWorkflowSignalsAnother(s *harness.Scenario) {
	s.Worker()
	listener := s.StartWith(s.Options("listener"), work.Collector)
	run := s.Start(work.Teller, s.ID("listener"), []string{"one", "end"})
	s.Equal(harness.Result[string](s, run), "told")
	s.Equal(harness.Result[[]string](s, listener), []string{"one", "end"})
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", "+told+", "+told+", WorkflowExecutionCompleted")
	for _, event := range s.Events(s.ID("listener"), "") {
		if it := event.GetWorkflowExecutionSignaledEventAttributes(); it != nil {
			s.Equal(it.GetExternalWorkflowExecution().GetWorkflowId(), s.ID(""))
		}
	}
	s.RefusesLateSignal(s.ID(""))
}

// kill -9 of the server while a parent waits for its child.
func aChildOutlivesTheServer(s *harness.Scenario) {
	s.Worker()
	run := parent(s)
	s.RestartServer()
	tell(s, "well")
	s.Equal(harness.Result[string](s, run), "kid well")
	s.AssertHistory(run, bore+", ChildWorkflowExecutionCompleted"+obeyed)
	s.RefusesLateSignal(s.ID("kid"))
}
