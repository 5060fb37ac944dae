package notify

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write testdata/ anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func swapped() Notice {
	return Notice{
		Event: "swapped", Title: "persons: swapped to persons-000042, 351,208 documents",
		Facts:   []Fact{{"host", "green"}, {"run", "abcdefghijkl (scheduled)"}, {"took", "3m12s"}},
		Details: map[string]any{"alias": "persons", "outcome": "swapped", "documents": 351_208, "host": "green"},
	}
}

func refused() Notice {
	return Notice{
		Event: "refused", Title: "persons: refused, not swapped; the alias is still on persons-000041",
		Reason: "not swapped: gate max_shrink: 10 documents < 20 & <!channel> ```",
		Hint:   "--max-shrink raises it",
		Facts:  []Fact{{"host", "green"}},
		Details: map[string]any{
			"alias": "persons", "outcome": "refused", "host": "green", "error": "not swapped: gate max_shrink: 10 documents < 20",
		},
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]Notice{"swapped": swapped(), "refused": refused()} {
		for _, format := range []Format{Generic, Slack, Teams} {
			t.Run(string(format)+" of "+name, func(t *testing.T) {
				t.Parallel()
				got, err := format.body(n)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, string(format)+"_"+name+".json", string(got))
			})
		}
	}
}

// golden compares JSON with a file, indented for reading.
func golden(t *testing.T, name, got string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(got), &v); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	indented, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = string(indented) + "\n"
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestLongReasonIsCut(t *testing.T) {
	t.Parallel()
	n := refused()
	n.Reason = strings.Repeat("ä", 5000)
	body, err := Slack.body(n)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(body); len(text) > 4000 || !strings.Contains(text, "ä...") {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

func TestDetailsOfTheCallerStayAsTheyAre(t *testing.T) {
	t.Parallel()
	n := swapped()
	if _, err := Generic.body(n); err != nil {
		t.Fatal(err)
	}
	if _, added := n.Details["event"]; added {
		t.Error("the caller's map was changed")
	}
}
