package scaffold

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/reindex/internal/source"
)

// relation is a table or a view.
type relation struct {
	oid          string
	schema, name string
	sql          string // schema and name, quoted where they need it
	readable     bool   // the role has SELECT on it, or on some of its columns
	distant      bool   // it is a view or a foreign table: its rows, and their indices, are elsewhere
	columns      []*column
	primary      []*column // of the primary key, in its order
	unique       [][]*column
	indexed      [][]int32          // the columns that indices begin with, in their order
	classes      map[int32][]string // operator classes of the indices on a column
	parents      []*foreignKey      // from this relation
	children     []*foreignKey      // to this relation
	byNumber     map[int32]*column  // by attnum
}

// column is a column of a relation, or a part of a composite type.
type column struct {
	number        int32
	name          string
	sql           string // quoted where it needs it
	typ           *pgType
	typmod        int32
	typeName      string // as PostgreSQL prints it, such as numeric(10,2)
	notNull       bool
	deterministic bool // its collation calls no two different texts equal
	readable      bool
	look          *look // what a look at the data found; nil if there was none
}

// foreignKey is a constraint: the columns of from refer to those of to.
type foreignKey struct {
	from, to        *relation
	columns, target []*column
	validated       bool
}

// single says that at most one row refers to each row.
func (k *foreignKey) single() bool {
	return slices.ContainsFunc(k.from.unique, func(unique []*column) bool { return sameSet(unique, k.columns) })
}

// indexed says that an index begins with the key's columns, in any order.
func (k *foreignKey) indexed() bool {
	return slices.ContainsFunc(k.from.indexed, func(index []int32) bool {
		if len(index) < len(k.columns) {
			return false
		}
		return !slices.ContainsFunc(k.columns, func(c *column) bool { return !slices.Contains(index[:len(k.columns)], c.number) })
	})
}

func sameSet(a, b []*column) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(c *column) bool { return !slices.Contains(b, c) })
}

// pgType is a type of pg_type.
type pgType struct {
	oid        string
	name       string // in pg_type: int4, _text, geometry
	schema     string // as a prefix for functions of its extension: "" if it is on the search path, or `gis.`
	extension  string // that it belongs to, or ""
	kind       byte   // of pg_type.typtype: b base, c composite, d domain, e enum, r range, m multirange
	immutable  bool   // its text form depends on no setting, so that an index can hold it
	base       *pgType
	baseTypmod int32
	baseName   string  // of a domain: its base type as PostgreSQL prints it
	elem       *pgType // of an array
	subtype    *pgType // of a range
	rangeType  *pgType // of a multirange
	canonical  bool    // of a range: discrete, so that all its values have the form [a,b)
	attributes []*column
}

// schemaReader reads the catalog by a number of queries that does not grow with
// the number of tables.
type schemaReader struct {
	catalog   *source.Catalog
	relations map[string]*relation
	types     map[string]*pgType
	keys      []keyRow
}

type keyRow struct {
	from, to, columns, target string
	validated                 bool
}

// read returns the relation with the name, and what is around it up to depth
// foreign keys away.
func read(ctx context.Context, catalog *source.Catalog, name string, depth int) (*relation, map[string]bool, error) {
	oid, err := catalog.Relation(name)
	if err != nil {
		return nil, nil, err
	}
	if oid == "" {
		return nil, nil, &source.ConfigError{
			Reason: "there is no table " + name,
			Advice: `name it as in SQL, such as person, hr.person or "Odd Name"; without a schema it has to be on the search_path`,
		}
	}
	r := &schemaReader{catalog: catalog, relations: map[string]*relation{}, types: map[string]*pgType{}}
	steps := []func() error{
		func() error { return r.readKeys(oid) },
		func() error { return r.readRelations(r.around(oid, depth)) },
		r.readTypes, r.readColumns, r.readIndexes,
	}
	for _, step := range steps {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return nil, nil, err
		}
	}
	r.link()
	words, err := r.keywords()
	table := r.relations[oid]
	if err == nil && (table == nil || len(table.columns) == 0) {
		err = &source.ConfigError{Reason: name + " has no columns, or is no table or view", Advice: "name a table, a view or a materialised view"}
	}
	return table, words, err
}

// readKeys reads all foreign keys. A partitioned table has its keys once here:
// the copies on its partitions, and those that a partitioned target adds, are
// left out, but for a partition that is itself the table of the documents.
func (r *schemaReader) readKeys(table string) error {
	rows, err := r.catalog.Rows("read the foreign keys", `
SELECT k.conrelid, k.confrelid, k.conkey, k.confkey, k.convalidated
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_constraint parent ON parent.oid = k.conparentid
WHERE k.contype = 'f'
  AND (k.conparentid = 0 OR k.conrelid = $1::pg_catalog.oid AND parent.conrelid <> k.conrelid)
ORDER BY k.conrelid::pg_catalog.regclass::pg_catalog.text, k.conkey, k.conname`, table)
	for _, v := range rows {
		r.keys = append(r.keys, keyRow{string(v[0]), string(v[1]), string(v[2]), string(v[3]), string(v[4]) == "t"})
	}
	return err
}

// around returns the oids of the tables that documents of the table may need.
func (r *schemaReader) around(table string, depth int) []string {
	needed := map[string]bool{table: true}
	var outwards func(from string, depth int)
	outwards = func(from string, depth int) {
		if depth <= 0 {
			return
		}
		for _, k := range r.keys {
			if k.from == from {
				needed[k.to] = true
				outwards(k.to, depth-1)
			}
		}
	}
	outwards(table, depth)
	if depth > 0 {
		for _, k := range r.keys {
			if k.to == table {
				needed[k.from] = true
				outwards(k.from, max(1, depth-1)) // a join table needs the other side
			}
		}
	}
	var oids []string
	for oid := range needed {
		oids = append(oids, oid)
	}
	slices.Sort(oids)
	return oids
}

func (r *schemaReader) readRelations(oids []string) error {
	rows, err := r.catalog.Rows("read the tables", `
SELECT c.oid, n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname),
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT'), c.relkind IN ('v', 'f')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`, arrayOf(oids))
	for _, v := range rows {
		r.relations[string(v[0])] = &relation{
			oid: string(v[0]), schema: string(v[1]), name: string(v[2]), sql: string(v[3]), readable: string(v[4]) == "t", distant: string(v[5]) == "t",
			byNumber: map[int32]*column{}, classes: map[int32][]string{},
		}
	}
	return err
}

// readTypes reads every type: a domain over an array of a composite type is
// four of them, and which are needed shows only on the way.
func (r *schemaReader) readTypes() error {
	rows, err := r.catalog.Rows("read the types", `
SELECT t.oid, t.typname, CASE WHEN pg_catalog.pg_type_is_visible(t.oid) THEN '' ELSE pg_catalog.format('%I.', n.nspname) END,
       x.extname, t.typtype, o.provolatile = 'i', t.typbasetype, t.typtypmod,
       CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
       CASE WHEN t.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc THEN t.typelem ELSE 0 END, g.rngsubtype, g.rngcanonical <> 0
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_proc o ON o.oid = t.typoutput
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
LEFT JOIN pg_catalog.pg_range g ON g.rngtypid = t.oid`)
	if err != nil {
		return err
	}
	for _, v := range rows {
		r.types[string(v[0])] = &pgType{
			oid: string(v[0]), name: string(v[1]), schema: string(v[2]), extension: string(v[3]), kind: v[4][0], immutable: string(v[5]) == "t",
			baseTypmod: number(v[7]), baseName: string(v[8]), canonical: string(v[11]) == "t",
		}
	}
	for _, v := range rows {
		t := r.types[string(v[0])]
		t.base, t.elem, t.subtype = r.types[string(v[6])], r.types[string(v[9])], r.types[string(v[10])]
	}
	return errors.Join(r.readMultiranges(), r.readAttributes())
}

// readMultiranges links multiranges, which PostgreSQL has since version 14, to
// their ranges. The column is read by way of JSON, because the query has to
// parse on 12 and 13 too.
func (r *schemaReader) readMultiranges() error {
	rows, err := r.catalog.Rows("read the ranges", `
SELECT g.rngtypid, pg_catalog.to_jsonb(g) ->> 'rngmultitypid' FROM pg_catalog.pg_range g`)
	for _, v := range rows {
		if t := r.types[string(v[1])]; t != nil {
			t.rangeType = r.types[string(v[0])]
		}
	}
	return err
}

const columnsSelect = `
SELECT %s, a.attnum, a.attname, pg_catalog.quote_ident(a.attname), a.atttypid, a.atttypmod,
       pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, coalesce(l.collisdeterministic, true), %s
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
`

func (r *schemaReader) column(v [][]byte) *column {
	return &column{
		number: number(v[1]), name: string(v[2]), sql: string(v[3]), typ: r.types[string(v[4])], typmod: number(v[5]),
		typeName: string(v[6]), notNull: string(v[7]) == "t", deterministic: string(v[8]) == "t", readable: string(v[9]) == "t",
	}
}

func (r *schemaReader) readAttributes() error {
	rows, err := r.catalog.Rows("read the composite types", fmt.Sprintf(columnsSelect, "c.reltype", "true")+`
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'c'
WHERE a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`)
	for _, v := range rows {
		if t := r.types[string(v[0])]; t != nil {
			t.attributes = append(t.attributes, r.column(v))
		}
	}
	return err
}

func (r *schemaReader) readColumns() error {
	rows, err := r.catalog.Rows("read the columns",
		fmt.Sprintf(columnsSelect, "a.attrelid", "pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')")+`
WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`, arrayOf(r.oids()))
	for _, v := range rows {
		c, relation := r.column(v), r.relations[string(v[0])]
		relation.columns = append(relation.columns, c)
		relation.byNumber[c.number] = c
	}
	return err
}

func (r *schemaReader) readIndexes() error {
	rows, err := r.catalog.Rows("read the indices", `
SELECT i.indrelid, i.indkey, i.indnkeyatts, i.indisprimary, i.indisunique AND i.indimmediate, i.indpred IS NULL,
       (SELECT pg_catalog.string_agg(o.opcname, ' ' ORDER BY u.n)
        FROM pg_catalog.unnest(i.indclass::pg_catalog.oid[]) WITH ORDINALITY u(class, n)
        JOIN pg_catalog.pg_opclass o ON o.oid = u.class)
FROM pg_catalog.pg_index i
WHERE i.indrelid = ANY ($1::pg_catalog.oid[]) AND i.indisvalid
ORDER BY i.indrelid, i.indexrelid`, arrayOf(r.oids()))
	for _, v := range rows {
		relation := r.relations[string(v[0])]
		keys := numbers(string(v[1]))[:number(v[2])]
		for i, class := range strings.Fields(string(v[6])) {
			if i < len(keys) {
				relation.classes[keys[i]] = append(relation.classes[keys[i]], class)
			}
		}
		if whole := string(v[5]) == "t"; !whole || slices.Contains(keys, 0) { // 0 is an expression
			continue
		}
		relation.indexed = append(relation.indexed, keys)
		if string(v[3]) == "t" {
			relation.primary = relation.take(keys)
		}
		if string(v[4]) == "t" {
			relation.unique = append(relation.unique, relation.take(keys))
		}
	}
	return err
}

// link puts the foreign keys whose two tables were read at both of them.
func (r *schemaReader) link() {
	for _, row := range r.keys {
		from, to := r.relations[row.from], r.relations[row.to]
		if from == nil || to == nil {
			continue
		}
		k := &foreignKey{
			from: from, to: to, validated: row.validated,
			columns: from.take(numbers(row.columns)), target: to.take(numbers(row.target)),
		}
		if slices.Contains(k.columns, nil) || slices.Contains(k.target, nil) {
			continue
		}
		from.parents, to.children = append(from.parents, k), append(to.children, k)
	}
}

// keywords returns the words that have to be quoted as a table's alias.
func (r *schemaReader) keywords() (map[string]bool, error) {
	rows, err := r.catalog.Rows("read the keywords", "SELECT word FROM pg_catalog.pg_get_keywords() WHERE catcode <> 'U'")
	words := make(map[string]bool, len(rows))
	for _, v := range rows {
		words[string(v[0])] = true
	}
	return words, err
}

func (r *schemaReader) oids() []string {
	oids := make([]string, 0, len(r.relations))
	for oid := range r.relations {
		oids = append(oids, oid)
	}
	slices.Sort(oids)
	return oids
}

func (r *relation) take(numbers []int32) []*column {
	columns := make([]*column, len(numbers))
	for i, n := range numbers {
		columns[i] = r.byNumber[n]
	}
	return columns
}

func arrayOf(oids []string) string { return "{" + strings.Join(oids, ",") + "}" }

// numbers reads {1,2} and the older form 1 2.
func numbers(text string) []int32 {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("{}, ", r) })
	list := make([]int32, len(fields))
	for i, f := range fields {
		list[i] = number([]byte(f))
	}
	return list
}

func number(text []byte) int32 {
	n, _ := strconv.ParseInt(string(text), 10, 32) // the catalog's columns are integers
	return int32(n)
}
