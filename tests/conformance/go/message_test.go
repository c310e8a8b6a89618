package conformance

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Signals and queries.
func messageScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"signals_keep_their_order":                      signalsKeepTheirOrder,
		"a_repeated_signal_is_taken_once":               aRepeatedSignalIsTakenOnce,
		"a_query_answers_for_open_and_closed_workflows": aQueryAnswersForOpenAndClosedWorkflows,
		"a_query_can_be_rejected_by_status":             aQueryCanBeRejectedByStatus,
	})
}

func someWords() []string {
	var words []string
	for n := range 20 {
		words = append(words, fmt.Sprintf("word %d", n))
	}
	return append(words, "end")
}

func signalsKeepTheirOrder(s *harness.Scenario) {
	run := s.Start(work.Collector)
	words := someWords()
	for _, word := range words {
		s.Give(s.ID(""), word)
	}
	s.Worker()
	s.Equal(harness.Result[[]string](s, run), words)
	s.AssertHistory(run, waiting+`, WorkflowExecutionSignaled*21, WorkflowTaskStarted, WorkflowTaskCompleted,
		WorkflowExecutionCompleted`)
	s.RefusesLateSignal(s.ID(""))
}

// A signal with a request id: the SDK makes one for each of its calls.
func once(s *harness.Scenario) *workflowservice.SignalWorkflowExecutionRequest {
	input, err := converter.GetDefaultDataConverter().ToPayloads("once")
	s.Ok(err)
	return &workflowservice.SignalWorkflowExecutionRequest{
		Namespace:         "default",
		WorkflowExecution: &common.WorkflowExecution{WorkflowId: s.ID("")},
		SignalName:        "give",
		Input:             input,
		RequestId:         uuid.NewString(),
	}
}

func aRepeatedSignalIsTakenOnce(s *harness.Scenario) {
	run := s.Start(work.Collector)
	request := once(s)
	for range 2 {
		_, err := s.Raw.SignalWorkflowExecution(s.Ctx, request)
		s.Ok(err)
	}
	s.Give(s.ID(""), "end")
	s.Worker()
	s.Equal(harness.Result[[]string](s, run), []string{"once", "end"})
	s.AssertHistory(run, waiting+`, WorkflowExecutionSignaled*2, WorkflowTaskStarted, WorkflowTaskCompleted,
		WorkflowExecutionCompleted`)
	s.RefusesLateSignal(s.ID(""))
}

// The words of a collector, by query.
func words(s *harness.Scenario, id string) []string {
	answer, err := s.Client.QueryWorkflow(s.Ctx, id, "", "words")
	s.Ok(err)
	words := []string{}
	s.Ok(answer.Get(&words))
	return words
}

func aQueryAnswersForOpenAndClosedWorkflows(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Collector)
	s.Equal(words(s, s.ID("")), []string{})
	s.Give(s.ID(""), "one")
	s.UntilEvent(s.ID(""), "WorkflowTaskCompleted", 2)
	s.Equal(words(s, s.ID("")), []string{"one"})
	s.Give(s.ID(""), "end")
	s.Equal(harness.Result[[]string](s, run), []string{"one", "end"})
	// A closed workflow is replayed to be asked.
	s.Equal(words(s, s.ID("")), []string{"one", "end"})
	_, err := s.Client.QueryWorkflow(s.Ctx, s.ID(""), "", "weight")
	s.Refused(err, "InvalidArgument")
	_, err = s.Client.QueryWorkflow(s.Ctx, s.ID("absent"), "", "words")
	s.Refused(err, "NotFound")
	signaled := "WorkflowExecutionSignaled, " + harness.Task + ", "
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", "+signaled+signaled+"WorkflowExecutionCompleted")
}

func aQueryCanBeRejectedByStatus(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Collector)
	ask := func(condition enums.QueryRejectCondition) *client.QueryWorkflowWithOptionsResponse {
		answer, err := s.Client.QueryWorkflowWithOptions(s.Ctx, &client.QueryWorkflowWithOptionsRequest{
			WorkflowID: s.ID(""), QueryType: "words", QueryRejectCondition: condition,
		})
		s.Ok(err)
		return answer
	}
	found := []string{}
	s.Ok(ask(enums.QUERY_REJECT_CONDITION_NOT_OPEN).QueryResult.Get(&found))
	s.Equal(len(found), 0)
	s.Give(s.ID(""), "end")
	s.Equal(slices.Equal(harness.Result[[]string](s, run), []string{"end"}), true)
	rejected := ask(enums.QUERY_REJECT_CONDITION_NOT_OPEN).QueryRejected
	if rejected == nil {
		s.Fatalf("the query was answered")
	}
	s.Same("status", rejected.GetStatus().String())
	s.Ok(ask(enums.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY).QueryResult.Get(&found))
	s.Equal(found, []string{"end"})
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+", WorkflowExecutionSignaled, "+harness.Task+
		", WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}
