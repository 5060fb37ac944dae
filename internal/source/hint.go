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
// without them, whatever their order; with one, only those of its first id.
func (q *query) hintsSQL(r idRange, one bool) string {
	lo, hi := r.numbers()
	conditions := q.bounds(q.idExpr(), lo, hi)
	if one {
		conditions = append(conditions, fmt.Sprintf("%s = $1::%s", q.idExpr(), q.family.sqlType()))
	}
	rows := func(from string) string {
		return "(SELECT pg_catalog.count(*) || ' ' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(q::pg_catalog.text, 0)), 0)" +
			from + where(conditions) + ")"
	}
	return "SELECT " + rows(q.fromRange(lo, hi)) + " = " + rows(q.from())
}

// Sizes of the two samples that hints are checked with.
const (
	hintDocuments = 16  // far from each other
	hintStretch   = 512 // side by side, in the middle
)

// checkHints compares some of count documents, once for a source: a stretch from
// the middle, for which tables may have to be read as a whole, and documents from
// all over the ids. PostgreSQL carries "= $1" around a query to all columns that
// must be equal to the id, so those are found by indices; where it cannot, they
// would cost a reading of whole tables each, and are left out.
func (s *Source) checkHints(session *session, count int64) error {
	hinted := s.hinted()
	if len(hinted) == 0 || count == 0 || s.hintsChecked.Load() {
		return nil
	}
	single, stretch, err := s.sample(session, count)
	if err != nil || len(single) == 0 {
		return err
	}
	for _, q := range hinted {
		if err := q.checkHints(session, single, stretch); err != nil {
			return err
		}
	}
	s.hintsChecked.Store(true)
	return nil
}

// sample returns documents from all over the order, and the stretch that
// begins with the middle one of them.
func (s *Source) sample(session *session, count int64) (single, stretch []idRange, err error) {
	var places []int64
	for i := range int64(hintDocuments) {
		places = append(places, 1+count*(2*i+1)/(2*hintDocuments))
	}
	rows := session.pg.ExecParams(session.ctx, s.document.sampleSQL(places, hintStretch), nil, nil, nil, nil).Read()
	if rows.Err != nil {
		return nil, nil, fmt.Errorf("check the /*range*/ comments: %w", session.cause(rows.Err))
	}
	for i, row := range rows.Rows {
		single = append(single, idRange{lo: row[0], hi: row[1]})
		if i == len(rows.Rows)/2 {
			stretch = []idRange{{lo: row[0], hi: row[2]}}
		}
	}
	return single, stretch, nil
}

func (q *query) checkHints(session *session, single, stretch []idRange) error {
	one, err := q.cheaper(session, single, stretch)
	if err != nil {
		return err
	}
	if err := q.compare(session, stretch, false); err != nil || !one {
		return err
	}
	return q.compare(session, single, true)
}

func (q *query) compare(session *session, sample []idRange, one bool) error {
	for _, r := range sample {
		row, err := session.row(q.hintsSQL(r, one), r.params()...)
		if err != nil {
			return fmt.Errorf("check the /*range*/ comments of %s: %w", q.name, err)
		}
		if string(row[0]) != "t" {
			return &ConfigError{
				Query: q.name, Reason: "a /*range ...*/ comment changes the rows of the query",
				Hint: "name only columns in it that must be equal to " + quoteName(q.idName) + ", and put it behind that very condition",
			}
		}
	}
	return nil
}

// cheaper tells whether the planner expects all single documents together to
// cost less than the stretch.
func (q *query) cheaper(session *session, single, stretch []idRange) (bool, error) {
	var costs [2]float64
	for i, sample := range [][]idRange{single, stretch} {
		p, err := session.explain(q.hintsSQL(sample[0], i == 0), sample[0].params()...)
		if err != nil {
			return false, fmt.Errorf("check the /*range*/ comments of %s: %w", q.name, err)
		}
		costs[i] = p.Cost * float64(len(sample))
	}
	return costs[0] < costs[1], nil
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
