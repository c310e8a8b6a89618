package conformance

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// kill -9 of the server: what was acknowledged is still there, once, and the work goes on.
func crashScenarios() []harness.Entry {
	return on(harness.OwnServer, map[string]func(*harness.Scenario){
		"a_timer_survives_the_server":                               aTimerSurvivesTheServer,
		"acknowledged_signals_survive_the_server":                   acknowledgedSignalsSurvive,
		"an_id_stays_taken_when_the_server_dies":                    anIDStaysTaken,
		"an_activity_in_backoff_survives_the_server":                anActivityInBackoffSurvives,
		"a_running_activity_outlives_the_server":                    aRunningActivityOutlivesTheServer,
		"a_closed_workflow_is_the_same_after_the_crash":             aClosedWorkflowIsTheSame,
		"accepted_and_completed_updates_survive_the_server":         updatesSurvive,
		"a_child_outlives_the_server":                               aChildOutlivesTheServer,
		"many_workflows_survive_a_server_that_dies_again_and_again": manyWorkflowsSurvive,
	})
}

func aTimerSurvivesTheServer(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Sleeper, 1_500)
	s.UntilEvent(s.ID(""), "TimerStarted", 1)
	s.RestartServer()
	s.Equal(harness.Result[string](s, run), "slept")
	s.AssertHistory(run, slept)
	s.RefusesLateSignal(s.ID(""))
}

func acknowledgedSignalsSurvive(s *harness.Scenario) {
	run := s.Start(work.Collector)
	words := someWords()
	for n, word := range words {
		if n == 10 {
			s.RestartServer()
		}
		s.Give(s.ID(""), word)
	}
	s.RestartServer()
	s.Worker()
	s.Equal(harness.Result[[]string](s, run), words)
	s.AssertHistory(run, waiting+`, WorkflowExecutionSignaled*21, WorkflowTaskStarted, WorkflowTaskCompleted,
		WorkflowExecutionCompleted`)
	s.RefusesLateSignal(s.ID(""))
}

func anIDStaysTaken(s *harness.Scenario) {
	request := once(s)
	run := s.Start(work.Collector)
	_, err := s.Raw.SignalWorkflowExecution(s.Ctx, request)
	s.Ok(err)
	s.RestartServer()
	_, err = s.Client.ExecuteWorkflow(s.Ctx, s.Options(""), work.Collector)
	s.Equal(harness.As[*serviceerror.WorkflowExecutionAlreadyStarted](s, err).RunId, run.GetRunID())
	s.Refused(err, "AlreadyExists")
	_, err = s.Raw.SignalWorkflowExecution(s.Ctx, request)
	s.Ok(err)
	s.AssertHistory(run, waiting+", WorkflowExecutionSignaled")
}

func anActivityInBackoffSurvives(s *harness.Scenario) {
	s.Worker()
	errand := work.NewErrand("SucceedsAt", "2")
	errand.RetryAfter = 2_000
	run := s.Start(work.Runner, errand)
	s.Until("the first attempt to fail", func() bool {
		pending := s.Describe(s.ID("")).GetPendingActivities()
		return len(pending) == 1 && pending[0].GetAttempt() == 2
	})
	s.RestartServer()
	s.Equal(harness.Result[string](s, run), "attempt 2")
	it := started(s.AssertHistory(run, oneActivity))
	s.Equal(it.GetAttempt(), int32(2))
	s.Equal(it.GetLastFailure().GetMessage(), "attempt 1 fails")
	s.RefusesLateSignal(s.ID(""))
}

// The worker keeps its activity, finds the server again, and reports to it.
func aRunningActivityOutlivesTheServer(s *harness.Scenario) {
	worker := s.Worker()
	errand := work.NewErrand("Beats", "all in one go")
	errand.Heartbeat = 20_000
	run := s.Start(work.Runner, errand)
	untilBegun(s, worker)
	results, waited := make([]string, 1), make(chan error, 1)
	go func() { waited <- collect(s, []client.WorkflowRun{run}, results) }()
	s.RestartServer()
	worker.Signs.Release()
	s.Ok(<-waited)
	s.Equal(results[0], "all in one go")
	s.Equal(started(s.AssertHistory(run, oneActivity)).GetAttempt(), int32(1))
	s.RefusesLateSignal(s.ID(""))
}

func aClosedWorkflowIsTheSame(s *harness.Scenario) {
	s.Worker()
	greeter := s.StartWith(s.Options("greeter"), work.Greeter, "once")
	run := s.Start(work.Collector)
	s.Give(s.ID(""), "end")
	harness.Result[[]string](s, run)
	s.Equal(harness.Result[string](s, greeter), "Hello, once!")
	before, greeting := s.Events(s.ID(""), ""), s.Events(s.ID("greeter"), "")
	s.RestartServer()
	s.Equal(same(s.Events(s.ID(""), ""), before), true)
	s.Equal(same(s.Events(s.ID("greeter"), ""), greeting), true)
	s.Equal(harness.Result[[]string](s, s.Client.GetWorkflow(s.Ctx, s.ID(""), "")), []string{"end"})
	s.Equal(words(s, s.ID("")), []string{"end"})
	s.AssertHistory(greeter, greeted)
	s.RefusesLateSignal(s.ID(""))
}

// The lengths of a few of the histories.
func lengths(s *harness.Scenario) []int {
	var lengths []int
	for n := range 3 {
		lengths = append(lengths, len(s.Events(s.ID(strconv.Itoa(n)), "")))
	}
	return lengths
}

func manyWorkflowsSurvive(s *harness.Scenario) {
	s.Worker()
	// A task that a crash takes along comes back after two seconds.
	runs := tours(s, 20, 1_000, 2*time.Second)
	results := make([]string, len(runs))
	waited := make(chan error, 1)
	go func() { waited <- collect(s, runs, results) }()
	done := len(strings.Split(toured, ","))
	for range 3 {
		// The next crash comes when something has happened since the last, or when all is done.
		before := lengths(s)
		s.Until("any progress", func() bool {
			now := lengths(s)
			return !slices.Equal(now, before) || slices.Min(now) >= done
		})
		s.RestartServer()
	}
	s.Ok(<-waited)
	for n, result := range results {
		s.Equal(result, there(n))
		events := s.Events(s.ID(strconv.Itoa(n)), "")
		// A crash may cost a workflow task its time; nothing else may differ from an undisturbed run.
		for name, times := range map[string]int{
			"WorkflowExecutionStarted": 1, "ActivityTaskScheduled": 2, "ActivityTaskCompleted": 2, "TimerStarted": 1,
			"TimerFired": 1, "WorkflowExecutionCompleted": 1,
		} {
			if found := harness.Count(events, name); found != times {
				s.Fatalf("%d of %s: %v", found, name, harness.Names(events))
			}
		}
		s.AssertEvents(s.ID(strconv.Itoa(n)), "", strings.Join(harness.Names(events), ", "))
	}
	s.AssertHistory(runs[0], strings.Join(harness.Names(s.Events(s.ID("0"), "")), ", "))
	s.RefusesLateSignal(s.ID("0"))
}

func collect(s *harness.Scenario, runs []client.WorkflowRun, results []string) error {
	for n, run := range runs {
		result, err := harness.TryResult[string](s, run)
		if err != nil {
			return err
		}
		results[n] = result
	}
	return nil
}
