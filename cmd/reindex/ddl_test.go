package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"example.com/reindex/internal/faultproxy"
)

// sqlBegin runs statements on a connection of its own while the test goes on, and returns what waits for their end.
func sqlBegin(t *testing.T, db, sql string) (wait func()) {
	t.Helper()
	conn := sqlConn(t, db)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), sql)
		done <- err
	}()
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Errorf("%v in %s", err, sql)
		}
	}
}

// waitsForALock tells whether somebody waits to change a table of the database.
func waitsForALock(t *testing.T, db string) bool {
	t.Helper()
	var waits bool
	err := sqlConn(t, db).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits)
	if err != nil {
		t.Fatal(err)
	}
	return waits
}

// notTransactional are changes that an older snapshot does not see as it sees an UPDATE, of notes and of their tags.
var notTransactional = map[string]string{
	"TRUNCATE and INSERT of documents": `BEGIN; CREATE TEMP TABLE kept AS SELECT * FROM note; TRUNCATE note;
		INSERT INTO note SELECT id, title || '!', rev + 1, done FROM kept; SELECT pg_sleep(0.3); COMMIT`,
	"TRUNCATE and INSERT of a list": `BEGIN; CREATE TEMP TABLE kept AS SELECT * FROM tag; TRUNCATE tag;
		INSERT INTO tag SELECT note_id, position, tag || '!' FROM kept; UPDATE note SET rev = rev + 1; SELECT pg_sleep(0.3); COMMIT`,
	"an ALTER TABLE that rewrites documents": `ALTER TABLE note ALTER title TYPE varchar(99) USING upper(title), ALTER rev TYPE bigint USING rev + 1`,
	"a swap by RENAME of a list": `BEGIN; CREATE TABLE next AS SELECT note_id, position, tag || '?' AS tag FROM tag; UPDATE note SET rev = rev + 1;
		ALTER TABLE tag RENAME TO last; ALTER TABLE next RENAME TO tag; COMMIT`,
}

// A table is replaced while a run is held at one of its requests to Elasticsearch. It lets go, whoever replaced the
// table goes on before the run does, and the run ends with what the tables have then.
func TestTablesMayBeReplacedAtAnyMomentOfARun(t *testing.T) {
	t.Parallel()
	for what, ddl := range notTransactional {
		for when, held := range map[string]faultproxy.Rule{
			"in the load":     {Path: bulkPath, Do: faultproxy.Hold},
			"before the swap": swapRequest,
		} {
			for _, versions := range []bool{false, true} {
				if versions && (when == "in the load" || what != "TRUNCATE and INSERT of a list") {
					continue // the paths are the same
				}
				t.Run(fmt.Sprintf("%s %s, versions %t", what, when, versions), func(t *testing.T) {
					t.Parallel()
					p, proxy := editedProject(t, 500, versions)
					p.env = append(p.env, "REINDEX_SOURCE_GIVE_WAY=100ms")
					reader := p.readWhere(t, 500, "tags.tag:*")
					holding := proxy.On(held)
					running := p.start(t, "run", "--json")
					holding.Await(t)
					sqlExec(t, p.db, ddl) // ends while the run is held
					holding.Release()
					r := running.wait(t)
					if r.code != 0 || r.summary(t)["catch_up_error"] != nil {
						t.Fatal(r)
					}
					reader.stop(t)
					p.equal(t, notesOracle)
				})
			}
		}
	}
}

// An application reads a table that somebody wants to alter in the middle of a load. Both go on while the load is
// held up: neither has to wait for its end.
func TestApplicationsGoOnBesideAnAlterTable(t *testing.T) {
	t.Parallel()
	p, proxy := editedProject(t, 500, false)
	p.env = append(p.env, "REINDEX_SOURCE_GIVE_WAY=1s")
	loading := proxy.On(faultproxy.Rule{Path: bulkPath, Do: faultproxy.Hold})
	running := p.start(t, "run", "--json")
	loading.Await(t)

	altered := sqlBegin(t, p.db, "ALTER TABLE note ADD COLUMN comment text")
	eventually(t, "the ALTER TABLE waits for the run", func() bool { return waitsForALock(t, p.db) })
	var read atomic.Int64
	application := sqlConn(t, p.db)
	selects := func() {
		t.Helper()
		var n int64
		if err := application.QueryRow(t.Context(), "SELECT count(*) FROM note").Scan(&n); err != nil {
			t.Fatal(err)
		}
		read.Add(n)
	}
	selects() // waits behind the ALTER TABLE
	altered()
	selects()
	if running.hasEnded() {
		t.Fatal("the run has ended; the test proves less than it should")
	}
	loading.Release()
	r := running.wait(t)
	if r.code != 0 || read.Load() != 1000 {
		t.Fatalf("%d rows read, %s", read.Load(), r)
	}
	p.equal(t, notesOracle)
}
