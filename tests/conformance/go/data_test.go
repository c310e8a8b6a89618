package conformance

import (
	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"weft.invalid/conformance/harness"
	"weft.invalid/conformance/work"
)

// What a workflow carries with it: memo, search attributes, summaries, versions of its code.
func dataScenarios() []harness.Entry {
	return on(harness.SharedServer, map[string]func(*harness.Scenario){
		"a_memo_and_search_attributes_are_kept_and_changed": aMemoAndSearchAttributes,
		"a_workflow_says_what_it_is_about":                  aWorkflowSaysWhatItIsAbout,
		"a_patch_leaves_its_marker":                         aPatchLeavesItsMarker,
	})
}

func text(s *harness.Scenario, payload *common.Payload) string {
	s.Helper()
	var text string
	s.Ok(converter.GetDefaultDataConverter().FromPayload(payload, &text))
	return text
}

func aMemoAndSearchAttributes(s *harness.Scenario) {
	s.Worker()
	options := s.Options("")
	options.Memo = map[string]any{"colour": "blue", "size": 5}
	options.TypedSearchAttributes = temporal.NewSearchAttributes(work.BatcherUser.ValueSet("somebody"))
	run := s.StartWith(options, work.Labeller)
	s.Equal(harness.Result[work.Labels](s, run), work.Labels{User: "somebody", Colour: "blue"})
	info := s.Describe(s.ID("")).GetWorkflowExecutionInfo()
	memo := info.GetMemo().GetFields()
	s.Equal(text(s, memo["colour"]), "red")
	_, kept := memo["size"]
	s.Equal(kept, false)
	s.Equal(text(s, info.GetSearchAttributes().GetIndexedFields()["BatcherUser"]), "somebody else")
	s.AssertHistory(run, "WorkflowExecutionStarted, "+harness.Task+
		", WorkflowPropertiesModified, UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted")
	options = s.Options("other")
	unknown := temporal.NewSearchAttributeKeyKeyword("NoSuchAttribute")
	options.TypedSearchAttributes = temporal.NewSearchAttributes(unknown.ValueSet("x"))
	_, err := s.Client.ExecuteWorkflow(s.Ctx, options, work.Labeller)
	s.Refused(err, "InvalidArgument")
}

func aWorkflowSaysWhatItIsAbout(s *harness.Scenario) {
	options := s.Options("")
	options.StaticSummary, options.StaticDetails = "collects words", "until one of them is `end`"
	run := s.StartWith(options, work.Collector)
	described := s.Describe(s.ID(""))
	about := described.GetExecutionConfig().GetUserMetadata()
	s.Equal(text(s, about.GetSummary()), "collects words")
	s.Equal(text(s, about.GetDetails()), "until one of them is `end`")
	info := described.GetWorkflowExecutionInfo()
	s.Equal(info.GetType().GetName(), "Collector")
	s.Equal(info.GetHistoryLength(), int64(2))
	s.Same("status", info.GetStatus().String())
	s.Same("task timeout", described.GetExecutionConfig().GetDefaultWorkflowTaskTimeout().AsDuration().String())
	s.Same("pending task", described.GetPendingWorkflowTask() != nil)
	s.AssertHistory(run, waiting)
	_, err := s.Client.DescribeWorkflowExecution(s.Ctx, s.ID("absent"), "")
	s.Refused(err, "NotFound")
}

func aPatchLeavesItsMarker(s *harness.Scenario) {
	s.Worker()
	run := s.Start(work.Patched)
	s.Equal(harness.Result[string](s, run), "the better way")
	s.AssertHistory(run, marked+"UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted")
	s.RefusesLateSignal(s.ID(""))
}
