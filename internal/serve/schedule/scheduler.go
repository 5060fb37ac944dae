package schedule

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Triggers of runs, as the history has them.
const (
	Scheduled = "scheduled"
	Restart   = "restart"
)

// Plan is when one index is rebuilt.
type Plan struct {
	Index string
	Cron  *Cron
	// Jitter is the most that is added to a time, at random.
	Jitter time.Duration
	// IfOlderThan skips a run if the live index is younger. With it, a server
	// that starts or wakes up makes up for a time that was missed: if the live
	// index is older, a run starts at once. 0: neither.
	IfOlderThan time.Duration
	// OnStart starts a run when the server starts.
	OnStart bool
}

// Start is one run to be started.
type Start struct {
	Plan

	Trigger string
	Due     time.Time // without jitter
}

// Scheduler starts runs when they are due, one after the other.
type Scheduler struct {
	Plans []Plan
	// Run starts a run and returns when it has ended.
	Run func(ctx context.Context, s Start)
	// Age is how old the live index is; false while that is not known, as when
	// Elasticsearch is away. An index that is not there is older than any limit.
	Age func(index string) (time.Duration, bool)
	// Now is the clock on the wall. Defaults to time.Now.
	Now func() time.Time

	mu   sync.Mutex
	next map[string]time.Time
}

// look is how often the clock is read: it may be set, and a machine that slept
// must notice within this time that it is late.
const look = 10 * time.Second

// setBack is by how much a clock must go back to be one that was set.
const setBack = time.Minute

// Next is when the next run of an index is due; zero before Keep has begun.
func (s *Scheduler) Next(index string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[index]
}

// Keep keeps the schedule until ctx ends, and returns when the run that is
// under way then has ended.
func (s *Scheduler) Keep(ctx context.Context) {
	if s.Now == nil {
		s.Now = time.Now
	}
	s.mu.Lock()
	s.next = map[string]time.Time{}
	s.mu.Unlock()
	queue := make(chan Start, len(s.Plans)) // one of each plan waits at most
	var all sync.WaitGroup
	for _, p := range s.Plans {
		all.Go(func() { s.watch(ctx, p, queue) })
	}
	for {
		select {
		case <-ctx.Done():
			all.Wait()
			return
		case start := <-queue:
			s.Run(ctx, start)
		}
	}
}

// watch puts the runs of one plan into the queue when they are due. A run that
// is due while the one before still waits in the queue is that one.
func (s *Scheduler) watch(ctx context.Context, p Plan, queue chan<- Start) {
	s.makeUp(ctx, p, queue)
	var fired time.Time
	now := s.Now()
	next, delay := s.plan(p, now)
	for !next.IsZero() {
		wait := min(max(next.Add(delay).Sub(now), time.Millisecond), look)
		if !sleep(ctx, wait) {
			return
		}
		before := now
		switch now = s.Now(); {
		case before.Sub(now) > setBack:
			from := now
			// A time that comes twice because the clock was set back was run for;
			// unless the clock was so wrong that it means nothing.
			if ahead := fired.Sub(now); ahead > 0 && ahead < 25*time.Hour {
				from = fired
			}
			next, delay = s.plan(p, from)
		case !now.Before(next.Add(delay)):
			select {
			case queue <- Start{Plan: p, Trigger: Scheduled, Due: next}:
			case <-ctx.Done():
				return
			}
			fired = next
			next, delay = s.plan(p, now)
		}
	}
}

// plan finds the next time after t, and its jitter.
func (s *Scheduler) plan(p Plan, t time.Time) (next time.Time, delay time.Duration) {
	next = p.Cron.Next(t)
	if p.Jitter > 0 {
		delay = rand.N(p.Jitter) //nolint:gosec // G404: it spreads load, and keeps no secret
	}
	s.mu.Lock()
	s.next[p.Index] = next
	s.mu.Unlock()
	return next, delay
}

// makeUp starts a run at the start of the server, if the plan wants one or a
// time was missed.
func (s *Scheduler) makeUp(ctx context.Context, p Plan, queue chan<- Start) {
	if !p.OnStart && p.IfOlderThan <= 0 {
		return
	}
	start := Start{Plan: p, Trigger: Restart, Due: s.Now()}
	if p.IfOlderThan <= 0 {
		queue <- start
		return
	}
	for {
		age, known := s.Age(p.Index)
		switch {
		case known && age >= p.IfOlderThan:
			queue <- start
			return
		case known:
			return
		}
		// Meanwhile a time may come; it is not lost, because the next one is
		// planned from now when this ends, and a stale index is made up for.
		if !sleep(ctx, look) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
