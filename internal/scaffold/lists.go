package scaffold

import (
	"regexp"
	"slices"
	"strings"
)

// list is a table with many rows for a document, which becomes an array.
type list struct {
	key   *foreignKey
	far   *foreignKey // of a join table that says nothing else: the other side
	field string
	file  string
	query *query
}

// lists finds the tables with many rows for a document and names them.
func (w *writer) lists(taken, files *names) []*list {
	if w.options.Depth <= 0 {
		return nil
	}
	var found []*list
	for _, k := range w.table.children {
		if k.single() && k.from != w.table || !w.follows(k) {
			continue
		}
		l := &list{key: k}
		l.far = w.farSide(k)
		found = append(found, l)
	}
	wanted := map[string][]*list{}
	for _, l := range found {
		wanted[l.name()] = append(wanted[l.name()], l)
	}
	for _, l := range found {
		l.field = taken.unique(l.names(wanted[l.name()], w.table)...)
		l.query = w.list(l)
	}
	found = slices.DeleteFunc(found, func(l *list) bool {
		if len(l.query.outputs) > 1 {
			return false
		}
		w.warn("%s is no list, because it has no column but the key", l.key.from.sql)
		return true
	})
	for _, l := range found {
		l.file = files.file(l.field, ".sql")
	}
	return found
}

// name is what the list is called if nothing else is called so.
func (l *list) name() string {
	if l.far != nil {
		return fieldName(l.far.to.name)
	}
	return fieldName(l.key.from.name)
}

// names returns what the list may be called, the best name first. rivals are
// all lists that want its name, itself among them: where they are of one table
// each is named after its key, otherwise after its schema.
func (l *list) names(rivals []*list, document *relation) []string {
	table := fieldName(l.key.from.name)
	key := table + "_" + fieldName(l.key.columns[0].name)
	schema := fieldName(l.key.from.schema) + "_"
	one := !slices.ContainsFunc(rivals, func(r *list) bool { return r.key.from != l.key.from })
	switch {
	case len(rivals) > 1 && l.far != nil:
		return []string{table, key, schema + table, schema + key}
	case l.key.from == document, len(rivals) > 1 && one:
		return []string{key, schema + key}
	case len(rivals) > 1:
		return []string{schema + table, schema + key}
	}
	return []string{l.name(), table, key, schema + table, schema + key}
}

// farSide returns the key to the other table if the rows of this one only join
// two: beside the keys they have at most a column that numbers them, and when
// they were written. A number without a rule that each pair is there once means
// that pairs may repeat, such as copies of one film in one shop.
func (w *writer) farSide(k *foreignKey) *foreignKey {
	var others []*foreignKey
	for _, other := range k.from.parents {
		if other != k && !sameSet(other.columns, k.columns) {
			others = append(others, other)
		}
	}
	if len(others) != 1 || !others[0].to.readable || w.excludes(others[0].to, nil) {
		return nil
	}
	numbered := false
	for _, c := range k.from.columns {
		switch {
		case slices.Contains(k.columns, c), slices.Contains(others[0].columns, c), written(c):
		case len(k.from.primary) == 1 && k.from.primary[0] == c:
			numbered = true
		default:
			return nil
		}
	}
	if numbered && !slices.ContainsFunc(k.from.unique, func(key []*column) bool { return sameSet(key, append(slices.Clone(k.columns), others[0].columns...)) }) {
		return nil
	}
	return others[0]
}

var writtenName = regexp.MustCompile(`(?i)^(last_?)?(created?|updated?|modified|changed|inserted|added)(_?(at|on|date|time|timestamp))?$`)

// written tells whether a column says when its row was written.
func written(c *column) bool {
	t := c.typ
	return t != nil && (t.name == "timestamptz" || t.name == "timestamp" || t.name == "date") && writtenName.MatchString(c.name)
}

// joins tells whether the rows of a table are told apart by what they refer to.
func (r *relation) joins() bool {
	return len(r.parents) > 1 && slices.ContainsFunc(r.unique, func(key []*column) bool {
		return !slices.ContainsFunc(key, func(c *column) bool {
			return !slices.ContainsFunc(r.parents, func(k *foreignKey) bool { return slices.Contains(k.columns, c) })
		})
	})
}

// list writes the query of a list.
func (w *writer) list(l *list) *query {
	q := newQuery(l.key.from.sql+" c", "c", "p")
	q.head = append([]string{
		"Many rows per document: each becomes an object of the array " + l.field + ", without the column " + w.id.name + ".",
	}, w.slowList(l.key)...)
	taken := newNames()
	taken.taken[w.id.name] = true
	id := w.id.output("p", nil)
	if c := l.key.columns[0]; w.refersToID(l.key) {
		id = output{sql: "c." + c.sql, name: w.id.name, field: w.id.name}
		if c.name == w.id.name {
			id.name = ""
		}
		if !c.notNull {
			q.where = id.sql + " IS NOT NULL"
		}
	} else {
		q.joins = append(q.joins, "JOIN "+w.id.from("p")+" ON "+equal("p", l.key.target, "c", l.key.columns))
	}
	q.outputs = append(q.outputs, id)
	if l.far != nil {
		alias := w.alias(q, fieldName(l.far.to.name))
		q.joins = append(q.joins, "JOIN "+named(l.far.to, alias)+" ON "+equal(alias, l.far.target, "c", l.far.columns))
		w.columns(q, part{
			table: l.far.to, columns: l.far.to.columns, alias: alias, depth: w.options.Depth - 1, other: true, taken: taken,
			prefix: fieldName(l.far.to.name),
		})
		for _, c := range l.key.from.columns {
			if written(c) {
				q.leaveOut("c."+c.sql, "")
			}
		}
		return q
	}
	depth := w.options.Depth - 1
	if l.key.from.joins() {
		depth = max(depth, 1)
	}
	columns := slices.DeleteFunc(slices.Clone(l.key.from.columns), func(c *column) bool { return slices.Contains(l.key.columns, c) })
	w.columns(q, part{
		table: l.key.from, columns: columns, alias: "c", depth: depth, other: l.key.from == w.table, taken: taken,
		prefix: fieldName(l.key.from.name),
	})
	return q
}

// slowList says what PostgreSQL needs to find the rows of a range of ids.
func (w *writer) slowList(k *foreignKey) []string {
	if k.indexed() {
		return nil
	}
	names := make([]string, len(k.columns))
	for i, c := range k.columns {
		names[i] = c.sql
	}
	columns := strings.Join(names, ", ")
	statement := "CREATE INDEX ON " + k.from.sql + " (" + columns + ");"
	w.warn("%s has no index that begins with %s, so PostgreSQL reads all of it for every range of ids: %s", k.from.sql, columns, statement)
	return []string{"No index begins with " + columns + ", so PostgreSQL reads the whole table for every range of ids. Of a large table:", "  " + statement}
}
