package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
)

const ready = 60 * time.Second

// server is a process of our own. A start after a kill is a restart on the same data and the same port.
//
// It listens on loopback only, dies by SIGKILL, and writes into a temporary directory that goes away with it.
type server struct {
	launch    *Launch
	inMemory  bool
	directory string
	port      int
	starts    int
	process   *exec.Cmd
	// Closed when the process has ended.
	ended chan struct{}
}

// A server that is not to be killed may keep its data in memory.
func (l *Launch) server(toBeKilled bool) (*server, error) {
	if l.Address != "" {
		return nil, errors.New("this scenario kills its server: use -server-bin or -oracle-bin")
	}
	directory, err := os.MkdirTemp("", "weft-conformance-")
	if err != nil {
		return nil, err
	}
	made := &server{launch: l, inMemory: !toBeKilled, directory: directory}
	if l.OracleBin != "" {
		made.port, err = freePort()
	}
	return made, err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

func (s *server) command() *exec.Cmd {
	if s.launch.OracleBin != "" {
		args := []string{"server", "start-dev", "--headless", "--log-level", "error", "--port", strconv.Itoa(s.port)}
		if !s.inMemory {
			// A killed process loses nothing that it wrote to its file, so the file need not be synced.
			args = append(args, "--db-filename", filepath.Join(s.directory, "temporal.db"),
				"--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=OFF")
		}
		return exec.Command(s.launch.OracleBin, args...)
	}
	return exec.Command(s.launch.ServerBin, "--data-dir", filepath.Join(s.directory, "data"),
		"--listen", s.address(), "--ready-file", s.readyFile(), "--metrics-listen", "127.0.0.1:0")
}

func (s *server) readyFile() string {
	return filepath.Join(s.directory, fmt.Sprintf("ready-%d.json", s.starts))
}

func (s *server) start(ctx context.Context) error {
	s.starts++
	logPath := filepath.Join(s.directory, "server.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.process = s.command()
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func(process *exec.Cmd, ended chan struct{}) {
		// How it ended is seen in its log.
		_ = process.Wait()
		close(ended)
	}(s.process, s.ended)
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	for !s.isReady(ctx) {
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended while starting:\n%s", tail(logPath))
		case <-ctx.Done():
			return fmt.Errorf("no server after %v:\n%s", ready, tail(logPath))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *server) isReady(ctx context.Context) bool {
	if s.launch.OracleBin != "" {
		// The front end answers before history and matching do: one start proves them all.
		return probe(ctx, s.address()) == nil
	}
	bytes, err := os.ReadFile(s.readyFile())
	if err != nil {
		return false
	}
	var said struct{ Address string }
	if json.Unmarshal(bytes, &said) != nil {
		return false
	}
	_, port, err := net.SplitHostPort(said.Address)
	if err != nil {
		return false
	}
	s.port, err = strconv.Atoi(port)
	return err == nil
}

func probe(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	c, err := Connect(ctx, address, "default")
	if err != nil {
		return err
	}
	defer c.Close()
	options := client.StartWorkflowOptions{ID: "probe-" + uuid.NewString(), TaskQueue: "probe"}
	started, err := c.ExecuteWorkflow(ctx, options, "Probe")
	if err != nil {
		return err
	}
	return c.TerminateWorkflow(ctx, started.GetID(), "", "")
}

// SIGKILL, as a crash does: nothing is flushed, nobody is told.
func (s *server) kill() error {
	if err := s.process.Process.Kill(); err != nil {
		return err
	}
	<-s.ended
	return nil
}

// It may be dead already, or may never have lived; either way nothing of it is left.
func (s *server) dispose() {
	if s.process != nil && s.process.Process != nil {
		_ = s.kill()
	}
	_ = os.RemoveAll(s.directory)
}

func tail(path string) string {
	text, _ := os.ReadFile(path)
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
