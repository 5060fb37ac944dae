package changes

import (
	"strconv"
	"strings"
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
)

// trap is one way in which a good guess is wrong. Statements of during run on a
// connection of their own while the first snapshot is open.
type trap struct {
	name    string
	setup   string
	queries []Query // person and note, if empty
	during  []string
	blocked []string // would wait until the first snapshot is closed
	after   []string // when both snapshots were taken
	want    string   // as show writes it, or the beginning of a refusal that ends in ...
	since   int      // the version of PostgreSQL that has it
}

var personAndNotes = []Query{
	{Name: "person.sql", SQL: "SELECT id, name FROM person", ID: "id", IDType: "bigint"},
	{Name: "notes.sql", SQL: "SELECT person_id AS id, body FROM note", ID: "id", IDType: "bigint"},
}

const peopleTables = `
CREATE TABLE person (id bigint PRIMARY KEY, name text);
CREATE TABLE note (id serial PRIMARY KEY, person_id bigint REFERENCES person ON DELETE CASCADE, body text);
CREATE INDEX ON note (person_id);
CREATE TABLE other (id int);
INSERT INTO person SELECT i, 'n' || i FROM generate_series(1, 20) i;
INSERT INTO note (person_id, body) SELECT i, 'b' FROM generate_series(1, 20) i;`

func one1(sql string) []Query {
	return []Query{{Name: "q.sql", SQL: sql, ID: "id", IDType: "bigint"}}
}

var traps = []trap{
	{name: "nothing happened", want: "idle"},
	{name: "only another table was written", during: []string{"INSERT INTO other VALUES (1)", "VACUUM other"}, want: "idle"},
	{name: "an update, an insert and a delete", during: []string{
		"UPDATE person SET name = 'x' WHERE id = 3", "INSERT INTO person VALUES (21, 'new')", "DELETE FROM person WHERE id = 7",
	}, want: "ids 21 3 7"},
	{name: "a list row moves to another person", during: []string{"UPDATE note SET person_id = 5 WHERE person_id = 4"}, want: "ids 4 5"},
	{name: "as many deleted as inserted", during: []string{
		"DELETE FROM note WHERE person_id = 3", "INSERT INTO note (person_id, body) VALUES (11, 'y')",
	}, want: "ids 11 3"},
	{name: "a deleted row that VACUUM may not remove", during: []string{"DELETE FROM note WHERE person_id = 9", "VACUUM note"}, want: "ids 9"},
	{name: "frozen rows", during: []string{"VACUUM (FREEZE) person", "INSERT INTO person VALUES (22, 'f')", "VACUUM (FREEZE) person"}, want: "ids 22"},
	{name: "a subtransaction", during: []string{
		"BEGIN; UPDATE person SET name = 'a' WHERE id = 1; SAVEPOINT s; UPDATE person SET name = 'b' WHERE id = 2; RELEASE s; COMMIT",
	}, want: "ids 1 2"},
	{name: "a prepared transaction", during: []string{
		"BEGIN; DELETE FROM note WHERE person_id = 6; PREPARE TRANSACTION 'changes_trap'", "COMMIT PREPARED 'changes_trap'",
	}, want: "ids 6"},
	{name: "row locks and rolled-back deletes change nothing", during: []string{
		"BEGIN; SELECT FROM person WHERE id < 5 FOR UPDATE; COMMIT", "BEGIN; DELETE FROM note; ROLLBACK",
	}, want: "idle"},
	{name: "all persons are locked by foreign keys, one is deleted", during: []string{
		"INSERT INTO note (person_id, body) SELECT id, 'z' FROM person WHERE id > 15", "DELETE FROM note WHERE person_id = 2",
	}, want: "ids 16 17 18 19 2 20"},
	{name: "ALTER TABLE that adds a column with a default", during: []string{"ALTER TABLE other ADD c text DEFAULT 'z'"}, want: "idle"},
	{name: "an enum's label is renamed", setup: "CREATE TYPE mood AS ENUM ('sad', 'ok')", during: []string{"ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy'"}, want: "full: a type was created, altered or dropped"},
	{name: "a composite type's attribute is renamed", setup: "CREATE TYPE pair AS (a int, b int)", during: []string{"ALTER TYPE pair RENAME ATTRIBUTE b TO c"}, want: "full: a type was created, altered or dropped"},
	{
		name: "a function is replaced", setup: "CREATE FUNCTION f(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'one' $$",
		queries: one1("SELECT id, f(id) FROM person"),
		during:  []string{"CREATE OR REPLACE FUNCTION f(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'two' $$"},
		want:    "full: a function, operator or cast was created, replaced or dropped",
	},
	{
		name: "a function is replaced after both snapshots", setup: "CREATE FUNCTION f(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'one' $$",
		queries: one1("SELECT id, f(id) FROM person"),
		after:   []string{"CREATE OR REPLACE FUNCTION f(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'two' $$"},
		want:    "full: a function, operator or cast was created, replaced or dropped meanwhile",
	},
	{
		name: "what would replace or rewrite a table waits", setup: "CREATE VIEW v AS SELECT p.id, 'one' AS c FROM person p",
		queries: one1("SELECT v.id, c FROM v"), blocked: []string{
			"CREATE OR REPLACE VIEW v AS SELECT id, 'two' AS c FROM person", "TRUNCATE person CASCADE", "ALTER TABLE person ALTER name TYPE varchar",
			"ALTER TABLE person ADD c text DEFAULT 'z'", "CREATE POLICY y ON person USING (true)", "ALTER TABLE person RENAME TO person_before", "VACUUM FULL person", "DROP TABLE person CASCADE",
		}, want: "idle",
	},
	{
		name: "through a view", setup: "CREATE VIEW v AS SELECT id, name FROM person WHERE name <> 'hidden'",
		queries: one1("SELECT id, name FROM v"), during: []string{"UPDATE person SET name = 'hidden' WHERE id = 8"}, want: "ids 8",
	},
	{
		name: "ATTACH", setup: `CREATE TABLE p (k int, id bigint) PARTITION BY LIST (k);
		CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p3 (k int, id bigint); INSERT INTO p VALUES (1, 10); INSERT INTO p3 VALUES (3, 30)`,
		queries: one1("SELECT id, k FROM p"), during: []string{"ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3)"},
		want: "full: public.p3 was altered, ...",
	},
	{
		name: "ATTACH after both snapshots", setup: `CREATE TABLE p (k int, id bigint) PARTITION BY LIST (k);
		CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p3 (k int, id bigint); INSERT INTO p VALUES (1, 10); INSERT INTO p3 VALUES (3, 30)`,
		queries: one1("SELECT id, k FROM p"), after: []string{"ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3)"},
		want: "full: a table of the queries was altered meanwhile",
	},
	{
		name: "a row moves to another partition", setup: `CREATE TABLE p (k int, id bigint) PARTITION BY LIST (k);
		CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); INSERT INTO p VALUES (1, 10), (2, 20), (1, 11)`,
		queries: one1("SELECT id, k FROM p"), during: []string{"UPDATE p SET k = 2 WHERE id = 10", "DELETE FROM p WHERE id = 11"}, want: "ids 10 11",
	},
	{
		name: "a pruned partition", setup: `CREATE TABLE p (k int, id bigint) PARTITION BY LIST (k);
		CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); INSERT INTO p VALUES (1, 10), (2, 20)`,
		queries: one1("SELECT id, k FROM p WHERE k = 1"), during: []string{"UPDATE p SET id = 12 WHERE id = 10", "UPDATE p SET id = 22 WHERE id = 20"}, want: "ids 10 12 20 22",
	},
	{
		name: "a table with inheritance", setup: "CREATE TABLE i (id bigint); CREATE TABLE i1 () INHERITS (i)",
		queries: one1("SELECT id FROM i"), want: "full: public.i has, or had, tables that inherit from it",
	},
	{name: "INHERIT marks the parent", during: []string{"CREATE TABLE person2 (LIKE person)", "ALTER TABLE person2 INHERIT person"}, want: "full: public.person has, or had, tables that inherit from it"},
	{
		name: "REFRESH", setup: "CREATE MATERIALIZED VIEW m AS SELECT id, name FROM person",
		queries: one1("SELECT id, name FROM m"), during: []string{"REFRESH MATERIALIZED VIEW m"}, want: "full: public.m was altered, ...",
	},
	{
		name: "REFRESH CONCURRENTLY", setup: "CREATE MATERIALIZED VIEW m AS SELECT id, name FROM person; CREATE UNIQUE INDEX ON m (id)",
		queries: one1("SELECT id, name FROM m"), during: []string{"UPDATE person SET name = 'q' WHERE id = 4", "REFRESH MATERIALIZED VIEW CONCURRENTLY m"},
		want: "full: public.m was altered, ...",
	},
	{name: "VACUUM, ANALYZE, indices, statistics and temporary tables change nothing", during: []string{
		"VACUUM ANALYZE person", "CREATE INDEX person_name ON person (name)", "REINDEX TABLE person", "CREATE TEMP TABLE x (id int)",
		"CREATE STATISTICS st ON id, name FROM person",
	}, want: "idle"},
	{
		name: "a toasted value", setup: "ALTER TABLE person ALTER name SET STORAGE EXTERNAL; UPDATE person SET name = repeat('a', 10000) WHERE id = 5",
		during: []string{"UPDATE person SET name = repeat('c', 10000) WHERE id = 5"}, want: "ids 5",
	},
	{
		name: "the expression of a stored column", since: 17, setup: "CREATE TABLE g (id bigint PRIMARY KEY, n int, d int GENERATED ALWAYS AS (n * 2) STORED); INSERT INTO g VALUES (1, 1)",
		queries: one1("SELECT id, d FROM g"), blocked: []string{"ALTER TABLE g ALTER d SET EXPRESSION AS (n * 3)"}, want: "idle",
	},
	{
		name: "the expression of a virtual column", since: 18, setup: "CREATE TABLE g (id bigint PRIMARY KEY, n int, d int GENERATED ALWAYS AS (n * 2) VIRTUAL); INSERT INTO g VALUES (1, 1)",
		queries: one1("SELECT id, d FROM g"), blocked: []string{"ALTER TABLE g ALTER d SET EXPRESSION AS (n * 3)"}, want: "idle",
	},
	{name: "now()", queries: one1("SELECT id, now() AS seen FROM person"), want: "full: q.sql calls now, ..."},
	{name: "a clock as a keyword", queries: one1("SELECT id, CURRENT_TIMESTAMP AS seen FROM person"), want: "full: q.sql uses current_timestamp"},
	{name: "a clock with a comment in its call", queries: one1("SELECT id, clock_timestamp /* now */ () AS seen FROM person"), want: "full: q.sql calls clock_timestamp, ..."},
	{name: "a clock in a string", queries: one1("SELECT id, 'now'::timestamptz AS seen FROM person"), want: "full: q.sql has the word now in a string, ..."},
	{name: "a clock behind what looks like a comment", queries: one1("SELECT id, '--' AS a, now() AS seen FROM person"), want: "full: q.sql calls now, ..."},
	{name: "a clock with a quoted name", queries: one1(`SELECT id, "now" () AS seen FROM person`), want: "full: q.sql calls now, ..."},
	{name: "a clock in escapes", queries: one1(`SELECT id, U&"n\006fw"() AS seen FROM person`), want: "full: q.sql has a string or name with Unicode escapes (U&)"},
	{name: "a clock in a comment is none", queries: one1("SELECT id /* now() */ FROM person -- random()"), want: "idle"},
	{name: "a column that is called like a clock", queries: one1(`SELECT id, name AS "current_timestamp", name AS random FROM person`), want: "idle"},
	{name: "the name of a table", queries: one1("SELECT id, 16384::oid::regclass AS r FROM person"), want: "full: q.sql uses regclass, ..."},
	{name: "random()", queries: one1("SELECT id, random() AS r FROM person"), want: "full: q.sql calls random, ..."},
	{name: "age of one argument", queries: one1("SELECT id, age(timestamp '2000-01-01') AS a FROM person"), want: "full: q.sql calls age with one argument, which counts from today"},
	{name: "age of two arguments", queries: one1("SELECT id, age(timestamp '2000-01-01', timestamp '1999-01-01') AS a FROM person"), want: "idle"},
	{name: "current_date on the same day", queries: one1("SELECT id, current_date AS d FROM person"), want: "idle"},
	{
		name: "a volatile function", setup: "CREATE FUNCTION f(bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT $1 $$",
		queries: one1("SELECT id, f(id) FROM person"), want: "full: the function f(bigint) is VOLATILE (ALTER FUNCTION f(bigint) IMMUTABLE, ...",
	},
	{
		name: "a function with a clock", setup: "CREATE FUNCTION f(bigint) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN clock_timestamp(); END $$",
		queries: one1("SELECT id, f(id) FROM person"), want: "full: the function f(bigint) calls clock_timestamp, ...",
	},
	{
		name: "a function that reads a table", setup: "CREATE FUNCTION f(bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM other); END $$",
		queries: one1("SELECT id, f(id) FROM person"), want: "full: the function f(bigint) may read tables ...",
	},
	{
		name: "a function behind a view", setup: `CREATE FUNCTION f(bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN EXECUTE 'SELECT 1'; RETURN 1; END $$;
		CREATE VIEW v AS SELECT id, f(id) FROM person`,
		queries: one1("SELECT id, f FROM v"), want: "full: the function f(bigint) may read tables ...",
	},
	{
		name: "a function as a column", setup: "CREATE FUNCTION f(person) RETURNS text LANGUAGE sql AS $$ SELECT $1.name $$",
		queries: one1("SELECT p.id, p.f FROM person p"), want: "full: the function f(person) is VOLATILE ...",
	},
	{
		name: "an immutable function", setup: "CREATE FUNCTION f(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT $1 + 1 $$",
		queries: one1("SELECT id, f(id) FROM person"), during: []string{"UPDATE person SET name = 'w' WHERE id = 13"}, want: "ids 13",
	},
	{name: "a system catalog", queries: one1("SELECT oid::bigint AS id, relname FROM pg_class"), want: "full: the queries read the system catalog ..."},
	{name: "table_to_xml", queries: one1("SELECT id, table_to_xml('other', true, false, '') FROM person"), want: "full: q.sql calls table_to_xml, ..."},
	{name: "a sequence", setup: "CREATE SEQUENCE s", queries: one1("SELECT p.id, s.last_value FROM person p, s"), want: "full: the queries read the sequence public.s, ..."},
	{
		name: "a join that the planner removes", queries: one1("SELECT p.id, p.name FROM person p LEFT JOIN note n ON n.id = p.id"),
		during: []string{"DELETE FROM note WHERE person_id = 1"}, want: "full: public.note has changed, and its rows do not belong to one document each",
	},
	{
		name: "a table without a key changes", queries: one1("SELECT p.id, (SELECT count(*) FROM other) AS n FROM person p"),
		during: []string{"INSERT INTO other VALUES (2)"}, want: "full: public.other has changed, ...",
	},
	{
		name: "a table without a key does not change", queries: one1("SELECT p.id, (SELECT count(*) FROM other) AS n FROM person p"),
		during: []string{"UPDATE person SET name = 'x' WHERE id = 3"}, want: "ids 3",
	},
	{name: "a lookup that keeps its content", queries: lookup, during: []string{"UPDATE other SET id = id"}, setup: "INSERT INTO other VALUES (1), (2)", want: "idle"},
	{
		name: "a lookup that changes", queries: lookup, during: []string{"UPDATE other SET id = 3 WHERE id = 2"}, setup: "INSERT INTO other VALUES (1), (2)",
		want: "full: the rows of the lookup lookup.sql have changed",
	},
	{name: "a long writer", during: []string{"UPDATE person SET name = 'x' WHERE id = 3"}, want: "ids 3"},
}

var lookup = append([]Query{{Name: "lookup.sql", SQL: "SELECT id AS key, 'x' AS value FROM other"}}, personAndNotes...)

func TestTraps(t *testing.T) {
	t.Parallel()
	for _, tr := range traps {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			url := stacktest.Database(t)
			w := open(t, url)
			if v := w.rows("SELECT current_setting('server_version_num')::int / 10000")[0]; tr.since > 0 && v < strconv.Itoa(tr.since) {
				t.Skipf("PostgreSQL %s does not have it", v)
			}
			w.must(peopleTables)
			if tr.setup != "" {
				w.must(tr.setup)
			}
			queries := tr.queries
			if queries == nil {
				queries = personAndNotes
			}
			settle(w)
			_, older := snapshot(t, url, queries)
			for _, sql := range tr.during {
				w.must(sql)
			}
			for _, sql := range tr.blocked {
				b := open(t, url)
				b.must("SET lock_timeout = '100ms'")
				if err := b.try(sql); err == nil || !strings.Contains(err.Error(), "55P03") {
					t.Errorf("%s: %v, want a lock timeout", sql, err)
				}
			}
			_, newer := snapshot(t, url, queries)
			for _, sql := range tr.after {
				w.must(sql)
			}
			got := show(compare(t, url, older, newer, Options{}))
			if want, prefix := strings.CutSuffix(tr.want, "..."); got != tr.want && (!prefix || !strings.HasPrefix(got, want)) {
				t.Errorf("got  %s\nwant %s", got, tr.want)
			}
		})
	}
}
