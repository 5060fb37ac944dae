package scaffold

import (
	"fmt"
	"slices"
	"strings"

	"example.com/reindex/internal/source"
)

// writer writes the files for one table.
type writer struct {
	catalog  *source.Catalog
	options  Options
	table    *relation
	id       *identity
	rules    []rule
	lacks    map[string]bool // types of fields that Elasticsearch has not
	keywords map[string]bool
	excluded map[string]bool // entries of Options.Exclude, true once they met something
	warnings []string
}

// value is a column of a table with that alias, to be converted.
func (w *writer) value(c *column, alias string, inJSON bool) value {
	var classes []string
	for _, r := range []*relation{w.table} {
		if r != nil && r.byNumber[c.number] == c {
			classes = r.classes[c.number]
		}
	}
	return value{sql: alias + "." + c.sql, typ: c.typ, typmod: c.typmod, name: c.typeName, look: c.look, inJSON: inJSON, classes: classes}
}

// document writes the query with one row per document.
func (w *writer) document() *query {
	q := newQuery(w.id.from("t"), "t")
	q.head = []string{"One row per document. Column names are the names of the fields; rename them with AS."}
	if w.id.note != "" {
		q.head = append(q.head, w.id.note)
	}
	if w.id.plain == nil {
		q.head = append(q.head, w.slowID()...)
	}
	taken := newNames()
	if w.id.inside == nil {
		taken.taken[w.id.name] = true
		q.outputs = append(q.outputs, w.id.output("t", w.id.kind))
	}
	columns := w.table.columns
	if len(w.options.Columns) > 0 {
		columns = slices.DeleteFunc(slices.Clone(columns), func(c *column) bool { return !w.chosen(c) })
	}
	w.columns(q, part{table: w.table, columns: columns, alias: "t", document: true, depth: w.options.Depth, taken: taken})
	if w.options.Depth > 0 {
		w.singles(q, taken)
	}
	return q
}

// slowID says what PostgreSQL needs to find a range of ids that are no column.
func (w *writer) slowID() []string {
	if w.id.index == "" {
		w.warn("PostgreSQL reads all of %s for every range of ids: it allows no index on them", w.table.sql)
		return []string{
			"PostgreSQL allows no index on this id, because its text depends on settings of the session, and so reads the whole table",
			"for every range of ids. Of a large table, add a column with the id.",
		}
	}
	if w.table.distant {
		w.warn("PostgreSQL reads all of %s for every range of ids, unless an index of the table that it reads has the id", w.table.sql)
		return []string{
			"PostgreSQL reads all of it for every range of ids, unless an index of the table that it reads has this expression. Of a large",
			"one, make a materialised view with an index.",
		}
	}
	statement := fmt.Sprintf("CREATE INDEX ON %s ((%s));", w.table.sql, w.id.index)
	w.warn("without an index on the id PostgreSQL reads all of %s for every range of ids: %s", w.table.sql, statement)
	return []string{"Without an index on it PostgreSQL reads the whole table for every range of ids. Of a large table:", "  " + statement}
}

func (w *writer) warn(format string, args ...any) {
	w.warnings = append(w.warnings, comment(fmt.Sprintf(format, args...)))
}

// chosen tells whether a column is in Options.Columns, or is the id.
func (w *writer) chosen(c *column) bool {
	return c == w.id.inside || slices.ContainsFunc(w.options.Columns, func(name string) bool { return name == c.name || name == c.sql })
}

// part is the columns of one table in a query.
type part struct {
	table    *relation
	columns  []*column
	alias    string
	depth    int              // how many foreign keys from here are followed
	document bool             // they are the documents' own
	inJSON   bool             // they become members of an object
	other    bool             // they belong to another row than the document or the element: few are taken
	more     map[*column]bool // of another row, not taken
	taken    *names
	// prefix is put before a name that is taken, such as that of the id.
	prefix string
}

// columns adds the columns of one table, and the rows that they refer to.
func (w *writer) columns(q *query, p part) {
	fields := p.taken.renamed(p.columns, p.prefix)
	instead := map[*column]*foreignKey{}
	var more []*foreignKey
	for _, k := range w.parents(p) {
		c := k.columns[0]
		if len(k.columns) > 1 || instead[c] != nil || !k.validated || p.document && c == w.id.inside {
			more = append(more, k)
			continue
		}
		instead[c] = k
	}
	p.more = map[*column]bool{}
	for _, c := range p.columns {
		if w.leftOut(q, p, c) {
			continue
		}
		if k := instead[c]; k == nil || !w.insteadOf(q, p, k, fields[c]) {
			w.column(q, p, c, fields[c])
		}
	}
	w.locations(q, p)
	if len(p.more) > 0 {
		var names []string
		for _, c := range p.columns {
			if p.more[c] {
				names = append(names, c.sql)
			}
		}
		q.leaveOut("of "+p.alias+": "+strings.Join(names, ", ")+"; add what people search by", "")
	}
	for _, k := range more {
		base, table := objectName(k.columns[0].name), fieldName(k.to.name)
		if len(k.columns) > 1 {
			base = table
		}
		name := p.taken.unique(base, table, table+"_"+fieldName(k.columns[0].name))
		if !w.object(q, p, k, name) {
			delete(p.taken.taken, name)
		}
	}
}

// insteadOf puts the row that a column refers to in the place of the column,
// under its short name if that is free: country for country_id.
func (w *writer) insteadOf(q *query, p part, k *foreignKey, field string) bool {
	name := objectName(k.columns[0].name)
	if p.taken.taken[name] {
		return w.object(q, p, k, field)
	}
	if !w.object(q, p, k, name) {
		return false
	}
	p.taken.taken[name] = true
	delete(p.taken.taken, field)
	return true
}

// column adds one column.
func (w *writer) column(q *query, p part, c *column, field string) {
	if p.document && c == w.id.inside {
		q.outputs = append(q.outputs, w.id.output(p.alias, w.id.kind))
		return
	}
	converted := w.convert(w.value(c, p.alias, p.inJSON))
	if converted.sql == "" {
		q.leaveOut(p.alias+"."+c.sql+" ("+c.typeName+")", converted.note)
		return
	}
	name := field
	if converted.sql == p.alias+"."+c.sql && c.name == field {
		name = ""
	}
	q.outputs = append(q.outputs, output{sql: converted.sql, name: name, field: field, kind: converted.field, note: converted.note, key: p.table.isKey(c)})
}

// isKey tells whether a column is of the primary key, or refers to another row.
func (r *relation) isKey(c *column) bool {
	return slices.Contains(r.primary, c) || slices.ContainsFunc(r.parents, func(k *foreignKey) bool { return slices.Contains(k.columns, c) })
}

// leftOut tells whether a column is no field, and says so in the query.
func (w *writer) leftOut(q *query, p part, c *column) bool {
	what := p.alias + "." + c.sql
	switch {
	case p.document && c == w.id.inside:
		return false
	case !c.readable:
		q.leaveOut(what, "this role may not read it")
	case w.excludes(p.table, c):
		q.leaveOut(what, "")
	case secret.MatchString(c.name) && (!p.document || len(w.options.Columns) == 0): // else it was chosen by name
		q.leaveOut(what, "its name is that of a secret")
	case p.other && (len(q.outputs) >= mostOfOthers || !short(c.typ)):
		p.more[c] = true
	default:
		return false
	}
	return true
}

// mostOfOthers is how many columns of a row that documents refer to are copied
// into each of them.
const mostOfOthers = 12

// short tells whether values of a type are of the kind that tells what a row is:
// names, numbers, dates. Others of another row are seldom searched by.
func short(t *pgType) bool {
	for t != nil && t.kind == 'd' {
		t = t.base
	}
	return t != nil && (t.kind == 'e' || slices.Contains([]string{
		"bool", "int2", "int4", "int8", "numeric", "float4", "float8", "money", "text", "varchar", "bpchar", "name", "citext",
		"date", "timestamp", "timestamptz", "time", "uuid",
	}, t.name))
}

// parents returns the foreign keys that are followed from a table.
func (w *writer) parents(p part) []*foreignKey {
	if p.depth <= 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.table.parents), func(k *foreignKey) bool {
		return !k.to.readable || w.excludes(k.to, nil) ||
			slices.ContainsFunc(k.columns, func(c *column) bool { return !c.readable || w.excludes(p.table, c) || !slices.Contains(p.columns, c) })
	})
}

// object joins the row that a key refers to and adds it as an object. It
// returns false if that row has nothing but keys.
func (w *writer) object(q *query, p part, k *foreignKey, name string) bool {
	alias := w.alias(q, name)
	inner := newQuery("", "")
	inner.aliases = q.aliases
	w.columns(inner, part{table: k.to, columns: k.to.columns, alias: alias, depth: p.depth - 1, inJSON: true, other: true, taken: newNames()})
	if !slices.ContainsFunc(inner.outputs, func(o output) bool { return !o.key }) {
		delete(q.aliases.taken, alias)
		return false
	}
	q.joins = append(q.joins, "LEFT JOIN "+named(k.to, alias)+" ON "+equal(alias, k.target, p.alias, k.columns))
	q.joins = append(q.joins, inner.joins...)
	q.addObject(inner, alias+"."+k.target[0].sql, name)
	return true
}

// named is a table with an alias, which is left out where it is the name.
func named(table *relation, alias string) string {
	if table.name == alias {
		return table.sql
	}
	return table.sql + " " + alias
}

// addObject adds the columns of inner as an object, or NULL where a column of the
// joined row is.
func (q *query) addObject(inner *query, key, name string) {
	pairs := make([]pair, len(inner.outputs))
	for i, o := range inner.outputs {
		pairs[i] = pair{o.field, o.sql, o.note}
	}
	for _, line := range inner.missing {
		q.leaveOut(line, "")
	}
	q.add("CASE WHEN "+key+" IS NOT NULL THEN "+buildObject(pairs)+" END", name, object{{"properties", inner.properties("")}}, "")
}

// singles adds the tables that have at most one row for each document.
func (w *writer) singles(q *query, taken *names) {
	for _, k := range w.table.children {
		if !k.single() || k.from == w.table || !w.follows(k) {
			continue
		}
		name := taken.unique(fieldName(k.from.name), fieldName(k.from.name)+"_"+fieldName(k.columns[0].name), fieldName(k.from.schema)+"_"+fieldName(k.from.name))
		alias := w.alias(q, name)
		inner := newQuery("")
		inner.aliases = q.aliases
		columns := slices.DeleteFunc(slices.Clone(k.from.columns), func(c *column) bool { return slices.Contains(k.columns, c) })
		w.columns(inner, part{table: k.from, columns: columns, alias: alias, depth: w.options.Depth - 1, inJSON: true, taken: newNames()})
		if len(inner.outputs) == 0 {
			continue
		}
		join := "LEFT JOIN " + named(k.from, alias) + " ON " + equal(alias, k.columns, "t", k.target)
		if w.refersToID(k) {
			join += rangeHint(alias, k.columns[0])
		}
		q.joins = append(append(q.joins, join), inner.joins...)
		q.addObject(inner, alias+"."+k.columns[0].sql, name)
	}
}

// follows tells whether a table that refers to the documents is wanted.
func (w *writer) follows(k *foreignKey) bool {
	if w.excludes(k.from, nil) {
		return false
	}
	if !k.from.readable || slices.ContainsFunc(k.columns, func(c *column) bool { return !c.readable }) {
		w.warn("%s refers to %s and is left out, because this role may not read it", k.from.sql, w.table.sql)
		return false
	}
	return true
}

// refersToID tells whether the key's one column is the id as it is.
func (w *writer) refersToID(k *foreignKey) bool {
	return len(k.columns) == 1 && w.id.plain != nil && k.target[0] == w.id.plain && idClass(k.columns[0]) == idClass(w.id.plain)
}

// excludes tells whether a table, or a column of one, is in Options.Exclude.
// The columns of the documents' own table need no table before them.
func (w *writer) excludes(table *relation, c *column) bool {
	forms := []string{table.name, table.schema + "." + table.name, table.sql}
	if c != nil {
		for i, form := range forms {
			forms[i] = form + "." + c.name
		}
		if table == w.table {
			forms = append(forms, c.name, c.sql)
		}
	}
	for _, form := range forms {
		if _, found := w.excluded[form]; found {
			w.excluded[form] = true
			return true
		}
	}
	return false
}
