package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/internal/redact"
)

// refusal is PostgreSQL's error about a statement that ran, without the values
// that its message, detail, hint and context quote.
type refusal struct{ pg *pgconn.PgError }

// refused hides the values of an error of PostgreSQL.
func refused(err error) error {
	if r := (*refusal)(nil); errors.As(err, &r) {
		return err
	}
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return &refusal{pg}
	}
	return err
}

func (e *refusal) Error() string {
	return fmt.Sprintf("%s: %s (SQLSTATE %s)", e.pg.Severity, e.text(), e.pg.Code)
}

// Unwrap returns the *pgconn.PgError.
func (e *refusal) Unwrap() error { return e.pg }

func (e *refusal) text() string { return redact.Default().PostgreSQL(e.pg.Code, e.pg.Message) }

// Unredacted returns PostgreSQL's own words, which may quote rows: it is for a
// local file that the user asked for, and for nothing else.
func (e *refusal) Unredacted() string { return unredacted(e.pg) }

func unredacted(pg *pgconn.PgError) string {
	parts := []string{pg.Message}
	for _, part := range []struct{ name, text string }{{"DETAIL", pg.Detail}, {"HINT", pg.Hint}, {"CONTEXT", pg.Where}} {
		if part.text != "" {
			parts = append(parts, part.name+": "+part.text)
		}
	}
	return strings.Join(parts, "\n")
}

// ofARow tells whether a value of one row is to blame for a refusal, a cast that
// failed for example, so that reading fewer rows finds it.
func ofARow(err error) bool {
	r := (*refusal)(nil)
	if !errors.As(err, &r) || len(r.pg.Code) != 5 {
		return false
	}
	switch r.pg.Code[:2] {
	case "21", "22", "23", "2F", "38", "39", "P0":
		return true
	}
	return false
}

// blame finds the row and the column that made reading a range fail: the range is
// read again in halves, in the same snapshot. It returns failed itself if nothing
// is found, as where the query cannot be read in parts.
func (st *stream) blame(q *query, r idRange, failed error) error {
	if !ofARow(failed) || st.reconnect() != nil {
		return failed
	}
	id, r, ok := st.session.failingRow(q, r)
	if !ok {
		return failed
	}
	reason := (*refusal)(nil)
	errors.As(failed, &reason) // ofARow has seen it
	return &RowError{
		Query: q.name, ID: id, Column: st.session.failingColumn(q, r),
		Reason: reason.Error(), Advice: castAdvice(reason.pg.Code), Err: reason,
	}
}

// failingRow cuts r down to the one id whose rows cannot be read.
func (s *session) failingRow(q *query, r idRange) (id string, _ idRange, ok bool) {
	for {
		ids, err := s.tryRow(q.medianSQL(r), r.params()...)
		if err != nil || len(ids) != 3 || ids[0] == nil {
			return "", r, false
		}
		low, high := string(ids[0]), string(ids[2])
		if low == high {
			return low, r, s.fails(q.ranges[r.index()], r)
		}
		parts := halves(r, ids)
		if r = parts[0]; !s.fails(q.ranges[r.index()], r) {
			r = parts[1]
		}
	}
}

// failingColumn names the column that cannot be read of a range of one id, or "".
func (s *session) failingColumn(q *query, r idRange) string {
	if s.fails(q.texts([]string{q.idName})[r.index()], r) {
		return "" // the rows themselves: a condition, or a column that is computed with all others
	}
	for _, c := range q.columns {
		if s.fails(q.texts([]string{c.name})[r.index()], r) {
			return c.name
		}
	}
	return ""
}

// fails tells whether a range cannot be read because of a value in it.
func (s *session) fails(sql string, r idRange) bool {
	err := s.attempt(func() error { return s.each(sql, r.params(), func([][]byte) error { return nil }) })
	return ofARow(err)
}

func (s *session) tryRow(sql string, params ...[]byte) (row [][]byte, err error) {
	err = s.attempt(func() (err error) {
		row, err = s.row(sql, params...)
		return err
	})
	return row, err
}

// attempt keeps the transaction, and so the snapshot, whatever becomes of do.
func (s *session) attempt(do func() error) error {
	if err := s.exec("SAVEPOINT attempt"); err != nil {
		return err
	}
	err := do()
	if errors.Is(err, context.Canceled) {
		return err
	}
	return errors.Join(err, s.exec("ROLLBACK TO SAVEPOINT attempt"))
}

// castAdvice says what to do about a row that cannot be read.
func castAdvice(state string) string {
	switch state {
	case "22P02", "22007", "22008", "22003":
		return "correct the row, or cast in the query only what has the right form" +
			" (CASE WHEN pg_input_is_valid(column, 'integer') THEN column::integer END from PostgreSQL 16 on)"
	case "21000":
		return "make the subquery return one row, with LIMIT 1 or an aggregate"
	case "22012":
		return "divide by NULLIF(column, 0)"
	}
	return "correct the row, or leave it out of the query"
}
