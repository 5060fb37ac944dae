package main

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"example.com/reindex/internal/programtest"
)

// binary is the program under test, built once with this test's race detector.
var binary string

// parallelTests is how many tests run at once. Most of their time they wait
// for a server, a lease or a process, so more of them than there are cores
// make the whole faster.
const parallelTests = 6

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(withBinary(m)) //nolint:forbidigo // the main function of the tests
}

func withBinary(m *testing.M) int {
	if !isFlagSet("test.parallel") {
		_ = flag.Set("test.parallel", fmt.Sprint(parallelTests))
	}
	dir, err := os.MkdirTemp("", "reindex-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		binary, err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// build compiles the program with the race detector where the tests have it.
func build(dir string) (string, error) {
	if raceDetector {
		return programtest.Build(dir, "-race")
	}
	return programtest.Build(dir)
}

func isFlagSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
