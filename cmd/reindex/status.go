package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/history"
	"example.com/reindex/pipeline"
)

func (a *app) statusCommand() *cobra.Command {
	var limits alarmLimits
	var watch bool
	s := selection{every: true}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is live, who holds the lock, and the generations",
		Long: `Show the index behind the alias, the holder of the lock with its progress, the
last run that ended, and every generation. Reads only; asks Elasticsearch, so
any server shows the same.

With --max-age or --max-run it is an alarm: status 1 and a message on the error
stream if the live index is too old or a run takes too long. Have it run by
something else than what starts the runs.

With --watch it is shown again and again, as the page of ` + "`reindex serve`" + ` does;
what goes wrong meanwhile is shown too, and does not end it.

` + exitStatusHelp,
		Example: `  reindex status
  reindex status --max-age 26h --max-run 1h > /dev/null
  reindex status --json | jq -r .live.index`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := limits.validate(); err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			once := func() error {
				return a.each(cmd, args, s, func(a *app, c *config.Config) error {
					alias, err := a.aliasOf(c, newClients(c))
					if err != nil {
						return err
					}
					a.heading(c)
					return a.status(cmd.Context(), c, alias, limits)
				})
			}
			if watch {
				return a.watchStatus(cmd.Context(), once)
			}
			return once()
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again every two seconds, until Ctrl-C")
	s.add(cmd)
	limits.add(cmd)
	return cmd
}

func (a *app) status(ctx context.Context, c *config.Config, alias *esalias.Client, limits alarmLimits) error {
	runs := a.recordedRuns(ctx, c) // before the lease, see history.Judge
	s, err := alias.Status(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	view := statusView{Status: s, now: now, alarms: limits.check(s, now)}
	view.of(runs)
	if a.json {
		a.printJSON(statusMessage(view))
	} else {
		printStatus(a.out, view)
	}
	if s.Shape != nil {
		return s.Shape
	}
	return a.alarm(s.Alias, view.alarms)
}

// statusView is a status and what is known beside it.
type statusView struct {
	esalias.Status
	now     time.Time
	present *history.Record // of the holder of the lock while it loads; else nil
	last    *history.Record // the last run that ended; nil if there is none
	alarms  []alarm
}

// of finds the records that matter in runs, newest first. A run that was
// refused by the lock, or found nothing to do, says nothing about the alias.
func (v *statusView) of(runs []history.Record) {
	for i := range runs {
		r := &runs[i]
		if !r.IsRun() {
			continue
		}
		r.Outcome = history.Judge(*r, v.Record, v.now)
		switch r.Outcome {
		case history.Running:
			// The lease knows first that the load is over.
			if v.Locked && r.RunID == v.Record.Holder.RunID && v.Record.Phase == string(pipeline.PhaseLoading) {
				v.present = r
			}
		case history.Waiting, string(pipeline.OutcomeLocked), string(pipeline.OutcomeSkipped):
		default:
			if v.last == nil {
				v.last = r
			}
		}
	}
}

// recentRuns is how many records are looked through for the last run that
// ended: most of them may be of runs that were refused.
const recentRuns = 100

// recordedRuns returns none if there is no history to read: it must not hide
// what the alias itself says.
func (a *app) recordedRuns(ctx context.Context, c *config.Config) []history.Record {
	store, err := historyStore(c)
	if err != nil {
		return nil // alias.Status has the same settings, and says what is wrong
	}
	runs, err := store.List(ctx, recentRuns)
	if err != nil {
		a.logger().DebugContext(ctx, "no history", slog.String("alias", c.Alias), slog.Any("error", err))
	}
	return runs
}

func statusMessage(s statusView) message {
	m := message{"alias": s.Alias, "live": nil, "lock": message{"state": esalias.StateFree, "token": s.Record.Token}}
	generations := make([]message, 0, len(s.Generations))
	for _, g := range s.Generations {
		generations = append(generations, message{
			"index": g.Index, "token": g.Token, "state": g.State, "documents": g.Documents,
			"created_at": g.CreatedAt.Format(time.RFC3339Nano), "run_id": g.Meta.RunID, "snapshot_at": g.Meta.SnapshotAt,
			"swap_token": g.SwapToken, "other_aliases": list(g.Strangers), "kept": textOrNil(g.Kept()),
		})
	}
	m["generations"], m["alarms"] = generations, s.alarms
	m["last_run"] = s.last // null if there is none
	if s.Live != "" {
		m["live"] = message{
			"index": s.Live, "documents": s.LiveDocuments, "token": s.LiveToken, "swapped_at": timeOrNil(s.SwappedAt),
			"properties": s.Properties, // {} for a plain alias
		}
	}
	if s.Record.State != "" {
		r := s.Record
		lock := message{
			"state": r.State, "token": r.Token, "since": timeOrNil(r.Since), "renewed_at": timeOrNil(r.RenewedAt),
			"holder": r.Holder, "phase": r.Phase, "documents": r.Documents, "total": r.Total,
		}
		if s.present != nil {
			rate, left := s.present.Rate()
			lock["docs_per_second"], lock["left_ms"] = int64(rate), left.Milliseconds()
		}
		m["lock"] = lock
	}
	if s.Shape != nil {
		m["problem"] = s.Shape.Error()
		m["hint"] = s.Shape.Hint()
	}
	return m
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func printStatus(w io.Writer, s statusView) {
	fmt.Fprintf(w, "alias  %s\n", s.Alias)
	switch {
	case s.Shape != nil && s.Live == "":
		fmt.Fprintln(w, "live   not one index of this program: see the message")
	case s.Live == "":
		fmt.Fprintln(w, "live   nothing yet")
	case s.SwappedAt.IsZero():
		fmt.Fprintf(w, "live   %s, %s documents\n", s.Live, documents(s.LiveDocuments))
	default:
		fmt.Fprintf(w, "live   %s, %s documents, swapped %s (%s)\n", s.Live, documents(s.LiveDocuments),
			s.SwappedAt.UTC().Format(time.RFC3339), humanize.Time(s.SwappedAt))
	}
	if p := s.Properties.String(); p != "" {
		fmt.Fprintf(w, "       readers see it through %s\n", p)
	}
	printLock(w, s)
	printLast(w, s.last)
	if len(s.Generations) == 0 {
		return
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GENERATION\tSTATE\tDOCUMENTS\tCREATED\tRUN")
	for _, g := range s.Generations {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", g.Index, g.State, documents(g.Documents),
			g.CreatedAt.Format(time.RFC3339), g.Meta.RunID)
	}
	_ = table.Flush() // its writer is the one above
	for _, g := range s.Generations {
		if kept := g.Kept(); kept != "" {
			fmt.Fprintf(w, "%s will not be deleted: %s\n", g.Index, kept)
		}
	}
}

func documents(n int64) string {
	if n < 0 {
		return "?"
	}
	return humanize.Comma(n)
}

func printLock(w io.Writer, s statusView) {
	r := s.Record
	if !s.Locked {
		fmt.Fprintln(w, "lock   free")
		return
	}
	fmt.Fprintf(w, "lock   held by %s, pid %d, run %s (%s), token %d\n", r.Holder.Host, r.Holder.PID, r.Holder.RunID, r.Holder.Trigger, r.Token)
	fmt.Fprintf(w, "       since %s, last renewed %s", r.Since.UTC().Format(time.RFC3339), humanize.Time(r.RenewedAt))
	if r.Phase != "" {
		fmt.Fprintf(w, ", phase %s", r.Phase)
	}
	if r.Documents > 0 {
		fmt.Fprintf(w, ", %s of about %s documents", humanize.Comma(r.Documents), humanize.Comma(r.Total))
	}
	if s.present != nil {
		fmt.Fprint(w, speed(*s.present))
	}
	fmt.Fprintln(w)
	if lease := time.Duration(r.LeaseMS) * time.Millisecond; time.Since(r.RenewedAt) > lease {
		fmt.Fprintf(w, "       not renewed for more than its lease of %s: probably dead; the next run takes over\n", lease)
	}
}

// printLast shows how the last run ended.
func printLast(w io.Writer, r *history.Record) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "last   %s on %s, run %s (%s), started %s, took %s", r.Outcome, r.Host, r.RunID, r.Trigger,
		r.Started.UTC().Format(time.RFC3339), took(*r))
	if about := note(*r); about != "" {
		fmt.Fprintf(w, ": %s", about)
	}
	fmt.Fprintln(w)
}
