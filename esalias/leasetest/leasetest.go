// Package leasetest is the contract of esalias as a test suite. It is run over
// Elasticsearch in memory and over a real server, so that the stand-in cannot
// drift from the truth, and can be run by whoever brings a transport of their
// own.
package leasetest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/es"
)

// World is one cluster and an alias on it that nobody else uses.
type World struct {
	Transport esapi.Transport // must not retry
	Alias     string
	// Lease must be long enough for the machine to renew in time, busy as it
	// may be; some subtests wait for all of it.
	Lease time.Duration
}

// Run checks every promise of the package on worlds that newWorld makes, each
// used by one subtest.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	t.Helper()
	for name, run := range map[string]func(check){
		"exactly one of many contenders swaps":                oneSwaps,
		"a held lease names its holder":                       heldNamesHolder,
		"a waiting contender follows a release":               waiting,
		"a silent holder is replaced after a whole lease":     takeover,
		"a release keeps the token":                           releaseKeepsToken,
		"tokens never go back when the record is deleted":     tokensAfter(deleteRecord),
		"tokens never go back when the lock index is deleted": tokensAfter(deleteLock),
		"a holder stops when the lock index is deleted":       stopsWithoutLock,
		"swap, rollback and back again":                       rollback,
		"unlock with its token cuts a live holder off":        unlockLive,
		"unlock with a wrong token changes nothing":           unlockWrong,
		"unlock without a token spares a live holder":         unlockSpares,
		"unlock without a token frees a dead holder's lease":  unlockDead,
		"retire keeps what it is told to":                     retire,
		"abandon leaves no index, leave does":                 abandonAndLeave,
		"a second swap of one lease is refused":               swapTwice,
		"the time of a swap outlives its holder":              swapTime,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(check{t, newWorld(t)})
		})
	}
}

// check is one subtest and its world.
type check struct {
	t *testing.T
	w World
}

// client is a contender of its own, as another process would be.
func (w World) client(t *testing.T) *esalias.Client {
	t.Helper()
	c, err := esalias.New(w.Transport, w.Alias, esalias.Options{Lease: w.Lease, Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func holder(host string) esalias.Holder {
	return esalias.Holder{Host: host, PID: 7, RunID: esalias.NewRunID(), Trigger: "manual"}
}

// acquire takes a lease that is released with the test, if not before.
func (w World) acquire(ctx context.Context, t *testing.T, host string) *esalias.Lease {
	t.Helper()
	l, err := w.client(t).Acquire(ctx, holder(host), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release(context.Background()) })
	return l
}

func create(t *testing.T, l *esalias.Lease) *esalias.Build {
	t.Helper()
	b, err := l.Create(l.Context(), json.RawMessage(`{}`), esalias.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// swap runs a whole cycle up to the swap.
func swap(t *testing.T, l *esalias.Lease) esalias.Swapped {
	t.Helper()
	s, err := l.Swap(l.Context(), create(t, l))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func release(t *testing.T, l *esalias.Lease) {
	t.Helper()
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// run is a whole run; it returns the index that it has made live.
func (w World) run(t *testing.T) string {
	t.Helper()
	l := w.acquire(t.Context(), t, "runner")
	s := swap(t, l)
	release(t, l)
	return s.Index
}

func (w World) live(t *testing.T) string {
	t.Helper()
	index, err := w.client(t).Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func (w World) wantLive(t *testing.T, want string) {
	t.Helper()
	if got := w.live(t); got != want {
		t.Errorf("alias is on %q, want %q", got, want)
	}
}

// indices returns the generations and their states.
func (w World) states(t *testing.T) map[string]string {
	t.Helper()
	status, err := w.client(t).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, g := range status.Generations {
		states[g.Index] = g.State
	}
	return states
}

func (w World) send(t *testing.T, method, path, body string) {
	t.Helper()
	var payload []byte
	if body != "" {
		payload = []byte(body)
	}
	if err := es.Do(t.Context(), w.Transport, method, path, payload, nil); err != nil {
		t.Fatal(err)
	}
}

func deleteRecord(t *testing.T, w World) {
	t.Helper()
	w.send(t, http.MethodDelete, "/lock-"+w.Alias+".doc/_doc/lock", "")
}

func deleteLock(t *testing.T, w World) {
	t.Helper()
	w.send(t, http.MethodDelete, "/lock-"+w.Alias, "")
}

func wantHeld(t *testing.T, err error) *esalias.HeldError {
	t.Helper()
	var held *esalias.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("got %v, want a HeldError", err)
	}
	return held
}
