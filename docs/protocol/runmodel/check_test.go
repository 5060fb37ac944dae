package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOutput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want result
	}{
		"all holds": {
			text: "Progress(3) at x: 5 states generated, 4 distinct states found, 1 left\n" +
				"Model checking completed. No error has been found.\n" +
				"126394 states generated, 11631 distinct states found, 0 states left on queue.\n" +
				"The depth of the complete state graph search is 44.\n",
			want: result{outcome: "holds", generated: "126394", distinct: "11631", depth: "44"},
		},
		"an invariant is violated": {
			text: "Error: Invariant OneLive is violated.\nState 1: <Initial predicate>\nState 2: <Next>\n" +
				"2186 states generated, 768 distinct states found, 333 states left on queue.\n",
			want: result{outcome: "violates OneLive", generated: "2186", distinct: "768", depth: "2"},
		},
		"a property is violated": {
			text: "Error: Temporal properties were violated.\nState 1: <Initial predicate>\n",
			want: result{outcome: "violates a property", depth: "1"},
		},
		"no verdict": {text: "***Parse Error***\n", want: result{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := parseOutput(test.text)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{}, check{})); diff != "" {
				t.Errorf("parseOutput (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseCheck(t *testing.T) {
	t.Parallel()
	t.Run("a complete header", func(t *testing.T) {
		t.Parallel()
		got, err := parseCheck("x/small/no_nonce.cfg", "\\* Left out: it\n\\* Module: Reindex\n\\* Expect: violates Fenced\nSPECIFICATION Spec\n")
		if err != nil {
			t.Fatal(err)
		}
		want := check{name: "no_nonce", file: "no_nonce.cfg", set: "small", module: "Reindex", expect: "violates Fenced"}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(check{})); diff != "" {
			t.Errorf("parseCheck (-want +got):\n%s", diff)
		}
	})
	t.Run("a header without expectation is refused", func(t *testing.T) {
		t.Parallel()
		if _, err := parseCheck("x/a.cfg", "\\* Module: Reindex\n"); err == nil || !strings.Contains(err.Error(), "x/a.cfg") {
			t.Errorf("parseCheck = %v; want an error that names the file", err)
		}
	})
}

// TestEveryCheckHasAnExpectation reads the configurations as they are.
func TestEveryCheckHasAnExpectation(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"../small", "../large"} {
		checks, err := readChecks(set)
		if err != nil {
			t.Error(err)
		}
		if len(checks) == 0 {
			t.Errorf("%s has no configurations", set)
		}
	}
}

func TestVerifyToolsRefusesAnotherJar(t *testing.T) {
	t.Parallel()
	if err := verifyTools([]byte("not the tools")); err == nil {
		t.Error("verifyTools(another content) = nil; want an error")
	}
}
