package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"example.com/reindex/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func swapped(alias string) Run {
	ended := time.Date(2026, 11, 24, 2, 3, 4, 500_000_000, time.UTC)
	return Run{Host: "green", Ended: ended, Report: pipeline.Report{
		Outcome: pipeline.OutcomeSwapped, Alias: alias, Documents: 351_208, Failed: 1, PassFailed: 1, Retried: 4, Bytes: 1 << 30,
		Duration: 3 * time.Minute, Loading: 2 * time.Minute, Lag: 1500 * time.Millisecond, SnapshotAt: ended.Add(-3 * time.Minute),
	}}
}

func failed(alias string) Run {
	r := swapped(alias)
	r.Ended = r.Ended.Add(24 * time.Hour)
	r.Report = pipeline.Report{Outcome: pipeline.OutcomeFailed, Alias: alias, Duration: time.Second, Failed: 7}
	return r
}

// values reads a text as Prometheus would: name{label=value,...} -> value.
func values(t *testing.T, text string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	got := map[string]float64{}
	for name, family := range families {
		if family.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			got[name+"{"+strings.Join(labels, ",")+"}"] = m.GetGauge().GetValue()
		}
	}
	return got
}

func read(t *testing.T, path string) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return values(t, string(text))
}

func write(t *testing.T, path string, r Run) {
	t.Helper()
	if err := WriteFile(path, r); err != nil {
		t.Fatal(err)
	}
}

func TestFileOfARunThatSwapped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "reindex.prom")
	write(t, path, swapped("persons"))
	want := map[string]float64{
		"reindex_last_run_timestamp_seconds{alias=persons}":              1795485784.5,
		"reindex_last_success_timestamp_seconds{alias=persons}":          1795485784.5,
		"reindex_last_success_snapshot_timestamp_seconds{alias=persons}": 1795485604.5,
		"reindex_run_duration_seconds{alias=persons}":                    180,
		"reindex_load_duration_seconds{alias=persons}":                   120,
		"reindex_documents{alias=persons}":                               351_208,
		"reindex_documents_failed{alias=persons}":                        2,
		"reindex_documents_retried{alias=persons}":                       4,
		"reindex_bulk_bytes{alias=persons}":                              1 << 30,
		"reindex_lag_seconds{alias=persons}":                             1.5,
	}
	for _, o := range outcomes() {
		want["reindex_last_run_outcome{alias=persons,outcome="+string(o)+"}"] = 0
	}
	want["reindex_last_run_outcome{alias=persons,outcome=swapped}"] = 1
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v; want 0644, for the node exporter's user", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files in the folder, want 1", len(left))
	}
}

func TestFileKeepsWhatALaterRunDoesNotKnow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "reindex.prom")
	write(t, path, swapped("persons"))
	write(t, path, swapped("posts"))
	write(t, path, failed("persons"))
	locked := failed("persons")
	locked.Report = pipeline.Report{Outcome: pipeline.OutcomeLocked, Alias: "persons"}
	write(t, path, locked)
	got := read(t, path)
	for name, want := range map[string]float64{
		"reindex_last_success_timestamp_seconds{alias=persons}":        1795485784.5,
		"reindex_documents{alias=persons}":                             351_208,
		"reindex_documents_failed{alias=persons}":                      7, // of the failed run; a locked one has none
		"reindex_last_run_timestamp_seconds{alias=persons}":            1795485784.5 + 24*3600,
		"reindex_last_run_outcome{alias=persons,outcome=locked}":       1,
		"reindex_last_run_outcome{alias=persons,outcome=swapped}":      0,
		"reindex_last_run_timestamp_seconds{alias=posts}":              1795485784.5,
		"reindex_last_run_outcome{alias=posts,outcome=swapped}":        1,
		"reindex_last_success_timestamp_seconds{alias=posts}":          1795485784.5,
		"reindex_documents_failed{alias=posts}":                        2,
		"reindex_last_run_outcome{alias=persons,outcome=failed}":       0,
		"reindex_last_success_snapshot_timestamp_seconds{alias=posts}": 1795485604.5,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v (%t), want %v", name, v, ok, want)
		}
	}
}

func TestFileThatCannotBeUnderstoodIsReplacedAndTold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "reindex.prom")
	if err := os.WriteFile(path, []byte("not {metrics"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, swapped("persons")); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("got %v", err)
	}
	if got := read(t, path)["reindex_documents{alias=persons}"]; got != 351_208 {
		t.Errorf("documents = %v", got)
	}
}

func TestFileInAFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "away", "reindex.prom")
	if err := WriteFile(path, swapped("persons")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error with the path", err)
	}
}

// gateway answers with the statuses given, then 200, and keeps what it got.
type gateway struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []int
	requests []string
	body     string
	auth     string
}

func newGateway(t *testing.T, statuses ...int) *gateway {
	t.Helper()
	g := &gateway{statuses: statuses}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		body, _ := io.ReadAll(req.Body)
		user, password, _ := req.BasicAuth()
		g.requests = append(g.requests, req.Method+" "+req.URL.Path)
		g.body, g.auth = string(body), user+":"+password
		if len(g.statuses) > 0 {
			w.WriteHeader(g.statuses[0])
			g.statuses = g.statuses[1:]
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func TestPush(t *testing.T) {
	t.Parallel()
	g := newGateway(t, http.StatusBadGateway) // and well at the second try
	address := strings.Replace(g.URL, "http://", "http://pusher:hunter2@", 1)
	if err := Push(t.Context(), Gateway{URL: address, Job: "nightly"}, swapped("persons")); err != nil {
		t.Fatal(err)
	}
	if len(g.requests) != 2 || g.auth != "pusher:hunter2" {
		t.Fatalf("requests %q as %q", g.requests, g.auth)
	}
	method, path, _ := strings.Cut(g.requests[1], " ")
	if method != http.MethodPost {
		t.Errorf("method %s would remove what is not sent", method)
	}
	// The order of the grouping labels is the library's.
	for _, part := range []string{"/metrics/job/nightly/", "/alias/persons", "/instance/green"} {
		if !strings.Contains(path, part) {
			t.Errorf("path %s lacks %s", path, part)
		}
	}
	if got := values(t, g.body)["reindex_documents{}"]; got != 351_208 {
		t.Errorf("documents = %v in\n%s", got, g.body)
	}
}

func TestPushOfAFailureLeavesTheLastSuccess(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	if err := Push(t.Context(), Gateway{URL: g.URL, Job: "nightly"}, failed("persons")); err != nil {
		t.Fatal(err)
	}
	for name := range values(t, g.body) {
		if strings.Contains(name, "success") {
			t.Errorf("%s was sent", name)
		}
	}
}

func TestPushErrorsTellNoSecret(t *testing.T) {
	t.Parallel()
	refusing := newGateway(t, http.StatusForbidden)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, server := range map[string]string{"refused": refusing.URL, "not there": gone.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := strings.Replace(server, "http://", "http://pusher:hunter2@", 1) + "/secret-path"
			err := Push(t.Context(), Gateway{URL: address, Job: "nightly"}, swapped("persons"))
			if err == nil {
				t.Fatal("no error")
			}
			if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "secret-path") {
				t.Errorf("the error tells a secret: %s", text)
			}
		})
	}
}
