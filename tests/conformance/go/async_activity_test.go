package conformance

import (
	"bytes"
	"errors"

	"go.temporal.io/sdk/temporal"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Activities that somebody else than their worker completes: by task token, by id.
func asyncActivityScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"an_activity_is_completed_elsewhere_by_its_token": anActivityIsCompletedByItsToken,
		"an_activity_is_completed_elsewhere_by_its_id":    anActivityIsCompletedByItsID,
		"an_activity_that_fails_elsewhere_is_retried":     anActivityThatFailsElsewhereIsRetried,
	})
}

// The token of the activity, of an attempt after the one with that token.
func token(s *harness.Scenario, worker harness.Worker, after []byte) []byte {
	var token []byte
	s.Until("the activity's token", func() bool {
		token = worker.Signs.Token()
		return token != nil && !bytes.Equal(token, after)
	})
	return token
}

func anActivityIsCompletedByItsToken(s *harness.Scenario) {
	worker := s.Worker()
	run := s.Start(work.Runner, work.NewErrand("Elsewhere", ""))
	token := token(s, worker, nil)
	s.Ok(s.Client.RecordActivityHeartbeat(s.Ctx, token, "alive"))
	pending := s.Describe(s.ID("")).GetPendingActivities()
	s.Equal(string(pending[0].GetHeartbeatDetails().GetPayloads()[0].GetData()), `"alive"`)
	s.Ok(s.Client.CompleteActivity(s.Ctx, token, "done elsewhere", nil))
	s.Equal(harness.Result[string](s, run), "done elsewhere")
	// Not a second completion: Weft answers the last one as the first time when it is repeated.
	s.Refused(s.Client.RecordActivityHeartbeat(s.Ctx, token, "late"), "NotFound")
	s.Refused(s.Client.CompleteActivity(s.Ctx, []byte("garbage"), "x", nil), "InvalidArgument")
	s.AssertHistory(run, oneActivity)
}

func anActivityIsCompletedByItsID(s *harness.Scenario) {
	worker := s.Worker()
	run := s.Start(work.Runner, work.NewErrand("Elsewhere", ""))
	token(s, worker, nil)
	complete := func(id, result string) error {
		return s.Client.CompleteActivityByID(s.Ctx, "default", s.ID(""), "", id, result, nil)
	}
	id := s.Describe(s.ID("")).GetPendingActivities()[0].GetActivityId()
	s.Refused(complete("no such", "x"), "NotFound")
	s.Ok(complete(id, "done by id"))
	s.Equal(harness.Result[string](s, run), "done by id")
	s.Refused(complete(id, "x"), "NotFound")
	s.AssertHistory(run, oneActivity)
}

func anActivityThatFailsElsewhereIsRetried(s *harness.Scenario) {
	worker := s.Worker()
	errand := work.NewErrand("Elsewhere", "")
	errand.AttemptsMax = 2
	run := s.Start(work.Runner, errand)
	fail := func(token []byte) {
		s.Ok(s.Client.CompleteActivity(s.Ctx, token, nil, errors.New("failed elsewhere")))
	}
	first := token(s, worker, nil)
	fail(first)
	second := token(s, worker, first)
	s.Refused(s.Client.RecordActivityHeartbeat(s.Ctx, first, "late"), "NotFound")
	fail(second)
	failure := s.FailureOf(run)
	s.Equal(harness.As[*temporal.ApplicationError](s, failure).Message(), "failed elsewhere")
	s.Same("retry state", harness.As[*temporal.ActivityError](s, failure).RetryState().String())
	s.Equal(started(s.AssertHistory(run, failedActivity)).GetAttempt(), int32(2))
}
