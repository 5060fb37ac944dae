package changes

import (
	"fmt"
	"strings"
)

// signature is a set of catalog rows, each as class, oid, sub-oid and xmin: all
// that decides documents and is no row of a table. It has to be a set and not
// the newest xmin, because DROP POLICY, DETACH and NO INHERIT only remove a row.
type signature map[string]struct{}

// signatureQuery reads plain rows, which follow the snapshot; functions such as
// pg_relation_filenode would show the present. VACUUM, ANALYZE, CREATE INDEX and
// writes leave all of it alone. $1 are the relations, views among them.
const signatureQuery = `
WITH RECURSIVE rel(oid) AS (
  SELECT pg_catalog.unnest($1::pg_catalog.oid[])
  UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i, rel WHERE i.inhparent = rel.oid
)
SELECT 'table', c.oid, 0, c.xmin FROM pg_catalog.pg_class c JOIN rel USING (oid)
UNION ALL SELECT 'column', a.attrelid, a.attnum, a.xmin FROM pg_catalog.pg_attribute a JOIN rel ON a.attrelid = rel.oid
UNION ALL SELECT 'default', d.adrelid, d.adnum, d.xmin FROM pg_catalog.pg_attrdef d JOIN rel ON d.adrelid = rel.oid
UNION ALL SELECT 'inheritance', i.inhparent, i.inhrelid::pg_catalog.int8, i.xmin FROM pg_catalog.pg_inherits i JOIN rel ON i.inhparent = rel.oid
UNION ALL SELECT 'view', r.ev_class, r.oid::pg_catalog.int8, r.xmin FROM pg_catalog.pg_rewrite r JOIN rel ON r.ev_class = rel.oid
UNION ALL SELECT 'policy', p.polrelid, p.oid::pg_catalog.int8, p.xmin FROM pg_catalog.pg_policy p JOIN rel ON p.polrelid = rel.oid
UNION ALL SELECT 'function', 0, f.oid::pg_catalog.int8, f.xmin FROM pg_catalog.pg_proc f WHERE f.oid >= 16384
UNION ALL SELECT 'operator', 0, o.oid::pg_catalog.int8, o.xmin FROM pg_catalog.pg_operator o WHERE o.oid >= 16384
UNION ALL SELECT 'cast', 0, k.oid::pg_catalog.int8, k.xmin FROM pg_catalog.pg_cast k WHERE k.oid >= 16384
UNION ALL SELECT 'enum', 0, e.oid::pg_catalog.int8, e.xmin FROM pg_catalog.pg_enum e
UNION ALL SELECT 'type', 0, t.oid::pg_catalog.int8, t.xmin FROM pg_catalog.pg_type t
  WHERE t.oid >= 16384 AND t.typtype <> 'c' AND t.typelem = 0
UNION ALL SELECT 'composite type', 0, a.attrelid::pg_catalog.int8 * 4096 + a.attnum, a.xmin
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE c.relkind = 'c'`

func sign(s Session, oids []uint32) (signature, error) {
	sig := signature{}
	for _, oid := range oids {
		sig[fmt.Sprintf("set %d", oid)] = struct{}{} // the queries read this relation
	}
	err := s.Each(signatureQuery, [][]byte{oidArray(oids)}, func(v [][]byte) error {
		sig[strings.Join([]string{string(v[0]), string(v[1]), string(v[2]), string(v[3])}, " ")] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	return sig, nil
}

// differs names one difference to another signature; "" if there is none. names
// are those of the relations by oid.
func (sig signature) differs(other signature, names map[string]string) string {
	first := ""
	for _, pair := range [][2]signature{{sig, other}, {other, sig}} {
		for item := range pair[0] {
			if _, same := pair[1][item]; !same && (first == "" || item < first) {
				first = item
			}
		}
	}
	if first == "" {
		return ""
	}
	return describeItem(first, names)
}

func describeItem(item string, names map[string]string) string {
	parts := strings.Split(item, " ")
	class, oid := parts[0], parts[1]
	name := names[oid]
	switch {
	case class == "set":
		return "the queries read other tables than before"
	case name != "":
		return name + " was altered, truncated, refreshed, or gained or lost a partition"
	case class == "function", class == "operator", class == "cast":
		return "a function, operator or cast was created, replaced or dropped"
	case class == "enum", class == "type", class == "composite":
		return "a type was created, altered or dropped"
	}
	return "a table of the queries was altered"
}
