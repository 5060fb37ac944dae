package source

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func array(k kind) *valueType {
	return &valueType{kind: kindArray, elem: &valueType{kind: k}, delim: ','}
}

func TestAppendValue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		typ      *valueType
		in, want string
	}{
		"integer beyond 2^53":          {&valueType{kind: kindInteger}, "9007199254740993", "9007199254740993"},
		"numeric as printed":           {&valueType{kind: kindDecimal}, "-0.10", "-0.10"},
		"float with exponent":          {&valueType{kind: kindDecimal}, "1e+20", "1e+20"},
		"true":                         {&valueType{kind: kindBool}, "t", "true"},
		"date":                         {&valueType{kind: kindDate}, "2024-02-29", `"2024-02-29"`},
		"timestamp":                    {&valueType{kind: kindTimestamp}, "2024-02-29 01:02:03.000004", `"2024-02-29T01:02:03.000004"`},
		"timestamp with zone":          {&valueType{kind: kindTimestampTZ}, "0001-01-01 00:00:00+00", `"0001-01-01T00:00:00Z"`},
		"control characters":           {&valueType{kind: kindString}, "a\"\\\n\r\t\x01\x1f\x7f\u2028é", `"a\"\\\n\r\t\u0001\u001f` + "\x7f\u2028é\""},
		"json on one line as is":       {&valueType{kind: kindJSON}, `{"a": 1,  "a":2}`, `{"a": 1,  "a":2}`},
		"json on two lines":            {&valueType{kind: kindJSON}, "{\"a \\\" \\\\\": 1,\r\n\t\"b\": \" x \"}", `{"a \" \\":1,"b":" x "}`},
		"bytes":                        {&valueType{kind: kindBytes}, `\x00ff10`, `"AP8Q"`},
		"empty array":                  {array(kindInteger), "{}", "[]"},
		"array with NULL":              {array(kindInteger), "{1,NULL,-3}", "[1,null,-3]"},
		"array of two dimensions":      {array(kindInteger), "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
		"array with lower bounds":      {array(kindInteger), "[0:1][-1:-1]={{1},{2}}", "[[1],[2]]"},
		"array of awkward strings":     {array(kindString), `{a,"","NULL",NULL,"b,}{","\"q\\","é\\"}`, `["a","","NULL",null,"b,}{","\"q\\","é\\"]`},
		"array of timestamps":          {array(kindTimestampTZ), `{"2024-02-29 01:02:03+00"}`, `["2024-02-29T01:02:03Z"]`},
		"array with another delimiter": {&valueType{kind: kindArray, elem: &valueType{}, delim: ';'}, "{(1,1),(0,0);(2,2),(1,1)}", `["(1,1),(0,0)","(2,2),(1,1)"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := appendValue([]byte("x"), []byte(tt.in), tt.typ)
			if err != nil || string(got) != "x"+tt.want {
				t.Errorf("appendValue(%q) = %s, %v; want x%s", tt.in, got, err, tt.want)
			}
			if !json.Valid(got[1:]) || strings.ContainsAny(string(got), "\r\n") {
				t.Errorf("appendValue(%q) = %q is no JSON on one line", tt.in, got[1:])
			}
		})
	}
	if got, err := appendValue(nil, nil, &valueType{}); string(got) != "null" || err != nil {
		t.Errorf("appendValue(NULL) = %s, %v; want null", got, err)
	}
}

func TestAppendValueRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ  *valueType
		in   string
		want error
	}{
		{&valueType{kind: kindDecimal}, "NaN", errNotFinite},
		{&valueType{kind: kindDecimal}, "-Infinity", errNotFinite},
		{array(kindDecimal), "{1,Infinity}", errNotFinite},
		{&valueType{kind: kindDate}, "infinity", errDateRange},
		{&valueType{kind: kindDate}, "10000-01-01", errDateRange},
		{&valueType{kind: kindDate}, "0044-03-15 BC", errDateRange},
		{&valueType{kind: kindTimestamp}, "-infinity", errDateRange},
		{&valueType{kind: kindTimestamp}, "10000-01-01 00:00:00", errDateRange},
		{&valueType{kind: kindTimestamp}, "0044-03-15 00:00:00 BC", errDateRange},
		{&valueType{kind: kindTimestampTZ}, "infinity", errDateRange},
		{&valueType{kind: kindTimestampTZ}, "0044-03-15 00:00:00+00 BC", errDateRange},
		{&valueType{kind: kindTimestampTZ}, "2024-01-01 00:00:00+01", errDateRange},
		{array(kindInteger), "{1", errBadArray},
		{array(kindString), `{"a`, errBadArray},
		{array(kindString), "", errBadArray},
	} {
		if got, err := appendValue(nil, []byte(tt.in), tt.typ); !errors.Is(err, tt.want) {
			t.Errorf("appendValue(%q) = %s, %v; want %v", tt.in, got, err, tt.want)
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
		got := appendString(nil, []byte(s))
		if err := json.Unmarshal(got, &back); err != nil || back != s {
			t.Fatalf("appendString(%q) = %s reads back as %q, %v", s, got, back, err)
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
		_, _ = appendArray(nil, []byte(s), array(kindString))
	})
}

func BenchmarkAppendString(b *testing.B) {
	b.ReportAllocs()
	s := []byte("Anne-Marie O'Brien of Ó Súilleabháin")
	b.SetBytes(int64(len(s)))
	var buf []byte
	for b.Loop() {
		buf = appendString(buf[:0], s)
	}
}
