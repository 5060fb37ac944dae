package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/preflight"
	"example.com/reindex/pipeline"
)

// runFlags are the flags of run that are no settings.
type runFlags struct {
	trigger     string
	lockTimeout time.Duration
	ifOlderThan time.Duration
	allowEmpty  bool
	noSwap      bool
	dryRun      bool
	progress    string
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	var s selection
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Build a fresh index from PostgreSQL and swap the alias to it",
		Long: `Build a fresh index from one PostgreSQL snapshot, prove it complete, and move
the alias to it in one atomic step. Safe to start anywhere, at any time, any
number of times: one run at a time gets past the lock in Elasticsearch, the
others leave with status 11 and say who holds it.

` + selectionHelp + exitStatusHelp,
		Example: `  reindex run
  reindex run --trigger scheduled --json          # from cron
  reindex run --trigger restart --if-older-than 20h
  reindex run --all                               # every index of the configuration
  reindex run --lock-timeout 30m                  # wait for a run in progress
  reindex run --max-shrink off                    # half of the rows are gone, on purpose`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(); err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			return a.each(cmd, args, s, func(a *app, c *config.Config) error { return a.run(cmd.Context(), c, f) })
		},
	}
	s.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.trigger, "trigger", "manual", "who started it: scheduled, manual or restart; recorded")
	flags.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for a live holder of the lock to finish")
	flags.DurationVar(&f.ifOlderThan, "if-older-than", 0, "do nothing if the live index is younger than this")
	flags.BoolVar(&f.allowEmpty, "allow-empty", false, "let an index without documents go live")
	flags.BoolVar(&f.noSwap, "no-swap", false, "stop before the swap and leave the finished index for a look")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what a run would do, and change nothing")
	flags.StringVar(&f.progress, "progress", "auto", "auto, bar, plain or none")
	addSettingFlags(cmd)
	return cmd
}

// addSettingFlags declares the flags that override settings of the file. They
// are plain strings: internal/config reads all three sources the same way.
func addSettingFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.String("max-failures", "", "documents that may be rejected before the run fails (default 0)")
	flags.String("failures-file", "", "`file` for one JSON line per rejected document")
	flags.String("max-shrink", "", "largest part of the live documents that may go missing, such as 10%, or off (default 10%)")
	flags.String("min-documents", "", "least number of documents (default 1)")
	flags.String("max-orphans", "", "rows of lists that may belong to no document before the run is refused, or off (default off)")
	flags.String("keep", "", "earlier generations kept for rollback (default 1)")
	flags.String("workers", "", "bulk requests in flight at most, or auto (default auto)")
	flags.String("batch-bytes", "", "largest bulk request (default 4MiB)")
	flags.String("retry-for", "", "how long a bulk request is repeated while Elasticsearch is busy (default 1m)")
	flags.String("compression", "", "of bulk requests: gzip where the network is slow, or none (default none)")
	flags.String("catch-up", "", "what to do about rows that change meanwhile: off, once or until-quiet (default until-quiet)")
	flags.String("lease", "", "how long a crashed run blocks the next (default 30s)")
}

func (f runFlags) validate() error {
	switch f.trigger {
	case "scheduled", "manual", "restart":
	default:
		return fmt.Errorf("--trigger is %q, want scheduled, manual or restart", f.trigger)
	}
	switch f.progress {
	case progressAuto, progressBar, progressPlain, progressNone:
	default:
		return fmt.Errorf("--progress is %q, want auto, bar, plain or none", f.progress)
	}
	if f.lockTimeout < 0 || f.ifOlderThan < 0 {
		return errors.New("--lock-timeout and --if-older-than must not be negative")
	}
	return nil
}

func (a *app) run(ctx context.Context, c *config.Config, f runFlags) error {
	if f.dryRun {
		return a.dryRun(ctx, c, f)
	}
	who := holder(f.trigger)
	report := pipeline.Report{
		Outcome: pipeline.OutcomeFailed, Alias: c.Alias, RunID: who.RunID, Trigger: f.trigger, Started: time.Now(),
	}
	failures, err := a.openFailures(c.Load.FailuresFile)
	if err != nil {
		return err
	}
	observer := a.observer(c.Alias, f.progress)
	reach := newClients(c)
	beside := a.beside(ctx, c, reach, who)
	failures.also = beside.reject
	deps, closeDeps, err := a.deps(ctx, c, reach, observers{observer, beside}, false)
	if err == nil {
		report, err = pipeline.Run(ctx, deps, options(c, f, who, failures))
		closeDeps()
	} else {
		report.Duration = time.Since(report.Started)
	}
	observer.close()
	if err := failures.close(); err != nil {
		// The alias may have moved: a lost list must not look like a failed run.
		a.logger().ErrorContext(ctx, "failures not written down", slog.Any("error", err))
	}
	a.printReport(report, err)
	beside.end(ctx, report, err)
	if err != nil {
		return reportedError{err}
	}
	return nil
}

func (a *app) dryRun(ctx context.Context, c *config.Config, f runFlags) error {
	deps, closeDeps, err := a.deps(ctx, c, newClients(c), nil, false)
	if err != nil {
		return err
	}
	defer closeDeps()
	plan, err := pipeline.Plan(ctx, deps, options(c, f, holder(f.trigger), &failuresFile{}))
	if err != nil {
		return err
	}
	a.printPlan(c.Alias, plan)
	return plan.Refused
}

// deps opens both sides. The source is checked, and its mistakes told, before
// any lock is taken.
func (a *app) deps(ctx context.Context, c *config.Config, reach clients, o pipeline.Observer, byteOrder bool) (pipeline.Deps, func(), error) {
	src, err := openSource(ctx, c.Source, byteOrder)
	if err != nil {
		return pipeline.Deps{}, nil, err
	}
	if err := errors.Join(preflight.RefuseColumns(src.Columns(), c.Index.Body), a.cheapChecks(ctx, c, reach)); err != nil {
		src.Close()
		return pipeline.Deps{}, nil, err
	}
	alias, err := a.aliasOf(c, reach)
	if err != nil {
		src.Close()
		return pipeline.Deps{}, nil, err
	}
	bulk, err := reach.bulk()
	if err != nil {
		src.Close()
		return pipeline.Deps{}, nil, err
	}
	return pipeline.Deps{
		Alias: alias, Bulk: bulk, Observe: o, Log: a.logger(),
		Snapshot: func(ctx context.Context) (pipeline.Snapshot, error) {
			s, err := src.Snapshot(ctx)
			if err != nil {
				return nil, err // a nil *Snapshot must not become a non-nil interface
			}
			return s, nil
		},
	}, src.Close, nil
}
