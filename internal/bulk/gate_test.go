package bulk

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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
	var rounds []int
	for range 8 {
		rounds = append(rounds, enter(t, g))
	}
	for _, round := range rounds {
		g.leave(round, true)
	}
	if g.limit != 4 {
		t.Errorf("limit = %v after 8 refusals of one round; want 4", g.limit)
	}
	for range 5 {
		g.leave(enter(t, g), true)
	}
	if g.limit != 1 {
		t.Errorf("limit = %v after many rounds of refusals; want 1", g.limit)
	}
}

func TestGateRecoversByOneForEachRound(t *testing.T) {
	t.Parallel()
	g := newGate(4)
	g.leave(enter(t, g), true) // 2
	g.leave(enter(t, g), true) // 1
	for range 3 {
		g.leave(enter(t, g), false)
	}
	if g.limit < 2.5 || g.limit > 3 {
		t.Errorf("limit = %v after 3 good requests from 1; want between 2.5 and 3", g.limit)
	}
	for range 20 {
		g.leave(enter(t, g), false)
	}
	if g.limit != 4 {
		t.Errorf("limit = %v after many good requests; want 4", g.limit)
	}
}

func TestGateMakesOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		g.leave(enter(t, g), true) // 1
		first := enter(t, g)
		var order []int
		for i := range 2 {
			go func() {
				round, _ := g.enter(context.Background())
				order = append(order, i)
				g.leave(round, true)
			}()
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Fatalf("%v entered a gate for one", order)
		}
		g.leave(first, true)
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
