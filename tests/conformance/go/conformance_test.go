// Package conformance is the official Go SDK against a server: every scenario asserts the result, the exact sequence of
// event types, and a refusal, and passes against Temporal's own dev server too. See README.md one folder up.
//
// The same binary is the worker process that some scenarios kill.
package conformance

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"weft.invalid/conformance/harness"
)

var suite *harness.Suite

func TestMain(m *testing.M) {
	harness.BeWorker()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	// The suite itself says how many scenarios run side by side.
	if err := flag.Set("test.parallel", "1000"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	flags := harness.DeclareFlags()
	flag.Parse()
	opened, err := harness.Open(flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the suite could not run:", err)
		return 2
	}
	suite = opened
	code := m.Run()
	if err := suite.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "the suite could not end:", err)
		return 2
	}
	return code
}

func all() []harness.Entry {
	return slices.Concat(
		startScenarios(), messageScenarios(), updateScenarios(), familyScenarios(), timerScenarios(), activityScenarios(), timeoutScenarios(),
		asyncActivityScenarios(), localScenarios(), closingScenarios(), dataScenarios(), taskScenarios(),
		visibilityScenarios(), operateScenarios(), scheduleScenarios(), batchScenarios(), wfctlScenarios(), crashScenarios(), workerCrashScenarios(), loadScenarios(),
	)
}

// TestScenario plays those that run side by side.
func TestScenario(t *testing.T) {
	for _, entry := range all() {
		if entry.Needs != harness.Quiet {
			suite.Run(t, entry)
		}
	}
}

// TestWhenQuiet plays the others when these have ended.
func TestWhenQuiet(t *testing.T) {
	for _, entry := range all() {
		if entry.Needs == harness.Quiet {
			suite.Run(t, entry)
		}
	}
}

// Entries under their names.
func on(needs harness.Needs, scenarios map[string]func(*harness.Scenario)) []harness.Entry {
	var entries []harness.Entry
	for name, body := range scenarios {
		entries = append(entries, harness.Entry{Name: name, Needs: needs, Body: body})
	}
	slices.SortFunc(entries, func(a, b harness.Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries
}
