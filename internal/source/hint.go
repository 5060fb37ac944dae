package source

import (
	"fmt"
	"strings"
)

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
	return q.fromHinted(func(column string) string {
		var conditions strings.Builder
		for _, bound := range q.bounds(column, lo, hi) {
			conditions.WriteString(" AND " + bound)
		}
		return conditions.String()
	})
}

// fromHinted is from with conditions in the place of the hints.
func (q *query) fromHinted(conditions func(column string) string) string {
	var sql strings.Builder
	at := 0
	for _, h := range q.hints {
		sql.WriteString(q.sql[at:h.Start])
		at = h.End
		sql.WriteString(conditions(h.Column))
	}
	sql.WriteString(q.sql[at:])
	return " FROM (" + sql.String() + "\n) q"
}

// hintsSQL tells whether the rows of a range are the same with the hints and
// without them, whatever their order.
func (q *query) hintsSQL(r idRange) string {
	lo, hi := r.numbers()
	return q.sameRows(q.fromRange(lo, hi), q.bounds(q.idExpr(), lo, hi))
}

// oneHintSQL does so for the rows of one id, $1. A hint says then what it
// promises, that its column is the id.
func (q *query) oneHintSQL() string {
	is := func(column string) string { return column + q.collate + " = $1::" + q.family.sqlType() }
	from := q.fromHinted(func(column string) string { return " AND " + is(column) })
	return q.sameRows(from, []string{is(q.idExpr())})
}

func (q *query) sameRows(hinted string, conditions []string) string {
	rows := func(from string) string {
		return "(SELECT pg_catalog.count(*) || ' ' || coalesce(pg_catalog.sum(pg_catalog.hashtextextended(q::pg_catalog.text, 0)), 0)" +
			from + where(conditions) + ")"
	}
	return "SELECT " + rows(hinted) + " = " + rows(q.from())
}

// hintSample is how many documents hints are checked with.
const hintSample = 512

// checkHints compares some of count documents with and without hints, once for
// a source: documents from all over the ids where PostgreSQL finds one by
// indices, for it carries "= $1" around a query to all columns that must be equal
// to the id. Where it cannot, a document costs a reading of whole tables, and so
// does a stretch of as many side by side: that is compared then.
func (s *Source) checkHints(session *session, count int64) error {
	hinted := s.hinted()
	if len(hinted) == 0 || count == 0 || s.hintsChecked.Load() {
		return nil
	}
	every := max(1, count/hintSample)
	ids, err := s.sample(session, every)
	if err != nil || len(ids) == 0 { // none but ids that are NULL, which streams refuse
		return err
	}
	for _, q := range hinted {
		same, err := q.sameWithHints(session, ids, stretch(ids, every))
		if err != nil {
			return fmt.Errorf("check the /*range*/ comments of %s: %w", q.name, err)
		}
		if !same {
			return &ConfigError{
				Query: q.name, Reason: "a /*range ...*/ comment changes the rows of the query",
				Advice: "name only columns in it that must be equal to " + quoteName(q.idName) + ", and put it behind that very condition",
			}
		}
	}
	s.hintsChecked.Store(true)
	return nil
}

// sample returns every n-th id of the document query, hintSample of them and at
// most twice as many; all if there are fewer. They come from the query and not
// from the table of its ids, most of whose rows may be no documents.
func (s *Source) sample(session *session, every int64) ([][]byte, error) {
	q := s.document
	rows := session.pg.ExecParams(session.ctx, boundariesSQL(q.rows(), q.idExpr(), q.collate, every), nil, nil, nil, nil)
	var ids [][]byte
	for rows.NextRow() {
		ids = append(ids, append([]byte{}, rows.Values()[0]...))
	}
	return ids, session.finish(rows, "choose ids to check the /*range*/ comments with")
}

// stretch returns a range of hintSample documents or more in the middle of ids,
// of which every n-th is there; of fewer at their end.
func stretch(ids [][]byte, every int64) idRange {
	from := len(ids) / 2
	to := from + int((hintSample+every-1)/every)
	r := idRange{lo: ids[from]}
	if to < len(ids) {
		r.hi = ids[to]
	}
	return r
}

func (q *query) sameWithHints(session *session, ids [][]byte, stretch idRange) (bool, error) {
	single, err := session.explain(q.oneHintSQL(), ids[0])
	if err != nil {
		return false, err
	}
	together, err := session.explain(q.hintsSQL(stretch), stretch.params()...)
	if err != nil {
		return false, err
	}
	if single.Cost*float64(len(ids)) < together.Cost {
		return q.sameForEach(session, ids)
	}
	row, err := session.row(q.hintsSQL(stretch), stretch.params()...)
	return err == nil && string(row[0]) == "t", err
}

// sameForEach prepares the comparison, because planning it takes far longer than
// a lookup.
func (q *query) sameForEach(session *session, ids [][]byte) (bool, error) {
	const name = "reindex_hint"
	if _, err := session.pg.Prepare(session.ctx, name, q.oneHintSQL(), nil); err != nil {
		return false, session.cause(err)
	}
	for _, id := range ids {
		result := session.pg.ExecPrepared(session.ctx, name, [][]byte{id}, nil, nil).Read()
		if result.Err != nil {
			return false, session.cause(result.Err)
		}
		if string(result.Rows[0][0]) != "t" {
			return false, nil
		}
	}
	return true, session.exec("DEALLOCATE " + name)
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
