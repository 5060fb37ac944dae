package source

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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
		Lookups:  []Lookup{{Query: read("programme_owners.sql")}, {Query: read("post_owners.sql")}},
		Coalesce: []string{"currentOwner"}, Omit: []string{"programmeId", "postId"},
		Lists: []List{
			{Field: "programmeMemberships", Query: read("programme_memberships.sql"), Lookups: []Lookup{{Query: read("programmes.sql")}}},
			{Field: "trusts", Query: read("trusts.sql"), Lookups: []Lookup{{Query: read("posts.sql")}}, Distinct: true, Unpivot: "trustId"},
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

// BenchmarkOrder reads the lists of all persons in ranges of ids: as their rows come, to be grouped by hash,
// and sorted by id, to be merged. What counts is the database server's processor time.
func BenchmarkOrder(b *testing.B) {
	cfg := personsConfig(b)
	conn, err := connectWriter(cfg.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	cuts, err := conn.Exec(b.Context(), fmt.Sprintf(`SELECT min(id), max(id), count(*)
		FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM person) p GROUP BY n / %d`, DefaultRangeDocuments)).ReadAll()
	if err != nil {
		b.Fatal(err)
	}
	persons := int64(0)
	for _, cut := range cuts[0].Rows {
		persons += integer(cut[2])
	}
	for name, order := range map[string]string{"as they come": "", "sorted": ` ORDER BY "personId"`} {
		b.Run(name, func(b *testing.B) {
			start := serverCPU(b, conn.PID())
			for b.Loop() {
				for _, list := range cfg.Lists {
					for _, cut := range cuts[0].Rows {
						sql := fmt.Sprintf(`SELECT * FROM (%s) q WHERE "personId" BETWEEN %s AND %s%s`, list.Query.SQL, cut[0], cut[1], order)
						if _, err := conn.CopyTo(b.Context(), io.Discard, "COPY ("+sql+") TO STDOUT"); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64((serverCPU(b, conn.PID())-start).Nanoseconds())/float64(b.N)/float64(persons), "server-ns/doc")
		})
	}
}

// serverCPU returns the processor time of a server process on this machine, to a hundredth of a second.
func serverCPU(tb testing.TB, pid uint32) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Skip(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name may have spaces
	fields := strings.Fields(after)
	return time.Duration(integer([]byte(fields[11]))+integer([]byte(fields[12]))) * 10 * time.Millisecond // utime, stime
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
