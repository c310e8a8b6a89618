package harness

import (
	"bytes"
	"context"
	"io"
	"log/slog"

	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"weft.invalid/conformance/work"
)

// What SDKs log of failures that are planned helps nobody.
var silent = log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))

// Connect gives a client with a connection of its own.
func Connect(ctx context.Context, address, namespace string) (client.Client, error) {
	return client.DialContext(ctx, client.Options{
		HostPort: address, Namespace: namespace, Identity: "conformance-go", Logger: silent,
	})
}

// dial connects without an SDK.
func dial(address string) (*grpc.ClientConn, error) {
	asTool := func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
		call grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		return call(metadata.AppendToOutgoingContext(ctx, "client-name", "temporal-cli"), method, request, reply, conn, options...)
	}
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(asTool))
}

// Replay gives a history to the SDK's replayer. One without a completed workflow task holds nothing to replay, and the
// replayer does not take it.
func Replay(of *history.History) error {
	if Count(of.GetEvents(), "WorkflowTaskCompleted") == 0 {
		return nil
	}
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
	if err != nil {
		return err
	}
	for _, each := range work.Workflows() {
		replayer.RegisterWorkflow(each)
	}
	return replayer.ReplayWorkflowHistory(silent, of)
}

// ParseHistory reads the JSON form of a history as the SDK does.
func ParseHistory(json []byte) (*history.History, error) {
	return client.HistoryFromJSON(bytes.NewReader(json), client.HistoryJSONOptions{})
}
