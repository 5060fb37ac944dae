package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/history"
	"example.com/reindex/pipeline"
)

// adminFlags are shared by the commands that change the alias without a load.
type adminFlags struct{ lockTimeout time.Duration }

func (f *adminFlags) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for a live holder of the lock to finish")
}

// open reads the configuration and connects to the alias of the one index that
// is meant.
func (a *app) open(cmd *cobra.Command, names []string) (*config.Config, *esalias.Client, error) {
	c, err := a.one(cmd, names)
	if err != nil {
		return nil, nil, err
	}
	alias, err := a.aliasOf(c, newClients(c))
	return c, alias, err
}

func (a *app) rollbackCommand() *cobra.Command {
	var f adminFlags
	var to string
	cmd := &cobra.Command{
		Use:   "rollback [INDEX]",
		Short: "Make an earlier generation live again",
		Long: `Swap the alias back to an earlier generation, by default the one that was live
last. Only an index that was live once can be chosen: nothing says that another
is complete. It takes the lock like a run, and swaps in the same atomic step.

` + exitStatusHelp,
		Example: `  reindex rollback
  reindex rollback --to persons-000041`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, alias, err := a.open(cmd, args)
			if err != nil {
				return err
			}
			var s esalias.Swapped
			who := holder("manual")
			err = a.recorded(cmd.Context(), c, who, "rollback", func(o pipeline.Observer) (history.Ending, error) {
				s, err = pipeline.Rollback(cmd.Context(), pipeline.Act{Alias: alias, Holder: who, LockTimeout: f.lockTimeout, Observe: o}, to)
				r := pipeline.Report{Index: s.Index, Previous: s.Previous, Token: s.Token}
				if err == nil {
					r.Outcome = pipeline.OutcomeSwapped
				}
				return history.Ending{Report: r}, err
			})
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(message{
					"message_type": "summary", "outcome": pipeline.OutcomeSwapped, "alias": alias.Alias(),
					"index": s.Index, "previous": s.Previous, "token": s.Token, "alias_warning": textOrNil(s.Warning),
				})
				return nil
			}
			a.warn(s.Warning)
			fmt.Fprintf(a.out, "%s: rolled back to %s (before: %s); the next run builds a new index as usual\n", alias.Alias(), s.Index, s.Previous)
			return nil
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`index` to make live (default: the newest that was live before)")
	f.add(cmd)
	return cmd
}

func (a *app) pruneCommand() *cobra.Command {
	var f adminFlags
	var dryRun bool
	var s selection
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete generations that nobody needs",
		Long: `Delete what runs left behind: builds that were never finished, and generations
older than the newest --keep that were once live. Never the live index, a build
in progress, an index whose _meta does not say that it is ours, one that carries
an alias which this program did not make, or one that a search is still running
on. Every run does the same after its swap.

` + selectionHelp + exitStatusHelp,
		Example: `  reindex prune --dry-run
  reindex prune --keep 0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd, args, s, func(a *app, c *config.Config) error {
				alias, err := a.aliasOf(c, newClients(c))
				if err != nil {
					return err
				}
				r, err := a.prune(cmd.Context(), c, alias, f, dryRun)
				a.heading(c)
				a.printPruned(alias.Alias(), r, dryRun)
				return err
			})
		},
	}
	s.add(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be deleted, and delete nothing")
	cmd.Flags().String("keep", "", "earlier generations kept for rollback (default 1)")
	f.add(cmd)
	return cmd
}

func (a *app) prune(ctx context.Context, c *config.Config, alias *esalias.Client, f adminFlags, dryRun bool) (r esalias.Retired, err error) {
	who := holder("manual")
	act := pipeline.Act{Alias: alias, Holder: who, LockTimeout: f.lockTimeout}
	if dryRun { // it changes nothing
		return pipeline.Prune(ctx, act, c.Index.Keep, true)
	}
	err = a.recorded(ctx, c, who, "prune", func(o pipeline.Observer) (history.Ending, error) {
		act.Observe = o
		r, err = pipeline.Prune(ctx, act, c.Index.Keep, false)
		report := pipeline.Report{Deleted: r.Deleted, Left: r.Left}
		if err == nil {
			report.Outcome = pipeline.OutcomePruned
		}
		return history.Ending{Report: report}, err
	})
	return r, err
}

func (a *app) printPruned(alias string, r esalias.Retired, dryRun bool) {
	if a.json {
		a.printJSON(message{
			"message_type": "summary", "alias": alias, "dry_run": dryRun,
			"deleted": list(r.Deleted), "kept": list(r.Kept), "left": r.Left, "alias_warning": textOrNil(r.Warning),
		})
		return
	}
	a.warn(r.Warning)
	verb := "deleted"
	if dryRun {
		verb = "would delete"
	}
	for _, index := range r.Deleted {
		fmt.Fprintf(a.out, "%s %s\n", verb, index)
	}
	for _, index := range r.Kept {
		fmt.Fprintf(a.out, "kept %s for rollback\n", index)
	}
	for _, index := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(a.out, "left %s: %s\n", index, r.Left[index])
	}
	if len(r.Deleted) == 0 {
		fmt.Fprintln(a.out, "no index was deleted")
	}
}

// warn shows what a person should look at although all went well.
func (a *app) warn(text string) {
	if text != "" {
		a.tell("warning: %s\n", text)
	}
}

// textOrNil is null rather than "" in --json.
func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// list is s, and [] rather than null where there is nothing.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (a *app) unlockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unlock [INDEX] [TOKEN]",
		Short: "Cut off the holder of the lock",
		Long: `Take the lock from its holder and free it. From then on the holder cannot swap,
even if it has sent its swap already.

With the TOKEN that ` + "`reindex status`" + ` shows, the holder is cut off whether it is
alive or not. Without one it must be dead: it is watched for a whole lease, and a
live one is left alone (status 11). A dead holder need not be unlocked by hand:
the next run takes over by itself.

` + exitStatusHelp,
		Example: `  reindex status
  reindex unlock 42`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			names, token, err := unlockArgs(args)
			if err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			c, alias, err := a.open(cmd, names)
			if _, unknown := errors.AsType[*config.SelectionError](err); unknown && looksLikeToken(args) {
				return usageError{err: tokenError(args[0]), command: cmd.CommandPath()}
			}
			if err != nil {
				return err
			}
			if s, err := alias.Status(cmd.Context()); token == 0 && err == nil && s.Locked { // whatever it is, unlocking meets it too
				a.tell("watching the holder of the lock for a whole lease, to see whether it is alive\n")
			}
			before, who, err := a.unlock(cmd.Context(), c, alias, token)
			if err != nil {
				return unlockError(err, cmd)
			}
			a.printUnlocked(alias.Alias(), before, who)
			return nil
		},
	}
}

func (a *app) unlock(ctx context.Context, c *config.Config, alias *esalias.Client, token int64) (before esalias.Record, who esalias.Holder, err error) {
	who = holder("manual")
	err = a.recorded(ctx, c, who, "unlock", func(pipeline.Observer) (history.Ending, error) {
		if before, err = alias.Unlock(ctx, who, token); err != nil {
			return history.Ending{}, err
		}
		ending := history.Ending{Report: pipeline.Report{Outcome: pipeline.OutcomeUnlocked, Token: before.Token}}
		if before.State == esalias.StateHeld {
			ending.CutOff = &before.Holder
		}
		return ending, nil
	})
	return before, who, err
}

// unlockArgs reads [INDEX] [TOKEN]: one argument is the token if it is a number,
// which no name of an index is where there are several.
func unlockArgs(args []string) (names []string, token int64, err error) {
	if len(args) == 0 {
		return nil, 0, nil
	}
	last := args[len(args)-1]
	token, err = strconv.ParseInt(last, 10, 64)
	switch {
	case err == nil && token > 0:
		return args[:len(args)-1], token, nil
	case err == nil || len(args) == 2:
		return nil, 0, tokenError(last)
	}
	return args, 0, nil
}

func tokenError(text string) error {
	return fmt.Errorf("TOKEN is %q, want the number that `reindex status` shows", text)
}

// looksLikeToken says that the one argument was hardly meant as a name.
func looksLikeToken(args []string) bool {
	return len(args) == 1 && strings.Trim(args[0][:min(1, len(args[0]))], "0123456789") == ""
}

// unlockError makes a wrong token a usage error: nothing was done.
func unlockError(err error, cmd *cobra.Command) error {
	if _, wrong := errors.AsType[*esalias.TokenError](err); wrong {
		return usageError{err: err, command: cmd.CommandPath()}
	}
	return err
}

func (a *app) printUnlocked(alias string, before esalias.Record, who esalias.Holder) {
	if a.json {
		a.printJSON(message{"message_type": "summary", "alias": alias, "cut_off": before, "run_id": who.RunID})
		return
	}
	if before.State != esalias.StateHeld {
		fmt.Fprintf(a.out, "%s: the lock is free; nobody was cut off\n", alias)
		return
	}
	h := before.Holder
	fmt.Fprintf(a.out, "%s: unlocked; run %s on host %s, pid %d (token %d) is cut off (recorded as %s)\n",
		alias, h.RunID, h.Host, h.PID, before.Token, who.RunID)
}
