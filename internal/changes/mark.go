package changes

import (
	"fmt"
	"slices"
	"strconv"
)

// Mark is what has to be known of one snapshot to compare a later one with it.
// It is not safe for concurrent use.
type Mark struct {
	queries   []Query
	relations []uint32          // sorted, of all queries
	names     map[string]string // of the relations, by oid
	set       tableSet
	signature signature
	server    string // start, identity, role (primary or standby) and database
	settings  string // user and search_path
	day       string
	xmin      string // an xid8: every earlier transaction had ended before the snapshot
	xmax      int64  // the first transaction that had not begun
	usesDay   bool
	refusal   *Refusal // of every comparison
	counts    map[int64]int64
}

const identityQuery = `
SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),
       pg_catalog.pg_postmaster_start_time()::pg_catalog.text || ' ' || pg_catalog.pg_is_in_recovery()::pg_catalog.text || ' ' ||
         (SELECT c.system_identifier FROM pg_catalog.pg_control_system() c) || ' ' || pg_catalog.current_database(),
       pg_catalog.quote_ident(current_user) || ' ' || pg_catalog.quote_ident(session_user) || ' ' || pg_catalog.current_setting('search_path'),
       current_date`

// Take describes the snapshot that s is in. relations are the oids of all tables,
// partitions and views that the queries read, which the holder of the snapshot
// must have locked before the snapshot was taken, and keeps locked until the mark
// was compared with the next one.
func Take(s Session, queries []Query, relations []uint32) (*Mark, error) {
	m := &Mark{queries: queries, relations: slices.Clone(relations)}
	slices.Sort(m.relations)
	m.relations = slices.Compact(m.relations)
	row, err := one(s, identityQuery)
	if err != nil {
		return nil, fmt.Errorf("identify the snapshot: %w", err)
	}
	m.xmin, m.server, m.settings, m.day = row[0], row[2], row[3], row[4]
	if m.xmax, err = number(row[1]); err != nil {
		return nil, err
	}
	if m.signature, err = sign(s, m.relations); err != nil {
		return nil, err
	}
	return m, m.describe(s)
}

// describe finds the tables, what refuses every comparison, and the keys.
func (m *Mark) describe(s Session) error {
	all, err := relations(s, m.relations)
	if err != nil {
		return err
	}
	m.names = map[string]string{}
	var texts []text
	for _, q := range m.queries {
		texts = append(texts, text{name: q.Name, sql: q.SQL})
	}
	for _, r := range all {
		m.names[strconv.FormatInt(r.oid, 10)] = r.name
		if m.refusal = r.refuse(); m.refusal != nil {
			return nil
		}
		if r.kind == "v" {
			texts = append(texts, text{name: "the view " + r.name, sql: r.definition})
		}
	}
	if m.usesDay, m.refusal, err = checkTexts(s, texts); err != nil || m.refusal != nil {
		return err
	}
	if m.set, err = tablesOf(s, all); err != nil {
		return err
	}
	m.refusal, err = findKeys(s, m.queries, m.set)
	return err
}

// Refusal says why every comparison with this snapshot will be a full one; nil
// if none is known yet.
func (m *Mark) Refusal() *Refusal { return m.refusal }

// Unkeyed names the tables whose changes concern unknown documents, so that a
// change of one makes a full pass. Those that only lookups read are not among them.
func (m *Mark) Unkeyed() []string {
	var out []string
	for _, t := range m.set.tables {
		if len(t.keys) == 0 && (m.set.byID[t] || !m.inLookup(t)) {
			out = append(out, t.name)
		}
	}
	return out
}

// inLookup reports that a lookup reads the table.
func (m *Mark) inLookup(t *table) bool {
	for _, tables := range m.set.lookups {
		if slices.Contains(tables, t) {
			return true
		}
	}
	return false
}

// Count counts the rows of every table, which the first comparison needs and
// does itself if nobody has. It may be called any time before, so that nobody has
// to wait for it then. s is in the mark's snapshot.
func (m *Mark) Count(s Session) error {
	if m.refusal != nil || m.counts != nil {
		return nil
	}
	counts := map[int64]int64{}
	for _, t := range m.set.tables {
		row, err := one(s, "SELECT count(*) FROM "+t.name)
		if err != nil {
			return fmt.Errorf("count the rows of %s: %w", t.name, err)
		}
		if counts[t.oid], err = number(row[0]); err != nil {
			return err
		}
	}
	m.counts = counts
	return nil
}

// Confirm reads the catalog once more, in s, which must see what is committed now
// (READ COMMITTED, or a new transaction). It returns a refusal if something has changed that the
// locks of the tables do not hold up, such as a function: then what was read
// under the mark's snapshot may be newer than it. Call it after the documents
// were read and before anything is done with them.
func (m *Mark) Confirm(s Session) (*Refusal, error) {
	now, err := sign(s, m.relations)
	if err != nil {
		return nil, err
	}
	if what := m.signature.differs(now, m.names); what != "" {
		return &Refusal{Why: what + " meanwhile"}, nil
	}
	return nil, nil //nolint:nilnil // no refusal is the good answer
}
