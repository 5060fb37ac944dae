package source

import (
	"fmt"
	"strings"
)

// idRange is a stretch of ids in PostgreSQL's order of the id column: lo is
// inside, hi is not, nil means open. All bounds are ids in text form.
type idRange struct {
	lo, hi []byte
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
func (q *query) from() string { return " FROM (" + q.sql + "\n) q" }

// texts returns the statements that read a range, by idRange.index. Every
// bound is compared in the collation of the document query's ids, so that all
// queries cut at the same places.
func (q *query) texts(columns []string, id string, fam idFamily, collate string) [4]string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "q." + quoteName(c)
	}
	base := "SELECT " + strings.Join(list, ", ") + q.from()
	from := func(n int) string { return fmt.Sprintf("%s%s >= $%d::%s", id, collate, n, fam.sqlType()) }
	below := func(n int) string { return fmt.Sprintf("%s%s < $%d::%s", id, collate, n, fam.sqlType()) }
	return [4]string{
		base,
		base + " WHERE " + from(1),
		base + " WHERE " + below(1),
		base + " WHERE " + from(1) + " AND " + below(2),
	}
}

// where returns the condition of a range alone, with its WHERE.
func (q *query) where(r idRange) string {
	return q.ranges[r.index()][len(q.ranges[0]):]
}

// nullsSQL counts the rows without an id.
func (q *query) nullsSQL() string {
	return "SELECT pg_catalog.count(*)" + q.from() + " WHERE " + q.idExpr() + " IS NULL"
}

// countSQL counts the rows.
func (q *query) countSQL() string { return "SELECT pg_catalog.count(*)" + q.from() }

// medianSQL returns the smallest, the middle and the largest id of a range.
func (q *query) medianSQL(r idRange) string {
	const at = "pg_catalog.percentile_disc(%s) WITHIN GROUP (ORDER BY %s)"
	var list [3]string
	for i, part := range []string{"0", "0.5", "1"} {
		list[i] = fmt.Sprintf(at, part, q.idExpr()+q.collate)
	}
	return "SELECT " + strings.Join(list[:], ", ") + q.from() + q.where(r)
}

// boundariesSQL returns every n-th id of the column in order. table is a
// quoted table name, or a subquery with an alias.
func boundariesSQL(table, column, collate string, n int64) string {
	return fmt.Sprintf("SELECT id FROM (SELECT %[1]s AS id, pg_catalog.row_number() OVER (ORDER BY %[1]s%[2]s) AS n"+
		" FROM %[3]s WHERE %[1]s IS NOT NULL) b WHERE n %% %[4]d = 0", column, collate, table, n)
}

func (q *query) idExpr() string { return "q." + quoteName(q.idName) }

func quoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
