package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	hintedSQL = `SELECT p.id, p.name, j.jobs FROM person p
LEFT JOIN (SELECT person_id, count(*) AS jobs FROM job WHERE true /*range %s*/ GROUP BY person_id) j ON j.person_id = p.id`
	wantHintedSQL = `SELECT id, jsonb_build_object('id', id, 'name', name,
	'jobs', (SELECT nullif(count(*), 0) FROM job WHERE person_id = p.id)) FROM person p`
)

func TestHintsChangeNoRows(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	for _, size := range []int{1, 64, 1000, 1 << 20} {
		t.Run(fmt.Sprintf("%d documents per range", size), func(t *testing.T) {
			t.Parallel()
			cfg := config(url, "id", fmt.Sprintf(hintedSQL, "job.person_id"))
			cfg.RangeDocuments = size
			got, _ := mustLoad(t, open(t, cfg), 2)
			wantDocs(t, url, wantHintedSQL, got)
		})
	}
}

func TestHintsAreCutInPiecesToo(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	cfg := config(url, "id", fmt.Sprintf(hintedSQL, "job.person_id"))
	cfg.maxRangeBytes = 10_000
	got, stats := mustLoad(t, open(t, cfg), 1)
	wantDocs(t, url, wantHintedSQL, got)
	if stats.Cuts == 0 {
		t.Error("no range was cut")
	}
}

// A planner that must not use other joins shows what one with old statistics does.
func TestOnlyLoopsThatCompareAllAreAvoided(t *testing.T) {
	t.Parallel()
	src := open(t, config(database(t, people), "id", fmt.Sprintf(hintedSQL, "job.person_id"), "all", jobsSQL))
	session, err := connect(t.Context(), src.conf, transaction{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.close()
	if err := session.exec("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"); err != nil {
		t.Fatal(err)
	}
	r := idRange{lo: []byte("10"), hi: []byte("2000")}
	for range 2 {
		for q, want := range map[*query]string{src.document: "off", src.lists[0]: "on"} {
			if err := session.planFor(q.ranges, r, 0); err != nil {
				t.Fatal(err)
			}
			row, err := session.row("SHOW enable_nestloop")
			if err != nil || string(row[0]) != want {
				t.Errorf("%s: enable_nestloop is %s, %v; want %s", q.name, row, err, want)
			}
		}
	}
}

// Two tables cut to one range of one key: the planner takes the rows that meet
// for a 67th of them, and would look up what a third table adds one by one.
func TestLoopsAreAvoidedWhereMoreRowsComeThanThePlannerExpects(t *testing.T) {
	t.Parallel()
	url := database(t, `
		CREATE TABLE person (id bigint PRIMARY KEY, name text);
		CREATE TABLE detail (person_id bigint PRIMARY KEY, title text);
		CREATE TABLE extra (person_id bigint PRIMARY KEY, note text);
		INSERT INTO person SELECT i, 'name ' || i FROM generate_series(1, 20000) i;
		INSERT INTO detail SELECT i, 'title ' || i FROM generate_series(1, 20000) i;
		INSERT INTO extra SELECT i, 'note ' || i FROM generate_series(1, 20000) i WHERE i % 5 > 0;
		ANALYZE`)
	src := open(t, config(url, "id", `SELECT p.id, p.name, d.title, e.note FROM person p
		JOIN detail d ON d.person_id = p.id /*range d.person_id*/
		LEFT JOIN extra e ON e.person_id = p.id /*range e.person_id*/`))
	session, err := connect(t.Context(), src.conf, transaction{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.close()
	r := idRange{lo: []byte("100"), hi: []byte("400")}
	for _, tt := range []struct {
		rows int
		want string
	}{{300, "off"}, {5, "on"}, {300, "off"}, {0, "on"}} {
		if err := session.planFor(src.document.ranges, r, tt.rows); err != nil {
			t.Fatal(err)
		}
		row, err := session.row("SHOW enable_nestloop")
		if err != nil || string(row[0]) != tt.want {
			t.Errorf("%d rows: enable_nestloop is %s, %v; want %s", tt.rows, row, err, tt.want)
		}
	}
}

// A lookup in a table that has no range stays one, however many rows there are:
// reading all of that table would cost more.
func TestCostOfLoops(t *testing.T) {
	t.Parallel()
	scan := plan{Node: "Seq Scan", Rows: 10, Cost: 100}
	lookup := plan{Node: "Index Scan", Rows: 1, Cost: 8}
	inner := plan{Node: "Nested Loop", Rows: 10, Cost: 180, Plans: []plan{scan, lookup}}
	outer := plan{Node: "Nested Loop", Rows: 10, Cost: 220, Plans: []plan{inner, lookup}}
	sorted := plan{Node: "Sort", Rows: 10, Cost: 230, Plans: []plan{outer}}
	for rows, want := range map[float64]float64{0: 230, 10: 230, 79: 230, 100: 230 + 9*120, 1000: 230 + 99*120} {
		if got := sorted.costOf(rows); got != want {
			t.Errorf("cost of %.0f rows = %.0f, want %.0f", rows, got, want)
		}
	}
	if got := scan.costOf(1e6); got != 100 {
		t.Errorf("cost without loops = %.0f, want 100", got)
	}
}

func TestHintOnAnotherColumnThanTheIDIsRefused(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	for name, end := range map[string]string{
		"where PostgreSQL finds one document by itself":  "",
		"where it reads everything for any one document": " OFFSET 0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sql := strings.Replace(hintedSQL, "GROUP BY person_id", "GROUP BY person_id"+end, 1)
			_, err := snapshot(t, open(t, config(url, "id", fmt.Sprintf(sql, "job.id")))).Count(t.Context())
			var ce *ConfigError
			if !errors.As(err, &ce) || !strings.Contains(ce.Reason, "/*range") {
				t.Fatalf("got %v, want a *ConfigError about the comment", err)
			}
			if _, err := snapshot(t, open(t, config(url, "id", fmt.Sprintf(sql, "job.person_id")))).Count(t.Context()); err != nil {
				t.Fatalf("the right column is refused: %v", err)
			}
		})
	}
}

// Documents may be few among the rows of their table, and spread over them.
func TestWrongHintIsFoundHoweverFewDocumentsThereAre(t *testing.T) {
	t.Parallel()
	url := database(t, people, "INSERT INTO person SELECT 10000 + i, 'no document' FROM generate_series(1, 200000) i", "ANALYZE person")
	sql := hintedSQL + " WHERE mod(p.id, 1000) = 5 AND p.id < 10000"
	_, err := snapshot(t, open(t, config(url, "id", fmt.Sprintf(sql, "job.id")))).Count(t.Context())
	if _, ok := errors.AsType[*ConfigError](err); !ok {
		t.Errorf("got %v, want a *ConfigError", err)
	}
	if n, err := snapshot(t, open(t, config(url, "id", fmt.Sprintf(sql, "job.person_id")))).Count(t.Context()); err != nil || n == 0 {
		t.Errorf("the right column: %d documents, %v", n, err)
	}
}

// Ids of two collations at once have none that PostgreSQL could compare them by.
func TestHintsOnIDsWithoutACollation(t *testing.T) {
	t.Parallel()
	url := database(t, `
		CREATE TABLE part (a text COLLATE "C", b text COLLATE "POSIX", whole text);
		INSERT INTO part SELECT 'a' || i, 'b' || i, 'a' || i || 'b' || i FROM generate_series(1, 900) i`)
	cfg := config(url, "id", "SELECT p.a || p.b AS id, q.whole FROM part p JOIN part q ON q.whole = (p.a || p.b) COLLATE \"C\" /*range q.whole*/")
	src := open(t, cfg)
	if n, err := snapshot(t, src).Count(t.Context()); err != nil || n != 900 {
		t.Fatalf("Count = %d, %v; want 900", n, err)
	}
	got, _ := mustLoad(t, src, 2)
	wantDocs(t, url, "SELECT whole, jsonb_build_object('id', whole, 'whole', whole) FROM part", got)
}

func TestHintOnAnUnknownColumnIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), config(database(t, people), "id", fmt.Sprintf(hintedSQL, "job.nobody")))
	if _, ok := errors.AsType[*ConfigError](err); !ok {
		t.Fatalf("got %v, want a *ConfigError", err)
	}
}
