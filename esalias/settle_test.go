package esalias

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/reindex/internal/es"
)

func created(t *testing.T, l *Lease) *Build {
	t.Helper()
	build, err := l.Create(t.Context(), json.RawMessage(`{}`), Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return build
}

func wantLive(t *testing.T, c *Client, want string) {
	t.Helper()
	if live, err := c.Live(t.Context()); err != nil || live != want {
		t.Errorf("live = %q, %v; want %q", live, err, want)
	}
}

// isSwap reports whether a request is a swap.
func isSwap(body string) bool { return strings.Contains(body, ".swap-") }

// other takes the lease by force, as after a pause of its holder.
func other(t *testing.T, l *Lease) *Lease {
	t.Helper()
	next := blue()
	next.RunID, next.Host = "runother", "green"
	taken, err := l.c.force(t.Context(), next, l.Token())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Release(context.Background()) })
	return taken
}

// TestHolderThatWakesUpLate stops a holder between its last check and its swap
// request, and lets others go first.
func TestHolderThatWakesUpLate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(t *testing.T, taken *Lease) (live string)
		want      error
	}{
		"another run has claimed": {func(*testing.T, *Lease) string { return "" }, ErrOutcomeUnknown},
		"another run has swapped": {func(t *testing.T, taken *Lease) string { t.Helper(); return swapped(t, taken).Index }, ErrOutcomeUnknown},
		"another run has swapped and deleted its index": {func(t *testing.T, taken *Lease) string {
			t.Helper()
			live := swapped(t, taken).Index
			if _, err := taken.Retire(t.Context(), 0, false); err != nil {
				t.Error(err)
			}
			return live
		}, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, c := newWire(t, Options{Lease: 5 * time.Minute, Grace: time.Nanosecond})
			l := acquired(t, c)
			build := created(t, l)
			var live string
			sleeping := false
			w.on(func(_ *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
				if isSwap(body) && !sleeping {
					sleeping = true
					live = test.meanwhile(t, other(t, l))
				}
				return pass()
			})
			if s, err := l.Swap(t.Context(), build); !errors.Is(err, test.want) {
				t.Errorf("got %+v, %v; want %v", s, err, test.want)
			}
			wantLive(t, c, live)
			if err := l.Abandon(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := l.Swap(t.Context(), build); !errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("asked again: %v", err)
			}
		})
	}
}

// TestSwapRequestThatArrivesLate delivers a copy of a swap request after
// everything else.
func TestSwapRequestThatArrivesLate(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(t *testing.T, l *Lease){
		"after the seal": func(t *testing.T, l *Lease) {
			t.Helper()
			if err := l.Leave(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"after unlock":             func(t *testing.T, l *Lease) { t.Helper(); _ = other(t, l).Release(t.Context()) },
		"after the next run":       func(t *testing.T, l *Lease) { t.Helper(); swapped(t, other(t, l)) },
		"after release":            func(t *testing.T, l *Lease) { t.Helper(); _ = l.Release(t.Context()) },
		"after the lock was reset": resetLock,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, c := newWire(t, Options{Lease: 5 * time.Minute})
			l := acquired(t, c)
			build := created(t, l)
			var late []string
			w.on(func(_ *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
				if isSwap(body) && len(late) < swapAttempts {
					late = append(late, body)
					return nil, errors.New("connection reset")
				}
				return pass()
			})
			if _, err := l.Swap(t.Context(), build); !errors.Is(err, ErrNotSwapped) {
				t.Fatalf("swap: %v", err)
			}
			// The run was told that it has not swapped: that must stay true.
			l.right = rightClaimed // as if it had not sealed yet
			if err := es.Do(t.Context(), &w.Server, "POST", "/_aliases", []byte(aliasActions(
				removing("lock-persons", "persons.done-1-runaaaaa"), adding("lock-persons", "persons.claim-1-runaaaaa"))[len("POST /_aliases "):]), nil); err != nil {
				t.Fatal(err)
			}
			after(t, l)
			before, err := c.Live(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range late {
				if err := es.Do(t.Context(), &w.Server, "POST", "/_aliases", []byte(body), nil); !missing(err) {
					t.Errorf("late swap: %v, want it refused", err)
				}
			}
			wantLive(t, c, before)
		})
	}
}

func resetLock(t *testing.T, l *Lease) {
	t.Helper()
	if err := es.Do(t.Context(), l.c.es, "DELETE", "/lock-persons", nil, nil); err != nil {
		t.Fatal(err)
	}
	next := blue()
	next.RunID = "runother"
	swapped(t, acquiredBy(t, l.c, next))
}

func TestSwapBeforeAnythingWasSentIsAPromise(t *testing.T) {
	t.Parallel()
	_, c := newWire(t, Options{Lease: 5 * time.Minute})
	ctx, cancel := context.WithCancelCause(t.Context())
	l, err := c.Acquire(ctx, blue(), 0)
	if err != nil {
		t.Fatal(err)
	}
	build := created(t, l)
	stop := errors.New("interrupted")
	cancel(stop)
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, ErrNotSwapped) || !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if err := l.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
	if state, err := c.lookIndices(t.Context()); err != nil || len(state.aliases) != 0 {
		t.Errorf("left %v, %v", state.aliases, err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBuildOfAnotherLeaseIsNotSwapped(t *testing.T) {
	t.Parallel()
	_, c := newWire(t, Options{Lease: 5 * time.Minute})
	l := acquired(t, c)
	build := created(t, l)
	taken := other(t, l)
	if _, err := taken.Swap(t.Context(), build); !errors.Is(err, ErrNotSwapped) {
		t.Errorf("got %v", err)
	}
	wantLive(t, c, "")
}

func TestPreviousIsKnownAfterLostAnswers(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	first := acquired(t, c)
	old := swapped(t, first)
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := blue()
	next.RunID = "runbbbbb"
	l := acquiredBy(t, c, next)
	build := created(t, l)
	lost := 0
	w.on(func(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
		asked := strings.Contains(req.URL.Path, "lock-persons,persons-")
		if (isSwap(body) || asked) && lost < 2 { // the swap and the question what became of it
			lost++
			if res, err := pass(); err == nil {
				res.Body.Close()
			}
			return nil, errors.New("connection reset")
		}
		return pass()
	})
	s, err := l.Swap(t.Context(), build)
	if err != nil || s.Previous != old.Index {
		t.Errorf("got %+v, %v; want previous %s", s, err, old.Index)
	}
}

func TestSealWhoseAnswerWasLostIsStillAPromise(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	l := acquired(t, c)
	build := created(t, l)
	sealed := false
	w.on(func(_ *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
		switch {
		case isSwap(body):
			return nil, errors.New("connection refused")
		case strings.Contains(body, ".done-1-") && !sealed:
			sealed = true
			if res, err := pass(); err == nil {
				res.Body.Close()
			}
			return nil, errors.New("connection reset")
		}
		return pass()
	})
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, ErrNotSwapped) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
	if err := l.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
	if state, err := c.lookIndices(t.Context()); err != nil || len(state.aliases) != 0 {
		t.Errorf("left %v, %v", state.aliases, err)
	}
}

func TestIndexOfSomebodyElseIsNeverDeleted(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	l := acquired(t, c)
	// It takes the number after the token was chosen, each time.
	w.on(func(req *http.Request, _ string, pass func() (*http.Response, error)) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.HasPrefix(req.URL.Path, "/persons-") {
			if err := es.Do(req.Context(), &w.Server, http.MethodPut, req.URL.Path, []byte(`{}`), nil); err != nil {
				t.Error(err)
			}
		}
		return pass()
	})
	if _, err := l.Create(t.Context(), json.RawMessage(`{}`), Meta{}); !es.IsType(err, "resource_already_exists_exception") {
		t.Errorf("create: %v", err)
	}
	if err := l.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
	if state, err := c.lookIndices(t.Context()); err != nil || len(state.generations()) != creations {
		t.Errorf("left %v, %v; want the %d foreign ones", state.generations(), err, creations)
	}
}

// The create request got no answer, and somebody else has an index of that
// number: nothing shows that it is ours to delete.
func TestUnansweredIndexIsDeletedOnlyWithOurWriterAlias(t *testing.T) {
	t.Parallel()
	for name, ours := range map[string]bool{"made by this run": true, "made by somebody else": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, c := newWire(t, Options{Lease: 5 * time.Minute})
			l := acquired(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			w.on(func(req *http.Request, _ string, pass func() (*http.Response, error)) (*http.Response, error) {
				if req.Method != http.MethodPut || !strings.HasPrefix(req.URL.Path, "/persons-") {
					return pass()
				}
				cancel() // the run is interrupted, so it takes no other token
				if ours {
					if res, err := pass(); err == nil {
						res.Body.Close()
					}
				} else if err := es.Do(t.Context(), &w.Server, http.MethodPut, req.URL.Path, []byte(`{}`), nil); err != nil {
					t.Error(err)
				}
				return nil, errors.New("connection reset")
			})
			if _, err := l.Create(ctx, json.RawMessage(`{}`), Meta{}); err == nil {
				t.Error("create returned no error")
			}
			if err := l.Abandon(t.Context()); err != nil {
				t.Error(err)
			}
			state, err := c.lookIndices(t.Context())
			if left := len(state.generations()); err != nil || (left == 0) != ours {
				t.Errorf("%d indices left, %v", left, err)
			}
		})
	}
}

// A rollback makes no index: its token stands in the mark alone.
func TestTokenIsAboveEveryMark(t *testing.T) {
	t.Parallel()
	state := indices{names: names{alias: "persons"}, aliases: map[string]map[string]aliasView{
		"persons-000003": {"persons": {}, "persons.swap-3-aaaaaaaa": {}, "persons.swap-9-bbbbbbbb": {}},
		"persons-000007": {"persons.w-7-cccccccc": {}},
	}}
	if got := state.highest(); got != 9 {
		t.Errorf("highest() = %d; want 9", got)
	}
}

func TestCreateThatIsRefusedIsReturnedAtOnce(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	l := acquired(t, c)
	w.take()
	_, err := l.Create(t.Context(), json.RawMessage(`{"settings":{"no_such_setting":1}}`), Meta{})
	if !es.IsType(err, "illegal_argument_exception") || l.Token() != 1 || len(w.take()) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestLateCopyOfACreateRequestIsRetired(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute, Grace: time.Nanosecond})
	l := acquired(t, c)
	var late string
	w.on(func(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
		if req.URL.Path == "/persons-000001" {
			late = body
			return nil, errors.New("connection reset")
		}
		return pass()
	})
	s := swapped(t, l)
	if s.Index != "persons-000002" {
		t.Fatalf("swapped %s", s.Index)
	}
	if err := es.Do(t.Context(), &w.Server, http.MethodPut, "/persons-000001", []byte(late), nil); err != nil {
		t.Fatal(err)
	}
	retired, err := l.Retire(t.Context(), 9, false)
	if err != nil || !slices.Equal(retired.Deleted, []string{"persons-000001"}) {
		t.Errorf("retired %+v, %v", retired, err)
	}
	wantLive(t, c, s.Index)
}

func TestRetireStopsWhenAnotherRunHasClaimed(t *testing.T) {
	t.Parallel()
	_, c := newWire(t, Options{Lease: 5 * time.Minute, Grace: time.Nanosecond})
	first := acquired(t, c)
	swapped(t, first)
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := blue()
	next.RunID = "runbbbbb"
	l := acquiredBy(t, c, next)
	live := swapped(t, l)
	other(t, l)
	if retired, err := l.Retire(t.Context(), 0, false); err == nil || len(retired.Deleted) != 0 {
		t.Errorf("got %+v, %v", retired, err)
	}
	wantLive(t, c, live.Index)
}

// TestSwapWhoseIndexIsGoneIsUnknown deletes the index by hand right after a swap
// whose answer is lost: the spent fence alone does not tell a swap from a seal.
func TestSwapWhoseIndexIsGoneIsUnknown(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	l := acquired(t, c)
	build := created(t, l)
	done := false
	w.on(func(_ *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
		if !isSwap(body) || done {
			return pass()
		}
		done = true
		if res, err := pass(); err == nil {
			res.Body.Close()
		}
		if err := es.Do(t.Context(), &w.Server, http.MethodDelete, "/"+build.Index, nil, nil); err != nil {
			t.Error(err)
		}
		return nil, errors.New("connection reset")
	})
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
}
