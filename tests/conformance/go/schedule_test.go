package conformance

import (
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Schedules: what they start and when, what they leave out, and that they outlive the server.
func scheduleScenarios() []harness.Entry {
	return append(
		on(harness.SharedServer, map[string]func(*harness.Scenario){
			"a_schedule_acts_until_its_actions_are_used_up": aScheduleActs,
			"a_schedule_skips_what_overlaps":                aScheduleSkipsWhatOverlaps,
			"a_backfill_acts_for_every_time_of_its_range":   aBackfillActsForEveryTime,
		}),
		on(harness.OwnServer, map[string]func(*harness.Scenario){
			"a_schedule_outlives_the_server": aScheduleOutlivesTheServer,
		})...,
	)
}

// A schedule of the scenario's, which acts every so often; with what else it is to be.
func schedule(s *harness.Scenario, every time.Duration, workflow any, args []any, change func(*client.ScheduleOptions)) (client.ScheduleHandle, error) {
	options := client.ScheduleOptions{
		ID:     s.ID("schedule"),
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}},
		Action: &client.ScheduleWorkflowAction{ID: s.ID(""), Workflow: workflow, Args: args, TaskQueue: s.Queue()},
	}
	change(&options)
	return s.Client.ScheduleClient().Create(s.Ctx, options)
}

func untilSchedule(s *harness.Scenario, handle client.ScheduleHandle, what string, holds func(*client.ScheduleDescription) bool) *client.ScheduleDescription {
	s.Helper()
	var found *client.ScheduleDescription
	s.Until(what, func() bool {
		var err error
		found, err = handle.Describe(s.Ctx)
		s.Ok(err)
		return holds(found)
	})
	return found
}

// The workflows that a schedule has started, the oldest first.
func startedBy(found *client.ScheduleDescription) []client.ScheduleWorkflowExecution {
	var executions []client.ScheduleWorkflowExecution
	for _, action := range found.Info.RecentActions {
		executions = append(executions, *action.StartWorkflowResult)
	}
	return executions
}

func greetsOnce(s *harness.Scenario, id, runID string) {
	s.Helper()
	s.Equal(harness.Result[string](s, s.Client.GetWorkflow(s.Ctx, id, runID)), "Hello, you!")
	s.AssertRun(id, runID, greeted)
}

func aScheduleActs(s *harness.Scenario) {
	s.Worker()
	twice := func(options *client.ScheduleOptions) { options.RemainingActions = 2 }
	handle, err := schedule(s, time.Second, work.Greeter, []any{"you"}, twice)
	s.Ok(err)
	found := untilSchedule(s, handle, "two actions", func(it *client.ScheduleDescription) bool { return it.Info.NumActions == 2 })
	s.Equal(found.Schedule.State.RemainingActions, 0)
	s.Equal(len(found.Info.NextActionTimes), 0)
	for _, execution := range startedBy(found) {
		greetsOnce(s, execution.WorkflowID, execution.FirstExecutionRunID)
	}
	s.Ok(handle.Pause(s.Ctx, client.SchedulePauseOptions{Note: "enough"}))
	found = untilSchedule(s, handle, "the pause", func(it *client.ScheduleDescription) bool { return it.Schedule.State.Paused })
	s.Equal(found.Schedule.State.Note, "enough")
	_, err = schedule(s, time.Second, work.Greeter, []any{"you"}, twice)
	// The SDK has an error of its own for it.
	s.Equal(err, temporal.ErrScheduleAlreadyRunning)
	s.Ok(handle.Delete(s.Ctx))
	_, err = handle.Describe(s.Ctx)
	s.Refused(err, "NotFound")
}

func aScheduleSkipsWhatOverlaps(s *harness.Scenario) {
	s.Worker()
	paused := func(options *client.ScheduleOptions) { options.Paused = true }
	handle, err := schedule(s, time.Hour, work.Collector, nil, paused)
	s.Ok(err)
	s.Ok(handle.Trigger(s.Ctx, client.ScheduleTriggerOptions{}))
	found := untilSchedule(s, handle, "the first one to run", func(it *client.ScheduleDescription) bool {
		return len(it.Info.RunningWorkflows) == 1
	})
	first := found.Info.RunningWorkflows[0]
	s.UntilEvent(first.WorkflowID, "WorkflowTaskCompleted", 1)
	s.Ok(handle.Trigger(s.Ctx, client.ScheduleTriggerOptions{}))
	found = untilSchedule(s, handle, "the second one to be skipped", func(it *client.ScheduleDescription) bool {
		return it.Info.NumActionsSkippedOverlap == 1
	})
	s.Equal(found.Info.NumActions, 1)
	s.Equal(found.Info.RunningWorkflows, []client.ScheduleWorkflowExecution{first})
	s.Give(first.WorkflowID, "end")
	run := s.Client.GetWorkflow(s.Ctx, first.WorkflowID, first.FirstExecutionRunID)
	s.Equal(harness.Result[[]string](s, run), []string{"end"})
	s.AssertRun(first.WorkflowID, first.FirstExecutionRunID, twoTasks)
	s.RefusesLateSignal(first.WorkflowID)
}

func aBackfillActsForEveryTime(s *harness.Scenario) {
	s.Worker()
	paused := func(options *client.ScheduleOptions) { options.Paused = true }
	handle, err := schedule(s, time.Hour, work.Greeter, []any{"you"}, paused)
	s.Ok(err)
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	s.Ok(handle.Backfill(s.Ctx, client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{
		{Start: begin, End: begin.Add(2 * time.Hour), Overlap: enums.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL},
	}}))
	found := untilSchedule(s, handle, "all of them", func(it *client.ScheduleDescription) bool { return it.Info.NumActions == 3 })
	for hour, execution := range startedBy(found) {
		at := begin.Add(time.Duration(hour) * time.Hour).Format(time.RFC3339)
		s.Equal(execution.WorkflowID, s.ID("")+"-"+at)
		greetsOnce(s, execution.WorkflowID, execution.FirstExecutionRunID)
	}
	s.Ok(handle.Delete(s.Ctx))
	_, err = handle.Describe(s.Ctx)
	s.Refused(err, "NotFound")
}

// Its workflows wait for a worker until the server is back: so none of their tasks is lost with it.
func aScheduleOutlivesTheServer(s *harness.Scenario) {
	handle, err := schedule(s, time.Second, work.Greeter, []any{"you"}, func(options *client.ScheduleOptions) {
		options.RemainingActions, options.Overlap = 3, enums.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL
	})
	s.Ok(err)
	untilSchedule(s, handle, "the first action", func(it *client.ScheduleDescription) bool { return it.Info.NumActions >= 1 })
	s.RestartServer()
	found := untilSchedule(s, handle, "the last action", func(it *client.ScheduleDescription) bool { return it.Info.NumActions == 3 })
	s.Equal(found.Schedule.State.RemainingActions, 0)
	s.Worker()
	ids := map[string]bool{}
	for _, execution := range startedBy(found) {
		ids[execution.WorkflowID] = true
		greetsOnce(s, execution.WorkflowID, execution.FirstExecutionRunID)
	}
	s.Equal(len(ids), 3)
	s.Ok(handle.Delete(s.Ctx))
	_, err = handle.Describe(s.Ctx)
	s.Refused(err, "NotFound")
}
