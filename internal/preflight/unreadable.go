package preflight

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
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

// errNoConnection hides why, which opening the source tells without a secret.
var errNoConnection = errors.New("look at the database: no connection")

// Unreadable names every table of the queries that the role of the connection
// string may not read, quoted where SQL wants it. A query that cannot be
// prepared is left out. It is for a database that has refused one table: what
// opens the source learns of one at a time.
func Unreadable(ctx context.Context, url string, queries []string) ([]string, error) {
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return nil, errNoConnection
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing was changed
	if _, err := conn.Exec(ctx, "BEGIN READ ONLY").ReadAll(); err != nil {
		return nil, fmt.Errorf("look for the tables that may not be read: %w", err)
	}
	for _, query := range queries {
		prepareAlone(ctx, conn, query)
	}
	result := conn.ExecParams(ctx, unreadableSQL, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("look for the tables that may not be read: %w", result.Err)
	}
	var tables []string
	for _, row := range result.Rows {
		tables = append(tables, string(row[0]))
	}
	return tables, nil
}

// prepareAlone keeps the locks of a success, and the transaction whatever
// becomes of the query.
func prepareAlone(ctx context.Context, conn *pgconn.PgConn, query string) {
	_, _ = conn.Exec(ctx, "SAVEPOINT query").ReadAll() // the last query of the transaction finds out what is wrong
	if _, err := conn.Prepare(ctx, "", query, nil); err != nil {
		_, _ = conn.Exec(ctx, "ROLLBACK TO SAVEPOINT query").ReadAll() // as above
	}
}
