package stacktest

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/internal/devstack"
)

//nolint:tparallel // the subtest must have ended before its traces are looked for
func TestDatabaseIsEmptyAndGoneAfterTheTest(t *testing.T) {
	t.Parallel()
	var lost string
	t.Run("in use until the end", func(t *testing.T) {
		lost = Database(t)
		conn, err := pgx.Connect(t.Context(), lost)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) }) // runs first; the other session stays open
		if _, err := pgx.Connect(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
		var tables int
		err = conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables)
		if err != nil || tables != 0 {
			t.Errorf("fresh database has %d tables, %v; want none", tables, err)
		}
	})
	if lost == "" {
		Missing(t, "no PostgreSQL")
	}
	if conn, err := pgx.Connect(t.Context(), lost); err == nil {
		conn.Close(t.Context())
		t.Error("the database outlived its test")
	}
}

//nolint:tparallel // the subtest must have ended before its traces are looked for
func TestPrefixTakesItsIndicesAway(t *testing.T) {
	t.Parallel()
	server := Elasticsearch(t)
	var prefix string
	t.Run("with hidden, locked and read-only indices", func(t *testing.T) {
		prefix = Prefix(t)
		put(t, server, "/"+prefix+"-000001", `{"aliases":{"`+prefix+`":{}}}`)
		put(t, server, "/lock-"+prefix, `{"settings":{"index.hidden":true}}`)
		put(t, server, "/"+prefix+"-000002", `{"settings":{"index.blocks.read_only":true}}`)
	})
	body, err := call(t.Context(), http.MethodGet, server, "/_all/_settings?expand_wildcards=all&filter_path=*.settings.index.uuid", "")
	if err != nil || strings.Contains(string(body), prefix) {
		t.Errorf("indices of %s outlived their test: %v", prefix, err)
	}
}

func put(t *testing.T, server, path, body string) {
	t.Helper()
	if _, err := call(t.Context(), http.MethodPut, server, path, body); err != nil {
		t.Fatal(err)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	got := []string{words("TestA/holder paused, then_back"), words("TestAVeryLongNameThatGoesOnAndOnAndOn")}
	want := []string{"taholderpausedthenback", "taverylongnamethatgoesona"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	valid := regexp.MustCompile(`^t[a-z0-9]*-[0-9a-f]{8}x$`)
	if prefix := Prefix(t); !valid.MatchString(prefix) {
		t.Errorf("Prefix = %q, want %s", prefix, valid)
	}
}

// Every version that can be fetched starts, has contrib's extensions, and can be
// followed by a hot standby, which sees what the primary commits later.
func TestPostgresOfEachVersionAndItsStandby(t *testing.T) {
	t.Parallel()
	for _, version := range devstack.PostgresVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			primary := OwnPostgres(t, devstack.PostgresOptions{Version: version})
			var server string
			query(t, primary.URL(), "SHOW server_version", &server)
			if major, _, _ := strings.Cut(server, "."); major != version {
				t.Errorf("the server is %s, want %s", server, version)
			}
			exec(t.Context(), t, primary.URL(), `CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION intarray; CREATE EXTENSION ltree;
				CREATE TABLE seen AS SELECT 'A'::citext AS word`)
			standby := OwnPostgres(t, devstack.PostgresOptions{StandbyOf: primary})
			exec(t.Context(), t, primary.URL(), "INSERT INTO seen VALUES ('b')")

			var follows bool
			for words := 0; words < 2; { // the test's own limit ends it
				query(t, standby.URL(), "SELECT count(*), pg_is_in_recovery() FROM seen", &words, &follows)
			}
			if !follows {
				t.Error("the standby is a server of its own")
			}
		})
	}
}

func query(t *testing.T, database, statement string, values ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), statement).Scan(values...); err != nil {
		t.Fatal(err)
	}
}
