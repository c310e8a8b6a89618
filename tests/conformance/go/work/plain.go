package work

import (
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// BatcherUser is a search attribute that every server has.
var BatcherUser = temporal.NewSearchAttributeKeyKeyword("BatcherUser")

// Greeter greets.
func Greeter(_ workflow.Context, name string) (string, error) { return "Hello, " + name + "!", nil }

// Thinker keeps its first task for ever in a worker process that is to be killed here.
func Thinker(workflow.Context) (string, error) {
	if Hang == HangWorkflow {
		select {}
	}
	return "thought", nil
}

// Flaky fails until the run's attempt with this number; type `Planned`.
func Flaky(ctx workflow.Context, attempt int) (string, error) {
	now := int(workflow.GetInfo(ctx).Attempt)
	if now < attempt {
		return "", planned(fmt.Sprintf("run %d fails", now), false)
	}
	return fmt.Sprintf("run %d", now), nil
}

// Relay counts in runs: each goes on as new until the second number is reached.
func Relay(ctx workflow.Context, now, last int) (int, error) {
	if now < last {
		return 0, workflow.NewContinueAsNewError(ctx, Relay, now+1, last)
	}
	return now, nil
}

// Workflows that have failed a task: outside of what a workflow may know, as a fault in its code would be.
var fell sync.Map

// Clumsy fails the first task of each workflow, and none after it.
func Clumsy(ctx workflow.Context) (string, error) {
	_, before := fell.LoadOrStore(workflow.GetInfo(ctx).WorkflowExecution.ID, true)
	if !before && !workflow.IsReplaying(ctx) {
		panic("fell over")
	}
	return "stood up", nil
}

// Labels are what Labeller saw before it changed them.
type Labels struct{ User, Colour string }

// Labeller changes its memo and a search attribute.
func Labeller(ctx workflow.Context) (Labels, error) {
	var before Labels
	before.User, _ = workflow.GetTypedSearchAttributes(ctx).GetKeyword(BatcherUser)
	if colour, ok := workflow.GetInfo(ctx).Memo.GetFields()["colour"]; ok {
		if err := converter.GetDefaultDataConverter().FromPayload(colour, &before.Colour); err != nil {
			return before, err
		}
	}
	if err := workflow.UpsertMemo(ctx, map[string]any{"colour": "red", "size": nil}); err != nil {
		return before, err
	}
	return before, workflow.UpsertTypedSearchAttributes(ctx, BatcherUser.ValueSet("somebody else"))
}

// Patched asks which version of its code to run.
func Patched(ctx workflow.Context) (string, error) {
	if workflow.GetVersion(ctx, "better", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return "the old way", nil
	}
	return "the better way", nil
}

// Scribe writes so many pages into its history, then waits for `end`.
func Scribe(ctx workflow.Context, pages int) (int, error) {
	for page := range pages {
		if err := workflow.UpsertMemo(ctx, map[string]any{"page": page}); err != nil {
			return 0, err
		}
	}
	workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
	return pages, nil
}

// Collector collects words until the word `end`, which it keeps too.
func Collector(ctx workflow.Context) ([]string, error) {
	words := []string{}
	err := workflow.SetQueryHandler(ctx, "words", func() ([]string, error) { return words, nil })
	if err != nil {
		return nil, err
	}
	ended := false
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var word string
			workflow.GetSignalChannel(ctx, "give").Receive(ctx, &word)
			words = append(words, word)
			ended = ended || word == "end"
		}
	})
	if err := workflow.Await(ctx, func() bool { return ended }); err != nil {
		return nil, err
	}
	return words, nil
}

// Sleeper sleeps so many milliseconds.
func Sleeper(ctx workflow.Context, pause int) (string, error) {
	timer := workflow.NewTimerWithOptions(ctx, millis(pause), workflow.TimerOptions{Summary: "a nap"})
	if err := timer.Get(ctx, nil); err != nil {
		return "", temporal.NewCanceledError("woken")
	}
	return "slept", nil
}

// Race lets two timers run; the one that loses is cancelled.
func Race(ctx workflow.Context) (string, error) {
	cancellable, cancel := workflow.WithCancel(ctx)
	slow := workflow.NewTimer(cancellable, 10*time.Minute)
	fast := workflow.NewTimer(ctx, 100*time.Millisecond)
	winner := ""
	workflow.NewSelector(ctx).
		AddFuture(slow, func(workflow.Future) { winner = "slow" }).
		AddFuture(fast, func(workflow.Future) { winner = "fast" }).
		Select(ctx)
	cancel()
	loser := "done"
	if temporal.IsCanceledError(slow.Get(ctx, nil)) {
		loser = "cancelled"
	}
	return winner + " wins, the other is " + loser, nil
}
