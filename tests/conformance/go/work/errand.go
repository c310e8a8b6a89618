package work

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Errand is one activity with its options; times in milliseconds, 0 for none.
type Errand struct {
	Deed            string
	Word            string
	ScheduleToClose int
	ScheduleToStart int
	StartToClose    int
	Heartbeat       int
	RetryAfter      int
	AttemptsMax     int32
	NonRetryable    []string
	Queue           string
	// Wait until the activity has ended when the workflow is cancelled, then clean up.
	CleansUp bool
}

// NewErrand gives an errand with the options that most scenarios want.
func NewErrand(deed, word string) Errand {
	return Errand{Deed: deed, Word: word, StartToClose: 30_000, RetryAfter: 100}
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (e *Errand) options() workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              e.Queue,
		ScheduleToCloseTimeout: millis(e.ScheduleToClose),
		ScheduleToStartTimeout: millis(e.ScheduleToStart),
		StartToCloseTimeout:    millis(e.StartToClose),
		HeartbeatTimeout:       millis(e.Heartbeat),
		WaitForCancellation:    e.CleansUp,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:        millis(e.RetryAfter),
			MaximumAttempts:        e.AttemptsMax,
			NonRetryableErrorTypes: e.NonRetryable,
		},
		Summary: "an errand",
	}
}

func run(ctx workflow.Context, errand Errand) (string, error) {
	var result string
	ctx = workflow.WithActivityOptions(ctx, errand.options())
	err := workflow.ExecuteActivity(ctx, errand.Deed, errand.Word).Get(ctx, &result)
	return result, err
}

// Runner runs one activity and ends as it ends.
func Runner(ctx workflow.Context, errand Errand) (string, error) {
	result, err := run(ctx, errand)
	var cancelled *temporal.CanceledError
	if errand.CleansUp && errors.As(err, &cancelled) {
		apart, _ := workflow.NewDisconnectedContext(ctx)
		return run(apart, NewErrand("Echo", "cleaned up"))
	}
	return result, err
}

// Tour runs an activity, a timer of so many milliseconds, another activity.
func Tour(ctx workflow.Context, number int, pause int) (string, error) {
	first, err := run(ctx, NewErrand("Echo", fmt.Sprintf("there %d", number)))
	if err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, millis(pause)); err != nil {
		return "", err
	}
	second, err := run(ctx, NewErrand("Echo", fmt.Sprintf("back %d", number)))
	return first + ", " + second, err
}

// LocalPlan is one local activity; a retry that waits longer than a workflow task may take waits in a timer instead.
type LocalPlan struct {
	Deed       string
	Word       string
	RetryAfter int
}

// LocalRunner runs an activity in its own worker.
func LocalRunner(ctx workflow.Context, plan LocalPlan) (string, error) {
	var result string
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: millis(plan.RetryAfter)},
	})
	err := workflow.ExecuteLocalActivity(ctx, plan.Deed, plan.Word).Get(ctx, &result)
	return result, err
}
