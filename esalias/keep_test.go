package esalias

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/reindex/internal/es"
)

const testLease = 30 * time.Second

// held is a lease that a test has in fake time.
type held struct {
	t *testing.T
	w *wire
	l *Lease
}

// bubble runs a test in fake time with a lease that is held.
func bubble(t *testing.T, test func(h held)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, c := newWire(t, Options{Lease: testLease})
		l, err := c.Acquire(t.Context(), blue(), 0)
		if err != nil {
			t.Fatal(err)
		}
		w.take()
		test(held{t, w, l})
		w.on(nil)
		if err := l.Release(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// renewals passes everything but the writes of the record, which do decides.
func (w *wire) renewals(do func(req *http.Request, pass func() (*http.Response, error)) (*http.Response, error)) {
	w.on(func(req *http.Request, _ string, pass func() (*http.Response, error)) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/_doc/lock") {
			return do(req, pass)
		}
		return pass()
	})
}

// hang is a server that takes a request and says nothing.
func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func wantLost(t *testing.T, l *Lease, want bool) {
	t.Helper()
	if got := errors.Is(context.Cause(l.Context()), ErrLeaseLost); got != want {
		t.Errorf("lease lost: %t, want %t (%v)", got, want, context.Cause(l.Context()))
	}
}

func TestRenewsEveryTenthOfTheLease(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		time.Sleep(10*testLease + time.Second)
		if sent := w.take(); len(sent) != 100 {
			t.Errorf("%d requests in ten leases, want 100", len(sent))
		}
		wantLost(t, l, false)
	})
}

func TestNoRenewalAfterRelease(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.take()
		l.Report("late", 1, 1) // nobody listens, nothing blocks
		time.Sleep(10 * testLease)
		wantSent(t, w)
		if cause := context.Cause(l.Context()); !errors.Is(cause, errReleased) || errors.Is(cause, ErrLeaseLost) {
			t.Errorf("cause %v", cause)
		}
	})
}

func TestLostAfterTwoThirdsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*http.Request, func() (*http.Response, error)) (*http.Response, error){
		"renewals hang": func(req *http.Request, _ func() (*http.Response, error)) (*http.Response, error) { return hang(req) },
		"renewals are refused": func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
			return nil, errors.New("connection refused")
		},
		"answers are lost": func(_ *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
			res, err := pass()
			if err == nil {
				res.Body.Close()
			}
			return nil, errors.New("connection reset")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(h held) {
				t, w, l := h.t, h.w, h.l
				w.renewals(do)
				time.Sleep(testLease/3*2 - time.Millisecond)
				wantLost(t, l, false)
				time.Sleep(2 * time.Millisecond)
				wantLost(t, l, true)
			})
		})
	}
}

func TestOneLostRenewalIsMadeGood(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*http.Request, func() (*http.Response, error)) (*http.Response, error){
		"it hung": func(req *http.Request, _ func() (*http.Response, error)) (*http.Response, error) { return hang(req) },
		"it was applied and its answer lost, so that the next one conflicts": func(_ *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
			res, err := pass()
			if err == nil {
				res.Body.Close()
			}
			return nil, errors.New("connection reset")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(h held) {
				t, w, l := h.t, h.w, h.l
				var broken atomic.Bool
				w.renewals(func(req *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
					if broken.CompareAndSwap(false, true) {
						return do(req, pass)
					}
					return pass()
				})
				time.Sleep(3 * testLease)
				wantLost(t, l, false)
			})
		})
	}
}

// TestSlowSuccessIsTrustedFromWhenItWasSent lets one renewal take five seconds,
// and none come through after it.
func TestSlowSuccessIsTrustedFromWhenItWasSent(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		sentAt := make(chan time.Time, 1)
		w.renewals(func(req *http.Request, pass func() (*http.Response, error)) (*http.Response, error) {
			select {
			case sentAt <- time.Now():
				time.Sleep(5 * time.Second)
				return pass()
			default:
				return hang(req)
			}
		})
		<-l.Context().Done()
		if trusted := time.Since(<-sentAt); trusted != testLease/3*2 {
			t.Errorf("trusted for %s after it was sent, want %s", trusted, testLease/3*2)
		}
	})
}

func TestTakeoverIsSeenAtTheNextRenewal(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, l := h.t, h.l
		thief := blue()
		thief.RunID, thief.Host = "runthief", "green"
		stolen, err := l.c.force(t.Context(), thief, l.Token())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(testLease/10 + time.Second)
		wantLost(t, l, true)
		if cause := context.Cause(l.Context()); cause != nil && !strings.Contains(cause.Error(), "green") {
			t.Errorf("cause does not name the new holder: %v", cause)
		}
		wantLost(t, stolen, false)
		if err := stolen.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestLeaseEndsBeforeAnyoneMayTakeOver(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		w.on(func(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
			if strings.Contains(body, `"run_id":"runaaaaa"`) { // the holder's renewals only
				return hang(req)
			}
			return pass()
		})
		next := blue()
		next.RunID = "runbbbbb"
		taken, err := l.c.Acquire(t.Context(), next, 0)
		if err != nil {
			t.Fatal(err)
		}
		wantLost(t, l, true)
		if err := taken.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestReportGoesOutAtOnceWithANewPhaseOnly(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		l.Report("loading", 1, 9)
		synctest.Wait()
		sent := w.take()
		if len(sent) != 1 || !strings.Contains(sent[0], `"phase":"loading","documents":1,"total":9`) {
			t.Errorf("sent %v", sent)
		}
		l.Report("loading", 5, 9)
		synctest.Wait()
		wantSent(t, w)
		time.Sleep(testLease/10 + time.Second)
		if sent := w.take(); len(sent) != 1 || !strings.Contains(sent[0], `"documents":5`) {
			t.Errorf("sent %v", sent)
		}
	})
}

func TestReportNeverBlocksWhileARequestHangs(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		w.renewals(func(req *http.Request, _ func() (*http.Response, error)) (*http.Response, error) { return hang(req) })
		started := time.Now()
		l.Report("a", 0, 0)
		synctest.Wait() // the renewal hangs
		l.Report("b", 0, 0)
		_ = l.Token()
		released := make(chan error, 1)
		go func() { released <- l.Release(t.Context()) }()
		synctest.Wait() // Release hangs too
		l.Report("c", 0, 0)
		_ = l.Token()
		if took := time.Since(started); took != 0 {
			t.Errorf("blocked for %s", took)
		}
		errReleased := <-released
		_ = errReleased // that it hung is what counts
	})
}

// TestNewTokenAndKeeperDoNotMeet makes every first create fail without an
// answer, so that a new token is taken, while renewals are asked for all the
// time and every third answer to one is lost.
func TestNewTokenAndKeeperDoNotMeet(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, w, l := h.t, h.w, h.l
		var creates, renewals atomic.Int64
		w.on(func(req *http.Request, _ string, pass func() (*http.Response, error)) (*http.Response, error) {
			switch {
			case req.URL.Path == "/persons-000001" && creates.Add(1) > 0:
				return nil, errors.New("connection reset")
			case req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, "/_doc/lock") && renewals.Add(1)%3 == 0:
				if res, err := pass(); err == nil {
					res.Body.Close()
				}
				return nil, errors.New("connection reset")
			}
			return pass()
		})
		for i := range 20 {
			l.Report(string(rune('a'+i)), 0, 0)
			if i == 10 {
				build, err := l.Create(t.Context(), json.RawMessage(`{}`), Meta{})
				if err != nil || build.Index != "persons-000002" || l.Token() != 2 {
					t.Fatalf("create: %+v, %v, token %d", build, err, l.Token())
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		wantLost(t, l, false)
	})
}

func TestWatcherTakesOverAfterAWholeLeaseOfItsHolder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, c := newWire(t, Options{Lease: 60 * time.Second})
		ctx, kill := context.WithCancel(t.Context())
		dead, err := c.Acquire(ctx, blue(), 0)
		if err != nil {
			t.Fatal(err)
		}
		kill()
		hasty, err := New(w, "persons", Options{Lease: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		next := blue()
		next.RunID = "runbbbbb"
		started := time.Now()
		l, err := hasty.Acquire(t.Context(), next, 0)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < 60*time.Second || took > 64*time.Second {
			t.Errorf("took over after %s, want the holder's 60 s", took)
		}
		_ = dead.Release(t.Context())
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingEndsWithItsTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(h held) {
		t, l := h.t, h.l
		next := blue()
		next.RunID = "runbbbbb"
		started := time.Now()
		_, err := l.c.Acquire(t.Context(), next, 5*time.Minute)
		var held *HeldError
		if took := time.Since(started); !errors.As(err, &held) || took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("got %v after %s", err, took)
		}
	})
}

func TestWatchedRecordThatIsDeletedIsNoSignOfLife(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"the record": "/lock-persons.doc/_doc/lock", "the lock index": "/lock-persons",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, c := newWire(t, Options{Lease: testLease})
				ctx, kill := context.WithCancel(t.Context())
				dead, err := c.Acquire(ctx, blue(), 0)
				if err != nil {
					t.Fatal(err)
				}
				kill()
				time.AfterFunc(testLease/2, func() {
					_ = es.Do(context.Background(), &w.Server, http.MethodDelete, path, nil, nil)
				})
				next := blue()
				next.RunID = "runbbbbb"
				l, err := c.Acquire(t.Context(), next, 0)
				if err != nil {
					t.Fatal(err)
				}
				_ = dead.Release(t.Context())
				if err := l.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestClusterThatRefusesAliasChangesDoesNotHoldARunForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, c := newWire(t, Options{Lease: testLease})
		w.on(func(req *http.Request, _ string, pass func() (*http.Response, error)) (*http.Response, error) {
			if req.URL.Path == "/_aliases" {
				body := `{"error":{"type":"master_not_discovered_exception","reason":""},"status":503}`
				return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: io.NopCloser(strings.NewReader(body))}, nil
			}
			return pass()
		})
		started := time.Now()
		_, err := c.Acquire(t.Context(), blue(), 0)
		if err == nil || errors.Is(err, ErrLeaseLost) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(started); took > 2*time.Minute {
			t.Errorf("took %s", took)
		}
		status, err := c.Status(t.Context())
		if err != nil || status.Locked {
			t.Errorf("the lease was not freed: %+v, %v", status, err)
		}
		if !slices.ContainsFunc(w.take(), func(s string) bool { return strings.Contains(s, "/_aliases") }) {
			t.Error("no claim was sent")
		}
	})
}
