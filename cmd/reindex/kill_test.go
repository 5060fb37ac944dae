package main

import (
	"net/http"
	"slices"
	"syscall"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

// crash says when a run is killed: when it sends the request that follows a
// phase. The request never reaches Elasticsearch, unless it is late.
type crash struct {
	phase string // that was reached
	rule  faultproxy.Rule
	// second, if set, is held once rule has been, which is let go then.
	second *faultproxy.Rule
	args   []string
	live   bool // the killed run had swapped
	orphan bool // it left an unfinished index
}

func crashes() []crash {
	const hold = faultproxy.Hold
	refresh := faultproxy.Rule{Method: http.MethodPost, Path: "/_refresh$", Do: hold}
	swap := faultproxy.Rule{Method: http.MethodPost, Path: "^/_aliases", Body: `\.swap-`, Do: hold}
	return []crash{
		{phase: "locked", rule: faultproxy.Rule{Method: http.MethodPut, Path: `-\d{6}\?timeout=`, Do: hold}},
		{phase: "created", rule: faultproxy.Rule{Method: http.MethodPost, Path: "/_bulk", Do: hold}, orphan: true},
		{phase: "loaded", rule: refresh, orphan: true},
		{
			phase: "verified", rule: faultproxy.Rule{Path: `-\d{6}/_count$`, Nth: 4, Do: hold},
			second: &faultproxy.Rule{Method: http.MethodGet, Path: `-\*/_alias`, Do: hold}, orphan: true,
		},
		{phase: "swapping", rule: swap, orphan: true},
		{
			phase: "swapped", rule: faultproxy.Rule{Method: http.MethodGet, Path: `-\d{6}/_stats/search`, Do: hold},
			args: []string{"--keep", "0"}, live: true,
		},
		{phase: "retired", rule: faultproxy.Rule{Method: http.MethodPut, Body: `"state":"free"`, Do: hold}, live: true},
	}
}

func TestRunKilledWithSIGKILLAfter(t *testing.T) {
	t.Parallel()
	const documents = 500
	db := notesDatabase(t, documents)
	for _, c := range crashes() {
		t.Run(c.phase, func(t *testing.T) {
			t.Parallel()
			d := notes()
			proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
			d.url, d.lease = proxy.URL(), shortLease
			p := newProject(t, db, d)
			first := p.rebuild(t)
			reader := p.read(t, documents)

			killed := p.start(t, append([]string{"run"}, c.args...)...)
			c.kill(t, proxy, killed)
			afterKill := p.status(t)
			if afterKill.Lock.State != "held" || afterKill.Lock.Holder.PID != killed.PID() {
				t.Errorf("the lock after the kill is %+v, want it held by pid %d", afterKill.Lock, killed.PID())
			}
			if moved := afterKill.Live.Index != first["index"]; moved != c.live {
				t.Errorf("%s is live after the kill, before it was %v", afterKill.Live.Index, first["index"])
			}
			if orphan := afterKill.states()["building"] == 1; orphan != c.orphan {
				t.Errorf("generations after the kill: %v", afterKill.Generations)
			}

			next := p.rebuild(t)
			if next["previous"] != afterKill.Live.Index {
				t.Errorf("the next run swapped from %v, want %s", next["previous"], afterKill.Live.Index)
			}
			if next["token"].(float64) <= float64(afterKill.Lock.Token) { //nolint:forcetypeassert // a test
				t.Errorf("token %v after %d, want it to grow", next["token"], afterKill.Lock.Token)
			}
			p.isTidy(t, next)
			if seen := reader.stop(t); !slices.IsSorted(seen) {
				t.Errorf("the reader saw %v, want it never to go back", seen)
			}
			p.equal(t, notesOracle)
		})
	}
}

// kill waits until the run sends the request and kills it.
func (c crash) kill(t *testing.T, proxy *faultproxy.Proxy, p *process) {
	t.Helper()
	held := proxy.On(c.rule)
	held.Await(t)
	if c.second != nil {
		second := proxy.On(*c.second)
		held.Release()
		second.Await(t)
		held = second
	}
	p.signal(t, syscall.SIGKILL)
	if r := p.wait(t); r.code != -1 {
		t.Fatalf("the run ended by itself: %s", r)
	}
	held.AwaitDone(t)
	proxy.Clear()
}

// isTidy wants what a good run leaves behind: itself, at most one generation
// before it, and a free lock.
func (p *project) isTidy(t *testing.T, summary map[string]any) {
	t.Helper()
	s := p.status(t)
	states := s.states()
	if s.Live == nil || s.Live.Index != summary["index"] || states["live"] != 1 || states["live"]+states["previous"] != len(s.Generations) ||
		states["previous"] > 1 {
		t.Errorf("live %+v, generations %v; want %v live and at most one previous", s.Live, s.Generations, summary["index"])
	}
	p.lockIsFree(t)
}

// A swap request that comes when its run is dead and another one has swapped
// must do nothing, or readers would go back to an old index.
func TestSwapThatArrivesAfterItsRunWasKilledIsRefused(t *testing.T) {
	t.Parallel()
	const documents = 500
	d := notes()
	proxy := faultproxy.New(t, stacktest.Elasticsearch(t))
	d.url, d.lease = proxy.URL(), shortLease
	p := newProject(t, notesDatabase(t, documents), d)
	p.rebuild(t)
	reader := p.read(t, documents)

	late := proxy.On(faultproxy.Rule{Method: http.MethodPost, Path: "^/_aliases", Body: `\.swap-`, Nth: 1, Do: faultproxy.Late})
	killed := p.start(t, "run")
	late.Await(t)
	killed.signal(t, syscall.SIGKILL)
	killed.wait(t)
	next := p.rebuild(t)
	late.Release()
	late.AwaitDone(t)
	p.isTidy(t, next)
	if seen := reader.stop(t); len(seen) != 2 || seen[1] != next["index"] {
		t.Errorf("the reader saw %v, want the first index and then %v", seen, next["index"])
	}
}
