package esalias_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/faultproxy"
)

// A node that has fallen behind answers from an older cluster state. These
// tests show a run such an old view, and prove that the requests that follow
// from it are refused by what they are conditional on.

// lookRule answers every look at all indices of the alias with an old view.
func (s *stage) lookRule(t *testing.T, view any) faultproxy.Rule {
	t.Helper()
	answer, err := json.Marshal(view)
	if err != nil {
		t.Fatal(err)
	}
	return faultproxy.Rule{Method: "GET", Path: "^/" + s.alias + "," + s.alias + "-", Do: faultproxy.Fail, Status: 200, Answer: string(answer)}
}

type indexView struct {
	Aliases map[string]any `json:"aliases"`
}

// view is what a look at all indices of the alias answers now.
func (s *stage) view(t *testing.T) map[string]indexView {
	t.Helper()
	var now map[string]indexView
	if err := es.Do(t.Context(), s.direct, "GET", "/"+s.alias+"-*/_alias", nil, &now); err != nil {
		t.Fatal(err)
	}
	return now
}

// behind acquires the lease through a proxy that can show old views.
func (s *stage) behind(t *testing.T) (*esalias.Lease, *faultproxy.Proxy) {
	t.Helper()
	proxy := faultproxy.New(t, s.server)
	l, err := s.client(t, transport(t, proxy.URL())).Acquire(t.Context(), holder(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release(context.Background()) })
	return l, proxy
}

// swapped is a run that keeps the index before it, and returns its own.
func (s *stage) swapped(t *testing.T) string {
	t.Helper()
	l := s.acquire(t)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, build)
	if _, err := l.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return build.Index
}

func TestSwapThatOverlooksTheLiveIndexIsRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	before := s.live(t)
	l, proxy := s.behind(t)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, build)
	proxy.On(s.lookRule(t, map[string]indexView{})) // as before the first swap ever
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, esalias.ErrNotSwapped) {
		t.Errorf("swap: %v", err)
	}
	if live := s.live(t); live != before {
		t.Errorf("live %s, want %s", live, before)
	}
	s.wantOneFence(t)
}

func TestSwapFromAnIndexThatIsNotLiveAnyMoreIsRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	old := s.view(t)
	first := s.swapped(t)
	l, proxy := s.behind(t)
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	proxy.On(s.lookRule(t, old))
	if _, err := l.Swap(t.Context(), build); !errors.Is(err, esalias.ErrNotSwapped) {
		t.Errorf("swap: %v", err)
	}
	if live := s.live(t); live != first {
		t.Errorf("live %s, want %s", live, first)
	}
}

// TestRetireWithAnOldViewSparesTheLiveIndex shows a prune the time before the
// last swap: the index that is live now looks like one that is not needed.
func TestRetireWithAnOldViewSparesTheLiveIndex(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	first := s.live(t)
	second := s.swapped(t)
	old := s.view(t)
	delete(old[second].Aliases, s.alias)
	old[first].Aliases[s.alias] = map[string]any{}
	l, proxy := s.behind(t)
	proxy.On(s.lookRule(t, old))
	if retired, err := l.Retire(t.Context(), 0, false); err == nil || slices.Contains(retired.Deleted, second) {
		t.Errorf("retired %+v, %v", retired, err)
	}
	if live := s.live(t); live != second {
		t.Errorf("live %q, want %s", live, second)
	}
}

// TestCreateRequestIsSentOnce: a second one, arriving late, could make an empty
// index under the name of one that has been deleted since.
func TestCreateRequestIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	l, proxy := s.behind(t)
	proxy.On(faultproxy.Rule{Method: "PUT", Path: "^/" + s.alias + `-\d+\?timeout=`, Nth: 1, Do: faultproxy.Refuse})
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]int{}
	for _, r := range proxy.Requests() {
		if r.Method == http.MethodPut && strings.HasPrefix(r.Path, "/"+s.alias+"-") {
			path, _, _ := strings.Cut(r.Path, "?")
			sent[path]++
		}
	}
	if len(sent) != 2 || sent["/"+build.Index] != 1 {
		t.Errorf("sent %v; want each once, and the second answered", sent)
	}
}

// TestCreateThatIsNotAcknowledgedIsNotTrusted: the index is there or will be,
// but not every node knows; whether readers of all nodes see it is open.
func TestCreateThatIsNotAcknowledgedIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	l, proxy := s.behind(t)
	late := proxy.On(faultproxy.Rule{
		Method: "PUT", Path: "^/" + s.alias + `-\d+\?timeout=`, Nth: 1,
		Do: faultproxy.Fail, Status: 200, Answer: `{"acknowledged":false,"shards_acknowledged":false}`,
	})
	given := l.Token()
	build, err := s.create(t, l, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	late.Await(t)
	if l.Token() != given+1 || !strings.HasSuffix(build.Index, fmt.Sprintf("-%06d", given+1)) {
		t.Errorf("built %s with token %d, want the token after %d", build.Index, l.Token(), given)
	}
}

// TestRollbackThatOverlooksTheLiveIndexKeepsTheAlias shows a rollback the time
// after somebody took the alias off, when it is back on the very index that the
// rollback chooses. Elasticsearch would add it there once more, as a plain one.
func TestRollbackThatOverlooksTheLiveIndexKeepsTheAlias(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	live := s.live(t)
	s.set(t, live, `"filter":{"match_all":{}}`)
	want := s.properties(t, live)
	old := s.view(t)
	delete(old[live].Aliases, s.alias)
	l, proxy := s.behind(t)
	proxy.On(s.lookRule(t, old))
	_, err := l.Rollback(t.Context(), "")
	wantShape(t, err, "the alias is on no index")
	if diff := cmp.Diff(want, s.properties(t, live)); diff != "" {
		t.Errorf("the alias has changed (-before +after):\n%s", diff)
	}
}
