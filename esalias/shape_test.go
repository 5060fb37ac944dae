package esalias_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/faultproxy"
)

func (s *stage) send(t *testing.T, method, path, body string) {
	t.Helper()
	if err := s.try(t, method, path, body); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) try(t *testing.T, method, path, body string) error {
	t.Helper()
	var payload []byte
	if body != "" {
		payload = []byte(strings.ReplaceAll(body, "ALIAS", s.alias))
	}
	return es.Do(t.Context(), s.direct, method, strings.ReplaceAll(path, "ALIAS", s.alias), payload, nil)
}

func (s *stage) acquire(t *testing.T) *esalias.Lease {
	t.Helper()
	l, err := s.client(t, s.direct).Acquire(t.Context(), holder(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release(context.Background()) })
	return l
}

func (s *stage) create(t *testing.T, l *esalias.Lease, body string) (*esalias.Build, error) {
	t.Helper()
	return l.Create(t.Context(), json.RawMessage(body), esalias.Meta{})
}

func wantShape(t *testing.T, err error, text string) {
	t.Helper()
	var shape *esalias.ShapeError
	if !errors.As(err, &shape) || shape.Hint() == "" || !strings.Contains(shape.Error(), text) {
		t.Errorf("got %v, want a ShapeError that says %q", err, text)
	}
}

func emptyStage(t *testing.T) *stage {
	t.Helper()
	server := stacktest.Elasticsearch(t)
	return &stage{server: server, alias: stacktest.Prefix(t) + "x", direct: transport(t, server)}
}

func TestAliasOnTwoIndicesIsForAPerson(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	s.send(t, "PUT", "/ALIAS-old", `{"aliases":{"ALIAS":{}}}`)
	s.send(t, "PUT", "/ALIAS-older", `{"aliases":{"ALIAS":{}}}`)
	l := s.acquire(t)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Swap(t.Context(), build)
	wantShape(t, err, "more than one index")
	if !errors.Is(err, esalias.ErrNotSwapped) {
		t.Errorf("no promise in %v", err)
	}
	status, err := s.client(t, s.direct).Status(t.Context())
	if err != nil || status.Shape == nil || len(status.Shape.Indices) != 2 {
		t.Errorf("status %+v, %v", status, err)
	}
}

func TestIndexNamedLikeTheAliasIsForAPerson(t *testing.T) {
	t.Parallel()
	t.Run("there before", func(t *testing.T) {
		t.Parallel()
		s := emptyStage(t)
		s.send(t, "PUT", "/ALIAS", `{}`)
		l := s.acquire(t)
		build, err := s.create(t, l, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Swap(t.Context(), build)
		wantShape(t, err, "has the name of the alias")
	})
	t.Run("made between the look and the swap", func(t *testing.T) {
		t.Parallel()
		s := emptyStage(t)
		proxy := faultproxy.New(t, s.server)
		held := proxy.On(faultproxy.Rule{Method: "POST", Path: "^/_aliases$", Body: `\.swap-`, Nth: 1, Do: faultproxy.Hold})
		l, err := s.client(t, transport(t, proxy.URL())).Acquire(t.Context(), holder(), 0)
		if err != nil {
			t.Fatal(err)
		}
		build, err := s.create(t, l, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		made := make(chan error, 1)
		go func() {
			<-held.Reached()
			made <- s.try(t, "PUT", "/ALIAS", `{}`)
			held.Release()
		}()
		_, err = l.Swap(t.Context(), build)
		wantShape(t, err, "has the name of the alias")
		if err := errors.Join(<-made, l.Abandon(t.Context()), l.Release(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func TestTemplateThatAddsTheAliasIsForAPerson(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	s.cleanRun(t)
	before := s.live(t)
	s.send(t, "PUT", "/_index_template/ALIAS", `{"index_patterns":["ALIAS-*"],"priority":500,"template":{"aliases":{"ALIAS":{}}}}`)
	t.Cleanup(func() {
		if err := es.Do(context.Background(), s.direct, "DELETE", "/_index_template/"+s.alias, nil, nil); err != nil {
			t.Error(err)
		}
	})
	l := s.acquire(t)
	_, err := s.create(t, l, `{}`)
	wantShape(t, err, "template")
	if err := l.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
	if live := s.live(t); live != before {
		t.Errorf("readers are on %s after the run gave up, want %s", live, before)
	}
}

func TestHandMadeFencesAreForAPerson(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ method, path, text string }{
		"a second fence":        {"PUT", "/lock-ALIAS/_alias/ALIAS.claim-9-runother", "2 fences"},
		"no alias for the lock": {"DELETE", "/lock-ALIAS/_alias/lock-ALIAS.doc", "lacks its alias"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyStage(t)
			s.cleanRun(t)
			s.send(t, test.method, test.path, "")
			_, err := s.client(t, s.direct).Acquire(t.Context(), holder(), 0)
			wantShape(t, err, test.text)
			status, err := s.client(t, s.direct).Status(t.Context())
			if err != nil || status.Shape == nil || status.Live == "" {
				t.Errorf("status %+v, %v", status, err)
			}
		})
	}
}

func TestBodyThatElasticsearchRefuses(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	l := s.acquire(t)
	var refusal *es.Error
	_, err := s.create(t, l, `{"mappings":{"properties":{"a":{"type":"no_such_type"}}}}`)
	if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || l.Token() != 1 {
		t.Errorf("got %v with token %d", err, l.Token())
	}
	if err := l.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAbandonWithALiveIndexLeavesItAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	l := s.acquire(t)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, build)
	if _, err := l.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if err := l.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
	if live := s.live(t); live != build.Index {
		t.Errorf("live %s, want %s", live, build.Index)
	}
}

func TestLateWritesFailAfterTheSwap(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	l := s.acquire(t)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, build)
	if _, err := l.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if err := s.try(t, "PUT", "/"+build.Writer+"/_doc/2?require_alias=true", `{}`); !es.IsStatus(err, http.StatusNotFound) {
		t.Errorf("late write: %v", err)
	}
}

func TestRetireLeavesWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	first := s.live(t)
	s.send(t, "PUT", "/ALIAS-000000", `{}`)                                                                 // nobody's
	s.send(t, "PUT", "/ALIAS-archive-000001", `{}`)                                                         // another alias's
	s.send(t, "PUT", "/ALIAS-000900", `{"mappings":{"_meta":{"reindex":{"alias":"ALIAS","token":900}}}}`)   // higher
	s.send(t, "PUT", "/ALIAS-000800", `{"mappings":{"_meta":{"reindex":"not an object"}}}`)                 // odd
	s.send(t, "PUT", "/ALIAS-000700", `{"mappings":{"_meta":{"reindex":{"alias":"someone","token":700}}}}`) // not ours
	s.send(t, "PUT", "/ALIAS-000600", `{"mappings":{"_meta":{"reindex":{"alias":"ALIAS","token":600}}}}`)   // a dead run's
	s.send(t, "PUT", "/ALIAS-000500", `{"mappings":{"_meta":{"reindex":{"alias":"ALIAS","token":500}}}}`)   // closed by hand
	s.send(t, "POST", "/ALIAS-000500/_close", "")
	l := s.acquire(t)
	if l.Token() != 901 {
		t.Fatalf("token %d, want 901", l.Token())
	}
	s.send(t, "PUT", "/ALIAS-000950", `{"mappings":{"_meta":{"reindex":{"alias":"ALIAS","token":950}}}}`)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	retired, err := l.Retire(t.Context(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{s.alias + "-000900", s.alias + "-000600", s.alias + "-000500", first}
	slices.Sort(want)
	slices.Sort(retired.Deleted)
	if !slices.Equal(retired.Deleted, want) || len(retired.Left) != 3 {
		t.Errorf("got %+v, want deleted %v and three left", retired, want)
	}
	for _, index := range []string{"-000000", "-000700", "-000800", "-000950", "-archive-000001"} {
		s.send(t, "HEAD", "/ALIAS"+index, "")
	}
}

func TestRetireWaitsForSearches(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]string{
		"a scroll":        "/INDEX/_search?scroll=1m",
		"a point in time": "/INDEX/_pit?keep_alive=1m",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stacktest.Elasticsearch(t))
			old := s.live(t)
			var search struct {
				Scroll string `json:"_scroll_id"`
				Pit    string `json:"id"`
			}
			if err := es.Do(t.Context(), s.direct, "POST", strings.ReplaceAll(open, "INDEX", old), nil, &search); err != nil {
				t.Fatal(err)
			}
			l := s.acquire(t)
			build, err := s.create(t, l, `{}`)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Swap(t.Context(), build); err != nil {
				t.Fatal(err)
			}
			if retired, err := l.Retire(t.Context(), 0, false); err != nil || !strings.Contains(retired.Left[old], "searches") {
				t.Errorf("got %+v, %v; want %s left", retired, err, old)
			}
			if search.Pit != "" {
				s.send(t, "DELETE", "/_pit", `{"id":"`+search.Pit+`"}`)
			} else {
				s.send(t, "DELETE", "/_search/scroll", `{"scroll_id":"`+search.Scroll+`"}`)
			}
			if retired, err := l.Retire(t.Context(), 0, false); err != nil || !slices.Equal(retired.Deleted, []string{old}) {
				t.Errorf("got %+v, %v; want %s deleted", retired, err, old)
			}
		})
	}
}

func TestRollbackRules(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	l := s.acquire(t)
	_, err := l.Rollback(t.Context(), "")
	wantShape(t, err, "no earlier generation")
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := build.Index

	l = s.acquire(t)
	unfinished, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Rollback(t.Context(), unfinished.Index)
	wantShape(t, err, "never live")
	_, err = l.Rollback(t.Context(), s.alias+"-000999")
	wantShape(t, err, "no such index")
	if _, err = l.Rollback(t.Context(), first); err == nil {
		t.Error("rolled back to what is live")
	}
	if _, err := l.Swap(t.Context(), unfinished); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}

	s.send(t, "POST", "/"+first+"/_close", "")
	l = s.acquire(t)
	if _, err := l.Rollback(t.Context(), ""); err == nil {
		t.Error("rolled back to a closed index")
	}
	s.send(t, "POST", "/"+first+"/_open", "")
	s.send(t, "GET", "/_cluster/health/"+first+"?wait_for_status=yellow&timeout=60s", "")
	back, err := l.Rollback(t.Context(), first)
	if err != nil || back.Index != first || back.Previous != unfinished.Index {
		t.Errorf("got %+v, %v", back, err)
	}
}

// TestMarkMustStillBeThereForARollback makes an empty index in the place of the
// one that was live, as a late create request would, while the swap is held.
func TestMarkMustStillBeThereForARollback(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	first := s.live(t)
	l := s.acquire(t)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy := faultproxy.New(t, s.server)
	held := proxy.On(faultproxy.Rule{Method: "POST", Path: "^/_aliases$", Body: `\.swap-`, Nth: 1, Do: faultproxy.Hold})
	rolling, err := s.client(t, transport(t, proxy.URL())).Acquire(t.Context(), holder(), 0)
	if err != nil {
		t.Fatal(err)
	}
	replaced := make(chan error, 1)
	go func() {
		<-held.Reached()
		replaced <- errors.Join(s.try(t, "DELETE", "/"+first, ""), s.try(t, "PUT", "/"+first, `{}`))
		held.Release()
	}()
	if _, err := rolling.Rollback(t.Context(), ""); !errors.Is(err, esalias.ErrNotSwapped) {
		t.Errorf("rollback: %v", err)
	}
	if err := errors.Join(<-replaced, rolling.Release(t.Context())); err != nil {
		t.Error(err)
	}
	if live := s.live(t); live != build.Index {
		t.Errorf("live %s, want %s", live, build.Index)
	}
}

// TestSwapThatTookALongWay lets a swap request arrive after its sender has given
// up, and after the next run has swapped.
func TestSwapThatTookALongWay(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	before := s.live(t)
	proxy := faultproxy.New(t, s.server)
	late := proxy.On(faultproxy.Rule{Method: "POST", Path: "^/_aliases$", Body: `\.swap-`, Nth: 1, Do: faultproxy.Late})
	c, err := esalias.New(transport(t, proxy.URL()), s.alias, esalias.Options{Lease: outcomeLease, RequestTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Acquire(t.Context(), holder(), 0)
	if err != nil {
		t.Fatal(err)
	}
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, build)
	// The first request hangs until its time is over; the second goes through.
	swapped, err := l.Swap(t.Context(), build)
	if err != nil || swapped.Previous != before {
		t.Fatalf("swap: %+v, %v", swapped, err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
	s.cleanRun(t)
	after := s.live(t)
	late.Release()
	late.AwaitDone(t)
	if live := s.live(t); live != after {
		t.Errorf("the late request moved the alias from %s to %s", after, live)
	}
	s.wantOneFence(t)
}

func TestAliasWithDots(t *testing.T) {
	t.Parallel()
	server := stacktest.Elasticsearch(t)
	s := &stage{server: server, alias: stacktest.Prefix(t) + ".v2.x", direct: transport(t, server)}
	s.cleanRun(t)
	status, err := s.client(t, s.direct).Status(t.Context())
	if err != nil || status.Live != s.alias+"-000001" || len(status.Generations) != 1 {
		t.Fatalf("status %+v, %v", status, err)
	}
	if g := status.Generations[0]; g.Documents != 1 || g.State != esalias.StateLive || g.Meta.Token != 1 || g.CreatedAt.IsZero() {
		t.Errorf("generation %+v", g)
	}
}

// TestIndexThatNoNodeMayHold: Elasticsearch makes the index and starts none of
// its shards; a load into it would wait for them until its requests time out.
func TestIndexThatNoNodeMayHold(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	c, err := esalias.New(s.direct, s.alias, esalias.Options{RequestTimeout: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Acquire(t.Context(), holder(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.create(t, l, `{"settings":{"index.routing.allocation.require._name":"nobody"}}`)
	var refused *esalias.AllocationError
	if !errors.As(err, &refused) || refused.Copy != "the primary of shard 0" || !strings.Contains(err.Error(), "filter: node does not match") || refused.Hint() == "" {
		t.Errorf("create: %v", err)
	}
	if err := errors.Join(l.Abandon(t.Context()), l.Release(t.Context())); err != nil {
		t.Error(err)
	}
	if left := s.view(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
