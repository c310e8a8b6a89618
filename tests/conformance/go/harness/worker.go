package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"weft.invalid/conformance/work"
)

// Worker is a worker of this process that knows every workflow and every activity of the suite.
type Worker struct {
	worker.Worker
	stopped *sync.Once
	// Signs are what its activities show, and what they wait for.
	Signs *work.Signs
}

// Worker starts a worker with a connection of its own, which ends with the scenario at the latest.
func (s *Scenario) Worker() Worker {
	s.Helper()
	return s.WorkerOn(s.Connect("default"))
}

// WorkerWith starts one with other options than most.
func (s *Scenario) WorkerWith(options worker.Options) Worker {
	s.Helper()
	return s.start(NewWorker(s.Connect("default"), s.Queue(), options))
}

// WorkerOn starts a worker on this client.
func (s *Scenario) WorkerOn(c client.Client) Worker {
	s.Helper()
	return s.start(NewWorker(c, s.Queue(), worker.Options{}))
}

func (s *Scenario) start(started Worker) Worker {
	s.Helper()
	s.Ok(started.Start())
	s.defers(started.Stop)
	return started
}

// Stop ends it once, whoever asks first.
func (w Worker) Stop() { w.stopped.Do(w.Worker.Stop) }

// NewWorker makes a worker that is not started yet.
func NewWorker(c client.Client, queue string, options worker.Options) Worker {
	made := Worker{worker.New(c, queue, options), new(sync.Once), work.NewSigns()}
	for _, each := range work.Workflows() {
		made.RegisterWorkflow(each)
	}
	made.RegisterActivity(&work.Deeds{Signs: made.Signs})
	return made
}

// orders of a worker process.
type orders struct {
	Address string
	Queue   string
	Hang    string
	// How many workflows it may keep; nil for as many as the SDK likes.
	Cache *int
}

const ordersVariable = "WEFT_CONFORMANCE_WORKER"

// Process is a worker process; killed at the latest when its scenario ends.
type Process struct {
	scenario *Scenario
	command  *exec.Cmd
}

// DoomedWorker is a worker process that will be killed; `hang` names what it does not come back from.
func (s *Scenario) DoomedWorker(hang string) *Process {
	s.Helper()
	return s.process(orders{s.Address, s.Queue(), hang, nil})
}

// WorkerWithCache is a process that keeps so many workflows: the SDK has one cache a process.
func (s *Scenario) WorkerWithCache(size int) *Process {
	s.Helper()
	return s.process(orders{s.Address, s.Queue(), work.HangNowhere, &size})
}

// WorkerProcess is one with an empty cache.
func (s *Scenario) WorkerProcess() *Process {
	s.Helper()
	return s.process(orders{s.Address, s.Queue(), work.HangNowhere, nil})
}

func (s *Scenario) process(orders orders) *Process {
	s.Helper()
	text, err := json.Marshal(orders)
	s.Ok(err)
	executable, err := os.Executable()
	s.Ok(err)
	process := &Process{s, exec.Command(executable)}
	process.command.Env = append(os.Environ(), ordersVariable+"="+string(text))
	process.command.Stderr = os.Stderr
	s.Ok(process.command.Start())
	s.defers(func() {
		if process.command.ProcessState == nil {
			process.Kill()
		}
	})
	return process
}

// Kill is kill -9.
func (p *Process) Kill() {
	p.scenario.Ok(p.command.Process.Kill())
	// It says that it was killed.
	_ = p.command.Wait()
}

// BeWorker turns this process into a worker if it was started as one; then it ends only by being killed.
func BeWorker() {
	text, ordered := os.LookupEnv(ordersVariable)
	if !ordered {
		return
	}
	fmt.Fprintln(os.Stderr, "the worker process ended by itself:", beWorker(text))
	os.Exit(1)
}

func beWorker(text string) error {
	var orders orders
	if err := json.Unmarshal([]byte(text), &orders); err != nil {
		return err
	}
	if orders.Cache != nil {
		worker.SetStickyWorkflowCacheSize(*orders.Cache)
	}
	work.Hang = orders.Hang
	c, err := Connect(context.Background(), orders.Address, "default")
	if err != nil {
		return err
	}
	return NewWorker(c, orders.Queue, worker.Options{
		// For so long others wait for its sticky queue when it is dead.
		StickyScheduleToStartTimeout: time.Second,
		// One that hangs on purpose is not stuck.
		DeadlockDetectionTimeout: time.Hour,
	}).Run(nil)
}
