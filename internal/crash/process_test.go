package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is one run of the program.
type process struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
	ended    chan struct{}
}

// start runs the program against the Elasticsearch at url.
func (w *world) start(ctx context.Context, url string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, w.binary, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = w.dir, &p.out, &p.err
	p.cmd.Env = append([]string{"ELASTICSEARCH_URL=" + url}, w.env...)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		defer close(p.ended)
		_ = p.cmd.Wait() // its state has it
	}()
	return p, nil
}

// mustRun runs the program to its end, for what nothing disturbs.
func (w *world) mustRun(t *testing.T, url string, args ...string) *process {
	t.Helper()
	p, err := w.start(t.Context(), url, args...)
	if err != nil {
		t.Fatal(err)
	}
	if _, ended := p.wait(); !ended {
		t.Errorf("reindex %s did not end:\n%s", strings.Join(args, " "), p.err.String())
	}
	return p
}

// swaps wants a run that nothing more happens to to swap. A busy machine may
// cost it its lease, so it has some attempts.
func (w *world) swaps(t *testing.T) {
	t.Helper()
	var last *process
	began := time.Now()
	for range attempts {
		last = w.mustRun(t, w.server, "run", "--json", "--lock-timeout", "60s")
		if s, _ := last.summary(); s.Outcome == "swapped" {
			t.Logf("a run that nothing disturbs has swapped after %.0f s", time.Since(began).Seconds())
			return
		}
		w.note("undisturbed run: %s", last.lastWords())
	}
	t.Fatalf("no run has swapped in %d attempts: %s\n%s", attempts, last.out.String(), last.err.String())
}

// signal sends s unless the process has ended.
func (p *process) signal(s os.Signal) bool {
	if p.hasEnded() {
		return false
	}
	return p.cmd.Process.Signal(s) == nil
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// wait returns the exit status. A process that does not end shows where it
// hangs, and false is returned.
func (p *process) wait() (status int, ended bool) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), true
	case <-time.After(deadline):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.ended
		return killed, false
	}
}

// summary is what a run says about itself; ok is false if it did not get to it.
func (p *process) summary() (s summary, ok bool) {
	lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
	err := json.Unmarshal([]byte(lines[len(lines)-1]), &s)
	return s, err == nil && s.Type == "summary"
}

type summary struct {
	Type        string `json:"message_type"`
	Outcome     string `json:"outcome"`
	Index       string `json:"index"`
	Token       int64  `json:"token"`
	RunID       string `json:"run_id"`
	Error       string `json:"error"`
	RetireError string `json:"retire_error"`
	CutShort    string `json:"catch_up_error"`

	Phases json.RawMessage `json:"phase_after_ms"`
}

// lastWords is the end of what the process said, for the journal.
func (p *process) lastWords() string {
	text := strings.TrimSpace(p.err.String())
	if s, ok := p.summary(); ok && s.Error != "" {
		text = s.Error
	}
	text = strings.ReplaceAll(text, "\n", "; ")
	if len(text) > 300 {
		text = text[:300] + "..."
	}
	return text
}
