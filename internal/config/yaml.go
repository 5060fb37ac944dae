package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// listsField is the only section whose keys are the user's own.
const listsField = "source.lists"

// yamlFile is the configuration file taken apart: the text of every known
// setting with its line, and what was wrong with the rest. It walks the syntax
// tree instead of decoding into a struct, because a decoder stops at the first
// problem and forgets the lines.
type yamlFile struct {
	path     string
	fields   map[string]setting
	names    []string // all fields, in the order of the table
	values   map[string]value
	sections map[string]int  // line of each section
	failed   map[string]bool // fields that are in the file but unusable
	lists    []yamlList
	document *yamlDocument // nil if source.document is no section
	problems []*Error
	broken   bool // not YAML: nothing else is worth saying
}

func readYAML(path string, text []byte, table []setting) *yamlFile {
	f := &yamlFile{
		path: path, fields: map[string]setting{}, values: map[string]value{},
		sections: map[string]int{}, failed: map[string]bool{},
	}
	for _, s := range table {
		f.fields[s.field] = s
		f.names = append(f.names, s.field)
		if s.field == documentField {
			f.names = append(f.names, listsField)
		}
	}
	if root := f.parse(text); root != nil {
		f.walk("", root)
	}
	return f
}

// parse returns the top of the only document, or nil when there is nothing in
// it or it is broken.
func (f *yamlFile) parse(text []byte) ast.Node {
	// Twice the same key is found by walk, which knows the first one's line.
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		f.broken = true
		f.problem(yamlLine(err), "", "is not YAML", yamlMessage(err))
		return nil
	}
	var root ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType:
		case root != nil:
			f.broken = true
			f.problem(lineOf(doc.Body), "", "has a second document", "put everything into one, without --- between")
			return nil
		default:
			root = doc.Body
		}
	}
	return root
}

// walk takes the keys of the section at prefix, which is empty at the top.
func (f *yamlFile) walk(prefix string, node ast.Node) {
	for _, entry := range f.entries(prefix, node) {
		s, known := f.fields[entry.field]
		switch {
		case strings.Contains(entry.key, "."):
			f.problem(entry.line, entry.field, "is not a setting", "write sections one inside the other, without dots")
		case entry.field == listsField:
			f.walkLists(entry)
		case entry.field == documentField && isMapping(entry.node):
			f.walkDocument(entry)
		case known:
			f.take(s, entry)
		case f.isSection(entry.field):
			f.sections[entry.field] = entry.line
			if entry.node.Type() != ast.NullType { // all of its lines commented out
				f.walk(entry.field, entry.node)
			}
		default:
			f.problem(entry.line, entry.field, "is not a setting", f.suggest(entry.field))
		}
	}
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	field string // the key with its section
	line  int
	node  ast.Node
}

// entries returns the keys of a mapping, each once.
func (f *yamlFile) entries(prefix string, node ast.Node) []entry {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		f.problem(lineOf(node), prefix, "is "+kind(node), "want a section of the form key: value")
		f.fail(prefix)
		return nil
	}
	var entries []entry
	first := map[string]int{}
	for _, pair := range mapping.Values {
		e := entry{key: keyText(pair.Key), line: lineOf(pair.Key), node: pair.Value}
		e.field = strings.TrimPrefix(prefix+"."+e.key, ".")
		if line, twice := first[e.key]; twice {
			f.problem(e.line, e.field, "is given twice", fmt.Sprintf("it is also on line %d", line))
			continue
		}
		first[e.key] = e.line
		entries = append(entries, e)
	}
	return entries
}

// take reads the value of one setting.
func (f *yamlFile) take(s setting, e entry) {
	v := value{file: f.path, line: e.line}
	var ok bool
	switch node := e.node.(type) {
	case *ast.LiteralNode:
		v.text, v.block, ok = node.Value.Value, s.block && isLiteral(node), true
		if !s.block {
			v.text = strings.TrimRight(v.text, "\r\n") // as for <variable>_FILE
		}
	case *ast.SequenceNode:
		v.text, ok = joinScalars(node)
		ok = ok && s.list
	default:
		v.text, ok = scalar(node)
	}
	if !ok {
		f.failed[e.field] = true
		f.problem(e.line, e.field, "is "+kind(e.node), wanted(s, e.node))
		return
	}
	f.values[e.field] = v
}

// wanted says what a setting may be in place of node.
func wanted(s setting, node ast.Node) string {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "want a single value, in quotes if it starts with & * or !"
	}
	if s.list {
		return "want a value or a list of values"
	}
	return "want a single value"
}

func (f *yamlFile) problem(line int, field, problem, hint string) {
	f.problems = append(f.problems, &Error{File: f.path, Line: line, Field: field, Problem: problem, Advice: hint})
}

// fail keeps the fields of an unusable section from being reported missing.
func (f *yamlFile) fail(section string) {
	for _, name := range f.names {
		if section == "" || strings.HasPrefix(name, section+".") {
			f.failed[name] = true
		}
	}
}

func (f *yamlFile) isSection(name string) bool {
	return slices.ContainsFunc(f.names, func(field string) bool { return strings.HasPrefix(field, name+".") })
}

// scalar returns the text of a single value as it was written; null is empty.
func scalar(node ast.Node) (text string, ok bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.NullNode:
		return "", true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	default:
		return "", false
	}
}

// isLiteral tells a block that starts with | from one that starts with >,
// which joins its lines: a comment in SQL would then swallow what follows.
func isLiteral(block *ast.LiteralNode) bool { return strings.HasPrefix(block.Start.Value, "|") }

// joinScalars writes a list as variables and flags have it.
func joinScalars(list *ast.SequenceNode) (text string, ok bool) {
	parts := make([]string, len(list.Values))
	for i, node := range list.Values {
		if parts[i], ok = scalar(node); !ok {
			return "", false
		}
	}
	return strings.Join(parts, ","), true
}

func isMapping(node ast.Node) bool {
	_, ok := node.(*ast.MappingNode)
	return ok
}

func keyText(key ast.MapKeyNode) string {
	if text, ok := key.(*ast.StringNode); ok {
		return text.Value
	}
	return key.GetToken().Value
}

// kind names a node for people.
func kind(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "an anchor, alias or tag"
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.NullNode:
		return "empty"
	default:
		return "a single value"
	}
}

func lineOf(node ast.Node) int {
	if token := node.GetToken(); token != nil && token.Position != nil {
		return token.Position.Line
	}
	return 0
}

func yamlLine(err error) int {
	if at, ok := errors.AsType[yaml.Error](err); ok && at.GetToken() != nil && at.GetToken().Position != nil {
		return at.GetToken().Position.Line
	}
	return 0
}

// yamlMessage leaves out the lines of the file that err.Error() would quote:
// one of them may hold a password.
func yamlMessage(err error) string {
	if at, ok := errors.AsType[yaml.Error](err); ok {
		return at.GetMessage()
	}
	return "it could not be parsed"
}
