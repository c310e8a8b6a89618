package conformance

import (
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Activities: results, retries, failures for good, cancellation.
func activityScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"an_activity_gives_its_result":                        anActivityGivesItsResult,
		"an_activity_is_retried_until_it_succeeds":            anActivityIsRetriedUntilItSucceeds,
		"a_failure_for_good_is_not_retried":                   aFailureForGoodIsNotRetried,
		"a_type_of_failure_can_be_named_non_retryable":        aTypeOfFailureCanBeNamedNonRetryable,
		"attempts_come_to_an_end":                             attemptsComeToAnEnd,
		"a_cancelled_activity_is_told_and_cleaned_up_after":   aCancelledActivityIsTold,
		"a_workflow_need_not_wait_for_its_cancelled_activity": aWorkflowNeedNotWait,
	})
}

const (
	oneActivity = "WorkflowExecutionStarted, " + harness.Task + ", " + harness.Activity + ", " + harness.Task +
		", WorkflowExecutionCompleted"
	failedActivity = "WorkflowExecutionStarted, " + harness.Task +
		", ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed, " + harness.Task + ", WorkflowExecutionFailed"
)

// What the first ActivityTaskStarted says.
func started(events []*history.HistoryEvent) *history.ActivityTaskStartedEventAttributes {
	for _, event := range events {
		if it := event.GetActivityTaskStartedEventAttributes(); it != nil {
			return it
		}
	}
	return nil
}

func anActivityGivesItsResult(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Runner, work.NewErrand("Echo", "word"))
	s.Equal(harness.Result[string](s, run), "word")
	events := s.AssertHistory(run, oneActivity)
	s.Equal(string(events[4].GetUserMetadata().GetSummary().GetData()), `"an errand"`)
	s.RefusesLateSignal(s.ID(""))
}

func anActivityIsRetriedUntilItSucceeds(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Runner, work.NewErrand("SucceedsAt", "3"))
	s.Equal(harness.Result[string](s, run), "attempt 3")
	it := started(s.AssertHistory(run, oneActivity))
	s.Equal(it.GetAttempt(), int32(3))
	s.Equal(it.GetLastFailure().GetMessage(), "attempt 2 fails")
	s.RefusesLateSignal(s.ID(""))
}

func endsFailed(s *harness.Scenario, errand work.Errand, state enums.RetryState, attempt int32) {
	s.Worker()
	run := s.Start(work.Runner, errand)
	failure := s.FailureOf(run)
	s.Equal(harness.As[*temporal.ActivityError](s, failure).RetryState(), state)
	s.Equal(harness.As[*temporal.ApplicationError](s, failure).Message(), "no")
	s.Equal(started(s.AssertHistory(run, failedActivity)).GetAttempt(), attempt)
	s.RefusesLateSignal(s.ID(""))
}

func aFailureForGoodIsNotRetried(s *harness.Scenario) {
	endsFailed(s, work.NewErrand("FailsForGood", "no"), enums.RETRY_STATE_NON_RETRYABLE_FAILURE, 1)
}

func aTypeOfFailureCanBeNamedNonRetryable(s *harness.Scenario) {
	errand := work.NewErrand("Fails", "no")
	errand.NonRetryable = []string{"Planned"}
	endsFailed(s, errand, enums.RETRY_STATE_NON_RETRYABLE_FAILURE, 1)
}

func attemptsComeToAnEnd(s *harness.Scenario) {
	errand := work.NewErrand("Fails", "no")
	errand.AttemptsMax = 2
	endsFailed(s, errand, enums.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, 2)
}

func untilBegun(s *harness.Scenario, worker harness.Worker) {
	s.Until("the activity to begin", func() bool { return worker.Signs.Began() == 1 })
}

func aCancelledActivityIsTold(s *harness.Scenario) {
	// It hears of it by a heartbeat, so heartbeats should come often; that one is missed is not what this is about.
	worker := s.WorkerWith(worker.Options{MaxHeartbeatThrottleInterval: 100 * time.Millisecond})
	errand := work.NewErrand("Beats", "word")
	errand.Heartbeat, errand.CleansUp = 10_000, true
	run := s.Start(work.Runner, errand)
	untilBegun(s, worker)
	s.Ok(s.Client.CancelWorkflowWithOptions(s.Ctx, client.CancelWorkflowOptions{
		WorkflowID: s.ID(""), Reason: "no longer needed",
	}))
	s.Equal(harness.Result[string](s, run), "cleaned up")
	events := s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+
		", ActivityTaskScheduled, WorkflowExecutionCancelRequested, "+harness.Task+
		", ActivityTaskCancelRequested, ActivityTaskStarted, ActivityTaskCanceled, "+harness.Task+
		", "+harness.Activity+", "+harness.Task+", WorkflowExecutionCompleted")
	for _, event := range events {
		if it := event.GetActivityTaskCanceledEventAttributes(); it != nil {
			s.Equal(string(it.GetDetails().GetPayloads()[0].GetData()), `"stopped"`)
		}
	}
	s.RefusesLateSignal(s.ID(""))
}

func aWorkflowNeedNotWait(s *harness.Scenario) {
	worker := s.Worker()
	errand := work.NewErrand("Waits", "word")
	errand.Heartbeat = 10_000
	run := s.Start(work.Runner, errand)
	untilBegun(s, worker)
	s.Ok(s.Client.CancelWorkflow(s.Ctx, s.ID(""), ""))
	s.Equal(temporal.IsCanceledError(s.FailureOf(run)), true)
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+
		", ActivityTaskScheduled, WorkflowExecutionCancelRequested, "+harness.Task+
		", ActivityTaskCancelRequested, WorkflowExecutionCanceled")
	s.RefusesLateSignal(s.ID(""))
	worker.Signs.Release()
}
