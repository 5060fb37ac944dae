package source

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// database returns a fresh database after the statements ran in it.
func database(tb testing.TB, statements ...string) string {
	tb.Helper()
	url := stacktest.Database(tb)
	execSQL(tb, url, statements...)
	return url
}

func execSQL(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	for _, sql := range statements {
		rowsOf(tb, url, sql)
	}
}

// rowsOf runs SQL on a connection of its own and returns the rows of the last statement.
func rowsOf(tb testing.TB, url, sql string) [][][]byte {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		tb.Fatalf("%.200s: %v", sql, err)
	}
	return results[len(results)-1].Rows
}

// config is a document query and lists by field name; file names are made up.
func config(url, id, sql string, lists ...string) Config {
	cfg := Config{URL: url, ID: id, Document: Query{Name: "document.sql", SQL: sql}}
	for i := 0; i < len(lists); i += 2 {
		cfg.Lists = append(cfg.Lists, List{Field: lists[i], Query: Query{Name: lists[i] + ".sql", SQL: lists[i+1]}})
	}
	return cfg
}

func open(tb testing.TB, cfg Config) *Source {
	tb.Helper()
	src, err := Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(src.Close)
	return src
}

func snapshot(tb testing.TB, src *Source) *Snapshot {
	tb.Helper()
	snap, err := src.Snapshot(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := snap.Close(); err != nil {
			tb.Error(err)
		}
	})
	return snap
}

// collector gathers documents of several streams by id.
type collector struct {
	mu   sync.Mutex
	docs map[string]string
	dups []string
}

func (c *collector) emit(d document.Document) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.docs[string(d.ID)]; ok {
		c.dups = append(c.dups, string(d.ID))
	}
	c.docs[string(d.ID)] = string(d.JSON)
	return nil
}

// load reads everything with n streams at once.
func load(ctx context.Context, snap *Snapshot, n int) (map[string]string, []string, StreamStats, error) {
	c := &collector{docs: map[string]string{}}
	var mu sync.Mutex
	total := StreamStats{Orphans: map[string]Orphans{}}
	g, ctx := errgroup.WithContext(ctx)
	for range n {
		g.Go(func() error {
			st, err := snap.Stream(ctx, c.emit)
			mu.Lock()
			defer mu.Unlock()
			total.Documents += st.Documents
			total.OrphanRows += st.OrphanRows
			total.Cuts += st.Cuts
			total.Ranges += st.Ranges
			for field, n := range st.Orphans {
				all := total.Orphans[field]
				all.Add(n)
				total.Orphans[field] = all
			}
			return err
		})
	}
	err := g.Wait()
	return c.docs, c.dups, total, err
}

// mustLoad is load of a fresh snapshot that must succeed, each id once.
func mustLoad(tb testing.TB, src *Source, n int) (map[string]string, StreamStats) {
	tb.Helper()
	docs, dups, stats, err := load(tb.Context(), snapshot(tb, src), n)
	if err != nil {
		tb.Fatal(err)
	}
	if len(dups) > 0 || int(stats.Documents) != len(docs) {
		tb.Fatalf("%d documents for %d ids; emitted twice: %v", stats.Documents, len(docs), dups)
	}
	return docs, stats
}

// wantDocs compares documents with the rows (id, jsonb) of one SQL query, as
// values: the order of fields and the spelling of numbers do not count.
func wantDocs(tb testing.TB, url, sql string, got map[string]string) {
	tb.Helper()
	want := map[string]any{}
	for _, row := range rowsOf(tb, url, sql) {
		want[string(row[0])] = parse(tb, string(row[1]))
	}
	have := map[string]any{}
	for id, text := range got {
		have[id] = parse(tb, text)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		tb.Errorf("documents differ from one SQL query (-want +got):\n%.4000s", diff)
	}
}

func parse(tb testing.TB, text string) any {
	tb.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return v
}

// noSessions waits until nobody but the asker is connected to the database.
func noSessions(tb testing.TB, url string) {
	tb.Helper()
	const ask = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND backend_type = 'client backend' AND pid <> pg_backend_pid()`
	deadline := time.Now().Add(30 * time.Second)
	for {
		n := string(rowsOf(tb, url, ask)[0][0])
		if n == "0" {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s sessions are left", n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// waitActive waits until another session runs a query like pattern.
func waitActive(tb testing.TB, url, pattern string) {
	tb.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		rows := rowsOf(tb, url, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() AND query LIKE '"+
			pattern+"' AND query NOT LIKE '%percentile%' AND query NOT LIKE 'EXPLAIN%' AND pid <> pg_backend_pid()")
		if string(rows[0][0]) != "0" {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("no query like %s runs", pattern)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func connectWriter(url string) (*pgconn.PgConn, error) {
	return pgconn.Connect(context.Background(), url)
}

// wantConfigError opens a source that cannot be.
func wantConfigError(t *testing.T, cfg Config, want string) {
	t.Helper()
	_, err := Open(t.Context(), cfg)
	if e := (*ConfigError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error()+"; "+e.Hint(), want) {
		t.Errorf("Open = %v, want a *ConfigError with %q", err, want)
	}
}

// wantRowError reads a source whose rows cannot be.
func wantRowError(t *testing.T, cfg Config, want string) {
	t.Helper()
	_, _, _, err := load(t.Context(), snapshot(t, open(t, cfg)), 2)
	if e := (*RowError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error()+"; "+e.Hint(), want) {
		t.Errorf("Stream = %.300v, want a *RowError with %q", err, want)
	}
}
