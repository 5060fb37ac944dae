package esalias

import (
	"context"
	"errors"
	"fmt"
)

// claim takes the fence from whoever has it. Only a token above the fence's
// may, so claims are ordered; and only in the lock index this lease knows.
func (l *Lease) claim(ctx context.Context) error {
	err := l.c.settle(ctx, l.claimOnce)
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		return fmt.Errorf("claim: %w", err)
	}
	return err
}

// claimOnce reads the fence, which tells whether an earlier copy was applied,
// and replaces it if it is another's.
func (l *Lease) claimOnce(ctx context.Context) error {
	c := l.c
	f, err := c.lookFence(ctx)
	if err != nil {
		return err
	}
	switch {
	case f.lockUUID != l.uuid:
		return lost("the lock index %s was deleted and made anew", c.names.lockIndex())
	case f.name == c.names.claim(l.tag): // an answer was lost
		l.claimed()
		return nil
	case f.tag.token >= l.tag.token:
		return lost("run %s claimed the alias with token %d, this run has %d", f.tag.run, f.tag.token, l.tag.token)
	}
	err = c.updateAliases(ctx,
		remove(c.names.lockIndex(), f.name),
		add(c.names.lockIndex(), c.names.claim(l.tag)))
	switch {
	case err == nil:
		l.claimed()
	case missing(err): // the fence has changed
		return fmt.Errorf("%w: %w", errChanged, err)
	}
	return err
}

func (l *Lease) claimed() {
	l.right, l.swapSent, l.seen, l.previous = rightClaimed, false, sighting{}, ""
}

// seal gives the right to swap up, for good. sealed true is a proof that this
// claim has not swapped and never will; false means that the claim is gone
// already: by a swap of this run, or by another run's claim.
func (l *Lease) seal(ctx context.Context) (sealed bool, err error) {
	names := l.c.names
	err = l.c.settle(ctx, func(ctx context.Context) error {
		err := l.c.updateAliases(ctx,
			remove(names.lockIndex(), names.claim(l.tag)),
			add(names.lockIndex(), names.done(l.tag)))
		switch {
		case err == nil:
			l.right, sealed = rightSealed, true
		case missing(err):
			l.right = rightGone
			sealed = l.sealedBefore(ctx)
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// sealedBefore reports whether an earlier seal of this claim took effect, its
// answer lost: the spent fence is there, and no swap was sent that could have
// put it there.
func (l *Lease) sealedBefore(ctx context.Context) bool {
	if l.swapSent {
		return false
	}
	f, err := l.c.lookFence(ctx)
	if err != nil || f.name != l.c.names.done(l.tag) {
		return false
	}
	l.right = rightSealed
	return true
}
