package faultproxy

import (
	"regexp"
	"sync"
	"testing"
	"time"
)

// Outcome is what becomes of a request that a [Rule] matches.
type Outcome int

// The outcomes, by what the server and the client get to see.
const (
	// Refuse closes the connection; the server never sees the request.
	Refuse Outcome = iota + 1
	// Fail answers Status and Answer; the server never sees the request.
	Fail
	// Lose forwards the request and closes the connection without the answer.
	Lose
	// Hold parks the request until [Handle.Release], or until the client goes
	// away: then the server never sees it.
	Hold
	// Late parks the request until [Handle.Release], and forwards it then even
	// if the client has gone: a packet that took a long way.
	Late
	// Delay forwards the request after Wait.
	Delay
	// Duplicate forwards the request twice, one after the other, and returns
	// the second answer, as a gateway does that repeats an unanswered request.
	Duplicate
)

// Rule says which requests meet which outcome.
type Rule struct {
	Method string // empty: any
	Path   string // regular expression that the path with its query must match; empty: any
	Body   string // regular expression that the body must match; empty: any
	Nth    int    // only the n-th request that matches, from 1; 0: each
	Do     Outcome

	Status int           // of Fail
	Answer string        // body of Fail
	Wait   time.Duration // of Delay
}

// Handle watches one rule.
type Handle struct {
	rule    Rule
	path    *regexp.Regexp
	body    *regexp.Regexp
	matched int // guarded by Proxy.mu

	reached  chan struct{} // closed at the first request that met the outcome
	released chan struct{} // closed by release
	release  func()        // once, from any goroutine
	answered chan struct{} // closed when that first request is done with
}

func newHandle(rule Rule) *Handle {
	released := make(chan struct{})
	return &Handle{
		rule: rule, path: regexp.MustCompile(rule.Path), body: regexp.MustCompile(rule.Body),
		reached: make(chan struct{}), answered: make(chan struct{}),
		released: released, release: sync.OnceFunc(func() { close(released) }),
	}
}

// Reached is closed when a request has met the outcome for the first time: for
// [Hold] and [Late] it is parked then, for [Lose] not yet forwarded.
func (h *Handle) Reached() <-chan struct{} { return h.reached }

// Done is closed when the first request that met the outcome is done with: a
// released one has been applied by then.
func (h *Handle) Done() <-chan struct{} { return h.answered }

// Await waits until a request has met the outcome, for a minute at most.
func (h *Handle) Await(tb testing.TB) {
	tb.Helper()
	await(tb, h.reached, "reach", h.rule)
}

// AwaitDone waits until the first request that met the outcome is done with.
func (h *Handle) AwaitDone(tb testing.TB) {
	tb.Helper()
	await(tb, h.answered, "finish", h.rule)
}

func await(tb testing.TB, done <-chan struct{}, what string, rule Rule) {
	tb.Helper()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		tb.Fatalf("faultproxy: no request did %s the rule %s %s", what, rule.Method, rule.Path)
	}
}

// Release lets all requests go that the rule has parked or will match later.
func (h *Handle) Release() { h.release() }

// closeOnce must not be called from two goroutines with the same channel.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

func (h *Handle) matches(r Request) bool {
	return (h.rule.Method == "" || h.rule.Method == r.Method) &&
		h.path.MatchString(r.Path) && h.body.MatchString(r.Body)
}

// applies counts a match and reports whether it is the one that is meant.
func (h *Handle) applies(r Request) bool {
	if !h.matches(r) {
		return false
	}
	h.matched++
	return h.rule.Nth == 0 || h.rule.Nth == h.matched
}
