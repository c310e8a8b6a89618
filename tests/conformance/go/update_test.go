package conformance

import (
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Updates: results, rejections, with a start.
func updateScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"an_update_changes_the_workflow_and_has_a_result": anUpdateHasAResult,
		"a_rejected_update_leaves_no_trace":               aRejectedUpdateLeavesNoTrace,
		"an_update_can_start_its_workflow":                anUpdateCanStartItsWorkflow,
	})
}

const (
	ready    = "WorkflowExecutionStarted, " + harness.Task
	accepted = harness.Task + ", WorkflowExecutionUpdateAccepted"
	updated  = accepted + ", WorkflowExecutionUpdateCompleted"
	closed   = "WorkflowExecutionSignaled, " + harness.Task + ", WorkflowExecutionCompleted"
)

// A till that has run its first task: what comes next is a task of its own.
func openTill(s *harness.Scenario) client.WorkflowRun {
	till := s.Start(work.Till)
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 1)
	return till
}

func payment(s *harness.Scenario, name, id string, amount int) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID: s.ID(""), UpdateID: id, UpdateName: name, Args: []any{amount},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
}

func pay(s *harness.Scenario, id string, amount int) (int, error) {
	handle, err := s.Client.UpdateWorkflow(s.Ctx, payment(s, "pay", id, amount))
	if err != nil {
		return 0, err
	}
	var sum int
	err = handle.Get(s.Ctx, &sum)
	return sum, err
}

func pays(s *harness.Scenario, id string, amount, sum int) {
	s.Helper()
	found, err := pay(s, id, amount)
	s.Ok(err)
	s.Equal(found, sum)
}

func closes(s *harness.Scenario, till client.WorkflowRun, sum int) {
	s.Helper()
	s.Ok(s.Client.SignalWorkflow(s.Ctx, s.ID(""), "", "close", nil))
	s.Equal(harness.Result[int](s, till), sum)
	_, err := pay(s, "new", 1)
	s.Refused(err, "NotFound")
}

func anUpdateHasAResult(s *harness.Scenario) {
	s.Worker()
	till := openTill(s)
	pays(s, "first", 3, 3)
	pays(s, "second", 4, 7)
	// What was asked once is answered so again, also after the end.
	pays(s, "second", 9, 7)
	closes(s, till, 7)
	pays(s, "second", 9, 7)
	s.AssertHistory(till, ready+", "+updated+", "+updated+", "+closed)
}

func aRejectedUpdateLeavesNoTrace(s *harness.Scenario) {
	s.Worker()
	till := openTill(s)
	_, err := pay(s, "debt", -1)
	s.Equal(harness.As[*temporal.ApplicationError](s, err).Message(), "no debts")
	s.AssertHistory(till, ready)
	pays(s, "", 1, 1)
	closes(s, till, 1)
	s.AssertHistory(till, ready+", "+updated+", "+closed)
}

func anUpdateCanStartItsWorkflow(s *harness.Scenario) {
	s.Worker()
	start := func(policy enums.WorkflowIdConflictPolicy, id string, amount, sum int) client.WorkflowRun {
		options := s.Options("")
		options.WorkflowIDConflictPolicy = policy
		operation := s.Client.NewWithStartWorkflowOperation(options, work.Till)
		handle, err := s.Client.UpdateWithStartWorkflow(s.Ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: operation, UpdateOptions: payment(s, "pay", id, amount),
		})
		s.Ok(err)
		var found int
		s.Ok(handle.Get(s.Ctx, &found))
		s.Equal(found, sum)
		run, err := operation.Get(s.Ctx)
		s.Ok(err)
		return run
	}
	till := start(enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL, "first", 3, 3)
	joined := start(enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, "second", 4, 7)
	s.Equal(joined.GetRunID(), till.GetRunID())
	closes(s, till, 7)
	s.AssertHistory(till, "WorkflowExecutionStarted, "+updated+", "+updated+", "+closed)
}

// kill -9 of the server between the stages of an update.
func updatesSurvive(s *harness.Scenario) {
	s.Worker()
	till := openTill(s)
	options := payment(s, "pay slowly", "slow", 5)
	options.WaitForStage = client.WorkflowUpdateStageAccepted
	_, err := s.Client.UpdateWorkflow(s.Ctx, options)
	s.Ok(err)
	s.RestartServer()
	s.Ok(s.Client.SignalWorkflow(s.Ctx, s.ID(""), "", "nod", nil))
	s.UntilEvent(s.ID(""), "WorkflowExecutionUpdateCompleted", 1)
	s.RestartServer()
	pays(s, "slow", 9, 5)
	closes(s, till, 5)
	s.AssertHistory(till, ready+", "+accepted+", WorkflowExecutionSignaled, "+harness.Task+
		", WorkflowExecutionUpdateCompleted, "+closed)
}
