package source

import (
	"fmt"
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
	number  int      // among all lookups of the source
	// unpivoted makes each added value an element. Without it and fields, all
	// values together are one piece of an element.
	unpivoted bool
	// fields makes each added value a piece: for each, which of query.added it is.
	fields  []int
	missing []byte // what is added for a key that has no row
}

// addLookups describes the lookups of a list and gives their columns names.
func (s *Source) addLookups(d *describer, q *query, l List) error {
	owner := q.owners()
	for _, file := range l.Lookups {
		look, err := s.addLookup(d, q, file)
		if err != nil {
			return err
		}
		look.unpivoted = l.Unpivot != ""
		if err := look.nameFields(l.Unpivot, owner); err != nil {
			return err
		}
		if look.unpivoted {
			q.columns[look.by].prefix = "" // where each column is an element, a key is none
		}
	}
	return nil
}

// owners has the query of each column: q.
func (q *query) owners() map[string]string {
	owner := make(map[string]string, len(q.columns))
	for _, c := range q.columns {
		owner[c.name] = q.name
	}
	return owner
}

// addLookup describes one lookup of q.
func (s *Source) addLookup(d *describer, q *query, file Query) (*lookup, error) {
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
func (d *describer) lookup(file Query, q *query) (*lookup, error) {
	st, fields, err := d.prepare(file)
	if err != nil {
		return nil, err
	}
	look := &lookup{name: file.Name, sql: st.sql, key: -1}
	if look.columns, err = d.columns(file.Name, fields); err != nil {
		return nil, err
	}
	for i, c := range look.columns {
		if at := q.position(c.name); at >= 0 && look.key < 0 {
			look.key, look.by = i, at
		}
	}
	if err := look.checkKey(q, d); err != nil {
		return nil, err
	}
	// Describing checks no rights; planning does.
	if _, err := d.session.explain(look.sql); err != nil {
		return nil, queryError(look.name, "", err)
	}
	return look, nil
}

func (l *lookup) checkKey(q *query, d *describer) error {
	if l.key < 0 || len(l.columns) < 2 {
		return &ConfigError{
			Query: l.name, Reason: "shares no column with " + q.name + ", or has no other",
			Advice: "give the column by which its rows are found the same name in both, and select what they add",
		}
	}
	here, there := l.columns[l.key], q.columns[l.by]
	if role := q.role(l.by); role != "" {
		return &ConfigError{
			Query: l.name, Column: here.name, Reason: "is the " + role + ", and rows are not looked up by that",
			Advice: "join it in " + q.name,
		}
	}
	if family := familyOf(here.oid); family != 0 && family == familyOf(there.oid) {
		return nil
	}
	return &ConfigError{
		Query: l.name, Column: here.name,
		Reason: fmt.Sprintf("has type %s here and %s in %s", d.types.name(here.oid), d.types.name(there.oid), q.name),
		Advice: "rows are found by an integer, a uuid, text or varchar, the same in both: cast it",
	}
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
func (l *lookup) nameFields(unpivot string, owner map[string]string) error {
	for i := range l.columns {
		c := &l.columns[i]
		if i == l.key {
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
		c.prefix = "," + jsonName(c.name) + ":"
		if l.unpivoted {
			c.prefix = "{" + jsonName(unpivot) + ":"
		}
	}
	row, err := l.encode(nil, make([][]byte, len(l.columns)))
	l.missing = row
	return err
}

// encode appends what a row adds, as the pieces of a [table].
func (l *lookup) encode(dst []byte, row [][]byte) (_ []byte, err error) {
	start := len(dst)
	dst = openPiece(dst)
	for i := range l.columns {
		c := &l.columns[i]
		if c.prefix == "" || l.unpivoted && row[i] == nil {
			continue
		}
		if dst, err = appendValue(append(dst, c.prefix...), row[i], c.typ); err != nil {
			return nil, &RowError{Query: l.name, ID: string(row[l.key]), Column: c.name, Reason: err.Error(), Advice: adviceOf(err)}
		}
		if l.unpivoted {
			dst = append(dst, '}')
		}
		if l.unpivoted || l.fields != nil {
			closePiece(dst, start)
			start = len(dst)
			dst = openPiece(dst)
		}
	}
	if !l.unpivoted && l.fields == nil {
		closePiece(dst, start)
		dst = openPiece(dst)
	}
	return dst, nil
}

// read reads the lookup as a whole.
func (l *lookup) read(session *session) (*table, error) {
	b := newTableBuilder(maxLookupBytes)
	var scratch []byte
	rows := session.pg.ExecParams(session.ctx, l.sql, nil, nil, nil, nil)
	for rows.NextRow() {
		row := rows.Values()
		key := row[l.key]
		if key == nil {
			continue // equals nothing, as in any join
		}
		var err error
		if scratch, err = l.encode(scratch[:0], row); err != nil {
			return nil, err
		}
		if err := b.add(key, scratch); err != nil {
			return nil, &RowError{Query: l.name, ID: string(key), Column: l.columns[l.key].name, Reason: err.Error(), Advice: adviceOf(err)}
		}
	}
	if _, err := rows.Close(); err != nil {
		return nil, fmt.Errorf("read %s: %w", l.name, advise(session.cause(err)))
	}
	return b.table(familyOf(l.columns[l.key].oid) == idInteger), nil
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
