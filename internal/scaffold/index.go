package scaffold

import (
	"fmt"
	"strings"
)

// The limits of Elasticsearch 8.11 to 9.2 for one index, if nothing else is set.
const (
	defaultFields = 1000
	defaultNested = 50
)

// index is the body of the index: settings and mappings.
type index struct {
	settings   object
	properties object
	comments   []string // on the settings, for reindex.yaml: JSON has none
	elements   int      // of the lists of one document, as far as they could be counted
}

func newIndex(document *query, lists []*list, elements int) *index {
	x := &index{settings: object{{"number_of_shards", 1}, {"number_of_replicas", 1}}, elements: elements}
	x.properties = document.properties("")
	for _, l := range lists {
		kind := mapped("nested", member{"properties", l.query.properties(l.query.outputs[0].field)})
		x.properties = append(x.properties, member{l.field, kind})
	}
	fields, nested := size(x.properties)
	x.raise("total_fields", "fields", fields, defaultFields)
	x.raise("nested_fields", "lists of objects", nested, defaultNested)
	x.raise("nested_objects", "elements in the lists of one document", elements, nestedPossible)
	return x
}

// raise sets a limit that the mapping or the data exceed, with room for more.
func (x *index) raise(name, what string, have, limit int) {
	if have <= limit {
		return
	}
	const room = 2
	setting := "index.mapping." + name + ".limit"
	x.settings = x.settings.with(setting, have*room)
	x.comments = append(x.comments, fmt.Sprintf("%s is raised in it: there are %s %s, and Elasticsearch takes %s", setting, count(have), what, count(limit)))
}

// keepVectors has Elasticsearch return vectors as they were sent, if it knows the
// setting, so that they can be compared with the source.
func (x *index) keepVectors(known bool) {
	if !strings.Contains(x.properties.oneLine(), `"dense_vector"`) {
		return
	}
	if !known {
		x.comments = append(x.comments, "on Elasticsearch 9.2 and later set "+SourceVectors+": false in it, or verify cannot compare vectors")
		return
	}
	x.settings = x.settings.with(SourceVectors, false)
	x.comments = append(x.comments, SourceVectors+" is false in it, so that verify can compare vectors")
}

// size counts fields as Elasticsearch does, with objects and multi-fields.
func size(properties object) (fields, nested int) {
	for _, p := range properties {
		field, ok := p.value.(object)
		if !ok {
			continue
		}
		fields++
		if field.get("type") == "nested" {
			nested++
		}
		for _, key := range []string{"properties", "fields"} {
			if inner, ok := field.get(key).(object); ok {
				f, n := size(inner)
				fields, nested = fields+f, nested+n
			}
		}
	}
	return fields, nested
}

func (x *index) text() string {
	var b strings.Builder
	object{
		{"settings", x.settings},
		{"mappings", object{{"dynamic", "strict"}, {"properties", x.properties}}},
	}.indent(&b, "")
	return b.String() + "\n"
}
