package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/drift"
	"example.com/reindex/internal/history"
	"example.com/reindex/internal/preflight"
	"example.com/reindex/pipeline"
)

const verifyLong = `Compare the live index with a fresh snapshot of the source, every document of
both, in constant memory. What differs is looked at again in another snapshot
and counts if it still does: edits that are on their way are no drift. Exits
with 4 if the index is not in sync, and names the first ids.

With --repair the differences are fixed without a rebuild, under the lock: what is
missing or different is written, what is too much is deleted, each only if no
live writer has changed it meanwhile. Then everything is compared once more. The
gates of the source's size hold for a repair too. An index that no run of this
program made live is not repaired (10): rebuild it.

The source must show every commit that live writers have seen: read from the
primary. A standby that is behind makes new documents look extra, so --repair
refuses one (2). See docs/live-writers.md.

`

func (a *app) verifyCommand() *cobra.Command {
	var f adminFlags
	var repair bool
	var s selection
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the live index with the source, document by document",
		Long:  verifyLong + selectionHelp + exitStatusHelp,
		Example: `  reindex verify
  reindex verify --json | jq -r '.first.missing[].id'
  reindex verify --repair`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd, args, s, func(a *app, c *config.Config) error { return a.verify(cmd.Context(), c, f, repair) })
		},
	}
	s.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&repair, "repair", false, "write and delete the documents that differ")
	flags.String("max-failures", "", "documents that may be rejected before the repair fails (default 0)")
	flags.String("failures-file", "", "`file` for one JSON line per rejected document")
	flags.String("max-shrink", "", "largest part of the live documents that a repair may leave away, such as 10%, or off (default 10%)")
	flags.String("min-documents", "", "least number of documents in the source for a repair (default 1)")
	f.add(cmd)
	return cmd
}

func (a *app) verify(ctx context.Context, c *config.Config, f adminFlags, repair bool) error {
	deps, closeDeps, err := a.deps(ctx, c, newClients(c), nil, true)
	if err != nil {
		return err
	}
	defer closeDeps()
	failures := &failuresFile{}
	if repair {
		if err := preflight.RefuseStandby(ctx, c.Source.URL.Reveal()); err != nil {
			return err
		}
		if failures, err = a.openFailures(c.Load.FailuresFile); err != nil {
			return err
		}
	}
	options := verifyOptions(c, f, failures)
	options.Repair = repair
	r, err := a.compare(ctx, c, deps, options)
	err = errors.Join(err, failures.close())
	if err != nil {
		a.printError(err)
	}
	a.printDrift(r, err)
	if err != nil {
		return reportedError{err}
	}
	return nil
}

// compare records a repair; a comparison changes nothing.
func (a *app) compare(ctx context.Context, c *config.Config, deps pipeline.Deps, options drift.Options) (r drift.Report, err error) {
	if !options.Repair {
		return drift.Verify(ctx, deps, options)
	}
	err = a.recorded(ctx, c, options.Holder, "repair", func(o pipeline.Observer) (history.Ending, error) {
		deps.Observe = o
		r, err = drift.Verify(ctx, deps, options)
		report := pipeline.Report{
			Outcome: pipeline.Outcome(r.Outcome), Index: r.Index, Documents: r.Indexed, SnapshotAt: r.SnapshotAt,
			Changed: r.Created + r.Updated, Removed: r.Deleted, PassFailed: r.Failed, LeftToWriters: r.LeftToWriters,
		}
		return history.Ending{Report: report}, err
	})
	return r, err
}

func verifyOptions(c *config.Config, f adminFlags, failures *failuresFile) drift.Options {
	lists := make([]string, len(c.Source.Lists))
	for i, l := range c.Source.Lists {
		lists[i] = l.Field
	}
	return drift.Options{
		Options: options(c, runFlags{lockTimeout: f.lockTimeout}, holder("manual"), failures),
		ID:      c.Source.ID, Lists: lists,
	}
}

func (a *app) printDrift(r drift.Report, err error) {
	if a.json {
		a.printJSON(driftMessage(r, err))
		return
	}
	if r.Outcome == "" {
		return
	}
	fmt.Fprintf(a.out, "%s: %s, %s in the index %s, %s in the source (snapshot %s)\n", r.Alias, driftSentence(r),
		humanize.Comma(r.Indexed), r.Index, humanize.Comma(r.Documents), r.SnapshotAt.UTC().Format(time.RFC3339))
	if r.Newer > 0 {
		fmt.Fprintf(a.out, "  newer     %s documents of the index are newer than the snapshot\n", humanize.Comma(r.Newer))
	}
	a.printFound("", r.Found)
	if r.Left == nil {
		return
	}
	fmt.Fprintf(a.out, "  repaired  %s created, %s updated, %s deleted; %s left to live writers, %s rejected\n",
		humanize.Comma(r.Created), humanize.Comma(r.Updated), humanize.Comma(r.Deleted),
		humanize.Comma(r.LeftToWriters), humanize.Comma(r.Failed))
	a.printFound("still ", r.Left)
}

func driftSentence(r drift.Report) string {
	switch r.Outcome {
	case drift.OutcomeEqual:
		return "the live index is in sync with the source"
	case drift.OutcomeRepaired:
		return "repaired; the live index is in sync with the source"
	case drift.OutcomeDrift:
		return "the live index is not in sync with the source"
	}
	return string(r.Outcome)
}

func (a *app) printFound(prefix string, found map[drift.Kind]drift.Found) {
	for _, kind := range drift.Kinds() {
		f := found[kind]
		if f.Count == 0 {
			continue
		}
		fmt.Fprintf(a.out, "  %s%-9s %s:", prefix, kind, humanize.Comma(f.Count))
		for _, id := range f.First {
			fmt.Fprintf(a.out, " %s", id)
		}
		if f.Count > int64(len(f.First)) {
			fmt.Fprint(a.out, " ...")
		}
		fmt.Fprintln(a.out)
	}
}

// driftMessage has the keys that other tools read. Without an outcome, the
// comparison did not come to an end.
func driftMessage(r drift.Report, err error) message {
	m := message{
		"message_type": "summary", "outcome": r.Outcome, "alias": r.Alias, "index": r.Index,
		"documents": r.Documents, "indexed": r.Indexed, "newer": r.Newer, "rounds": r.Rounds,
		"first": firstIDs(r.Found), "left": nil,
		"created": r.Created, "updated": r.Updated, "deleted": r.Deleted,
		"left_to_writers": r.LeftToWriters, "failed": r.Failed,
		"snapshot_at": timeOrNil(r.SnapshotAt), "duration_ms": r.Duration.Milliseconds(), "error": nil,
	}
	for _, kind := range drift.Kinds() {
		m[string(kind)] = r.Found[kind].Count
	}
	if r.Outcome == "" {
		m["outcome"] = pipeline.OutcomeFailed
	}
	if r.Left != nil {
		left := message{"first": firstIDs(r.Left)}
		for _, kind := range drift.Kinds() {
			left[string(kind)] = r.Left[kind].Count
		}
		m["left"] = left
	}
	if err != nil {
		m["error"] = err.Error()
	}
	return m
}

// firstIDs is {"missing":[{"id":"17"}], ...}; a duplicate has its _id too.
func firstIDs(found map[drift.Kind]drift.Found) message {
	m := message{}
	for _, kind := range drift.Kinds() {
		ids := make([]message, 0, len(found[kind].First))
		for _, id := range found[kind].First {
			named := message{"id": id.ID}
			if id.Field != "" {
				named["field"] = id.Field
			}
			if id.DocID != "" {
				named["_id"] = id.DocID
			}
			ids = append(ids, named)
		}
		m[string(kind)] = ids
	}
	return m
}
