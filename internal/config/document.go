package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// documentField may be a query, as any setting, or a section of its own.
const documentField = "source.document"

// yamlDocument is source.document where it is a section; its query is a value like
// that of other settings, which a variable goes before.
type yamlDocument struct {
	line    int
	query   bool // there is one, whether good or not
	lookups []value
	// coalesce and omit are names of columns.
	coalesce, omit columns
}

// columns are names of columns and where they stand.
type columns struct {
	names []string
	line  int
}

// walkDocument takes the long form of source.document.
func (f *yamlFile) walkDocument(long entry) {
	f.document = &yamlDocument{line: long.line}
	f.failed[documentField] = true // until there is a query
	for _, e := range f.entries(long.field, long.node) {
		switch e.key {
		case "query":
			v, ok := f.listQuery(e, "want the name of an SQL file")
			if f.document.query = !ok || strings.TrimSpace(v.text) != ""; ok && f.document.query {
				f.values[documentField] = v
				delete(f.failed, documentField)
			}
		case "lookups":
			f.document.lookups, _ = f.lookups(e)
		case "coalesce":
			f.document.coalesce = f.columns(e)
		case "omit":
			f.document.omit = f.columns(e)
		default:
			f.problem(e.line, e.field, "is not a setting", "want query, lookups, coalesce or omit")
		}
	}
}

// columns takes the name of one column or a list of them.
func (f *yamlFile) columns(e entry) columns {
	c := columns{line: e.line}
	for _, node := range items(e.node) {
		const want = "want the name of a column, or a list of them"
		switch name, ok := scalar(node); {
		case !ok:
			f.problem(lineOf(node), e.field, "is "+kind(node), want)
		case strings.TrimSpace(name) == "":
			f.problem(lineOf(node), e.field, "is empty", want)
		default:
			c.names = append(c.names, name)
		}
	}
	return c
}

// document takes what source.document says beside its query.
func (l *loader) document() {
	y := l.file.document
	if y == nil {
		return
	}
	if !y.query && !l.given(documentField) {
		l.reportAt(value{line: y.line}, documentField+".query", "is missing", "name the file with the query")
	}
	source := &l.config.Source
	if field := documentField + ".lookups"; len(y.lookups) > 0 {
		var ok bool
		if source.Lookups, ok = l.lookups(field, y.lookups); ok {
			l.note(field, display(y.lookups), y.lookups[0])
		}
	} else if y.coalesce.names != nil {
		l.reportAt(value{line: y.coalesce.line}, documentField+".coalesce", "is set without lookups", "name the lookups that add the columns, or leave it out")
	}
	source.Coalesce = l.columns(documentField+".coalesce", y.coalesce)
	source.Omit = l.columns(documentField+".omit", y.omit)
}

func (l *loader) columns(field string, c columns) []string {
	if c.names != nil {
		l.note(field, strings.Join(c.names, ", "), value{line: c.line})
	}
	return c.names
}

// items are the nodes of a list, or the one that is none.
func items(node ast.Node) []ast.Node {
	if sequence, ok := node.(*ast.SequenceNode); ok {
		return sequence.Values
	}
	return []ast.Node{node}
}
