package esalias_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/faultproxy"
)

const oldWayPersons = 50

// TestOldWayDoublesEveryPerson is the control of this package's tests: it does
// what the replaced job did in the night of the incident, and finds every person
// twice. If it ever fails, the other tests look for duplicates in a way that
// finds none.
//
// The job deleted the index that readers search, created it again and loaded it
// with generated ids. It started at 01:29 on one server and at 01:33 on the
// other, while the first one was still waiting for its first page of rows.
func TestOldWayDoublesEveryPerson(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	s.send(t, "PUT", "/ALIAS", `{}`)
	for _, server := range []string{"green, 01:29", "blue, 01:33"} {
		t.Log(server)
		s.send(t, "DELETE", "/ALIAS", "")
		s.send(t, "PUT", "/ALIAS", `{}`)
	}
	for range 2 { // both get their rows, and write them to the index as it is by now
		s.load(t, "/ALIAS/_bulk?refresh=true", func(int) string { return `{"index":{}}` })
	}
	if persons, twice := s.persons(t); persons != oldWayPersons || twice != oldWayPersons {
		t.Errorf("%d persons, %d of them twice; want %d, all twice", persons, twice, oldWayPersons)
	}
}

// TestSameNightHasNoDuplicates is the same timetable with leases.
func TestSameNightHasNoDuplicates(t *testing.T) {
	t.Parallel()
	s := emptyStage(t)
	s.lease = 30 * time.Second
	green := s.acquire(t) // 01:29
	build, err := s.create(t, green, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	green.Report("loading", 0, oldWayPersons) // renews, and so is seen alive
	proxy := faultproxy.New(t, s.server)
	met := proxy.On(faultproxy.Rule{Method: "GET", Path: "/_doc/lock$", Nth: 1, Do: faultproxy.Delay})
	second := s.client(t, transport(t, proxy.URL()))
	blue := make(chan error, 1)
	go func() { // 01:33
		_, err := second.Acquire(t.Context(), holder(), 0)
		blue <- err
	}()
	met.AwaitDone(t)
	s.load(t, "/"+build.Writer+"/_bulk?require_alias=true", func(id int) string { return fmt.Sprintf(`{"index":{"_id":"%d"}}`, id) })
	if _, err := build.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	green.Report("verified", oldWayPersons, oldWayPersons)
	if _, err := green.Swap(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if err := green.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	var held *esalias.HeldError
	if err := <-blue; !errors.As(err, &held) {
		t.Errorf("the second server got %v, want a HeldError", err)
	}
	if persons, twice := s.persons(t); persons != oldWayPersons || twice != 0 {
		t.Errorf("%d persons, %d of them twice; want %d, none twice", persons, twice, oldWayPersons)
	}
}

func (s *stage) load(t *testing.T, path string, action func(id int) string) {
	t.Helper()
	var body strings.Builder
	for id := 1; id <= oldWayPersons; id++ {
		fmt.Fprintf(&body, "%s\n{\"personId\":%d}\n", action(id), id)
	}
	s.send(t, "POST", path, body.String())
}

// persons counts, through the name that readers use, the persons and those that
// a search shows more than once.
func (s *stage) persons(t *testing.T) (persons, twice int) {
	t.Helper()
	var answer struct {
		Aggregations struct {
			Persons struct {
				Buckets []struct {
					Key   json.Number `json:"key"`
					Count int         `json:"doc_count"`
				} `json:"buckets"`
			} `json:"persons"`
		} `json:"aggregations"`
	}
	const query = `{"size":0,"aggs":{"persons":{"terms":{"field":"personId","size":1000}}}}`
	if err := es.Do(t.Context(), s.direct, "POST", "/"+s.alias+"/_search", []byte(query), &answer); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range answer.Aggregations.Persons.Buckets {
		persons++
		if bucket.Count > 1 {
			twice++
		}
	}
	return persons, twice
}
