package sqltext

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
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
			got, err := Parse(tt.text)
			if err != nil || got.SQL != tt.want || got.Ordered != tt.ordered {
				t.Errorf("Parse(%q) = %q, ordered %t, %v; want %q, %t", tt.text, got.SQL, got.Ordered, err, tt.want, tt.ordered)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"":                      ErrNoStatement,
		" -- SELECT 1\n;;":      ErrNoStatement,
		"SELECT 1; SELECT 2":    ErrTwoStatements,
		"SELECT ';'; /**/ DROP": ErrTwoStatements,
	} {
		if _, err := Parse(text); !errors.Is(err, want) {
			t.Errorf("Parse(%q) = %v, want %v", text, err, want)
		}
	}
}

// FuzzParse: any text ends the scan, what is kept is its beginning,
// and cutting again changes nothing.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"SELECT 1;", "$a$;$a$ order by", "E'\\", "/*/**/", "\"", "$", "e'", "1$$2", "--", "x'';;", "é$é$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		st, err := Parse(text)
		if err != nil {
			return
		}
		if len(st.SQL) > len(text) || text[:len(st.SQL)] != st.SQL {
			t.Fatalf("Parse(%q) kept %q, no beginning of it", text, st.SQL)
		}
		again, err := Parse(st.SQL)
		if err != nil || !reflect.DeepEqual(again, st) {
			t.Fatalf("Parse(%q) = %+v, %v; the first time %+v", st.SQL, again, err, st)
		}
	})
}

func TestParseStatementFindsHints(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"one":                          {"SELECT 1 WHERE true /*range a*/ AND b", []string{"a"}},
		"qualified and quoted":         {`SELECT 1 /* range  s."a B".c */ x /*range d*/`, []string{`s."a B".c`, "d"}},
		"behind the last word":         {"SELECT 1 WHERE true /*range a*/ ; -- end", []string{"a"}},
		"not behind the semicolon":     {"SELECT 1; /*range a*/", nil},
		"not in a string":              {"SELECT '/*range a*/', $$/*range a*/$$", nil},
		"not in a line comment":        {"SELECT 1 -- /*range a*/\n, 2", nil},
		"not in another comment":       {"SELECT 1 /* /*range a*/ */ x", nil},
		"only names":                   {"SELECT 1 /*range a OR true*/ x /*range*/ y /*range 1*/", nil},
		"a comment that begins alike":  {"SELECT 1 /*ranges a*/ x", nil},
		"not before the first keyword": {"/*range a*/ SELECT 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st, err := Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, h := range st.Hints {
				got = append(got, h.Column)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
		})
	}
}
