package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// yamlList is one entry of source.lists as it stands in the file.
type yamlList struct {
	field    string // the name of the array
	query    value
	distinct bool
	unpivot  string
	lookups  []value
}

// walkLists takes source.lists: the keys are the user's, each value a query or
// {query, distinct, unpivot, lookups}.
func (f *yamlFile) walkLists(section entry) {
	if section.node.Type() == ast.NullType {
		return
	}
	for _, e := range f.entries(section.field, section.node) {
		if e.key == "" {
			f.problem(e.line, section.field, "has a list without a name", "name the array as it is to appear in the document")
			continue
		}
		list := yamlList{field: e.key}
		var ok bool
		if isMapping(e.node) {
			ok = f.listOptions(&list, e)
		} else {
			list.query, ok = f.listQuery(e, "want the name of an SQL file, or { query: <file>, distinct: true }")
		}
		if ok {
			f.lists = append(f.lists, list)
		}
	}
}

// listOptions takes the long form of a list.
func (f *yamlFile) listOptions(list *yamlList, long entry) bool {
	good, found := true, false
	for _, e := range f.entries(long.field, long.node) {
		var ok bool
		switch e.key {
		case "query":
			found = true
			list.query, ok = f.listQuery(e, "want the name of an SQL file")
		case "distinct":
			list.distinct, ok = f.flag(e)
		case "unpivot":
			list.unpivot, ok = f.name(e)
		case "lookups":
			list.lookups, ok = f.lookups(e)
		default:
			f.problem(e.line, e.field, "is not a setting", "want query, distinct, unpivot or lookups")
		}
		good = good && ok
	}
	if !found {
		f.problem(long.line, long.field+".query", "is missing", "name the file with the query")
	}
	return good && found
}

func (f *yamlFile) listQuery(e entry, want string) (value, bool) {
	v := value{file: f.path, line: e.line}
	if block, ok := e.node.(*ast.LiteralNode); ok {
		v.text, v.block = block.Value.Value, isLiteral(block)
		return v, true
	}
	text, ok := scalar(e.node)
	if !ok {
		f.problem(e.line, e.field, "is "+kind(e.node), want)
	}
	v.text = text
	return v, ok
}

// lookups takes one query or a list of them.
func (f *yamlFile) lookups(e entry) (list []value, ok bool) {
	for _, node := range items(e.node) {
		v, ok := f.listQuery(entry{field: e.field, line: lineOf(node), node: node}, "want the name of an SQL file, or a list of them")
		if !ok {
			return nil, false
		}
		list = append(list, v)
	}
	return list, true
}

func (f *yamlFile) name(e entry) (string, bool) {
	text, ok := scalar(e.node)
	if ok = ok && strings.TrimSpace(text) != ""; !ok {
		f.problem(e.line, e.field, "is no name", "write the name of the one field that the elements have, or leave it out")
	}
	return text, ok
}

func (f *yamlFile) flag(e entry) (value, ok bool) {
	if b, isBool := e.node.(*ast.BoolNode); isBool {
		return b.Value, true
	}
	f.problem(e.line, e.field, "is not true or false", "write distinct: true or leave it out")
	return false, false
}

// lists reads the queries that source.lists names.
func (l *loader) lists() {
	for _, y := range l.file.lists {
		field := listsField + "." + y.field
		l.values[field] = y.query
		list := List{Field: y.field, Distinct: y.distinct, Unpivot: y.unpivot}
		if strings.TrimSpace(y.query.text) == "" {
			l.report(field, "is empty", "name the file with the query or leave the list out")
			continue
		}
		if err := query(&list.Query)(y.query); err != nil {
			l.report(field, refused(y.query.display()), err.Error())
			continue
		}
		var ok bool
		if list.Lookups, ok = l.lookups(field+".lookups", y.lookups); !ok {
			continue
		}
		l.config.Source.Lists = append(l.config.Source.Lists, list)
		shown := y.query.display()
		if y.distinct {
			shown += " (distinct)"
		}
		if y.unpivot != "" {
			shown += " (unpivot " + y.unpivot + ")"
		}
		if len(y.lookups) > 0 {
			shown += " (lookups " + display(y.lookups) + ")"
		}
		l.note(field, shown, y.query)
	}
}

// lookups reads the queries that rows are looked up in.
func (l *loader) lookups(field string, values []value) (files []File, ok bool) {
	for _, v := range values {
		l.values[field] = v
		var file File
		if strings.TrimSpace(v.text) == "" {
			l.report(field, "is empty", "name the file with the query or leave it out")
			return nil, false
		}
		if err := query(&file)(v); err != nil {
			l.report(field, refused(v.display()), err.Error())
			return nil, false
		}
		files = append(files, file)
	}
	return files, true
}

// display is several texts as a listing has them.
func display(values []value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.display()
	}
	return strings.Join(texts, ", ")
}
