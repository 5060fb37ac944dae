package changes

import (
	"fmt"
	"slices"
	"strings"
)

// firstUserOID is the first oid that PostgreSQL gives to what users create
// (FirstNormalObjectId, src/include/access/transam.h).
const firstUserOID = 16384

// table is one table that the queries read. Partitions are read through the
// uppermost partitioned table that a query names, which needs no right on them.
type table struct {
	oid     int64
	name    string            // with schema, quoted as SQL needs it
	columns map[string]string // name to family, see columnsQuery
	rows    int64             // by the planner's statistics
	// keys are the columns that hold the id of the document that a row belongs
	// to. Without keys, the documents of a row are unknown.
	keys []string
}

// tableSet is the tables of all queries.
type tableSet struct {
	tables []*table            // in the order of their names
	byName map[string]*table   // schema and name with a zero byte between, of partitions too
	byOID  map[int64]*table    // of partitions too
	leaves map[*table][]string // what a plan scans: the table, or its partitions that have none
	// lookups are the tables that each lookup reads, and byID those that a
	// query with an id does.
	lookups map[string][]*table
	byID    map[*table]bool
}

// relation is one row of relationsQuery.
type relation struct {
	oid, parent                      int64
	schema, short, name, kind, am    string
	hasChildren, policy, mayReadXmin bool
	rows                             int64
	definition                       string
}

// relationsQuery describes the relations in $1. parent is the partitioned table
// that a partition belongs to.
const relationsQuery = `
SELECT c.oid, coalesce(i.inhparent, 0), n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind,
       coalesce(m.amname, ''), c.relhassubclass, pg_catalog.row_security_active(c.oid),
       pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_column_privilege(c.oid, 'xmin', 'SELECT'),
       greatest(c.reltuples, 0)::pg_catalog.int8,
       CASE WHEN c.relkind = 'v' THEN pg_catalog.pg_get_viewdef(c.oid) ELSE '' END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind NOT IN ('i', 'I', 't')
ORDER BY c.oid`

func relations(s Session, oids []uint32) ([]relation, error) {
	var out []relation
	err := s.Each(relationsQuery, [][]byte{oidArray(oids)}, func(v [][]byte) error {
		r := relation{
			schema: string(v[2]), short: string(v[3]), name: string(v[4]), kind: string(v[5]), am: string(v[6]),
			hasChildren: string(v[7]) == "t", policy: string(v[8]) == "t", mayReadXmin: string(v[9]) == "t",
			definition: string(v[11]),
		}
		var err error
		for _, field := range []struct {
			to   *int64
			from []byte
		}{{&r.oid, v[0]}, {&r.parent, v[1]}, {&r.rows, v[10]}} {
			if *field.to, err = number(string(field.from)); err != nil {
				return err
			}
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("describe the tables of the queries: %w", err)
	}
	return out, nil
}

// refuse says why the rows of a relation cannot be compared by xmin.
func (r relation) refuse() *Refusal {
	no := func(why, remedy string) *Refusal { return &Refusal{Why: why, Remedy: remedy, Always: true} }
	switch {
	case r.oid < firstUserOID:
		return no("the queries read the system catalog "+r.name, "")
	case r.kind == "f":
		return no("the queries read the foreign table "+r.name, "")
	case r.kind == "S":
		return no("the queries read the sequence "+r.name+", which is outside of snapshots", "")
	case r.kind == "v":
		return nil
	case r.policy:
		return no("row security is active for this role on "+r.name, "run as a role with BYPASSRLS")
	case r.kind == "r" && r.hasChildren:
		return no(r.name+" has, or had, tables that inherit from it", "")
	case r.kind != "p" && r.am != "heap":
		return no(fmt.Sprintf("%s is stored by the access method %s", r.name, r.am), "")
	case !r.mayReadXmin && r.parent == 0:
		return no("the role may not read "+r.name+" itself, only what views show of it", "GRANT SELECT ON "+r.name)
	}
	return nil
}

// roots returns for each table and partition the one through which it is read.
func roots(all []relation) map[int64]int64 {
	parent := map[int64]int64{}
	for _, r := range all {
		parent[r.oid] = r.parent
	}
	root := map[int64]int64{}
	for _, r := range all {
		at := r.oid
		for parent[at] != 0 {
			if _, known := parent[parent[at]]; !known {
				break // a query names the partition and not its parent
			}
			at = parent[at]
		}
		root[r.oid] = at
	}
	return root
}

// tablesOf makes the tables to scan, and their columns.
func tablesOf(s Session, all []relation) (tableSet, error) {
	set := tableSet{
		byName: map[string]*table{}, byOID: map[int64]*table{}, leaves: map[*table][]string{},
		lookups: map[string][]*table{}, byID: map[*table]bool{},
	}
	root := roots(all)
	var oids []uint32
	for _, r := range all {
		if r.kind == "v" || root[r.oid] != r.oid {
			continue
		}
		t := &table{oid: r.oid, name: r.name, columns: map[string]string{}, rows: r.rows}
		set.byOID[r.oid] = t
		set.tables = append(set.tables, t)
		oids = append(oids, uint32(r.oid)) //nolint:gosec // an oid has 32 bits
	}
	slices.SortFunc(set.tables, func(a, b *table) int { return strings.Compare(a.name, b.name) })
	for _, r := range all {
		t := set.byOID[root[r.oid]]
		if t == nil {
			continue // a view
		}
		name := r.schema + "\x00" + r.short
		set.byOID[r.oid], set.byName[name] = t, t
		if r.kind != "p" {
			set.leaves[t] = append(set.leaves[t], name)
		}
	}
	err := s.Each(columnsQuery, [][]byte{oidArray(oids)}, func(v [][]byte) error {
		oid, err := number(string(v[0]))
		if err == nil {
			set.byOID[oid].columns[string(v[1])] = string(v[2])
		}
		return err
	})
	if err != nil {
		return tableSet{}, fmt.Errorf("describe the columns of the tables: %w", err)
	}
	return set, nil
}

// columnsQuery tells which columns may be compared with an id by their text:
// equal means equal bytes. Domains count as their base type.
const columnsQuery = `
WITH RECURSIVE base(oid, type) AS (
  SELECT t.oid, t.oid FROM pg_catalog.pg_type t WHERE t.typtype <> 'd'
  UNION ALL SELECT t.oid, b.type FROM pg_catalog.pg_type t JOIN base b ON b.oid = t.typbasetype WHERE t.typtype = 'd'
)
SELECT a.attrelid, a.attname,
       CASE WHEN NOT pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') THEN ''
            WHEN b.type IN (20, 21, 23) THEN 'integer'
            WHEN b.type = 2950 THEN 'uuid'
            WHEN b.type IN (25, 1043) AND coalesce(c.collisdeterministic, true) THEN 'text'
            ELSE '' END
FROM pg_catalog.pg_attribute a
JOIN base b ON b.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped`

func oidArray(oids []uint32) []byte {
	var out strings.Builder
	out.WriteByte('{')
	for i, oid := range oids {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprint(&out, oid)
	}
	out.WriteByte('}')
	return []byte(out.String())
}
