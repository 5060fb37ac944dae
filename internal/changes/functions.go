package changes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/reindex/internal/sqltext"
)

// text is SQL that decides documents: a query, the definition of a view, or the
// body of a function.
type text struct{ name, sql string }

var (
	// words are names and keywords, quoted or not, wherever they stand. Too many
	// are found, in strings for example, never too few.
	words = regexp.MustCompile(`[\pL_][\pL\pN_$]*`)
	// dateWords are read as the present by the types for dates and times.
	dateWords = regexp.MustCompile(`(?i)\b(now|today|tomorrow|yesterday)\b`)
)

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
		called, refusal := checkTokens(t)
		if refusal != nil {
			return usesDay, refusal, nil
		}
		if refusal, err := checkCalls(s, t, called); refusal != nil || err != nil {
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

// checkTokens refuses clocks that are no calls, strings that a date or time reads
// as the present, and types that look names up in the catalog. It returns the names
// of the functions that are called.
func checkTokens(t text) (called map[string]bool, refusal *Refusal) {
	tokens := slices.Collect(sqltext.Tokens(t.sql))
	called = map[string]bool{}
	for i, token := range tokens {
		var next sqltext.Token
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		name := ""
		switch token.Kind {
		case sqltext.Word:
			name = strings.ToLower(token.Text)
			refusal = checkWord(t, name, next)
		case sqltext.Name:
			name = strings.ReplaceAll(strings.Trim(token.Text, `"`), `""`, `"`)
		case sqltext.String:
			if m := dateWords.FindString(token.Text); m != "" {
				refusal = always("%s has the word %s in a string, which a date or time reads as the present", t.name, strings.ToLower(m))
			}
		case sqltext.Sign:
		}
		if name != "" && next.Kind == sqltext.Sign && next.Text == "(" {
			called[name] = true
			if name == "age" && !twoArguments(tokens[i+2:]) {
				refusal = always("%s calls age with one argument, which counts from today", t.name)
			}
		}
		if refusal != nil {
			return nil, refusal
		}
	}
	return called, nil
}

func checkWord(t text, word string, next sqltext.Token) *Refusal {
	switch word {
	// current_date is none of these: the date is part of what is compared.
	case "current_time", "current_timestamp", "localtime", "localtimestamp", "tablesample":
		return always("%s uses %s", t.name, word)
	case "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure", "regrole", "regtype":
		return always("%s uses %s, which looks names up in the catalog", t.name, word)
	case "u":
		if next.Text == "&" { // what it spells could be anything
			return always("%s has a string or name with Unicode escapes (U&)", t.name)
		}
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
	for _, prefix := range []string{"pg_", "has_", "txid_", "inet_", "to_reg", "obj_desc", "col_desc", "shobj_desc", "format_type", "current_schema", "to_ts", "ts_", "plainto_ts", "phraseto_ts", "websearch_to_ts", "dblink"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.Contains(name, "_to_xml") // reads tables whose names are in strings
}

// checkCalls refuses calls of built-in functions that are volatile, or clocks.
func checkCalls(s Session, t text, called map[string]bool) (*Refusal, error) {
	const changes = "%s calls %s, whose result changes without a change of a row"
	names := slices.Sorted(maps.Keys(called))
	if i := slices.IndexFunc(names, isUnstable); i >= 0 {
		return always(changes, t.name, names[i]), nil
	}
	row, err := one(s, `SELECT coalesce(min(p.proname::pg_catalog.text), '') FROM pg_catalog.pg_proc p
		WHERE p.oid < 16384 AND p.provolatile = 'v' AND p.proname::pg_catalog.text = ANY ($1::pg_catalog.text[])`,
		textArray(names))
	if err != nil {
		return nil, fmt.Errorf("look for volatile functions: %w", err)
	}
	if row[0] != "" {
		return always(changes, t.name, row[0]), nil
	}
	return nil, nil //nolint:nilnil // no refusal is the good answer
}

// twoArguments reports that a comma stands before the parenthesis that ends a
// call, outside of further ones.
func twoArguments(rest []sqltext.Token) bool {
	depth := 1
	for _, t := range rest {
		switch {
		case t.Kind != sqltext.Sign:
		case t.Text == "(":
			depth++
		case t.Text == ")":
			if depth--; depth == 0 {
				return false
			}
		case t.Text == "," && depth == 1:
			return true
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
