package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "example.com/reindex/"

// The table stands between these lines of architecture.md.
const (
	tableBegin = "<!-- packages: go test ./docs -update -->\n"
	tableEnd   = "<!-- end of packages -->\n"
)

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath, Doc string
	Imports         []string
}

func (p goPackage) row() string {
	var imports []string
	for _, to := range p.Imports {
		if name, ours := strings.CutPrefix(to, module); ours {
			imports = append(imports, "`"+name+"`")
		}
	}
	what := strings.TrimSuffix(p.Doc, ".")
	return fmt.Sprintf("| `%s` | %s | %s |\n", strings.TrimPrefix(p.ImportPath, module), strings.Join(imports, ", "), strings.ReplaceAll(what, "|", "\\|"))
}

// packages returns the table as it is in the code.
func packages(t *testing.T) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports,GoFiles", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	table := "| package | imports | first sentence of its documentation |\n|---|---|---|\n"
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return table
		}
		if err != nil {
			t.Fatal(err)
		}
		table += p.row()
	}
}

// TestArchitectureListsEveryPackageAndArrow compares the table in architecture.md
// with the code, so that a new import is seen by whoever reads the change.
func TestArchitectureListsEveryPackageAndArrow(t *testing.T) {
	t.Parallel()
	const name = "architecture.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegin)
	table, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table between %q and %q", name, tableBegin, tableEnd)
	}
	want := packages(t)
	if *update {
		if err := os.WriteFile(name, []byte(before+tableBegin+want+tableEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(arrows(want), arrows(table)); diff != "" {
		t.Errorf("the packages (-in the code +in %s); go test ./docs -update takes them over:\n%s", name, diff)
	}
}

// arrows are packages and their imports, without the sentence about them, which
// is for readers.
func arrows(table string) []string {
	var list []string
	for line := range strings.Lines(table) {
		cells := strings.SplitN(line, "|", 4)
		list = append(list, strings.Join(cells[:min(3, len(cells))], "|"))
	}
	return list
}

var update = flag.Bool("update", false, "write the table of packages again")
