package source

import (
	"fmt"
	"regexp"
	"strings"
)

// A hint is a comment such as /*range f.person_id*/ behind a condition of a
// query. It promises that the column is the id in every row that matters, and
// for each range it becomes "AND f.person_id >= $1 AND f.person_id < $2".
// PostgreSQL carries the condition around the query to one table by itself, and
// never from p.id to an f.person_id that must be equal to it.
type hint struct {
	start, end int // of the comment
	column     string
}

// parseHint reads a block comment.
func parseHint(comment string) (column string, ok bool) {
	const name = `(?:[A-Za-z_][A-Za-z_0-9]*|"[^"]+")`
	match := regexp.MustCompile(`^/\*\s*range\s+(` + name + `(?:\.` + name + `)*)\s*\*/$`).FindStringSubmatch(comment)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// bounds returns the conditions of a range on an expression; a parameter of 0
// leaves that side open.
func (q *query) bounds(expr string, lo, hi int) []string {
	var list []string
	if lo > 0 {
		list = append(list, fmt.Sprintf("%s%s >= $%d::%s", expr, q.collate, lo, q.family.sqlType()))
	}
	if hi > 0 {
		list = append(list, fmt.Sprintf("%s%s < $%d::%s", expr, q.collate, hi, q.family.sqlType()))
	}
	return list
}

// fromRange is from with the hints' conditions.
func (q *query) fromRange(lo, hi int) string {
	var sql strings.Builder
	at := 0
	for _, h := range q.hints {
		sql.WriteString(q.sql[at:h.start])
		at = h.end
		for _, bound := range q.bounds(h.column, lo, hi) {
			sql.WriteString(" AND " + bound)
		}
	}
	sql.WriteString(q.sql[at:])
	return " FROM (" + sql.String() + "\n) q"
}

// hintsSQL tells whether the rows of a range are the same with the hints and
// without them, whatever their order.
func (q *query) hintsSQL(r idRange) string {
	lo, hi := r.numbers()
	rows := func(from string) string {
		return "(SELECT pg_catalog.count(*) || ' ' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(q::pg_catalog.text, 0)), 0)" +
			from + where(q.bounds(q.idExpr(), lo, hi)) + ")"
	}
	return "SELECT " + rows(q.fromRange(lo, hi)) + " = " + rows(q.from())
}

// checkHints compares a few documents in the middle of count. Without hints a
// query may have to read whole tables even for them, once.
func (s *Source) checkHints(session *session, count int64) error {
	const sample = 512
	hinted := s.hinted()
	if len(hinted) == 0 || count == 0 {
		return nil
	}
	var r idRange
	middle := (count + 1) / 2
	ids := session.pg.ExecParams(session.ctx, s.document.nthSQL(middle, middle+sample), nil, nil, nil, nil).Read()
	if ids.Err != nil {
		return fmt.Errorf("check the /*range*/ comments: %w", session.cause(ids.Err))
	}
	r.lo = ids.Rows[0][0]
	if len(ids.Rows) > 1 {
		r.hi = ids.Rows[1][0]
	}
	for _, q := range hinted {
		if err := q.checkHints(session, r); err != nil {
			return err
		}
	}
	return nil
}

func (q *query) checkHints(session *session, r idRange) error {
	row, err := session.row(q.hintsSQL(r), r.params()...)
	if err != nil {
		return fmt.Errorf("check the /*range*/ comments of %s: %w", q.name, err)
	}
	if string(row[0]) == "t" {
		return nil
	}
	return &ConfigError{
		Query: q.name, Reason: "a /*range ...*/ comment changes the rows of the query",
		Hint: "name only columns in it that must be equal to " + quoteName(q.idName) + ", and put it behind that very condition",
	}
}

// hinted are the queries with hints.
func (s *Source) hinted() []*query {
	var list []*query
	for _, q := range append([]*query{s.document}, s.lists...) {
		if len(q.hints) > 0 {
			list = append(list, q)
		}
	}
	return list
}
