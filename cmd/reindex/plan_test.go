package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDryRunSaysWhatARunDoesAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	before := p.status(t)
	plan := p.succeed(t, "run", "--dry-run", "--json").lines(t)[0]
	if plan["index"] != p.alias+"-000001" || plan["documents"] != 10.0 || plan["live"] != "" {
		t.Errorf("plan %v, want index 1 with 10 documents in the place of nothing", plan)
	}
	if after := p.status(t); len(after.Generations) != len(before.Generations) {
		t.Errorf("generations %v after a dry run, want none", after.Generations)
	}
	// What it says next is what the run does.
	first, second := p.rebuild(t), p.rebuild(t)
	plan = p.succeed(t, "run", "--dry-run", "--json").lines(t)[0]
	third := p.rebuild(t)
	if plan["index"] != third["index"] || plan["live"] != second["index"] {
		t.Errorf("plan %v, but the run made %v in the place of %v", plan, third["index"], second["index"])
	}
	want := []any{first["index"]}
	if diff := cmp.Diff([]any{want, want}, []any{third["retired"], plan["would_retire"]}); diff != "" {
		t.Errorf("retired, and what the plan said (-want +got):\n%s", diff)
	}
	if r := p.succeed(t, "run", "--dry-run"); !strings.Contains(r.stdout, "nothing was changed") {
		t.Error(r)
	}
}

func TestCheckFindsNothingWrong(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	r := p.succeed(t, "check", "--json")
	if s := r.lines(t)[len(r.lines(t))-1]; s["problems"] != 0.0 {
		t.Error(r)
	}
}

func TestCheckNamesTheProblemAndWhatToDo(t *testing.T) {
	t.Parallel()
	d := notes()
	d.document = "SELECT 1 AS id, title FROM note"
	p := newProject(t, notesDatabase(t, 3), d)
	r := p.run(t, "check")
	if r.code != 1 || !strings.Contains(r.stdout, "more than one row for id 1") || !strings.Contains(r.stdout, "-> it fans out") {
		t.Error(r)
	}
}

// TestDryRunSaysWhichGateWouldRefuse: and the run says the same.
func TestDryRunSaysWhichGateWouldRefuse(t *testing.T) {
	t.Parallel()
	db := notesDatabase(t, 10)
	p := newProject(t, db, notes())
	p.rebuild(t)
	sqlExec(t, db, "DELETE FROM note WHERE id > 10")
	const says = "gate max_shrink: the source has 5 documents"
	for _, args := range [][]string{{"run", "--dry-run"}, {"run"}} {
		if r := p.run(t, args...); r.code != 4 || !strings.Contains(r.stderr, says) || !strings.Contains(r.stderr, "--max-shrink raises the limit") {
			t.Errorf("%v: want status 4 and %q, got %s", args, says, r)
		}
	}
	p.succeed(t, "run", "--dry-run", "--max-shrink", "off")
}
