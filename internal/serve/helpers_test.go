package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/history"
	"example.com/reindex/internal/serve/auth"
	"example.com/reindex/internal/serve/board"
	"example.com/reindex/internal/serve/jobs"
	"example.com/reindex/internal/serve/watch"
)

// scripted is a reader that knows what a test says.
type scripted struct {
	mu     sync.Mutex
	status esalias.Status
	runs   []history.Record
	board  board.Board
	err    error
}

var (
	_ watch.Reader = (*scripted)(nil)
	_ Notes        = (*scripted)(nil)
)

func (r *scripted) set(do func(r *scripted)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(r)
}

func (r *scripted) Status(context.Context) (esalias.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status, r.err
}

func (r *scripted) Runs(context.Context, int) ([]history.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]history.Record{}, r.runs...), r.err
}

func (r *scripted) Run(_ context.Context, id string) (history.Record, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.runs {
		if run.RunID == id {
			return run, true, r.err
		}
	}
	return history.Record{}, false, r.err
}

func (r *scripted) Sizes(context.Context) (map[string]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return map[string]int64{"persons-000002": 1 << 20}, r.err
}

func (r *scripted) Board(context.Context, time.Time) (board.Board, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.board, r.err
}

func (r *scripted) PutServer(context.Context, board.Server) error { return nil }
func (r *scripted) PutResult(context.Context, board.Result) error { return nil }
func (r *scripted) PutStop(_ context.Context, s board.Stop) error {
	r.set(func(r *scripted) { r.board.Stops = append(r.board.Stops, s) })
	return nil
}

// persons has a live index, one before it, one left unswapped, and two runs; the
// last run's error tries to be HTML.
func persons() *scripted {
	now := time.Now()
	ended := now.Add(-time.Hour)
	return &scripted{
		status: esalias.Status{
			Alias: "persons", Live: "persons-000002", LiveToken: 2, LiveDocuments: 31_719, SwappedAt: ended,
			Record: esalias.Record{Token: 3, State: esalias.StateFree, Holder: esalias.Holder{RunID: "runthreexxxx"}, RenewedAt: now},
			Generations: []esalias.Generation{
				{Index: "persons-000003", Token: 3, State: esalias.StateOrphan, Documents: 5, CreatedAt: ended},
				{Index: "persons-000002", Token: 2, State: esalias.StateLive, Documents: 31_719, CreatedAt: ended, SwapToken: 2},
				{Index: "persons-000001", Token: 1, State: esalias.StatePrevious, Documents: 100, CreatedAt: ended, SwapToken: 1},
			},
		},
		runs: []history.Record{
			{
				RunID: "runthreexxxx", Alias: "persons", Outcome: "failed", Host: "blue", Started: now.Add(-30 * time.Minute), Ended: &ended,
				Error: "<script>alert(1)</script>", Failed: 1,
				Detail: &history.Detail{
					Events:   []history.Event{{At: now, Kind: history.EventPhase, Text: "locked"}, {At: now, Kind: history.EventError, Text: "<img src=x onerror=alert(1)>"}},
					Rejected: []history.Rejected{{ID: "<b>17</b>", Status: 400, Type: "document_parsing_exception", Reason: "failed to parse field [rev]"}},
					Samples:  []history.Sample{{AfterMS: 1000, Documents: 10}, {AfterMS: 2000, Documents: 30}, {AfterMS: 3000, Documents: 60}},
				},
			},
			{
				RunID: "runtwoxxxxxx", Alias: "persons", Outcome: "swapped", Host: "green", Documents: 31_719, DurationMS: 60_000,
				Started: now.Add(-25 * time.Hour), Ended: &ended, PhaseAfterMS: map[string]int64{"locked": 10, "created": 20, "loaded": 50_000, "swapped": 60_000},
			},
		},
		board: board.Board{Results: map[string]board.Result{}},
	}
}

// lock gives the lock to a run on host.
func (r *scripted) lock(host string, pid int) {
	r.set(func(r *scripted) {
		r.status.Locked = true
		r.status.Record = esalias.Record{
			Token: 4, State: esalias.StateHeld, LeaseMS: 30_000, Phase: "created", Documents: 10, Total: 100,
			Holder: esalias.Holder{Host: host, PID: pid, RunID: "runfourxxxxx", Trigger: "scheduled"}, Since: time.Now(), RenewedAt: time.Now(),
		}
	})
}

// site is a server on a real connection.
type site struct {
	*Server

	reader *scripted
	url    string
	client *http.Client
}

// newSite starts a server that has looked once.
func newSite(t *testing.T, reader *scripted, gate *auth.Gate, change ...func(*Options)) *site {
	t.Helper()
	o := Options{
		Indices: []Index{{Name: "persons", Alias: "persons", Reader: reader, Notes: reader, Keep: 1}},
		Runner:  &jobs.Runner{Program: os.Args[0], ActorVariable: "REINDEX_ACTOR", Env: []string{childVariable + "=end"}},
		Args:    func(command, index string) []string { return []string{command, index, "--json"} },
		Promote: true,
		Gate:    auth.NewGate(gate), Host: "green", Listen: "test", Version: "v1", Log: slog.New(slog.DiscardHandler),
		Shown: func(err error) string { return strings.ReplaceAll(err.Error(), "hunter2", "***") },
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	hub := make(chan struct{})
	go func() { // ends with ctx
		defer close(hub)
		s.hub.run(ctx)
	}()
	server := httptest.NewUnstartedServer(s.Handler())
	server.Config.ReadTimeout, server.Config.WriteTimeout = requestTime, answerTime
	server.Start()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		o.Runner.Close(closedContext(), time.Minute)
		cancel()
		<-hub
		server.CloseClientConnections()
		server.Close()
		client.CloseIdleConnections()
	})
	s.order[0].watcher.Look(t.Context())
	return &site{Server: s, reader: reader, url: server.URL, client: client}
}

func closedContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// look makes the server see what the reader says now.
func (s *site) look(t *testing.T) {
	t.Helper()
	s.order[0].watcher.Look(t.Context())
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; body is a form if it is not empty and not JSON.
func (s *site) do(t *testing.T, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost && !strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Add(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(text)}
}

// users has alice, an operator, and bob, a viewer; both with the same password,
// and a token for each.
const password = "correct horse battery"

func users(t *testing.T) (u *auth.Users, operator, viewer string) {
	t.Helper()
	alice, err := auth.HashPassword("alice", auth.Operator, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	operator, deploy := auth.NewToken("deploy", auth.Operator)
	viewer, prometheus := auth.NewToken("prometheus", auth.Viewer)
	path := filepath.Join(t.TempDir(), "users")
	text := "# people\n" + alice + "\n" + deploy + "\n" + prometheus + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if u, err = auth.ReadUsers(path); err != nil {
		t.Fatal(err)
	}
	return u, "Bearer " + operator, "Bearer " + viewer
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

var errAway = errors.New("no answer: connection refused (password hunter2)")
