package harness

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
)

const patience = 30 * time.Second

// Scenario is what one scenario holds in its hands: a client, names of its own, workers, and its assertions.
//
// A scenario that asserted no history or no refusal has not done its work and fails.
type Scenario struct {
	*testing.T
	suite *Suite
	name  string
	nonce string
	own   *server

	// Ctx ends when the scenario has taken too long.
	Ctx     context.Context
	Address string
	Client  client.Client
	// Raw is the public API without an SDK. It names itself as tools do, whom the server shows no workflow task that is
	// under way but not yet written.
	Raw workflowservice.WorkflowServiceClient

	closers   []func()
	histories int
	refusals  int
	reason    string
}

func (s *Scenario) open(ownServer bool) {
	ctx, cancel := context.WithTimeout(context.Background(), scenarioLimit)
	s.Ctx, s.nonce, s.Address = ctx, uuid.NewString()[:8], s.suite.shared
	s.defers(cancel)
	if ownServer {
		own, err := s.suite.launch.server(true)
		s.Ok(err)
		s.own = own
		s.defers(own.dispose)
		s.Ok(own.start(ctx))
		s.Address = own.address()
	}
	s.Client = s.Connect("default")
	conn, err := dial(s.Address)
	s.Ok(err)
	s.defers(func() { _ = conn.Close() })
	s.Raw = workflowservice.NewWorkflowServiceClient(conn)
}

func (s *Scenario) defers(closer func()) { s.closers = append(s.closers, closer) }

func (s *Scenario) close() {
	for index := len(s.closers) - 1; index >= 0; index-- {
		s.closers[index]()
	}
}

func (s *Scenario) assertComplete() {
	s.Helper()
	s.Ok(s.suite.recording.compare(s.name))
	if s.histories == 0 || s.refusals == 0 {
		s.Fatalf("this scenario asserts %d histories and %d refusals: at least one of each", s.histories, s.refusals)
	}
}

// Failing

func (s *Scenario) note(reason string) {
	if s.reason == "" {
		s.reason, _, _ = strings.Cut(reason, "\n")
	}
}

// Fatalf ends the scenario.
func (s *Scenario) Fatalf(format string, args ...any) {
	s.Helper()
	s.note(fmt.Sprintf(format, args...))
	s.T.Fatalf(format, args...)
}

// Ok ends the scenario if there is an error.
func (s *Scenario) Ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%v", err)
	}
}

// Equal ends the scenario if the two differ.
func (s *Scenario) Equal(got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%#v instead of %#v", got, want)
	}
}

// Names

// ID gives a workflow id that no other scenario and no earlier run of this one has used.
func (s *Scenario) ID(suffix string) string {
	if suffix != "" {
		suffix = "-" + suffix
	}
	return s.name + "-" + s.nonce + suffix
}

// Queue is the scenario's own task queue.
func (s *Scenario) Queue() string { return "queue-" + s.nonce }

// Wfctl is the binary of that name.
func (s *Scenario) Wfctl() string {
	if s.suite.launch.WfctlBin == "" {
		s.Fatalf("say with -wfctl-bin which wfctl")
	}
	return s.suite.launch.WfctlBin
}

// Servers

// Connect gives a client with a connection of its own.
func (s *Scenario) Connect(namespace string) client.Client {
	c, err := Connect(s.Ctx, s.Address, namespace)
	s.Ok(err)
	s.defers(c.Close)
	return c
}

// KillServer is kill -9.
func (s *Scenario) KillServer() { s.Ok(s.own.kill()) }

// ReviveServer starts the killed server again, and comes back when this scenario's own clients have found it.
func (s *Scenario) ReviveServer() {
	s.Ok(s.own.start(s.Ctx))
	s.Until("the clients to find the server again", func() bool {
		_, first := s.Client.WorkflowService().GetSystemInfo(s.Ctx, &workflowservice.GetSystemInfoRequest{}, brief)
		_, second := s.Raw.GetSystemInfo(s.Ctx, &workflowservice.GetSystemInfoRequest{}, brief)
		return first == nil && second == nil
	})
}

// While the connection is down a call is to fail at once, not to wait.
var brief = grpc.WaitForReady(false)

// RestartServer is kill -9 and a new start on the same data.
func (s *Scenario) RestartServer() {
	s.KillServer()
	s.ReviveServer()
}

// Calls

// Options of a workflow that is to be started; an id that is taken is an error.
func (s *Scenario) Options(suffix string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: s.ID(suffix), TaskQueue: s.Queue(), WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
}

// Start starts the scenario's workflow.
func (s *Scenario) Start(workflow any, args ...any) client.WorkflowRun {
	s.Helper()
	return s.StartWith(s.Options(""), workflow, args...)
}

// StartWith starts a workflow with other options than most.
func (s *Scenario) StartWith(options client.StartWorkflowOptions, workflow any, args ...any) client.WorkflowRun {
	s.Helper()
	run, err := s.Client.ExecuteWorkflow(s.Ctx, options, workflow, args...)
	s.Ok(err)
	return run
}

// SideBySide does so many things at once and ends the scenario with the first error.
func (s *Scenario) SideBySide(count int, do func(int) error) {
	s.Helper()
	errs := make([]error, count)
	var all sync.WaitGroup
	for n := range count {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[n] = do(n)
		}()
	}
	all.Wait()
	s.Ok(errors.Join(errs...))
}

// Give signals a word to a collector.
func (s *Scenario) Give(id, word string) {
	s.Helper()
	s.Ok(s.Client.SignalWorkflow(s.Ctx, id, "", "give", word))
}

// Result is the result of a workflow that completes.
func Result[T any](s *Scenario, run client.WorkflowRun) T {
	s.Helper()
	result, err := TryResult[T](s, run)
	s.Ok(err)
	return result
}

// TryResult asks again where the SDK itself gives up because the server is away for too long.
func TryResult[T any](s *Scenario, run client.WorkflowRun) (T, error) {
	for {
		var result T
		err := run.Get(s.Ctx, &result)
		var away *serviceerror.Unavailable
		if !errors.As(err, &away) {
			return result, err
		}
	}
}

// FailureOf is how a workflow that does not complete ended, as the SDK tells it.
func (s *Scenario) FailureOf(run client.WorkflowRun) error {
	s.Helper()
	err := run.Get(s.Ctx, nil)
	if err == nil {
		s.Fatalf("the workflow completed")
	}
	return err
}

// As gives the error of type E in the chain of err.
func As[E error](s *Scenario, err error) E {
	s.Helper()
	var found E
	if !errors.As(err, &found) {
		s.Fatalf("no %T in %v", found, err)
	}
	return found
}

// Describe describes a workflow.
func (s *Scenario) Describe(id string) *workflowservice.DescribeWorkflowExecutionResponse {
	s.Helper()
	described, err := s.Client.DescribeWorkflowExecution(s.Ctx, id, "")
	s.Ok(err)
	return described
}

// Events gives the whole history, page by page.
func (s *Scenario) Events(id, runID string) []*history.HistoryEvent {
	s.Helper()
	events, err := s.events(id, runID)
	s.Ok(err)
	return events
}

func (s *Scenario) events(id, runID string) ([]*history.HistoryEvent, error) {
	var events []*history.HistoryEvent
	request := &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: "default",
		Execution: &common.WorkflowExecution{WorkflowId: id, RunId: runID},
	}
	for {
		page, err := s.Raw.GetWorkflowExecutionHistory(s.Ctx, request)
		if err != nil {
			return nil, err
		}
		events = append(events, page.GetHistory().GetEvents()...)
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return events, nil
		}
	}
}

// Waiting

// Until asks until the condition holds.
func (s *Scenario) Until(what string, condition func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("still waiting after %v for %s", patience, what)
		}
	}
}

// UntilEvent waits until the history holds so many events of that type.
func (s *Scenario) UntilEvent(id, name string, count int) {
	s.Helper()
	s.Until(fmt.Sprintf("%s number %d of %s", name, count, id), func() bool {
		events, err := s.events(id, "")
		return err == nil && Count(events, name) >= count
	})
}

// Assertions

// AssertHistory asserts the exact sequence of event types; the SDK's replayer must accept the history too.
func (s *Scenario) AssertHistory(of client.WorkflowRun, expected string) []*history.HistoryEvent {
	s.Helper()
	return s.AssertRun(of.GetID(), of.GetRunID(), expected)
}

// AssertRun is AssertHistory for a run that nobody holds a handle of.
func (s *Scenario) AssertRun(id, runID, expected string) []*history.HistoryEvent {
	s.Helper()
	events := s.AssertEvents(id, runID, expected)
	s.Ok(Replay(&history.History{Events: events}))
	s.histories++
	return events
}

// AssertEvents asserts the sequence of event types, and that the history is sound.
func (s *Scenario) AssertEvents(id, runID, expected string) []*history.HistoryEvent {
	s.Helper()
	events := s.Events(id, runID)
	s.Ok(checkTypes(events, expected))
	s.Ok(checkSound(events))
	return events
}

// Refused asserts that the call failed with this code; text and details are those that Temporal's server gave.
func (s *Scenario) Refused(err error, code string) {
	s.Helper()
	s.refused(err, code, true)
}

// RefusedInItsWords is Refused where Temporal's text speaks of its own insides and another one may say it better.
func (s *Scenario) RefusedInItsWords(err error, code string) {
	s.Helper()
	s.refused(err, code, false)
}

func (s *Scenario) refused(err error, code string, words bool) {
	s.Helper()
	if err == nil {
		s.Fatalf("the call was answered: it should be refused with %s", code)
	}
	status := serviceerror.ToStatus(err)
	if status.Code().String() != code {
		s.Fatalf("%v instead of %s: %v", status.Code(), code, err)
	}
	details := []string{}
	for _, detail := range status.Proto().GetDetails() {
		details = append(details, detail.GetTypeUrl()[strings.LastIndex(detail.GetTypeUrl(), "/")+1:])
	}
	fact := map[string]any{"code": code, "details": details, "message": nil}
	if words {
		fact["message"] = s.scrub(status.Message())
	}
	s.refusals++
	s.Same(fmt.Sprintf("refusal %d", s.refusals), fact)
}

// RefusesLateSignal is what most scenarios end with: nothing can be said to a workflow that has closed.
func (s *Scenario) RefusesLateSignal(id string) {
	s.Helper()
	s.Refused(s.Client.SignalWorkflow(s.Ctx, id, "", "late", nil), "NotFound")
}

// Same asserts that the fact is what was recorded from Temporal's server under this label.
func (s *Scenario) Same(label string, fact any) {
	s.Helper()
	s.Ok(s.suite.recording.note(s.name, label, fact))
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// A text without what differs from run to run.
func (s *Scenario) scrub(text string) string {
	return uuids.ReplaceAllString(strings.ReplaceAll(text, s.nonce, "N"), "<uuid>")
}
