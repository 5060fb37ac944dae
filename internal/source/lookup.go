package source

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// lookup is a query whose rows are added to those of a list or of the document
// query, by a column that both have.
type lookup struct {
	name    string
	sql     string
	columns []column // those that are added have a prefix
	key     int      // position of the shared column here
	by      int      // its position in the query that rows are added to
	more    []pair   // further columns of the key
	as      string   // name of the object that it makes; "" if its columns are fields
	number  int      // among all lookups of the source
	// unpivoted makes each added value an element. Without it and fields, all
	// values together are one piece of an element.
	unpivoted bool
	values    bool   // with unpivoted: the element is the value
	unpivot   string // with unpivoted: name of the one field
	// fields makes each added value a piece: for each, which of query.added it is.
	fields  []int
	missing []byte // what is added for a key that has no row
}

// pair is where a column of a key is: in the lookup, and in the query that rows are added to.
type pair struct{ here, there int }

// addLookups describes the lookups of a list and gives their columns names.
func (s *Source) addLookups(d *describer, q *query, l List) error {
	owner := q.owners()
	for _, file := range l.Lookups {
		look, err := s.addLookup(d, q, file)
		if err != nil {
			return err
		}
		if err := look.elements(l); err != nil {
			return err
		}
		if err := look.nameFields(owner); err != nil {
			return err
		}
		for _, at := range look.there() {
			if look.unpivoted {
				q.columns[at].prefix, q.columns[at].bare = "", false // where each column is an element, a key is none
			}
		}
	}
	return nil
}

// elements says what the values of the lookup are in the list's elements.
func (l *lookup) elements(list List) error {
	l.unpivoted, l.values, l.unpivot = list.Unpivot != "" || list.Values, list.Values, list.Unpivot
	if l.unpivoted && l.as != "" {
		return &ConfigError{
			Query: l.name, Reason: "makes an object in a list whose elements are single values",
			Advice: "leave out as, or unpivot and values of the list",
		}
	}
	return nil
}

// there are the positions of the key in the query that rows are added to.
func (l *lookup) there() []int {
	list := []int{l.by}
	for _, p := range l.more {
		list = append(list, p.there)
	}
	return list
}

// isKey says whether a column here is part of the key.
func (l *lookup) isKey(column int) bool {
	return column == l.key || slices.ContainsFunc(l.more, func(p pair) bool { return p.here == column })
}

// owners has the query of each column that is a field, or has a role: q.
func (q *query) owners() map[string]string {
	owner := make(map[string]string, len(q.columns))
	for i, c := range q.columns {
		if c.isField() || q.role(i) != "" {
			owner[c.name] = q.name
		}
	}
	return owner
}

// addLookup describes one lookup of q.
func (s *Source) addLookup(d *describer, q *query, file Lookup) (*lookup, error) {
	look, err := d.lookup(file, q)
	if err != nil {
		return nil, err
	}
	look.number = s.lookups
	s.lookups++
	q.lookups = append(q.lookups, look)
	return look, nil
}

// lookup describes one lookup of q: its key is the column that q has too.
func (d *describer) lookup(file Lookup, q *query) (*lookup, error) {
	st, fields, err := d.prepare(file.Query)
	if err != nil {
		return nil, err
	}
	look := &lookup{name: file.Name, sql: st.SQL, key: -1, as: file.As}
	if look.columns, err = d.columns(file.Name, fields); err != nil {
		return nil, err
	}
	if err := look.findKey(q, file.By); err != nil {
		return nil, err
	}
	for _, p := range append([]pair{{look.key, look.by}}, look.more...) {
		if err := look.checkKey(q, d, p); err != nil {
			return nil, err
		}
	}
	// Describing checks no rights; planning does.
	if _, err := d.session.explain(look.sql); err != nil {
		return nil, queryError(look.name, "", err)
	}
	return look, nil
}

// findKey finds the columns of the key: those of by, or the first that both have.
func (l *lookup) findKey(q *query, by []string) error {
	for i, c := range l.columns {
		at := q.position(c.name)
		if at < 0 || len(by) > 0 {
			continue
		}
		if l.key >= 0 {
			return &ConfigError{
				Query: l.name, Column: c.name, Reason: "is a column of " + q.name + " too",
				Advice: "rename one of them, or name all columns of the key in by if rows are found by it too",
			}
		}
		l.key, l.by = i, at
	}
	for n, name := range by {
		here, there := slices.IndexFunc(l.columns, func(c column) bool { return c.name == name }), q.position(name)
		e := &ConfigError{Query: l.name, Column: name}
		switch {
		case slices.Contains(by[:n], name):
			e.Reason, e.Advice = "is in by twice", "name it once"
		case here < 0:
			e.Reason, e.Advice = "is in by and is not a column of this query", "by names columns that this query and "+q.name+" both have"
		case there < 0:
			e.Reason, e.Advice = "is in by and is not a column of "+q.name, q.has()
		case n == 0:
			l.key, l.by = here, there
			continue
		default:
			l.more = append(l.more, pair{here, there})
			continue
		}
		return e
	}
	if l.key < 0 || len(l.columns) < 2+len(l.more) {
		return &ConfigError{
			Query: l.name, Reason: "shares no column with " + q.name + ", or has no other",
			Advice: "give the column by which its rows are found the same name in both, and select what they add",
		}
	}
	return nil
}

func (l *lookup) checkKey(q *query, d *describer, p pair) error {
	here, there := l.columns[p.here], q.columns[p.there]
	if role := q.role(p.there); role != "" {
		return &ConfigError{
			Query: l.name, Column: here.name, Reason: "is the " + role + ", and rows are not looked up by that",
			Advice: "join it in " + q.name,
		}
	}
	if family := familyOf(here.oid); family != 0 && family == familyOf(there.oid) {
		return l.checkSpelling(q, d, here.name, family)
	}
	return &ConfigError{
		Query: l.name, Column: here.name,
		Reason: fmt.Sprintf("has type %s here and %s in %s", d.types.name(here.oid), d.types.name(there.oid), q.name),
		Advice: "rows are found by an integer, a uuid, text or varchar, the same in both: cast it",
	}
}

// checkSpelling makes sure that keys are equal only if their texts are.
func (l *lookup) checkSpelling(q *query, d *describer, name string, family idFamily) error {
	if family != idText {
		return nil
	}
	column := "q." + quoteName(name)
	for query, from := range map[string]string{l.name: " FROM (" + l.sql + "\n) q", q.name: q.from()} {
		collation, err := d.collationOf(column + from)
		if err != nil {
			return queryError(query, "", err)
		}
		if err := d.oneSpelling(query, name, collation); err != nil {
			return err
		}
	}
	return nil
}

// role says what a column is beside a value.
func (q *query) role(column int) string {
	switch column {
	case q.id:
		return "id"
	case q.version:
		return "version"
	}
	return ""
}

// nameFields gives a prefix to the columns that are added. owner has the query
// of every column so far.
func (l *lookup) nameFields(owner map[string]string) error {
	if l.as != "" {
		return l.nameObject(owner)
	}
	for i := range l.columns {
		c := &l.columns[i]
		if l.isKey(i) {
			continue
		}
		if other := owner[c.name]; other != "" {
			e := &ConfigError{Query: l.name, Column: c.name, Reason: "is a column of " + other + " too", Advice: "rename one of them"}
			if l.fields != nil {
				e.Advice += ", or name it in coalesce if only lookups have it"
			}
			return e
		}
		owner[c.name] = l.name
		switch {
		case l.values:
			c.bare = true
		case l.unpivoted:
			c.prefix = "{" + jsonName(l.unpivot) + ":"
		default:
			c.prefix = "," + jsonName(c.name) + ":"
		}
	}
	row, err := l.encode(nil, make([][]byte, len(l.columns)))
	l.missing = row
	return err
}

// nameObject gives the columns their prefixes inside of an object.
func (l *lookup) nameObject(owner map[string]string) error {
	if other := owner[l.as]; other != "" {
		return &ConfigError{
			Query: l.name, Column: l.as, Reason: "is the object of this lookup and a column of " + other, Advice: "name the object otherwise, or leave the column out by omit",
		}
	}
	owner[l.as] = l.name
	sep := "," + jsonName(l.as) + ":{"
	for i := range l.columns {
		if !l.isKey(i) {
			l.columns[i].prefix = sep + jsonName(l.columns[i].name) + ":"
			sep = ","
		}
	}
	start := len(l.missing)
	l.missing = append(openPiece(l.missing), ","+jsonName(l.as)+":null"...)
	closePiece(l.missing, start)
	l.missing = openPiece(l.missing)
	return nil
}

// encode appends what a row adds, as the pieces of a [table].
func (l *lookup) encode(dst []byte, row [][]byte) (_ []byte, err error) {
	start := len(dst)
	dst = openPiece(dst)
	for i := range l.columns {
		c := &l.columns[i]
		if c.prefix == "" && !c.bare || l.unpivoted && row[i] == nil {
			continue
		}
		if dst, err = c.appendTo(dst, row[i]); err != nil {
			return nil, &RowError{Query: l.name, ID: l.keyText(row), Column: c.name, Reason: err.Error(), Advice: adviceOf(err)}
		}
		if l.unpivoted && !l.values {
			dst = append(dst, '}')
		}
		if l.pieces() {
			closePiece(dst, start)
			start = len(dst)
			dst = openPiece(dst)
		}
	}
	if !l.pieces() {
		if l.as != "" {
			dst = append(dst, '}')
		}
		closePiece(dst, start)
		dst = openPiece(dst)
	}
	return dst, nil
}

// pieces says whether each value is a piece of its own.
func (l *lookup) pieces() bool { return l.as == "" && (l.unpivoted || l.fields != nil) }

// keyOf returns the key of a row, nil if a column of it is NULL, and what it was
// appended to. Of several columns each has its length before it, so that no two keys are one.
func (l *lookup) keyOf(dst []byte, row [][]byte, first int, next func(pair) int) (key, buffer []byte) {
	key = row[first]
	if len(l.more) == 0 || key == nil {
		return key, dst
	}
	start := len(dst)
	dst = append(binary.NativeEndian.AppendUint32(dst, uint32(len(key))), key...) //nolint:gosec // a value of a row has at most a GiB
	for _, p := range l.more {
		part := row[next(p)]
		if part == nil {
			return nil, dst[:start]
		}
		dst = append(binary.NativeEndian.AppendUint32(dst, uint32(len(part))), part...) //nolint:gosec // as above
	}
	return dst[start:], dst
}

// keyText is a key for messages.
func (l *lookup) keyText(row [][]byte) string {
	parts := []string{string(row[l.key])}
	for _, p := range l.more {
		parts = append(parts, string(row[p.here]))
	}
	return strings.Join(parts, ", ")
}

// read reads the lookup as a whole.
func (l *lookup) read(session *session) (*table, error) {
	b := newTableBuilder(maxLookupBytes)
	var scratch, buffer []byte
	rows := session.pg.ExecParams(session.ctx, l.sql, nil, nil, nil, nil)
	for rows.NextRow() {
		row := rows.Values()
		var key []byte
		if key, buffer = l.keyOf(buffer[:0], row, l.key, func(p pair) int { return p.here }); key == nil {
			continue // equals nothing, as in any join
		}
		var err error
		if scratch, err = l.encode(scratch[:0], row); err != nil {
			return nil, err
		}
		if err := b.add(key, scratch); err != nil {
			return nil, &RowError{Query: l.name, ID: l.keyText(row), Column: l.columns[l.key].name, Reason: err.Error(), Advice: adviceOf(err)}
		}
	}
	if _, err := rows.Close(); err != nil {
		return nil, fmt.Errorf("read %s: %w", l.name, advise(session.cause(err)))
	}
	return b.table(len(l.more) == 0 && familyOf(l.columns[l.key].oid) == idInteger), nil
}

// lookupTables are the lookups of one snapshot, read once by whichever stream comes
// first; the others wait for it.
type lookupTables struct {
	mu   sync.Mutex
	list []*table // by lookup.number; nil before it was read
}

func (t *lookupTables) get(source *Source, session *session) ([]*table, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.list != nil {
		return t.list, nil
	}
	list := make([]*table, source.lookups)
	for _, q := range append([]*query{source.document}, source.lists...) {
		for _, l := range q.lookups {
			var err error
			if list[l.number], err = l.read(session); err != nil {
				return nil, err
			}
		}
	}
	t.list = list
	return list, nil
}
