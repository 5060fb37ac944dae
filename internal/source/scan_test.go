package source

import (
	"errors"
	"reflect"
	"testing"
)

func TestParseStatement(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text, want string
		ordered    bool
	}{
		"plain":                                 {text: "SELECT 1", want: "SELECT 1"},
		"semicolon and comments are cut":        {text: "SELECT 1 ; -- one;\n/* ; /* ; */ */ ;", want: "SELECT 1"},
		"leading comment stays":                 {text: "-- a;\nSELECT 1;", want: "-- a;\nSELECT 1"},
		"semicolon in a string":                 {text: "SELECT ';', $$;$$, $a$;$$;$a$, E'\\';', \";\" ", want: "SELECT ';', $$;$$, $a$;$$;$a$, E'\\';', \";\""},
		"doubled quotes":                        {text: "SELECT 'it''s;', E'a'';\\'', \"a\"\";\";", want: "SELECT 'it''s;', E'a'';\\'', \"a\"\";\""},
		"dollar in a name":                      {text: "SELECT a$b$ FROM t$b$ ORDER BY 1", want: "SELECT a$b$ FROM t$b$ ORDER BY 1", ordered: true},
		"parameter":                             {text: "SELECT $1$2", want: "SELECT $1$2"},
		"order by":                              {text: "SELECT a FROM t order/**/\nBy a", want: "SELECT a FROM t order/**/\nBy a", ordered: true},
		"order by after with":                   {text: "WITH x AS (SELECT 1) SELECT * FROM x ORDER BY 1;", want: "WITH x AS (SELECT 1) SELECT * FROM x ORDER BY 1", ordered: true},
		"order by inside a window":              {text: "SELECT rank() OVER (ORDER BY a) FROM t", want: "SELECT rank() OVER (ORDER BY a) FROM t"},
		"order by inside a subquery":            {text: "SELECT * FROM (SELECT 1 ORDER BY 1) x", want: "SELECT * FROM (SELECT 1 ORDER BY 1) x"},
		"order by inside a string":              {text: "SELECT 'ORDER BY', \"order by\", $$order by$$", want: "SELECT 'ORDER BY', \"order by\", $$order by$$"},
		"order by inside a comment":             {text: "SELECT 1 -- ORDER BY 1", want: "SELECT 1"},
		"order and by are not neighbours":       {text: "SELECT o.order, by FROM o", want: "SELECT o.order, by FROM o"},
		"string without end goes to PostgreSQL": {text: "SELECT 'a;", want: "SELECT 'a;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStatement(tt.text)
			if err != nil || got.sql != tt.want || got.ordered != tt.ordered {
				t.Errorf("parseStatement(%q) = %q, ordered %t, %v; want %q, %t", tt.text, got.sql, got.ordered, err, tt.want, tt.ordered)
			}
		})
	}
}

func TestParseStatementRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"":                      errNoStatement,
		" -- SELECT 1\n;;":      errNoStatement,
		"SELECT 1; SELECT 2":    errTwoStatements,
		"SELECT ';'; /**/ DROP": errTwoStatements,
	} {
		if _, err := parseStatement(text); !errors.Is(err, want) {
			t.Errorf("parseStatement(%q) = %v, want %v", text, err, want)
		}
	}
}

// FuzzParseStatement: any text ends the scan, what is kept is its beginning,
// and cutting again changes nothing.
func FuzzParseStatement(f *testing.F) {
	for _, s := range []string{"SELECT 1;", "$a$;$a$ order by", "E'\\", "/*/**/", "\"", "$", "e'", "1$$2", "--", "x'';;", "é$é$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		st, err := parseStatement(text)
		if err != nil {
			return
		}
		if len(st.sql) > len(text) || text[:len(st.sql)] != st.sql {
			t.Fatalf("parseStatement(%q) kept %q, no beginning of it", text, st.sql)
		}
		again, err := parseStatement(st.sql)
		if err != nil || !reflect.DeepEqual(again, st) {
			t.Fatalf("parseStatement(%q) = %+v, %v; the first time %+v", st.sql, again, err, st)
		}
	})
}
