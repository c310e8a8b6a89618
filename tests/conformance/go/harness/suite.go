// Package harness is what the scenarios stand on: servers, workers, histories, refusals.
//
// Nothing here knows a scenario, and nothing here decides what a server should do.
package harness

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// Launch says how servers come to be in this run.
type Launch struct {
	Address   string
	ServerBin string
	OracleBin string
	WfctlBin  string
}

const (
	scenarioLimit   = 90 * time.Second
	atOnce          = 8
	crashingAtOnce  = 2
	resultsFileMode = 0o644
)

// Suite is one run of all scenarios.
type Suite struct {
	launch    Launch
	recording *recording
	results   string
	shared    string
	server    *server
	plain     chan struct{}
	crashing  chan struct{}

	mutex    sync.Mutex
	outcomes map[string]outcome
}

type outcome struct {
	took   time.Duration
	reason string
}

// Flags are those of the command line that are the suite's own.
type Flags struct {
	launch  Launch
	record  bool
	results string
}

// DeclareFlags must be called before the command line is parsed.
func DeclareFlags() *Flags {
	flags := &Flags{}
	flag.StringVar(&flags.launch.ServerBin, "server-bin", "", "a weft-server binary; the suite starts and kills servers of its own")
	flag.StringVar(&flags.launch.OracleBin, "oracle-bin", "", "a `temporal` CLI binary: Temporal's own dev server")
	flag.StringVar(&flags.launch.Address, "address", "", "a server that already runs; scenarios that kill their server fail")
	flag.StringVar(&flags.launch.WfctlBin, "wfctl-bin", "", "the wfctl whose JSON histories are replayed")
	flag.BoolVar(&flags.record, "record", false, "keep the oracle's answers in recorded.json")
	flag.StringVar(&flags.results, "results", "", "file for the outcome of each scenario")
	return flags
}

// Open makes ready what all scenarios share.
func Open(flags *Flags) (*Suite, error) {
	launch := flags.launch
	if launch.Address == "" && launch.ServerBin == "" && launch.OracleBin == "" {
		return nil, errors.New("say which server: -server-bin, -oracle-bin or -address")
	}
	if flags.record && launch.OracleBin == "" {
		return nil, errors.New("only the oracle's answers are recorded: -record needs -oracle-bin")
	}
	recording, err := openRecording(flags.record)
	if err != nil {
		return nil, err
	}
	suite := &Suite{
		launch: launch, recording: recording, results: flags.results, shared: launch.Address,
		plain: make(chan struct{}, atOnce), crashing: make(chan struct{}, crashingAtOnce),
		outcomes: make(map[string]outcome),
	}
	if launch.Address == "" {
		if suite.server, err = launch.server(false); err != nil {
			return nil, err
		}
		if err := suite.server.start(context.Background()); err != nil {
			suite.server.dispose()
			return nil, err
		}
		suite.shared = suite.server.address()
	}
	return suite, nil
}

// Close takes the shared server down and writes what is to be kept.
func (suite *Suite) Close() error {
	if suite.server != nil {
		suite.server.dispose()
	}
	passed := make(map[string]bool)
	results := make(map[string]string)
	for name, outcome := range suite.outcomes {
		passed[name] = outcome.reason == ""
		results[name] = "pass"
		if outcome.reason != "" {
			results[name] = outcome.reason
		}
	}
	suite.report()
	if err := suite.recording.save(passed); err != nil {
		return err
	}
	if suite.results == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(suite.results, append(text, '\n'), resultsFileMode)
}

func (suite *Suite) report() {
	var names []string
	failed := 0
	for name, outcome := range suite.outcomes {
		names = append(names, name)
		if outcome.reason != "" {
			failed++
		}
	}
	sort.Slice(names, func(a, b int) bool { return suite.outcomes[names[a]].took > suite.outcomes[names[b]].took })
	var slowest []string
	for _, name := range names[:min(6, len(names))] {
		slowest = append(slowest, fmt.Sprintf("%s %.1f s", name, suite.outcomes[name].took.Seconds()))
	}
	fmt.Printf("slowest: %s\n%d passed, %d failed\n", strings.Join(slowest, ", "), len(names)-failed, failed)
}

// Needs is what a scenario needs of its surroundings.
type Needs int

const (
	// SharedServer is enough for most.
	SharedServer Needs = iota
	// OwnServer is one to kill.
	OwnServer
	// Quiet is the shared server when all others have ended.
	Quiet
)

// Entry is a scenario under its name.
type Entry struct {
	Name  string
	Needs Needs
	Body  func(*Scenario)
}

// Run plays one scenario as a subtest. All but the quiet ones run side by side.
func (suite *Suite) Run(t *testing.T, entry Entry) {
	t.Run(entry.Name, func(t *testing.T) {
		slots := suite.plain
		if entry.Needs == OwnServer {
			slots = suite.crashing
		}
		if entry.Needs != Quiet {
			t.Parallel()
		}
		slots <- struct{}{}
		defer func() { <-slots }()
		suite.play(t, entry)
	})
}

func (suite *Suite) play(t *testing.T, entry Entry) {
	began := time.Now()
	scenario := &Scenario{T: t, suite: suite, name: entry.Name}
	defer func() {
		// What stops a failed scenario is no panic; a panic must not end the others.
		if panicked := recover(); panicked != nil {
			scenario.note(fmt.Sprint(panicked))
			t.Error(panicked)
		}
		scenario.close()
		if t.Failed() && scenario.reason == "" {
			scenario.reason = "failed"
		}
		suite.mutex.Lock()
		defer suite.mutex.Unlock()
		suite.outcomes[entry.Name] = outcome{took: time.Since(began), reason: scenario.reason}
	}()
	scenario.open(entry.Needs == OwnServer)
	entry.Body(scenario)
	scenario.assertComplete()
}
