package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/history"
	"example.com/reindex/pipeline"
)

// historyFlags say which records are shown.
type historyFlags struct {
	limit int
	run   string
}

func (a *app) historyCommand() *cobra.Command {
	var f historyFlags
	s := selection{every: true}
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show past and present runs, from any server",
		Long: `Show the runs of the alias, newest first: those of every server, those at work
now, and those that were refused by the lock. Between them is whatever else
changed the index or who may change it: rollback, prune, unlock and repair, with
who did it, on which host and when. All is read from Elasticsearch, where each
keeps its record; history.keep says how many stay.

A run that was killed could not say so: it is shown as died once another run has
had the lock, or when nothing was heard from it for long. waiting is a run that
has not got the lock yet.

` + exitStatusHelp,
		Example: `  reindex history
  reindex history --run abcdefghijkl
  reindex history --json | jq -r 'select(.outcome == "failed") | .error'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.limit < 1 || f.limit > history.MaxList {
				return usageError{err: fmt.Errorf("--limit is %d, want 1 to %d", f.limit, history.MaxList), command: cmd.CommandPath()}
			}
			if strings.ContainsFunc(f.run, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
				return usageError{err: fmt.Errorf("--run is %q, want an id as `reindex history` shows it", f.run), command: cmd.CommandPath()}
			}
			return a.each(cmd, args, s, func(a *app, c *config.Config) error {
				alias, err := a.aliasOf(c, newClients(c))
				if err != nil {
					return err
				}
				a.heading(c)
				return a.history(cmd.Context(), c, alias, f)
			})
		},
	}
	s.add(cmd)
	cmd.Flags().IntVar(&f.limit, "limit", 20, "how many runs to show")
	cmd.Flags().StringVar(&f.run, "run", "", "show this run in detail")
	return cmd
}

func (a *app) history(ctx context.Context, c *config.Config, alias *esalias.Client, f historyFlags) error {
	store, err := historyStore(c)
	if err != nil {
		return err
	}
	records, err := readHistory(ctx, store, f)
	if err != nil {
		return err
	}
	status, err := alias.Status(ctx) // after the records, see history.Judge
	if err != nil {
		return err
	}
	for i, r := range records {
		records[i].Outcome = history.Judge(r, status.Record, time.Now())
	}
	switch {
	case a.json:
		for _, r := range records {
			a.printJSON(r)
		}
	case f.run != "":
		return printRun(a.out, records[0])
	case len(records) == 0:
		fmt.Fprintf(a.out, "%s: no run is recorded\n", c.Alias)
	default:
		printRuns(a.out, records)
	}
	return nil
}

func historyStore(c *config.Config) (*history.Store, error) {
	transport, err := newClients(c).history()
	if err != nil {
		return nil, err
	}
	return history.New(transport, c.Alias), nil
}

// readHistory returns at least one record if a certain one is asked for.
func readHistory(ctx context.Context, store *history.Store, f historyFlags) ([]history.Record, error) {
	if f.run == "" {
		return store.List(ctx, f.limit)
	}
	r, found, err := store.Get(ctx, f.run)
	if err == nil && !found {
		err = fmt.Errorf("run %s is not in the history; `reindex history` shows the runs that are", f.run)
	}
	return []history.Record{r}, err
}

func printRuns(w io.Writer, records []history.Record) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STARTED\tTOOK\tCOMMAND\tOUTCOME\tTRIGGER\tHOST\tDOCUMENTS\tINDEX\tRUN\tNOTE")
	for _, r := range records {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Started.UTC().Format(time.RFC3339), took(r), cmp.Or(r.Command, history.CommandRun), r.Outcome, r.Trigger,
			r.Host, humanize.Comma(max(r.Documents, r.Acknowledged)), dash(r.Index), r.RunID, note(r))
	}
	_ = table.Flush() // its writer is the one above
}

func took(r history.Record) time.Duration {
	return (time.Duration(r.DurationMS) * time.Millisecond).Round(100 * time.Millisecond)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// note is what else there is to say about a run, in a few words.
func note(r history.Record) string {
	const longest = 72
	switch {
	case r.CutOff != nil:
		return fmt.Sprintf("run %s on %s is cut off", r.CutOff.RunID, r.CutOff.Host)
	case r.HeldBy != nil:
		return fmt.Sprintf("the lock was held by %s on %s", r.HeldBy.RunID, r.HeldBy.Host)
	case r.Outcome == history.Running || r.Outcome == history.Died:
		return strings.Join(progressOf(r), ", ")
	case r.Error != "":
		line, _, more := strings.Cut(r.Error, "\n")
		if runes := []rune(line); len(runes) > longest {
			line, more = string(runes[:longest]), true
		}
		if more {
			line += "..."
		}
		return line
	case r.Failed+r.PassFailed > 0:
		return humanize.Comma(r.Failed+r.PassFailed) + " rejected"
	case r.CatchUpError != "":
		return "catch-up after the swap failed"
	}
	return ""
}

// progressOf is how far a run is, or was when it died.
func progressOf(r history.Record) []string {
	var parts []string
	if r.Phase != "" {
		parts = append(parts, "phase "+string(r.Phase))
	}
	if s := speed(r); s != "" {
		parts = append(parts, strings.TrimPrefix(s, ", "))
	}
	return parts
}

// speed continues a sentence about a run that is loading; otherwise empty.
func speed(r history.Record) string {
	rate, left := r.Rate()
	if rate == 0 || r.Phase != pipeline.PhaseLoading {
		return ""
	}
	s := fmt.Sprintf(", %s/s", humanize.Comma(int64(rate)))
	if left > 0 && r.Outcome == history.Running {
		s += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return s
}

// printRun shows all of a record that has a value, by the names of --json.
func printRun(w io.Writer, r history.Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("run %s: %w", r.RunID, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if _, err := decoder.Token(); err != nil { // {
		return fmt.Errorf("run %s: %w", r.RunID, err)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("run %s: %w", r.RunID, err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return fmt.Errorf("run %s: %w", r.RunID, err)
		}
		fmt.Fprintf(table, "%v\t%s\n", name, plain(value))
	}
	return table.Flush()
}

// plain is a text without its quotes, and anything else as JSON.
func plain(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}
