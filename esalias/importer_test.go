package esalias_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// loader is a program of somebody else: it may import nothing internal, and
// names every error that it has to tell apart.
const loader = `package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"example.com/reindex/esalias"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(status(err))
	}
}

func run(ctx context.Context) error {
	transport, err := elastictransport.NewClient(elastictransport.WithDisableRetry())
	if err != nil {
		return err
	}
	c, err := esalias.New(transport, "persons", esalias.Options{})
	if err != nil {
		return err
	}
	lease, err := c.Acquire(ctx, esalias.Holder{Host: "blue", PID: os.Getpid(), RunID: esalias.NewRunID(), Trigger: "manual"}, 0)
	if err != nil {
		return err
	}
	defer lease.Release(ctx)
	build, err := lease.Create(lease.Context(), json.RawMessage("{}"), esalias.Meta{})
	if err != nil {
		return errors.Join(err, lease.Abandon(ctx))
	}
	if _, err := build.Finish(lease.Context()); err != nil {
		return errors.Join(err, lease.Abandon(ctx))
	}
	swapped, err := lease.Swap(lease.Context(), build)
	fmt.Println(swapped.Index, swapped.Previous, swapped.Warning, swapped.Carried.Filter)
	return err
}

func status(err error) int {
	if held, ok := errors.AsType[*esalias.HeldError](err); ok && held.Record.Holder.Host != "" {
		return 11
	}
	if shape, ok := errors.AsType[*esalias.ShapeError](err); ok && shape.Hint() != "" {
		return 10
	}
	if refused, ok := errors.AsType[*esalias.RequestError](err); ok && refused.Status == 400 {
		return 2
	}
	if lost, ok := errors.AsType[*esalias.NoAnswerError](err); ok && lost.Err != nil {
		return 1
	}
	if node, ok := errors.AsType[*esalias.AllocationError](err); ok && node.Hint() != "" {
		return 4
	}
	if errors.Is(err, esalias.ErrOutcomeUnknown) {
		return 13
	}
	return 1
}
`

// TestPackageIsUsableFromAnotherModule builds a loader in a module outside of
// the tree.
func TestPackageIsUsableFromAnotherModule(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.go": loader,
		"go.mod":  "module loader\n\ngo 1.26.0\n",
		"go.work": fmt.Sprintf("go 1.26.0\n\nuse (\n\t.\n\t%q\n)\n", root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "vet", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK="+filepath.Join(dir, "go.work"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("a loader of another module does not build: %v\n%s", err, out)
	}
}
