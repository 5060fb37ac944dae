package scaffold

import (
	"fmt"
	"slices"
	"strings"

	"example.com/reindex/internal/source"
)

// identity is what tells documents apart.
type identity struct {
	name   string  // of the column in every query
	plain  *column // the column that it is as it is; nil if it is made of something
	inside *column // the column whose place it takes in the document; nil if it is one more
	sql    func(alias string) string
	from   func(alias string) string // the table, with the id if that is an expression
	index  string                    // the expression, for an index; "" if none is needed or possible
	kind   object
	note   string
}

// output is the id as a column of a query that has the documents' table under an
// alias.
func (id *identity) output(alias string, kind object) output {
	o := output{sql: id.sql(alias), name: id.name, field: id.name, kind: kind}
	if o.sql == alias+"."+quoteName(id.name) || id.plain != nil && id.plain.name == id.name {
		o.name = ""
	}
	return o
}

// idClass is the set of types of ids that a type is in: PostgreSQL compares
// them with each other by one index. "" is none.
func idClass(c *column) string {
	t := c.typ
	for t != nil && t.kind == 'd' {
		t = t.base
	}
	if t == nil || t.extension != "" {
		return ""
	}
	switch t.name {
	case "int2", "int4", "int8":
		return "integer"
	case "uuid":
		return "uuid"
	case "text", "varchar":
		if c.deterministic {
			return "text"
		}
	}
	return ""
}

// identify finds the id of the documents: what the user says, else the primary
// key, else the first unique key without NULLs.
func (w *writer) identify(table *relation, id string) (*identity, error) {
	if id != "" {
		return w.given(table, id)
	}
	if len(table.primary) > 0 {
		return w.ofColumns(table, table.primary), nil
	}
	for _, key := range table.unique {
		if !slices.ContainsFunc(key, func(c *column) bool { return c == nil || !c.notNull }) {
			found := w.ofColumns(table, key)
			found.note = strings.TrimSpace("The table has no primary key; this key is unique and never NULL. " + found.note)
			return found, nil
		}
	}
	names := make([]string, len(table.columns))
	for i, c := range table.columns {
		names[i] = c.sql
	}
	return nil, &source.ConfigError{
		Reason: table.sql + " has no primary key and no other unique key without NULLs, so nothing says which column is the id of a document",
		Advice: "name one or more columns, or an expression, with --id, such as --id " + names[0] + "; it has " + comment(strings.Join(names, ", ")),
	}
}

// given reads --id: columns with commas between them, or an expression.
func (w *writer) given(table *relation, id string) (*identity, error) {
	var columns []*column
	for part := range strings.SplitSeq(id, ",") {
		c := table.named(strings.TrimSpace(part))
		if c == nil {
			columns = nil
			break
		}
		columns = append(columns, c)
	}
	if c := table.named(id); c != nil {
		columns = []*column{c}
	}
	if columns != nil {
		return w.ofColumns(table, columns), nil
	}
	found := &identity{name: w.idName(table), kind: mapped("keyword")}
	expression := fmt.Sprintf("(%s)::text", id)
	if _, err := w.catalog.Look("--id", lookPatience, "SELECT "+expression+" FROM "+table.sql+" x LIMIT 0"); err != nil {
		return nil, &source.ConfigError{
			Reason: fmt.Sprintf("--id %s is neither a column of %s nor an expression: %s", id, table.sql, err),
			Advice: "name columns as they are spelt, with commas between them, or write SQL", Err: err,
		}
	}
	found.sql = func(alias string) string { return alias + "." + quoteName(found.name) }
	found.from = func(alias string) string {
		return "(SELECT x.*, " + expression + " AS " + quoteName(found.name) + " FROM " + table.sql + " x) " + alias
	}
	found.index = expression
	return found, nil
}

// named finds a column by its name, or by its name as it is written in SQL.
func (r *relation) named(name string) *column {
	for _, c := range r.columns {
		if c.name == name || c.sql == name {
			return c
		}
	}
	return nil
}

// ofColumns makes the id of one or more columns.
func (w *writer) ofColumns(table *relation, columns []*column) *identity {
	found := &identity{from: func(alias string) string { return table.sql + " " + alias }}
	if len(columns) == 1 {
		c := columns[0]
		if class := idClass(c); class != "" {
			found.plain, found.inside, found.name = c, c, fieldName(c.name)
			found.sql = func(alias string) string { return alias + "." + c.sql }
			found.kind = mapped("keyword")
			if class == "integer" {
				found.kind = mapped("long")
			}
			return found
		}
		found.note = "Its type, " + c.typeName + ", cannot be an id, so it is cast to text."
		// What is a keyword anyhow takes the place of the column; a date or a
		// number stays beside the id, so that it can be searched as one.
		kind, _ := w.convert(w.value(c, "t", false)).field.get("type").(string)
		if kind == "keyword" {
			found.inside, found.name = c, fieldName(c.name)
		}
	}
	if found.name == "" {
		found.name = w.idName(table)
	}
	if len(columns) > 1 {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.name
		}
		found.note = "The id is made of " + strings.Join(names, ", ") + "."
	}
	found.kind = mapped("keyword")
	found.sql = func(alias string) string { return textOf(alias+".", columns) }
	if !slices.ContainsFunc(columns, func(c *column) bool { return !immutable(c.typ) }) {
		found.index = textOf("", columns)
	}
	return found
}

// idName is the name of an id that is no column.
func (w *writer) idName(table *relation) string {
	n := newNames()
	for _, c := range table.columns {
		n.taken[fieldName(c.name)] = true
	}
	return n.unique("id", fieldName(table.name)+"_id", fieldName(table.name)+"_key", "document_id")
}

func immutable(t *pgType) bool {
	for t != nil && t.kind == 'd' {
		t = t.base
	}
	return t != nil && (t.immutable || t.name == "bpchar")
}

// textOf makes one text of several columns so that no two rows give the same:
// of those that may hold a colon all but the last have it escaped.
func textOf(prefix string, columns []*column) string {
	last := -1
	for i, c := range columns {
		if mayHoldColon(c) {
			last = i
		}
	}
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = prefix + c.sql
		switch t := c.typ; {
		case t != nil && t.kind == 'b' && (t.name == "text" || t.name == "varchar") && t.extension == "":
			if !c.deterministic {
				parts[i] += ` COLLATE "C"`
			}
		case t != nil && (t.name == "regproc" || t.name == "regoper"):
			parts[i] += "::oid::text" // two functions of one name have one text
		default:
			parts[i] += "::text"
		}
		if i < last && mayHoldColon(c) {
			parts[i] = `replace(replace(` + parts[i] + `, '\', '\\'), ':', '\:')`
		}
	}
	return strings.Join(parts, " || ':' || ")
}

func mayHoldColon(c *column) bool {
	if class := idClass(c); class == "integer" || class == "uuid" {
		return false
	}
	t := c.typ
	for t != nil && t.kind == 'd' {
		t = t.base
	}
	return t == nil || !slices.Contains([]string{"date", "bool", "oid", "numeric"}, t.name)
}
