package esalias

import (
	"strings"
	"testing"
)

func TestAliasNamesRoundTrip(t *testing.T) {
	t.Parallel()
	n := names{alias: "persons"}
	want := tag{token: 42, run: "runaaaaa"}
	for kind, name := range map[kind]string{
		kindClaim: n.claim(want), kindDone: n.done(want), kindWriter: n.writer(want), kindMark: n.mark(want),
	} {
		if got, tag := n.parse(name); got != kind || tag != want {
			t.Errorf("parse(%q) = %v, %v; want %v, %v", name, got, tag, kind, want)
		}
	}
}

func TestNamesThatAreNotOurs(t *testing.T) {
	t.Parallel()
	n := names{alias: "persons"}
	for _, name := range []string{
		"persons", "persons.claim-", "persons.claim-5", "persons.claim-5-", "persons.claim-x-run", "persons.claim--5-run",
		"persons.claim-05-run", "persons.claim-+5-run", "persons.other-5-run", "people.claim-5-run", "personsclaim-5-run",
		"persons.claim-99999999999999999999-run", "",
	} {
		if kind, tag := n.parse(name); kind != kindOther {
			t.Errorf("parse(%q) = %v, %v; want other", name, kind, tag)
		}
	}
	for _, index := range []string{
		"persons", "persons-", "persons-1", "persons-00001", "persons-0000001", "persons-00000x", "persons--00001",
		"persons-+00001", "persons-archive-000001", "persons-000001-shrunk", "",
	} {
		if token, ok := n.token(index); ok {
			t.Errorf("token(%q) = %d, want none", index, token)
		}
	}
}

func FuzzIndexName(f *testing.F) {
	f.Add("persons", int64(7), "runaaaaa", "persons-000007")
	f.Add("p", int64(0), "a-b", "p-0000001")
	f.Add("a.b", int64(1<<62), "", "a.b-1000000")
	f.Fuzz(func(t *testing.T, alias string, token int64, run, other string) {
		if ValidateAlias(alias) != nil || token < 0 {
			return
		}
		n := names{alias: alias}
		index := n.index(token)
		if got, ok := n.token(index); !ok || got != token {
			t.Errorf("token(%q) = %d, %t; want %d", index, got, ok, token)
		}
		if err := ValidateAlias(index); err == nil {
			t.Errorf("%q is a generation and would be an alias", index)
		}
		if got, ok := n.token(other); ok && n.index(got) != other {
			t.Errorf("token(%q) = %d, which is %q", other, got, n.index(got))
		}
		if !validRunID(run) {
			return
		}
		want := tag{token: token, run: run}
		for _, name := range []string{n.claim(want), n.done(want), n.writer(want), n.mark(want)} {
			if _, got := n.parse(name); got != want {
				t.Errorf("parse(%q) = %v, want %v", name, got, want)
			}
			if len(name) > 255 {
				t.Errorf("%q has %d bytes, more than Elasticsearch takes", name, len(name))
			}
		}
		if kind, got := n.parse(other); kind != kindOther && !strings.HasSuffix(other, "-"+got.String()) {
			t.Errorf("parse(%q) = %v, %v", other, kind, got)
		}
	})
}

func TestValidateAlias(t *testing.T) {
	t.Parallel()
	for _, alias := range []string{"persons", "p", "persons.v2", "tis-persons", "persons-2a", "日本", strings.Repeat("a", 180)} {
		if err := ValidateAlias(alias); err != nil {
			t.Errorf("ValidateAlias(%q) = %v", alias, err)
		}
	}
	for _, alias := range []string{
		"", strings.Repeat("a", 181), "Persons", "É", "-p", "_p", "+p", ".p", "a b", "a\tb", "a\x00b", `a\b`, "a/b", "a*", "a?",
		`a"`, "a<", "a>", "a|", "a,b", "a#", "a:b", "a%41", "\xff", "persons-000001", "persons-1", "lock-persons",
		"persons.claim-1-x", "persons.done-1-x", "persons.swap-1-x", "persons.w-1-x",
	} {
		if ValidateAlias(alias) == nil {
			t.Errorf("ValidateAlias(%q) = nil, want an error", alias)
		}
	}
}

func TestRunIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		id := NewRunID()
		if !validRunID(id) || seen[id] {
			t.Errorf("NewRunID() = %q", id)
		}
		seen[id] = true
	}
	for _, id := range []string{"", "short", "UPPERCASE", "with-dash", strings.Repeat("a", 33), "newline1\n"} {
		if validRunID(id) {
			t.Errorf("run id %q was accepted", id)
		}
	}
	_, c := newWire(t, Options{})
	if _, err := c.Acquire(t.Context(), Holder{RunID: "x"}, 0); err == nil {
		t.Error("Acquire took a run id that does not fit into names")
	}
}
