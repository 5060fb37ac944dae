package leasetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/esalias"
)

func oneSwaps(c check) {
	t, w := c.t, c.w
	const contenders = 5
	var first, last sync.WaitGroup
	first.Add(contenders)
	leases := make([]*esalias.Lease, contenders)
	errs := make([]error, contenders)
	for i := range contenders {
		last.Go(func() {
			defer first.Done()
			leases[i], errs[i] = w.client(t).Acquire(t.Context(), holder("contender"), 0)
		})
	}
	last.Wait()
	winner := slices.IndexFunc(leases, func(l *esalias.Lease) bool { return l != nil })
	if winner < 0 {
		t.Fatalf("nobody got the lease: %v", errors.Join(errs...))
	}
	for i, err := range errs {
		if i == winner {
			continue
		}
		if held := wantHeld(t, err); held.Record.Token != leases[winner].Token() {
			t.Errorf("a loser met token %d, the winner has %d", held.Record.Token, leases[winner].Token())
		}
	}
	w.wantLive(t, "")
	s := swap(t, leases[winner])
	release(t, leases[winner])
	w.wantLive(t, s.Index)
	if diff := cmp.Diff(map[string]string{s.Index: esalias.StateLive}, w.states(t)); diff != "" {
		t.Error(diff)
	}
}

func heldNamesHolder(c check) {
	t, w := c.t, c.w
	l := w.acquire(t.Context(), t, "green")
	l.Report("loading", 12, 34)
	_, err := w.client(t).Acquire(t.Context(), holder("blue"), 0)
	got := wantHeld(t, err).Record
	if got.Holder.Host != "green" || got.Token != l.Token() || got.Phase != "loading" || got.Documents != 12 || got.Total != 34 {
		t.Errorf("got %+v", got)
	}
	if swap(t, l).Index == "" {
		t.Error("the holder was disturbed")
	}
}

func waiting(c check) {
	t, w := c.t, c.w
	l := w.acquire(t.Context(), t, "green")
	next := make(chan *esalias.Lease, 1)
	var started sync.WaitGroup
	started.Go(func() {
		got, err := w.client(t).Acquire(t.Context(), holder("blue"), time.Minute)
		if err != nil {
			t.Error(err)
		}
		next <- got
	})
	s := swap(t, l)
	release(t, l)
	started.Wait()
	follower := <-next
	if follower == nil || follower.Token() <= l.Token() {
		t.Fatalf("follower %v, first had token %d", follower, l.Token())
	}
	if got := swap(t, follower); got.Previous != s.Index {
		t.Errorf("previous = %q, want %q", got.Previous, s.Index)
	}
	release(t, follower)
}

// takeover ends the holder's context, so that its keeper stops like that of a
// process that was killed.
func takeover(c check) {
	t, w := c.t, c.w
	ctx, kill := context.WithCancel(t.Context())
	dead := w.acquire(ctx, t, "green")
	build := create(t, dead)
	kill()
	started := time.Now()
	next := w.acquire(t.Context(), t, "blue")
	if took := time.Since(started); took < w.Lease {
		t.Errorf("taken over after %s, less than a lease", took)
	}
	if next.Token() <= dead.Token() {
		t.Errorf("token went from %d to %d", dead.Token(), next.Token())
	}
	if _, err := dead.Swap(t.Context(), build); !errors.Is(err, esalias.ErrNotSwapped) {
		t.Errorf("swap of the dead holder: %v", err)
	}
	w.wantLive(t, "")
	w.wantLive(t, swap(t, next).Index)
	if _, err := next.Retire(t.Context(), 1, false); err != nil {
		t.Error(err)
	}
	if _, there := w.states(t)[build.Index]; there {
		t.Errorf("%s of the dead holder was not retired", build.Index)
	}
}

func releaseKeepsToken(c check) {
	t, w := c.t, c.w
	for want := int64(1); want <= 3; want++ {
		l := w.acquire(t.Context(), t, "green")
		release(t, l)
		release(t, l) // again, without harm
		status, err := w.client(t).Status(t.Context())
		if err != nil || l.Token() != want || status.Locked || status.Record.Token != want || status.Record.State != esalias.StateFree {
			t.Errorf("token %d, %v, status %+v; want token %d, free", l.Token(), err, status, want)
		}
	}
}

func tokensAfter(damage func(*testing.T, World)) func(check) {
	return func(c check) {
		t, w := c.t, c.w
		var tokens []int64
		for range 3 {
			l := w.acquire(t.Context(), t, "green")
			tokens = append(tokens, l.Token())
			s := swap(t, l)
			release(t, l)
			w.wantLive(t, s.Index)
			damage(t, w)
		}
		if !slices.IsSorted(tokens) || len(slices.Compact(slices.Clone(tokens))) != len(tokens) {
			t.Errorf("tokens %v do not grow", tokens)
		}
	}
}

func stopsWithoutLock(c check) {
	t, w := c.t, c.w
	l := w.acquire(t.Context(), t, "green")
	build := create(t, l)
	deleteLock(t, w)
	<-l.Context().Done() // the next renewal finds out
	if cause := context.Cause(l.Context()); !errors.Is(cause, esalias.ErrLeaseLost) {
		t.Errorf("cause %v", cause)
	}
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, esalias.ErrNotSwapped) || !errors.Is(err, esalias.ErrLeaseLost) {
		t.Errorf("swap: %v", err)
	}
	w.wantLive(t, w.run(t))
}

func rollback(c check) {
	t, w := c.t, c.w
	first, second := w.run(t), w.run(t)
	w.wantLive(t, second)
	for _, want := range []string{first, second} {
		l := w.acquire(t.Context(), t, "green")
		s, err := l.Rollback(t.Context(), "")
		if err != nil || s.Index != want || s.Token != l.Token() {
			t.Fatalf("rollback: %+v, %v; want %s", s, err, want)
		}
		release(t, l)
		w.wantLive(t, want)
	}
}

func unlockLive(c check) {
	t, w := c.t, c.w
	live := w.run(t)
	l := w.acquire(t.Context(), t, "green")
	build := create(t, l)
	cut, err := w.client(t).Unlock(t.Context(), holder("admin"), l.Token())
	if err != nil || cut.Holder.Host != "green" {
		t.Fatalf("unlock: %+v, %v", cut, err)
	}
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, esalias.ErrNotSwapped) && !errors.Is(err, esalias.ErrOutcomeUnknown) {
		t.Errorf("swap after unlock: %v", err)
	}
	w.wantLive(t, live)
	<-l.Context().Done()
	w.wantLive(t, w.run(t))
}

func unlockWrong(c check) {
	t, w := c.t, c.w
	l := w.acquire(t.Context(), t, "green")
	_, err := w.client(t).Unlock(t.Context(), holder("admin"), l.Token()+1)
	var wrong *esalias.TokenError
	if !errors.As(err, &wrong) || wrong.Held != l.Token() {
		t.Errorf("got %v", err)
	}
	w.wantLive(t, swap(t, l).Index)
}

func unlockSpares(c check) {
	t, w := c.t, c.w
	l := w.acquire(t.Context(), t, "green")
	_, err := w.client(t).Unlock(t.Context(), holder("admin"), 0)
	_ = wantHeld(t, err)
	w.wantLive(t, swap(t, l).Index)
}

func unlockDead(c check) {
	t, w := c.t, c.w
	ctx, kill := context.WithCancel(t.Context())
	w.acquire(ctx, t, "green")
	kill()
	if _, err := w.client(t).Unlock(t.Context(), holder("admin"), 0); err != nil {
		t.Fatal(err)
	}
	l, err := w.client(t).Acquire(t.Context(), holder("blue"), 0)
	if err != nil {
		t.Fatal(err)
	}
	release(t, l)
}

func retire(c check) {
	t, w := c.t, c.w
	var made []string
	for range 4 {
		made = append(made, w.run(t))
	}
	for _, step := range []struct {
		keep   int
		dryRun bool
		want   []string
	}{{0, true, made}, {2, false, made[1:]}, {1, false, made[2:]}, {-1, false, made[3:]}} {
		l := w.acquire(t.Context(), t, "green")
		if _, err := l.Retire(t.Context(), step.keep, step.dryRun); err != nil {
			t.Fatal(err)
		}
		release(t, l)
		if got := slices.Sorted(maps.Keys(w.states(t))); !slices.Equal(got, step.want) {
			t.Errorf("keep %d, dry run %t: %v, want %v", step.keep, step.dryRun, got, step.want)
		}
		w.wantLive(t, made[3])
	}
}

func abandonAndLeave(c check) {
	t, w := c.t, c.w
	l := w.acquire(t.Context(), t, "green")
	create(t, l)
	if err := l.Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	release(t, l)
	if got := w.states(t); len(got) != 0 {
		t.Errorf("abandon left %v", got)
	}
	l = w.acquire(t.Context(), t, "green")
	build := create(t, l)
	if err := l.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	release(t, l)
	if diff := cmp.Diff(map[string]string{build.Index: esalias.StateOrphan}, w.states(t)); diff != "" {
		t.Error(diff)
	}
	w.wantLive(t, "")
}

func swapTwice(c check) {
	t, w := c.t, c.w
	l := w.acquire(t.Context(), t, "green")
	build := create(t, l)
	s, err := l.Swap(t.Context(), build)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, esalias.ErrNotSwapped) {
		t.Errorf("second swap: %v", err)
	}
	w.wantLive(t, s.Index)
}
