package conformance

import (
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// How workflows end: cancelled, terminated, failed, retried, as new.
func closingScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"a_cancelled_workflow_ends_cancelled":           aCancelledWorkflowEndsCancelled,
		"a_terminated_workflow_is_over_at_once":         aTerminatedWorkflowIsOverAtOnce,
		"a_workflow_is_retried_as_its_policy_says":      aWorkflowIsRetried,
		"a_workflow_that_fails_for_good_is_not_retried": aWorkflowThatFailsForGood,
		"a_workflow_goes_on_as_new":                     aWorkflowGoesOnAsNew,
	})
}

// The same events, to the last field.
func same(a, b []*history.HistoryEvent) bool {
	return proto.Equal(&history.History{Events: a}, &history.History{Events: b})
}

func aCancelledWorkflowEndsCancelled(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Collector)
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 1)
	s.Ok(s.Client.CancelWorkflowWithOptions(s.Ctx, client.CancelWorkflowOptions{WorkflowID: s.ID(""), Reason: "enough"}))
	s.Equal(temporal.IsCanceledError(s.FailureOf(run)), true)
	events := s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", WorkflowExecutionCancelRequested, "+
		harness.Task+", WorkflowExecutionCanceled")
	s.Equal(events[4].GetWorkflowExecutionCancelRequestedEventAttributes().GetCause(), "enough")
	// What is asked for is so already: no refusal, and nothing is written.
	s.Ok(s.Client.CancelWorkflow(s.Ctx, s.ID(""), ""))
	s.Equal(same(s.Events(s.ID(""), ""), events), true)
	s.Refused(s.Client.CancelWorkflow(s.Ctx, s.ID("absent"), ""), "NotFound")
}

func aTerminatedWorkflowIsOverAtOnce(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Collector)
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 1)
	s.Ok(s.Client.TerminateWorkflow(s.Ctx, s.ID(""), "", "out of order"))
	s.Equal(temporal.IsTerminatedError(s.FailureOf(run)), true)
	events := s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", WorkflowExecutionTerminated")
	it := events[4].GetWorkflowExecutionTerminatedEventAttributes()
	s.Equal(it.GetReason(), "out of order")
	s.Equal(it.GetIdentity(), "conformance-go")
	s.Refused(s.Client.TerminateWorkflow(s.Ctx, s.ID(""), "", "again"), "NotFound")
	s.Refused(s.Client.TerminateWorkflow(s.Ctx, s.ID("absent"), "", "again"), "NotFound")
}

func lastFailed(events []*history.HistoryEvent) *history.WorkflowExecutionFailedEventAttributes {
	return events[len(events)-1].GetWorkflowExecutionFailedEventAttributes()
}

func aWorkflowIsRetried(s *harness.Scenario) {
	s.Worker()
	options := s.Options("")
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: time.Second}
	run := s.StartWith(options, work.Flaky, 2)
	first := run.GetRunID()
	// The result is that of the last run.
	s.Equal(harness.Result[string](s, run), "run 2")
	ended := lastFailed(s.AssertRun(s.ID(""), first, failed))
	s.Equal(ended.GetRetryState(), enums.RETRY_STATE_IN_PROGRESS)
	events := s.AssertRun(s.ID(""), ended.GetNewExecutionRunId(), greeted)
	it := events[0].GetWorkflowExecutionStartedEventAttributes()
	s.Equal(it.GetAttempt(), int32(2))
	s.Equal(it.GetContinuedExecutionRunId(), first)
	s.Equal(it.GetContinuedFailure().GetMessage(), "run 1 fails")
	s.RefusesLateSignal(s.ID(""))
}

func aWorkflowThatFailsForGood(s *harness.Scenario) {
	s.Worker()
	options := s.Options("")
	options.RetryPolicy = &temporal.RetryPolicy{NonRetryableErrorTypes: []string{"Planned"}}
	run := s.StartWith(options, work.Flaky, 2)
	s.Equal(harness.As[*temporal.ApplicationError](s, s.FailureOf(run)).Message(), "run 1 fails")
	ended := lastFailed(s.AssertHistory(run, failed))
	s.Equal(ended.GetRetryState(), enums.RETRY_STATE_NON_RETRYABLE_FAILURE)
	s.Equal(ended.GetNewExecutionRunId(), "")
	s.RefusesLateSignal(s.ID(""))
	options = s.Options("other")
	options.RetryPolicy = &temporal.RetryPolicy{BackoffCoefficient: 0.5}
	_, err := s.Client.ExecuteWorkflow(s.Ctx, options, work.Flaky, 2)
	s.Refused(err, "InvalidArgument")
}

func aWorkflowGoesOnAsNew(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Relay, 1, 3)
	first := run.GetRunID()
	s.Equal(harness.Result[int](s, run), 3)
	id := first
	for range 2 {
		events := s.AssertRun(s.ID(""), id, "WorkflowExecutionStarted, "+harness.Task+", WorkflowExecutionContinuedAsNew")
		id = events[4].GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	events := s.AssertRun(s.ID(""), id, greeted)
	s.Equal(events[0].GetWorkflowExecutionStartedEventAttributes().GetFirstExecutionRunId(), first)
	alone := client.WorkflowRunGetOptions{DisableFollowingRuns: true}
	err := s.Client.GetWorkflow(s.Ctx, s.ID(""), first).GetWithOptions(s.Ctx, nil, alone)
	var goesOn *workflow.ContinueAsNewError
	s.Equal(errors.As(err, &goesOn), true)
	s.RefusesLateSignal(s.ID(""))
}
