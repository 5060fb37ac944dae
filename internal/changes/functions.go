package changes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// text is SQL that decides documents: a query, the definition of a view, or the
// body of a function.
type text struct{ name, sql string }

var (
	// words are names and keywords, quoted or not, wherever they stand. Too many
	// are found, in strings for example, never too few.
	words = regexp.MustCompile(`[\pL_][\pL\pN_$]*`)
	// comments may stand between a function's name and its parenthesis. In a
	// string they are no comments, but then nothing is called there.
	comments = regexp.MustCompile(`(?s)/\*.*?\*/|--[^\n]*`)
	calls    = regexp.MustCompile(`([\pL_][\pL\pN_$]*)"?\s*\(`)
	// dateWords are read as the present by the types for dates and times.
	dateWords = regexp.MustCompile(`(?i)'[^']*\b(now|today|tomorrow|yesterday|allballs)\b[^']*'`)
)

// clocks are keywords without parentheses. current_date is none of them: the
// date is part of what is compared.
func clocks() []string {
	return []string{"current_time", "current_timestamp", "localtime", "localtimestamp", "tablesample"}
}

// checkTexts refuses what changes although no row does: clocks, volatile
// functions, and functions of which nobody can tell what tables they read.
// usesDay says that current_date decides documents.
func checkTexts(s Session, texts []text) (usesDay bool, refusal *Refusal, err error) {
	users, err := userFunctions(s)
	if err != nil {
		return false, nil, err
	}
	seen := map[string]bool{}
	for len(texts) > 0 {
		t := texts[0]
		texts = texts[1:]
		used := wordsOf(t.sql)
		usesDay = usesDay || used["current_date"]
		if refusal := checkWords(t); refusal != nil {
			return usesDay, refusal, nil
		}
		if refusal, err := checkCalls(s, t); refusal != nil || err != nil {
			return usesDay, refusal, err
		}
		for _, f := range users {
			if seen[f.signature] || !used[strings.ToLower(f.name)] && !f.implicit {
				continue
			}
			seen[f.signature] = true
			if refusal := f.refuse(); refusal != nil {
				return usesDay, refusal, nil
			}
			if !f.compiled() {
				texts = append(texts, text{name: "the function " + f.signature, sql: f.body})
			}
		}
	}
	return usesDay, nil, nil
}

func always(format string, args ...any) *Refusal {
	return &Refusal{Why: fmt.Sprintf(format, args...), Always: true}
}

func wordsOf(sql string) map[string]bool {
	out := map[string]bool{}
	for _, w := range words.FindAllString(sql, -1) {
		out[strings.ToLower(w)] = true
	}
	return out
}

func checkWords(t text) *Refusal {
	used := wordsOf(comments.ReplaceAllString(t.sql, " "))
	for _, w := range clocks() {
		if used[w] {
			return always("%s uses %s", t.name, w)
		}
	}
	if m := dateWords.FindStringSubmatch(t.sql); m != nil {
		return always("%s has the word %s in a string, which a date or time reads as the present", t.name, strings.ToLower(m[1]))
	}
	return nil
}

// isUnstable reports that a built-in function that is not volatile may answer
// differently although no row has changed.
func isUnstable(name string) bool {
	switch name {
	case "now", "transaction_timestamp", "statement_timestamp", "current_setting", "version":
		return true // stable within one statement, and different between two
	}
	for _, prefix := range []string{"pg_", "has_", "txid_", "inet_", "to_ts", "ts_", "plainto_ts", "phraseto_ts", "websearch_to_ts", "dblink"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.Contains(name, "_to_xml") // reads tables whose names are in strings
}

// checkCalls refuses calls of built-in functions that are volatile, or clocks.
func checkCalls(s Session, t text) (*Refusal, error) {
	const changes = "%s calls %s, whose result changes without a change of a row"
	sql := comments.ReplaceAllString(t.sql, " ")
	called := map[string]bool{}
	for _, m := range calls.FindAllStringSubmatchIndex(sql, -1) {
		name := strings.ToLower(sql[m[2]:m[3]])
		if isUnstable(name) {
			return always(changes, t.name, name), nil
		}
		if name == "age" && !twoArguments(sql[m[1]:]) {
			return always(changes, t.name, "age with one argument"), nil
		}
		called[name] = true
	}
	row, err := one(s, `SELECT coalesce(min(p.proname::pg_catalog.text), '') FROM pg_catalog.pg_proc p
		WHERE p.oid < 16384 AND p.provolatile = 'v' AND p.proname::pg_catalog.text = ANY ($1::pg_catalog.text[])`,
		textArray(slices.Sorted(maps.Keys(called))))
	if err != nil {
		return nil, fmt.Errorf("look for volatile functions: %w", err)
	}
	if row[0] != "" {
		return always(changes, t.name, row[0]), nil
	}
	return nil, nil
}

// twoArguments reports that a comma stands before the parenthesis that ends a
// call, outside of further ones.
func twoArguments(rest string) bool {
	depth := 1
	for _, c := range rest {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return false
			}
		case ',':
			if depth == 1 {
				return true
			}
		}
	}
	return false
}

// function is one that a user or an extension has created.
type function struct {
	name, signature, language, body string
	volatility                      string
	implicit                        bool // used by an operator or a cast, whose use no word shows
}

func userFunctions(s Session) ([]function, error) {
	var out []function
	err := s.Each(`
SELECT p.proname, p.oid::pg_catalog.regprocedure, l.lanname, coalesce(p.prosrc, ''), p.provolatile,
       EXISTS (SELECT FROM pg_catalog.pg_operator o WHERE o.oid >= 16384 AND o.oprcode = p.oid)
       OR EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.oid >= 16384 AND k.castfunc = p.oid)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384
ORDER BY p.oid`, nil, func(v [][]byte) error {
		out = append(out, function{
			name: string(v[0]), signature: string(v[1]), language: string(v[2]), body: string(v[3]),
			volatility: string(v[4]), implicit: string(v[5]) == "t",
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the functions: %w", err)
	}
	return out, nil
}

// readsTables are words of a function's body that may read a table. A body
// without them computes from its arguments alone.
func readsTables() []string { return []string{"from", "execute", "table", "perform", "call", "query"} }

// compiled reports that a function is machine code, of which only its own word
// tells what it depends on.
func (f function) compiled() bool { return f.language == "c" || f.language == "internal" }

func (f function) refuse() *Refusal {
	no := func(remedy, format string, args ...any) *Refusal {
		r := always(format, args...)
		r.Remedy = remedy
		return r
	}
	switch {
	case f.volatility == "v":
		return no("ALTER FUNCTION "+f.signature+" IMMUTABLE, if its result depends on its arguments alone", "the function %s is VOLATILE", f.signature)
	case f.compiled():
		return nil
	case f.language != "sql" && f.language != "plpgsql":
		return no("", "the function %s is written in %s, which may read anything", f.signature, f.language)
	case f.body == "": // BEGIN ATOMIC, whose text is not kept
		return no("", "the body of the function %s is not kept as text", f.signature)
	}
	used := wordsOf(f.body)
	if slices.ContainsFunc(readsTables(), func(word string) bool { return used[word] }) {
		return no("write what it reads into the query", "the function %s may read tables that its query does not show", f.signature)
	}
	return nil
}

func textArray(values []string) []byte {
	var out strings.Builder
	out.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('"')
		out.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v))
		out.WriteByte('"')
	}
	out.WriteByte('}')
	return []byte(out.String())
}
