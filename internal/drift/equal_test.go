package drift

import (
	"fmt"
	"testing"

	"example.com/reindex/internal/document"
	"example.com/reindex/internal/readback"
)

func TestSameDocument(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, x, y string
		same       bool
	}{
		{"same bytes", `{"a":1}`, `{"a":1}`, true},
		{"order of fields", `{"a":1,"b":{"c":2,"d":3}}`, `{ "b": {"d":3,"c":2}, "a":1 }`, true},
		{"spelling of text", `{"a":"é/"}`, `{"a":"\u00e9\/"}`, true},
		{"spelling of numbers", `{"a":[1.50,100,0,-0.0,12e2]}`, `{"a":[15e-1,1E+2,0e7,0,1200.00]}`, true},
		{"order in a list field", `{"tags":[{"t":1},{"t":2},{"t":2}]}`, `{"tags":[{"t":2.0},{"t":1},{"t":2}]}`, true},
		{"number of elements in a list field", `{"tags":[{"t":1},{"t":2},{"t":2}]}`, `{"tags":[{"t":1},{"t":1},{"t":2}]}`, false},
		{"order in another array", `{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{"order in an array inside a list", `{"tags":[{"t":[1,2]}]}`, `{"tags":[{"t":[2,1]}]}`, false},
		{"last digit of a long number", `{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{"a vector in 32 bits", `{"v":[0.123456789,1],"o":{"v":[0.1]}}`, `{"v":[0.12345679,1.0],"o":{"v":[0.1]}}`, true},
		{"another vector", `{"v":[0.123456789]}`, `{"v":[0.12345]}`, false},
		{"the same numbers in no vector", `{"a":[0.123456789]}`, `{"a":[0.12345679]}`, false},
		{"sign", `{"a":-1}`, `{"a":1}`, false},
		{"exponent beyond all use", `{"a":1e99999999999999999999}`, `{"a":1e99999999999999999998}`, false},
		{"number and its text", `{"a":1}`, `{"a":"1"}`, false},
		{"null and nothing", `{"a":null}`, `{}`, false},
		{"text that looks like more", `{"a":"x\",\"b\":\"y"}`, `{"a":"x","b":"y"}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, pair := range [][2]string{{test.x, test.y}, {test.y, test.x}} {
				field, err := firstDifference([]byte(pair[0]), []byte(pair[1]), []string{"tags"}, [][]string{{"v"}, {"o", "v"}})
				same := field == ""
				if err != nil || same != test.same {
					t.Errorf("firstDifference(%s, %s) = %t, %v; want %t", pair[0], pair[1], same, err, test.same)
				}
			}
		})
	}
	if _, err := firstDifference([]byte(`{}`), []byte(`[1]`), nil, nil); err == nil {
		t.Error("an array passed as a document")
	}
}

func FuzzCanonicalNumber(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 100, -1200, 9007199254740993} {
		f.Add(n, uint8(3))
	}
	f.Fuzz(func(t *testing.T, n int64, places uint8) {
		// The same number, with the point moved and moved back.
		shifted := fmt.Sprintf("%de%d", n, places)
		padded := fmt.Sprintf("%d%0*d.000", n, int(places), 0)
		if places == 0 {
			padded = fmt.Sprintf("%d.000", n)
		}
		if canonicalNumber(shifted) != canonicalNumber(padded) {
			t.Errorf("%s is %s, %s is %s", shifted, canonicalNumber(shifted), padded, canonicalNumber(padded))
		}
		if n != 0 && canonicalNumber(shifted) == canonicalNumber(fmt.Sprintf("%de%d", n-1, places)) {
			t.Errorf("%s is its neighbour", shifted)
		}
	})
}

func TestSuspectsAreBounded(t *testing.T) {
	t.Parallel()
	s := &suspects{limit: 10}
	differs := func(kind Kind, i int) difference {
		id := fmt.Sprint(i)
		return difference{kind: kind, doc: document.Document{ID: []byte(id)}, hit: &readback.Hit{Stored: readback.Stored{ID: id}}}
	}
	for i := range 1000 {
		s.look(1, differs(Missing, i))
		s.look(1, differs(Extra, i))
	}
	if kept := len(s.documents.now) + len(s.surplus.now); kept != 11 || !s.overflow {
		t.Errorf("%d suspects kept, overflow %t; want 11 and true", kept, s.overflow)
	}
	if got := s.look(2, differs(Missing, 5000)); got != lookDrift {
		t.Errorf("look after an overflow = %v; want that everything counts", got)
	}
}

func TestSecondLook(t *testing.T) {
	t.Parallel()
	s := &suspects{limit: 10}
	for _, step := range []struct {
		round    int
		id, json string
		want     look
	}{
		{1, "stands", "{}", lookNew},
		{1, "moves", "{}", lookNew},
		{1, "heals, and differs again", "{}", lookNew},
		{2, "stands", "{}", lookDrift},
		{2, "moves", "{1}", lookMoving},
		{2, "late", "{}", lookNew},
		{3, "moves", "{1}", lookDrift},
		{3, "heals, and differs again", "{}", lookNew},
		{3, "late", "{}", lookDrift},
	} {
		if step.round > 1 && step.id == "stands" || step.round == 3 && step.id == "moves" {
			s.forget()
		}
		d := difference{kind: Different, doc: document.Document{ID: []byte(step.id), JSON: []byte(step.json)}}
		if got := s.look(step.round, d); got != step.want {
			t.Errorf("round %d, %s: %v, want %v", step.round, step.id, got, step.want)
		}
	}
}
