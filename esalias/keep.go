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

// keep renews the lease every tenth of its length, and ends the lease's
// context when it is lost.
func (l *Lease) keep(ctx context.Context) {
	interval := l.c.opts.Lease / 10
	var last error
	for {
		timer := time.NewTimer(min(interval, max(l.left(), 0)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-l.kick:
			timer.Stop()
		case <-timer.C:
		}
		left := l.left()
		if left <= 0 {
			l.cancel(l.expired(last))
			return
		}
		// Two attempts fit into the trust that is left at worst, so that one
		// lost packet does not cost the lease.
		err := l.renew(ctx, min(left, l.c.opts.Lease/5))
		if errors.Is(err, ErrLeaseLost) {
			l.cancel(err)
			return
		}
		if err != nil && ctx.Err() == nil {
			last = err
			l.c.opts.Log.WarnContext(ctx, "lease renewal failed",
				slog.String("alias", l.c.alias), slog.Any("error", err), slog.Duration("trusted_for", l.left()))
		}
	}
}

// renew writes the record once more. A conflict is either an earlier renewal
// of this very lease whose answer was lost, or another run's takeover.
func (l *Lease) renew(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l.mu.Lock()
	seen := l.record
	l.mu.Unlock()
	sent := now()
	record := seen.Record
	record.RenewedAt = time.Now()
	written, err := l.c.writeRecord(ctx, record, seen)
	if es.IsStatus(err, http.StatusNotFound) {
		return lost("the lock index %s is gone", l.c.names.lockIndex())
	}
	if err == nil {
		l.renewed(written, sent)
		return nil
	}
	if !es.IsStatus(err, http.StatusConflict) {
		return err
	}
	current, err := l.c.readRecord(ctx)
	switch {
	case err != nil:
		return err
	case !current.found:
		return lost("its record was deleted")
	case !current.ownedBy(record) || current.State != StateHeld:
		return lost("run %s on host %s took over with token %d", current.Holder.RunID, current.Holder.Host, current.Token)
	}
	// Mine: learn the condition. The read proves nothing about how long the
	// record will stay, so trust waits for the renewal that follows.
	l.mu.Lock()
	l.record.seqNo, l.record.term = current.seqNo, current.term
	l.mu.Unlock()
	l.wake()
	return nil
}

// renewed takes over what was written, but not a phase that was reported since.
func (l *Lease) renewed(written stored, sent instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record.seqNo, l.record.term = written.seqNo, written.term
	l.record.RenewedAt = written.RenewedAt
	l.trusted = sent
}

func (l *Lease) wake() {
	select {
	case l.kick <- struct{}{}:
	default: // a renewal is asked for already
	}
}
