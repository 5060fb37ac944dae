// Command mutants breaks the safety rules of the program one at a time and
// runs the tests that must notice.
//
// Promise: for each mutant it first proves that the tests pass without it, then
// that each of them fails with it; a mutant that survives, does not apply or
// does not compile ends it with status 1. The source tree is not touched: the
// changed file is laid over it (go help build, -overlay).
//
// Limit: it proves that the named tests guard the named lines, and nothing
// about lines that are not in its list.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	only := flag.String("only", "", "run only the mutants whose `name` contains this")
	flag.Parse()
	survivors := run(ctx, os.Stdout, *only)
	if survivors > 0 {
		stop()
		os.Exit(1) //nolint:forbidigo,gocritic // this is main, and stop was called
	}
}

// run tries the mutants and returns how many were not killed.
func run(ctx context.Context, out io.Writer, only string) (survivors int) {
	proved := map[string]error{}
	killed := 0
	for _, m := range list() {
		if !strings.Contains(m.name, only) {
			continue
		}
		if err := m.kill(ctx, proved); err != nil {
			survivors++
			fmt.Fprintf(out, "SURVIVES  %s (%s): %v\n", m.name, m.file, err)
			continue
		}
		killed++
		fmt.Fprintf(out, "killed    %-50s by %s\n", m.name, strings.Join(m.tests, ", "))
	}
	fmt.Fprintf(out, "%d mutants killed, %d not\n", killed, survivors)
	return survivors
}
