package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what is live, who holds the lock, and the generations",
		Long: `Show the index behind the alias, the holder of the lock with its progress, and
every generation. Reads only; asks Elasticsearch, so any server shows the same.

` + exitStatusHelp,
		Example: `  reindex status
  reindex status --json | jq -r .live.index`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd, os.LookupEnv)
			if err != nil {
				return err
			}
			alias, err := a.alias(c)
			if err != nil {
				return err
			}
			s, err := alias.Status(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(statusMessage(s))
			} else {
				printStatus(a.out, s)
			}
			if s.Shape != nil {
				return s.Shape
			}
			return nil
		},
	}
}

func statusMessage(s esalias.Status) message {
	m := message{"alias": s.Alias, "live": nil, "lock": message{"state": esalias.StateFree, "token": s.Record.Token}}
	generations := make([]message, 0, len(s.Generations))
	for _, g := range s.Generations {
		generations = append(generations, message{
			"index": g.Index, "token": g.Token, "state": g.State, "documents": g.Documents,
			"created_at": g.CreatedAt.Format(time.RFC3339Nano), "run_id": g.Meta.RunID, "snapshot_at": g.Meta.SnapshotAt,
		})
	}
	m["generations"] = generations
	if s.Live != "" {
		m["live"] = message{"index": s.Live, "documents": s.LiveDocuments, "token": s.LiveToken, "swapped_at": timeOrNil(s.SwappedAt)}
	}
	if s.Record.State != "" {
		r := s.Record
		m["lock"] = message{
			"state": r.State, "token": r.Token, "since": timeOrNil(r.Since), "renewed_at": timeOrNil(r.RenewedAt),
			"holder": r.Holder, "phase": r.Phase, "documents": r.Documents, "total": r.Total,
		}
	}
	if s.Shape != nil {
		m["problem"] = s.Shape.Error()
		m["hint"] = s.Shape.Hint
	}
	return m
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func printStatus(w io.Writer, s esalias.Status) {
	fmt.Fprintf(w, "alias  %s\n", s.Alias)
	switch {
	case s.Live == "":
		fmt.Fprintln(w, "live   nothing yet")
	case s.SwappedAt.IsZero():
		fmt.Fprintf(w, "live   %s, %s documents\n", s.Live, documents(s.LiveDocuments))
	default:
		fmt.Fprintf(w, "live   %s, %s documents, swapped %s (%s)\n", s.Live, documents(s.LiveDocuments),
			s.SwappedAt.UTC().Format(time.RFC3339), humanize.Time(s.SwappedAt))
	}
	printLock(w, s)
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
}

func documents(n int64) string {
	if n < 0 {
		return "?"
	}
	return humanize.Comma(n)
}

func printLock(w io.Writer, s esalias.Status) {
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
	fmt.Fprintln(w)
	if lease := time.Duration(r.LeaseMS) * time.Millisecond; time.Since(r.RenewedAt) > lease {
		fmt.Fprintf(w, "       not renewed for more than its lease of %s: probably dead; the next run takes over\n", lease)
	}
}
