// Package work holds what the suite's workers can do: its activities and its workflows.
//
// Activities all take a text and give a text, so that one workflow can be told which to run.
package work

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// Signs are what a scenario has in common with the activities of one of its workers.
type Signs struct {
	began    atomic.Int64
	released chan struct{}
	release  sync.Once
	mutex    sync.Mutex
	token    []byte
}

// NewSigns gives signs that nothing has been said with.
func NewSigns() *Signs { return &Signs{released: make(chan struct{})} }

// Began says how many activities that wait have begun.
func (s *Signs) Began() int64 { return s.began.Load() }

// Release lets all go on that wait, now or later.
func (s *Signs) Release() { s.release.Do(func() { close(s.released) }) }

// Token is that of the latest activity that is to be completed from elsewhere; nil while there is none.
func (s *Signs) Token() []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.token
}

// Where a worker process that is to be killed does not come back from.
const (
	HangNowhere       = ""
	HangActivity      = "activity"
	HangLocalActivity = "local activity"
	HangWorkflow      = "workflow"
)

// Hang is what this process does not come back from. Set once, before its worker starts.
var Hang = HangNowhere

// Deeds are the activities.
type Deeds struct{ Signs *Signs }

func planned(message string, nonRetryable bool) error {
	if nonRetryable {
		return temporal.NewNonRetryableApplicationError(message, "Planned", nil)
	}
	return temporal.NewApplicationError(message, "Planned")
}

// Echo gives back what it gets.
func (d *Deeds) Echo(_ context.Context, word string) (string, error) { return word, nil }

// SucceedsAt fails until the attempt whose number it is given.
func (d *Deeds) SucceedsAt(ctx context.Context, attempt string) (string, error) {
	wanted, err := strconv.ParseInt(attempt, 10, 32)
	if err != nil {
		return "", err
	}
	now := activity.GetInfo(ctx).Attempt
	if int64(now) < wanted {
		return "", planned(fmt.Sprintf("attempt %d fails", now), false)
	}
	return fmt.Sprintf("attempt %d", now), nil
}

// Fails each time.
func (d *Deeds) Fails(_ context.Context, message string) (string, error) {
	return "", planned(message, false)
}

// FailsForGood says that another attempt would be in vain.
func (d *Deeds) FailsForGood(_ context.Context, message string) (string, error) {
	return "", planned(message, true)
}

// Waits until its scenario lets it go on, or until it is cancelled.
func (d *Deeds) Waits(ctx context.Context, word string) (string, error) {
	d.Signs.began.Add(1)
	select {
	case <-d.Signs.released:
		return word, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Reads says how far it got, then is never heard of again; the next attempt goes on from there.
func (d *Deeds) Reads(ctx context.Context, page string) (string, error) {
	var last string
	if activity.HasHeartbeatDetails(ctx) {
		err := activity.GetHeartbeatDetails(ctx, &last)
		return "read on from page " + last, err
	}
	activity.RecordHeartbeat(ctx, page)
	d.Signs.began.Add(1)
	<-ctx.Done()
	return "", ctx.Err()
}

// Beats heartbeats until it is cancelled or let go.
func (d *Deeds) Beats(ctx context.Context, word string) (string, error) {
	d.Signs.began.Add(1)
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			activity.RecordHeartbeat(ctx, "alive")
		case <-d.Signs.released:
			return word, nil
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return "", temporal.NewCanceledError("stopped")
			}
			return "", ctx.Err()
		}
	}
}

// Elsewhere is completed by somebody else.
func (d *Deeds) Elsewhere(ctx context.Context, _ string) (string, error) {
	d.Signs.mutex.Lock()
	defer d.Signs.mutex.Unlock()
	d.Signs.token = activity.GetInfo(ctx).TaskToken
	return "", activity.ErrResultPending
}

// Hangs heartbeats and never comes back in a worker process that is to be killed here.
func (d *Deeds) Hangs(ctx context.Context, word string) (string, error) {
	info := activity.GetInfo(ctx)
	if info.IsLocalActivity {
		if Hang == HangLocalActivity {
			select {}
		}
		return word, nil
	}
	if Hang == HangActivity {
		activity.RecordHeartbeat(ctx, "page 7")
		select {}
	}
	if activity.HasHeartbeatDetails(ctx) {
		err := activity.GetHeartbeatDetails(ctx, &word)
		return word, err
	}
	return word, nil
}
