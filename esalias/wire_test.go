package esalias

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/esalias/internal/memory"
)

// wire records what is sent to a server in memory, and can break it.
type wire struct {
	memory.Server

	mu   sync.Mutex
	log  []string
	hook func(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error)
}

func (w *wire) Perform(req *http.Request) (*http.Response, error) {
	var body string
	if req.Body != nil {
		read, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(read)
		req.Body = io.NopCloser(strings.NewReader(body))
	}
	w.mu.Lock()
	uri, err := url.QueryUnescape(req.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	w.log = append(w.log, strings.TrimSpace(req.Method+" "+uri+" "+body))
	hook := w.hook
	w.mu.Unlock()
	pass := func() (*http.Response, error) { return w.Server.Perform(req) }
	if hook == nil {
		return pass()
	}
	return hook(req, body, pass)
}

func (w *wire) on(hook func(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = hook
}

// take returns what was sent since the last take, with times taken out.
func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	times := regexp.MustCompile(`"(since|renewed_at|swapped_at)":"[^"]*"`)
	for i := range log {
		log[i] = times.ReplaceAllString(log[i], `"$1":"T"`)
	}
	return log
}

func newWire(t *testing.T, opts Options) (*wire, *Client) {
	t.Helper()
	w := new(wire)
	c, err := New(w, "persons", opts)
	if err != nil {
		t.Fatal(err)
	}
	return w, c
}

func blue() Holder { return Holder{Host: "blue", PID: 7, RunID: "runaaaaa", Trigger: "manual"} }

func wantSent(t *testing.T, w *wire, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.take()); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

const (
	lookFenceRequest  = "GET /lock-persons?filter_path=*.aliases,*.settings.index.uuid"
	lookAliasRequest  = "GET /persons,persons-*/_alias?allow_no_indices=true&expand_wildcards=all&ignore_unavailable=true"
	changesOptions    = "?allow_no_indices=true&filter_path=metadata.indices.*.aliases_version,metadata.indices.*.aliases&ignore_unavailable=true"
	changesRequest    = "GET /_cluster/state/metadata/persons" + changesOptions
	readRecordRequest = "GET /lock-persons.doc/_doc/lock"
)

// TestRequestsOfARunAreThoseOfTheProtocol compares every request of two runs,
// letter by letter, with docs/protocol.
func TestRequestsOfARunAreThoseOfTheProtocol(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 10 * time.Minute, Grace: time.Nanosecond})
	first := run(t, w, c, "runaaaaa")
	bootstrap := regexp.MustCompile(`persons\.done-0-[a-z2-7]{12}`)
	boot := bootstrap.FindString(strings.Join(first, " "))
	if diff := cmp.Diff([]string{
		lookFenceRequest,
		`PUT /lock-persons {"aliases":{"lock-persons.doc":{},"` + boot + `":{}},"mappings":{"dynamic":false},` +
			`"settings":{"index":{"auto_expand_replicas":"0-1","hidden":true,"number_of_shards":1}}}`,
		lookFenceRequest,
		readRecordRequest,
		lookAliasRequest,
		"PUT /lock-persons.doc/_create/lock?require_alias=true " + record(1, "runaaaaa", "held"),
		lookFenceRequest,
		aliasActions(removing("lock-persons", boot), adding("lock-persons", "persons.claim-1-runaaaaa")),
		`PUT /persons-000001?timeout=15000ms {"aliases":{"persons.w-1-runaaaaa":{}},"mappings":{"_meta":{"reindex":{"alias":"persons","token":1,"run_id":"runaaaaa","started_at":""}}},` +
			`"settings":{"index.auto_expand_replicas":false,"index.number_of_replicas":0,"index.refresh_interval":"-1"}}`,
		lookAliasRequest,
		"POST /persons-000001/_refresh",
		"GET /persons-000001/_count",
		`PUT /persons-000001/_settings {"index.auto_expand_replicas":null,"index.number_of_replicas":null,"index.refresh_interval":"5s"}`,
		"GET /_cluster/health/persons-000001",
		changesRequest,
		lookAliasRequest,
		aliasActions(
			removing("lock-persons", "persons.claim-1-runaaaaa"), adding("lock-persons", "persons.done-1-runaaaaa"),
			`{"add":{"index":"persons-000001","alias":"persons","is_write_index":true}}`,
			adding("persons-000001", "persons.swap-1-runaaaaa"), removing("persons-000001", "persons.w-1-runaaaaa")),
		lookAliasRequest,
		"PUT /lock-persons.doc/_doc/lock?if_primary_term=1&if_seq_no=0&require_alias=true " + afterSwap(1, record(1, "runaaaaa", "free")),
	}, first); diff != "" {
		t.Errorf("first run (-want +got):\n%s", diff)
	}
	second := run(t, w, c, "runbbbbb")
	if diff := cmp.Diff([]string{
		"PUT /lock-persons.doc/_doc/lock?if_primary_term=1&if_seq_no=1&require_alias=true " + afterSwap(1, record(2, "runbbbbb", "held")),
		lookFenceRequest,
		aliasActions(removing("lock-persons", "persons.done-1-runaaaaa"), adding("lock-persons", "persons.claim-2-runbbbbb")),
	}, second[3:6]); diff != "" {
		t.Errorf("second run, claim (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		aliasActions(
			removing("lock-persons", "persons.claim-2-runbbbbb"), adding("lock-persons", "persons.done-2-runbbbbb"),
			removing("persons-000001", "persons"),
			`{"add":{"index":"persons-000002","alias":"persons","is_write_index":true}}`,
			adding("persons-000002", "persons.swap-2-runbbbbb"), removing("persons-000002", "persons.w-2-runbbbbb")),
		"GET /_cluster/state/metadata/persons-000001" + changesOptions,
		lookAliasRequest,
		"GET /persons-000001/_mapping?expand_wildcards=all&filter_path=*.mappings._meta.reindex",
		"GET /persons-000001/_stats/search",
		changesRequest,
		lookAliasRequest,
		aliasActions(
			removing("lock-persons", "persons.done-2-runbbbbb"), adding("lock-persons", "persons.done-2-runbbbbb"),
			removing("persons-000002", "persons"),
			`{"add":{"index":"persons-000002","alias":"persons","is_write_index":true}}`,
			`{"remove_index":{"index":"persons-000001"}}`),
		"GET /_cluster/state/metadata/persons-000002,persons-000001" + changesOptions,
	}, second[len(second)-10:len(second)-1]); diff != "" {
		t.Errorf("second run, swap and retire (-want +got):\n%s", diff)
	}
}

// run does all of a run and returns what was sent.
func run(t *testing.T, w *wire, c *Client, runID string) []string {
	t.Helper()
	holder := blue()
	holder.RunID = runID
	l, err := c.Acquire(t.Context(), holder, 0)
	if err != nil {
		t.Fatal(err)
	}
	build, err := l.Create(t.Context(), json.RawMessage(`{"settings":{"refresh_interval":"5s"}}`), Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := build.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := build.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Retire(t.Context(), 0, false); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.take()
}

func TestGivingUpSealsAndDeletesInOneRequest(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 10 * time.Minute})
	l := acquired(t, c)
	if _, err := l.Create(t.Context(), json.RawMessage(`{}`), Meta{}); err != nil {
		t.Fatal(err)
	}
	w.take()
	if err := l.Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Abandon(t.Context()); err != nil { // again, without harm
		t.Fatal(err)
	}
	wantSent(t, w, aliasActions(
		removing("lock-persons", "persons.claim-1-runaaaaa"), adding("lock-persons", "persons.done-1-runaaaaa"),
		`{"remove_index":{"index":"persons-000001"}}`))
}

func TestRollbackProvesThatItsTargetWasLive(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 10 * time.Minute})
	for _, id := range []string{"runaaaaa", "runbbbbb"} {
		holder := blue()
		holder.RunID = id
		l := acquiredBy(t, c, holder)
		swapped(t, l)
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	holder := blue()
	holder.RunID = "runccccc"
	l := acquiredBy(t, c, holder)
	w.take()
	if _, err := l.Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	sent := w.take()
	if diff := cmp.Diff(aliasActions(
		removing("lock-persons", "persons.claim-3-runccccc"), adding("lock-persons", "persons.done-3-runccccc"),
		removing("persons-000002", "persons"),
		`{"add":{"index":"persons-000001","alias":"persons","is_write_index":true}}`,
		removing("persons-000001", "persons.swap-1-runaaaaa"), adding("persons-000001", "persons.swap-1-runaaaaa"),
		adding("persons-000001", "persons.swap-3-runccccc")), sent[len(sent)-2]); diff != "" {
		t.Error(diff)
	}
}

func acquired(t *testing.T, c *Client) *Lease {
	t.Helper()
	return acquiredBy(t, c, blue())
}

func acquiredBy(t *testing.T, c *Client, holder Holder) *Lease {
	t.Helper()
	l, err := c.Acquire(t.Context(), holder, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release(context.Background()) })
	return l
}

func swapped(t *testing.T, l *Lease) Swapped {
	t.Helper()
	build, err := l.Create(t.Context(), json.RawMessage(`{}`), Meta{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Swap(t.Context(), build)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func aliasActions(actions ...string) string {
	return `POST /_aliases {"actions":[` + strings.Join(actions, ",") + `]}`
}

func adding(index, alias string) string {
	return `{"add":{"index":"` + index + `","alias":"` + alias + `"}}`
}

func removing(index, alias string) string {
	return `{"remove":{"index":"` + index + `","alias":"` + alias + `","must_exist":true}}`
}

func record(token int, runID, state string) string {
	number := string(rune('0' + token))
	return `{"token":` + number + `,"state":"` + state + `","holder":{"host":"blue","pid":7,"run_id":"` + runID +
		`","trigger":"manual"},"since":"T","renewed_at":"T","lease_ms":600000,"lock_uuid":"uuid-1"}`
}

// afterSwap is a record that knows of the swap with token.
func afterSwap(token int, record string) string {
	return strings.TrimSuffix(record, "}") + `,"swapped_at":"T","swapped_token":` + string(rune('0'+token)) + `}`
}
