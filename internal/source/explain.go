package source

import (
	"encoding/json"
	"fmt"
	"slices"
)

// plan is what matters here of a node of EXPLAIN (FORMAT JSON).
type plan struct {
	Node   string  `json:"Node Type"`
	Alias  string  `json:"Alias"`
	Filter string  `json:"Filter"`
	Join   string  `json:"Join Filter"`
	Rows   float64 `json:"Plan Rows"`
	Cost   float64 `json:"Total Cost"` // in the planner's unit
	Plans  []plan  `json:"Plans"`
}

// explain has a statement planned, not run.
func (s *session) explain(sql string, params ...[]byte) (plan, error) {
	row, err := s.row("EXPLAIN (FORMAT JSON) "+sql, params...)
	if err != nil {
		return plan{}, err
	}
	var plans []struct{ Plan plan }
	if err := json.Unmarshal(row[0], &plans); err != nil {
		return plan{}, fmt.Errorf("read a plan: %w", err)
	}
	if len(plans) == 0 {
		return plan{}, nil
	}
	return plans[0].Plan, nil
}

// comparesAll tells whether a nested loop compares each row of one side with all
// of the other; a lookup has its condition in the scan instead.
func (p plan) comparesAll() bool {
	return p.Node == "Nested Loop" && p.Join != "" || slices.ContainsFunc(p.Plans, plan.comparesAll)
}

// costOf is the cost of the plan if it has so many rows and not as few as the
// planner expects, as far as its loops go; other nodes are taken for right.
func (p plan) costOf(rows float64) float64 {
	const much = 8 // an estimate is seldom better than that
	expected := max(p.Rows, 1)
	if rows < much*expected {
		return p.Cost
	}
	return p.Cost + p.loops()*(rows/expected-1)
}

// loops is the cost of what nested loops do for the rows of their first side.
func (p plan) loops() (cost float64) {
	if p.Node == "Nested Loop" && len(p.Plans) > 0 {
		cost = max(0, p.Cost-p.Plans[0].Cost)
	}
	for _, child := range p.Plans {
		cost += child.loops()
	}
	return cost
}

// readsEverything tells whether the condition of a range is applied to the
// finished rows of the query, or to a CTE, instead of inside it.
func (p plan) readsEverything() bool {
	if p.Filter != "" && (p.Node == "Subquery Scan" && p.Alias == "q" || p.Node == "CTE Scan") {
		return true
	}
	for _, child := range p.Plans {
		if child.readsEverything() {
			return true
		}
	}
	return false
}

// Warnings says which queries PostgreSQL runs as a whole for every range, one
// sentence each. Their documents are right, and slow: the time grows with the
// square of the rows.
func (s *Source) Warnings() []string {
	var out []string
	for _, q := range append([]*query{s.document}, s.lists...) {
		if q.everything {
			out = append(out, fmt.Sprintf("%s: PostgreSQL reads all of it again for every range of %q: LIMIT, a window"+
				" function or a materialized WITH keeps the condition out; see EXPLAIN of SELECT ... FROM (query) q WHERE ...",
				q.name, q.idName))
		}
	}
	return out
}
