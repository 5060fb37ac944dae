package jobs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Command is what to run.
type Command struct {
	Index string   // one job at a time for each
	Name  string   // of the command, such as run
	Args  []string // all arguments of the program
	By    string   // who wants it
}

// Job is one child process, at one moment.
type Job struct {
	Command

	ID      int
	PID     int
	Started time.Time
	Ended   time.Time // zero while it runs
	Exit    int       // of an ended one; -1: killed by a signal
	Signal  string    // that killed it
	Stopped string    // who asked it to stop; empty: nobody
	Lines   []string  // the last ones, of both streams
	// Summary is the last line of stdout that is JSON with message_type summary;
	// nil if there was none.
	Summary json.RawMessage
}

// Running says that it has not ended.
func (j Job) Running() bool { return j.Ended.IsZero() }

// BusyError means that a job of the index runs here already.
type BusyError struct{ Job Job }

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s: %s is at work here already (pid %d, started by %s)", e.Job.Index, e.Job.Name, e.Job.PID, e.Job.By)
}

// ErrClosed means that this process is about to end.
var ErrClosed = errors.New("this server is stopping and starts nothing")

const (
	keptJobs  = 50
	keptLines = 400
	maxLine   = 4096 // bytes; the rest of a longer line is dropped
)

// Runner starts children.
type Runner struct {
	Program string   // path
	Dir     string   // working directory; empty: this process's
	Env     []string // beside this process's
	// ActorVariable gets the name of who wants the job.
	ActorVariable string
	Changed       func(index string) // is called when a job starts, says something or ends
	// Ended is called once for each job, when it has.
	Ended func(Job)

	mu     sync.Mutex
	last   int
	jobs   []*child // newest last
	closed bool
	all    sync.WaitGroup
}

type child struct {
	Job

	process *os.Process
	done    chan struct{}
}

// Start starts a job, or returns a [*BusyError].
func (r *Runner) Start(c Command) (Job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return Job{}, ErrClosed
	}
	if busy := r.running(c.Index); busy != nil {
		return Job{}, &BusyError{Job: busy.copy()}
	}
	cmd := exec.Command(r.Program, c.Args...) //nolint:gosec,noctx // G204: this program itself, with arguments that the server made; it must not end with a request
	cmd.Dir = r.Dir
	cmd.Env = append(os.Environ(), r.Env...)
	if r.ActorVariable != "" {
		cmd.Env = append(cmd.Env, r.ActorVariable+"="+c.By)
	}
	// Ctrl-C in the terminal of this process must not reach the child before we
	// have said what shall become of it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A pipe of our own, not that of Cmd: Wait must not wait for a grandchild.
	out, in, err := os.Pipe()
	if err != nil {
		return Job{}, fmt.Errorf("start %s: %w", c.Name, err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close() // the child has its own
	if err != nil {
		_ = out.Close()
		return Job{}, fmt.Errorf("start %s: %w", c.Name, err)
	}
	r.last++
	started := &child{
		Job:     Job{Command: c, ID: r.last, PID: cmd.Process.Pid, Started: time.Now()},
		process: cmd.Process, done: make(chan struct{}),
	}
	r.jobs = append(r.jobs, started)
	if len(r.jobs) > keptJobs {
		r.jobs = slices.Delete(r.jobs, 0, len(r.jobs)-keptJobs)
	}
	r.all.Go(func() { r.follow(started, cmd, out) })
	return started.copy(), nil
}

// running finds the job of an index that has not ended. The lock is held.
func (r *Runner) running(index string) *child {
	for _, c := range r.jobs {
		if c.Index == index && c.Running() {
			return c
		}
	}
	return nil
}

// follow reads what the child says, and waits for its end.
func (r *Runner) follow(c *child, cmd *exec.Cmd, out io.ReadCloser) {
	read := make(chan struct{})
	go func() { // ends with the pipe
		defer close(read)
		lines := bufio.NewReaderSize(out, maxLine)
		for {
			line, tooLong, err := lines.ReadLine()
			for err == nil && tooLong {
				_, tooLong, err = lines.ReadLine()
			}
			if len(line) > 0 {
				r.said(c, string(line))
			}
			if err != nil {
				return
			}
		}
	}()
	err := cmd.Wait()
	select {
	case <-read:
	case <-time.After(time.Second): // somebody else has the pipe
	}
	_ = out.Close()
	<-read
	r.mu.Lock()
	c.Ended, c.Exit = time.Now(), cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		c.Signal = status.Signal().String()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		c.Lines = append(c.Lines, err.Error())
	}
	ended := c.copy()
	r.mu.Unlock()
	close(c.done)
	if r.Ended != nil {
		r.Ended(ended)
	}
	r.changed(c.Index)
}

func (r *Runner) said(c *child, line string) {
	r.mu.Lock()
	if c.Lines = append(c.Lines, line); len(c.Lines) > keptLines {
		c.Lines = slices.Delete(c.Lines, 0, len(c.Lines)-keptLines)
	}
	var m struct {
		Type string `json:"message_type"`
	}
	if json.Unmarshal([]byte(line), &m) == nil && m.Type == "summary" {
		c.Summary = json.RawMessage(line)
	}
	r.mu.Unlock()
	r.changed(c.Index)
}

func (r *Runner) changed(index string) {
	if r.Changed != nil {
		r.Changed(index)
	}
}

func (c *child) copy() Job {
	j := c.Job
	j.Lines = slices.Clone(c.Lines)
	return j
}

// ErrNotRunning means that there is nothing to stop here.
var ErrNotRunning = errors.New("nothing is at work here")

// Stop sends SIGTERM to the job of an index.
func (r *Runner) Stop(index, by string) (Job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.running(index)
	if c == nil {
		return Job{}, ErrNotRunning
	}
	c.Stopped = by
	if err := c.process.Signal(syscall.SIGTERM); err != nil {
		return Job{}, fmt.Errorf("stop pid %d: %w", c.PID, err)
	}
	return c.copy(), nil
}

// Jobs are the newest jobs of an index, newest first; "" is every index.
func (r *Runner) Jobs(index string) []Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	var jobs []Job
	for _, c := range slices.Backward(r.jobs) {
		if index == "" || c.Index == index {
			jobs = append(jobs, c.copy())
		}
	}
	return jobs
}

// Running is the job of an index at work.
func (r *Runner) Running(index string) (Job, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.running(index); c != nil {
		return c.copy(), true
	}
	return Job{}, false
}

// Wait waits until a job has ended, or ctx has.
func (r *Runner) Wait(ctx context.Context, id int) {
	r.mu.Lock()
	var done chan struct{}
	for _, c := range r.jobs {
		if c.ID == id {
			done = c.done
		}
	}
	r.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Close starts nothing any more, and waits for what runs: until ctx ends it may
// finish, then it is stopped. It returns when all children have ended, or after
// another stopTime, and says how many have not.
func (r *Runner) Close(ctx context.Context, stopTime time.Duration) int {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	ended := make(chan struct{})
	go func() { // ends with the children, or this process does
		r.all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return 0
	case <-ctx.Done():
	}
	for _, j := range r.Jobs("") {
		if j.Running() {
			_, _ = r.Stop(j.Index, "the end of this server") // it may have ended this moment
		}
	}
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-ended:
		return 0
	case <-timer.C:
	}
	left := 0
	for _, j := range r.Jobs("") {
		if j.Running() {
			left++
		}
	}
	return left
}
