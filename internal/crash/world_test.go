package crash

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/persons"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/programtest"
)

// deadline bounds every wait for something that must happen.
const deadline = programtest.Deadline

// extra is the share of persons, one in so many, that the writer takes away and
// brings back. The others must be found by every search.
const extra = 20

// world is one alias, rebuilt from one database by one configuration.
type world struct {
	server string // of the Elasticsearch that the reader asks
	alias  string
	db     string
	dir    string
	binary string
	env    []string
	base   []int64 // ids of the persons that are always there
	extras []int64
	journal
}

// newWorld seeds a database with the persons example and writes its
// configuration down.
func newWorld(t *testing.T, server string, n int) *world {
	t.Helper()
	w := &world{
		server: server, alias: stacktest.Prefix(t) + "x", db: stacktest.Database(t),
		dir: t.TempDir(), binary: build(t), journal: journal{began: time.Now()},
	}
	files, err := fs.Glob(persons.Files(), "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(persons.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		w.write(t, name, string(text))
	}
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "DATABASE_URL=" + w.db, "REINDEX_ALIAS=" + w.alias,
		"REINDEX_LOCK_LEASE=" + lease.String(),
		"REINDEX_LOAD_BATCH_BYTES=64KiB", // so that a small load is many requests
		"REINDEX_LOAD_RETRY_FOR=20s",
	}
	w.seed(t, n)
	return w
}

func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// seed fills the database and tells the persons that stay from those that go.
func (w *world) seed(t *testing.T, n int) {
	t.Helper()
	conn := connect(t, w.db)
	if err := persons.Seed(t.Context(), conn, n); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "SELECT person_id FROM contact_details ORDER BY person_id")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if i%extra == 0 {
			w.extras = append(w.extras, id)
		} else {
			w.base = append(w.base, id)
		}
	}
}

func connect(t *testing.T, db string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // nothing was left undone
	return conn
}

// build makes the program once for all tests of this package.
func build(t *testing.T) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "reindex-crash-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	return programtest.Build(dir)
})

// builtIn is removed by TestMain.
var builtIn string

// journal is what happened, for whoever has to find out why.
type journal struct {
	began time.Time

	mu    sync.Mutex
	lines []string
}

// keptLines bounds the journal of a suite that runs for hours.
const keptLines = 400

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf("%9.3fs ", time.Since(j.began).Seconds())+fmt.Sprintf(format, args...))
	if len(j.lines) > 2*keptLines {
		j.lines = append([]string(nil), j.lines[keptLines:]...)
	}
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines[max(0, len(j.lines)-keptLines):], "\n")
}
