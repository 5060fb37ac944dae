package source

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/document"
)

// memory is what a reader knows of documents: their versions.
type memory struct {
	mu       sync.Mutex
	versions map[string]int64
	ranges   map[string]int
	asked    map[string]bool
}

func (m *memory) same(d document.Document) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked[string(d.ID)] {
		return false, fmt.Errorf("asked twice for %s", d.ID)
	}
	m.asked[string(d.ID)] = true
	if r, known := m.ranges[string(d.ID)]; known && r != d.Range {
		return false, fmt.Errorf("%s was in range %d and is in %d", d.ID, r, d.Range)
	}
	return m.versions[string(d.ID)] == d.Version, nil
}

// remember reads everything.
func remember(t *testing.T, src *Source) *memory {
	t.Helper()
	m := &memory{versions: map[string]int64{}, ranges: map[string]int{}, asked: map[string]bool{}}
	if _, err := snapshot(t, src).Stream(t.Context(), func(d document.Document) error {
		m.versions[string(d.ID)], m.ranges[string(d.ID)] = d.Version, d.Range
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// changed reads what has changed since, with two streams.
func changed(t *testing.T, src *Source, m *memory) (map[string]string, error) {
	t.Helper()
	snap := snapshot(t, src)
	c := collector{docs: map[string]string{}}
	var streams errgroup.Group
	for range 2 {
		streams.Go(func() error {
			_, err := snap.StreamChanged(t.Context(), m.same, c.emit)
			return err
		})
	}
	err := streams.Wait()
	if len(c.dups) > 0 {
		t.Errorf("emitted twice: %v", c.dups)
	}
	return c.docs, err
}

func TestStreamChangedReadsWhatHasAnotherVersion(t *testing.T) {
	t.Parallel()
	ids := map[string][2]string{ // type, id of number i
		"integer": {"bigint", "i * 3 - 1000"},
		"uuid":    {"uuid", "md5(i::text)::uuid"},
		"text":    {`text COLLATE "en-x-icu"`, `chr(64 + i % 60) || '"\é, {}' || i`},
		"blind":   {"text COLLATE blind", `chr(65 + i % 2 * 32) || i / 2`}, // a1 = A1, and both are there
	}
	for name, id := range ids {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t, caseBlind, fmt.Sprintf(`
				CREATE TABLE doc (i int, id %s, name text, rev bigint NOT NULL DEFAULT 1);
				CREATE TABLE item AS SELECT id, i, 1 AS n FROM doc WITH NO DATA;
				INSERT INTO doc SELECT i, %s, 'name ' || i FROM generate_series(1, 2000) i;
				INSERT INTO item SELECT id, i, n FROM doc, generate_series(1, 3) n;
				CREATE INDEX ON doc (id); CREATE INDEX ON item (id); ANALYZE;`, id[0], id[1]))
			cfg := config(url, "id", "SELECT doc.id, doc.i, doc.name, s.n, doc.rev FROM doc LEFT JOIN "+
				"(SELECT i, count(*) AS n FROM item WHERE true /*range item.id*/ GROUP BY i) s ON s.i = doc.i",
				"items", "SELECT id, n FROM item")
			cfg.Version, cfg.RangeDocuments, cfg.maxRangeBytes = "rev", 300, 20_000
			src := open(t, cfg)
			m := remember(t, src)

			if got, err := changed(t, src, m); err != nil || len(got) != 0 {
				t.Fatalf("nothing changed: %d documents, %v", len(got), err)
			}
			if len(m.asked) != 2000 {
				t.Errorf("asked for %d of 2000", len(m.asked))
			}
			execSQL(t, url, `
				UPDATE doc SET rev = 2, name = 'new name' WHERE i % 10 = 3 OR i BETWEEN 500 AND 800;
				UPDATE item SET n = n + 10 FROM doc WHERE doc.i = item.i AND doc.rev = 2;
				DELETE FROM item WHERE i = 3;
				DELETE FROM doc WHERE i = 13`,
				fmt.Sprintf("INSERT INTO doc (i, id, name) SELECT i, %s, 'another' FROM generate_series(5000, 5010) i", id[1]))
			clear(m.asked)
			got, err := changed(t, src, m)
			if err != nil {
				t.Fatal(err)
			}
			wantDocs(t, url, `SELECT id, jsonb_build_object('id', id, 'i', i, 'name', name,
				'n', (SELECT nullif(count(*), 0) FROM item WHERE item.i = doc.i),
				'items', coalesce((SELECT jsonb_agg(jsonb_build_object('n', n) ORDER BY n) FROM item WHERE item.i = doc.i), '[]'))
				FROM doc WHERE rev = 2 OR i >= 5000`, got)
		})
	}
}

func TestStreamChangedEndsAtABadRow(t *testing.T) {
	t.Parallel()
	url := database(t, "CREATE TABLE doc (id int PRIMARY KEY, rev int, name text); INSERT INTO doc SELECT i, 1, 'name' FROM generate_series(1, 100) i")
	cfg := config(url, "id", "SELECT id, rev, name FROM doc")
	if _, err := snapshot(t, open(t, cfg)).StreamChanged(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "no versions") {
		t.Errorf("without a version: %v", err)
	}
	cfg.Version = "rev"
	src := open(t, cfg)
	m := remember(t, src)
	broken := errors.New("broken")
	if _, err := snapshot(t, src).StreamChanged(t.Context(), func(document.Document) (bool, error) { return false, broken }, nil); !errors.Is(err, broken) {
		t.Errorf("same fails: %v", err)
	}
	execSQL(t, url, "UPDATE doc SET rev = 0 WHERE id = 50")
	var row *RowError
	if _, err := changed(t, src, m); !errors.As(err, &row) || row.ID != "50" {
		t.Errorf("a version of 0: %v", err)
	}
	execSQL(t, url, "UPDATE doc SET rev = 2, name = repeat('x', 70000000) WHERE id = 50")
	clear(m.asked)
	if _, err := changed(t, src, m); !errors.As(err, &row) || row.ID != "50" || !strings.Contains(row.Reason, "64 MiB") {
		t.Errorf("a document that is too big: %v", err)
	}
}
