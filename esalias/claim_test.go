package esalias

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/reindex/internal/es"
)

// atFirstClaim runs do after a run has taken the record and looked at the
// fence, just before its claim.
func (w *wire) atFirstClaim(do func()) {
	w.on(func(_ *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
		if strings.Contains(body, `.claim-1-runaaaaa"}}]}`) {
			w.on(nil)
			do()
		}
		return pass()
	})
}

// TestClaimBelowTheFenceIsNotSent lets a run with a higher token claim between
// a run's taking of the record and its claim.
func TestClaimBelowTheFenceIsNotSent(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	var faster *Lease
	w.atFirstClaim(func() {
		next := blue()
		next.RunID, next.Host = "runother", "green"
		var err error
		if faster, err = c.force(t.Context(), next, 1); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.Acquire(t.Context(), blue(), 0); !errors.Is(err, ErrLeaseLost) || !strings.Contains(err.Error(), "runother") {
		t.Errorf("got %v", err)
	}
	wantLive(t, c, "")
	swapped(t, faster)
	if err := faster.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestClaimWithAnEqualTokenIsNotSent deletes the record as well, so that both
// runs are given the same token: the fence tells them apart.
func TestClaimWithAnEqualTokenIsNotSent(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	var twin *Lease
	w.atFirstClaim(func() {
		if err := es.Do(t.Context(), &w.Server, http.MethodDelete, "/lock-persons.doc/_doc/lock", nil, nil); err != nil {
			t.Error(err)
		}
		next := blue()
		next.RunID, next.Host = "runother", "green"
		twin = acquiredBy(t, c, next)
	})
	if _, err := c.Acquire(t.Context(), blue(), 0); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("got %v", err)
	}
	if twin.Token() != 1 {
		t.Fatalf("token %d, want the same as the first run's", twin.Token())
	}
	wantLive(t, c, swapped(t, twin).Index)
}

func TestNoClaimInAnotherLockIndex(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	w.atFirstClaim(func() {
		if err := es.Do(t.Context(), &w.Server, http.MethodDelete, "/lock-persons", nil, nil); err != nil {
			t.Error(err)
		}
		if err := c.bootstrap(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.Acquire(t.Context(), blue(), 0); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("got %v", err)
	}
	if f, err := c.lookFence(t.Context()); err != nil || f.claimed || f.tag.token != 0 {
		t.Errorf("fence of the new lock index: %+v, %v", f, err)
	}
}

// TestNewTokenWhileARenewalIsUnderWay holds a renewal with the old token back
// until the new one should have been written.
func TestNewTokenWhileARenewalIsUnderWay(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		held := false
		w.on(func(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
			switch {
			case req.URL.Path == "/persons-000001":
				return nil, errors.New("connection reset")
			case strings.Contains(body, `"phase":"slow"`) && !held:
				held = true
				time.Sleep(2 * time.Second)
			}
			return pass()
		})
		l.Report("slow", 0, 0)
		synctest.Wait()
		build, err := l.Create(t.Context(), json.RawMessage(`{}`), Meta{})
		if err != nil || build.Index != "persons-000002" {
			t.Fatalf("create: %+v, %v", build, err)
		}
		time.Sleep(testLease)
		if cause := context.Cause(l.Context()); cause != nil {
			t.Errorf("lease ended: %v", cause)
		}
	})
}
