package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutant is one line or so of the program without its guard.
type mutant struct {
	name     string
	file     string // from the root of the repository
	old, new string // old must be in file exactly once
	tests    []string
	in       string // package of the tests; defaults to that of file
}

func (m mutant) pkg() string {
	if m.in != "" {
		return "./" + m.in
	}
	return "./" + filepath.ToSlash(filepath.Dir(m.file))
}

// apply returns the text of the file with the mutation.
func (m mutant) apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file)) //nolint:gosec // G304: one of the list
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("does not apply: its old text is in the file %d times, want once", n)
	}
	return bytes.Replace(text, []byte(m.old), []byte(m.new), 1), nil
}

// kill proves that the tests pass without the mutation and fail with it; nil
// means that they do. proved remembers the first half by package and tests.
func (m mutant) kill(ctx context.Context, proved map[string]error) error {
	overlay, remove, err := m.overlay(".")
	if err != nil {
		return err
	}
	defer remove()
	for _, test := range m.tests {
		key := m.pkg() + " " + test
		if _, known := proved[key]; !known {
			proved[key] = m.passes(ctx, test)
		}
		if err := proved[key]; err != nil {
			return err
		}
		if err := m.fails(ctx, test, overlay); err != nil {
			return err
		}
	}
	return nil
}

// passes proves that the test passes on the tree as it is.
func (m mutant) passes(ctx context.Context, test string) error {
	out, err := goTest(ctx, m.pkg(), test)
	switch {
	case err != nil:
		return fmt.Errorf("%s fails without it:\n%s", test, out)
	case !strings.Contains(out, "--- PASS: "+test+" "):
		return fmt.Errorf("%s was not run:\n%s", test, out)
	}
	return nil
}

// fails proves that the test fails with the mutation: the test, not the build.
func (m mutant) fails(ctx context.Context, test, overlay string) error {
	out, err := goTest(ctx, m.pkg(), test, "-overlay", overlay)
	switch {
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		return fmt.Errorf("does not compile:\n%s", out)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return fmt.Errorf("%s passes with it", test)
	case !strings.Contains(out, "--- FAIL: "+test+" ") && !strings.Contains(out, "panic: test timed out"):
		return fmt.Errorf("%s did not fail, but: %w\n%s", test, err, out)
	}
	return nil
}

// goTest runs one test. A mutant may well wait for something that never comes.
func goTest(ctx context.Context, pkg, test string, flags ...string) (string, error) {
	args := append([]string{"test", "-count=1", "-v", "-timeout=2m", "-run", "^" + test + "$"}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...) //nolint:gosec // G204: from the list
	cmd.Env = append(os.Environ(), "REINDEX_TEST_REQUIRED=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// overlay writes the changed file beside the tree and says so to the compiler.
func (m mutant) overlay(root string) (path string, remove func(), err error) {
	text, err := m.apply(root)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", nil, err
	}
	original, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	changed := filepath.Join(dir, filepath.Base(m.file))
	path = filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err == nil {
		err = errors.Join(os.WriteFile(changed, text, 0o600), os.WriteFile(path, replace, 0o600))
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return path, func() { _ = os.RemoveAll(dir) }, nil
}
