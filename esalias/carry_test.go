package esalias_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/faultproxy"
)

// tenant maps what the filters of these tests ask for.
const tenant = `{"settings":{"number_of_shards":1},"mappings":{"properties":{"tenant":{"type":"keyword"},"personId":{"type":"long"}}}}`

// special is an alias with every property there is, and with values that a
// careless copy would change: characters that HTML escapes, a number beyond
// 2^53, several routings.
const special = `"filter":{"bool":{"should":[{"term":{"tenant":"a<b>&\"c\""}},{"term":{"personId":9007199254740993}},{"match_all":{}}]}},
	"index_routing":"r1","search_routing":"r1,r2","is_hidden":true`

// set makes the live alias what properties say.
func (s *stage) set(t *testing.T, index, properties string) {
	t.Helper()
	s.send(t, "POST", "/_aliases", `{"actions":[{"add":{"index":"`+index+`","alias":"ALIAS","is_write_index":true,`+properties+`}}]}`)
}

// properties are those of the alias on index, but for is_write_index.
func (s *stage) properties(t *testing.T, index string) map[string]any {
	t.Helper()
	var answer map[string]struct {
		Aliases map[string]map[string]json.RawMessage `json:"aliases"`
	}
	if err := es.Do(t.Context(), s.direct, "GET", "/"+index+"/_alias/"+s.alias, nil, &answer); err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	for name, value := range answer[index].Aliases[s.alias] {
		if name == "is_write_index" {
			continue
		}
		decoder := json.NewDecoder(strings.NewReader(string(value)))
		decoder.UseNumber() // every digit
		var decoded any
		if err := decoder.Decode(&decoded); err != nil {
			t.Fatal(err)
		}
		found[name] = decoded
	}
	return found
}

func (s *stage) swapOnce(t *testing.T, body string) (esalias.Swapped, error) {
	t.Helper()
	l := s.acquire(t)
	build, err := s.create(t, l, body)
	if err != nil {
		return esalias.Swapped{}, err
	}
	s.put(t, build)
	swapped, err := l.Swap(t.Context(), build)
	return swapped, errors.Join(err, l.Release(t.Context()))
}

func TestAliasIsCarriedOverAsItIs(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(t *testing.T, s *stage) (index, warning string){
		"by a swap": func(t *testing.T, s *stage) (string, string) {
			t.Helper()
			swapped, err := s.swapOnce(t, tenant)
			if err != nil {
				t.Fatal(err)
			}
			if swapped.Carried.IndexRouting != "r1" || !swapped.Carried.Hidden {
				t.Errorf("carried %+v", swapped.Carried)
			}
			return swapped.Index, swapped.Warning
		},
		"by a rollback": func(t *testing.T, s *stage) (string, string) {
			t.Helper()
			l := s.acquire(t)
			swapped, err := l.Rollback(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			return swapped.Index, swapped.Warning
		},
		"by deletions, which put it back": func(t *testing.T, s *stage) (string, string) {
			t.Helper()
			retired, err := s.acquire(t).Retire(t.Context(), 0, false)
			if err != nil || len(retired.Deleted) != 1 {
				t.Fatalf("retired %+v, %v", retired, err)
			}
			return s.live(t), retired.Warning
		},
		"when an index of somebody else's making is taken over": func(t *testing.T, s *stage) (string, string) {
			t.Helper()
			s.send(t, "PUT", "/ALIAS-old", tenant)
			s.send(t, "POST", "/_aliases", `{"actions":[{"remove":{"index":"`+s.live(t)+`","alias":"ALIAS"}},{"add":{"index":"ALIAS-old","alias":"ALIAS",`+special+`}}]}`)
			swapped, err := s.swapOnce(t, tenant)
			if err != nil || swapped.Previous != s.alias+"-old" {
				t.Fatalf("swapped %+v, %v", swapped, err)
			}
			return swapped.Index, swapped.Warning
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyStage(t)
			for range 2 {
				if _, err := s.swapOnce(t, tenant); err != nil {
					t.Fatal(err)
				}
			}
			before := s.live(t)
			s.set(t, before, special)
			want := s.properties(t, before)
			if len(want) != 4 {
				t.Fatalf("Elasticsearch shows %v of the alias", want)
			}
			index, warning := move(t, s)
			if diff := cmp.Diff(want, s.properties(t, index)); diff != "" {
				t.Errorf("the alias has changed (-before +after):\n%s", diff)
			}
			if warning != "" {
				t.Errorf("nobody changed the alias, and yet: %s", warning)
			}
			status, err := s.client(t, s.direct).Status(t.Context())
			if err != nil || status.Live != index || status.Properties.SearchRouting != "r1,r2" || status.Properties.String() == "" {
				t.Errorf("status %+v, %v", status, err)
			}
		})
	}
}

func TestAliasThatCannotBeCarriedOverIsForAPerson(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ properties, body, text string }{
		"a routing beside more than one shard": {
			`"index_routing":"a"`, `{"settings":{"number_of_shards":2}}`, "has 2 shards: readers would miss",
		},
		"a filter that the new mapping cannot take": {
			`"filter":{"nested":{"path":"jobs","query":{"match_all":{}}}}`, `{"mappings":{"properties":{"jobs":{"type":"object"}}}}`, "cannot take the filter",
		},
		"a filter by which readers would see nothing": {
			`"filter":{"term":{"tenant":"a"}}`, `{"mappings":{"dynamic":false,"properties":{"other":{"type":"keyword"}}}}`, "readers would see nothing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyStage(t)
			if _, err := s.swapOnce(t, `{"mappings":{"properties":{"tenant":{"type":"keyword"},"jobs":{"type":"nested"}}}}`); err != nil {
				t.Fatal(err)
			}
			before := s.live(t)
			s.send(t, "PUT", "/"+before+"/_doc/9?refresh=true", `{"personId":9,"tenant":"a","jobs":[]}`)
			s.set(t, before, test.properties)
			want := s.properties(t, before)
			_, err := s.swapOnce(t, test.body)
			wantShape(t, err, test.text)
			if live := s.live(t); live != before {
				t.Errorf("live %s, want %s", live, before)
			}
			if diff := cmp.Diff(want, s.properties(t, before)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a filter that came after the index was made", func(t *testing.T) {
		t.Parallel()
		s := emptyStage(t)
		if _, err := s.swapOnce(t, `{"mappings":{"properties":{"jobs":{"type":"nested"}}}}`); err != nil {
			t.Fatal(err)
		}
		before := s.live(t)
		l := s.acquire(t)
		build, err := s.create(t, l, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		s.set(t, before, `"filter":{"nested":{"path":"jobs","query":{"match_all":{}}}}`)
		_, err = l.Swap(t.Context(), build)
		wantShape(t, err, "cannot take the filter")
		if !errors.Is(err, esalias.ErrNotSwapped) || s.live(t) != before {
			t.Errorf("no promise in %v, or a broken one", err)
		}
	})
}

// TestEditInTheMomentOfARequestIsReported changes the alias while the request
// that replaces it is on its way. It cannot be saved; it must not be silent.
func TestEditInTheMomentOfARequestIsReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string // of the request that is held
		act  func(ctx context.Context, t *testing.T, s *stage, l *esalias.Lease) (warning string)
	}{
		"a swap": {`\.swap-`, func(ctx context.Context, t *testing.T, s *stage, l *esalias.Lease) string {
			t.Helper()
			build, err := s.create(t, l, tenant)
			if err != nil {
				t.Fatal(err)
			}
			s.put(t, build)
			swapped, err := l.Swap(ctx, build)
			if err != nil || swapped.Index != build.Index {
				t.Fatalf("%+v, %v", swapped, err)
			}
			return swapped.Warning
		}},
		"a deletion": {`remove_index`, func(ctx context.Context, t *testing.T, _ *stage, l *esalias.Lease) string {
			t.Helper()
			retired, err := l.Retire(ctx, 0, false)
			if err != nil || len(retired.Deleted) != 1 {
				t.Fatalf("%+v, %v", retired, err)
			}
			return retired.Warning
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyStage(t)
			for range 2 {
				if _, err := s.swapOnce(t, tenant); err != nil {
					t.Fatal(err)
				}
			}
			before := s.live(t)
			l, proxy := s.behind(t)
			held := proxy.On(faultproxy.Rule{Method: "POST", Path: "^/_aliases$", Body: test.body, Nth: 1, Do: faultproxy.Hold})
			edited := make(chan error, 1)
			go func() { // ends when the request was reached or the proxy is closed
				<-held.Reached()
				edited <- s.try(t, "POST", "/_aliases", `{"actions":[{"add":{"index":"`+before+`","alias":"ALIAS","is_write_index":true,"filter":{"term":{"tenant":"b"}}}}]}`)
				held.Release()
			}()
			warning := test.act(t.Context(), t, s, l)
			if err := <-edited; err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(warning, "somebody changed the aliases of "+before) {
				t.Errorf("warning %q", warning)
			}
		})
	}
}

func TestIndexThatCarriesAnotherAliasIsKept(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	first := s.live(t)
	second := s.swapped(t)
	third := s.swapped(t)
	s.send(t, "PUT", "/"+first+"/_alias/ALIAS-people", "")
	s.send(t, "PUT", "/"+first+"/_alias/ALIAS.swap-x", "") // looks like a mark, and is none
	const why = "aliases ALIAS-people, ALIAS.swap-x are on it"
	reason := strings.ReplaceAll(why, "ALIAS", s.alias)

	status, err := s.client(t, s.direct).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range status.Generations {
		if got := g.Kept(); strings.Contains(got, reason) != (g.Index == first) {
			t.Errorf("status keeps %s because %q", g.Index, got)
		}
	}
	if _, left := status.Retires(0); !strings.Contains(left[first], reason) {
		t.Errorf("a run would leave %v", left)
	}

	l, proxy := s.behind(t)
	dry, err := l.Retire(t.Context(), 0, true)
	if err != nil || !slices.Equal(dry.Deleted, []string{second}) || !strings.Contains(dry.Left[first], reason) {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
	// Somebody begins to use the second one after the run has looked at it.
	held := proxy.On(faultproxy.Rule{Method: "GET", Path: "^/" + second + "/_stats", Nth: 1, Do: faultproxy.Hold})
	added := make(chan error, 1)
	go func() { // ends when the request was reached or the proxy is closed
		<-held.Reached()
		added <- s.try(t, "PUT", "/"+second+"/_alias/ALIAS-late", "")
		held.Release()
	}()
	retired, err := l.Retire(t.Context(), 0, false)
	if err != nil || len(retired.Deleted) != 0 || len(retired.Left) != 2 {
		t.Errorf("retired %+v, %v", retired, err)
	}
	if err := errors.Join(<-added, l.Release(t.Context())); err != nil {
		t.Error(err)
	}
	if got, want := slices.Sorted(maps.Keys(s.view(t))), []string{first, second, third}; !slices.Equal(got, want) {
		t.Errorf("indices %v, want %v", got, want)
	}
}

// TestRolloverOfTheAliasNamesTheIndexThatIsOurs: a rollover leaves the alias on
// both indices and makes the new one, which is empty, the write index.
func TestRolloverOfTheAliasNamesTheIndexThatIsOurs(t *testing.T) {
	t.Parallel()
	s := newStage(t, stacktest.Elasticsearch(t))
	ours := s.live(t)
	s.send(t, "POST", "/ALIAS/_rollover", "")
	rolled := s.alias + "-000002"
	status, err := s.client(t, s.direct).Status(t.Context())
	if err != nil || status.Shape == nil {
		t.Fatalf("status %+v, %v", status, err)
	}
	if hint := status.Shape.Hint(); !strings.HasPrefix(hint, ours+" is the one that the last swap") {
		t.Errorf("hint %q does not name %s", hint, ours)
	}
	for _, g := range status.Generations {
		if g.State != esalias.StateLive {
			t.Errorf("%s carries the alias and is called %s", g.Index, g.State)
		}
	}
	s.send(t, "POST", "/_aliases", `{"actions":[{"remove":{"index":"`+rolled+`","alias":"ALIAS","must_exist":true}}]}`)
	swapped, err := s.swapOnce(t, `{}`)
	if err != nil || swapped.Previous != ours {
		t.Errorf("the next run: %+v, %v", swapped, err)
	}
}
