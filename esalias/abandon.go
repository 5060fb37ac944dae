package esalias

import (
	"context"
	"errors"
	"fmt"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Abandon gives the run up: the fence is sealed and the unfinished index
// deleted, in one request, so that either both happen or neither. While the
// fence is this run's and has not swapped, its index was never live, so
// deleting it needs no other proof. After a swap, or an unknown one, Abandon
// deletes nothing. It works with ctx alone, not with the lease's context.
func (l *Lease) Abandon(ctx context.Context) error {
	l.using.Lock()
	defer l.using.Unlock()
	if l.built != "" && l.unsure && !l.carriesWriter(ctx, l.built) {
		// The number may have been another run's, before somebody deleted the
		// lock index: model check no_own_index. If it is this run's after all,
		// the next run retires it.
		l.built = ""
	}
	if l.built == "" {
		return nil
	}
	if err := l.c.settle(ctx, l.abandonOnce); err != nil {
		return fmt.Errorf("abandon %s: %w", l.built, err)
	}
	return nil
}

func (l *Lease) abandonOnce(ctx context.Context) error {
	guard, ok := l.guardUnswapped()
	if !ok {
		return nil // what another run has claimed, it also retires
	}
	names := l.c.names
	err := l.c.updateAliases(ctx,
		remove(names.lockIndex(), guard),
		add(names.lockIndex(), names.done(l.tag)),
		removeIndex(l.built))
	switch {
	case err == nil:
		l.right, l.built = rightSealed, ""
	case missing(err) && l.right == rightSealed:
		l.built = "" // never made, or gone; if superseded, retired by the next run
		return nil
	case missing(err):
		// Never made, or gone, or taken over: seal tells which, and so what the
		// request must be conditional on.
		if _, err := l.seal(ctx); err != nil {
			return err
		}
		return errChanged
	}
	return err
}

// carriesWriter reports whether index was seen with the writer alias of the
// present claim, which only this run's create request makes.
func (l *Lease) carriesWriter(ctx context.Context, index string) bool {
	request := esapi.IndicesGetAliasRequest{Index: []string{index}, Name: []string{l.c.names.writer(l.tag)}}
	return l.c.ask(ctx, request, nil) == nil
}

// guardUnswapped is the alias on the lock index which proves that this run has
// not swapped, if there is such a proof.
func (l *Lease) guardUnswapped() (string, bool) {
	switch l.right {
	case rightClaimed:
		return l.c.names.claim(l.tag), true
	case rightSealed:
		return l.c.names.done(l.tag), true
	case rightNone, rightSwapped, rightGone:
	}
	return "", false
}

// Leave seals the fence and keeps the finished index, unmarked, for whoever
// wants to look at it. The next run retires it. The error is [ErrLeaseLost] if
// another run has claimed the alias: it may retire the index at once.
func (l *Lease) Leave(ctx context.Context) error {
	l.using.Lock()
	defer l.using.Unlock()
	l.built = ""
	if l.right != rightClaimed {
		return errors.New("leave: this lease has given its right up")
	}
	sealed, err := l.seal(ctx)
	if err == nil && !sealed {
		return lost("another run claimed the alias")
	}
	return err
}
