package source

import (
	"slices"
	"strings"
	"testing"

	"example.com/reindex/internal/changes"
)

// verdictOf returns the verdict of two snapshots between which the statements ran.
func verdictOf(t *testing.T, cfg Config, statements ...string) string {
	t.Helper()
	src := open(t, cfg)
	before := snapshot(t, src)
	if err := before.CountTables(t.Context()); err != nil {
		t.Fatal(err)
	}
	execSQL(t, cfg.URL, statements...)
	now := snapshot(t, src)
	v, err := now.Changes(t.Context(), before, changes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	refusal, err := now.Confirm(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case refusal != nil:
		return "full: " + refusal.String()
	case v.Kind == changes.Idle:
		return "idle"
	case v.Kind == changes.Some:
		slices.Sort(v.IDs)
		return strings.Join(v.IDs, " ")
	}
	return "full: " + v.Reason.String()
}

func TestChangesOfSnapshots(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		statements []string
		want       string
	}{
		{"nothing of the queries", []string{"INSERT INTO unrelated VALUES (1)"}, "idle"},
		{"documents and lists", []string{"UPDATE item SET n = 0 WHERE id = 4", "DELETE FROM part WHERE id = 9", "INSERT INTO item VALUES (301, 1)"}, "301 4 9"},
		{"a lookup", []string{"UPDATE kind SET name = 'x'"}, "full: the rows of the lookup kinds.sql have changed"},
		{"a lookup with the same content", []string{"UPDATE kind SET name = name"}, "idle"},
		{"a function that is replaced", []string{"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"}, "full: a function, operator or cast was created, replaced or dropped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := database(t, strings.ReplaceAll(plainTable, "TABLE_", "item"), strings.ReplaceAll(plainTable, "TABLE_", "part"),
				"CREATE TABLE unrelated (id int)", "CREATE TABLE kind (n int, name text); INSERT INTO kind VALUES (1, 'one'), (2, 'two')")
			cfg := config(url, "id", "SELECT id, n FROM item;", "parts", "SELECT id, n FROM part -- the parts")
			cfg.Lists[0].Lookups = []Lookup{{Query: Query{Name: "kinds.sql", SQL: "SELECT n, name FROM kind"}}}
			settle(t, url)
			if got := verdictOf(t, cfg, tt.statements...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// settle waits until new snapshots take what was written so far for old, which
// a transaction of another test may hold up.
func settle(t *testing.T, url string) {
	t.Helper()
	now := string(rowsOf(t, url, "SELECT pg_current_xact_id()")[0][0])
	waitFor(t, url, "SELECT pg_snapshot_xmin(pg_current_snapshot()) > '"+now+"'::xid8")
}

func TestInspectSaysWhatPassesWillCost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ document, refused, unkeyed string }{
		{"SELECT id, n FROM item", "", ""},
		{"SELECT i.id, i.n, (SELECT count(*) FROM part) AS parts FROM item i", "", "public.part"},
		{"SELECT id, n FROM item WHERE now() > '2000-01-01'", "document.sql calls now, whose result changes without a change of a row", ""},
	} {
		url := database(t, strings.ReplaceAll(plainTable, "TABLE_", "item"), strings.ReplaceAll(plainTable, "TABLE_", "part"))
		found, err := open(t, config(url, "id", tt.document)).Inspect(t.Context())
		refused := ""
		if found.FullPasses != nil {
			refused = found.FullPasses.Why
		}
		if err != nil || refused != tt.refused || strings.Join(found.Unkeyed, " ") != tt.unkeyed {
			t.Errorf("%s: refused %q, without a key %v, %v", tt.document, refused, found.Unkeyed, err)
		}
	}
}

func TestChangesAfterTheEarlierSnapshotHasEnded(t *testing.T) {
	t.Parallel()
	url := database(t, strings.ReplaceAll(plainTable, "TABLE_", "item"))
	src := open(t, config(url, "id", "SELECT id, n FROM item"))
	before := snapshot(t, src)
	now := snapshot(t, src)
	before.letGo(&InterruptedError{Table: "item", For: "an ALTER TABLE"})
	v, err := now.Changes(t.Context(), before, changes.Options{})
	if err != nil || v.Kind != changes.Full || !strings.HasPrefix(v.Reason.Why, "the snapshot before has ended: ") {
		t.Errorf("%+v, %v; want a full pass", v, err)
	}
}
