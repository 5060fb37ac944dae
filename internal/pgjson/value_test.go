package pgjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func array(k Kind) *Type {
	return &Type{Kind: KindArray, Elem: &Type{Kind: k}, Delim: ','}
}

func TestAppendValue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		typ      *Type
		in, want string
	}{
		"integer beyond 2^53":          {&Type{Kind: KindInteger}, "9007199254740993", "9007199254740993"},
		"numeric as printed":           {&Type{Kind: KindDecimal}, "-0.10", "-0.10"},
		"float with exponent":          {&Type{Kind: KindDecimal}, "1e+20", "1e+20"},
		"true":                         {&Type{Kind: KindBool}, "t", "true"},
		"date":                         {&Type{Kind: KindDate}, "2024-02-29", `"2024-02-29"`},
		"timestamp":                    {&Type{Kind: KindTimestamp}, "2024-02-29 01:02:03.000004", `"2024-02-29T01:02:03.000004"`},
		"timestamp with zone":          {&Type{Kind: KindTimestampTZ}, "0001-01-01 00:00:00+00", `"0001-01-01T00:00:00Z"`},
		"control characters":           {&Type{Kind: KindString}, "a\"\\\n\r\t\x01\x1f\x7f\u2028é", `"a\"\\\n\r\t\u0001\u001f` + "\x7f\u2028é\""},
		"json on one line as is":       {&Type{Kind: KindJSON}, `{"a": 1,  "a":2}`, `{"a": 1,  "a":2}`},
		"json on two lines":            {&Type{Kind: KindJSON}, "{\"a \\\" \\\\\": 1,\r\n\t\"b\": \" x \"}", `{"a \" \\":1,"b":" x "}`},
		"bytes":                        {&Type{Kind: KindBytes}, `\x00ff10`, `"AP8Q"`},
		"empty array":                  {array(KindInteger), "{}", "[]"},
		"array with NULL":              {array(KindInteger), "{1,NULL,-3}", "[1,null,-3]"},
		"array of two dimensions":      {array(KindInteger), "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
		"array with lower bounds":      {array(KindInteger), "[0:1][-1:-1]={{1},{2}}", "[[1],[2]]"},
		"array of awkward strings":     {array(KindString), `{a,"","NULL",NULL,"b,}{","\"q\\","é\\"}`, `["a","","NULL",null,"b,}{","\"q\\","é\\"]`},
		"array of timestamps":          {array(KindTimestampTZ), `{"2024-02-29 01:02:03+00"}`, `["2024-02-29T01:02:03Z"]`},
		"array with another delimiter": {&Type{Kind: KindArray, Elem: &Type{}, Delim: ';'}, "{(1,1),(0,0);(2,2),(1,1)}", `["(1,1),(0,0)","(2,2),(1,1)"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Append([]byte("x"), []byte(tt.in), tt.typ)
			if err != nil || string(got) != "x"+tt.want {
				t.Errorf("Append(%q) = %s, %v; want x%s", tt.in, got, err, tt.want)
			}
			if !json.Valid(got[1:]) || strings.ContainsAny(string(got), "\r\n") {
				t.Errorf("Append(%q) = %q is no JSON on one line", tt.in, got[1:])
			}
		})
	}
	if got, err := Append(nil, nil, &Type{}); string(got) != "null" || err != nil {
		t.Errorf("Append(NULL) = %s, %v; want null", got, err)
	}
}

func TestAppendValueRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ  *Type
		in   string
		want error
	}{
		{&Type{Kind: KindDecimal}, "NaN", errNotFinite},
		{&Type{Kind: KindDecimal}, "-Infinity", errNotFinite},
		{array(KindDecimal), "{1,Infinity}", errNotFinite},
		{&Type{Kind: KindDate}, "infinity", errDateRange},
		{&Type{Kind: KindDate}, "10000-01-01", errDateRange},
		{&Type{Kind: KindDate}, "0044-03-15 BC", errDateRange},
		{&Type{Kind: KindTimestamp}, "-infinity", errDateRange},
		{&Type{Kind: KindTimestamp}, "10000-01-01 00:00:00", errDateRange},
		{&Type{Kind: KindTimestamp}, "0044-03-15 00:00:00 BC", errDateRange},
		{&Type{Kind: KindTimestampTZ}, "infinity", errDateRange},
		{&Type{Kind: KindTimestampTZ}, "0044-03-15 00:00:00+00 BC", errDateRange},
		{&Type{Kind: KindTimestampTZ}, "2024-01-01 00:00:00+01", errDateRange},
		{array(KindInteger), "{1", errBadArray},
		{array(KindString), `{"a`, errBadArray},
		{array(KindString), "", errBadArray},
	} {
		if got, err := Append(nil, []byte(tt.in), tt.typ); !errors.Is(err, tt.want) {
			t.Errorf("Append(%q) = %s, %v; want %v", tt.in, got, err, tt.want)
		}
	}
}

// FuzzAppendString compares with encoding/json: what it reads back is the string.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\/\b\f\n\r\t", "\x00\x1f\x7f", "\u2028\U0001f600", "O'Brien", strings.Repeat("\\", 9)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var back string
		got := AppendString(nil, []byte(s))
		if err := json.Unmarshal(got, &back); err != nil || back != s {
			t.Fatalf("AppendString(%q) = %s reads back as %q, %v", s, got, back, err)
		}
	})
}

// FuzzAppendArray: no text makes it panic, and what it accepts from real
// arrays of strings is JSON.
func FuzzAppendArray(f *testing.F) {
	for _, s := range []string{"{}", "{a,b}", `{"a\"",NULL}`, "[1:1]={x}", "{{a},{b}}", "[", "}{", `{"`} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		_, _ = appendArray(nil, []byte(s), array(KindString))
	})
}

func BenchmarkAppendString(b *testing.B) {
	b.ReportAllocs()
	s := []byte("Anne-Marie O'Brien of Ó Súilleabháin")
	b.SetBytes(int64(len(s)))
	var buf []byte
	for b.Loop() {
		buf = AppendString(buf[:0], s)
	}
}
