// Package programtest builds the program and runs it as a child process, for tests
// that want to see what a user sees: exit status, both streams, signals.
package programtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Deadline bounds every wait for something that must happen. No test expects it to
// pass, so it is far longer than anything takes on a busy machine.
const Deadline = 3 * time.Minute

// Killed is the exit status of a process that a signal has ended.
const Killed = -1

// Build compiles cmd/reindex into the folder dir, with more flags of `go build`
// such as -race, and returns the path of the program.
func Build(dir string, flags ...string) (string, error) {
	out := filepath.Join(dir, "reindex")
	args := append([]string{"build", "-o", out}, flags...)
	cmd := exec.Command("go", append(args, "example.com/reindex/cmd/reindex")...) //nolint:gosec,noctx // flags of tests; it ends by itself
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, text)
	}
	return out, nil
}

// Environment is what the program may see of the environment of the tests: none of
// the variables that name the servers of tests or hold settings.
func Environment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	return env
}

// Process is a run of the program that may not have ended yet. Its methods are for
// several goroutines.
type Process struct {
	cmd            *exec.Cmd
	stdout, stderr buffer
	ended          chan struct{}
}

// Start starts cmd and keeps both of its streams.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		defer close(p.ended)
		_ = cmd.Wait() // its state has it
	}()
	return p, nil
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// String is the command line.
func (p *Process) String() string { return p.cmd.String() }

// Stdout is what the process has written to its output stream so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is what the process has written to its error stream so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// HasEnded says whether the process has ended.
func (p *Process) HasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Status is the exit status of a process that has ended, [Killed] after a signal.
func (p *Process) Status() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// Wait returns the exit status when the process has ended. One that does not end
// within [Deadline] gets SIGQUIT, so that its error stream shows where it hangs, and
// ended is false.
func (p *Process) Wait() (status int, ended bool) {
	timer := time.NewTimer(Deadline)
	defer timer.Stop()
	select {
	case <-p.ended:
		return p.Status(), true
	case <-timer.C:
		p.Signal(syscall.SIGQUIT)
		<-p.ended
		return Killed, false
	}
}

// Signal sends s; it returns false if the process has ended.
func (p *Process) Signal(s os.Signal) bool {
	return !p.HasEnded() && p.cmd.Process.Signal(s) == nil
}

// Kill ends the process, if it has not ended long ago, and waits for that. It is
// for the end of a test.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// buffer may be read while it is written to.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
