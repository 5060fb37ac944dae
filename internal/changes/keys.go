package changes

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Query is one query of a source.
type Query struct {
	Name string // for messages
	SQL  string // one SELECT, without a semicolon
	// ID is its column with the id of the document; "" for a lookup, which has
	// none and is read as a whole.
	ID string
	// IDType is the SQL type of that column: bigint, uuid, text and the like.
	IDType string
}

// findKeys lets the planner prove which columns of which tables hold the id: in
// the generic plan for one id, every scan of the table is bound by an equality
// to the parameter, or to a column that is. The generic plan is right for every
// id, so that a document depends only on the rows with its id. Pruning of
// partitions is off, because what a plan prunes it does not show.
//
// Only the locks and settings of this function are given back at its end.
func findKeys(s Session, queries []Query, set tableSet) (*Refusal, error) {
	for _, sql := range []string{
		"SAVEPOINT reindex_keys", "SET LOCAL plan_cache_mode = force_generic_plan", "SET LOCAL enable_partition_pruning = off",
	} {
		if err := exec(s, sql); err != nil {
			return nil, fmt.Errorf("look for keys: %w", err)
		}
	}
	found := keyFinder{set: set, keys: map[*table]map[string]bool{}, scanned: map[string]bool{}, unbound: map[*table]bool{}}
	for _, q := range queries {
		p, err := genericPlan(s, q)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", q.Name, err)
		}
		if q.ID == "" {
			found.addLookup(q.Name, p)
		} else {
			found.add(p, familyOf(q.IDType))
		}
	}
	found.settle()
	for _, sql := range []string{"ROLLBACK TO SAVEPOINT reindex_keys", "RELEASE SAVEPOINT reindex_keys"} {
		if err := exec(s, sql); err != nil {
			return nil, fmt.Errorf("look for keys: %w", err)
		}
	}
	return found.refusal, nil
}

// keyFinder collects what the plans of all queries prove.
type keyFinder struct {
	set     tableSet
	keys    map[*table]map[string]bool // columns that bind a scan
	scanned map[string]bool            // tables and partitions that a plan reads
	unbound map[*table]bool            // some scan is bound by nothing
	refusal *Refusal
}

func (f *keyFinder) add(p planNode, family string) {
	for _, sc := range scansOf(p) {
		t := f.set.byName[sc.table]
		if t == nil {
			f.unknown(sc.table)
			continue
		}
		f.scanned[sc.table], f.set.byID[t] = true, true
		if sc.bound == "" || t.columns[sc.bound] != family {
			f.unbound[t] = true
			continue
		}
		if f.keys[t] == nil {
			f.keys[t] = map[string]bool{}
		}
		f.keys[t][sc.bound] = true
	}
}

// unknown refuses a table that the caller has not locked: a system catalog, or a
// sequence.
func (f *keyFinder) unknown(table string) {
	f.refusal = always("the queries read %s, which is no table of a user", strings.ReplaceAll(table, "\x00", "."))
}

func (f *keyFinder) addLookup(name string, p planNode) {
	f.set.lookups[name] = nil
	for _, sc := range scansOf(p) {
		t := f.set.byName[sc.table]
		if t == nil {
			f.unknown(sc.table)
		} else if !slices.Contains(f.set.lookups[name], t) {
			f.set.lookups[name] = append(f.set.lookups[name], t)
		}
	}
}

// settle gives each table its keys. A table that no plan reads, such as one of a
// join that the planner removed, has none.
func (f *keyFinder) settle() {
	for _, t := range f.set.tables {
		notRead := func(name string) bool { return !f.scanned[name] }
		if f.unbound[t] || slices.ContainsFunc(f.set.leaves[t], notRead) {
			continue
		}
		t.keys = slices.Sorted(maps.Keys(f.keys[t]))
	}
}

// familyOf is the family of an id's type; see columnsQuery.
func familyOf(idType string) string {
	switch strings.TrimPrefix(idType, "pg_catalog.") {
	case "smallint", "integer", "int", "bigint", "int2", "int4", "int8":
		return "integer"
	case "uuid":
		return "uuid"
	case "text", "varchar", "character varying":
		return "text"
	}
	return "none"
}

// genericPlan plans a query for one id, or a lookup as a whole.
func genericPlan(s Session, q Query) (planNode, error) {
	// A name that nothing else has: where the plan fails, the statement outlives the
	// transaction in the connection of a pooler.
	name := "reindex_" + strings.ToLower(rand.Text())
	nulls := strings.Repeat("NULL, ", idParameter-1)
	prepare := fmt.Sprintf("PREPARE "+name+"(%s%s) AS SELECT * FROM (%s\n) q WHERE q.%s = %s",
		strings.Repeat("int, ", idParameter-1), q.IDType, q.SQL, quoteName(q.ID), idParameterName)
	execute := name + "(" + nulls + "NULL)"
	if q.ID == "" {
		prepare, execute = "PREPARE "+name+" AS "+q.SQL, name
	}
	if err := exec(s, prepare); err != nil {
		return planNode{}, err
	}
	row, err := one(s, "EXPLAIN (VERBOSE, COSTS off, FORMAT JSON) EXECUTE "+execute)
	if err != nil {
		return planNode{}, err
	}
	if err := exec(s, "DEALLOCATE "+name); err != nil {
		return planNode{}, err
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(row[0]), &plans); err != nil {
		return planNode{}, fmt.Errorf("read a plan: %w", err)
	}
	if len(plans) != 1 {
		return planNode{}, fmt.Errorf("PostgreSQL made %d plans of one query", len(plans))
	}
	if plans[0].Plan.returns(idParameterName) {
		return planNode{}, nil // the plan shows that name for two things, so it proves nothing
	}
	return plans[0].Plan, nil
}

// returns reports that the result of a subplan is shown under that name.
func (p planNode) returns(name string) bool {
	return strings.Contains(p.Subplan, name) || slices.ContainsFunc(p.Plans, func(n planNode) bool { return n.returns(name) })
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// planNode is what matters of a node of EXPLAIN (FORMAT JSON)
// (https://www.postgresql.org/docs/current/sql-explain.html).
type planNode struct {
	Schema    string `json:"Schema"`
	Relation  string `json:"Relation Name"`
	Alias     string `json:"Alias"`
	IndexCond string `json:"Index Cond"`
	Recheck   string `json:"Recheck Cond"`
	Filter    string `json:"Filter"`
	Subplan   string `json:"Subplan Name"`
	Plans     []planNode
}

// scan is one scan of a table.
type scan struct {
	table string // schema and name, as in the catalog, with a zero byte between
	alias string
	terms []equality
	bound string // the column that is the id; "" if none is
}

// equality is a condition alias.column = other, where other is the parameter or
// another alias and column.
type equality struct {
	column string
	other  operand
}

// operand is one side of an equality: a column, or the parameter.
type operand struct{ alias, column string }

// The parameter that stands for the id. Up to PostgreSQL 16, EXPLAIN shows the
// result of a subquery under such a name too, $0, $1 and so on, so the id gets a
// high number.
const (
	idParameter     = 100
	idParameterName = "$100"
)

// parameter is the operand of the id.
func parameter() operand { return operand{alias: idParameterName} }

// scansOf collects the scans of a plan and binds them: first those that compare
// a column with the parameter, then those that compare one with a bound column,
// until no more are found.
func scansOf(p planNode) []scan {
	var scans []scan
	aliases := map[string]int{}
	var walk func(planNode)
	walk = func(n planNode) {
		if n.Relation != "" {
			s := scan{table: n.Schema + "\x00" + n.Relation, alias: n.Alias}
			aliases[n.Alias]++
			for _, cond := range []string{n.IndexCond, n.Recheck, n.Filter} {
				s.terms = append(s.terms, equalities(cond, n.Alias)...)
			}
			scans = append(scans, s)
		}
		for _, child := range n.Plans {
			walk(child)
		}
	}
	walk(p)
	bound := map[operand]bool{parameter(): true}
	for again := true; again; {
		again = false
		for i := range scans {
			s := &scans[i]
			for _, e := range s.terms {
				if s.bound == "" && bound[e.other] {
					s.bound, again = e.column, true
					// EXPLAIN makes aliases unique within a statement; if one came
					// twice all the same, it proves nothing about others.
					if aliases[s.alias] == 1 {
						bound[operand{s.alias, e.column}] = true
					}
				}
			}
		}
	}
	return scans
}

// equalities returns the terms alias.column = other of a condition that are
// joined by AND at its top. PostgreSQL prints each term in parentheses, and all of
// them in one more pair if there are several.
func equalities(cond, alias string) []equality {
	var out []equality
	for _, term := range conjunction(cond) {
		left, right, ok := sides(term)
		if !ok {
			continue
		}
		if left.alias != alias {
			left, right = right, left
		}
		if left.alias == alias && left.column != "" {
			out = append(out, equality{column: left.column, other: right})
		}
	}
	return out
}

// conjunction splits ((a) AND (b)) into (a) and (b), and leaves (a) as it is. A
// condition that is split nowhere, such as one with OR, is one term.
func conjunction(cond string) []string {
	inner, ok := unwrap(cond)
	if !ok {
		return nil
	}
	var terms []string
	start, depth := 0, 0
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\'', '"':
			i = endOfQuote(inner, i)
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 && strings.HasPrefix(inner[i:], " AND ") {
			terms = append(terms, inner[start:i])
			start = i + len(" AND ")
			i = start - 1
		}
		if depth == 0 && strings.HasPrefix(inner[i:], " OR ") {
			return nil
		}
	}
	if terms == nil {
		return []string{cond}
	}
	return append(terms, inner[start:])
}

// unwrap takes one pair of parentheses off that encloses all of the text.
func unwrap(text string) (string, bool) {
	if !strings.HasPrefix(text, "(") || !strings.HasSuffix(text, ")") {
		return "", false
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\'', '"':
			i = endOfQuote(text, i)
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 && i < len(text)-1 {
				return "", false
			}
		}
	}
	return text[1 : len(text)-1], true
}

// endOfQuote returns the position of the quote that ends what begins at i. A
// doubled quote ends one and begins the next, which comes to the same.
func endOfQuote(text string, i int) int {
	if end := strings.IndexByte(text[i+1:], text[i]); end >= 0 {
		return i + 1 + end
	}
	return len(text) - 1
}

// sides reads a term (a = b) of which both sides are columns or the parameter.
func sides(term string) (left, right operand, ok bool) {
	inner, ok := unwrap(term)
	if !ok {
		return left, right, false
	}
	a, b, found := cutEquals(inner)
	if !found {
		return left, right, false
	}
	left, okLeft := readOperand(a)
	right, okRight := readOperand(b)
	return left, right, okLeft && okRight
}

// cutEquals cuts at the one " = " outside of quotes.
func cutEquals(text string) (left, right string, ok bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == '"' || text[i] == '\'' {
			i = endOfQuote(text, i)
			continue
		}
		if strings.HasPrefix(text[i:], " = ") {
			return text[:i], text[i+len(" = "):], true
		}
	}
	return "", "", false
}

// valueCasts keep the value, and with it the text, of a column whose family is
// that of the id: varchar is compared as text, integer as bigint, and a domain as
// its base type.
func valueCasts() []string {
	return []string{"::text", "::bigint", "::integer", "::smallint", "::uuid"}
}

// readOperand reads alias.column, (alias.column)::type or the parameter.
func readOperand(text string) (operand, bool) {
	if text == idParameterName {
		return parameter(), true
	}
	for _, suffix := range valueCasts() {
		inner, cast := strings.CutSuffix(text, suffix)
		bare, wrapped := unwrap(inner)
		if !cast {
			continue
		}
		if inner == idParameterName || bare == idParameterName {
			return parameter(), true
		}
		if !wrapped {
			return operand{}, false
		}
		text = bare
		break
	}
	alias, rest, ok := readName(text)
	if !ok || !strings.HasPrefix(rest, ".") {
		return operand{}, false
	}
	column, rest, ok := readName(rest[1:])
	if !ok || rest != "" {
		return operand{}, false
	}
	return operand{alias: alias, column: column}, true
}

// readName reads one identifier, quoted or not.
func readName(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexFunc(text, func(c rune) bool {
			return c != '_' && c != '$' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && c < 0x80
		})
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], end > 0
	}
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(text[1:i], `""`, `"`), text[i+1:], true
	}
	return "", "", false
}
