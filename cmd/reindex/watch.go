package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"example.com/reindex/internal/config"
)

// watchEvery is how often status --watch looks.
const watchEvery = 2 * time.Second

// watchStatus shows the status until ctx ends. An error of one look is shown,
// because the next may succeed; only a mistake in the configuration ends it.
func (a *app) watchStatus(ctx context.Context, show func() error) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if !a.json {
			a.clearScreen()
			fmt.Fprintf(a.out, "%s\n", time.Now().UTC().Format(time.RFC3339))
		}
		if err := show(); err != nil {
			if isMistake(err) {
				return err
			}
			if _, reported := errors.AsType[reportedError](err); !reported && ctx.Err() == nil {
				a.printError(err)
			}
		}
		select {
		case <-ctx.Done():
			return nil // it was asked to end, and has done its work
		case <-ticker.C:
		}
	}
}

// isMistake reports that the next look would fail the same way.
func isMistake(err error) bool {
	if _, ok := errors.AsType[usageError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*config.SelectionError](err); ok {
		return true
	}
	_, ok := errors.AsType[*config.Error](err)
	return ok
}

// clearScreen clears a terminal. Elsewhere an empty line separates the outputs.
func (a *app) clearScreen() {
	if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(a.out, "\x1b[H\x1b[2J")
		return
	}
	fmt.Fprintln(a.out)
}
