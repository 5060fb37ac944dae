package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/es"
)

// replicasWithin bounds the wait for replicas: allocation rules can make it
// endless. A copy of a few gigabytes takes a minute or two.
const replicasWithin = 15 * time.Minute

// finish makes the loaded index as fit to be searched as its body asks for,
// replicas included. That can take minutes, so it comes before the passes that
// make up for the time since the snapshot.
func (r *run) finish(ctx context.Context) error {
	r.reached(PhaseReplicating)
	if _, err := r.build.Refresh(ctx); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, replicasWithin)
	defer cancel()
	short, err := r.build.Finish(within)
	if short != "" {
		r.report.ReplicasWarning = short
		r.Log.WarnContext(ctx, "the index goes live with fewer replicas than its body asks for; the live one has no more",
			slog.String("index", r.build.Index), slog.String("reason", short))
	}
	if refused, ok := errors.AsType[*esalias.AllocationError](err); ok {
		return &GateError{Gate: "replicas", Reason: refused.Error()}
	}
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
	r.report.Documents, r.report.Verified = documents, documents
	if least, most := r.expected(); documents < least || documents > most {
		return &GateError{Gate: "count", Reason: fmt.Sprintf(
			"%s has %d documents, %d were acknowledged", r.build.Index, documents, least)}
	}
	if err := r.opts.Gates.judgeOrphans(r.report.OrphanLists); err != nil {
		return err
	}
	if err := r.gates(ctx); err != nil {
		return err
	}
	if err := r.recordLists(ctx); err != nil {
		return err
	}
	r.reached(PhaseVerified)
	return nil
}

// gates compares the new index with the live one.
func (r *run) gates(ctx context.Context) error {
	live, before, err := r.countLive(ctx)
	if err != nil {
		return err
	}
	c := Change{After: r.report.Documents, Live: live, Before: before, ListsAfter: r.report.Lists}
	if c.ListsBefore, err = r.liveLists(ctx, live); err != nil {
		return err
	}
	r.most, r.mostLists = max(c.Before, c.After), mostOf(c.ListsBefore, c.ListsAfter)
	return r.opts.Gates.Judge(c)
}

// countLive counts what readers have, for the gate max_shrink. With the gate off
// it does not look, and returns no index: a live index that is closed or has a
// shard away is exactly what a rebuild is to replace. With the gate on, such an
// index is a refusal.
func (r *run) countLive(ctx context.Context) (live string, documents int64, err error) {
	if r.opts.Gates.shrinkOff() {
		return "", 0, nil
	}
	live, err = r.Alias.Live(ctx)
	if err != nil || live == "" {
		return "", 0, err
	}
	documents, err = r.Alias.Count(ctx, live)
	var noAnswer *es.NoAnswerError
	if err == nil || errors.As(err, &noAnswer) || es.IsAuth(err) || ctx.Err() != nil {
		return live, documents, err
	}
	return live, 0, &GateError{Gate: "max_shrink", Uncountable: true, Reason: fmt.Sprintf("the live %s cannot be counted: %v", live, err)}
}
