package history

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/es"
)

func TestMain(m *testing.M) {
	// Idle connections of the HTTP clients end with the process.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func transport(t *testing.T) esapi.Transport {
	t.Helper()
	tr, err := es.New(es.Config{Addresses: []string{stacktest.Elasticsearch(t)}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// newStore returns a history that is not there yet.
func newStore(t *testing.T) *Store {
	t.Helper()
	return New(transport(t), stacktest.Prefix(t)+"x") // an alias may not end in digits
}

func who(runID string) esalias.Holder {
	return esalias.Holder{Host: "green", PID: 7, RunID: runID, Trigger: "scheduled", User: "tis", Version: "1.2.3"}
}

// second is a time that is seconds after a fixed one.
func second(seconds int) time.Time {
	return time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
}

func put(t *testing.T, s *Store, r Record, version int64) {
	t.Helper()
	if err := s.Put(t.Context(), r, version, true); err != nil {
		t.Fatal(err)
	}
}

func ids(t *testing.T, s *Store) []string {
	t.Helper()
	records, err := s.List(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, r := range records {
		list = append(list, r.RunID)
	}
	return list
}

func TestHistoryThatIsNotThereIsEmpty(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if got := ids(t, s); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if _, found, err := s.Get(t.Context(), "runaaaaa"); found || err != nil {
		t.Errorf("found %t, %v", found, err)
	}
	if n, err := s.Trim(t.Context(), 1); n != 0 || err != nil {
		t.Errorf("trimmed %d, %v", n, err)
	}
	// Reading and trimming must not have made an index.
	err := es.Do(t.Context(), s.es, http.MethodGet, "/"+s.index(), nil, nil)
	if !es.IsStatus(err, http.StatusNotFound) {
		t.Errorf("got %v, want no index", err)
	}
}

func TestRecordsComeBackNewestFirst(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	want := start("persons", who("runbbbbb"), CommandRun, second(1))
	want.Updated = second(2)
	put(t, s, want, 1)
	put(t, s, start("persons", who("runccccc"), CommandRun, second(2)), 1)
	put(t, s, start("persons", who("runaaaaa"), CommandRun, second(0)), 1)
	if diff := cmp.Diff([]string{"runccccc", "runbbbbb", "runaaaaa"}, ids(t, s)); diff != "" {
		t.Error(diff)
	}
	got, found, err := s.Get(t.Context(), "runbbbbb")
	if err != nil || !found {
		t.Fatalf("found %t, %v", found, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestIndexIsHiddenAndMapped(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	put(t, s, start("persons", who("runaaaaa"), CommandRun, second(0)), 1)
	var answer map[string]struct {
		Mappings struct {
			Dynamic    string `json:"dynamic"`
			Properties map[string]struct {
				Type string `json:"type"`
			} `json:"properties"`
		} `json:"mappings"`
		Settings struct {
			Index struct {
				Hidden     string `json:"hidden"`
				Shards     string `json:"number_of_shards"`
				AutoExpand string `json:"auto_expand_replicas"`
			} `json:"index"`
		} `json:"settings"`
	}
	if err := es.Do(t.Context(), s.es, http.MethodGet, "/"+s.index(), nil, &answer); err != nil {
		t.Fatal(err)
	}
	index := answer[s.index()]
	if i := index.Settings.Index; i.Hidden != "true" || i.Shards != "1" || i.AutoExpand != "0-1" {
		t.Errorf("settings %+v", i)
	}
	if m := index.Mappings; m.Dynamic != "false" || m.Properties["run_id"].Type != "keyword" || m.Properties["started"].Type != "date" {
		t.Errorf("mappings %+v", m)
	}
}

func TestLateWriteDoesNotUndoALaterOne(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	r := start("persons", who("runaaaaa"), CommandRun, second(0))
	r.Outcome = "swapped"
	put(t, s, r, 2)
	r.Outcome = Running
	put(t, s, r, 1)
	got, _, err := s.Get(t.Context(), "runaaaaa")
	if err != nil || got.Outcome != "swapped" {
		t.Errorf("outcome %s, %v", got.Outcome, err)
	}
}

func TestWriteWithoutAnAnswerIsSentOnceMore(t *testing.T) {
	t.Parallel()
	const away = 0
	for _, test := range []struct {
		name     string
		statuses []int
		written  bool
	}{
		{"the first was not applied", []int{away, http.StatusCreated}, true},
		{"the first was applied", []int{away, http.StatusConflict}, true},
		{"nobody is there", []int{away, away}, false},
		{"refused", []int{http.StatusBadRequest}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sent := 0
			s := New(transportFunc(func(*http.Request) (*http.Response, error) {
				sent++
				status := test.statuses[sent-1]
				if status == away {
					return nil, io.EOF
				}
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("{}"))}, nil
			}), "persons")
			err := s.Put(t.Context(), start("persons", who("runaaaaa"), CommandRun, second(0)), 1, false)
			if (err == nil) != test.written || sent != len(test.statuses) {
				t.Errorf("sent %d times, %v", sent, err)
			}
		})
	}
}

func TestManyRunsMakeOneHistory(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := s.Put(context.Background(), start("persons", who("runaaaa"+string(rune('a'+i))), CommandRun, second(i)), 1, true); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := ids(t, s); len(got) != 8 {
		t.Errorf("got %q, want 8", got)
	}
}

func TestTrimDeletesTheOldest(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	want := []string{}
	for i := range 7 {
		id := "runaaaa" + string(rune('a'+i))
		put(t, s, start("persons", who(id), CommandRun, second(i)), 1)
		want = append(want, id)
	}
	if n, err := s.Trim(t.Context(), 7); n != 0 || err != nil {
		t.Errorf("trimmed %d, %v; want nothing to do", n, err)
	}
	if n, err := s.Trim(t.Context(), 3); n != 4 || err != nil {
		t.Errorf("trimmed %d, %v; want 4", n, err)
	}
	if err := es.Do(t.Context(), s.es, http.MethodPost, "/"+s.index()+"/_refresh", nil, nil); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(want)
	if diff := cmp.Diff(want[:3], ids(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestDeletionsMakeNoIndex(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	_ = s.remove(t.Context(), []hit{{ID: "runaaaaa"}}) // whatever it says
	err := es.Do(t.Context(), s.es, http.MethodGet, "/"+s.index()+","+s.writer()+"?ignore_unavailable=true&allow_no_indices=false", nil, nil)
	if !es.IsStatus(err, http.StatusNotFound) {
		t.Errorf("got %v, want no index", err)
	}
}
