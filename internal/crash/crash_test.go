package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
)

var (
	seedFlag    = flag.Uint64("crash.seed", 0, "seed of the decisions; 0: a random one, which is printed")
	faultsFlag  = flag.Int64("crash.faults", 40, "how many faults to do; 0: no bound")
	secondsFlag = flag.Int("crash.seconds", 0, "how long to go on; 0: no bound")
	personsFlag = flag.Int("crash.persons", 2000, "how many persons there are")
	everyFlag   = flag.Bool("crash.every", false, "all accidents of the cluster test, not only three")
	writerFlag  = flag.Bool("crash.writer", true, "edit rows meanwhile")
)

// contenders are as many servers, operators and restarting containers.
const contenders = 8

func TestMain(m *testing.M) {
	code := m.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
	os.Exit(code) //nolint:forbidigo // TestMain
}

// suite is one run of the crash suite.
type suite struct {
	*world
	proxies  []*faultproxy.Proxy
	faults   atomic.Int64
	promises sync.Map // marks that must never be seen
	parked   sync.WaitGroup
	until    time.Time
	most     int64
	fail     context.CancelCauseFunc

	tally struct {
		sync.Mutex
		met      map[kind]int
		phases   map[string]int
		statuses map[string]int
		odd      []string
	}
}

func (s *suite) goOn(ctx context.Context) bool {
	return ctx.Err() == nil &&
		(s.most == 0 || s.faults.Load() < s.most) &&
		(s.until.IsZero() || time.Now().Before(s.until))
}

// violate ends the suite: the first one is told.
func (s *suite) violate(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	s.note("VIOLATION: %v", err)
	s.fail(err)
}

func (s *suite) count(p plan, status int, met bool) {
	s.tally.Lock()
	defer s.tally.Unlock()
	s.tally.statuses[fmt.Sprintf("%s %d", p.args[0], status)]++
	if !met {
		return
	}
	s.tally.met[p.kind]++
	if p.kind.outcome() != 0 {
		s.tally.phases[p.phase.name]++
	}
}

// TestCrash lets eight contenders run, roll back, prune and unlock the same
// alias while they are killed, paused and cut off, and holds what a reader sees
// against the rows.
func TestCrash(t *testing.T) { //nolint:paralleltest // it takes the whole machine
	server := stacktest.Elasticsearch(t)
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (again with: make crash SEED=%d)", seed, seed)
	ctx, fail := context.WithCancelCause(t.Context())
	s := &suite{world: newWorld(t, server, *personsFlag), most: *faultsFlag, fail: fail}
	if *secondsFlag > 0 {
		s.most, s.until = 0, time.Now().Add(time.Duration(*secondsFlag)*time.Second)
	}
	s.tally.met, s.tally.phases, s.tally.statuses = map[kind]int{}, map[string]int{}, map[string]int{}
	s.swaps(t)
	s.play(ctx, t, seed)
	s.report(t, seed)
	if err := context.Cause(ctx); err != nil {
		t.Errorf("seed %d: %v", seed, err)
		t.Logf("what happened:\n%s\n\nthe last requests:\n%s", s.text(), s.lastRequests())
	}
}

// play runs everyone, and then holds the end against the rows.
func (s *suite) play(ctx context.Context, t *testing.T, seed uint64) {
	t.Helper()
	watching, stopWatching := context.WithCancel(ctx)
	writing, stopWriting := context.WithCancel(ctx)
	var others, competing sync.WaitGroup
	r := newReader(s.world, func() string { return s.server }, &s.promises)
	others.Go(func() { s.watch(watching, r) })
	w := &writer{conn: connect(t, s.db), dice: rand.New(rand.NewPCG(seed, 1000)), base: s.base, extras: s.extras}
	if *writerFlag {
		competing.Go(func() {
			if err := w.write(writing); err != nil {
				s.violate("%v", err)
			}
		})
	}
	var running sync.WaitGroup
	for id := range contenders {
		c := &contender{suite: s, id: id, dice: rand.New(rand.NewPCG(seed, uint64(id))), proxy: faultproxy.New(t, s.server)}
		s.proxies = append(s.proxies, c.proxy)
		running.Go(func() { c.compete(ctx) })
	}
	running.Wait()
	s.parked.Wait()
	stopWriting()
	competing.Wait()
	if ctx.Err() == nil {
		s.settle(ctx, t)
	}
	stopWatching()
	others.Wait()
	r.client.CloseIdleConnections()
	t.Logf("%d searches, %d edits, live by token %d", r.searches, w.edits, r.newest)
}

// watch searches and looks until ctx ends. On a single healthy node every
// search has an answer.
func (s *suite) watch(ctx context.Context, r *reader) {
	for ctx.Err() == nil {
		if err := errors.Join(r.search(ctx), r.look(ctx)); err != nil && ctx.Err() == nil {
			s.violate("reader: %v", err)
			return
		}
	}
}

// report says how much was done, so that a suite that does nothing is seen.
func (s *suite) report(t *testing.T, seed uint64) {
	t.Helper()
	t.Logf("seed %d: %d faults in %s", seed, s.faults.Load(), time.Since(s.began).Round(time.Second))
	t.Logf("faults: %s", lines(s.tally.met))
	t.Logf("at requests: %s", lines(s.tally.phases))
	t.Logf("exit statuses: %s", lines(s.tally.statuses))
	t.Logf("endings worth a look: %s", strings.Join(s.tally.odd, "\n  "))
}

func lines[K ~string](m map[K]int) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "\n  %4d  %s", m[key], string(key))
	}
	return b.String()
}

// lastRequests merges what the contenders sent, without documents.
func (s *suite) lastRequests() string {
	type sent struct {
		contender int
		faultproxy.Request
	}
	var all []sent
	for id, p := range s.proxies {
		for _, r := range p.Requests() {
			if r.Method != http.MethodGet {
				all = append(all, sent{id, r})
			}
		}
	}
	slices.SortFunc(all, func(a, b sent) int { return a.At.Compare(b.At) })
	var b strings.Builder
	for _, r := range all[max(0, len(all)-200):] {
		body := r.Body
		if strings.Contains(r.Path, "/_bulk") {
			body = fmt.Sprintf("(%d bytes)", len(body))
		}
		fmt.Fprintf(&b, "%9.3fs contender %d: %s %s %s\n", r.At.Sub(s.began).Seconds(), r.contender, r.Method, r.Path, body)
	}
	return b.String()
}
