package conformance

import (
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// The four timeouts of activities, and those of workflows.
func timeoutScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"an_activity_that_takes_too_long_times_out":           anActivityTakesTooLong,
		"an_activity_that_nobody_takes_times_out":             anActivityThatNobodyTakes,
		"all_attempts_together_time_out":                      allAttemptsTogetherTimeOut,
		"retries_stop_where_the_time_would_be_up":             retriesStopWhereTheTimeWouldBeUp,
		"a_silent_activity_is_retried_with_what_it_said_last": aSilentActivityIsRetried,
		"a_run_times_out":                                     aRunTimesOut,
		"an_execution_times_out_across_its_retries":           anExecutionTimesOut,
	})
}

func timesOut(s *harness.Scenario, errand work.Errand, which enums.TimeoutType, activity string) {
	worker := s.Worker()
	run := s.Start(work.Runner, errand)
	failure := s.FailureOf(run)
	ended := harness.As[*temporal.ActivityError](s, failure)
	cause := harness.As[*temporal.TimeoutError](s, ended)
	s.Equal(cause.TimeoutType(), which)
	s.Same("retry state", ended.RetryState().String())
	s.Same("message", cause.Message())
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", "+activity+", "+harness.Task+
		", WorkflowExecutionFailed")
	s.RefusesLateSignal(s.ID(""))
	worker.Signs.Release()
}

const timedOut = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskTimedOut"

func anActivityTakesTooLong(s *harness.Scenario) {
	errand := work.NewErrand("Waits", "word")
	errand.StartToClose, errand.AttemptsMax = 500, 1
	timesOut(s, errand, enums.TIMEOUT_TYPE_START_TO_CLOSE, timedOut)
}

func anActivityThatNobodyTakes(s *harness.Scenario) {
	errand := work.NewErrand("Echo", "word")
	errand.ScheduleToStart, errand.Queue = 500, s.Queue()+"-nobody"
	timesOut(s, errand, enums.TIMEOUT_TYPE_SCHEDULE_TO_START, "ActivityTaskScheduled, ActivityTaskTimedOut")
}

func allAttemptsTogetherTimeOut(s *harness.Scenario) {
	errand := work.NewErrand("Waits", "word")
	errand.ScheduleToClose = 3_000
	timesOut(s, errand, enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, timedOut)
}

func retriesStopWhereTheTimeWouldBeUp(s *harness.Scenario) {
	s.Worker()
	errand := work.NewErrand("Fails", "no")
	errand.ScheduleToClose, errand.RetryAfter = 5_000, 20_000
	run := s.Start(work.Runner, errand)
	failure := s.FailureOf(run)
	s.Equal(harness.As[*temporal.ActivityError](s, failure).RetryState(), enums.RETRY_STATE_TIMEOUT)
	s.Equal(harness.As[*temporal.ApplicationError](s, failure).Message(), "no")
	s.AssertHistory(run, failedActivity)
	s.RefusesLateSignal(s.ID(""))
}

func aSilentActivityIsRetried(s *harness.Scenario) {
	s.Worker()
	errand := work.NewErrand("Reads", "7")
	errand.Heartbeat = 4_000
	run := s.Start(work.Runner, errand)
	s.Equal(harness.Result[string](s, run), "read on from page 7")
	it := started(s.AssertHistory(run, oneActivity))
	// A first attempt that was slow to say anything is silent too, and the next says it then.
	if it.GetAttempt() < 2 {
		s.Fatalf("attempt %d", it.GetAttempt())
	}
	s.Equal(it.GetLastFailure().GetTimeoutFailureInfo().GetTimeoutType(), enums.TIMEOUT_TYPE_HEARTBEAT)
	s.RefusesLateSignal(s.ID(""))
}

func aRunTimesOut(s *harness.Scenario) {
	s.Worker()
	options := s.Options("")
	options.WorkflowRunTimeout = 3 * time.Second
	run := s.StartWith(options, work.Collector)
	s.Equal(temporal.IsTimeoutError(errors.Unwrap(s.FailureOf(run))), true)
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", WorkflowExecutionTimedOut")
	s.RefusesLateSignal(s.ID(""))
}

// The execution timeout bounds the whole chain: a retry that would begin after it is not made.
func anExecutionTimesOut(s *harness.Scenario) {
	s.Worker()
	options := s.Options("")
	options.WorkflowExecutionTimeout = 10 * time.Second
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 20}
	run := s.StartWith(options, work.Flaky, 9)
	first := run.GetRunID()
	s.Equal(harness.As[*temporal.ApplicationError](s, s.FailureOf(run)).Message(), "run 2 fails")
	s.AssertRun(s.ID(""), first, failed)
	last := s.AssertRun(s.ID(""), "", failed)
	s.Equal(last[0].GetWorkflowExecutionStartedEventAttributes().GetAttempt(), int32(2))
	s.RefusesLateSignal(s.ID(""))
}
