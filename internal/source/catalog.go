package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Catalog is a read-only session that answers questions about tables and types.
// It is for one goroutine.
type Catalog struct{ session *session }

// OpenCatalog connects to the database of a connection string, or to that of
// the PG* variables if url is empty. Close ends the session.
func OpenCatalog(ctx context.Context, url string) (*Catalog, error) {
	conf, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	session, err := connect(ctx, conf, transaction{})
	if err != nil {
		return nil, err
	}
	return &Catalog{session: session}, nil
}

// Rows returns all rows of a query, each value as PostgreSQL's text, or nil for
// NULL. doing says what the query is for, for errors.
func (c *Catalog) Rows(doing, sql string, params ...string) ([][][]byte, error) {
	values := make([][]byte, len(params))
	for i, p := range params {
		values[i] = []byte(p)
	}
	result := c.session.pg.ExecParams(c.session.ctx, sql, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("%s: %w", doing, c.session.cause(result.Err))
	}
	return result.Rows, nil
}

// Look is Rows for a query that may fail or take long, such as a look at data:
// it is given up after that many milliseconds, and the session goes on.
func (c *Catalog) Look(doing string, milliseconds int, sql string) ([][][]byte, error) {
	if err := c.session.exec(fmt.Sprintf("SAVEPOINT look; SET LOCAL statement_timeout = %d", milliseconds)); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	rows, err := c.Rows(doing, sql)
	if restored := c.session.exec("ROLLBACK TO look"); restored != nil {
		return nil, errors.Join(err, restored)
	}
	return rows, err
}

// Relation resolves a name as SQL would and returns the oid, or "" if there is
// no such table or view.
func (c *Catalog) Relation(name string) (string, error) {
	if strings.TrimSpace(name) == "" {
		return "", &ConfigError{Reason: "the name of the table is empty", Advice: "name it as in SQL, such as person or hr.person"}
	}
	row, err := c.session.row("SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid", []byte(name))
	if err != nil {
		return "", &ConfigError{
			Reason: "the name of the table, " + name + ", cannot be read: " + err.Error(),
			Advice: `name it as in SQL, such as person, hr.person or "Odd Name"`, Err: err,
		}
	}
	return string(row[0]), nil
}

// Close ends the session.
func (c *Catalog) Close() error { return c.session.close() }

func (s *session) finish(rows *pgconn.ResultReader, doing string) error {
	if _, err := rows.Close(); err != nil {
		return fmt.Errorf("%s: %w", doing, s.cause(err))
	}
	return nil
}
