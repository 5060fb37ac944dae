package compat

import (
	"net/http"
	"testing"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/faultproxy"
	"example.com/reindex/internal/redact/sweep"
)

// The life of an alias on the oldest and the newest supported Elasticsearch;
// all other tests use one in between.
//
//nolint:paralleltest,tparallel // one after the other: each wants a core and 512 MB for itself
func TestVersions(t *testing.T) {
	t.Parallel()
	db := stacktest.Database(t)
	fill(t, db, 50)
	for _, version := range []string{devstack.Version8x, devstack.Version9} {
		t.Run(version, func(t *testing.T) {
			server := stacktest.OwnElasticsearch(t, devstack.ElasticsearchOptions{Version: version})
			lifeOnVersion(t, server.URL(), db)
			// Version 9.2 leaves vectors out of _source by itself.
			lastEditsOnVersion(t, server.URL(), map[string]string{"vectors": plainSource, "excludes": excludedSource})
			sweep.Elasticsearch(t, server.URL(), "sweep") // no value of a refused document is passed on
		})
	}
}

func lifeOnVersion(t *testing.T, url, db string) {
	t.Helper()
	proxy := faultproxy.New(t, url)
	s := newSite(t, map[string]string{"ELASTICSEARCH_URL": proxy.URL(), "DATABASE_URL": db})
	s.succeed(t, "check", "--try-index") // 8.11 cannot simulate an ingestion with a mapping
	s.succeed(t, "run")
	first := s.live(t)

	// The second run is held in its load, until a third has found it alive.
	held := proxy.On(faultproxy.Rule{Method: http.MethodPost, Path: "/_bulk", Do: faultproxy.Hold})
	second := s.start(t, "run")
	held.Await(t)
	s.fail(t, 11, []string{"alias persons is locked by another run", "pid"}, "run")
	held.Release()
	if r := second.end(t); r.code != 0 {
		t.Fatalf("the run that held the lock: %s", r)
	}
	if live := s.live(t); live == first {
		t.Errorf("%s is live after a second run", live)
	}

	s.succeed(t, "rollback")
	if live := s.live(t); live != first {
		t.Errorf("%s is live after the rollback, want %s", live, first)
	}
	s.succeed(t, "verify")
	if pruned := s.succeed(t, "prune", "--keep", "0", "--json").summary(t); len(list(pruned["deleted"])) != 1 {
		t.Errorf("prune deleted %v, want the index that was rolled back from", pruned["deleted"])
	}
	s.succeed(t, "unlock")
}

// list is a value of a JSON message, empty if it is none.
func list(v any) []any {
	items, _ := v.([]any)
	return items
}
