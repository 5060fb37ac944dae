package esalias

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"example.com/reindex/internal/es"
)

// Retired tells what became of the old generations.
type Retired struct {
	Deleted []string          // gone; with dryRun: would go
	Kept    []string          // kept for rollback, newest first
	Left    map[string]string // would go, but for the reason given
	// Warning is not empty if somebody may have changed filter or routing of the
	// live alias in the moment of a deletion, which put it back as it had been.
	Warning string
}

// Retire deletes the generations that nobody needs: builds that were never
// finished, and finished ones older than the newest keep. It never touches the
// live index, an index with a higher number than this lease, one whose _meta
// does not say that it is ours, one that carries an alias that this program did
// not make, or one that searches are still running on. An alias that somebody
// adds between the last look and the request goes with the index: a request
// cannot be conditional on an alias that is not there. After a swap of this lease the index that was replaced is given the
// grace time first.
//
// Each deletion is one request which also proves that this run still has its
// fence and that the index it saw live still is. With dryRun nothing is sent.
// An error is no reason to distrust the swap: what was left is retired by the
// next run.
func (l *Lease) Retire(ctx context.Context, keep int, dryRun bool) (Retired, error) {
	l.using.Lock()
	defer l.using.Unlock()
	state, err := l.c.lookIndices(ctx)
	if err != nil {
		return Retired{}, fmt.Errorf("retire: %w", err)
	}
	live, err := state.live()
	if err != nil {
		return Retired{}, fmt.Errorf("retire: %w", err)
	}
	candidates, kept := l.candidates(state, live, keep)
	result := Retired{Kept: kept, Left: map[string]string{}}
	for _, index := range candidates {
		reason, err := l.whyLeft(ctx, state, live, index, dryRun)
		if err == nil && reason == "" && !dryRun {
			var warning string
			reason, warning, err = l.delete(ctx, index, live)
			result.Warning = cmp.Or(result.Warning, warning)
		}
		if err != nil {
			return result, fmt.Errorf("retire %s: %w", index, err)
		}
		if reason == "" {
			result.Deleted = append(result.Deleted, index)
		} else {
			result.Left[index] = reason
		}
	}
	return result, nil
}

// candidates are the generations below this lease's token that are not live
// and not among the newest keep of those that once were.
func (l *Lease) candidates(state indices, live string, keep int) (candidates, kept []string) {
	var once []string
	for _, index := range state.generations() {
		token, _ := state.names.token(index)
		if index == live || token >= l.tag.token {
			continue
		}
		if _, marked := state.lastMark(index); marked {
			once = append(once, index)
		} else {
			candidates = append(candidates, index)
		}
	}
	slices.SortFunc(once, func(a, b string) int {
		x, _ := state.lastMark(a)
		y, _ := state.lastMark(b)
		return cmp.Compare(y.token, x.token)
	})
	keep = min(max(keep, 0), len(once))
	return append(candidates, once[keep:]...), once[:keep]
}

// whyLeft returns why a candidate must stay for now, or "", after its grace time.
// An error means that none can be deleted by this run any more.
func (l *Lease) whyLeft(ctx context.Context, state indices, live, index string, dryRun bool) (reason string, err error) {
	if live == "" {
		return "no index is live", nil // so nothing proves that this one will not be
	}
	if reason := inUse(state.strangers(index)); reason != "" {
		return reason, nil
	}
	if reason, err = l.notOurs(ctx, index); reason != "" || err != nil {
		return reason, err
	}
	if wait := l.c.opts.Grace - l.swapped.elapsed(); index == l.replaced && wait > 0 && !dryRun {
		if err := pause(ctx, wait); err != nil {
			return "", err
		}
	}
	searches, err := l.c.openSearches(ctx, index)
	switch {
	case es.IsRefused(err) && !missing(err):
		return err.Error(), nil
	case err != nil && !missing(err):
		return "", err
	case searches > 0:
		return fmt.Sprintf("%d searches are running on it", searches), nil
	}
	return "", nil
}

// delete removes one index for good, if this run still has its fence and live
// still is live: then index is not, in that same cluster state. To prove it, the
// request takes the alias off live and puts it back as it was seen; warning says
// if it may have become something else in between.
func (l *Lease) delete(ctx context.Context, index, live string) (reason, warning string, err error) {
	guard, err := l.guard()
	if err != nil {
		return "", "", err
	}
	names := l.c.names
	var seen sighting
	err = l.c.settle(ctx, func(ctx context.Context) error {
		state, counts, err := l.c.lookLive(ctx)
		if err != nil {
			return err
		}
		carried, err := state.properties(live)
		if err != nil {
			return err
		}
		if reason = inUse(state.strangers(index)); reason != "" {
			return nil
		}
		seen = seen.oldest(counts.sighting(live))
		err = l.c.updateAliases(ctx,
			remove(names.lockIndex(), guard), add(names.lockIndex(), guard),
			remove(live, names.alias), addLive(live, names.alias, carried),
			removeIndex(index))
		switch {
		case missing(err):
			return l.whyKept(ctx, index, err)
		case es.IsRefused(err):
			reason = err.Error() // a snapshot of it is being taken, say
			return nil
		}
		return err
	})
	if err != nil || reason != "" {
		return reason, "", err
	}
	l.c.opts.Log.InfoContext(ctx, "index deleted", slog.String("index", index))
	if warning = l.c.editedMeanwhile(ctx, seen, index); warning != "" {
		l.c.opts.Log.WarnContext(ctx, "the alias may have lost a change", slog.String("alias", l.c.alias), slog.String("reason", warning))
	}
	return "", warning, nil
}

// guard is the fence as this run must have left it if nobody has claimed the
// alias since.
func (l *Lease) guard() (string, error) {
	switch l.right {
	case rightClaimed:
		return l.c.names.claim(l.tag), nil
	case rightSealed, rightSwapped:
		return l.c.names.done(l.tag), nil
	case rightNone, rightGone:
	}
	return "", lost("another run claimed the alias")
}

// whyKept tells a refusal because the index is gone from one that matters.
func (l *Lease) whyKept(ctx context.Context, index string, refusal error) error {
	state, err := l.c.lookIndices(ctx)
	if err != nil {
		return errors.Join(refusal, err)
	}
	if _, there := state.aliases[index]; !there {
		return nil
	}
	return fmt.Errorf("another run has claimed the alias, or somebody has moved it: %w", refusal)
}
