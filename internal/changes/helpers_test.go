package changes

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// conn is a connection of a test, and a [Session] once it is in a transaction.
type conn struct {
	tb  testing.TB
	pg  *pgconn.PgConn
	url string
}

func open(tb testing.TB, url string) *conn {
	tb.Helper()
	pg, err := pgconn.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	c := &conn{tb: tb, pg: pg, url: url}
	tb.Cleanup(c.close)
	// A test that would wait for a lock ends with an error that says so.
	c.must("SET lock_timeout = '60s'; SET client_min_messages = error")
	return c
}

func (c *conn) close() { _ = c.pg.Close(context.Background()) }

func (c *conn) Each(sql string, params [][]byte, row func([][]byte) error) error {
	rows := c.pg.ExecParams(context.Background(), sql, params, nil, nil, nil)
	for rows.NextRow() {
		if err := row(rows.Values()); err != nil {
			return err
		}
	}
	_, err := rows.Close()
	return err
}

// must runs statements without results.
func (c *conn) must(sql string) {
	c.tb.Helper()
	if err := c.try(sql); err != nil {
		c.tb.Fatalf("%s: %v", sql, err)
	}
}

func (c *conn) try(sql string) error {
	_, err := c.pg.Exec(context.Background(), sql).ReadAll()
	return err
}

// rows returns the rows of a query, columns joined by a vertical bar.
func (c *conn) rows(sql string) []string {
	c.tb.Helper()
	var out []string
	err := c.Each(sql, nil, func(v [][]byte) error {
		out = append(out, string(joined(v)))
		return nil
	})
	if err != nil {
		c.tb.Fatalf("%s: %v", sql, err)
	}
	return out
}

func joined(values [][]byte) []byte {
	var out []byte
	for i, v := range values {
		if i > 0 {
			out = append(out, '|')
		}
		if v == nil {
			v = []byte("NULL")
		}
		out = append(out, v...)
	}
	return out
}

// relationsOf returns what the queries read, as a transaction that has only
// planned them has locked it, with all partitions.
func relationsOf(c *conn, queries []Query) []uint32 {
	c.tb.Helper()
	c.must("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_partition_pruning = off")
	for _, q := range queries {
		c.must("EXPLAIN " + q.SQL)
	}
	// By itself first, because each catalog that is read is locked too.
	locked := c.rows("SELECT l.relation FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation'")
	c.must("ROLLBACK")
	var oids []uint32
	for _, oid := range c.rows(`
WITH RECURSIVE t(oid) AS (
  SELECT unnest('{` + strings.Join(locked, ",") + `}'::oid[])
  UNION SELECT i.inhrelid FROM pg_inherits i JOIN t ON t.oid = i.inhparent
)
SELECT t.oid FROM t JOIN pg_class c USING (oid) WHERE c.relkind NOT IN ('i', 'I') AND t.oid <> 'pg_locks'::regclass`) {
		n, err := number(oid)
		if err != nil {
			c.tb.Fatal(err)
		}
		oids = append(oids, uint32(n))
	}
	return oids
}

// snapshot opens a session, locks what the queries read, and takes a snapshot.
func snapshot(tb testing.TB, url string, queries []Query) (*conn, Snapshot) {
	tb.Helper()
	c := open(tb, url)
	oids := relationsOf(c, queries)
	c.must("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	lockAll(c, oids)
	m, err := Take(c, queries, oids)
	if err != nil {
		tb.Fatal(err)
	}
	return c, Snapshot{m, c}
}

// lockAll is what the holder of a snapshot does before its first SELECT. The
// names come from another connection, which would otherwise take the snapshot.
func lockAll(c *conn, oids []uint32) {
	c.tb.Helper()
	other := open(c.tb, c.url)
	defer other.close()
	for _, row := range other.rows("SELECT relkind, oid::regclass FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND oid >= 16384 AND oid = ANY ('" + string(oidArray(oids)) + "')") {
		kind, name, _ := strings.Cut(row, "|")
		if kind != "v" {
			name = "ONLY " + name
		}
		c.must("LOCK TABLE " + name + " IN ACCESS SHARE MODE")
	}
}

// settle waits until a new snapshot takes everything so far for old, which a
// transaction of any other test on the server may hold up.
func settle(c *conn) {
	c.tb.Helper()
	now := c.rows("SELECT pg_current_xact_id()")[0]
	for c.rows("SELECT pg_snapshot_xmin(pg_current_snapshot()) > '" + now + "'::xid8")[0] != "t" {
		c.must("SELECT pg_sleep(0.02)")
	}
}

// compare compares, and confirms as a run does.
func compare(tb testing.TB, url string, older, newer Snapshot, opts Options) Verdict {
	tb.Helper()
	v, err := Compare(older, newer, opts)
	if err != nil {
		tb.Fatal(err)
	}
	latest := open(tb, url)
	defer latest.close()
	refusal, err := newer.Confirm(latest)
	if err != nil {
		tb.Fatal(err)
	}
	if refusal != nil {
		return Verdict{Reason: *refusal}
	}
	slices.Sort(v.IDs)
	return v
}

// show writes a verdict in one line.
func show(v Verdict) string {
	switch v.Kind {
	case Idle:
		return "idle"
	case Some:
		return "ids " + strings.Join(v.IDs, " ")
	case Full:
	}
	return "full: " + v.Reason.String()
}
