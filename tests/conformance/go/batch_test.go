package conformance

import (
	"fmt"
	"strconv"

	batchpb "go.temporal.io/api/batch/v1"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// Batch operations: one thing done to many workflows by the server, which may die meanwhile.
func batchScenarios() []harness.Entry {
	return append(
		on(harness.SharedServer, map[string]func(*harness.Scenario){
			"a_batch_terminates_what_a_query_finds": aBatchTerminatesWhatAQueryFinds,
			"a_batch_signals_listed_workflows":      aBatchSignalsListedWorkflows,
		}),
		on(harness.OwnServer, map[string]func(*harness.Scenario){
			"a_batch_outlives_the_server": aBatchOutlivesTheServer,
		})...,
	)
}

const twoTasks = "WorkflowExecutionStarted, " + harness.Task + ", WorkflowExecutionSignaled, " + harness.Task +
	", WorkflowExecutionCompleted"

func collectors(s *harness.Scenario, count int) []client.WorkflowRun {
	runs := make([]client.WorkflowRun, count)
	s.SideBySide(count, func(n int) (err error) {
		runs[n], err = s.Client.ExecuteWorkflow(s.Ctx, s.Options(strconv.Itoa(n)), work.Collector)
		return err
	})
	return runs
}

// The workflows of this scenario; Temporal's index follows a little later.
func untilListed(s *harness.Scenario, count int64) string {
	query := fmt.Sprintf("TaskQueue = '%s' AND WorkflowType = 'Collector'", s.Queue())
	s.Until("the index to know of all", func() bool {
		answer, err := s.Client.CountWorkflow(s.Ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		s.Ok(err)
		return answer.GetCount() == count
	})
	return query
}

func batchOf(s *harness.Scenario) *workflowservice.StartBatchOperationRequest {
	return &workflowservice.StartBatchOperationRequest{Namespace: "default", JobId: s.ID("job"), Reason: "the reason"}
}

func gives(s *harness.Scenario, word string) *workflowservice.StartBatchOperationRequest_SignalOperation {
	input, err := converter.GetDefaultDataConverter().ToPayloads(word)
	s.Ok(err)
	return &workflowservice.StartBatchOperationRequest_SignalOperation{
		SignalOperation: &batchpb.BatchOperationSignal{Signal: "give", Input: input, Identity: "operator"},
	}
}

// Asks again for as long as another batch runs: there is one at a time.
func inTurn(s *harness.Scenario, request *workflowservice.StartBatchOperationRequest) (err error) {
	s.Helper()
	s.Until("its turn", func() bool {
		_, err = s.Raw.StartBatchOperation(s.Ctx, request)
		return status.Code(err) != codes.ResourceExhausted
	})
	return err
}

func describeBatch(s *harness.Scenario) *workflowservice.DescribeBatchOperationResponse {
	answer, err := s.Raw.DescribeBatchOperation(s.Ctx, &workflowservice.DescribeBatchOperationRequest{
		Namespace: "default", JobId: s.ID("job"),
	})
	s.Ok(err)
	return answer
}

// The batch comes to its end, with all of so many done.
func untilBatchDone(s *harness.Scenario, count int64) {
	var found *workflowservice.DescribeBatchOperationResponse
	s.Until("the batch to end", func() bool {
		found = describeBatch(s)
		return found.GetState() != enums.BATCH_OPERATION_STATE_RUNNING
	})
	s.Equal(found.GetState(), enums.BATCH_OPERATION_STATE_COMPLETED)
	s.Equal(
		[]int64{found.GetTotalOperationCount(), found.GetCompleteOperationCount(), found.GetFailureOperationCount()},
		[]int64{count, count, 0},
	)
	s.Equal(found.GetReason(), "the reason")
}

func aBatchTerminatesWhatAQueryFinds(s *harness.Scenario) {
	runs := collectors(s, 3)
	request := batchOf(s)
	request.VisibilityQuery = untilListed(s, 3)
	request.Operation = &workflowservice.StartBatchOperationRequest_TerminationOperation{
		TerminationOperation: &batchpb.BatchOperationTermination{Identity: "operator"},
	}
	s.Ok(inTurn(s, request))
	untilBatchDone(s, 3)
	for _, run := range runs {
		events := s.AssertHistory(run, waiting+", WorkflowExecutionTerminated")
		s.Equal(events[2].GetWorkflowExecutionTerminatedEventAttributes().GetReason(), "the reason")
	}
	// The id of a batch is given once.
	s.Refused(inTurn(s, request), "AlreadyExists")
}

func aBatchSignalsListedWorkflows(s *harness.Scenario) {
	s.Worker()
	runs := collectors(s, 3)
	request := batchOf(s)
	for n, run := range runs {
		s.UntilEvent(run.GetID(), "WorkflowTaskCompleted", 1)
		execution := &common.WorkflowExecution{WorkflowId: run.GetID()}
		if n > 0 {
			execution.RunId = run.GetRunID()
		}
		request.Executions = append(request.Executions, execution)
	}
	request.Operation = gives(s, "end")
	s.Ok(inTurn(s, request))
	untilBatchDone(s, 3)
	for _, run := range runs {
		s.Equal(harness.Result[[]string](s, run), []string{"end"})
		s.AssertHistory(run, twoTasks)
	}
	_, err := s.Raw.StopBatchOperation(s.Ctx, &workflowservice.StopBatchOperationRequest{
		Namespace: "default", JobId: s.ID("job"), Reason: "too late", Identity: "operator",
	})
	s.Refused(err, "NotFound")
}

// Its workflows wait for a worker until the server is back: so none of their tasks is lost with it.
func aBatchOutlivesTheServer(s *harness.Scenario) {
	runs := collectors(s, 80)
	request := batchOf(s)
	request.VisibilityQuery = untilListed(s, 80)
	request.Operation = gives(s, "end")
	s.Ok(inTurn(s, request))
	s.Until("some to be signalled", func() bool { return describeBatch(s).GetCompleteOperationCount() >= 10 })
	s.RestartServer()
	untilBatchDone(s, 80)
	s.Worker()
	for n, run := range runs {
		s.Equal(harness.Result[[]string](s, run), []string{"end"})
		if n < 3 {
			s.AssertHistory(run, signalledBefore)
		}
		s.Equal(harness.Count(s.Events(run.GetID(), ""), "WorkflowExecutionSignaled"), 1)
	}
	s.RefusesLateSignal(s.ID("0"))
}

// A collector that heard its only word before its first task began.
const signalledBefore = waiting + ", WorkflowExecutionSignaled, WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted"
