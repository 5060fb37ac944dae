package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

const root = "../.."

// TestMutantsStillApply is cheap and runs with every change; `make mutants`
// runs the mutants themselves.
func TestMutantsStillApply(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, m := range list() {
		if _, err := m.apply(root); err != nil {
			t.Errorf("%s (%s): %v; change its entry in list.go with the code", m.name, m.file, err)
		}
		if names[m.name] || len(m.tests) == 0 || m.old == m.new {
			t.Errorf("%s is a double, has no test or changes nothing", m.name)
		}
		names[m.name] = true
		for _, test := range m.tests {
			if !hasTest(t, filepath.Join(root, m.pkg()), test) {
				t.Errorf("%s: there is no %s in %s", m.name, test, m.pkg())
			}
		}
	}
}

func hasTest(t *testing.T, dir, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + test + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(text) {
			return true
		}
	}
	return false
}
