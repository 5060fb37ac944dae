package scaffold

import (
	"fmt"
	"regexp"
	"strings"
)

// convert says what becomes of a value, whatever its type.
func (w *writer) convert(v value) conversion {
	t := v.typ
	switch {
	case t == nil:
		return conversion{sql: v.sql + "::text", field: keyword()}
	case t.kind == 'd':
		v.typ, v.name = t.base, t.baseName
		if t.baseTypmod >= 0 {
			v.typmod = t.baseTypmod
		}
		return w.convert(v)
	case t.elem != nil:
		return w.array(v)
	case t.kind == 'e':
		return conversion{sql: v.sql, field: keyword()}
	case t.kind == 'c':
		return w.composite(v)
	case t.kind == 'r':
		return convertRange(v)
	case t.kind == 'm' && t.rangeType != nil:
		v.typ = &pgType{kind: 'a', elem: t.rangeType}
		return w.unnest(v)
	}
	for _, r := range w.rules {
		for _, name := range r.types {
			if t.name == name && t.extension == r.extension {
				return w.available(r.convert(v))
			}
		}
	}
	return conversion{sql: v.sql + "::text", field: keyword(), note: "type " + t.name + ", by its text"}
}

// available puts what this Elasticsearch has in the place of a field type that
// it has not.
func (w *writer) available(c conversion) conversion {
	if kind, ok := c.field.get("type").(string); ok && w.lacks[kind] {
		c.field = stored()
		c.note = "not searchable (enabled: false): this Elasticsearch has no " + kind
	}
	return c
}

var simpleCast = regexp.MustCompile(`^%s::([a-z0-9]+)$`)

// array maps an array like its elements: any field of Elasticsearch takes many.
func (w *writer) array(v value) conversion {
	elem := v.typ.elem
	one := w.convert(value{sql: "%s", typ: elem, typmod: v.typmod, name: strings.TrimSuffix(v.name, "[]"), look: v.look, inJSON: v.inJSON, element: true})
	if cast := simpleCast.FindStringSubmatch(one.sql); cast != nil && elem.kind != 'd' {
		one.sql = v.sql + "::" + cast[1] + "[]"
		return one
	}
	if one.sql == "" {
		return one
	}
	if one.sql == "%s" && (elem.kind != 'd' || elem.base.elem == nil) {
		one.sql = v.sql
		return one
	}
	return w.unnest(v)
}

// unnest makes an array, or a multirange, an array of what its elements become.
// An element that becomes NULL for a reason, such as an empty range, is left out.
func (w *writer) unnest(v value) conversion {
	c := w.convert(value{
		sql: "e", typ: v.typ.elem, typmod: v.typmod, name: strings.TrimSuffix(v.name, "[]"), look: v.look, inJSON: true, element: true,
	})
	if c.sql == "" {
		return c
	}
	if properties := c.field.get("properties"); properties != nil {
		c.field = mapped("nested", member{"properties", properties})
	}
	// unnest stands in a select list, because in FROM it would take a composite
	// element apart.
	c.sql = fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN (SELECT coalesce(json_agg(v.j), '[]') FROM (SELECT unnest(%s) AS e) u, LATERAL (SELECT %s AS j) v WHERE v.j IS NOT NULL) END",
		v.sql, v.sql, c.sql)
	return c
}

// composite makes a composite value an object.
func (w *writer) composite(v value) conversion {
	if len(v.typ.attributes) == 0 {
		return conversion{sql: "to_json(" + v.sql + ")", field: stored(), note: "not searchable (enabled: false): a row of another table"}
	}
	var pairs []pair
	var properties object
	var notes []string
	taken := newNames()
	for _, a := range v.typ.attributes {
		part := w.convert(value{sql: "(" + v.sql + ")." + a.sql, typ: a.typ, typmod: a.typmod, name: a.typeName, inJSON: true, element: v.element})
		if part.sql == "" {
			notes = append(notes, a.name+" is left out: "+part.note)
			continue
		}
		name := taken.field(a.name)
		pairs = append(pairs, pair{name, part.sql, part.note})
		properties = append(properties, member{name, part.field})
	}
	return conversion{
		// IS NOT NULL would be false for a value of which one part is NULL.
		sql:   "CASE WHEN " + v.sql + " IS DISTINCT FROM NULL THEN " + buildObject(pairs) + " END",
		field: object{{"properties", properties}}, note: strings.Join(notes, "; "),
	}
}

// pair is a member of a JSON object that PostgreSQL builds.
type pair struct{ name, sql, note string }

const (
	// mostPairs is how many json_build_object takes: a function of PostgreSQL has
	// at most 100 arguments.
	mostPairs = 50
	// widest is how long an expression becomes before it takes several lines.
	widest = 110
	margin = "\n         "
)

// buildObject writes an object in one line if it is short and needs no comments,
// else with a line for each member.
func buildObject(pairs []pair) string {
	members := make([]string, len(pairs))
	noted := false
	for i, p := range pairs {
		members[i] = literal(p.name) + ", " + p.sql
		if len(pairs) > mostPairs {
			members[i] = p.sql + " AS " + quoteName(p.name)
		}
		noted = noted || p.note != ""
	}
	open, end := "json_build_object(", ")"
	if len(pairs) > mostPairs {
		open, end = "(SELECT row_to_json(o) FROM (SELECT ", ") o)"
	}
	if line := open + strings.Join(members, ", ") + end; !noted && len(line) <= widest && !strings.Contains(line, "\n") {
		return line
	}
	var b strings.Builder
	b.WriteString(open)
	for i, m := range members {
		b.WriteString(margin + strings.ReplaceAll(m, "\n", "\n  "))
		if i < len(members)-1 {
			b.WriteString(",")
		}
		if pairs[i].note != "" {
			b.WriteString(" -- " + comment(pairs[i].note))
		}
	}
	b.WriteString("\n       " + end)
	return b.String()
}

// rangeField returns the field for ranges of a type, or "": Elasticsearch has
// none for the others, which stay text.
func rangeField(subtype string) string {
	switch subtype {
	case "int2", "int4":
		return "integer_range"
	case "int8":
		return "long_range"
	case "numeric", "float4", "float8":
		return "double_range"
	case "date", "timestamp", "timestamptz":
		return "date_range"
	}
	return ""
}

// convertRange makes a range an object with its bounds. An empty one becomes
// NULL: {"gte": null, "lt": null} would match everything.
func convertRange(v value) conversion {
	subtype := v.typ.subtype
	for subtype != nil && subtype.kind == 'd' {
		subtype = subtype.base
	}
	if subtype == nil || rangeField(subtype.name) == "" {
		return conversion{sql: v.sql + "::text", field: keyword(), note: "Elasticsearch has no ranges of this type"}
	}
	lower, upper := "lower("+v.sql+")", "upper("+v.sql+")"
	from, to := "CASE WHEN lower_inc("+v.sql+") THEN 'gte' ELSE 'gt' END", "CASE WHEN upper_inc("+v.sql+") THEN 'lte' ELSE 'lt' END"
	var note string
	if strings.HasPrefix(subtype.name, "timestamp") {
		// Elasticsearch keeps milliseconds: a bound between two of them becomes
		// inclusive, and so does one that would leave nothing inside.
		from = fmt.Sprintf("CASE WHEN lower_inc(%[1]s) OR %[2]s <> date_trunc('milliseconds', %[2]s) OR %[3]s <= %[2]s + interval '1 ms' THEN 'gte' ELSE 'gt' END", v.sql, lower, upper)
		to = fmt.Sprintf("CASE WHEN upper_inc(%[1]s) OR %[2]s <> date_trunc('milliseconds', %[2]s) THEN 'lte' ELSE 'lt' END", v.sql, upper)
		note = "by milliseconds"
	}
	if v.typ.canonical {
		from, to = "'gte'", "'lt'"
	}
	if rangeField(subtype.name) == "date_range" {
		// For PostgreSQL infinity is a value; no bound means the same.
		lower, upper = "nullif("+lower+", '-infinity')", "nullif("+upper+", 'infinity')"
	}
	bounds := strings.Join([]string{from, lower, to, upper}, ", ")
	if len(bounds) > widest {
		bounds = margin + from + ", " + lower + "," + margin + to + ", " + upper
	}
	return conversion{
		sql:   "CASE WHEN NOT isempty(" + v.sql + ") THEN json_build_object(" + bounds + ") END",
		field: mapped(rangeField(subtype.name)), note: note,
	}
}

func literal(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
