package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/sizing"
)

func (a *app) benchCommand() *cobra.Command {
	documents, rounds := 50_000, 3
	cmd := &cobra.Command{
		Use:   "bench [INDEX]",
		Short: "Find the batch size and concurrency that pay on your cluster",
		Long: `Read some documents into memory (at most 64 MiB) and load them again and again
into throw-away indices, named ` + sizing.Prefix + `<alias>-..., with different numbers of
bulk requests in flight and different batch sizes. Prints how fast each was, the
flags to use, and whether they matter: often the present settings are as fast,
because a run finds out by itself how many requests pay. It takes no lock,
touches neither the alias nor its indices, and deletes what it made, also after
Ctrl-C. The cluster is as busy meanwhile as during a run.

` + exitStatusHelp,
		Example: `  reindex bench
  reindex bench --documents 100000 --rounds 5
  reindex bench --json | jq -r 'select(.message_type == "summary").flags'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if documents < 1 || rounds < 1 {
				return usageError{err: errors.New("--documents and --rounds must be at least 1"), command: cmd.CommandPath()}
			}
			c, err := a.one(cmd, args)
			if err != nil {
				return err
			}
			return a.bench(cmd.Context(), c, documents, rounds)
		},
	}
	cmd.Flags().IntVar(&documents, "documents", documents, "how many documents to try with")
	cmd.Flags().IntVar(&rounds, "rounds", rounds, "how often to try each setting")
	return cmd
}

func (a *app) bench(ctx context.Context, c *config.Config, documents, rounds int) error {
	sample, err := readSample(ctx, c.Source, documents)
	if err != nil {
		return err
	}
	transport, err := newClients(c).bulk()
	if err != nil {
		return err
	}
	a.tell("%s documents, %s; the first loads warm the cluster up\n",
		humanize.Comma(int64(sample.Documents())), humanize.IBytes(uint64(sample.Bytes()))) //nolint:gosec // a length
	result, err := sizing.Find(ctx, transport, sample, sizing.Options{
		Name: c.Alias + "-" + esalias.NewRunID(), Body: c.Index.Body, Rounds: rounds,
		Current: sizing.Setting{Workers: cmp.Or(c.Load.Workers, bulk.DefaultWorkers), BatchBytes: int(c.Load.BatchBytes)},
		Observe: func(s sizing.Setting, speed float64) {
			a.tell("%d x %-7s %s\n", s.Workers, sizeText(s.BatchBytes), speedText(speed))
		},
	})
	if err != nil {
		return err
	}
	a.printSizing(result, sample)
	return nil
}

// tell is for people who wait.
func (a *app) tell(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.err, format, args...)
	}
}

// readSample reads documents of one snapshot until there are enough.
func readSample(ctx context.Context, c config.Source, documents int) (*sizing.Sample, error) {
	src, err := openSource(ctx, c, false)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	snapshot, err := src.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	sample := sizing.NewSample(documents)
	_, err = snapshot.Stream(ctx, sample.Add)
	if errors.Is(err, sizing.ErrFull) {
		err = nil
	}
	return sample, errors.Join(err, snapshot.Close())
}

// flagsOf are the flags of reindex run for a setting.
func flagsOf(s sizing.Setting) string {
	return fmt.Sprintf("--workers %d --batch-bytes %s", s.Workers, sizeText(s.BatchBytes))
}

// sizeText writes a size as the configuration takes it.
func sizeText(bytes int) string {
	if bytes%(1<<20) == 0 {
		return fmt.Sprintf("%dMiB", bytes>>20)
	}
	return fmt.Sprintf("%dKiB", bytes>>10)
}

func speedText(speed float64) string {
	if speed == 0 {
		return "refused work"
	}
	return humanize.Comma(int64(speed))
}

func (a *app) printSizing(r sizing.Result, sample *sizing.Sample) {
	if a.json {
		a.printJSON(sizingMessage(r, sample))
		return
	}
	for _, trials := range [][]sizing.Trial{r.Workers, r.Sizes} {
		a.printTrials(trials)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(a.out, "%9d  %-8s %12s  needs more --documents\n", s.Workers, sizeText(s.BatchBytes), "not tried")
	}
	fmt.Fprintf(a.out, "\nThe least memory within a tenth of the fastest:\n\n  reindex run %s\n", flagsOf(r.Best))
	if matters, known := r.Matters(); known && !matters {
		fmt.Fprintln(a.out, "\nIt does not matter here: your present settings are within a tenth of the fastest too. Leave them as they are.")
	}
}

// printTrials draws a chart of trials that compare.
func (a *app) printTrials(trials []sizing.Trial) {
	top := 1.0
	for _, t := range trials {
		top = max(top, t.Speed())
	}
	fmt.Fprintln(a.out, "in flight  batch     documents/s")
	for _, t := range trials {
		const width = 40
		bar := strings.Repeat("#", int(width*t.Speed()/top))
		fmt.Fprintf(a.out, "%9d  %-8s %12s  %s\n", t.Workers, sizeText(t.BatchBytes), speedText(t.Speed()), bar)
	}
}

func sizingMessage(r sizing.Result, sample *sizing.Sample) message {
	list := func(trials []sizing.Trial) []message {
		out := []message{}
		for _, t := range trials {
			out = append(out, message{
				"workers": t.Workers, "batch_bytes": t.BatchBytes, "docs_per_second": int64(t.Speed()),
				"rounds": t.Rounds, "refused_work": t.Busy,
			})
		}
		return out
	}
	summary := message{
		"message_type": "summary", "documents": sample.Documents(), "bytes": sample.Bytes(),
		"by_workers": list(r.Workers), "by_batch_bytes": list(r.Sizes),
		"workers": r.Best.Workers, "batch_bytes": r.Best.BatchBytes, "flags": flagsOf(r.Best),
	}
	if matters, known := r.Matters(); known {
		summary["matters"] = matters
	}
	return summary
}
