package stacktest

import (
	"errors"
	"testing"

	"example.com/reindex/internal/devstack"
)

// OwnElasticsearch starts a node or a cluster for this test alone, for tests
// that kill, pause or restart nodes, or that need security or another version.
// It is closed when the test ends. The test is skipped where [Elasticsearch]
// would skip it, so that a plain `go test` starts no servers; and where this
// machine lacks a program, such as a Java for another version.
func OwnElasticsearch(tb testing.TB, opts devstack.ElasticsearchOptions) *devstack.Elasticsearch {
	tb.Helper()
	Elasticsearch(tb)
	es, err := devstack.StartElasticsearch(tb.Context(), opts)
	if err != nil {
		notStarted(tb, err)
	}
	tb.Cleanup(func() {
		if err := es.Close(); err != nil {
			tb.Errorf("close elasticsearch: %v", err)
		}
	})
	return es
}

// OwnPostgres starts a PostgreSQL server for this test alone, for tests that stop
// or kill it, and for those of another version or of a hot standby:
//
//	server := stacktest.OwnPostgres(t, devstack.PostgresOptions{Version: "17"})
//	standby := stacktest.OwnPostgres(t, devstack.PostgresOptions{StandbyOf: server})
//
// The extensions of contrib are there in every version: citext, hstore, intarray,
// ltree, pg_trgm and others. The rest is as with [OwnElasticsearch].
func OwnPostgres(tb testing.TB, opts devstack.PostgresOptions) *devstack.Postgres {
	tb.Helper()
	fromEnv(tb, DatabaseEnv, "PostgreSQL")
	pg, err := devstack.StartPostgres(tb.Context(), opts)
	if err != nil {
		notStarted(tb, err)
	}
	tb.Cleanup(func() {
		if err := pg.Close(); err != nil {
			tb.Errorf("close PostgreSQL: %v", err)
		}
	})
	return pg
}

func notStarted(tb testing.TB, err error) {
	tb.Helper()
	if lacking := (*devstack.MissingError)(nil); errors.As(err, &lacking) {
		Missing(tb, err.Error())
	}
	tb.Fatal(err)
}
