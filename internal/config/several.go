package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// The sections of a file with several indices.
const (
	indicesField  = "indices"
	defaultsField = "defaults"
)

// scope says where a setting may stand in a file with several indices.
type scope uint8

const (
	// perIndex settings stand under an index, or under defaults for all.
	perIndex scope = iota
	// ownIndex settings stand under an index: two indices cannot share them.
	ownIndex
	// shared settings stand once, at the top.
	shared
)

// A placement says why a setting, or a section, of some scope cannot stand in a
// part of the file; empty if it can.
type placement func(of scope, field string) string

func anywhere(scope, string) string { return "" }

func atTop(of scope, field string) string {
	switch of {
	case perIndex:
		return "with indices, it belongs to one of them (indices.<name>." + field + ") or to all (defaults." + field + ")"
	case ownIndex:
		return "with indices, it belongs to one of them (indices.<name>." + field + ")"
	case shared:
	}
	return ""
}

func underDefaults(of scope, field string) string {
	if of == ownIndex {
		return "two indices cannot share it: write it under each (indices.<name>." + field + ")"
	}
	return underIndex(of, field)
}

func underIndex(of scope, field string) string {
	if of == shared {
		return "it stands once, at the top of the file (" + field + "); an index of another cluster or database needs a file of its own, and -c takes the folder of both"
	}
	return ""
}

// misplaced says why a field, or the whole section that it is, cannot stand in
// this part; empty if it can, or is no setting at all.
func (p *part) misplaced(field string) string {
	if _, fits := p.fields[field]; fits || p.isSection(field) {
		return ""
	}
	for _, s := range p.refused {
		// Whatever has a name of its own below the section of a query goes with it.
		if slices.Contains(namesOf(s), field) || strings.HasPrefix(s.field, field+".") {
			return p.placement(s.scope, field)
		}
	}
	return ""
}

// skips says whether walkSeveral takes the section.
func (p *part) skips(field string) bool {
	return p.file.several && p == p.file.top && (field == indicesField || field == defaultsField)
}

// walkSeveral takes a file with indices: what they share, defaults and each.
func (f *yamlFile) walkSeveral(root ast.Node, table []setting) {
	f.top = f.part("", 0, table, atTop)
	f.top.names = append(f.top.names, defaultsField, indicesField)
	f.top.walk("", root)
	mapping, ok := root.(*ast.MappingNode)
	if !ok {
		return
	}
	var seen bool
	for _, pair := range mapping.Values {
		switch line := lineOf(pair.Key); {
		case keyText(pair.Key) == defaultsField && f.defaults == nil:
			f.defaults = f.part(defaultsField+".", line, table, underDefaults)
			if pair.Value.Type() != ast.NullType {
				f.defaults.walk("", pair.Value)
			}
		case keyText(pair.Key) == indicesField && !seen:
			seen = true
			f.walkIndices(line, pair.Value, table)
		}
	}
	if !seen {
		f.problem(f.defaults.line, defaultsField, "is set without indices", "name the indices that it is for, or write its settings without it")
	}
}

// walkIndices takes the part of every index.
func (f *yamlFile) walkIndices(line int, node ast.Node, table []setting) {
	const want = "write the name of each index and under it its alias, source and index"
	if node.Type() == ast.NullType {
		f.problem(line, indicesField, "is empty", want)
		return
	}
	for _, e := range f.top.entries(indicesField, node) {
		if err := checkName(e.key); err != nil {
			f.problem(e.line, indicesField, fmt.Sprintf("has an index named %q", e.key), err.Error())
			continue
		}
		p := f.part(e.field+".", e.line, table, underIndex)
		p.name = e.key
		f.indices = append(f.indices, p)
		if e.node.Type() != ast.NullType {
			p.walk("", e.node)
		}
	}
	if mapping, ok := node.(*ast.MappingNode); ok && len(mapping.Values) == 0 {
		f.problem(line, indicesField, "is empty", want)
	}
}

// checkName takes what a person can write on a command line without quotes.
func checkName(name string) error {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	}
	// A number would be taken for a token by `reindex unlock`.
	number := strings.Trim(name, "0123456789") == ""
	if number || strings.HasPrefix(name, "-") || strings.ContainsFunc(name, odd) {
		return errors.New("want letters, digits, - _ and dots, no - in front, and not only digits: it is what `reindex run <name>` takes")
	}
	return nil
}

func hasKey(node ast.Node, key string) bool {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		return false
	}
	for _, pair := range mapping.Values {
		if keyText(pair.Key) == key {
			return true
		}
	}
	return false
}
