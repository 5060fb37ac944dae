package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

// record is one line of `reindex history --json`, as far as tests look.
type record struct {
	RunID        string `json:"run_id"`
	Outcome      string
	Phase        string
	Trigger      string
	Host         string
	PID          int
	Token        int64
	Index        string
	Previous     string
	Documents    int64
	Acknowledged int64
	Error        string
	Ended        *time.Time
	HeldBy       *struct {
		RunID string `json:"run_id"`
	} `json:"held_by"`
}

func (p *project) history(t *testing.T, args ...string) []record {
	t.Helper()
	r := p.succeed(t, append([]string{"history", "--json"}, args...)...)
	records := []record{}
	for line := range strings.Lines(r.stdout) {
		var one record
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		records = append(records, one)
	}
	return records
}

func outcomes(records []record) []string {
	list := []string{}
	for _, r := range records {
		list = append(list, r.Outcome)
	}
	return list
}

func TestHistoryOfRunsOfEveryKind(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	if text := p.succeed(t, "history").stdout; !strings.Contains(text, "no run is recorded") {
		t.Errorf("before any run: %s", text)
	}
	swap := p.rebuild(t, "--trigger", "scheduled")
	gate := p.run(t, "run", "--min-documents", "11", "--json").summary(t)
	p.succeed(t, "run", "--if-older-than", "1h")
	records := p.history(t)
	if diff := cmp.Diff([]string{"skipped", "refused", "swapped"}, outcomes(records)); diff != "" {
		t.Fatal(diff)
	}
	first, second := records[2], records[1]
	if first.RunID != swap["run_id"] || first.Documents != 10 || first.Index != swap["index"] || first.Phase != "released" ||
		first.Trigger != "scheduled" || first.Ended == nil || first.Error != "" {
		t.Errorf("record %+v of %v", first, swap)
	}
	if second.Error != gate["error"] || second.Previous != swap["index"] {
		t.Errorf("record %+v of %v", second, gate)
	}
	if diff := cmp.Diff([]record{first}, p.history(t, "--run", first.RunID)); diff != "" {
		t.Error(diff)
	}
	if one := p.history(t, "--limit", "1"); len(one) != 1 || one[0].Outcome != "skipped" {
		t.Errorf("--limit 1 shows %+v", one)
	}
	text := p.succeed(t, "history").stdout
	for _, want := range []string{"STARTED", "swapped", "refused", first.Index, "gate min_documents"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	if detail := p.succeed(t, "history", "--run", first.RunID).stdout; !strings.Contains(detail, "acknowledged") {
		t.Errorf("detail:\n%s", detail)
	}
	for _, args := range [][]string{{"--run", "../x"}, {"--limit", "0"}} {
		if r := p.run(t, append([]string{"history"}, args...)...); r.code != exitUsage {
			t.Errorf("%q: %s", args, r)
		}
	}
	if r := p.run(t, "history", "--run", "nosuchrun"); r.code != exitFailed || !strings.Contains(r.stderr, "nosuchrun") {
		t.Errorf("%s", r)
	}
}

func TestHistoryKeepsTheNewest(t *testing.T) {
	t.Parallel()
	d := notes()
	d.more = "history: { keep: 2 }\n"
	p := newProject(t, notesDatabase(t, 2), d)
	var last any
	for range 4 {
		last = p.rebuild(t)["run_id"]
	}
	// What was deleted can be found until the index is refreshed, each second.
	eventually(t, "two records", func() bool { return len(p.history(t)) == 2 })
	if got := p.history(t)[0].RunID; got != last {
		t.Errorf("the newest is %s, want %s", got, last)
	}
}

func TestHistoryOfARunThatIsKilledAndOneThatWasRefused(t *testing.T) {
	t.Parallel()
	proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
	d := notes()
	d.url = proxy.URL()
	p := newProject(t, notesDatabase(t, 10), d)
	bulk := proxy.On(faultproxy.Rule{Method: http.MethodPost, Path: "/_bulk", Do: faultproxy.Hold})
	held := p.start(t, "run", "--trigger", "scheduled")
	bulk.Await(t)
	refused := p.run(t, "run")
	if refused.code != exitLocked {
		t.Fatalf("%s", refused)
	}
	records := p.history(t)
	if diff := cmp.Diff([]string{"locked", "running"}, outcomes(records)); diff != "" {
		t.Fatal(diff)
	}
	if by := records[0].HeldBy; by == nil || by.RunID != records[1].RunID || !strings.Contains(records[0].Error, "locked by another run") {
		t.Errorf("refused: %+v", records[0])
	}
	p.wantAlarms(t)
	held.signal(t, syscall.SIGKILL)
	held.wait(t)
	bulk.AwaitDone(t)
	proxy.Clear()
	p.rebuild(t)
	if diff := cmp.Diff([]string{"swapped", "locked", "died"}, outcomes(p.history(t))); diff != "" {
		t.Error(diff)
	}
	r := p.succeed(t, "status", "--max-age", "26h", "--max-run", "1h")
	if !strings.Contains(r.stdout, "\nlast   swapped on ") || !strings.Contains(r.stdout, ", swapped 2") {
		t.Errorf("%s", r)
	}
}

// wantAlarms looks at a run that holds the lock while nothing is live.
func (p *project) wantAlarms(t *testing.T) {
	t.Helper()
	r := p.run(t, "status", "--max-age", "26h", "--max-run", "1ns")
	if r.code != exitFailed || !strings.Contains(r.stderr, "no index is live; run ") || !strings.Contains(r.stderr, "--max-run 1ns") {
		t.Errorf("%s", r)
	}
	r = p.run(t, "status", "--max-age", "26h", "--max-run", "1ns", "--json")
	lines := r.lines(t)
	if r.code != exitFailed || len(lines) != 1 || r.stderr != "" {
		t.Fatalf("%s", r)
	}
	if alarms, _ := lines[0]["alarms"].([]any); len(alarms) != 2 {
		t.Errorf("alarms %v", lines[0]["alarms"])
	}
	if r := p.run(t, "status", "--max-age", "-1h"); r.code != exitUsage {
		t.Errorf("%s", r)
	}
}

// receiver keeps what it is sent.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	paths []string
	texts []string
}

func newReceiver(t *testing.T, status int) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.paths, r.texts = append(r.paths, req.URL.Path), append(r.texts, string(body))
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take() (paths, texts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	paths, texts = r.paths, r.texts
	r.paths, r.texts = nil, nil
	return paths, texts
}

func TestNoticesAndMetricsOfARun(t *testing.T) {
	t.Parallel()
	hook, gateway := newReceiver(t, http.StatusOK), newReceiver(t, http.StatusOK)
	d := notes()
	d.more = fmt.Sprintf("notify: { webhook: %s/hunter2, on: [started, swapped, refused] }\n"+
		"metrics: { text_file: reindex.prom, push_url: %s, job: nightly }\n", hook.URL, gateway.URL)
	p := newProject(t, notesDatabase(t, 10), d)
	swap := p.rebuild(t)
	paths, texts := hook.take()
	if diff := cmp.Diff([]string{"/hunter2", "/hunter2"}, paths); diff != "" {
		t.Fatal(diff)
	}
	start, end := parseObject(t, texts[0]), parseObject(t, texts[1])
	if start["event"] != "started" || start["run_id"] != swap["run_id"] {
		t.Errorf("start %v", start)
	}
	// The notice is the summary, and a little more.
	host := end["host"]
	for _, more := range []string{"event", "title", "reason", "hint", "host", "exit_code"} {
		if _, there := end[more]; !there {
			t.Errorf("the notice lacks %s", more)
		}
		delete(end, more)
	}
	delete(swap, "message_type")
	if diff := cmp.Diff(swap, end); diff != "" {
		t.Errorf("notice (-summary +notice)\n%s", diff)
	}
	paths, texts = gateway.take()
	if len(paths) != 1 || !strings.Contains(paths[0], "/job/nightly") || !strings.Contains(paths[0], fmt.Sprint("/instance/", host)) ||
		!strings.Contains(texts[0], "reindex_documents 10\n") {
		t.Errorf("pushed %q to %q", texts, paths)
	}
	p.wantMetric(t, `reindex_documents{alias="`+p.alias+`"} 10`)

	refused := p.run(t, "run", "--min-documents", "11")
	if refused.code != exitGate {
		t.Fatalf("%s", refused)
	}
	_, texts = hook.take()
	if end := parseObject(t, texts[len(texts)-1]); end["event"] != "refused" || end["exit_code"] != float64(exitGate) ||
		!strings.Contains(fmt.Sprint(end["reason"]), "min_documents") {
		t.Errorf("refused: %v", end)
	}
	p.wantMetric(t, `reindex_documents{alias="`+p.alias+`"} 10`)
	p.wantMetric(t, `reindex_last_run_outcome{alias="`+p.alias+`",outcome="refused"} 1`)
}

func (p *project) wantMetric(t *testing.T, line string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "reindex.prom"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), line+"\n") {
		t.Errorf("no line %q in\n%s", line, text)
	}
}

func parseObject(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestWhatHappensBesideARunCannotFailIt(t *testing.T) {
	t.Parallel()
	broken := newReceiver(t, http.StatusForbidden)
	d := notes()
	secret := strings.Replace(broken.URL, "http://", "http://pusher:hunter1@", 1)
	d.more = fmt.Sprintf("notify: { webhook: %s/hunter2, format: teams }\nmetrics: { text_file: %s, push_url: %s/hunter3 }\n",
		broken.URL, strings.Repeat("x", 255), secret) // no name can be longer, so there can be no temporary file beside it
	p := newProject(t, notesDatabase(t, 10), d)
	r := p.succeed(t, "run")
	if n := strings.Count(r.stderr, "level=WARN"); n != 3 {
		t.Errorf("%d warnings, want one for the webhook, the file and the gateway:\n%s", n, r.stderr)
	}
	if strings.Contains(r.String(), "hunter") {
		t.Errorf("a secret was told:\n%s", r)
	}
}

func TestRunThatCannotReachItsSourceIsToldOf(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t, http.StatusOK)
	d := notes()
	d.db = "postgres://reindex:hunter2@127.0.0.1:1/none"
	d.more = fmt.Sprintf("notify: { webhook: %s }\n", hook.URL)
	p := newProject(t, notesDatabase(t, 1), d)
	if r := p.run(t, "run"); r.code != exitFailed {
		t.Fatalf("%s", r)
	}
	_, texts := hook.take()
	records := p.history(t)
	if len(texts) != 1 || len(records) != 1 || records[0].Outcome != "failed" || records[0].Error == "" {
		t.Fatalf("notices %q, history %+v", texts, records)
	}
	if strings.Contains(texts[0]+records[0].Error, "hunter2") {
		t.Errorf("a secret was told: %s %s", texts[0], records[0].Error)
	}
}

func TestRunWhoseReaderHasLeftIsRecorded(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 20), notes())
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	cmd := p.command("run", "--json")
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	if records := p.history(t); len(records) != 1 || records[0].Outcome != "swapped" {
		t.Errorf("history %v", records)
	}
}

// Whatever changes what readers see, or who may change it, is in the history:
// by which command, by whom, where, and what came of it.
func TestEveryActIsInTheHistory(t *testing.T) {
	t.Parallel()
	p, proxy := editedProject(t, 10, false)
	second := p.rebuild(t)
	p.succeed(t, "rollback")
	p.succeed(t, "prune", "--keep", "0")
	p.ask(t, http.MethodDelete, "/"+p.alias+"/_doc/2?refresh=true", "")
	p.succeed(t, "verify", "--repair")

	loading := proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Hold})
	cut := p.start(t, "run")
	loading.Await(t)
	token := p.status(t).Lock.Token
	unlocked := p.succeed(t, "unlock", fmt.Sprint(token), "--json").summary(t)
	loading.Release()
	if r := cut.wait(t); r.code != 12 {
		t.Fatalf("the run that was cut off: %s", r)
	}
	p.succeed(t, "prune", "--dry-run") // changes nothing, and leaves no record

	acts := map[string]map[string]any{}
	for line := range strings.Lines(p.succeed(t, "history", "--json").stdout) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		command := fmt.Sprint(record["command"])
		if command != "run" && acts[command] != nil {
			t.Errorf("%s is recorded twice", command)
		}
		acts[command] = record
		for _, key := range []string{"host", "user", "started", "ended", "run_id"} {
			if record[key] == nil {
				t.Errorf("the record of %s has no %s", command, key)
			}
		}
	}
	for command, outcome := range map[string]string{"rollback": "swapped", "prune": "pruned", "repair": "repaired", "unlock": "unlocked"} {
		if acts[command] == nil || acts[command]["outcome"] != outcome {
			t.Errorf("%s is recorded as %v, want %s", command, acts[command], outcome)
		}
	}
	if acts["rollback"]["previous"] != second["index"] {
		t.Errorf("the rollback is recorded as %v", acts["rollback"])
	}
	if changed := acts["repair"]["changed"]; changed != 1.0 {
		t.Errorf("the repair has changed %v documents, want 1", changed)
	}
	detail := p.succeed(t, "history", "--run", fmt.Sprint(unlocked["run_id"])).stdout
	if !strings.Contains(detail, "unlock") || !strings.Contains(detail, "cut_off") {
		t.Errorf("the record of the unlock: %s", detail)
	}
	if text := p.succeed(t, "history").stdout; !strings.Contains(text, "COMMAND") || !strings.Contains(text, "is cut off") {
		t.Errorf("history shows\n%s", text)
	}
	if text := p.succeed(t, "status").stdout; !strings.Contains(text, "last   lost") {
		t.Errorf("status shows another act as the last run:\n%s", text)
	}
}
