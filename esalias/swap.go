package esalias

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/reindex/internal/es"
)

// Swapped tells what a swap did.
type Swapped struct {
	Index    string // now live
	Previous string // was live before; "" on the first swap ever
	Mark     string // alias that names Index for as long as it exists
	Token    int64
}

// swapAttempts bounds how often a swap that was refused or not answered is
// sent again before the run finds out by giving up.
const swapAttempts = 5

// Swap moves the alias from the index that is live to build, in one step.
//
// An error that is [ErrNotSwapped], [ErrLeaseLost] or a [*ShapeError] is a
// promise that the alias was not moved and will not be. [ErrOutcomeUnknown] is
// the only other one.
func (l *Lease) Swap(ctx context.Context, build *Build) (Swapped, error) {
	names, writer := l.c.names, build.Writer
	return l.swap(ctx, build.Index, []action{
		add(build.Index, names.mark(l.tag)),
		// Late bulk requests fail from now on: their alias is gone.
		remove(build.Index, writer),
	})
}

// swap sends the swap to index, with extra actions, and settles its outcome.
func (l *Lease) swap(ctx context.Context, index string, extra []action) (Swapped, error) {
	if err := l.check(); err != nil {
		return Swapped{}, err
	}
	result := Swapped{Index: index, Mark: l.c.names.mark(l.tag), Token: l.tag.token}
	var last error
	for range swapAttempts {
		err := l.sendSwap(ctx, index, extra)
		if err == nil {
			return l.didSwap(result), nil
		}
		last = err
		if shape := (*ShapeError)(nil); errors.As(err, &shape) {
			break
		}
		swapped, err := l.hasMark(ctx, index)
		if err == nil && swapped {
			return l.didSwap(result), nil
		}
		if l.check() != nil || pause(ctx, l.c.opts.Lease/30) != nil {
			break
		}
	}
	return l.settleSwap(ctx, result, last)
}

// sendSwap reads which index is live and sends one swap from it.
func (l *Lease) sendSwap(ctx context.Context, index string, extra []action) error {
	state, err := l.c.lookIndices(ctx)
	if err != nil {
		return err
	}
	previous, err := state.live()
	if err != nil {
		return err
	}
	names := l.c.names
	actions := []action{
		remove(names.lockIndex(), names.claim(l.tag)),
		add(names.lockIndex(), names.done(l.tag)),
	}
	if previous != "" {
		actions = append(actions, remove(previous, names.alias))
	}
	actions = append(actions, addLive(index, names.alias))
	if err := l.check(); err != nil {
		return err
	}
	l.swapSent, l.seenLive = true, previous
	err = l.c.updateAliases(ctx, append(actions, extra...)...)
	if es.IsType(err, "invalid_alias_name_exception") {
		// An index took the alias's name since it was read.
		return &ShapeError{
			Alias: l.c.alias, Problem: "an index has the name of the alias", Indices: []string{l.c.alias},
			Hint: "delete it and run again",
		}
	}
	return err
}

// hasMark asks for the alias that only this swap adds. Only a positive answer
// is a proof: a node may answer from an older cluster state.
func (l *Lease) hasMark(ctx context.Context, index string) (bool, error) {
	err := l.c.do(ctx, http.MethodGet, "/"+index+"/_alias/"+l.c.names.mark(l.tag), nil, nil)
	if es.IsStatus(err, http.StatusNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (l *Lease) didSwap(s Swapped) Swapped {
	l.claimed = false
	// What the last request had seen. If an earlier one took effect, both had
	// seen the same: nobody else may change the alias while this run may.
	if l.seenLive != s.Index {
		s.Previous = l.seenLive
	}
	l.live, l.replaced, l.swapped = s.Index, s.Previous, now()
	l.mu.Lock()
	l.record.SwappedAt, l.record.SwappedToken = time.Now(), s.Token
	l.mu.Unlock()
	l.wake()
	return s
}

// settleSwap gives the right to swap up, which is the only way to know for
// certain that a swap on its way will not happen.
func (l *Lease) settleSwap(ctx context.Context, result Swapped, cause error) (Swapped, error) {
	if lostCause := context.Cause(l.ctx); errors.Is(lostCause, ErrLeaseLost) {
		cause = errors.Join(lostCause, cause)
	}
	// The run's context may be the reason for being here.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.c.opts.RequestTimeout)
	defer cancel()
	sealed, sealErr := l.seal(ctx)
	if sealed || !l.swapSent {
		return Swapped{}, fmt.Errorf("%w: %w", ErrNotSwapped, errors.Join(cause, sealErr))
	}
	for {
		swapped, err := l.hasMark(ctx, result.Index)
		if err == nil && swapped {
			return l.didSwap(result), nil
		}
		if err == nil && sealErr == nil {
			return Swapped{}, fmt.Errorf("%w: another run has claimed alias %s: %w", ErrOutcomeUnknown, l.c.alias, cause)
		}
		if pauseErr := pause(ctx, time.Second/4); pauseErr != nil {
			return Swapped{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, errors.Join(cause, sealErr, err))
		}
	}
}
