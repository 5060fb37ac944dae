package changes

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
)

// fuzzRounds is how many pairs of snapshots a test compares; more with
// REINDEX_FUZZ_ROUNDS.
func fuzzRounds() int {
	if n, err := strconv.Atoi(os.Getenv("REINDEX_FUZZ_ROUNDS")); err == nil {
		return n
	}
	return 60
}

// writer does at random what applications do: it begins, writes, locks, uses
// savepoints, rolls back, prepares, commits, vacuums, and leaves transactions
// open over several snapshots.
type writer struct {
	*conn
	r        *rand.Rand
	number   int
	open     bool
	saves    int
	prepared *[]string
}

func (w *writer) do(sql string) {
	if w.try(sql) != nil && w.open {
		w.must("ROLLBACK")
		w.open = false
	}
}

func (w *writer) step() {
	id, r := w.r.IntN(500)+1, w.r.Float64()
	pick := func(of ...string) string { return of[w.r.IntN(len(of))] }
	switch {
	case !w.open && r < 0.3:
		w.do("BEGIN")
		w.open, w.saves = true, 0
	case w.open && r < 0.12:
		w.do(pick("COMMIT", "COMMIT", "ROLLBACK"))
		w.open = false
	case w.open && r < 0.16:
		name := fmt.Sprintf("%s_%d_%d", w.pg.ParameterStatus("application_name"), w.number, w.r.Uint64())
		w.do("PREPARE TRANSACTION '" + name + "'")
		if w.open {
			*w.prepared = append(*w.prepared, name)
		}
		w.open = false
	case w.open && r < 0.3:
		w.saves++
		w.do(fmt.Sprintf("SAVEPOINT s%d", w.saves))
	case w.open && w.saves > 0 && r < 0.4:
		w.do(fmt.Sprintf("%s s%d", pick("RELEASE", "ROLLBACK TO"), w.r.IntN(w.saves)+1))
	default:
		w.write(id, r, pick)
	}
}

func (w *writer) write(id int, r float64, pick func(...string) string) {
	switch {
	case r < 0.5:
		w.do(fmt.Sprintf("INSERT INTO fuzz (k, v) VALUES (%d, 1)", w.r.IntN(100)))
	case r < 0.65:
		w.do(fmt.Sprintf("UPDATE fuzz SET v = v + 1 WHERE id = %d", id))
	case r < 0.7:
		w.do(fmt.Sprintf("UPDATE fuzz SET k = %d WHERE id = %d", w.r.IntN(100), id))
	case r < 0.78:
		w.do(fmt.Sprintf("DELETE FROM fuzz WHERE id = %d", id))
	case r < 0.88:
		w.do(fmt.Sprintf("SELECT id FROM fuzz WHERE id BETWEEN %d AND %d FOR %s", id, id+3, pick("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE")))
	case r < 0.94:
		w.do(fmt.Sprintf("INSERT INTO fuzz_child VALUES (%d)", id))
	case !w.open:
		w.do(pick("VACUUM fuzz", "VACUUM (FREEZE) fuzz", "ANALYZE fuzz", "SELECT pg_current_xact_id()"))
	}
}

// contents returns the rows of each key, under the snapshot of c.
func contents(c *conn) map[string]string {
	out := map[string]string{}
	for _, row := range c.rows("SELECT k, id, v FROM fuzz ORDER BY k, id") {
		key, rest, _ := strings.Cut(row, "|")
		out[key] += rest + " "
	}
	return out
}

// rule is Compare, or a mutant of it that has to be wrong.
type rule func(older, _ Snapshot, first, second *conn) (map[string]bool, error)

func realRule(older, newer Snapshot, _, _ *conn) (map[string]bool, error) {
	v, err := Compare(older, newer, Options{})
	if err == nil && v.Kind == Full {
		err = fmt.Errorf("a full pass: %s", v.Reason)
	}
	out := map[string]bool{}
	for _, id := range v.IDs {
		out[id] = true
	}
	return out, err
}

// fuzz compares pairs of snapshots while writers write, and returns how often the
// rule missed a key whose rows differ.
func fuzz(t *testing.T, rounds int, judge rule) (wrong int) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	url := stacktest.Database(t)
	setup := open(t, url)
	setup.must(`CREATE TABLE fuzz (id serial PRIMARY KEY, k int, v int);
		CREATE TABLE fuzz_child (p int REFERENCES fuzz ON DELETE CASCADE);
		INSERT INTO fuzz (k, v) SELECT i % 100, 0 FROM generate_series(1, 400) i`)
	var prepared []string
	t.Cleanup(func() {
		for _, name := range prepared {
			_ = setup.try("ROLLBACK PREPARED '" + name + "'")
		}
	})
	var writers []*writer
	for n := range 5 {
		w := &writer{conn: open(t, url), r: r, number: n, prepared: &prepared}
		w.must("SET lock_timeout = '30ms'")
		writers = append(writers, w)
	}
	queries := []Query{{Name: "fuzz.sql", SQL: "SELECT k AS id, id AS row, v FROM fuzz", ID: "id", IDType: "int"}}
	first, older := snapshot(t, url, queries)
	for range rounds {
		for range []int{0, 1, 3, 10, 40}[r.IntN(5)] {
			writers[r.IntN(len(writers))].step()
			if len(prepared) > 0 && r.Float64() < 0.2 {
				i := r.IntN(len(prepared))
				_ = setup.try([]string{"COMMIT", "COMMIT", "ROLLBACK"}[r.IntN(3)] + " PREPARED '" + prepared[i] + "'")
				prepared = slices.Delete(prepared, i, i+1)
			}
		}
		second, newer := snapshot(t, url, queries)
		found, err := judge(older, newer, first, second)
		if err != nil {
			t.Fatal(err)
		}
		before, now := contents(first), contents(second)
		all := maps.Clone(before)
		maps.Copy(all, now)
		for key := range all {
			if before[key] != now[key] && !found[key] {
				wrong++
				break
			}
		}
		first.close()
		first, older = second, newer
	}
	first.close()
	for _, w := range writers {
		w.close()
	}
	return wrong
}

func TestFuzzFindsEveryChange(t *testing.T) {
	t.Parallel()
	if wrong := fuzz(t, fuzzRounds(), realRule); wrong > 0 {
		t.Errorf("%d pairs of snapshots had a change that was not found", wrong)
	}
}

// The mutants are controls: a fuzz that does not notice them proves nothing.
var mutants = map[string]rule{
	"new is what is in the older snapshot's list or above it": func(_, _ Snapshot, first, second *conn) (map[string]bool, error) {
		list := first.rows("SELECT pg_current_snapshot()")[0]
		return byHand(first, second, "NOT pg_visible_in_snapshot(xmin::text::xid8, '"+list+"')", false)
	},
	"count(*) tells whether rows are gone": func(older, _ Snapshot, first, second *conn) (map[string]bool, error) {
		return byHand(first, second, ageRule(older, second), true)
	},
	"nobody looks for gone rows": func(older, _ Snapshot, _, second *conn) (map[string]bool, error) {
		keys := map[string]bool{}
		for _, k := range second.rows("SELECT k FROM fuzz WHERE " + ageRule(older, second)) {
			keys[k] = true
		}
		return keys, nil
	},
}

func ageRule(older Snapshot, second *conn) string {
	age := second.rows("SELECT age('" + older.xmin + "'::xid8::xid)")[0]
	return "age(xmin) <= " + age + " AND age(xmin) >= 0"
}

// byHand is the rule in a few lines, with parts to replace.
func byHand(first, second *conn, isNew string, plainCount bool) (map[string]bool, error) {
	keys := map[string]bool{}
	for _, k := range second.rows("SELECT k FROM fuzz WHERE " + isNew) {
		keys[k] = true
	}
	counted := "count(*) FILTER (WHERE NOT (" + isNew + "))"
	if plainCount {
		counted = "count(*)"
	}
	if first.rows("SELECT count(*) FROM fuzz")[0] == second.rows("SELECT " + counted + " FROM fuzz")[0] {
		return keys, nil
	}
	left := map[string]bool{}
	for _, ctid := range second.rows("SELECT ctid FROM fuzz WHERE NOT (" + isNew + ")") {
		left[ctid] = true
	}
	for _, row := range first.rows("SELECT k, ctid FROM fuzz WHERE xmax <> 0") {
		if k, ctid, _ := strings.Cut(row, "|"); !left[ctid] {
			keys[k] = true
		}
	}
	return keys, nil
}

func TestFuzzNoticesMutants(t *testing.T) {
	t.Parallel()
	for name, mutant := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// As many rounds as it takes, within a bound that makes a miss of
			// all of them as good as impossible.
			for range 40 {
				if fuzz(t, 60, mutant) > 0 {
					return
				}
			}
			t.Error("the fuzz did not notice this mutant")
		})
	}
}
