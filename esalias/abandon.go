package esalias

import (
	"context"
	"fmt"
	"net/http"

	"example.com/reindex/internal/es"
)

// Abandon gives the run up: the fence is sealed and the unfinished index
// deleted, in one request, so that either both happen or neither. While the
// fence is claimed by this run its index was never live, so deleting it needs
// no other proof. After a swap, or an unknown one, Abandon deletes nothing.
// It works with ctx alone, not with the lease's context.
func (l *Lease) Abandon(ctx context.Context) error {
	if !l.claimed || l.built == "" {
		return nil // Release seals what is left
	}
	names := l.c.names
	for {
		err := l.c.updateAliases(ctx,
			remove(names.lockIndex(), names.claim(l.tag)),
			add(names.lockIndex(), names.done(l.tag)),
			removeIndex(l.built))
		switch {
		case err == nil:
			l.claimed, l.built = false, ""
			return nil
		case es.IsStatus(err, http.StatusNotFound):
			// Never created, or deleted, or taken over; seal tells which, and
			// the next run retires what is left.
			if _, err := l.seal(ctx); err != nil {
				return fmt.Errorf("abandon %s: %w", l.built, err)
			}
			return nil
		case answered(err):
			return fmt.Errorf("abandon %s: %w", l.built, err)
		}
		if err := pause(ctx, l.c.opts.Lease/30); err != nil {
			return fmt.Errorf("abandon %s: %w", l.built, err)
		}
	}
}

// Leave seals the fence and keeps the finished index, unmarked, for whoever
// wants to look at it. The next run retires it.
func (l *Lease) Leave(ctx context.Context) error {
	_, err := l.seal(ctx)
	return err
}
