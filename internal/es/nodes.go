package es

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

const (
	// freshFor is how long an answer of a node is trusted to mean that the next
	// request will be answered too, and how long a request may take before the
	// node is asked whether it is still there.
	freshFor = 5 * time.Second
	// askLimit bounds that question. Elasticsearch answers it from the threads
	// that read from the network, in milliseconds, however busy it is; only a
	// machine that hangs and a long collection take longer.
	askLimit = 3 * time.Second
	// leastLimit is the shortest silence that says something about a node
	// rather than about a caller in a hurry.
	leastLimit = time.Second
	// restFor is how long a node that did not answer is left alone.
	restFor = time.Minute
)

// errSilent means that a node takes connections and answers nothing.
var errSilent = errors.New("the node does not answer")

// nodes spreads requests over several addresses, and keeps them away from a
// node that hangs: its sockets stay open, so that each request to it would take
// all the time it has. A node that has not answered lately is asked for its
// root page first, and one that a request waits for is asked meanwhile; that
// is also how a request finds out that it waits in vain.
//
// A write goes to one node, once; so does a read, unless that one fails. When
// nodes fail is not decided by how long an answer takes: a cluster that is slow
// because it works hard, or waits for a node that hangs, is not given up.
//
// A connection pool of elastictransport (8.11) cannot be it: Next knows neither
// the context nor the request, so it can neither ask a node within the time there
// is nor tell a read from a write; the order in which nodes rest would be left,
// some thirty lines, for one more interface.
type nodes struct {
	all  []*node
	turn atomic.Uint64
}

// Perform sends the request to the next node that is well. A request whose node
// stops to answer ends with an error that leaves its outcome open.
func (n *nodes) Perform(req *http.Request) (*http.Response, error) {
	again := len(n.all) - 1
	if req.Method != http.MethodGet && req.Method != http.MethodHead || (req.Body != nil && req.Body != http.NoBody) {
		again = 0
	}
	for {
		to, err := n.choose(req.Context())
		if err != nil {
			return nil, err
		}
		res, err := to.perform(req.Clone(req.Context())) // it gets the node's address
		if err == nil || again == 0 || req.Context().Err() != nil {
			return res, err
		}
		again--
	}
}

// choose returns the next node that has answered lately or does so now. Those
// that rest come last.
func (n *nodes) choose(ctx context.Context) (*node, error) {
	start := int(n.turn.Add(1) % uint64(len(n.all))) //nolint:gosec // less than the number of addresses
	order := append(append(make([]*node, 0, len(n.all)), n.all[start:]...), n.all[:start]...)
	var failed error
	for _, resting := range []bool{false, true} {
		for _, candidate := range order {
			if candidate.rests() != resting {
				continue
			}
			if candidate.fresh() {
				return candidate, nil
			}
			err := candidate.ask(ctx)
			if err == nil {
				return candidate, nil
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if failed == nil || IsUntrusted(failed) { // which is final, and no other node's fault
				failed = err
			}
		}
	}
	return nil, failed
}

// node is one address.
type node struct {
	esapi.Transport

	mu       sync.Mutex
	answered time.Time // zero when it is not known to be well
	resting  time.Time // until then
}

func (n *node) fresh() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.answered.IsZero() && time.Since(n.answered) < freshFor
}

func (n *node) rests() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Before(n.resting)
}

func (n *node) well() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answered, n.resting = time.Now(), time.Time{}
}

// doubt makes the next request ask first.
func (n *node) doubt(rest time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answered = time.Time{}
	if rest > 0 {
		n.resting = time.Now().Add(rest)
	}
}

// ask wants any answer of the node, and at most half of the time there is, so
// that another node can be tried in the rest.
func (n *node) ask(ctx context.Context) error {
	limit := askLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(within, http.MethodHead, "/", nil)
	if err != nil {
		return err
	}
	res, err := n.Perform(req)
	switch {
	case err == nil:
		_ = res.Body.Close() // a HEAD has none
		n.well()
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case within.Err() == nil:
		n.doubt(restFor)
		return err
	case limit < leastLimit:
		n.doubt(0)
	default:
		n.doubt(restFor)
	}
	return fmt.Errorf("%w within %s", errSilent, limit)
}

// perform sends the request and gives it up when the node stops to answer.
func (n *node) perform(req *http.Request) (*http.Response, error) {
	ctx, giveUp := context.WithCancelCause(req.Context())
	watch := time.AfterFunc(freshFor, func() { n.watch(ctx, giveUp) })
	end := func() {
		watch.Stop()
		giveUp(nil)
	}
	res, err := n.Perform(req.WithContext(ctx))
	if err != nil {
		if req.Context().Err() == nil && ctx.Err() != nil {
			err = context.Cause(ctx) // what the watch found
		}
		end()
		n.doubt(0)
		return nil, err
	}
	n.well()
	res.Body = &watched{ReadCloser: res.Body, end: end}
	return res, nil
}

// watch asks the node until ctx, that of a request to it, ends. It runs in the
// goroutine of a timer and holds nothing that the request waits for.
func (n *node) watch(ctx context.Context, giveUp context.CancelCauseFunc) {
	timer := time.NewTimer(freshFor)
	defer timer.Stop()
	for {
		if err := n.ask(ctx); err != nil {
			giveUp(err)
			return
		}
		timer.Reset(freshFor)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// watched is the body of an answer; the node is watched until it is closed.
type watched struct {
	io.ReadCloser
	end func()
}

func (w *watched) Close() error {
	defer w.end()
	return w.ReadCloser.Close()
}
