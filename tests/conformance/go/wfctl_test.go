package conformance

import (
	"bytes"
	"os/exec"

	"go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// The JSON histories that people get from `wfctl`, replayed by the SDK.
func wfctlScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"histories_from_wfctl_are_replayed": historiesFromWfctlAreReplayed,
	})
}

func show(s *harness.Scenario, id string) ([]byte, error) {
	command := exec.CommandContext(s.Ctx, s.Wfctl(), "workflow", "show", id, "--address", s.Address, "--output", "json")
	return command.Output()
}

func replayJSON(s *harness.Scenario, text []byte) error {
	parsed, err := harness.ParseHistory(text)
	s.Ok(err)
	return harness.Replay(parsed)
}

func historiesFromWfctlAreReplayed(s *harness.Scenario) {
	s.Worker()
	tour := s.StartWith(s.Options("tour"), work.Tour, 1, 100)
	retried := s.StartWith(s.Options("retried"), work.Runner, work.NewErrand("SucceedsAt", "2"))
	hopeless := s.StartWith(s.Options("failed"), work.Runner, work.NewErrand("FailsForGood", "no"))
	local := s.StartWith(s.Options("local"), work.LocalRunner, work.LocalPlan{Deed: "SucceedsAt", Word: "2", RetryAfter: 50})
	patched := s.StartWith(s.Options("patched"), work.Patched)
	collector := s.StartWith(s.Options("collector"), work.Collector)
	s.Give(s.ID("collector"), "schön")
	s.Give(s.ID("collector"), "end")
	harness.Result[string](s, tour)
	harness.Result[string](s, retried)
	_ = s.FailureOf(hopeless)
	harness.Result[string](s, local)
	harness.Result[string](s, patched)
	harness.Result[[]string](s, collector)

	for _, name := range []string{"tour", "retried", "failed", "local", "patched", "collector"} {
		text, err := show(s, s.ID(name))
		s.Ok(err)
		s.Ok(replayJSON(s, text))
		// Nothing is lost on the way: the JSON holds the very events that the server gives.
		parsed, err := harness.ParseHistory(text)
		s.Ok(err)
		s.Equal(proto.Equal(parsed, &history.History{Events: s.Events(s.ID(name), "")}), true)
		if name == "tour" {
			// And the replayer does look: with another type of activity this is not what the code decides.
			other := bytes.Replace(text, []byte(`"Echo"`), []byte(`"Other"`), 1)
			s.Equal(replayJSON(s, other) == nil, false)
		}
	}
	_, err := show(s, s.ID("absent"))
	s.Equal(err == nil, false)
	s.AssertHistory(retried, oneActivity)
	s.AssertHistory(patched, marked+"UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID("tour"))
}
