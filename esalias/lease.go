package esalias

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.com/reindex/internal/es"
)

// Lease is the right of one run to swap the alias. It is renewed in the
// background. Its methods may be called from any goroutine, [Lease.Create],
// [Lease.Swap], [Lease.Rollback], [Lease.Abandon] and [Lease.Retire] from one
// at a time.
type Lease struct {
	c    *Client
	run  string
	uuid string // instance of the lock index

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the keeper has returned
	kick   chan struct{} // asks for a renewal now; one pending is enough

	mu      sync.Mutex
	record  stored
	trusted instant // when the last good renewal was sent

	// The rest belongs to the goroutine that calls the alias methods.
	tag      tag    // token and run of the present claim
	claimed  bool   // the fence is, as far as is known, persons.claim-<tag>
	swapSent bool   // a swap request left this process
	seenLive string // the live index that the last swap request named
	live     string // the index this lease made live
	replaced string // the index that was live before
	swapped  instant
	built    string // index created under the present claim
}

func newLease(ctx context.Context, c *Client, record stored, sent instant) *Lease {
	l := &Lease{
		c: c, run: record.Holder.RunID, uuid: record.LockUUID,
		done: make(chan struct{}), kick: make(chan struct{}, 1),
		record: record, trusted: sent,
		tag: tag{token: record.Token, run: record.Holder.RunID},
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	keepCtx := l.ctx
	go func() { // ends with the lease's context; Release waits for it
		defer close(l.done)
		l.keep(keepCtx)
	}()
	return l
}

// Context ends when the lease must no longer be trusted, before anyone else
// may take it over; its cause is then [ErrLeaseLost]. All work under the lease
// uses it.
func (l *Lease) Context() context.Context { return l.ctx }

// Token returns the number of this lease: higher than that of every lease
// before. It can grow once more in [Lease.Create].
func (l *Lease) Token() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record.Token
}

// Report puts the phase and the progress into the lease record, for people who
// look at it from elsewhere. It never blocks; what it says goes out with the
// next renewal, which a new phase brings forward.
func (l *Lease) Report(phase string, documents, total int64) {
	l.mu.Lock()
	fresh := l.record.Phase != phase
	l.record.Phase, l.record.Documents, l.record.Total = phase, documents, total
	l.mu.Unlock()
	if fresh {
		select {
		case l.kick <- struct{}{}:
		default:
		}
	}
}

// check returns the reason why the lease must not be trusted now, or nil. A
// process that was stopped for a while gets here before its timers do.
func (l *Lease) check() error {
	if err := context.Cause(l.ctx); err != nil {
		return err
	}
	if l.left() <= 0 {
		err := l.expired(nil)
		l.cancel(err)
		return err
	}
	return nil
}

// Release gives the lease up and waits for the renewals to end. If the fence
// is still claimed, it is sealed: the right to swap is given up with the lease.
// It is safe to call after the lease was lost, and more than once; it uses ctx
// with a limit of its own. An error means that the next run has to wait for a
// lease to pass, nothing worse.
func (l *Lease) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.c.opts.RequestTimeout)
	defer cancel()
	var sealErr error
	if l.claimed {
		_, sealErr = l.seal(ctx)
	}
	l.cancel(errReleased)
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record.State == StateFree || !l.record.found {
		return sealErr
	}
	return errors.Join(sealErr, l.free(ctx))
}

var errReleased = errors.New("lease released")

// free marks the record free, keeping its token: a deleted record would let
// tokens start again. It is called with l.mu held.
func (l *Lease) free(ctx context.Context) error {
	record := l.record.Record
	record.State, record.RenewedAt = StateFree, time.Now()
	for range 2 {
		written, err := l.c.writeRecord(ctx, record, l.record)
		if err == nil {
			l.record = written
			return nil
		}
		current, readErr := l.c.readRecord(ctx)
		if readErr != nil {
			return fmt.Errorf("release lease: %w", errors.Join(err, readErr))
		}
		if !current.ownedBy(record) || current.State == StateFree {
			l.record.State = StateFree // another run's now, or freed by a lost answer
			return nil
		}
		l.record.seqNo, l.record.term = current.seqNo, current.term
	}
	return errors.New("release lease: the record keeps changing")
}

// claim takes the fence from whoever has it. Only a token above the fence's
// may, so claims are ordered; and only in the lock index this lease knows.
func (l *Lease) claim(ctx context.Context) error {
	c := l.c
	for {
		f, err := c.lookFence(ctx)
		if err != nil {
			if answered(err) || context.Cause(ctx) != nil {
				return fmt.Errorf("claim: %w", err)
			}
			if err := pause(ctx, c.opts.Lease/30); err != nil {
				return err
			}
			continue
		}
		switch {
		case f.name == c.names.claim(l.tag) && f.lockUUID == l.uuid:
			l.claimed, l.swapSent = true, false
			return nil
		case f.lockUUID != l.uuid:
			return lost("the lock index %s was deleted and made anew", c.names.lockIndex())
		case f.tag.token >= l.tag.token:
			return lost("run %s claimed the alias with token %d, this run has %d", f.tag.run, f.tag.token, l.tag.token)
		}
		err = c.updateAliases(ctx,
			remove(c.names.lockIndex(), f.name),
			add(c.names.lockIndex(), c.names.claim(l.tag)))
		// Whatever came back, the next look tells. A refusal that is not about
		// the fence would come back for ever.
		if answered(err) && !es.IsStatus(err, http.StatusNotFound) {
			return fmt.Errorf("claim: %w", err)
		}
	}
}

// seal gives the right to swap up, for good. sealed true is a proof that this
// claim has not swapped and never will; false means that the claim is gone
// already: by a swap of this run, or by another run's claim.
func (l *Lease) seal(ctx context.Context) (sealed bool, err error) {
	names := l.c.names
	for {
		err := l.c.updateAliases(ctx,
			remove(names.lockIndex(), names.claim(l.tag)),
			add(names.lockIndex(), names.done(l.tag)))
		switch {
		case err == nil:
			l.claimed = false
			return true, nil
		case es.IsStatus(err, http.StatusNotFound):
			l.claimed = false
			return false, nil
		case answered(err):
			return false, fmt.Errorf("seal: %w", err)
		}
		if err := pause(ctx, l.c.opts.Lease/30); err != nil {
			return false, fmt.Errorf("seal: %w", err)
		}
	}
}
