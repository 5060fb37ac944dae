package crash

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/reindex/internal/programtest"
)

// process is one run of the program.
type process struct{ *programtest.Process }

// start runs the program against the Elasticsearch at url.
func (w *world) start(ctx context.Context, url string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, w.binary, args...)
	cmd.Dir, cmd.Env = w.dir, append([]string{"ELASTICSEARCH_URL=" + url}, w.env...)
	p, err := programtest.Start(cmd)
	return &process{p}, err
}

// mustRun runs the program to its end, for what nothing disturbs.
func (w *world) mustRun(t *testing.T, url string, args ...string) *process {
	t.Helper()
	p, err := w.start(t.Context(), url, args...)
	if err != nil {
		t.Fatal(err)
	}
	if _, ended := p.Wait(); !ended {
		t.Errorf("reindex %s did not end:\n%s", strings.Join(args, " "), p.Stderr())
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
	t.Fatalf("no run has swapped in %d attempts: %s\n%s", attempts, last.Stdout(), last.Stderr())
}

// summary is what a run says about itself; ok is false if it did not get to it.
func (p *process) summary() (s summary, ok bool) {
	lines := strings.Split(strings.TrimSpace(p.Stdout()), "\n")
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
	text := strings.TrimSpace(p.Stderr())
	if s, ok := p.summary(); ok && s.Error != "" {
		text = s.Error
	}
	text = strings.ReplaceAll(text, "\n", "; ")
	if len(text) > 300 {
		text = text[:300] + "..."
	}
	return text
}
