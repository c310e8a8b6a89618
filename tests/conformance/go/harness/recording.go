package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
)

// recordingFile stands beside the scenarios, where tests run.
const recordingFile = "recorded.json"

type facts map[string]map[string]any

// recording is what Temporal's own server answered: texts of refusals and other facts too long to type.
//
// A run with -record against the oracle writes the file; every other run compares with it. A fact that the oracle was
// never asked for is a failure: a scenario must have passed there first.
type recording struct {
	writes   bool
	expected facts
	mutex    sync.Mutex
	seen     facts
}

func openRecording(writes bool) (*recording, error) {
	opened := &recording{writes: writes, expected: facts{}, seen: facts{}}
	text, err := os.ReadFile(recordingFile)
	if errors.Is(err, os.ErrNotExist) {
		return opened, nil
	}
	if err != nil {
		return nil, err
	}
	return opened, json.Unmarshal(text, &opened.expected)
}

// note keeps what this server said, in the shape that it has in the file.
func (r *recording) note(scenario, label string, fact any) error {
	text, err := json.Marshal(fact)
	if err != nil {
		return err
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.seen[scenario] == nil {
		r.seen[scenario] = map[string]any{}
	}
	r.seen[scenario][label] = plain
	return nil
}

// compare tells all differences of a scenario at once, so that one wrong text does not hide the next.
func (r *recording) compare(scenario string) error {
	if r.writes {
		return nil
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var differences []string
	for label, fact := range r.seen[scenario] {
		if wanted := r.expected[scenario][label]; !reflect.DeepEqual(fact, wanted) {
			differences = append(differences, fmt.Sprintf("%s: %v\n    Temporal: %v", label, fact, wanted))
		}
	}
	if len(differences) == 0 {
		return nil
	}
	sort.Strings(differences)
	return fmt.Errorf("not what Temporal answers:\n%s", strings.Join(differences, "\n"))
}

// save keeps what the scenarios that passed have seen, in place of what they saw before.
func (r *recording) save(passed map[string]bool) error {
	if !r.writes {
		return nil
	}
	for scenario, seen := range r.seen {
		if passed[scenario] {
			r.expected[scenario] = seen
		}
	}
	text, err := json.MarshalIndent(r.expected, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(recordingFile, append(text, '\n'), resultsFileMode)
}
