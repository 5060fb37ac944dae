package crash

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestFailuresNamesTestsThatExist keeps docs/failures.md true.
func TestFailuresNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	err = fs.WalkDir(os.DirFS("../.."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(os.DirFS("../.."), path)
		for _, name := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(source, -1) {
			declared[string(name[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(string(text), -1)
	if len(named) < 50 {
		t.Fatalf("only %d tests are named; has the form changed?", len(named))
	}
	for _, name := range named {
		if !declared[name] {
			t.Errorf("docs/failures.md names %s, which does not exist", name)
		}
	}
}
