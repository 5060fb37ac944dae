package source

import (
	"fmt"
	"strings"
)

// idRange is a stretch of ids in PostgreSQL's order of the id column: lo is
// inside, hi is not, nil means open. All bounds are ids in text form.
type idRange struct {
	lo, hi []byte
	// number is its own, or that of the range it is a part of.
	number int
	// whole says that the range is one id and cannot be cut.
	whole bool
	// nulls, if set, makes this no range but the task to look for rows of one
	// query that have no id and so are in no range.
	nulls *query
}

// String names the range for messages.
func (r idRange) String() string {
	switch {
	case r.lo == nil && r.hi == nil:
		return "all ids"
	case r.lo == nil:
		return "ids below " + shortID(string(r.hi))
	case r.hi == nil:
		return "ids from " + shortID(string(r.lo))
	}
	return "ids from " + shortID(string(r.lo)) + " below " + shortID(string(r.hi))
}

// params returns the bounds that are there, in the order of the condition.
func (r idRange) params() [][]byte {
	params := make([][]byte, 0, 2)
	for _, bound := range [][]byte{r.lo, r.hi} {
		if bound != nil {
			params = append(params, bound)
		}
	}
	return params
}

// numbers returns the numbers of the bounds' parameters, 0 for none.
func (r idRange) numbers() (lo, hi int) {
	if r.lo != nil {
		lo = 1
	}
	if r.hi != nil {
		hi = lo + 1
	}
	return lo, hi
}

// index tells which of a query's four texts reads the range.
func (r idRange) index() int {
	i := 0
	if r.lo != nil {
		i |= 1
	}
	if r.hi != nil {
		i |= 2
	}
	return i
}

// from returns the user's statement as a subquery named q. The line break
// keeps a comment in the last line from swallowing the parenthesis.
func (q *query) from() string { return " FROM " + q.rows() }

func (q *query) rows() string { return "(" + q.sql + "\n) q" }

// texts returns the statements that read a range, by idRange.index. Every
// bound is compared in the collation of the document query's ids, so that all
// queries cut at the same places.
// more is SQL that is selected after the columns.
func (q *query) texts(columns []string, more ...string) [4]string {
	base := strings.Join(append([]string{q.selectSQL(columns)}, more...), ", ")
	text := func(lo, hi int) string {
		return base + q.fromRange(lo, hi) + where(q.idBounds(lo, hi))
	}
	return [4]string{text(0, 0), text(1, 0), text(0, 1), text(1, 2)}
}

func (q *query) selectSQL(columns []string) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		if list[i] = "q." + quoteName(c); c == q.idName {
			list[i] = q.idExpr()
		}
	}
	return "SELECT " + strings.Join(list, ", ")
}

// byKeysSQL returns the statements that read the rows with the keys in the array $1, which are of one range: PostgreSQL
// does not carry $1 into a query with ORDER BY, and would read all of its table without the bounds.
func (q *query) byKeysSQL(columns []string) [4]string {
	text := func(lo, hi int) string {
		return q.selectSQL(columns) + q.from() + where(append(q.idBounds(lo, hi), q.composite.isIn()))
	}
	return [4]string{text(0, 0), text(2, 0), text(0, 2), text(2, 3)}
}

// byIDsSQL returns the statement that reads the rows of the ids in the array $1.
func (q *query) byIDsSQL(columns []string) string {
	is := func(column string) string {
		return column + q.collate + " = ANY ($1::" + q.family.sqlType() + "[])"
	}
	from := q.fromHinted(func(column string) string { return " AND " + is(column) })
	sql := q.selectSQL(columns) + from + " WHERE " + is(q.idExpr())
	if q.family == idText { // ids that only their collation takes for equal are others
		sql += " AND " + q.idExpr() + ` COLLATE "C" = ANY ($1::pg_catalog.text[])`
	}
	return sql
}

func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// rangeSQL returns what follows the select list in the text that reads a range.
func (q *query) rangeSQL(r idRange) string {
	lo, hi := r.numbers()
	return q.fromRange(lo, hi) + where(q.idBounds(lo, hi))
}

// nullsSQL counts the rows without an id.
func (q *query) nullsSQL() string {
	return "SELECT pg_catalog.count(*)" + q.from() + " WHERE " + q.idExpr() + " IS NULL"
}

// countSQL counts the rows.
func (q *query) countSQL() string { return "SELECT pg_catalog.count(*)" + q.from() }

// medianSQL returns the smallest, the middle and the largest id of a range.
func (q *query) medianSQL(r idRange) string {
	if q.byTuple() { // of which PostgreSQL has no percentile
		const at = "pg_catalog.max(k) FILTER (WHERE n = %s)"
		return "SELECT " + fmt.Sprintf(at, "1") + ", " + fmt.Sprintf(at, "(c + 1) / 2") + ", " + fmt.Sprintf(at, "c") +
			" FROM (SELECT " + q.keyExpr() + " AS k, pg_catalog.row_number() OVER (ORDER BY " + q.orderExpr() + ") AS n, pg_catalog.count(*) OVER () AS c" +
			q.rangeSQL(r) + ") b"
	}
	const at = "pg_catalog.percentile_disc(%s) WITHIN GROUP (ORDER BY %s)"
	var list [3]string
	for i, part := range []string{"0", "0.5", "1"} {
		list[i] = fmt.Sprintf(at, part, q.idExpr()+q.collate)
	}
	return "SELECT " + strings.Join(list[:], ", ") + q.rangeSQL(r)
}

// boundariesSQL returns every n-th id of the column in order. table is a
// quoted table name, or a subquery with an alias.
func boundariesSQL(table, column, collate string, n int64) string {
	return everySQL(table, column, column, column+collate, n)
}

// everySQL returns every n-th key of the rows that have an id.
func everySQL(table, id, key, order string, n int64) string {
	return fmt.Sprintf("SELECT id FROM (SELECT %s AS id, pg_catalog.row_number() OVER (ORDER BY %s) AS n"+
		" FROM %s WHERE %s IS NOT NULL) b WHERE n %% %d = 0", key, order, table, id, n)
}

func (q *query) idExpr() string {
	if q.composite != nil {
		return q.composite.expr()
	}
	return "q." + quoteName(q.idName)
}

func quoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
