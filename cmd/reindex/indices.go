package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/reindex/internal/config"
)

// defaultConfig is the configuration where neither --config nor REINDEX_CONFIG
// names one.
const defaultConfig = "reindex.yaml"

// selection says which indices of a configuration a command is for.
type selection struct {
	all bool
	// every makes a command without a name one for all indices: commands that
	// only read may do that, because they cannot reach more than was meant.
	every bool
}

const selectionHelp = `With several indices in the configuration, name those that are meant, or --all
for one after the other; the exit status is the worst of theirs.

`

// add gives cmd the names of indices as arguments, and --all.
func (s *selection) add(cmd *cobra.Command) {
	cmd.Use += " [INDEX...]"
	cmd.Args = cobra.ArbitraryArgs
	usage := "every index of the configuration, one after the other"
	if s.every {
		usage += " (the default)"
	}
	cmd.Flags().BoolVar(&s.all, "all", false, usage)
}

// loadAll reads the configuration, with the flags that were given on top.
func (a *app) loadAll(cmd *cobra.Command) (*config.Set, error) {
	flags := config.Flags{}
	cmd.Flags().Visit(func(f *pflag.Flag) { flags[f.Name] = f.Value.String() })
	path := a.configPath
	if named, _ := os.LookupEnv("REINDEX_CONFIG"); named != "" && !cmd.Flags().Changed("config") {
		path = named
	}
	return config.Load(path, os.LookupEnv, flags)
}

// selected reads the configuration and returns the indices that are meant.
func (a *app) selected(cmd *cobra.Command, names []string, s selection) ([]*config.Config, error) {
	if s.all && len(names) > 0 {
		return nil, usageError{err: errors.New("--all and the name of an index exclude each other"), command: cmd.CommandPath()}
	}
	set, err := a.loadAll(cmd)
	if err != nil {
		return nil, err
	}
	chosen, err := set.Select(names, s.all || s.every && len(names) == 0)
	if err != nil {
		return nil, err
	}
	if flag := cmd.Flags().Lookup("failures-file"); flag != nil && flag.Changed && len(chosen) > 1 {
		return nil, usageError{
			err:     errors.New("--failures-file names one file for several indices, and each would overwrite the list of the one before: give each a load.failures_file"),
			command: cmd.CommandPath(),
		}
	}
	return chosen, nil
}

// one is selected for a command that takes one index.
func (a *app) one(cmd *cobra.Command, names []string) (*config.Config, error) {
	chosen, err := a.selected(cmd, names, selection{})
	if err != nil {
		return nil, err
	}
	a.alias = chosen[0].Alias
	return chosen[0], nil
}

// each does the work of a command for every index that is meant, one after the
// other. An error of one does not keep the next from its turn, because no alias
// depends on another; only an interruption does. Of several, the errors are
// shown as they come, and the result has the worst exit status.
func (a *app) each(cmd *cobra.Command, names []string, s selection, do func(*app, *config.Config) error) error {
	chosen, err := a.selected(cmd, names, s)
	if err != nil {
		return err
	}
	if len(chosen) == 1 {
		a.alias = chosen[0].Alias
		return do(a, chosen[0])
	}
	var all indicesError
	for i, c := range chosen {
		if cmd.Context().Err() != nil {
			all.add(context.Cause(cmd.Context()))
			a.tell("not started: %s\n", namesOf(chosen[i:]))
			break
		}
		all.add(a.oneOf(cmd, c, do))
	}
	return all.result()
}

// oneOf does the work for one index of several, and shows its error.
func (a *app) oneOf(cmd *cobra.Command, c *config.Config, do func(*app, *config.Config) error) error {
	own := *a
	own.alias, own.several = c.Alias, true
	err := do(&own, c)
	if err == nil {
		return nil
	}
	if _, reported := errors.AsType[reportedError](err); !reported {
		own.printError(err)
		own.printNotStarted(cmd, err)
	}
	return err
}

// heading separates what is shown of several indices.
func (a *app) heading(c *config.Config) {
	if a.several && !a.json {
		fmt.Fprintf(a.out, "\n== %s ==\n", c.Name)
	}
}

func namesOf(chosen []*config.Config) []string {
	names := make([]string, len(chosen))
	for i, c := range chosen {
		names[i] = c.Name
	}
	return names
}

// indicesError is what went wrong with some of several indices.
type indicesError struct{ errs []error }

func (e *indicesError) add(err error) {
	if err != nil {
		e.errs = append(e.errs, err)
	}
}

// result is nil if nothing went wrong.
func (e *indicesError) result() error {
	if len(e.errs) == 0 {
		return nil
	}
	return reportedError{e}
}

func (e *indicesError) Error() string { return errors.Join(e.errs...).Error() }

// status is the worst of all. The errors are not unwrapped: one of them must
// not speak for the others.
func (e *indicesError) status() int {
	statuses := make([]int, len(e.errs))
	for i, err := range e.errs {
		statuses[i] = exitCode(err)
	}
	return worst(statuses)
}

// worst returns the status that asks most of a person. The order is in
// docs/operations.md, and part of the contract.
func worst(statuses []int) int {
	order := []int{
		exitOK,
		exitLocked,   // another run does the work
		exitGate,     // the alias shows the index of before, and a person decides
		exitRejected, // so it does
		exitFailed,
		exitLost,
		exitUsage,   // every later run fails too
		exitShape,   // and nothing but a person can change that
		exitSIGINT,  // some indices were not even tried
		exitSIGTERM, // likewise
		exitUnknown, // the only one that leaves open what readers see
	}
	most := exitOK
	for _, s := range statuses {
		if slices.Index(order, s) > slices.Index(order, most) {
			most = s
		}
	}
	return most
}
