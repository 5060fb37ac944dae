package scaffold

import (
	"regexp"
	"slices"
	"strings"
)

// query is a SELECT that is being written.
type query struct {
	head    []string // comments above it
	outputs []output
	missing []string // what is left out, for a comment
	from    string
	joins   []string
	where   string
	aliases *names
}

// output is a column of a query.
type output struct {
	sql   string
	name  string // of the column; "" if sql is a column of that name
	field string // of the document
	kind  object // its mapping
	note  string
	key   bool // it is of the primary key, or refers to another row
}

func newQuery(from string, aliases ...string) *query {
	q := &query{from: from, aliases: newNames()}
	q.aliases.taken["q"] = true // reindex's own
	for _, a := range aliases {
		q.aliases.taken[a] = true
	}
	return q
}

// text writes the query with a line for each column and for each table.
func (q *query) text() string {
	var b strings.Builder
	for _, line := range q.head {
		b.WriteString("-- " + comment(line) + "\n")
	}
	for i, o := range q.outputs {
		line := "       "
		if i == 0 {
			line = "SELECT "
		}
		line += o.sql
		if o.name != "" {
			line += " AS " + quoteName(o.name)
		}
		if i < len(q.outputs)-1 {
			line += ","
		}
		if o.note != "" {
			line += " -- " + comment(o.note)
		}
		b.WriteString(line + "\n")
	}
	for _, line := range q.missing {
		b.WriteString("       -- left out: " + comment(line) + "\n")
	}
	b.WriteString(strings.Join(append([]string{"FROM " + q.from}, q.joins...), "\n") + "\n")
	if q.where != "" {
		b.WriteString("WHERE " + q.where + "\n")
	}
	return b.String()
}

func (q *query) add(sql, name string, kind object, note string) {
	q.outputs = append(q.outputs, output{sql: sql, name: name, field: name, kind: kind, note: note})
}

// leaveOut takes a column, an object or a constant out of the query.
func (q *query) leaveOut(what, because string) {
	line := what
	if because != "" {
		line += ", because " + because
	}
	if !slices.Contains(q.missing, line) {
		q.missing = append(q.missing, line)
	}
}

// properties is the mapping of the query's columns but for one.
func (q *query) properties(but string) object {
	var list object
	for _, o := range q.outputs {
		if o.field != but {
			list = append(list, member{o.field, o.kind})
		}
	}
	return list
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// quoteName quotes a name of a column after AS, where every keyword may stand.
func quoteName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return quote(name)
}

// alias returns a free alias for a table: its name where that needs no quotes.
func (w *writer) alias(q *query, name string) string {
	const most = 30
	if !plainName.MatchString(name) || w.keywords[name] || len(name) > most || len(name) == 1 {
		name = "r"
	}
	return q.aliases.unique(name)
}

var hintName = regexp.MustCompile(`^([A-Za-z_][A-Za-z_0-9]*|"[^"]+")$`)

// rangeHint is the comment that lets reindex carry the range of ids to a joined
// table, for a column that is the id in every row that matters.
func rangeHint(alias string, c *column) string {
	if !hintName.MatchString(c.sql) || strings.ContainsAny(c.sql, "*/\n\r") {
		return ""
	}
	return " /*range " + alias + "." + c.sql + "*/"
}

// equal is the condition that the columns of two tables are the same.
func equal(a string, columns []*column, b string, others []*column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = a + "." + c.sql + " = " + b + "." + others[i].sql
	}
	return strings.Join(parts, " AND ")
}
