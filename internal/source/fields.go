package source

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// field is a field of the document that lookups add.
type field struct {
	name  string
	query string // file name of the first lookup that adds it
	first column // of that lookup
	times int    // how many lookups add it; more than one if it is coalesced
}

// checkOmitted checks the columns that shall be no fields.
func (q *query) checkOmitted(names []string, idIs string) error {
	for i, name := range names {
		at := q.position(name)
		e := &ConfigError{Query: q.name, Column: name}
		switch {
		case slices.Contains(names[:i], name):
			e.Reason, e.Advice = "is in omit twice", "name it once"
		case at < 0:
			e.Reason, e.Advice = "is in omit and is not a column of this query", q.has()
		case at == q.id:
			e.Reason, e.Advice = "is in omit and is the id, "+idIs, "leave it out of omit"
		case at == q.version:
			e.Reason, e.Advice = "is in omit and is the version, which is no field anyway", "leave it out of omit"
		default:
			continue
		}
		return e
	}
	return nil
}

// isField says whether the column is in the document or in an element.
func (c column) isField() bool { return c.prefix != "" || c.bare }

// has says which columns the query has.
func (q *query) has() string {
	names := make([]string, len(q.columns))
	for i, c := range q.columns {
		names[i] = c.name
	}
	return "it has " + strings.Join(names, ", ")
}

// addFields describes the lookups of the document query, whose columns are fields.
func (s *Source) addFields(d *describer, cfg Config) error {
	q := s.document
	if err := q.checkCoalesced(cfg.Coalesce); err != nil {
		return err
	}
	owner := q.owners()
	for _, file := range cfg.Lookups {
		look, err := s.addLookup(d, q, file)
		if err != nil {
			return err
		}
		for _, name := range cfg.Coalesce {
			delete(owner, name) // may be in several lookups
		}
		look.fields = make([]int, 0, len(look.columns)-1)
		if err := look.nameFields(owner); err != nil {
			return err
		}
		if err := d.addFieldsOf(look, q); err != nil {
			return err
		}
	}
	return q.checkAdded(cfg.Coalesce)
}

// addFieldsOf says which field each piece of the lookup is.
func (d *describer) addFieldsOf(look *lookup, q *query) error {
	if look.as != "" { // one piece, of a name that nothing else has
		look.fields = append(look.fields, len(q.added))
		q.added = append(q.added, field{name: look.as, query: look.name, times: 1})
		return nil
	}
	for _, c := range look.columns {
		if c.prefix == "" {
			continue
		}
		at := slices.IndexFunc(q.added, func(f field) bool { return f.name == c.name })
		if at < 0 {
			at = len(q.added)
			q.added = append(q.added, field{name: c.name, query: look.name, first: c})
		}
		f := &q.added[at]
		if !f.first.typ.SameForm(c.typ) {
			return &ConfigError{
				Query: look.name, Column: c.name,
				Reason: fmt.Sprintf("is coalesced and has type %s here and %s in %s", d.types.name(c.oid), d.types.name(f.first.oid), f.query),
				Advice: "cast one of them, so that both become JSON in one form",
			}
		}
		f.times++
		look.fields = append(look.fields, at)
	}
	return nil
}

// checkCoalesced checks what can be told without the lookups.
func (q *query) checkCoalesced(names []string) error {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return &ConfigError{Query: q.name, Column: name, Reason: "is in coalesce twice", Advice: "name it once"}
		}
		if q.position(name) >= 0 {
			return &ConfigError{
				Query: q.name, Column: name, Reason: "is in coalesce and is a column of this query; coalesce is for what lookups add",
				Advice: "rename it here, or leave it out of coalesce",
			}
		}
	}
	return nil
}

// checkAdded makes sure that two lookups or more add what is coalesced.
func (q *query) checkAdded(coalesced []string) error {
	names := make([]string, len(q.added))
	for i, f := range q.added {
		names[i] = f.name
		if f.times == 1 && slices.Contains(coalesced, f.name) {
			return &ConfigError{
				Query: q.name, Column: f.name, Reason: "is in coalesce and only " + f.query + " adds it",
				Advice: "give the column of another lookup the same name, or leave it out of coalesce",
			}
		}
	}
	for _, name := range coalesced {
		if !slices.Contains(names, name) {
			hint := "the document query has none that add a column"
			if len(names) > 0 {
				hint = "they add " + strings.Join(names, ", ")
			}
			return &ConfigError{Query: q.name, Column: name, Reason: "is in coalesce and no lookup adds it", Advice: hint}
		}
	}
	return nil
}

// fieldOf returns the name of the query that a field is of, or "" if there is no
// such field.
func (s *Source) fieldOf(name string) string {
	for _, c := range s.document.columns {
		if c.name == name && c.prefix != "" {
			return s.document.name
		}
	}
	for _, f := range s.document.added {
		if f.name == name {
			return f.query
		}
	}
	for _, l := range s.lists {
		if l.field == name {
			return s.document.name
		}
	}
	return ""
}

// appendAdded appends the fields that lookups add to a row of the document query.
func (st *stream) appendAdded(q *query, row [][]byte) {
	if len(q.lookups) == 0 {
		return
	}
	clear(st.added)
	for _, l := range q.lookups {
		rest := st.found(l, row)
		for _, at := range l.fields {
			var piece []byte
			piece, rest = nextPiece(rest)
			if st.added[at] == nil || isNull(st.added[at]) {
				st.added[at] = piece
			}
		}
	}
	for _, piece := range st.added {
		st.batch.arena = append(st.batch.arena, piece...)
	}
}

// isNull tells whether a field has NULL as its value, or JSON's null; text that
// ends like this has a quote behind it.
func isNull(piece []byte) bool {
	return bytes.HasSuffix(piece, []byte(":null")) || bytes.HasSuffix(piece, []byte{':', maskStart, 'n', 'u', 'l', 'l', maskEnd})
}
