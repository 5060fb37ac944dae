package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
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

func build(dir string) (string, error) {
	out := filepath.Join(dir, "reindex")
	args := []string{"build", "-o", out}
	if raceDetector {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, ".")...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, text)
	}
	return out, nil
}

func isFlagSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
