package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// documentField may be a query, as any setting, or a section of its own.
const documentField = "source.document"

// idField may be a name, as any setting, or a section: an id of several columns.
const idField = "source.id"

// yamlID is source.id where it is a section; its name is a value like that of other
// settings.
type yamlID struct {
	line      int
	columns   columns
	separator value
}

// walkID takes the long form of source.id.
func (p *part) walkID(e entry) {
	const want = "want a single value"
	p.id = &yamlID{line: e.line}
	p.failed[idField] = true // until there is a name
	for _, o := range p.entries(e.field, e.node) {
		switch o.key {
		case "name":
			if v, ok := p.text(o, want); ok {
				p.values[idField] = v
				delete(p.failed, idField)
			}
		case "columns":
			p.id.columns, _ = p.columns(o)
		case "separator":
			p.id.separator, _ = p.text(o, want+`, such as "-"`)
		default:
			p.problem(o.line, o.field, "is not a setting", "want name, columns or separator")
		}
	}
	if p.id.columns.line == 0 {
		p.problem(e.line, e.field+".columns", "is missing", "name the columns that make up the id; an id of one column is written id: <column>")
	}
	if _, named := p.values[idField]; !named {
		p.problem(e.line, e.field+".name", "is missing", "name the field of the document that holds the id")
	}
}

// text takes a single value.
func (p *part) text(e entry, want string) (value, bool) {
	text, ok := scalar(e.node)
	if !ok {
		p.problem(e.line, e.field, "is "+kind(e.node), want)
	}
	return value{text: text, file: p.path, line: e.line, under: p.under}, ok
}

// id takes the columns of an id.
func (l *loader) id() {
	y := l.own.id
	if y == nil || y.columns.line == 0 {
		return
	}
	source := &l.config.Source
	at := func(line int) value { return value{line: line, under: l.own.under} }
	if n := len(y.columns.names); n == 1 {
		l.reportAt(at(y.columns.line), idField+".columns", "has one column", "want two or more; an id of one column is written id: <column>")
	}
	for i, name := range y.columns.names {
		if slices.Contains(y.columns.names[:i], name) {
			l.reportAt(at(y.columns.line), idField+".columns", "has "+strconv.Quote(name)+" twice", "name it once")
		}
		if name == source.ID {
			l.reportAt(at(y.columns.line), idField+".name", "is one of its columns", "give the field of the whole id another name")
		}
	}
	source.IDColumns, source.IDSeparator = y.columns.names, ":"
	if y.separator.line > 0 {
		v, ok := l.expand(idField+".separator", y.separator)
		if ok && v.text == "" {
			l.reportAt(v, idField+".separator", "is empty", "want a text that no column but the last can hold")
		}
		source.IDSeparator = v.text
	}
}

// listsField and objectsField are sections whose keys are the user's own.
const (
	listsField   = "source.lists"
	objectsField = "source.objects"
)

// yamlQuery is a query with its options as it stands in the file: that of the
// document, an object, a list or a lookup.
type yamlQuery struct {
	name  string // of the list or object
	field string // dotted
	line  int
	query value
	found bool // there is a query, whether good or not
	// unreadable says that it is no text, which was reported.
	unreadable bool

	lookups            []yamlQuery
	coalesce, omit, by columns
	distinct, values   bool
	unpivot, as        string
}

// columns are names of columns and where they stand.
type columns struct {
	names []string
	line  int
}

// queryKind says what may be written where a query stands.
type queryKind struct {
	options []string // besides query
	want    string
}

func documentQuery() queryKind {
	return queryKind{options: []string{"lookups", "coalesce", "omit"}, want: "want the name of an SQL file"}
}

func listQuery() queryKind {
	return queryKind{
		options: []string{"distinct", "unpivot", "values", "omit", "lookups"},
		want:    "want the name of an SQL file, or { query: <file>, distinct: true }",
	}
}

func objectQuery() queryKind {
	return queryKind{options: []string{"omit", "lookups"}, want: "want the name of an SQL file, or { query: <file>, lookups: <file> }"}
}

func lookupQuery() queryKind {
	return queryKind{options: []string{"by", "as"}, want: "want the name of an SQL file, or a list of them; or { query: <file>, by: [<column>, ...] }"}
}

// walkDocument takes the long form of source.document, whose query is a value
// like that of other settings, because a variable goes before it.
func (p *part) walkDocument(e entry) {
	q, _ := p.walkQuery(e, documentQuery())
	p.document = &q
	p.failed[documentField] = true // until there is a query
	if strings.TrimSpace(q.query.text) != "" {
		p.values[documentField] = q.query
		delete(p.failed, documentField)
	} else if !q.unreadable {
		q.found = false
	}
}

// walkNamed takes source.lists or source.objects: the keys are the user's, each
// value a query with its options.
func (p *part) walkNamed(section entry, kind queryKind) (list []yamlQuery) {
	if section.node.Type() == ast.NullType {
		return nil
	}
	for _, e := range p.entries(section.field, section.node) {
		if e.key == "" {
			p.problem(e.line, section.field, "has an entry without a name", "name it as it is to appear in the document")
			continue
		}
		if q, ok := p.wholeQuery(e, kind); ok {
			list = append(list, q)
		}
	}
	return list
}

// wholeQuery is walkQuery where no variable can bring the query.
func (p *part) wholeQuery(e entry, kind queryKind) (yamlQuery, bool) {
	q, ok := p.walkQuery(e, kind)
	if !q.found {
		p.problem(e.line, e.field+".query", "is missing", "name the file with the query")
	}
	return q, ok && q.found
}

// walkQuery takes a query with its options, {query: ..., ...}, or a query alone.
func (p *part) walkQuery(e entry, kind queryKind) (q yamlQuery, good bool) {
	q = yamlQuery{name: e.key, field: e.field, line: e.line}
	if !isMapping(e.node) {
		q.found = true
		q.query, good = p.sql(e, kind.want)
		return q, good
	}
	good = true
	for _, o := range p.entries(e.field, e.node) {
		var ok bool
		switch {
		case o.key == "query":
			q.found = true
			q.query, ok = p.sql(o, "want the name of an SQL file")
			q.unreadable = !ok
		case !slices.Contains(kind.options, o.key):
			p.problem(o.line, o.field, "is not a setting", "want query, "+alternatives(kind.options))
			ok = false
		default:
			ok = p.option(&q, o)
		}
		good = good && ok
	}
	return q, good
}

// option takes one option of a query.
func (p *part) option(q *yamlQuery, o entry) (ok bool) {
	switch o.key {
	case "lookups":
		q.lookups, ok = p.lookups(o)
	case "coalesce":
		q.coalesce, ok = p.columns(o)
	case "omit":
		q.omit, ok = p.columns(o)
	case "distinct":
		q.distinct, ok = p.flag(o)
	case "values":
		q.values, ok = p.flag(o)
	case "unpivot":
		q.unpivot, ok = p.fieldName(o, "the one field that the elements have")
	case "by":
		q.by, ok = p.columns(o)
	case "as":
		q.as, ok = p.fieldName(o, "the object that its columns make up")
	}
	return ok
}

// sql takes the name of an SQL file, or SQL in a block.
func (p *part) sql(e entry, want string) (value, bool) {
	v := value{file: p.path, line: e.line, under: p.under}
	if block, ok := e.node.(*ast.LiteralNode); ok {
		v.text, v.block = block.Value.Value, isLiteral(block)
		return v, true
	}
	text, ok := scalar(e.node)
	if !ok {
		p.problem(e.line, e.field, "is "+kind(e.node), want)
	}
	v.text = text
	return v, ok
}

// lookups takes one query or a list of them.
func (p *part) lookups(e entry) (list []yamlQuery, ok bool) {
	ok = true
	for _, node := range items(e.node) {
		q, good := p.wholeQuery(entry{field: e.field, line: lineOf(node), node: node}, lookupQuery())
		if ok = ok && good; good {
			list = append(list, q)
		}
	}
	return list, ok
}

// columns takes the name of one column or a list of them.
func (p *part) columns(e entry) (c columns, ok bool) {
	const want = "want the name of a column, or a list of them"
	c.line, ok = e.line, true
	for _, node := range items(e.node) {
		name, isText := scalar(node)
		switch {
		case !isText:
			p.problem(lineOf(node), e.field, "is "+kind(node), want)
		case strings.TrimSpace(name) == "":
			p.problem(lineOf(node), e.field, "is empty", want)
		default:
			c.names = append(c.names, name)
			continue
		}
		ok = false
	}
	return c, ok
}

func (p *part) fieldName(e entry, of string) (string, bool) {
	text, ok := scalar(e.node)
	if ok = ok && strings.TrimSpace(text) != ""; !ok {
		p.problem(e.line, e.field, "is no name", "write the name of "+of+", or leave it out")
	}
	return text, ok
}

func (p *part) flag(e entry) (value, ok bool) {
	if b, isBool := e.node.(*ast.BoolNode); isBool {
		return b.Value, true
	}
	p.problem(e.line, e.field, "is not true or false", "write "+e.key+": true or leave it out")
	return false, false
}

// items are the nodes of a list, or the one that is none.
func items(node ast.Node) []ast.Node {
	if sequence, ok := node.(*ast.SequenceNode); ok {
		return sequence.Values
	}
	return []ast.Node{node}
}

// alternatives enumerates words with "or" before the last.
func alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// document takes what source.document says besides its query.
func (l *loader) document() {
	y := l.own.document
	if y == nil {
		return
	}
	if !y.found && !l.given(documentField) {
		l.reportAt(value{line: y.line, under: l.own.under}, documentField+".query", "is missing", "name the file with the query")
	}
	if len(y.lookups) == 0 && y.coalesce.names != nil {
		l.reportAt(value{line: y.coalesce.line, under: l.own.under}, documentField+".coalesce", "is set without lookups",
			"name the lookups that add the columns, or leave it out")
	}
	file := l.config.Source.Document.File
	l.config.Source.Document, _ = l.options(y)
	l.config.Source.Document.File = file
}

// lists reads the queries that source.objects and source.lists name.
func (l *loader) lists() {
	for i := range l.own.objects {
		y := &l.own.objects[i]
		if q, ok := l.whole(y); ok {
			l.config.Source.Objects = append(l.config.Source.Objects, Object{Field: y.name, Query: q})
		}
	}
	for i := range l.own.lists {
		y := &l.own.lists[i]
		if y.values && y.unpivot != "" {
			l.reportAt(value{line: y.line, under: l.own.under}, y.field+".values", "is set together with unpivot",
				"keep one of the two: the elements are values, or objects of one field")
		}
		if q, ok := l.whole(y); ok {
			l.config.Source.Lists = append(l.config.Source.Lists, List{Field: y.name, Query: q, Distinct: y.distinct, Unpivot: y.unpivot, Values: y.values})
		}
	}
}

// whole reads a query with its options.
func (l *loader) whole(y *yamlQuery) (Query, bool) {
	file, ok := l.queryFile(y.field, y.query, "name the file with the query or leave it out")
	if !ok {
		return Query{}, false
	}
	q, ok := l.options(y)
	q.File = file
	return q, ok
}

// options reads what a query has besides its own text.
func (l *loader) options(y *yamlQuery) (q Query, ok bool) {
	q.Coalesce, q.Omit, ok = y.coalesce.names, y.omit.names, true
	for _, look := range y.lookups {
		file, good := l.queryFile(look.field, look.query, "name the file with the query or leave it out")
		if ok = ok && good; good {
			q.Lookups = append(q.Lookups, Lookup{File: file, By: look.by.names, As: look.as})
		}
	}
	return q, ok
}

// queryFile reads one query; empty is the hint where there is no text.
func (l *loader) queryFile(field string, v value, empty string) (file File, ok bool) {
	v, ok = l.expand(field, v)
	if !ok {
		return file, false
	}
	l.values[field] = v
	if strings.TrimSpace(v.text) == "" {
		l.report(field, "is empty", empty)
		return file, false
	}
	if err := query(&file)(v); err != nil {
		l.report(field, refused(v.display()), v.conceal(err.Error()))
		return file, false
	}
	return file, true
}
