package main

import (
	"fmt"
	"strings"
	"testing"
)

// A column such as now() made every pass send all documents again, and verify find all of them different.
func TestColumnThatChangesEachTimeItIsRead(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{true, false} {
		t.Run(fmt.Sprintf("versions %t", versions), func(t *testing.T) {
			t.Parallel()
			p, proxy := editedProject(t, 50, versions)
			query := `SELECT id, title, rev, done, now() AS "indexedAt" FROM note`
			if versions {
				query = strings.Replace(query, " FROM", ", rev AS version FROM", 1)
			}
			p.write(t, "document.sql", query)
			p.write(t, "body.json", strings.Replace(notes().body, `"id":`, `"indexedAt": {"type": "date"}, "id":`, 1))
			if r := p.run(t, "check"); !strings.Contains(r.stdout, `column "indexedAt" of document.sql changes each time`) {
				t.Errorf("check does not name the column: %s", r)
			}
			s := p.editBeforeSwap(t, proxy, "until-quiet")
			if s["changed"] != 3.0 || s["removed"] != 1.0 || s["left_to_writers"] != 0.0 {
				t.Errorf("the passes changed more than was edited: %v", s)
			}
			stored := p.documents(t, p.alias)
			for id, d := range oracle(t, p.db, notesOracle) {
				now := stored[id].(map[string]any) //nolint:forcetypeassert // a test
				if delete(now, "indexedAt"); fmt.Sprint(now) != fmt.Sprint(d) {
					t.Errorf("document %s is %v, want %v", id, now, d)
				}
			}
			for _, command := range [][]string{{"verify"}, {"verify", "--repair"}} {
				if r := p.run(t, command...); r.code != 2 || !strings.Contains(r.stderr, `column "indexedAt" of document.sql changes each time`) {
					t.Errorf("%v: %s; want status 2 and the column", command, r)
				}
			}
		})
	}
}

// Rows of a list without a document are named with their list, and in --json.
func TestListRowsWithoutADocumentAreNamed(t *testing.T) {
	t.Parallel()
	d := notes()
	d.document = "SELECT id, title, rev, done FROM note WHERE id > 4"
	p := newProject(t, notesDatabase(t, 10), d)
	s := p.rebuild(t)
	if want := "map[tags:map[ids:[2 4] rows:4]]"; fmt.Sprint(s["orphan_lists"]) != want || s["orphan_rows"] != 4.0 {
		t.Errorf("summary has %v orphans, %v; want %s", s["orphan_rows"], s["orphan_lists"], want)
	}
	if r := p.succeed(t, "run"); !strings.Contains(r.stdout, "4 rows of the list tags belong to no document; ids: 2, 4") {
		t.Errorf("the rows are not named: %s", r)
	}
	// They can be a gate.
	live := p.carriers(t, p.alias)
	wantRefused(t, p.run(t, "run", "--max-orphans", "3"), 4, []string{"gate max_orphans: 4 rows of lists belong to no document, at most 3 are allowed", "the list tags", "--max-orphans"})
	if now := p.carriers(t, p.alias); fmt.Sprint(now) != fmt.Sprint(live) {
		t.Errorf("the alias is on %v, want %v", now, live)
	}
	p.succeed(t, "run", "--max-orphans", "4")
}
