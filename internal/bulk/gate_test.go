package bulk

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/reindex/internal/document"
)

func enter(t *testing.T, g *gate) int {
	t.Helper()
	round, err := g.enter(t.Context())
	if err != nil {
		t.Fatalf("enter: %v", err)
	}
	return round
}

func TestGateHalvesOnceForTheSameNews(t *testing.T) {
	t.Parallel()
	g := newGate(8)
	g.limit = 8
	var rounds []int
	for range 8 {
		rounds = append(rounds, enter(t, g))
	}
	for _, round := range rounds {
		g.leave(round, true, 0)
	}
	if g.limit != 4 {
		t.Errorf("limit = %v after 8 refusals of one round; want 4", g.limit)
	}
	for range 5 {
		g.leave(enter(t, g), true, 0)
	}
	if g.limit != 1 {
		t.Errorf("limit = %v after many rounds of refusals; want 1", g.limit)
	}
}

func TestGateRecoversByOneForEachRound(t *testing.T) {
	t.Parallel()
	g := newGate(4)
	g.leave(enter(t, g), true, 0) // 2
	g.leave(enter(t, g), true, 0) // 1
	for range 3 {
		g.leave(enter(t, g), false, 0)
	}
	if g.limit < 2.5 || g.limit > 3 {
		t.Errorf("limit = %v after 3 good requests from 1; want between 2.5 and 3", g.limit)
	}
	for range 20 {
		g.leave(enter(t, g), false, 0)
	}
	if g.limit != 4 {
		t.Errorf("limit = %v after many good requests; want 4", g.limit)
	}
}

func TestGateMakesOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		g.leave(enter(t, g), true, 0) // 1
		first := enter(t, g)
		var order []int
		for i := range 2 {
			go func() {
				round, _ := g.enter(context.Background())
				order = append(order, i)
				g.leave(round, true, 0)
			}()
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Fatalf("%v entered a gate for one", order)
		}
		g.leave(first, true, 0)
		synctest.Wait()
		if len(order) != 2 || order[0] != 0 {
			t.Errorf("entered in the order %v; want 0 1", order)
		}
	})
}

func TestGateEndsWithTheLoad(t *testing.T) {
	t.Parallel()
	g := newGate(1)
	enter(t, g)
	why := errors.New("lease lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := g.enter(ctx); !errors.Is(err, why) {
		t.Errorf("enter = %v; want %v", err, why)
	}
}

// TestGateFindsItsLevel has more senders than a server has threads: what one more
// request can only wait for is not sent.
func TestGateFindsItsLevel(t *testing.T) {
	t.Parallel()
	steady := func(float64) float64 { return 1 }
	for name, tt := range map[string]struct {
		senders     int
		threads     float64
		slower      func(sent float64) float64 // after so many requests
		least, most float64
	}{
		"fewer senders than calm": {senders: 3, threads: 1, slower: steady, least: 3, most: 3},
		// What a byte takes with four in flight is taken for what it takes when nothing waits.
		"a small server":          {senders: 32, threads: 2, slower: steady, least: calm, most: calm + manyWait + 1},
		"a larger one":            {senders: 32, threads: 12, slower: steady, least: 10, most: 20},
		"larger than all senders": {senders: 16, threads: 64, slower: steady, least: 16, most: 16},
		"slower and slower": {
			senders: 32, threads: 12, least: 10, most: 20,
			slower: func(sent float64) float64 { return 1 + 0.0003*sent },
		},
		"slower for good, soon after the start": {
			senders: 32, threads: 12, least: 10, most: 20,
			slower: func(sent float64) float64 { return 1 + 4*min(1, math.Floor(sent/3)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, random := newGate(tt.senders), rand.New(rand.NewPCG(1, 2))
				var sum, n, sent float64
				var senders sync.WaitGroup
				for range tt.senders {
					senders.Go(func() {
						for i := range 200 {
							round := enter(t, g)
							g.mu.Lock()
							took := 100 * max(1, float64(g.busy)/tt.threads) * (0.8 + 0.4*random.Float64()) * tt.slower(sent)
							sent++
							if random.IntN(30) == 0 {
								took *= 4 // a merge
							}
							if i > 100 {
								sum, n = sum+g.limit, n+1
							}
							g.mu.Unlock()
							time.Sleep(time.Duration(took) * time.Millisecond)
							g.leave(round, false, took)
						}
					})
				}
				senders.Wait()
				if level := sum / n; level < tt.least || level > tt.most {
					t.Errorf("in the second half %.1f requests were in flight, want %v to %v", level, tt.least, tt.most)
				}
			})
		})
	}
}

func TestLoadSlowsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inFlight, late atomic.Int64
		begin := time.Now()
		l := mustNew(t, transport(func(*http.Request) (*http.Response, error) {
			if n := inFlight.Add(1); time.Since(begin) > 30*time.Second {
				late.Store(max(late.Load(), n))
			}
			defer inFlight.Add(-1)
			time.Sleep(time.Second)
			return reply{status: http.StatusTooManyRequests}.send()
		}), Options{Workers: 8, BatchBytes: minBatchBytes})
		if err := l.Load(t.Context(), people(1, 10_000, 0)); err == nil {
			t.Fatal("Load succeeded against a server that takes nothing")
		}
		if late.Load() != 1 {
			t.Errorf("%d requests in flight after 30 s of refusals; want 1", late.Load())
		}
	})
}

// What waits at the gate stays in the source: batches would only take memory.
func TestSendersThatWaitHoldNoBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		x := newIndex()
		l := mustNew(t, transport(func(req *http.Request) (*http.Response, error) {
			<-answer
			return x.Perform(req)
		}), Options{Workers: 64, BatchBytes: minBatchBytes})
		var batches int64
		large := func(_ context.Context, add func(document.Document) error) error {
			for batches < 100 {
				if err := add(doc(strconv.FormatInt(batches, 10), `{"a":"`+strings.Repeat("x", minBatchBytes)+`"}`)); err != nil {
					return err
				}
				batches++
			}
			return nil
		}
		done := make(chan error)
		go func() { done <- l.Load(t.Context(), large) }()
		synctest.Wait()
		if batches > calm+2 {
			t.Errorf("%d batches made with %d requests in flight; want one more that waits, and the producer's own", batches, calm)
		}
		close(answer)
		if err := <-done; err != nil || l.Counts().Acknowledged != 100 {
			t.Errorf("Load = %v, counts %+v", err, l.Counts())
		}
	})
}
