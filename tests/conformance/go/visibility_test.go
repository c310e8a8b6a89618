package conformance

import (
	"fmt"
	"slices"

	"go.temporal.io/api/workflowservice/v1"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Lists and counts.
func visibilityScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"workflows_are_listed_and_counted_by_what_they_are": workflowsAreListedAndCounted,
	})
}

func list(s *harness.Scenario, query string, size int32) []string {
	var ids []string
	request := &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: size}
	for {
		page, err := s.Client.ListWorkflow(s.Ctx, request)
		s.Ok(err)
		if size > 0 && len(page.GetExecutions()) > int(size) {
			s.Fatalf("%d on a page of %d", len(page.GetExecutions()), size)
		}
		for _, each := range page.GetExecutions() {
			ids = append(ids, each.GetExecution().GetWorkflowId())
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			slices.Sort(ids)
			return ids
		}
	}
}

func workflowsAreListedAndCounted(s *harness.Scenario) {
	s.Worker()
	var greeters []string
	for n := range 5 {
		options := s.Options(fmt.Sprintf("greeter-%d", n))
		greeters = append(greeters, options.ID)
		harness.Result[string](s, s.StartWith(options, work.Greeter, "you"))
	}
	_ = s.FailureOf(s.StartWith(s.Options("flaky"), work.Flaky, 2))
	open := s.StartWith(s.Options("open"), work.Collector)
	count := func(query string) (int64, error) {
		query = fmt.Sprintf("TaskQueue = '%s' AND (%s)", s.Queue(), query)
		answer, err := s.Client.CountWorkflow(s.Ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		return answer.GetCount(), err
	}
	// Temporal's index follows a little later.
	s.Until("the index to know of all", func() bool {
		closed, err := count("ExecutionStatus != 'Running'")
		s.Ok(err)
		running, err := count("ExecutionStatus = 'Running'")
		s.Ok(err)
		return closed == 6 && running == 1
	})
	for query, expected := range map[string]int64{
		"WorkflowType = 'Greeter'": 5,
		"ExecutionStatus = 'Completed' AND WorkflowType IN ('Greeter', 'Flaky')": 5,
		"ExecutionStatus = 'Failed'":                     1,
		"WorkflowType = 'Greeter' AND CloseTime IS NULL": 0,
		"WorkflowType != 'Greeter'":                      2,
	} {
		found, err := count(query)
		s.Ok(err)
		if found != expected {
			s.Fatalf("%d instead of %d: %s", found, expected, query)
		}
	}
	queue := fmt.Sprintf("TaskQueue = '%s'", s.Queue())
	s.Equal(list(s, queue+" AND WorkflowType STARTS_WITH 'Gree'", 0), greeters)
	s.Equal(len(list(s, queue, 2)), 7)
	for _, nonsense := range []string{"NoSuchAttribute = 'x'", "WorkflowType >", "ExecutionStatus = 'Asleep'"} {
		_, err := count(nonsense)
		s.RefusedInItsWords(err, "InvalidArgument")
	}
	s.AssertHistory(open, "WorkflowExecutionStarted, "+harness.Task)
}
