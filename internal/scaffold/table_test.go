package scaffold_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"example.com/reindex/internal/scaffold"
)

var update = flag.Bool("update", false, "write the table of docs/documents.md")

func TestTheDocumentedTableOfTypesIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	const (
		path  = "../../docs/documents.md"
		begin = "<!-- types: written by go test ./internal/scaffold -update -->\n\n"
		end   = "\n<!-- end of types -->"
	)
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no table between %q and %q", path, begin, end)
	}
	if table == scaffold.TypesTable() {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is not that of the code: go test ./internal/scaffold -update", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+scaffold.TypesTable()+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
