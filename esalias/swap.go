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
// An error that is [ErrNotSwapped] is a promise that the alias was not moved
// and will not be; it may be [ErrLeaseLost] or a [*ShapeError] as well, which
// say why. [ErrOutcomeUnknown] is the only other one.
func (l *Lease) Swap(ctx context.Context, build *Build) (Swapped, error) {
	l.using.Lock()
	defer l.using.Unlock()
	if build.lease != l || build.Index != l.built {
		return Swapped{}, fmt.Errorf("%w: %s is not what this lease has created last", ErrNotSwapped, build.Index)
	}
	names, writer := l.c.names, build.Writer
	return l.swap(ctx, build.Index, []action{
		add(build.Index, names.mark(l.tag)),
		// Late bulk requests fail from now on: their alias is gone.
		remove(build.Index, writer),
	})
}

// swap sends the swap to index, with extra actions, and settles its outcome.
func (l *Lease) swap(ctx context.Context, index string, extra []action) (Swapped, error) {
	if err := l.maySwap(); err != nil {
		return Swapped{}, err
	}
	result := Swapped{Index: index, Mark: l.c.names.mark(l.tag), Token: l.tag.token}
	var last error
	for attempt := range swapAttempts {
		last = l.sendSwap(ctx, index, extra)
		if last == nil {
			return l.didSwap(result), nil
		}
		if shape := (*ShapeError)(nil); errors.As(last, &shape) {
			break
		}
		if seen, err := l.lookOutcome(ctx, index); err == nil && seen == outcomeSwapped {
			return l.didSwap(result), nil
		}
		if l.check() != nil || backOff(ctx, attempt) != nil {
			break
		}
	}
	return l.settleSwap(ctx, result, last)
}

// maySwap reports why this lease cannot swap any more, or nil.
func (l *Lease) maySwap() error {
	switch l.right {
	case rightClaimed:
		return nil
	case rightSwapped:
		return fmt.Errorf("%w: this lease has moved the alias to %s already", ErrNotSwapped, l.live)
	case rightGone:
		if l.swapSent {
			return fmt.Errorf("%w: an earlier swap of this lease was not answered", ErrOutcomeUnknown)
		}
	case rightNone, rightSealed:
	}
	return fmt.Errorf("%w: this lease has given its right up", ErrNotSwapped)
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
	l.swapSent = true
	if previous != index { // else an earlier copy took effect, and saw the other
		l.seenLive = previous
	}
	err = l.c.updateAliases(ctx, append(actions, extra...)...)
	if es.IsType(err, "invalid_alias_name_exception") {
		return l.squatted() // since it was read
	}
	return err
}

func (l *Lease) squatted() error {
	return &ShapeError{
		Alias: l.c.alias, Problem: "an index has the name of the alias", Indices: []string{l.c.alias},
		Advice: "delete it and run again",
	}
}

// outcome is what one look at the cluster proves about the swap of a claim.
type outcome int

const (
	outcomeOpen outcome = iota
	outcomeSwapped
	outcomeNotSwapped
)

// lookOutcome reads the fence and the aliases of index in one answer, and so
// in one cluster state. The mark proves the swap: only the swap adds it. The
// spent fence of this claim beside an index without the mark proves a seal:
// only those two spend it. Anything else proves nothing, for a node may answer
// from an older state, or the index may be gone.
func (l *Lease) lookOutcome(ctx context.Context, index string) (outcome, error) {
	var answer map[string]struct {
		Aliases map[string]any `json:"aliases"`
	}
	names := l.c.names
	path := "/" + names.lockIndex() + "," + index + "/_alias?ignore_unavailable=true"
	if err := l.c.do(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return outcomeOpen, err
	}
	has := func(on, alias string) bool { _, ok := answer[on].Aliases[alias]; return ok }
	_, there := answer[index]
	switch {
	case has(index, names.mark(l.tag)):
		return outcomeSwapped, nil
	case there && has(names.lockIndex(), names.done(l.tag)):
		return outcomeNotSwapped, nil
	}
	return outcomeOpen, nil
}

func (l *Lease) didSwap(s Swapped) Swapped {
	l.right = rightSwapped
	s.Previous = l.seenLive
	l.live, l.replaced, l.swapped = s.Index, s.Previous, now()
	// For people; it goes out with the next renewal, which the report of the next
	// phase brings forward, or with the release.
	l.mu.Lock()
	l.record.SwappedAt, l.record.SwappedToken = time.Now(), s.Token
	l.mu.Unlock()
	return s
}

// settleSwap gives the right to swap up, which is the only way to know for
// certain that a swap on its way will not happen.
func (l *Lease) settleSwap(ctx context.Context, result Swapped, cause error) (Swapped, error) {
	if lostCause := context.Cause(l.ctx); errors.Is(lostCause, ErrLeaseLost) && !errors.Is(cause, ErrLeaseLost) {
		cause = errors.Join(lostCause, cause)
	}
	// The run's context may be the reason for being here.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.c.opts.RequestTimeout)
	defer cancel()
	sealed, sealErr := l.seal(ctx)
	if sealed || !l.swapSent {
		return Swapped{}, fmt.Errorf("%w: %w", ErrNotSwapped, errors.Join(cause, sealErr))
	}
	seen := outcomeOpen
	err := l.c.again(ctx, func() (err error) {
		seen, err = l.lookOutcome(ctx, result.Index)
		return err
	})
	switch seen {
	case outcomeSwapped:
		return l.didSwap(result), nil
	case outcomeNotSwapped:
		l.right = rightSealed
		return Swapped{}, fmt.Errorf("%w: %w", ErrNotSwapped, cause)
	case outcomeOpen:
	}
	if err == nil && sealErr == nil {
		cause = errors.Join(fmt.Errorf("another run has claimed alias %s", l.c.alias), cause)
	}
	return Swapped{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, errors.Join(cause, sealErr, err))
}
