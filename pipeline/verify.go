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
	r.report.Documents, r.report.Verified = documents, documents
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

// gates compares the new index with the live one. A live index that cannot be
// counted, because it is closed or a shard is away, is no reason to do without
// the gate in silence; and no reason to refuse the cure where it is off.
func (r *run) gates(ctx context.Context) error {
	c := Change{After: r.report.Documents}
	live, err := r.Alias.Live(ctx)
	if err != nil {
		return err
	}
	if live != "" && !r.opts.Gates.shrinkOff() {
		c.Live = live
		if c.Before, err = r.Alias.Count(ctx, live); err != nil {
			return fmt.Errorf("gate max_shrink: %w", err)
		}
	}
	r.most = max(c.Before, c.After)
	return r.opts.Gates.Judge(c)
}
