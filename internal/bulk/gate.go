package bulk

import (
	"context"
	"sync"
)

// gate bounds the requests in flight, all senders together. The bound halves
// when the server refuses work and recovers by about one for each round of
// requests that goes well, as TCP does: a server that is given time recovers,
// while senders that only wait one by one keep its queue full.
type gate struct {
	mu    sync.Mutex
	most  float64
	limit float64
	busy  int
	round int             // counts the halvings
	queue []chan struct{} // first come, first served
}

func newGate(most int) *gate {
	return &gate{most: float64(most), limit: float64(most)}
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
// last halving do not halve again: they are the same news.
func (g *gate) leave(round int, refused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	switch {
	case refused && round == g.round:
		g.limit = max(1, g.limit/2)
		g.round++
	case !refused:
		g.limit = min(g.most, g.limit+1/g.limit)
	}
	for len(g.queue) > 0 && g.open() {
		g.busy++
		close(g.queue[0])
		g.queue = g.queue[1:]
	}
}

func (g *gate) open() bool { return g.busy < int(g.limit) }
