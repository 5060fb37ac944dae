package source

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
)

// benchDatabaseEnv names a database that holds the persons of examples/persons
// already, to measure at full size:
//
//	REINDEX_BENCH_SOURCE_URL=... go test -bench Stream -benchtime 5x ./internal/source
const benchDatabaseEnv = "REINDEX_BENCH_SOURCE_URL"

func personsConfig(tb testing.TB) Config {
	tb.Helper()
	url := os.Getenv(benchDatabaseEnv)
	if url == "" {
		url = stacktest.Database(tb)
		execSQL(tb, url, personsFile(tb, "schema.sql"), personsFile(tb, "seed.sql"), "SELECT seed_persons(5000)", "VACUUM ANALYZE")
	}
	read := func(name string) Query { return Query{Name: name, SQL: personsFile(tb, name)} }
	return Config{
		URL: url, ID: "personId", Document: read("persons.sql"), Version: "rev",
		Lookups:  []Query{read("programme_owners.sql"), read("post_owners.sql")},
		Coalesce: []string{"currentOwner"}, Omit: []string{"programmeId", "postId"},
		Lists: []List{
			{Field: "programmeMemberships", Query: read("programme_memberships.sql"), Lookups: []Query{read("programmes.sql")}},
			{Field: "trusts", Query: read("trusts.sql"), Lookups: []Query{read("posts.sql")}, Distinct: true, Unpivot: "trustId"},
		},
	}
}

func personsFile(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "persons", name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// cpu returns the processor time of this process. On a machine that others use
// too it says more than the clock does.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStream reads all persons in one stream: rows to finished JSON.
func BenchmarkStream(b *testing.B) {
	src, err := Open(b.Context(), personsConfig(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var documents, bytes int64
	start := cpu(b)
	for b.Loop() {
		snap, err := src.Snapshot(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		stats, err := snap.Stream(b.Context(), func(document.Document) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		if err := snap.Close(); err != nil {
			b.Fatal(err)
		}
		documents += stats.Documents
		bytes += stats.Bytes
	}
	b.ReportMetric(float64(documents)/b.Elapsed().Seconds(), "docs/s")
	b.ReportMetric(float64((cpu(b)-start).Nanoseconds())/float64(documents), "cpu-ns/doc")
	b.ReportMetric(float64(bytes)/float64(documents), "B/doc")
}

// BenchmarkWire reads rows and throws them away: the driver's share, by format.
func BenchmarkWire(b *testing.B) {
	const rows = 200_000
	const sql = "SELECT i, i * 7, 'Programme ' || i, now() FROM generate_series(1, 200000) i"
	conn, err := connectWriter(stacktest.Database(b))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	query := func(format int16) error {
		result := conn.ExecParams(b.Context(), sql, nil, nil, nil, []int16{format})
		for result.NextRow() {
			_ = result.Values()
		}
		_, err := result.Close()
		return err
	}
	for name, read := range map[string]func() error{
		"text":   func() error { return query(0) },
		"binary": func() error { return query(1) },
		"copy binary": func() error {
			_, err := conn.CopyTo(b.Context(), io.Discard, "COPY ("+sql+") TO STDOUT (FORMAT binary)")
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			start := cpu(b)
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-start).Nanoseconds())/float64(b.N)/rows, "cpu-ns/row")
		})
	}
}
