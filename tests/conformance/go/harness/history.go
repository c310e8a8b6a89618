package harness

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
)

// Most sequences are made of these: a workflow task and an activity that went well.
const (
	Task     = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted"
	Activity = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted"
)

// Names of the event types of a history.
func Names(events []*history.HistoryEvent) []string {
	var names []string
	for _, event := range events {
		names = append(names, event.GetEventType().String())
	}
	return names
}

// Count says how often an event type occurs.
func Count(events []*history.HistoryEvent, name string) int {
	count := 0
	for _, each := range Names(events) {
		if each == name {
			count++
		}
	}
	return count
}

// `A, B*2` is A, B, B.
func parse(expected string) []string {
	var names []string
	for _, part := range strings.Split(expected, ",") {
		name, times, many := strings.Cut(strings.TrimSpace(part), "*")
		count := 1
		if many {
			var err error
			if count, err = strconv.Atoi(times); err != nil {
				panic(err)
			}
		}
		names = append(names, slices.Repeat([]string{name}, count)...)
	}
	return names
}

// checkTypes tells, side by side, where the sequence of types is another.
func checkTypes(events []*history.HistoryEvent, expected string) error {
	actual, wanted := Names(events), parse(expected)
	if slices.Equal(actual, wanted) {
		return nil
	}
	at := func(names []string, index int) string {
		if index < len(names) {
			return names[index]
		}
		return "(nothing)"
	}
	var table strings.Builder
	for index := range min(120, max(len(actual), len(wanted))) {
		got, want := at(actual, index), at(wanted, index)
		if got == want {
			fmt.Fprintf(&table, "  %4d %s\n", index+1, got)
		} else {
			fmt.Fprintf(&table, "! %4d %-42s expected %s\n", index+1, got, want)
		}
	}
	return fmt.Errorf("the history is not as expected:\n%s", table.String())
}

// checkSound looks at what must hold of every history: dense ids, times and task ids that do not go back, references
// that point to what they name.
//
// Time may go back at an event that was held back while a workflow task ran: it is written with its own time.
func checkSound(events []*history.HistoryEvent) error {
	for index, event := range events {
		id, name := int64(index+1), event.GetEventType()
		if event.GetEventId() != id {
			return fmt.Errorf("event %d, a %v, has the id %d", id, name, event.GetEventId())
		}
		if index > 0 {
			before := events[index-1]
			if event.GetTaskId() <= before.GetTaskId() {
				return fmt.Errorf("the task id of %v %d does not grow", name, id)
			}
			if event.GetEventTime().AsTime().Before(before.GetEventTime().AsTime()) && !mayBeLate(name) {
				return fmt.Errorf("%v %d happened before the event before it", name, id)
			}
		}
		for _, reference := range references(event) {
			if reference.id < 1 || reference.id >= id || events[reference.id-1].GetEventType() != reference.to {
				return fmt.Errorf("%v %d refers to %d as a %v", name, id, reference.id, reference.to)
			}
		}
	}
	return nil
}

func mayBeLate(name enums.EventType) bool {
	return slices.Contains([]enums.EventType{
		enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
		enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
		enums.EVENT_TYPE_ACTIVITY_TASK_STARTED,
		enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
		enums.EVENT_TYPE_ACTIVITY_TASK_FAILED,
		enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
		enums.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
		enums.EVENT_TYPE_TIMER_FIRED,
	}, name)
}

type reference struct {
	id int64
	to enums.EventType
}

// references are the events that this one names, with the type that each must have.
func references(event *history.HistoryEvent) []reference {
	decided := func(id int64) reference { return reference{id, enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED} }
	task := func(id int64) reference { return reference{id, enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED} }
	scheduled := func(id int64) reference { return reference{id, enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED} }
	started := func(id int64) reference { return reference{id, enums.EVENT_TYPE_ACTIVITY_TASK_STARTED} }
	timer := func(id int64) reference { return reference{id, enums.EVENT_TYPE_TIMER_STARTED} }
	switch event.GetEventType() {
	case enums.EVENT_TYPE_WORKFLOW_TASK_STARTED:
		return []reference{task(event.GetWorkflowTaskStartedEventAttributes().GetScheduledEventId())}
	case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
		it := event.GetWorkflowTaskCompletedEventAttributes()
		return []reference{task(it.GetScheduledEventId()), {it.GetStartedEventId(), enums.EVENT_TYPE_WORKFLOW_TASK_STARTED}}
	case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		return []reference{decided(event.GetActivityTaskScheduledEventAttributes().GetWorkflowTaskCompletedEventId())}
	case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
		return []reference{scheduled(event.GetActivityTaskStartedEventAttributes().GetScheduledEventId())}
	case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		it := event.GetActivityTaskCompletedEventAttributes()
		return []reference{scheduled(it.GetScheduledEventId()), started(it.GetStartedEventId())}
	case enums.EVENT_TYPE_ACTIVITY_TASK_FAILED:
		it := event.GetActivityTaskFailedEventAttributes()
		return []reference{scheduled(it.GetScheduledEventId()), started(it.GetStartedEventId())}
	case enums.EVENT_TYPE_TIMER_STARTED:
		return []reference{decided(event.GetTimerStartedEventAttributes().GetWorkflowTaskCompletedEventId())}
	case enums.EVENT_TYPE_TIMER_FIRED:
		return []reference{timer(event.GetTimerFiredEventAttributes().GetStartedEventId())}
	case enums.EVENT_TYPE_TIMER_CANCELED:
		it := event.GetTimerCanceledEventAttributes()
		return []reference{timer(it.GetStartedEventId()), decided(it.GetWorkflowTaskCompletedEventId())}
	case enums.EVENT_TYPE_MARKER_RECORDED:
		return []reference{decided(event.GetMarkerRecordedEventAttributes().GetWorkflowTaskCompletedEventId())}
	case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		return []reference{decided(event.GetWorkflowExecutionCompletedEventAttributes().GetWorkflowTaskCompletedEventId())}
	default:
		// The rest refers to nothing, or to nothing that is worth a second look.
		return nil
	}
}
