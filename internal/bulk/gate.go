package bulk

import (
	"context"
	"sync"
)

// gate bounds the requests in flight, all senders together, and finds the bound
// by two signs, as TCP does.
//
// Refusals: the bound halves when the server refuses work and recovers by about
// one for each round of requests that goes well. A server that is given time
// recovers, while senders that only wait one by one keep its queue full.
//
// Latency, for bounds above calm: where twice as many requests take twice as
// long, half of them only wait in the server, before the searches of other
// people. How many wait is estimated as TCP Vegas does (Brakmo and Peterson,
// 1995), from the least time that a byte takes: the bound grows while fewer than
// fewWait do, and falls while more than manyWait do. The least time is measured anew
// now and then, at calm, as BBR does: documents and servers change.
type gate struct {
	mu    sync.Mutex
	most  float64
	limit float64
	busy  int
	round int             // counts the halvings
	queue []chan struct{} // first come, first served

	steady  bool    // requests were refused or seen to wait: from now on the bound grows by one at a time
	least   float64 // nanoseconds for a byte, when nothing waits
	best    float64 // the same, of the window; 0 before its first request
	seen    int     // requests of the window; as many as the bound make one
	windows int     // since least was measured
	looking bool    // at calm, to measure it
	skip    int     // requests that entered before that
}

const (
	// calm is a bound that latency alone does not lower. Up to here the number hardly
	// matters (bench/README.md), and what a merge slows must not cost throughput.
	calm              = 4
	fewWait, manyWait = 2, 4
	// looks is how many windows a measured least time serves. At calm too: a server that
	// became slower for good would else look busy for ever.
	looks = 16
)

func newGate(most int) *gate {
	return &gate{most: float64(most), limit: float64(min(most, calm))}
}

// enter waits for a place and returns what leave wants to know. A caller
// whose context ends leaves its place unused: the context is that of the
// whole load, which is over then.
func (g *gate) enter(ctx context.Context) (round int, err error) {
	g.mu.Lock()
	if len(g.queue) == 0 && g.open() {
		g.busy++
		defer g.mu.Unlock()
		return g.round, nil
	}
	turn := make(chan struct{})
	g.queue = append(g.queue, turn)
	g.mu.Unlock()

	select {
	case <-turn:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.round, nil
}

// leave gives the place back. Refusals of requests that entered before the
// last halving do not halve again: they are the same news. pace is how many
// nanoseconds a byte of the request took, or 0 for one that does not tell.
func (g *gate) leave(round int, refused bool, pace float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case refused && round == g.round:
		g.limit = max(1, g.limit/2)
		g.steady = true
		g.round++
	case refused:
	case g.limit < min(calm, g.most):
		g.limit = min(calm, g.most, g.limit+1/g.limit)
	case pace > 0:
		g.observe(pace)
	}
	g.busy--
	for len(g.queue) > 0 && g.open() {
		g.busy++
		close(g.queue[0])
		g.queue = g.queue[1:]
	}
}

func (g *gate) open() bool { return g.busy < g.bound() }

func (g *gate) bound() int {
	if g.looking {
		return min(calm, int(g.limit))
	}
	return int(g.limit)
}

// observe takes the pace of one request, and moves the bound at the end of a window.
func (g *gate) observe(pace float64) {
	if g.skip > 0 {
		g.skip--
		return
	}
	if g.seen == 0 || pace < g.best {
		g.best = pace
	}
	if g.seen++; g.seen < g.bound() {
		return
	}
	g.seen = 0
	if g.looking || g.least == 0 {
		g.least, g.looking, g.windows = g.best, false, 0
		return
	}
	g.least = min(g.least, g.best)
	g.adjust(float64(g.busy) * (1 - g.least/g.best))
	if g.windows++; g.windows >= looks {
		g.looking, g.skip = true, g.busy-1 // all but the one that leaves now
	}
}

// adjust moves the bound by how many requests wait in the server.
func (g *gate) adjust(waiting float64) {
	g.steady = g.steady || waiting >= fewWait
	switch {
	case waiting > manyWait:
		g.limit = max(min(calm, g.most), g.limit-(waiting-manyWait))
	case waiting >= fewWait || len(g.queue) == 0: // enough, or no sender wants more
	case g.steady:
		g.limit = min(g.most, g.limit+1)
	default:
		g.limit = min(g.most, 2*g.limit)
	}
}
