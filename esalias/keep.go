package esalias

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"example.com/reindex/internal/es"
)

// trust is how long after the sending of its last good renewal a holder may
// believe in its lease: two thirds. A watcher takes over after a whole lease
// without a change, counted from a moment after that renewal was applied, so
// the last third is the room for clocks that run at different rates and for a
// process that needs a moment to stop.
func (l *Lease) trust() time.Duration { return l.c.opts.Lease / 3 * 2 }

// left is how much longer the lease may be trusted.
func (l *Lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trust() - l.trusted.elapsed()
}

func (l *Lease) expired(cause error) error {
	if cause == nil {
		return lost("no renewal was acknowledged for %s", l.trust())
	}
	return lost("no renewal was acknowledged for %s: %v", l.trust(), cause)
}

// keep renews the lease every tenth of its length, sooner after a failure, and
// ends the lease's context when it is lost.
func (l *Lease) keep(ctx context.Context) {
	interval := l.c.opts.Lease / 10
	var last error
	for {
		next := interval
		if last != nil {
			next /= 3
		}
		if !l.rest(ctx, min(next, max(l.left(), 0))) {
			return
		}
		left := l.left()
		if left <= 0 {
			l.cancel(l.expired(last))
			return
		}
		// Two attempts fit into the trust that is left at worst, so that one
		// lost packet does not cost the lease.
		last = l.renew(ctx, min(left, l.c.opts.Lease/5))
		if errors.Is(last, ErrLeaseLost) {
			l.cancel(last)
			return
		}
		if last != nil && ctx.Err() == nil {
			l.c.opts.Log.WarnContext(ctx, "lease renewal failed",
				slog.String("alias", l.c.alias), slog.Any("error", last), slog.Duration("trusted_for", l.left()))
		}
	}
}

// rest waits for d or for a kick; false means that the lease has ended.
func (l *Lease) rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-l.kick:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// renew writes the record once more. Only one goroutine does so at a time:
// two renewals under way would be each other's conflict.
func (l *Lease) renew(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case l.writing <- struct{}{}:
		defer func() { <-l.writing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for range 3 {
		stale, err := l.renewOnce(ctx)
		if !stale {
			return err
		}
	}
	return errors.New("renew lease: the record keeps changing")
}

// renewOnce sends one renewal. A conflict is either an earlier renewal of this
// very lease whose answer was lost, then stale is true and the condition has
// been learnt for the next one, or another run's takeover.
func (l *Lease) renewOnce(ctx context.Context) (stale bool, err error) {
	l.mu.Lock()
	seen := l.record
	l.mu.Unlock()
	sent := now()
	record := seen.Record
	record.RenewedAt = time.Now()
	written, err := l.c.writeRecord(ctx, record, seen)
	switch {
	case err == nil:
		l.renewed(written, sent)
		return false, nil
	case missing(err):
		return false, lost("the lock index %s is gone", l.c.names.lockIndex())
	case !es.IsStatus(err, http.StatusConflict):
		return false, err
	}
	current, err := l.c.readRecord(ctx)
	switch {
	case err != nil:
		return false, err
	case !current.found:
		return false, lost("its record was deleted")
	case !current.ownedBy(record) || current.State != StateHeld:
		return false, lost("run %s on host %s took over with token %d", current.Holder.RunID, current.Holder.Host, current.Token)
	}
	// The read proves nothing about how long the record will stay, so trust
	// waits for the renewal that follows.
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record.seqNo, l.record.term = current.seqNo, current.term
	return true, nil
}

// renewed takes over what was written, but not a phase that was reported since.
func (l *Lease) renewed(written stored, sent instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record.seqNo, l.record.term = written.seqNo, written.term
	l.record.RenewedAt = written.RenewedAt
	l.trusted = sent
}
