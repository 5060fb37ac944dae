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

// yamlFile is a configuration file taken apart. It walks the syntax tree
// instead of decoding into a struct, because a decoder stops at the first
// problem and forgets the lines.
type yamlFile struct {
	path string
	// top has the settings of the one index, or, where several is true, those
	// that all indices share.
	top      *part
	several  bool
	defaults *part   // for all indices; nil if the file has none
	indices  []*part // in the order of the file
	problems []*Error
	broken   bool // not YAML: nothing else is worth saying
}

// part is the file, or a section of it that has settings of one index or of
// all: the text of every known setting with its line.
type part struct {
	file           *yamlFile
	path           string
	name           string // of the index
	under          string // what stands before its settings: "", "defaults." or "indices.persons."
	line           int    // of the section; 0 for the file
	fields         map[string]setting
	names          []string  // all fields that may stand here, in the order of the table
	refused        []setting // those that may not
	placement      placement // says why
	values         map[string]value
	sections       map[string]int  // line of each section
	failed         map[string]bool // fields that are in the file but unusable
	objects, lists []yamlQuery
	id             *yamlID    // nil if source.id is no section
	document       *yamlQuery // nil if source.document is no section
}

// readYAML takes the file apart; table has the settings of one index and those
// that stand once for all.
func readYAML(path string, text []byte, table []setting) *yamlFile {
	f := &yamlFile{path: path}
	root := f.parse(text)
	if f.several = hasKey(root, indicesField) || hasKey(root, defaultsField); f.several {
		f.walkSeveral(root, table)
		return f
	}
	f.top = f.part("", 0, table, anywhere)
	f.top.names = append(f.top.names, indicesField) // for suggestions
	if root != nil {
		f.top.walk("", root)
	}
	return f
}

// part returns a part without values.
func (f *yamlFile) part(under string, line int, table []setting, placement placement) *part {
	p := &part{
		file: f, path: f.path, under: under, line: line, fields: map[string]setting{}, values: map[string]value{},
		sections: map[string]int{}, failed: map[string]bool{}, placement: placement,
	}
	for _, s := range table {
		if placement(s.scope, s.field) != "" {
			p.refused = append(p.refused, s)
			continue
		}
		p.fields[s.field] = s
		p.names = append(p.names, namesOf(s)...)
	}
	return p
}

// namesOf are the settings that s brings along.
func namesOf(s setting) []string {
	if s.field == documentField {
		return []string{documentField, objectsField, listsField}
	}
	return []string{s.field}
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
			f.problem(lineOf(doc.Body), "", "has a second document", "put everything into one, without --- between; several indices go under indices")
			return nil
		default:
			root = doc.Body
		}
	}
	return root
}

// walk takes the keys of the section at prefix, which is empty at the top.
func (p *part) walk(prefix string, node ast.Node) {
	for _, entry := range p.entries(prefix, node) {
		if entry.field == scheduleField && !isMapping(entry.node) {
			entry.field = cronField
		}
		s, known := p.fields[entry.field]
		why := p.misplaced(entry.field)
		switch {
		case strings.Contains(entry.key, "."):
			p.problem(entry.line, entry.field, "is not a setting", "write sections one inside the other, without dots")
		case p.skips(entry.field):
		case why != "":
			p.problem(entry.line, entry.field, "cannot stand here", why)
		case entry.field == listsField:
			p.lists = p.walkNamed(entry, listQuery())
		case entry.field == objectsField:
			p.objects = p.walkNamed(entry, objectQuery())
		case entry.field == idField && isMapping(entry.node):
			p.walkID(entry)
		case entry.field == documentField && isMapping(entry.node):
			p.walkDocument(entry)
		case known:
			p.take(s, entry)
		case p.isSection(entry.field):
			p.sections[entry.field] = entry.line
			if entry.node.Type() != ast.NullType { // all of its lines commented out
				p.walk(entry.field, entry.node)
			}
		default:
			p.problem(entry.line, entry.field, "is not a setting", p.suggest(entry.field))
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
func (p *part) entries(prefix string, node ast.Node) []entry {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		p.problem(lineOf(node), prefix, "is "+kind(node), "want a section of the form key: value")
		p.fail(prefix)
		return nil
	}
	var entries []entry
	first := map[string]int{}
	for _, pair := range mapping.Values {
		e := entry{key: keyText(pair.Key), line: lineOf(pair.Key), node: pair.Value}
		e.field = strings.TrimPrefix(prefix+"."+e.key, ".")
		if line, twice := first[e.key]; twice {
			p.problem(e.line, e.field, "is given twice", fmt.Sprintf("it is also on line %d", line))
			continue
		}
		first[e.key] = e.line
		entries = append(entries, e)
	}
	return entries
}

// take reads the value of one setting.
func (p *part) take(s setting, e entry) {
	v := value{file: p.path, line: e.line, under: p.under}
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
		p.failed[e.field] = true
		p.problem(e.line, e.field, "is "+kind(e.node), wanted(s, e.node))
		return
	}
	p.values[e.field] = v
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

// problem reports a setting of this part by its full name.
func (p *part) problem(line int, field, problem, hint string) {
	p.file.problem(line, strings.TrimSuffix(p.under+field, "."), problem, hint)
}

// fail keeps the fields of an unusable section from being reported missing.
func (p *part) fail(section string) {
	for _, name := range p.names {
		if section == "" || strings.HasPrefix(name, section+".") {
			p.failed[name] = true
		}
	}
}

func (p *part) isSection(name string) bool {
	return slices.ContainsFunc(p.names, func(field string) bool { return strings.HasPrefix(field, name+".") })
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
