package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/reindex/internal/source"
)

// A source may end a snapshot before all was read through it, because an ALTER TABLE waits for it or because a
// table was replaced ([source.InterruptedError]). The run goes on with a new snapshot:
//
//   - The streams end as if they had reached their end. So every document that was passed on is sent and has its
//     outcome, and the fingerprints say truly what the new index has.
//   - A pass is made again. It compares all documents of the new snapshot with the fingerprints, and
//     it alone deletes what it has not seen, so that what was not reached before is sent now.
//   - The rest of a load is such a pass. Nothing that was loaded is lost, however often it is interrupted.
//   - Without fingerprints (CatchUpOff) nobody knows what the index has. The run begins again with a new index.

const (
	// maxInterruptions bounds how often a run goes on.
	maxInterruptions = 10
	// longestPause bounds the time that a run leaves to whoever it has given way to.
	longestPause = 15 * time.Second
)

// readAll takes an interruption for the end of a stream, and remembers it.
func (r *run) readAll(err error) error {
	if why, ok := errors.AsType[*source.InterruptedError](err); ok {
		r.interrupted.Store(why)
		return nil
	}
	return err
}

// goOn says that the run was interrupted, and waits a little, longer each time: a migration has more than one
// statement. It returns an error if the run was interrupted too often.
func (r *run) goOn(ctx context.Context, why *source.InterruptedError) error {
	r.interruptions++
	r.unfinished = true
	if r.interruptions > maxInterruptions {
		return fmt.Errorf("interrupted %d times: %w", r.interruptions, why)
	}
	pause := min(50*time.Millisecond<<r.interruptions, longestPause)
	r.Log.WarnContext(ctx, "the snapshot has ended early; the run goes on with a new one",
		slog.String("alias", r.report.Alias), slog.String("reason", why.Error()), slog.Duration("after", pause))
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// takeSnapshot takes a snapshot, again if it is interrupted at once.
func (r *run) takeSnapshot(ctx context.Context) (Snapshot, error) {
	for {
		snapshot, err := r.Snapshot(ctx)
		why, interrupted := errors.AsType[*source.InterruptedError](err)
		if !interrupted {
			return snapshot, err
		}
		if err := r.goOn(ctx, why); err != nil {
			return nil, err
		}
	}
}

// wholeLoad makes a pass of what an interrupted load has not reached.
func (r *run) wholeLoad(ctx context.Context, why *source.InterruptedError) error {
	if r.prints == nil {
		return why
	}
	if err := r.goOn(ctx, why); err != nil {
		return err
	}
	_, err := r.pass(ctx, r.build.Writer, byContent, false)
	return err
}

// pass reads a new snapshot and sends what differs from what was sent before, with as many snapshots as it takes.
func (r *run) pass(ctx context.Context, target string, how comparing, live bool) (pass, error) {
	var before pass // what the passes that were interrupted have done
	for {
		r.passes++
		p, err := r.passOnce(ctx, r.passes, target, how, live)
		p.changed, p.newer = p.changed+before.changed, p.newer+before.newer
		why := r.interrupted.Swap(nil)
		if err == nil && why == nil && p.again {
			before, how, r.unfinished = p, byContent, true
			continue
		}
		if err != nil || why == nil {
			if !p.idle {
				r.passed(p, err)
			}
			return p, errors.Join(err, r.forgetCollected())
		}
		if err := r.goOn(ctx, why); err != nil {
			return p, errors.Join(err, r.forgetCollected())
		}
		before = p
		if why.For == "" {
			how = byContent // some documents may be of another moment than their versions
		}
	}
}

// beginAgain returns a run with a new index in the place of one without fingerprints that was interrupted, or nil.
func (r *run) beginAgain(ctx context.Context, err error) *run {
	why, ok := errors.AsType[*source.InterruptedError](err)
	if !ok || r.interruptions > maxInterruptions || r.goOn(ctx, why) != nil {
		return nil
	}
	again := newRun(r.Deps, r.opts, r.report.Started)
	again.interruptions = r.interruptions
	return again
}
