package esalias

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestClocksThatAreWrongDecideNothing gives the holder a wall clock that is
// years off, or jumps with every renewal.
func TestClocksThatAreWrongDecideNothing(t *testing.T) {
	t.Parallel()
	for name, clock := range map[string][]string{
		"behind":                  {"1999-12-31T23:59:59Z"},
		"ahead":                   {"2199-12-31T23:59:59Z"},
		"jumping":                 {"2199-12-31T23:59:59Z", "1999-12-31T23:59:59Z"},
		"standing still, as read": {"2026-03-29T01:59:59Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, c := newWire(t, Options{Lease: testLease})
				w.on(wrongClock(clock)) //nolint:bodyclose // the body goes to the client, which closes it
				ctx, kill := context.WithCancel(t.Context())
				first, err := c.Acquire(ctx, blue(), 0)
				if err != nil {
					t.Fatal(err)
				}
				next := blue()
				next.RunID = "runbbbbb"
				var held *HeldError
				if _, err := c.Acquire(t.Context(), next, 0); !errors.As(err, &held) {
					t.Errorf("beside a live holder: %v, want a HeldError", err)
				}
				kill()
				died := time.Now()
				second, err := c.Acquire(t.Context(), next, 0)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(died); took < testLease || took > testLease*11/10 {
					t.Errorf("a dead holder was replaced after %s, want a lease of %s", took, testLease)
				}
				_ = first.Release(context.Background()) // lost
				if err := second.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// wrongClock puts other times, one after the other, into every record.
func wrongClock(times []string) func(*http.Request, string, func() (*http.Response, error)) (*http.Response, error) {
	written := regexp.MustCompile(`"(since|renewed_at)":"[^"]*"`)
	var n atomic.Int64
	return func(req *http.Request, body string, pass func() (*http.Response, error)) (*http.Response, error) {
		if strings.Contains(body, `"renewed_at"`) {
			at := times[int(n.Add(1))%len(times)]
			body = written.ReplaceAllString(body, `"$1":"`+at+`"`)
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		return pass()
	}
}
