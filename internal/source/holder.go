package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// lockBriefly is how long the sessions of a snapshot wait for the lock of a table. An ALTER TABLE
	// that waits for one of them has a place in the queue of that table: whoever comes behind it, another
	// session of ours or an application, waits for as long as we do. So none of ours waits there.
	lockBriefly = 300 * time.Millisecond
	// lockWait is how long a new snapshot tries to lock its tables. It holds no lock
	// meanwhile, so nobody waits for it.
	lockWait = 10 * time.Minute
	// lockPause is the time between two tries.
	lockPause = 100 * time.Millisecond
)

// holder keeps a snapshot importable and its tables locked. Its transaction is READ COMMITTED:
// locks come first and the snapshot after them, and later statements see how things are now.
type holder struct {
	mu      sync.Mutex
	session *session // nil after release
	info    Info
	rows    int64    // that PostgreSQL expects of the document query
	tables  []string // oids of all tables of the queries, and of their children
}

// hold locks every table of the queries in ACCESS SHARE mode and exports a snapshot, in this order. TRUNCATE, a
// rewriting ALTER TABLE, REFRESH MATERIALIZED VIEW, a swap by RENAME and DETACH PARTITION are not
// transactional for a snapshot that is older than they are: it sees an empty table, or the new one
// (https://www.postgresql.org/docs/current/mvcc-caveats.html). They cannot get past the lock. What was
// at work before, the lock waits for.
func (s *Source) hold(ctx context.Context) (*holder, error) {
	t := transaction{eachStatement: true, lockTimeout: lockBriefly, policies: s.policies}
	session, err := s.connect(ctx, t)
	if err != nil {
		return nil, err
	}
	for began := time.Now(); ; {
		h, err := s.tryHold(session)
		if err == nil && h != nil {
			s.tables.Store(&h.tables)
			return h, nil
		}
		if err != nil && !timedOutForLock(err) {
			return nil, errors.Join(err, session.close())
		}
		if time.Since(began) > s.lockWait {
			return nil, errors.Join(s.locked(session, err), session.close())
		}
		// Whoever waits for an earlier snapshot of this source would never be done.
		s.giveWayEarlier()
		if err := again(session, t); err != nil {
			return nil, errors.Join(err, session.close())
		}
	}
}

// again begins a new transaction without locks after a pause.
func again(session *session, t transaction) error {
	if err := session.exec("ROLLBACK"); err != nil {
		return err
	}
	select {
	case <-time.After(lockPause):
		return session.begin(t)
	case <-session.ctx.Done():
		return context.Cause(session.ctx)
	}
}

// tryHold returns nil if a table got a child between the locks and the snapshot.
func (s *Source) tryHold(session *session) (*holder, error) {
	h := &holder{session: session}
	var err error
	if h.rows, err = s.lockTables(session); err != nil {
		return nil, err
	}
	before, err := session.lockedTables()
	if err != nil {
		return nil, err
	}
	if h.info, err = session.export(); err != nil {
		return nil, fmt.Errorf("export a snapshot: %w", err)
	}
	after, err := session.lockedTables()
	if err != nil {
		return nil, err
	}
	if h.tables = oids(after); !slices.Equal(oids(before), h.tables) {
		return nil, nil //nolint:nilnil // neither a failure nor a snapshot
	}
	return h, nil
}

// lockTables has every query planned, which locks all tables that it names, and those behind views and
// policies, and asks for no other privilege than reading does. Then it locks children that the planner has
// left out, and what streams have read beside: the tables of functions. It returns how many
// documents PostgreSQL expects.
func (s *Source) lockTables(session *session) (int64, error) {
	p, err := session.explain(s.document.ranges[idRange{}.index()])
	if err != nil {
		return 0, fmt.Errorf("plan %s: %w", s.document.name, err)
	}
	for _, q := range s.queries()[1:] {
		if _, err := session.explain(q.ranges[idRange{}.index()]); err != nil {
			return 0, fmt.Errorf("plan %s: %w", q.name, err)
		}
	}
	for _, q := range s.queries() {
		for _, l := range q.lookups {
			if _, err := session.explain(l.sql); err != nil {
				return 0, fmt.Errorf("plan %s: %w", l.name, err)
			}
		}
	}
	found, err := session.lockedTables()
	if err != nil {
		return 0, err
	}
	names := s.hidden.list()
	for _, t := range found {
		if !t.locked && !slices.Contains(names, t.parent) {
			names = append(names, t.parent)
		}
	}
	for _, name := range names {
		if err := session.lockByPlan(name); err != nil {
			return 0, err
		}
	}
	return int64(p.Rows), nil
}

// lockByPlan locks a table and all its children, as far as the role may. A child that it may not lock is one
// that the queries leave out by constants, or one behind a view, whose rows no
// query of the role can name.
func (s *session) lockByPlan(name string) error {
	if err := s.exec("SAVEPOINT reindex"); err != nil {
		return err
	}
	_, err := s.explain("SELECT FROM " + name)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return s.exec("RELEASE SAVEPOINT reindex") // a snapshot cannot be exported from inside
	case errors.As(err, &pg) && !timedOutForLock(err): // the table is gone, or the role may not read it by itself
		return s.exec("ROLLBACK TO reindex; RELEASE SAVEPOINT reindex")
	}
	return err
}

// queries are the document query and those of the lists.
func (s *Source) queries() []*query { return append([]*query{s.document}, s.lists...) }

// lockedTable is a table that a session has locked, or a child of one.
type lockedTable struct {
	oid, name string
	locked    bool
	parent    string // name of the table that it is a child of, if it is not locked
}

// lockedQuery finds what the session has locked, and by pg_inherits all children of that. Oids
// below 16384 are of the catalog.
const lockedQuery = `
WITH RECURSIVE locked AS (
  SELECT l.relation AS oid FROM pg_catalog.pg_locks l
  WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation >= 16384
), tree(oid, parent) AS (
  SELECT oid, NULL::pg_catalog.oid FROM locked
  UNION
  SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent
)
SELECT c.oid, pg_catalog.min(` + qualifiedName + `), c.oid IN (SELECT oid FROM locked),
       coalesce(pg_catalog.min(pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname)), '')
FROM tree
JOIN pg_catalog.pg_class c ON c.oid = tree.oid AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class p ON p.oid = tree.parent
LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
GROUP BY c.oid ORDER BY c.oid`

// qualifiedName is NULL where there is no table.
const qualifiedName = `pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)`

func (s *session) lockedTables() ([]lockedTable, error) {
	rows := s.pg.ExecParams(s.ctx, lockedQuery, nil, nil, nil, nil)
	var list []lockedTable
	for rows.NextRow() {
		v := rows.Values()
		list = append(list, lockedTable{string(v[0]), string(v[1]), string(v[2]) == "t", string(v[3])})
	}
	return list, s.finish(rows, "look for the locks of the session")
}

func oids(tables []lockedTable) []string {
	list := make([]string, len(tables))
	for i, t := range tables {
		list[i] = t.oid
	}
	return list
}

// arrayOf is an array of oids or process ids.
func arrayOf(numbers []string) []byte { return []byte("{" + strings.Join(numbers, ",") + "}") }

const ownersQuery = `
SELECT l.pid, ` + qualifiedName + `, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.query, '')
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock' AND l.relation = ANY ($1::pg_catalog.oid[])
ORDER BY l.pid`

// locked says who has the lock that could not be had.
func (s *Source) locked(session *session, err error) error {
	if err == nil {
		err = errors.New("a table gets one child after the other")
	}
	err = fmt.Errorf("lock the tables of the queries, for %s: %w", s.lockWait, err)
	if session.exec("ROLLBACK") != nil {
		return err
	}
	owners, _ := session.others(ownersQuery, arrayOf(*s.tables.Load())) // only makes the message better
	if len(owners) == 0 {
		return err
	}
	return fmt.Errorf("%w; %s has %s locked", err, owners[0].session(), owners[0].table)
}

// release ends the transaction, and with it the snapshot for who has not joined yet.
func (h *holder) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session == nil {
		return nil
	}
	session := h.session
	h.session = nil
	return session.close()
}

// other is a session that is not ours.
type other struct {
	pid, table, user, application, statement string
}

// waitersQuery finds who waits for a lock that one of the processes $1 has.
const waitersQuery = `
SELECT l.pid, coalesce(` + qualifiedName + `, l.relation::pg_catalog.text), coalesce(a.usename, ''),
       coalesce(a.application_name, ''), coalesce(a.query, '')
FROM pg_catalog.pg_locks l
LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND NOT l.granted AND l.pid <> ALL ($1::pg_catalog.int4[])
  AND pg_catalog.pg_blocking_pids(l.pid) && $1::pg_catalog.int4[]
ORDER BY l.pid`

// waiters returns who waits for the snapshot; processes are those of its other sessions.
func (h *holder) waiters(processes []string) ([]other, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session == nil {
		return nil, nil
	}
	return h.session.others(waitersQuery, arrayOf(append(processes, h.session.process)))
}

func (s *session) others(sql string, param []byte) ([]other, error) {
	rows := s.pg.ExecParams(s.ctx, sql, [][]byte{param}, nil, nil, nil)
	var list []other
	for rows.NextRow() {
		v := rows.Values()
		list = append(list, other{string(v[0]), string(v[1]), string(v[2]), string(v[3]), string(v[4])})
	}
	return list, s.finish(rows, "look for who waits for a lock")
}

// newChildren returns the oids of tables that have become children since the snapshot was taken.
func (h *holder) newChildren() ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session == nil {
		return nil, nil
	}
	const sql = `SELECT i.inhrelid FROM pg_catalog.pg_inherits i
		WHERE i.inhparent = ANY ($1::pg_catalog.oid[]) AND i.inhrelid <> ALL ($1::pg_catalog.oid[])`
	rows := h.session.pg.ExecParams(h.session.ctx, sql, [][]byte{arrayOf(h.tables)}, nil, nil, nil)
	var list []string
	for rows.NextRow() {
		list = append(list, string(rows.Values()[0]))
	}
	return list, h.session.finish(rows, "look for new children of tables")
}

// foreignTables are tables that streams have read and planning does not show: those in functions.
type foreignTables struct {
	mu    sync.Mutex
	names []string
}

func (f *foreignTables) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.names)
}

func (f *foreignTables) add(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.names, name) {
		f.names = append(f.names, name)
	}
}

// readQuery compares the tables that a session has read, all of which it still has locked, with how they were in
// its snapshot. Plain rows of the catalog follow the snapshot; pg_relation_filenode and pg_identify_object show the present
// (docs/failures.md, tables that are replaced). $1 are the tables that were locked before the snapshot was taken, $2 are
// children that came later: one that is older than they became children brings rows with it. A
// partition that was made later has none that the snapshot could see.
const readQuery = `
SELECT coalesce(` + qualifiedName + `, o.identity), l.relation = ANY ($1::pg_catalog.oid[]),
       c.oid IS NULL AND o.type IN ('table', 'materialized view', 'foreign table') AND pg_catalog.pg_partition_root(l.relation) IS NULL
       OR pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM nullif(c.relfilenode, 0)
       OR o.identity <> (` + qualifiedName + `) OR c.oid = ANY ($2::pg_catalog.oid[])
FROM pg_catalog.pg_locks l
LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_class'::pg_catalog.regclass, l.relation, 0) o
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.relation >= 16384
  AND (c.oid IS NULL OR c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't')
UNION ALL
SELECT ` + qualifiedName + `, true, true FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($2::pg_catalog.oid[]) AND c.relkind IN ('r', 'p', 'f')`

// proveRead returns an *InterruptedError if what the session has read is not what its snapshot
// was taken of.
func (s *Snapshot) proveRead(session *session) error {
	children, err := s.holder.newChildren()
	if err != nil {
		return err
	}
	params := [][]byte{arrayOf(s.holder.tables), arrayOf(children)}
	rows := session.pg.ExecParams(session.ctx, readQuery, params, nil, nil, nil)
	var replaced string
	for rows.NextRow() {
		v := rows.Values()
		name := string(v[0])
		if string(v[1]) != "t" {
			s.source.hidden.add(name)
		}
		if string(v[2]) == "t" && replaced == "" {
			replaced = name
		}
	}
	if err := session.finish(rows, "compare the tables that were read with the snapshot"); err != nil {
		return err
	}
	if replaced != "" {
		return &InterruptedError{Table: replaced}
	}
	return nil
}
