package conformance

import (
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// What operators do to one workflow: reset it, pause its activities.
func operateScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"a_reset_goes_back_to_the_first_task":              aResetGoesBackToTheFirstTask,
		"a_reset_can_leave_signals_out":                    aResetCanLeaveSignalsOut,
		"a_paused_activity_gets_no_attempt_until_unpaused": aPausedActivityGetsNoAttempt,
	})
}

const resetTask = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed"

// A collector that was given `one` and `end`, each with a task of its own, and has closed.
func collected(s *harness.Scenario) client.WorkflowRun {
	run := s.Start(work.Collector)
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 1)
	s.Give(s.ID(""), "one")
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 2)
	s.Give(s.ID(""), "end")
	s.Equal(harness.Result[[]string](s, run), []string{"one", "end"})
	s.AssertHistory(run, threeTasks)
	return run
}

func reset(s *harness.Scenario, run client.WorkflowRun, finish int64, without ...enums.ResetReapplyExcludeType) (string, error) {
	answer, err := s.Client.ResetWorkflowExecution(s.Ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:                 "default",
		WorkflowExecution:         &common.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
		Reason:                    "once more",
		RequestId:                 uuid.NewString(),
		WorkflowTaskFinishEventId: finish,
		ResetReapplyExcludeTypes:  without,
	})
	return answer.GetRunId(), err
}

func aResetGoesBackToTheFirstTask(s *harness.Scenario) {
	s.Worker()
	base := collected(s)
	_, err := reset(s, base, 1)
	s.Refused(err, "InvalidArgument")
	again, err := reset(s, base, 4)
	s.Ok(err)
	s.Equal(harness.Result[[]string](s, s.Client.GetWorkflow(s.Ctx, s.ID(""), again)), []string{"one", "end"})
	events := s.AssertRun(s.ID(""), again, "WorkflowExecutionStarted, "+resetTask+", WorkflowExecutionSignaled*2, "+
		harness.Task+", WorkflowExecutionCompleted")
	failed := events[3].GetWorkflowTaskFailedEventAttributes()
	s.Equal(failed.GetBaseRunId(), base.GetRunID())
	s.Same("cause of the failed task", failed.GetCause().String())
	s.AssertHistory(base, threeTasks)
}

func aResetCanLeaveSignalsOut(s *harness.Scenario) {
	s.Worker()
	base := collected(s)
	again, err := reset(s, base, 8, enums.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL)
	s.Ok(err)
	// It has not heard `end`, and waits for it.
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 2)
	s.Give(s.ID(""), "other")
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 3)
	s.Give(s.ID(""), "end")
	s.Equal(harness.Result[[]string](s, s.Client.GetWorkflow(s.Ctx, s.ID(""), again)), []string{"one", "other", "end"})
	s.AssertRun(s.ID(""), again, "WorkflowExecutionStarted, "+harness.Task+", WorkflowExecutionSignaled, "+resetTask+", "+
		harness.Task+", WorkflowExecutionSignaled, "+harness.Task+", WorkflowExecutionSignaled, "+harness.Task+
		", WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}

func aPausedActivityGetsNoAttempt(s *harness.Scenario) {
	s.Worker()
	errand := work.NewErrand("SucceedsAt", "2")
	// Unpaused, it does not wait for this.
	errand.RetryAfter = 600_000
	run := s.Start(work.Runner, errand)
	s.Until("the first attempt to fail", func() bool {
		pending := s.Describe(s.ID("")).GetPendingActivities()
		return len(pending) == 1 && pending[0].GetAttempt() == 2
	})
	of := &common.WorkflowExecution{WorkflowId: s.ID("")}
	pause := func() error {
		_, err := s.Raw.PauseActivity(s.Ctx, &workflowservice.PauseActivityRequest{
			Namespace: "default", Execution: of, Identity: "operator", Reason: "too hot", RequestId: uuid.NewString(),
			Activity: &workflowservice.PauseActivityRequest_Type{Type: "SucceedsAt"},
		})
		return err
	}
	s.Ok(pause())
	pending := s.Describe(s.ID("")).GetPendingActivities()[0]
	s.Same("paused", []any{pending.GetPaused(), pending.GetState().String(), pending.GetPauseInfo().GetManual().GetReason()})
	s.Refused(pause(), "FailedPrecondition")
	_, err := s.Raw.UnpauseActivity(s.Ctx, &workflowservice.UnpauseActivityRequest{
		Namespace: "default", Execution: of, Identity: "operator",
		Activity: &workflowservice.UnpauseActivityRequest_UnpauseAll{UnpauseAll: true},
	})
	s.Ok(err)
	s.Equal(harness.Result[string](s, run), "attempt 2")
	s.Equal(started(s.AssertHistory(run, oneActivity)).GetAttempt(), int32(2))
	s.Equal(slices.Contains(harness.Names(s.Events(s.ID(""), "")), "ActivityTaskFailed"), false)
}
