package esalias

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Swapped tells what a swap did.
type Swapped struct {
	Index    string // now live
	Previous string // was live before; "" on the first swap ever
	Mark     string // alias that names Index for as long as it exists
	Token    int64
	// Carried is what the alias was on Previous, and is on Index.
	Carried Properties
	// Warning is not empty if somebody may have changed the alias on Previous in
	// the moment of the swap: that change is lost then.
	Warning string
}

// swapAttempts bounds how often a swap that was refused or not answered is
// sent again before the run finds out by giving up.
const swapAttempts = 5

// Swap moves the alias from the index that is live to build, in one step, with
// its filter, its routing and whether it is hidden.
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

// swap moves the alias to index, with extra actions, and looks afterwards if
// something was lost.
func (l *Lease) swap(ctx context.Context, index string, extra []action) (Swapped, error) {
	if err := l.maySwap(); err != nil {
		return Swapped{}, err
	}
	swapped, err := l.trySwap(ctx, index, extra)
	if err != nil {
		return Swapped{}, err
	}
	swapped.Carried = l.carried
	if swapped.Warning = l.c.editedMeanwhile(ctx, l.seen, ""); swapped.Warning != "" {
		l.c.opts.Log.WarnContext(ctx, "the alias may have lost a change", slog.String("alias", l.c.alias), slog.String("reason", swapped.Warning))
	}
	return swapped, nil
}

// trySwap sends the swap and settles its outcome. It is not sent again for ever:
// to give the right up tells more than another try.
func (l *Lease) trySwap(ctx context.Context, index string, extra []action) (Swapped, error) {
	result := Swapped{Index: index, Mark: l.c.names.mark(l.tag), Token: l.tag.token}
	swapped := false
	err := retry(ctx, swapAttempts, func() (more bool, err error) {
		err = l.sendSwap(ctx, index, extra)
		if _, shape := errors.AsType[*ShapeError](err); err == nil || shape {
			swapped = err == nil
			return false, err
		}
		if seen, lookErr := l.lookOutcome(ctx, index); lookErr == nil && seen == outcomeSwapped {
			swapped = true
			return false, nil
		}
		return l.check() == nil, err
	})
	if swapped {
		return l.didSwap(result), nil
	}
	return l.settleSwap(ctx, result, err)
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

// sendSwap reads which index is live and what the alias is on it, and sends one
// swap from it.
func (l *Lease) sendSwap(ctx context.Context, index string, extra []action) error {
	seen, carried, err := l.lookToSwap(ctx, index)
	if err != nil {
		return err
	}
	previous := seen.index
	names := l.c.names
	actions := []action{
		remove(names.lockIndex(), names.claim(l.tag)),
		add(names.lockIndex(), names.done(l.tag)),
	}
	if previous != "" {
		actions = append(actions, remove(previous, names.alias))
	}
	actions = append(actions, addLive(index, names.alias, carried))
	if err := l.check(); err != nil {
		return err
	}
	l.swapSent = true
	l.seen, l.carried = l.seen.oldest(seen), carried
	if previous != index { // else an earlier copy took effect, and saw the other
		l.previous = previous
	}
	err = l.c.updateAliases(ctx, append(actions, extra...)...)
	switch {
	case es.IsType(err, "invalid_alias_name_exception"):
		return l.squatted() // since it was read
	case isFilterRefusal(err):
		return l.c.filterRefused(index, carried, err.Error())
	}
	return err
}

// lookToSwap reads which index is live and what the alias is on it, and refuses
// what index cannot be. That takes a while, so it looks again afterwards: no more
// time than need be lies between the look and the swap that rests on it.
func (l *Lease) lookToSwap(ctx context.Context, index string) (sighting, Properties, error) {
	for checked := ""; ; {
		state, counts, err := l.c.lookLive(ctx)
		if err != nil {
			return sighting{}, Properties{}, err
		}
		live, err := state.live()
		if err != nil {
			return sighting{}, Properties{}, err
		}
		if _, marked := state.lastMark(index); marked && live == "" {
			return sighting{}, Properties{}, l.notLive(index)
		}
		carried, err := state.properties(live)
		if err != nil {
			return sighting{}, Properties{}, err
		}
		if live == index || carried.String() == checked {
			return counts.sighting(live), carried, nil
		}
		if err := errors.Join(l.c.canCarry(ctx, index, carried), l.c.showsSomething(ctx, index, live, carried)); err != nil {
			return sighting{}, Properties{}, err
		}
		checked = carried.String()
	}
}

// notLive refuses a rollback where no index is seen to be live: somebody took the
// alias off, or the node that was asked has fallen behind. If it hides that the
// target itself is live, the request would not be refused (the alias may be added
// to an index that has it), and would make the alias a plain one.
func (l *Lease) notLive(index string) error {
	return &ShapeError{
		Alias: l.c.alias, Problem: "the alias is on no index, although one was live before",
		Advice: fmt.Sprintf("run again to build a new index, or put the alias on %s by hand, with the filter and routing that it should have "+
			"(POST _aliases, action add, is_write_index true)", index),
	}
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
	yes := true
	request := esapi.IndicesGetAliasRequest{Index: []string{names.lockIndex(), index}, IgnoreUnavailable: &yes}
	if err := l.c.send(ctx, request, &answer); err != nil {
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
	s.Previous = l.previous
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
