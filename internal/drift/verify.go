package drift

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/readback"
	"example.com/reindex/pipeline"
)

// verification is the state of one call of [Verify].
type verification struct {
	pipeline.Deps
	opts   Options
	report Report
	mark   string // names the live index alone; "" if no swap of ours made it live
}

// Verify compares the live index with the source, document by document, and
// with Options.Repair fixes the differences. It holds one page of each side, and
// some 100 bytes for each of at most 262,144 documents that differ.
//
// What differs is looked at again in a new snapshot, and counts if it still
// differs then: edits that are on their way are no drift. The report is filled
// as far as it came, whatever the error.
//
// Errors: [*Error] if the index is not in sync, after the repair if there
// was one; [*readback.FieldError] and [*OrderError] if the two cannot be
// compared; [*esalias.ShapeError] if nothing is live, or if the live index is
// not one that a repair may write to; [*pipeline.GateError] if a gate refuses the repair, before anything was
// written; with a repair also
// [*esalias.HeldError], [esalias.ErrLeaseLost] and [*bulk.FailuresError]; or
// whatever made a step fail.
func Verify(ctx context.Context, deps pipeline.Deps, opts Options) (Report, error) {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	v := &verification{Deps: deps, opts: opts, report: Report{Alias: deps.Alias.Alias(), Started: time.Now()}}
	err := pipeline.WithCause(ctx, v.run(ctx))
	v.report.Duration = time.Since(v.report.Started)
	return v.report, err
}

func (v *verification) run(ctx context.Context) error {
	// A shape that cannot be repaired is told before the lease is taken.
	if err := v.locate(ctx); err != nil {
		return err
	}
	if v.opts.Repair {
		act := pipeline.Act{Alias: v.Alias, Holder: v.opts.Holder, LockTimeout: v.opts.LockTimeout, Observe: v.Observe}
		return act.UnderLease(ctx, v.repair)
	}
	t, err := v.rounds(ctx)
	if err != nil {
		return err
	}
	v.report.Found = t.found
	return v.conclude(ctx, OutcomeEqual)
}

// locate finds the live index.
func (v *verification) locate(ctx context.Context) (err error) {
	v.report.Index, v.mark, err = v.Alias.LiveMark(ctx)
	if err != nil {
		return err
	}
	if v.report.Index == "" {
		return &esalias.ShapeError{
			Alias: v.report.Alias, Problem: "it is on no index, so there is nothing to compare",
			Advice: "build the first index with `reindex run`",
		}
	}
	if _, err := readback.ContentsOf(ctx, v.Bulk, v.report.Index); err != nil {
		return err
	}
	if v.opts.Repair && v.mark == "" {
		return &esalias.ShapeError{
			Alias: v.report.Alias, Problem: "the live index cannot be repaired: no swap of this program made it live",
			Indices: []string{v.report.Index}, Advice: "run a rebuild: `reindex run`",
		}
	}
	return nil
}

// rounds compares until every difference has stood for a round or is gone.
func (v *verification) rounds(ctx context.Context) (tally, error) {
	s := &suspects{limit: maxSuspects}
	for n := 1; ; n++ {
		t, err := v.round(ctx, n, s, nil)
		if err != nil {
			return t, err
		}
		v.compared(t)
		if (n == 1 && t.first == 0 && !s.overflow) || (n > 1 && t.moving == 0) || n == maxRounds {
			return t, nil
		}
	}
}

func (v *verification) compared(t tally) {
	v.report.Documents, v.report.Indexed, v.report.Newer, v.report.SnapshotAt = t.documents, t.indexed, t.newer, t.at
	v.Log.InfoContext(context.Background(), "compared", //nolint:contextcheck // a fact, whatever became of the run
		slog.String("index", v.report.Index), slog.Int("round", v.report.Rounds), slog.Int64("documents", t.documents),
		slog.Int64("indexed", t.indexed), slog.Int64("differ", total(t.found)), slog.Int64("suspected", t.first+t.moving))
}

// conclude turns what was found into an outcome. What was found in an index
// that is no longer live says nothing about the one that is.
func (v *verification) conclude(ctx context.Context, level Outcome) error {
	live, err := v.Alias.Live(ctx)
	if err != nil {
		return err
	}
	if live != v.report.Index {
		return fmt.Errorf("alias %s moved from %s to %s during the comparison: compare again", v.report.Alias, v.report.Index, live)
	}
	if total(v.report.drift()) == 0 {
		v.report.Outcome = level
		return nil
	}
	v.report.Outcome = OutcomeDrift
	return &Error{Report: v.report}
}
