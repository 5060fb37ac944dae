package source

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/internal/document"
)

// replacement is a way to change all rows of a table that an older snapshot does not see as it sees an UPDATE.
// TABLE stands for the name.
type replacement struct {
	setup, ddl string
}

const plainTable = `CREATE TABLE TABLE_ (id int, n int); INSERT INTO TABLE_ SELECT i, i FROM generate_series(1, 300) i;`

var replacements = map[string]replacement{
	"TRUNCATE and INSERT": {plainTable, `TRUNCATE TABLE_; INSERT INTO TABLE_ SELECT i, -i FROM generate_series(1, 300) i`},
	"an ALTER TABLE that rewrites": {
		plainTable, `ALTER TABLE TABLE_ ALTER n TYPE bigint USING n * 2`,
	},
	"REFRESH MATERIALIZED VIEW": {
		`CREATE TABLE base_TABLE_ (id int, n int); INSERT INTO base_TABLE_ SELECT i, i FROM generate_series(1, 300) i;
			CREATE MATERIALIZED VIEW TABLE_ AS SELECT * FROM base_TABLE_;`,
		`UPDATE base_TABLE_ SET n = -n; REFRESH MATERIALIZED VIEW TABLE_`,
	},
	"a swap by RENAME": {
		plainTable + `CREATE TABLE new_TABLE_ AS SELECT id, -n AS n FROM TABLE_;`,
		`ALTER TABLE TABLE_ RENAME TO old_TABLE_; ALTER TABLE new_TABLE_ RENAME TO TABLE_`,
	},
	"DETACH PARTITION": {
		`CREATE TABLE TABLE_ (id int, n int) PARTITION BY RANGE (id);
			CREATE TABLE low_TABLE_ PARTITION OF TABLE_ FOR VALUES FROM (1) TO (100);
			CREATE TABLE high_TABLE_ PARTITION OF TABLE_ FOR VALUES FROM (100) TO (1000);
			INSERT INTO TABLE_ SELECT i, i FROM generate_series(1, 300) i;`,
		`ALTER TABLE TABLE_ DETACH PARTITION high_TABLE_; UPDATE TABLE_ SET n = -n`,
	},
	"another view": {
		`CREATE TABLE base_TABLE_ (id int, n int); INSERT INTO base_TABLE_ SELECT i, i FROM generate_series(1, 300) i;
			CREATE VIEW TABLE_ AS SELECT * FROM base_TABLE_;`,
		`CREATE OR REPLACE VIEW TABLE_ AS SELECT id, -n AS n FROM base_TABLE_ WHERE n < 200`,
	},
	"TRUNCATE of a partition": {
		`CREATE TABLE TABLE_ (id int, n int) PARTITION BY RANGE (id);
			CREATE TABLE low_TABLE_ PARTITION OF TABLE_ FOR VALUES FROM (1) TO (1000);
			INSERT INTO TABLE_ SELECT i, i FROM generate_series(1, 300) i;`,
		`TRUNCATE low_TABLE_; INSERT INTO TABLE_ SELECT i, -i FROM generate_series(1, 300) i`,
	},
}

const itemsOracle = `SELECT i.id::text, jsonb_build_object('id', i.id, 'n', i.n, 'parts',
	coalesce((SELECT jsonb_agg(jsonb_build_object('n', p.n) ORDER BY p.n) FROM part p WHERE p.id = i.id), '[]')) FROM item i`

// items is a source of items and their parts, one of which is set up for a replacement.
func items(t *testing.T, table, setup string) (*Source, string) {
	t.Helper()
	other := map[string]string{"item": "part", "part": "item"}[table]
	url := database(t, strings.ReplaceAll(plainTable, "TABLE_", other), strings.ReplaceAll(setup, "TABLE_", table))
	cfg := config(url, "id", "SELECT id, n FROM item", "parts", "SELECT id, n FROM part")
	cfg.RangeDocuments, cfg.GiveWay = 50, 50*time.Millisecond
	return open(t, cfg), url
}

func eachReplacement(t *testing.T, test func(t *testing.T, table string, r replacement)) {
	t.Helper()
	for name, r := range replacements {
		for table, what := range map[string]string{"item": "documents", "part": "a list"} {
			t.Run(name+" of "+what, func(t *testing.T) {
				t.Parallel()
				test(t, table, replacement{r.setup, strings.ReplaceAll(r.ddl, "TABLE_", table)})
			})
		}
	}
}

// A table is replaced in a transaction that has not ended when the snapshot is taken.
func TestSnapshotWaitsForWhoReplacesATable(t *testing.T) {
	t.Parallel()
	eachReplacement(t, func(t *testing.T, table string, r replacement) {
		t.Helper()
		src, url := items(t, table, r.setup)
		writer, err := connectWriter(url)
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close(t.Context())
		mustExec(t, writer, "BEGIN; "+r.ddl)
		type taken struct {
			snap *Snapshot
			err  error
		}
		took := make(chan taken, 1)
		go func() {
			snap, err := src.Snapshot(t.Context())
			took <- taken{snap, err}
		}()
		waitFor(t, url, `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE NOT l.granted AND a.application_name = 'reindex' AND a.datname = current_database())`)
		select {
		case <-took:
			t.Fatal("the snapshot was taken before the transaction had ended")
		default:
		}
		mustExec(t, writer, "COMMIT")
		got := <-took
		if got.err != nil {
			t.Fatal(got.err)
		}
		defer got.snap.Close()
		docs, _, _, err := load(t.Context(), got.snap, 2)
		if err != nil {
			t.Fatal(err)
		}
		wantDocs(t, url, itemsOracle, docs)
	})
}

// A table is to be replaced while a stream is busy with something else. Who replaces it gets its lock before the stream
// goes on, and the stream says why it ends.
func TestSnapshotGivesWayToWhoReplacesATable(t *testing.T) {
	t.Parallel()
	eachReplacement(t, func(t *testing.T, table string, r replacement) {
		t.Helper()
		src, url := items(t, table, r.setup)
		snap := snapshot(t, src)
		reading, replaced := make(chan struct{}), make(chan struct{})
		var first sync.Once
		streamed := make(chan error, 1)
		go func() {
			_, err := snap.Stream(t.Context(), func(document.Document) error {
				first.Do(func() { close(reading); <-replaced })
				return nil
			})
			streamed <- err
		}()
		<-reading
		execSQL(t, url, r.ddl)
		close(replaced)
		wantInterrupted(t, <-streamed, table, "session ")
		if _, err := snap.Count(t.Context()); err == nil {
			t.Error("Count finds rows in a snapshot that has ended")
		}
		docs, _ := mustLoad(t, src, 2)
		wantDocs(t, url, itemsOracle, docs)
	})
}

// The next snapshot cannot have its locks as long as an ALTER TABLE waits for the one before.
func TestNextSnapshotDoesNotWaitBehindWhoWaitsForTheLast(t *testing.T) {
	t.Parallel()
	url := database(t, strings.ReplaceAll(plainTable, "TABLE_", "item"))
	cfg := config(url, "id", "SELECT id, n FROM item")
	cfg.GiveWay = time.Hour
	src := open(t, cfg)
	last := snapshot(t, src)
	altered := make(chan struct{})
	go func() {
		defer close(altered)
		execSQL(t, url, "ALTER TABLE item ADD COLUMN note text")
	}()
	waitFor(t, url, "SELECT EXISTS (SELECT FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT granted AND mode = 'AccessExclusiveLock')")
	docs, _ := mustLoad(t, src, 1)
	<-altered
	if len(docs) != 300 {
		t.Errorf("%d documents, want 300", len(docs))
	}
	_, err := last.Count(t.Context())
	wantInterrupted(t, err, "item", "ALTER TABLE")
}

// A second session of a snapshot must not wait in the queue behind an ALTER TABLE that waits for the first: an
// application's SELECT would wait as well.
func TestSessionsOfASnapshotDoNotWaitBehindWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	src, url := items(t, "item", plainTable)
	src.giveWay = time.Hour // what gives way is the session that cannot read
	snap := snapshot(t, src)
	done := make(chan struct{})
	go func() {
		defer close(done)
		execSQL(t, url, "ALTER TABLE item ADD COLUMN note text")
		execSQL(t, url, "SELECT count(*) FROM item")
	}()
	waitFor(t, url, "SELECT EXISTS (SELECT FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT granted AND mode = 'AccessExclusiveLock')")
	_, _, _, err := load(t.Context(), snap, 2)
	wantInterrupted(t, err, "item", "ALTER TABLE")
	<-done
}

// What gets past ACCESS SHARE is noticed when a stream ends.
func TestSnapshotNoticesWhatNoLockHolds(t *testing.T) {
	t.Parallel()
	const partitioned = `CREATE TABLE item (id int, n int) PARTITION BY RANGE (id);
		CREATE TABLE low PARTITION OF item FOR VALUES FROM (1) TO (100); INSERT INTO item SELECT i, i FROM generate_series(1, 99) i;
		CREATE TABLE high AS SELECT i AS id, i AS n FROM generate_series(100, 200) i;`
	for name, test := range map[string]struct {
		setup, sql, ddl string
		want            string // the table; "" if all is well
	}{
		"a partition with rows": {
			partitioned, "SELECT id, n FROM item", "ALTER TABLE item ATTACH PARTITION high FOR VALUES FROM (100) TO (1000)", "high",
		},
		"a new partition": {
			partitioned, "SELECT id, n FROM item",
			"CREATE TABLE next (LIKE item); ALTER TABLE item ATTACH PARTITION next FOR VALUES FROM (100) TO (1000); INSERT INTO item VALUES (150, 1)", "",
		},
		"an index": {
			partitioned, "SELECT id, n FROM item", "CREATE INDEX ON item (id)", "",
		},
		"an heir": {
			`CREATE TABLE item (id int, n int); INSERT INTO item VALUES (1, 1); CREATE TABLE high AS SELECT 2 AS id, 2 AS n`,
			"SELECT id, n FROM item", "ALTER TABLE high INHERIT item", "high",
		},
		"another schema": {
			`CREATE SCHEMA app; CREATE TABLE app.item AS SELECT 1 AS id, 1 AS n; CREATE SCHEMA next; CREATE TABLE next.item AS SELECT 1 AS id, 2 AS n`,
			"SELECT id, n FROM app.item", "ALTER SCHEMA app RENAME TO last; ALTER SCHEMA next RENAME TO app", "item",
		},
		"a table that a function reads": {
			`CREATE TABLE item AS SELECT i AS id FROM generate_series(1, 9) i; CREATE TABLE hidden AS SELECT id, id AS n FROM item;
				CREATE FUNCTION n_of(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT n FROM hidden WHERE id = $1); END'`,
			"SELECT id, n_of(id) AS n FROM item", "TRUNCATE hidden; INSERT INTO hidden SELECT id, -id FROM item", "hidden",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t, test.setup)
			src := open(t, config(url, "id", test.sql))
			snap := snapshot(t, src)
			execSQL(t, url, test.ddl)
			docs, _, _, err := load(t.Context(), snap, 1)
			if test.want != "" {
				wantInterrupted(t, err, test.want, "")
			} else if err != nil || docs["150"] != "" {
				t.Errorf("%d documents, %v", len(docs), err)
			}
		})
	}
}

// From the second snapshot on, what functions read is locked as well.
func TestTablesOfFunctionsAreLockedOnceTheyAreKnown(t *testing.T) {
	t.Parallel()
	url := database(t, `CREATE TABLE item AS SELECT i AS id FROM generate_series(1, 9) i; CREATE TABLE hidden AS SELECT id, id AS n FROM item;
		CREATE FUNCTION n_of(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT n FROM hidden WHERE id = $1); END'`)
	src := open(t, config(url, "id", "SELECT id, n_of(id) AS n FROM item"))
	mustLoad(t, src, 1)
	snapshot(t, src)
	const locked = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'hidden'::regclass AND mode = 'AccessShareLock' AND granted)"
	if string(rowsOf(t, url, locked)[0][0]) != "t" {
		t.Error("the second snapshot did not lock what the first has read")
	}
}

func TestSnapshotSaysWhoHasATableLocked(t *testing.T) {
	t.Parallel()
	url := database(t, strings.ReplaceAll(plainTable, "TABLE_", "item"))
	cfg := config(url, "id", "SELECT id, n FROM item")
	cfg.lockWait = time.Millisecond
	src := open(t, cfg)
	writer, err := connectWriter(url)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close(t.Context())
	mustExec(t, writer, "SET application_name = 'importer'; BEGIN; LOCK TABLE item")
	_, err = src.Snapshot(t.Context())
	if err == nil || !strings.Contains(err.Error(), "application importer") || !strings.Contains(err.Error(), "public.item") {
		t.Errorf("Snapshot = %v; want who has which table locked", err)
	}
}

func TestCommandHasNoNamesAndNoValues(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"alter table person add column x text":               "ALTER TABLE",
		"TRUNCATE person":                                    "TRUNCATE",
		"BEGIN; DROP TABLE person":                           "BEGIN DROP TABLE",
		"SELECT 'secret'":                                    "",
		"<insufficient privilege>":                           "",
		"REFRESH MATERIALIZED VIEW person_view WITH NO DATA": "REFRESH MATERIALIZED VIEW",
	} {
		if got := command(statement); got != want {
			t.Errorf("command(%q) = %q, want %q", statement, got, want)
		}
	}
}

func wantInterrupted(t *testing.T, err error, table, whom string) {
	t.Helper()
	e := (*InterruptedError)(nil)
	if !errors.As(err, &e) || !strings.HasSuffix(e.Table, table) || !strings.Contains(e.For, whom) || (e.For == "") != (whom == "") {
		t.Errorf("%v; want an *InterruptedError about %s for %q", err, table, whom)
	}
}

func mustExec(t *testing.T, conn *pgconn.PgConn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// waitFor waits until a query returns true.
func waitFor(t *testing.T, url, sql string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); string(rowsOf(t, url, sql)[0][0]) != "t"; {
		if time.Now().After(end) {
			t.Fatalf("never: %s", sql)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
