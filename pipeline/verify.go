package pipeline

import (
	"context"
	"fmt"
	"time"
)

// replicasWithin bounds the wait for replicas: allocation rules can make it
// endless. A copy of a few gigabytes takes a minute or two.
const replicasWithin = 15 * time.Minute

// finish makes the loaded index as fit to be searched as its body asks for,
// replicas included. That can take minutes, so it comes before the passes that
// make up for the time since the snapshot.
func (r *run) finish(ctx context.Context) error {
	if _, err := r.build.Refresh(ctx); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, replicasWithin)
	defer cancel()
	err := r.build.Finish(within)
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return &GateError{Gate: "replicas", Reason: fmt.Sprintf(
			"the replicas that the index body asks for were not in place within %s; what does _cluster/allocation/explain say?", replicasWithin)}
	}
	return err
}

// verify proves the new index: everything that was sent is found, and the
// gates are passed.
func (r *run) verify(ctx context.Context) error {
	documents, err := r.build.Refresh(ctx)
	if err != nil {
		return err
	}
	r.report.Documents = documents
	if least, most := r.expected(); documents < least || documents > most {
		return &GateError{Gate: "count", Reason: fmt.Sprintf(
			"%s has %d documents, %d were acknowledged", r.build.Index, documents, least)}
	}
	if err := r.gates(ctx); err != nil {
		return err
	}
	r.reached(PhaseVerified)
	return nil
}

func (r *run) gates(ctx context.Context) error {
	g, documents := r.opts.Gates, r.report.Documents
	if documents == 0 && g.AllowEmpty {
		return nil
	}
	if documents == 0 && g.MinDocuments > 0 {
		return &GateError{Gate: "empty", Reason: "the source has no documents; --allow-empty swaps an empty index in"}
	}
	if documents < g.MinDocuments {
		return &GateError{Gate: "min_documents", Reason: fmt.Sprintf("%d documents, gates.min_documents is %d", documents, g.MinDocuments)}
	}
	live, err := r.Alias.Live(ctx)
	if err != nil || live == "" {
		return err
	}
	before, err := r.Alias.Count(ctx, live)
	if err != nil {
		return fmt.Errorf("gate max_shrink: %w", err)
	}
	// Whole documents, so that 10 % of 10 is exactly 1.
	if missing := before - documents; float64(missing) > g.MaxShrink*float64(before) {
		return &GateError{Gate: "max_shrink", Reason: fmt.Sprintf(
			"%s has %d documents, the live %s has %d: %.1f %% fewer, at most %.1f %% allowed; --max-shrink raises it",
			r.build.Index, documents, live, before, 100*float64(missing)/float64(before), 100*g.MaxShrink)}
	}
	return nil
}
