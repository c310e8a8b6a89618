package conformance

import (
	"github.com/google/uuid"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Starting: ids in use, ids used before, eagerly, with a signal, with a cron schedule.
func startScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"a_workflow_gives_its_result":                      aWorkflowGivesItsResult,
		"an_id_in_use_is_refused":                          anIDInUseIsRefused,
		"an_id_in_use_can_be_joined_or_taken_over":         anIDInUseCanBeJoinedOrTakenOver,
		"reuse_of_an_id_depends_on_how_the_last_run_ended": reuseDependsOnTheLastRun,
		"a_signal_can_start_its_workflow":                  aSignalCanStartItsWorkflow,
		"a_start_can_bring_the_first_task_along":           aStartCanBringTheFirstTaskAlong,
		"a_cron_schedule_starts_run_after_run":             aCronScheduleStartsRunAfterRun,
	})
}

const (
	waiting = "WorkflowExecutionStarted, WorkflowTaskScheduled"
	greeted = "WorkflowExecutionStarted, " + harness.Task + ", WorkflowExecutionCompleted"
	failed  = "WorkflowExecutionStarted, " + harness.Task + ", WorkflowExecutionFailed"
)

func aWorkflowGivesItsResult(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Greeter, "Weft")
	s.Equal(harness.Result[string](s, run), "Hello, Weft!")
	s.AssertHistory(run, greeted)
	s.RefusesLateSignal(s.ID(""))
	s.RefusesLateSignal(s.ID("absent"))
}

func anIDInUseIsRefused(s *harness.Scenario) {
	first := s.Start(work.Collector)
	_, err := s.Client.ExecuteWorkflow(s.Ctx, s.Options(""), work.Collector)
	taken := harness.As[*serviceerror.WorkflowExecutionAlreadyStarted](s, err)
	s.Equal(taken.RunId, first.GetRunID())
	s.Refused(err, "AlreadyExists")
	s.AssertHistory(first, waiting)
}

func anIDInUseCanBeJoinedOrTakenOver(s *harness.Scenario) {
	start := func(policy enums.WorkflowIdConflictPolicy) (client.WorkflowRun, error) {
		options := s.Options("")
		options.WorkflowIDConflictPolicy = policy
		return s.Client.ExecuteWorkflow(s.Ctx, options, work.Collector)
	}
	first := s.Start(work.Collector)
	joined, err := start(enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
	s.Ok(err)
	s.Equal(joined.GetRunID(), first.GetRunID())
	heir, err := start(enums.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
	s.Ok(err)
	if heir.GetRunID() == first.GetRunID() {
		s.Fatalf("the run was not taken over")
	}
	s.Equal(temporal.IsTerminatedError(s.FailureOf(first)), true)
	events := s.AssertHistory(first, waiting+", WorkflowExecutionTerminated")
	it := events[2].GetWorkflowExecutionTerminatedEventAttributes()
	s.Same("reason", it.GetReason())
	s.Same("identity", it.GetIdentity())
	s.AssertHistory(heir, waiting)
	_, err = start(enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL)
	s.Refused(err, "AlreadyExists")
}

func reuseDependsOnTheLastRun(s *harness.Scenario) {
	const (
		always     = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
		ifItFailed = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
		never      = enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	)
	s.Worker()
	options := func(policy enums.WorkflowIdReusePolicy) client.StartWorkflowOptions {
		options := s.Options("")
		options.WorkflowIDReusePolicy = policy
		return options
	}
	refuses := func(policy enums.WorkflowIdReusePolicy) {
		_, err := s.Client.ExecuteWorkflow(s.Ctx, options(policy), work.Flaky, 1)
		s.Refused(err, "AlreadyExists")
	}
	first := s.StartWith(options(never), work.Flaky, 1)
	s.Equal(harness.Result[string](s, first), "run 1")
	refuses(never)
	refuses(ifItFailed)
	second := s.StartWith(options(always), work.Flaky, 2)
	_ = s.FailureOf(second)
	refuses(never)
	third := s.StartWith(options(ifItFailed), work.Flaky, 1)
	s.Equal(harness.Result[string](s, third), "run 1")
	s.AssertHistory(first, greeted)
	s.AssertHistory(second, failed)
	s.AssertHistory(third, greeted)
}

func aSignalCanStartItsWorkflow(s *harness.Scenario) {
	give := func(word string) (client.WorkflowRun, error) {
		options := s.Options("")
		options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
		return s.Client.SignalWithStartWorkflow(s.Ctx, s.ID(""), "give", word, options, work.Collector)
	}
	run, err := give("first")
	s.Ok(err)
	joined, err := give("end")
	s.Ok(err)
	s.Equal(joined.GetRunID(), run.GetRunID())
	s.Worker()
	s.Equal(harness.Result[[]string](s, run), []string{"first", "end"})
	_, err = give("late")
	s.Refused(err, "AlreadyExists")
	s.AssertHistory(run, `WorkflowExecutionStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled,
		WorkflowExecutionSignaled, WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted`)
}

// With a worker on the same client the answer to the start brings the first workflow task along.
func aStartCanBringTheFirstTaskAlong(s *harness.Scenario) {
	s.WorkerOn(s.Client)
	// The worker announces itself to its client when it first polls; until then nothing is asked for eagerly.
	s.Until("an eager start", func() bool {
		options := s.Options(uuid.NewString())
		options.EnableEagerStart = true
		run := s.StartWith(options, work.Greeter, "eager")
		s.Equal(harness.Result[string](s, run), "Hello, eager!")
		events := s.AssertHistory(run, greeted)
		return events[0].GetWorkflowExecutionStartedEventAttributes().GetEagerExecutionAccepted()
	})
	s.RefusesLateSignal(s.ID("absent"))
}

func aCronScheduleStartsRunAfterRun(s *harness.Scenario) {
	s.Worker()
	options := s.Options("")
	options.CronSchedule = "@every 1s"
	first := s.StartWith(options, work.Greeter, "again")
	// The SDK says that this one went on, though its history says: completed.
	err := first.GetWithOptions(s.Ctx, nil, client.WorkflowRunGetOptions{DisableFollowingRuns: true})
	harness.As[*workflow.ContinueAsNewError](s, err)
	second := nextRun(s, s.AssertHistory(first, greeted))
	s.Until("the second run to end", func() bool { return len(s.Events(s.ID(""), second)) == 5 })
	nextRun(s, s.AssertRun(s.ID(""), second, greeted))
	s.Ok(s.Client.TerminateWorkflow(s.Ctx, s.ID(""), "", "enough"))
	options = s.Options("other")
	options.CronSchedule = "every so often"
	_, err = s.Client.ExecuteWorkflow(s.Ctx, options, work.Greeter, "")
	s.Refused(err, "InvalidArgument")
}

// The run that follows on this one.
func nextRun(s *harness.Scenario, events []*history.HistoryEvent) string {
	last := events[len(events)-1].GetWorkflowExecutionCompletedEventAttributes().GetNewExecutionRunId()
	if last == "" {
		s.Fatalf("nothing follows")
	}
	return last
}
