package source

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// composite is an id that is made of several columns. Ranges are stretches of the
// rows in the order of these columns, which an index that begins with them has, and
// not of the text that the id is, which none has.
type composite struct {
	separator string
	parts     []part
	// byText has ranges of the text all the same, for [Config.ByteOrder].
	byText bool
}

// part is one column of an id.
type part struct {
	name    string
	at      int    // its position
	typ     string // SQL name of its type
	collate string // what it is compared with: "" or ` COLLATE ...`
}

// composeID makes the id of the query, which becomes its first column.
func (d *describer) composeID(q *query) error {
	if q.position(d.id) >= 0 {
		return &ConfigError{
			Query: q.name, Column: d.id, Reason: "is a column of this query, and the id is made of " + strings.Join(d.parts, ", "),
			Advice: "give the id another name, or make that column the id",
		}
	}
	if len(q.hints) > 0 {
		return &ConfigError{
			Query: q.name, Reason: "has a /*range ...*/ comment, and the id has several columns",
			Advice: "leave the comment out; what it was for can be a list, an object or a lookup",
		}
	}
	c := &composite{separator: d.separator, byText: d.byText}
	for i, name := range d.parts {
		at := q.position(name)
		switch {
		case at < 0:
			return &ConfigError{Query: q.name, Column: name, Reason: "is a column of the id and not of this query", Advice: q.has()}
		case slices.Contains(d.parts[:i], name):
			return &ConfigError{Column: name, Reason: "is in the id twice", Advice: "name it once"}
		}
		c.parts = append(c.parts, part{name: name, at: at + 1, typ: d.types.name(q.columns[at].oid)})
	}
	text, err := d.types.resolve(oidText)
	if err != nil {
		return fmt.Errorf("look up the type of an id: %w", err)
	}
	q.columns = append([]column{{name: d.id, typ: text, oid: oidText}}, q.columns...)
	q.id, q.family, q.composite = 0, idText, c
	return nil
}

// collateParts has every query compare the columns of the id as the document query does.
func (d *describer) collateParts(document, q *query) error {
	for i := range q.composite.parts {
		p, first := &q.composite.parts[i], document.composite.parts[i]
		if p.typ != first.typ {
			return &ConfigError{
				Query: q.name, Column: p.name, Reason: "is a column of the id and has type " + p.typ + " here and " + first.typ + " in " + document.name,
				Advice: "cast one of them, so that they can be compared",
			}
		}
		row, err := d.session.row("SELECT 1 FROM pg_catalog.pg_type WHERE oid = $1::pg_catalog.oid AND typcollation <> 0", fmt.Append(nil, q.columns[p.at].oid))
		if err != nil {
			return fmt.Errorf("look up the collation of %s: %w", p.typ, err)
		}
		if row == nil {
			continue
		}
		own, err := d.collationOf("q." + quoteName(p.name) + document.from())
		if err != nil {
			return queryError(document.name, "", err)
		}
		if err := d.oneSpelling(document.name, p.name, own); err != nil {
			return err
		}
		if p.collate = ` COLLATE "C"`; own != "" {
			p.collate = " COLLATE " + own
		}
	}
	return nil
}

// expr is the id as SQL.
func (c *composite) expr() string {
	var sql strings.Builder
	for i, p := range c.parts {
		if i > 0 {
			sql.WriteString(" || '" + strings.ReplaceAll(c.separator, "'", "''") + "' || ")
		}
		sql.WriteString("q." + quoteName(p.name) + "::pg_catalog.text")
	}
	return "(" + sql.String() + ")"
}

// key is what bounds of ranges are, as SQL: the columns as the text of an array.
func (c *composite) key() string {
	list := make([]string, len(c.parts))
	for i, p := range c.parts {
		list[i] = "q." + quoteName(p.name) + "::pg_catalog.text"
	}
	return "ARRAY[" + strings.Join(list, ", ") + "]::pg_catalog.text"
}

// columns are those of the id in a list, each in its collation.
func (c *composite) columns() string {
	list := make([]string, len(c.parts))
	for i, p := range c.parts {
		list[i] = "q." + quoteName(p.name) + p.collate
	}
	return strings.Join(list, ", ")
}

// values are those of an array, which is SQL of type text[].
func (c *composite) values(array string) string {
	list := make([]string, len(c.parts))
	for i, p := range c.parts {
		list[i] = fmt.Sprintf("(%s)[%d]::%s", array, i+1, p.typ)
	}
	return strings.Join(list, ", ")
}

// bounds are the conditions of a range.
func (c *composite) bounds(lo, hi int) []string {
	var list []string
	if lo > 0 {
		list = append(list, fmt.Sprintf("ROW(%s) >= ROW(%s)", c.columns(), c.values(fmt.Sprintf("$%d::pg_catalog.text[]", lo))))
	}
	if hi > 0 {
		list = append(list, fmt.Sprintf("ROW(%s) < ROW(%s)", c.columns(), c.values(fmt.Sprintf("$%d::pg_catalog.text[]", hi))))
	}
	return list
}

// isIn is the condition that a row has one of the keys in $1, an array of the texts of arrays.
func (c *composite) isIn() string {
	return fmt.Sprintf("(%s) IN (SELECT %s FROM pg_catalog.unnest($1::pg_catalog.text[]) k)", c.columns(), c.values("k::pg_catalog.text[]"))
}

// check makes sure that no two rows with different columns have one id: only the last
// column may hold the separator.
func (q *query) checkParts(row [][]byte) error {
	c := q.composite
	for _, p := range c.parts[:len(c.parts)-1] {
		if bytes.Contains(row[p.at], []byte(c.separator)) {
			return &RowError{
				Query: q.name, ID: string(row[q.id]), Column: p.name,
				Reason: fmt.Sprintf("is a column of the id and holds its separator %q, so two rows could have one id", c.separator),
				Advice: "choose a separator that no column but the last can hold (source.id.separator), or put that column last",
			}
		}
	}
	return nil
}

// isPart says whether a column is one of those that the id is made of.
func (q *query) isPart(column int) bool {
	return q.composite != nil && slices.ContainsFunc(q.composite.parts, func(p part) bool { return p.at == column })
}

// byTuple says whether ranges are of the columns of the id.
func (q *query) byTuple() bool { return q.composite != nil && !q.composite.byText }

// keyExpr is what the bounds of ranges are, as SQL.
func (q *query) keyExpr() string {
	if q.byTuple() {
		return q.composite.key()
	}
	return q.idExpr()
}

// byKey reads the rows of the keys, or ids, in the array $1.
func (q *query) byKey() string {
	if q.byTuple() {
		return q.byKeys[idRange{}.index()]
	}
	return q.byIDs
}

// orderExpr is what ranges are in the order of.
func (q *query) orderExpr() string {
	if q.byTuple() {
		return q.composite.columns()
	}
	return q.idExpr() + q.collate
}

// idBounds are the conditions of a range.
func (q *query) idBounds(lo, hi int) []string {
	if q.byTuple() {
		return q.composite.bounds(lo, hi)
	}
	return q.bounds(q.idExpr(), lo, hi)
}

// example returns some range, to plan with.
func (d *describer) example(q *query) (idRange, error) {
	if !q.byTuple() {
		return q.family.example(), nil
	}
	row, err := d.session.row("SELECT " + q.keyExpr() + q.from() + " LIMIT 1")
	if err != nil {
		return idRange{}, err
	}
	if row == nil { // there is no row, and no text that is right for every type
		row = [][]byte{[]byte("{" + strings.TrimSuffix(strings.Repeat("NULL,", len(q.composite.parts)), ",") + "}")}
	}
	key := slices.Clone(row[0])
	return idRange{lo: key, hi: key}, nil
}
