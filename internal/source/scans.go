package source

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Scan is a table that PostgreSQL reads as a whole for one range of a query.
type Scan struct {
	Query string
	Table string // with its schema
	Rows  int64  // as the statistics of PostgreSQL have it
	Cure  string // what to do about it
}

const (
	// manyRows is from when on reading a table again for every range matters; a
	// smaller one fits into memory and is read in milliseconds.
	manyRows = 10_000
	// probeDocuments is the size of the range that is planned. It is narrow, so that an
	// index is the better way wherever there is one.
	probeDocuments = 100
)

// scanPlan is a node of EXPLAIN (FORMAT JSON, VERBOSE).
type scanPlan struct {
	Node     string     `json:"Node Type"`
	Schema   string     `json:"Schema"`
	Relation string     `json:"Relation Name"`
	Filter   string     `json:"Filter"`
	Index    string     `json:"Index Cond"`
	Recheck  string     `json:"Recheck Cond"`
	Plans    []scanPlan `json:"Plans"`
}

// scans plans every query for a range in the middle of the ids, and finds the large
// tables that are read without an index.
func (s *Source) scans(session *session) ([]Scan, error) {
	r, ok, err := s.probe(session)
	if err != nil || !ok {
		return nil, err
	}
	var found []Scan
	for _, q := range s.queries() {
		row, err := session.row("EXPLAIN (FORMAT JSON, VERBOSE) "+q.ranges[r.index()], r.params()...)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", q.name, advise(err))
		}
		var plans []struct{ Plan scanPlan }
		if err := json.Unmarshal(row[0], &plans); err != nil {
			return nil, fmt.Errorf("read the plan of %s: %w", q.name, err)
		}
		for _, p := range plans {
			if err := q.addScans(session, p.Plan, &found); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// probe is a narrow range in the middle of the document query's ids.
func (s *Source) probe(session *session) (r idRange, ok bool, err error) {
	q := s.document
	ids, err := session.row(q.medianSQL(idRange{}))
	if err != nil {
		return r, false, fmt.Errorf("look for the middle of the ids of %s: %w", q.name, advise(err))
	}
	if len(ids) != 3 || ids[1] == nil {
		return r, false, nil
	}
	from := idRange{lo: ids[1]}
	row, err := session.row(fmt.Sprintf("SELECT id FROM (SELECT %[1]s AS id, pg_catalog.row_number() OVER (ORDER BY %[2]s) AS n%[3]s"+
		" ORDER BY %[2]s LIMIT %[4]d) b ORDER BY n DESC LIMIT 1", q.keyExpr(), q.orderExpr(), q.rangeSQL(from), probeDocuments), from.params()...)
	if err != nil || row == nil || string(row[0]) == string(ids[1]) {
		return r, false, err
	}
	return idRange{lo: ids[1], hi: row[0]}, true, nil
}

// addScans walks the plan and adds each large table once.
func (q *query) addScans(session *session, p scanPlan, found *[]Scan) error {
	if p.Relation != "" && p.Index == "" && p.Recheck == "" && p.Node != "Tid Scan" {
		name := quoteName(p.Schema) + "." + quoteName(p.Relation)
		row, err := session.row("SELECT reltuples::pg_catalog.int8 FROM pg_catalog.pg_class"+
			" WHERE oid = pg_catalog.to_regclass($1)", []byte(name))
		if err != nil {
			return fmt.Errorf("ask for the size of %s: %w", name, err)
		}
		table := p.Schema + "." + p.Relation
		known := slices.ContainsFunc(*found, func(s Scan) bool { return s.Query == q.name && s.Table == table })
		if row != nil && integer(row[0]) >= manyRows && !known {
			*found = append(*found, Scan{Query: q.name, Table: table, Rows: integer(row[0]), Cure: q.cure(p, name)})
		}
	}
	for _, child := range p.Plans {
		if err := q.addScans(session, child, found); err != nil {
			return err
		}
	}
	return nil
}

// comparison is a condition on a plain column, such as `(n.person_id >= '5'::bigint)`.
var comparison = regexp.MustCompile(`^\(*(?:"[^"]+"|[a-z_][a-z_0-9]*)\.("[^"]+"|[a-z_][a-z_0-9]*)\)?(?:::[a-z ]+)? (?:>=|<) `)

// cure says what to write for a table that is read as a whole. Where the condition
// of the range reaches the table, an index is missing; elsewhere the condition has to
// be brought there, or the table to be read once.
func (q *query) cure(p scanPlan, table string) string {
	if !strings.Contains(p.Filter, ">=") && !strings.Contains(p.Filter, " < ") {
		return fmt.Sprintf("the condition on %q does not reach it: write /*range column*/ behind a condition on its column that is the id (in the WHERE of the"+
			" subquery or WITH that reads it), or, where its rows are found by another column, make it a lookup or give that column an index", q.idName)
	}
	if column := comparison.FindStringSubmatch(p.Filter); column != nil {
		return fmt.Sprintf("CREATE INDEX ON %s (%s); then ANALYZE %s", table, column[1], table)
	}
	return fmt.Sprintf("the id is computed for every row: CREATE INDEX ON %s ((the expression of %q)); then ANALYZE %s; EXPLAIN of the query with"+
		" a condition on the id shows the expression", table, q.idName, table)
}
