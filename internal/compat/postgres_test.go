package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
)

// TestPostgresVersions: the life of an alias, and every test of the packages that
// speak SQL, on each PostgreSQL that is supported but the one that all other tests use.
//
//nolint:paralleltest,tparallel // one after the other: the tests of the source take both cores
func TestPostgresVersions(t *testing.T) {
	t.Parallel()
	elasticsearch := stacktest.Elasticsearch(t)
	packages := []string{"source", "changes"}
	folder := t.TempDir()
	for _, name := range packages {
		if text, err := exec.Command("go", "test", "-c", "-o", filepath.Join(folder, name), "../"+name).CombinedOutput(); err != nil {
			t.Fatalf("go test -c ../%s: %v\n%s", name, err, text)
		}
	}
	var used string // by all other tests
	if err := connect(t, stacktest.Database(t)).QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000 || ''").Scan(&used); err != nil {
		t.Fatal(err)
	}
	versions := slices.DeleteFunc(devstack.PostgresVersions(), func(v string) bool { return v == used })
	for i, version := range versions {
		t.Run(version, func(t *testing.T) {
			server := stacktest.OwnPostgres(t, devstack.PostgresOptions{Version: version})
			lifeOnPostgres(t, elasticsearch, server.URL())

			for _, name := range packages {
				// All of them on the oldest and the newest version; between those, what differed
				// from version to version: locks, limits, catalogs and plans. The controls of the
				// fuzz say nothing about a version.
				which := "."
				if 0 < i && i < len(versions)-1 {
					which = "^Test(Changes|Inspect|Keys|SnapshotNotices|SnapshotWaits|StreamByID|TransactionTimeout|Traps)"
				}
				cmd := exec.Command(filepath.Join(folder, name), "-test.count=1", "-test.timeout=10m", "-test.run="+which, "-test.skip=^TestFuzzNoticesMutants$")
				cmd.Dir = filepath.Join("..", name)
				cmd.Env = append(os.Environ(), stacktest.DatabaseEnv+"="+server.URL(), stacktest.RequiredEnv+"=1")
				if text, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("the tests of internal/%s: %v\n%s", name, err, text)
				}
			}
		})
	}
}

func lifeOnPostgres(t *testing.T, elasticsearch, database string) {
	t.Helper()
	fill(t, database, 50)
	s := newSite(t, map[string]string{
		"ELASTICSEARCH_URL": elasticsearch, "DATABASE_URL": database, "REINDEX_ALIAS": stacktest.Prefix(t) + "-x",
	})
	s.succeed(t, "check")
	s.succeed(t, "run")
	s.succeed(t, "verify")

	sql(t, database, "DELETE FROM contact_details WHERE person_id = (SELECT max(person_id) FROM contact_details)")
	s.fail(t, 4, []string{"1 extra"}, "verify")
	s.succeed(t, "verify", "--repair")
	s.succeed(t, "verify")
	s.succeed(t, "run")
	s.succeed(t, "verify")
}
