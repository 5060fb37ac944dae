package source

import (
	"context"
	"errors"
)

// unreadableSQL finds the tables and views that the statements prepared in this
// transaction name, and that the role may not read. Preparing locks them all
// and asks for no privilege. What only a view reads is read in the name of its
// owner.
const unreadableSQL = `
SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT IN ('pg_catalog', 'information_schema')
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
  AND NOT pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_locks above
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = above.relation AND r.ev_class <> c.oid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
    WHERE above.pid = pg_catalog.pg_backend_pid() AND d.refobjid = c.oid)
ORDER BY 1`

// Unreadable names every table of the queries that the role of the connection
// string may not read, quoted where SQL wants it. A query that cannot be
// prepared is left out. It is for a database that has refused one table: what
// opens the source learns of one at a time.
func Unreadable(ctx context.Context, url string, queries []string) ([]string, error) {
	conf, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	// With policies, a query that one would filter can be prepared all the same.
	session, err := connect(ctx, conf, transaction{policies: true})
	if err != nil {
		return nil, err
	}
	tables, err := session.unreadable(queries)
	return tables, errors.Join(err, session.close())
}

func (s *session) unreadable(queries []string) ([]string, error) {
	for _, query := range queries {
		s.prepareAlone(query)
	}
	rows := s.pg.ExecParams(s.ctx, unreadableSQL, nil, nil, nil, nil)
	var tables []string
	for rows.NextRow() {
		tables = append(tables, string(rows.Values()[0]))
	}
	return tables, s.finish(rows, "look for the tables that may not be read")
}

// prepareAlone keeps the locks of a success, and the transaction whatever
// becomes of the query.
func (s *session) prepareAlone(query string) {
	_ = s.exec("SAVEPOINT query") // the last query of the transaction finds out what is wrong
	if _, err := s.pg.Prepare(s.ctx, "", query, nil); err != nil {
		_ = s.exec("ROLLBACK TO SAVEPOINT query") // as above
	}
}
