package esalias_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/esalias"
	"example.com/reindex/esalias/internal/memory"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/faultproxy"
)

// outcomeLease is so long that no load on the machine loses it. Nothing waits
// for it.
const outcomeLease = 5 * time.Minute

// rules of every kind of control request; ALIAS is replaced.
const (
	actionsStart = `^\{"actions":\[\{"remove":\{[^}]*\.claim-[^}]*\}\},\{"add":\{[^}]*\.done-[^}]*\}\}`
	claimBody    = `\{"add":\{"index":"lock-ALIAS","alias":"ALIAS\.claim-[^}]*\}\}\]\}$`
)

type controlRequest struct {
	name string
	rule faultproxy.Rule
	// giveUp ends the run this way instead of swapping.
	giveUp func(*esalias.Lease, context.Context) error
	also   *faultproxy.Rule // a fault that makes the client send this kind
	noLock bool             // start without a lock index
}

// writes are the requests that must take effect once.
func writes() []controlRequest {
	return []controlRequest{
		{name: "create lock index", noLock: true, rule: faultproxy.Rule{Method: "PUT", Path: `^/lock-ALIAS$`}},
		{name: "take record", rule: faultproxy.Rule{Method: "PUT", Path: `/_(doc|create)/lock\?`, Body: `"state":"held"`}},
		{name: "renew", rule: faultproxy.Rule{Method: "PUT", Path: `/_doc/lock\?`, Body: `"phase":"loading"`}},
		{name: "claim", rule: faultproxy.Rule{Method: "POST", Path: `^/_aliases$`, Body: claimBody}},
		{name: "create index", rule: faultproxy.Rule{Method: "PUT", Path: `^/ALIAS-\d+\?timeout=`}},
		{name: "swap", rule: faultproxy.Rule{Method: "POST", Path: `^/_aliases$`, Body: actionsStart + `.*\.swap-`}},
		{name: "seal", rule: faultproxy.Rule{Method: "POST", Path: `^/_aliases$`, Body: actionsStart + `\]`}, giveUp: (*esalias.Lease).Leave},
		{name: "abandon", rule: faultproxy.Rule{Method: "POST", Path: `^/_aliases$`, Body: actionsStart + `,\{"remove_index"`}, giveUp: (*esalias.Lease).Abandon},
		{name: "retire", rule: faultproxy.Rule{Method: "POST", Path: `^/_aliases$`, Body: `"remove_index":\{"index":"ALIAS-\d+"\}\}\]\}$`}},
		{name: "free", rule: faultproxy.Rule{Method: "PUT", Path: `/_doc/lock\?`, Body: `"state":"free"`}},
	}
}

// repeatables are the requests that may be sent any number of times.
func repeatables() map[string]faultproxy.Rule {
	return map[string]faultproxy.Rule{
		"read fence":    {Method: "GET", Path: `^/lock-ALIAS\?filter_path`},
		"read record":   {Method: "GET", Path: `/_doc/lock$`},
		"read indices":  {Method: "GET", Path: `^/ALIAS,ALIAS-`},
		"count changes": {Method: "GET", Path: `^/_cluster/state/metadata/ALIAS`},
		"refresh":       {Method: "POST", Path: `/_refresh$`},
		"count":         {Method: "GET", Path: `/_count$`},
		"settings":      {Method: "PUT", Path: `/_settings$`},
		"health":        {Method: "GET", Path: `^/_cluster/health/`},
		"read meta":     {Method: "GET", Path: `/_mapping\?`},
		"read searches": {Method: "GET", Path: `/_stats/search$`},
	}
}

// readOutcome is sent only after a swap without an answer.
func readOutcome() controlRequest {
	return controlRequest{
		name: "read outcome", rule: faultproxy.Rule{Method: "GET", Path: `^/lock-ALIAS,ALIAS-\d+/_alias`},
		also: &faultproxy.Rule{Method: "POST", Path: `^/_aliases$`, Body: `\.swap-`, Nth: 1, Do: faultproxy.Lose},
	}
}

// ground is where a table runs, and with which faults.
type ground struct {
	t      *testing.T
	server string
	faults []fault
}

// onBoth runs a test with every fault on a server in memory, and on the real
// one with those that it takes part in: of a request that is refused on the way
// it knows nothing.
func onBoth(t *testing.T, test func(ground)) {
	t.Helper()
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(new(memory.Server))
		t.Cleanup(server.Close)
		test(ground{t, server.URL, faults()})
	})
	t.Run("on Elasticsearch", func(t *testing.T) {
		t.Parallel()
		test(ground{t, stacktest.Elasticsearch(t), slices.DeleteFunc(faults(), func(f fault) bool {
			return f.rule.Do == faultproxy.Refuse || f.rule.Status == http.StatusBadGateway
		})})
	})
}

// fault is one way for a request to go wrong.
type fault struct {
	name string
	rule faultproxy.Rule
}

func faults() []fault {
	const body = `{"error":{"type":"master_not_discovered_exception","reason":"none"},"status":503}`
	return []fault{
		{"refused", faultproxy.Rule{Do: faultproxy.Refuse}},
		{"failed with 503 by Elasticsearch", faultproxy.Rule{Do: faultproxy.Fail, Status: 503, Answer: body}},
		{"failed with 502 by a gateway", faultproxy.Rule{Do: faultproxy.Fail, Status: 502, Answer: "<html>"}},
		{"applied and its answer lost", faultproxy.Rule{Do: faultproxy.Lose}},
		{"sent twice by a gateway", faultproxy.Rule{Do: faultproxy.Duplicate}},
	}
}

func (f fault) on(r faultproxy.Rule, alias string) faultproxy.Rule {
	r.Path, r.Body = strings.ReplaceAll(r.Path, "ALIAS", alias), strings.ReplaceAll(r.Body, "ALIAS", alias)
	r.Do, r.Status, r.Answer = f.rule.Do, f.rule.Status, f.rule.Answer
	return r
}

// TestOneLostWriteCostsNoRun breaks each control request of a run once, in
// each way, and then looks at the cluster itself.
func TestOneLostWriteCostsNoRun(t *testing.T) {
	t.Parallel()
	onBoth(t, func(on ground) {
		t, server, faults := on.t, on.server, on.faults
		for _, request := range append(writes(), readOutcome()) {
			t.Run(request.name, func(t *testing.T) {
				t.Parallel()
				stage := newStage(t, server)
				for _, fault := range faults {
					t.Run(fault.name, func(t *testing.T) { //nolint:paralleltest // one after the other on one alias
						rule := fault.on(request.rule, stage.alias)
						rule.Nth = 1
						result := stage.runBroken(t, request, rule)
						if result.err != nil || result.releaseErr != nil {
							t.Errorf("run: %v, release: %v", result.err, result.releaseErr)
						}
						stage.verify(t, result)
					})
				}
				stage.cleanRun(t)
			})
		}
	})
}

// TestOneLostReadOfEachKindCostsNoRun breaks all of them in the same run.
func TestOneLostReadOfEachKindCostsNoRun(t *testing.T) {
	t.Parallel()
	onBoth(t, func(on ground) {
		t, server, faults := on.t, on.server, on.faults
		stage := newStage(t, server)
		for _, fault := range faults {
			t.Run(fault.name, func(t *testing.T) {
				var rules []faultproxy.Rule
				for _, rule := range repeatables() {
					rule = fault.on(rule, stage.alias)
					rule.Nth = 1
					rules = append(rules, rule)
				}
				result := stage.runBroken(t, controlRequest{}, rules...)
				if result.err != nil || result.releaseErr != nil {
					t.Errorf("run: %v, release: %v", result.err, result.releaseErr)
				}
				stage.verify(t, result)
			})
		}
		stage.cleanRun(t)
	})
}

// TestRequestsThatNeverComeThrough breaks a request for as long as the run
// lasts: the run may fail then, but must know how.
func TestRequestsThatNeverComeThrough(t *testing.T) {
	t.Parallel()
	wants := map[string]map[faultproxy.Outcome]error{ // nil: swapped
		"create index": {faultproxy.Refuse: errAny, faultproxy.Fail: errAny, faultproxy.Lose: errAny, faultproxy.Duplicate: errAny},
		"swap":         {faultproxy.Refuse: esalias.ErrNotSwapped, faultproxy.Fail: esalias.ErrNotSwapped},
		"read outcome": {faultproxy.Refuse: esalias.ErrOutcomeUnknown, faultproxy.Fail: esalias.ErrOutcomeUnknown, faultproxy.Lose: esalias.ErrOutcomeUnknown},
	}
	onBoth(t, func(on ground) {
		t, server, faults := on.t, on.server, on.faults
		for _, request := range append(writes(), readOutcome()) {
			want, ok := wants[request.name]
			if !ok {
				continue
			}
			t.Run(request.name, func(t *testing.T) {
				t.Parallel()
				stage := newStage(t, server)
				for _, fault := range faults {
					t.Run(fault.name, func(t *testing.T) { //nolint:paralleltest // one after the other on one alias
						result := stage.runBroken(t, request, fault.on(request.rule, stage.alias))
						if want := want[fault.rule.Do]; !errors.Is(result.err, want) && (!errors.Is(want, errAny) || result.err == nil) {
							t.Errorf("run: %v, want %v", result.err, want)
						}
						stage.verify(t, result)
					})
				}
				stage.cleanRun(t)
			})
		}
	})
}

var errAny = errors.New("any error")

// stage is an alias on the real server, with one live index.
type stage struct {
	server, alias string
	direct        esapi.Transport
	token         int64         // highest seen
	lease         time.Duration // 0: outcomeLease
}

func newStage(t *testing.T, server string) *stage {
	t.Helper()
	s := &stage{server: server, alias: stacktest.Prefix(t) + "x", direct: transport(t, server)}
	s.cleanRun(t)
	return s
}

func transport(t *testing.T, server string) esapi.Transport {
	t.Helper()
	tr, err := es.New(es.Config{Addresses: []string{server}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func (s *stage) client(t *testing.T, tr esapi.Transport) *esalias.Client {
	t.Helper()
	c, err := esalias.New(tr, s.alias, esalias.Options{Lease: cmp.Or(s.lease, outcomeLease), Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// result is what a run says about itself.
type result struct {
	before     string // live before
	index      string
	token      int64
	swapped    esalias.Swapped
	gaveUp     bool
	err        error
	releaseErr error
}

func (s *stage) runBroken(t *testing.T, request controlRequest, rules ...faultproxy.Rule) result {
	t.Helper()
	if request.noLock {
		s.deleteLock(t)
	}
	proxy := faultproxy.New(t, s.server)
	var broken []*faultproxy.Handle
	for _, rule := range rules {
		broken = append(broken, proxy.On(rule))
	}
	if request.also != nil {
		proxy.On(*request.also)
	}
	r := result{before: s.live(t), gaveUp: request.giveUp != nil}
	lease, err := s.client(t, transport(t, proxy.URL())).Acquire(t.Context(), holder(), 0)
	if err != nil {
		r.err = err
		return r
	}
	r.token = lease.Token()
	if request.name == "renew" {
		lease.Report("loading", 0, 0)
		broken[0].AwaitDone(t)
	}
	s.work(t, lease, request, &r)
	r.releaseErr = lease.Release(t.Context())
	for i, handle := range broken {
		select {
		case <-handle.Reached():
		default:
			t.Errorf("no request met %+v", rules[i])
		}
	}
	return r
}

// work is what a pipeline does with a lease.
func (s *stage) work(t *testing.T, lease *esalias.Lease, request controlRequest, r *result) {
	t.Helper()
	build, err := lease.Create(lease.Context(), json.RawMessage(`{}`), esalias.Meta{})
	if err != nil {
		r.err = err
		if err := lease.Abandon(t.Context()); err != nil {
			t.Errorf("abandon: %v", err)
		}
		return
	}
	r.index, r.token = build.Index, lease.Token()
	s.put(t, build)
	if n, err := build.Refresh(lease.Context()); err != nil || n != 1 {
		t.Errorf("refresh: %d documents, %v", n, err)
	}
	if _, err := build.Finish(lease.Context()); err != nil {
		t.Errorf("finish: %v", err)
	}
	if request.giveUp != nil {
		r.err = request.giveUp(lease, t.Context())
		return
	}
	if r.swapped, r.err = lease.Swap(lease.Context(), build); r.err != nil {
		return
	}
	if retired, err := lease.Retire(lease.Context(), 0, false); err != nil || !slices.Contains(retired.Deleted, r.before) {
		t.Errorf("retire: %+v, %v; want %s deleted", retired, err, r.before)
	}
}

func (s *stage) put(t *testing.T, build *esalias.Build) {
	t.Helper()
	err := es.Do(t.Context(), s.direct, "PUT", "/"+build.Writer+"/_doc/1?require_alias=true", []byte(`{"personId":1}`), nil)
	if err != nil {
		t.Fatal(err)
	}
}

// verify holds what the run says against the cluster.
func (s *stage) verify(t *testing.T, r result) {
	t.Helper()
	live := s.live(t)
	switch {
	case errors.Is(r.err, esalias.ErrOutcomeUnknown):
		if live != r.before && live != r.index {
			t.Errorf("alias on %s, want %s or %s", live, r.before, r.index)
		}
	case r.err != nil || r.gaveUp:
		if live != r.before {
			t.Errorf("alias moved from %s to %s by a run that says it did not: %v", r.before, live, r.err)
		}
	case live != r.index || r.swapped.Index != live || r.swapped.Previous != r.before:
		t.Errorf("alias on %s, run says %+v, was %s", live, r.swapped, r.before)
	}
	s.wantOneFence(t)
	if n, err := s.client(t, s.direct).Count(t.Context(), s.alias); err != nil || n != 1 {
		t.Errorf("readers see %d documents, %v; want 1", n, err)
	}
	if r.token != 0 && r.token <= s.token {
		t.Errorf("token %d after %d", r.token, s.token)
	}
	s.token = max(s.token, r.token)
}

func (s *stage) live(t *testing.T) string {
	t.Helper()
	index, err := s.client(t, s.direct).Live(t.Context())
	if err != nil {
		t.Error(err)
	}
	return index
}

func (s *stage) wantOneFence(t *testing.T) {
	t.Helper()
	var answer map[string]struct{ Aliases map[string]any }
	err := es.Do(t.Context(), s.direct, "GET", "/*/_alias?expand_wildcards=all", nil, &answer)
	if err != nil {
		t.Fatal(err)
	}
	var fences []string
	for index, found := range answer {
		for name := range found.Aliases {
			if strings.HasPrefix(name, s.alias+".claim-") || strings.HasPrefix(name, s.alias+".done-") {
				fences = append(fences, index+" "+name)
			}
		}
	}
	if len(fences) != 1 {
		t.Errorf("fences %v, want one", fences)
	}
}

func (s *stage) deleteLock(t *testing.T) {
	t.Helper()
	if err := es.Do(t.Context(), s.direct, "DELETE", "/lock-"+s.alias, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// cleanRun is a run that nothing disturbs; it must succeed.
func (s *stage) cleanRun(t *testing.T) {
	t.Helper()
	lease, err := s.client(t, s.direct).Acquire(t.Context(), holder(), 0)
	if err != nil {
		t.Fatal(err)
	}
	build, err := lease.Create(t.Context(), json.RawMessage(`{}`), esalias.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, build)
	if _, err := build.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := lease.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if _, err := lease.Retire(t.Context(), 0, false); err != nil {
		t.Error(err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if live := s.live(t); live != build.Index || lease.Token() <= s.token {
		t.Errorf("clean run: alias on %s, want %s; token %d after %d", live, build.Index, lease.Token(), s.token)
	}
	s.token = lease.Token()
}

func holder() esalias.Holder {
	return esalias.Holder{Host: "test", PID: 1, RunID: esalias.NewRunID(), Trigger: "manual"}
}
