package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tamper makes one note of each kind of drift, of 20 with even ids.
func (p *project) tamper(t *testing.T) {
	t.Helper()
	alias := "/" + p.alias
	sqlExec(t, p.db, "INSERT INTO note VALUES (100, 'note 50'); DELETE FROM note WHERE id = 4")
	p.ask(t, http.MethodPut, alias+"/_doc/6", `{"id":6,"title":"wrong","tags":[]}`)
	p.ask(t, http.MethodPut, alias+"/_doc/copy?refresh=true", `{"id":8,"title":"note 4","tags":[]}`)
}

func TestVerifyTellsAndRepairsDrift(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 20), notes())
	p.rebuild(t)
	if s := p.succeed(t, "verify", "--json").summary(t); s["outcome"] != "equal" || s["documents"] != 20.0 || s["error"] != nil {
		t.Errorf("verify of a fresh index: %v", s)
	}
	p.tamper(t)

	r := p.run(t, "verify")
	for _, want := range []string{"not in sync", "missing   1: 100", "extra     1: 4", "different 1: 6 in done", "duplicate 1: 8 as _id copy"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("verify does not say %q: %s", want, r)
		}
	}
	if r.code != 4 || !strings.Contains(r.stderr, "--repair") || strings.Contains(r.stdout+r.stderr, "wrong") {
		t.Errorf("want status 4, a hint and no content: %s", r)
	}
	r = p.run(t, "verify", "--json")
	first := map[string]any{
		"missing": []any{map[string]any{"id": "100"}}, "extra": []any{map[string]any{"id": "4"}},
		"different": []any{map[string]any{"id": "6", "field": "done"}}, "duplicate": []any{map[string]any{"id": "8", "_id": "copy"}},
	}
	s := r.summary(t)
	if diff := cmp.Diff(first, s["first"]); diff != "" || r.code != 4 || s["outcome"] != "drift" || s["missing"] != 1.0 {
		t.Errorf("status %d, %v\n%s", r.code, s, diff)
	}

	r = p.run(t, "verify", "--repair", "--json")
	s = r.summary(t)
	if r.code != 0 || s["outcome"] != "repaired" || s["created"] != 1.0 || s["updated"] != 1.0 || s["deleted"] != 2.0 || s["left_to_writers"] != 0.0 {
		t.Errorf("status %d, %v", r.code, s)
	}
	p.equal(t, notesOracle)
	p.lockIsFree(t)
	p.succeed(t, "verify")
}

func TestVerifyWithoutAnIndexNeedsAPerson(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 1), notes())
	for _, args := range [][]string{{"verify"}, {"verify", "--repair"}} {
		if r := p.run(t, args...); r.code != 10 || !strings.Contains(r.stderr, "reindex run") {
			t.Errorf("%v: want status 10 and what to do: %s", args, r)
		}
	}
}

func TestRepairLeavesAForeignIndexAlone(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 2), notes())
	p.ask(t, http.MethodPut, "/"+p.alias+"-old", `{"mappings":{"properties":{"id":{"type":"long"}}},"aliases":{"`+p.alias+`":{}}}`)
	p.ask(t, http.MethodPost, "/"+p.alias+"-old/_doc?refresh=true", `{"id":2,"title":"note 1"}`)
	if r := p.run(t, "verify"); r.code != 4 || !strings.Contains(r.stdout, "duplicate 1: 2 as _id ") {
		t.Errorf("verify: want status 4 and the duplicate: %s", r)
	}
	if r := p.run(t, "verify", "--repair"); r.code != 10 || !strings.Contains(r.stderr, "run a rebuild") {
		t.Errorf("verify --repair: want status 10 and a hint: %s", r)
	}
}

func TestVerifyOfAnIDWithoutOrderIsAMistakeOfTheMapping(t *testing.T) {
	t.Parallel()
	d := notes()
	d.body = strings.Replace(d.body, `"id": {"type": "long"}`, `"id": {"type": "text"}`, 1)
	p := newProject(t, notesDatabase(t, 2), d)
	p.rebuild(t)
	if r := p.run(t, "verify"); r.code != 2 || !strings.Contains(r.stderr, "mapped as text") || !strings.Contains(r.stderr, "index.body") {
		t.Errorf("want status 2 and what to write: %s", r)
	}
}

func TestRepairIsRefusedByAGate(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	p.rebuild(t)
	sqlExec(t, p.db, "DELETE FROM note WHERE id > 4")
	if r := p.run(t, "verify", "--repair"); r.code != 4 || !strings.Contains(r.stderr, "nothing repaired: gate max_shrink") {
		t.Errorf("want status 4 and the gate: %s", r)
	}
	p.succeed(t, "verify", "--repair", "--max-shrink", "off")
}
