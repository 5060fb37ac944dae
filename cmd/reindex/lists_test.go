package main

import (
	"testing"
)

// The table of a list is empty at night: every note is there, without its tags.
func TestListWhoseTableIsEmptyDoesNotGoLive(t *testing.T) {
	t.Parallel()
	p, _ := editedProject(t, 20, false)
	live := p.carriers(t, p.alias)
	sqlExec(t, p.db, "CREATE TABLE kept AS TABLE tag; TRUNCATE tag")
	wantRefused(t, p.run(t, "run"), 4, []string{"gate max_shrink", "list tags", "0 elements", live[0], "--max-shrink"})
	if now := p.carriers(t, p.alias); len(now) != 1 || now[0] != live[0] {
		t.Errorf("the alias is on %v, want %v", now, live)
	}
	sqlExec(t, p.db, "INSERT INTO tag SELECT * FROM kept")
	p.rebuild(t)
	p.equal(t, notesOracle)
	p.lockIsFree(t)
}
