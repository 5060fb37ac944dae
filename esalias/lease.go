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
// background. Its methods may be called from any goroutine; those that send
// something for the caller wait for one another.
type Lease struct {
	c    *Client
	run  string
	uuid string // instance of the lock index

	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the keeper has returned
	kick   chan struct{} // asks for a renewal now; one pending is enough

	writing chan struct{} // holds one value during each renewal

	mu      sync.Mutex // guards the next two; never held around a request
	record  stored
	trusted instant // when the last good renewal was sent

	using    sync.Mutex // held by each method that acts; guards the rest
	tag      tag        // token and run of the present claim
	right    right
	swapSent bool       // a swap request of the present claim left this process
	seen     sighting   // the live index as swaps of the present claim saw it
	previous string     // the live index that the swap took the alias from
	carried  Properties // of the alias there
	live     string     // the index this lease made live
	replaced string     // the index that was live before
	swapped  instant
	built    string // index created under the present claim
	unsure   bool   // whether built is there and ours: its create got no answer
}

// right is what a lease may do, as far as it knows.
type right int

const (
	rightNone    right = iota // not claimed yet
	rightClaimed              // the fence is persons.claim-<tag>
	rightSealed               // given up without a swap: proved
	rightSwapped              // used
	rightGone                 // the claim is no more: another run's, or used, or sealed
)

func newLease(ctx context.Context, c *Client, record stored, sent instant) *Lease {
	l := &Lease{
		c: c, run: record.Holder.RunID, uuid: record.LockUUID,
		done: make(chan struct{}), kick: make(chan struct{}, 1), writing: make(chan struct{}, 1),
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
		default: // a renewal is asked for already
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
// It is safe to call after the lease was lost, and more than once. It uses ctx,
// which must not have ended with the run's, with a limit of its own. An error
// means that the next run has to wait for a lease to pass, nothing worse.
func (l *Lease) Release(ctx context.Context) error {
	l.using.Lock()
	defer l.using.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.c.opts.RequestTimeout)
	defer cancel()
	var sealErr error
	if l.right == rightClaimed {
		_, sealErr = l.seal(ctx)
	}
	l.cancel(errReleased)
	<-l.done
	return errors.Join(sealErr, l.free(ctx))
}

var errReleased = errors.New("lease released")

// free marks the record free, keeping its token: a deleted record would let
// tokens start again. The keeper has ended, so nobody renews meanwhile.
func (l *Lease) free(ctx context.Context) error {
	l.mu.Lock()
	seen := l.record
	l.mu.Unlock()
	if seen.State == StateFree {
		return nil
	}
	record := seen.Record
	record.State, record.RenewedAt = StateFree, time.Now()
	err := l.c.again(ctx, func() error { return l.freeOnce(ctx, record, &seen) })
	if err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record.State = StateFree
	return nil
}

// freeOnce writes the record on the condition that it is as seen; if it is not,
// the last renewal may have been applied without an answer: once more then.
func (l *Lease) freeOnce(ctx context.Context, record Record, seen *stored) error {
	for range 3 {
		_, err := l.c.writeRecord(ctx, record, *seen)
		if err == nil || (es.IsRefused(err) && !es.IsStatus(err, http.StatusConflict) && !missing(err)) {
			return err
		}
		current, readErr := l.c.readRecord(ctx)
		switch {
		case readErr != nil:
			return errors.Join(err, readErr)
		case !current.ownedBy(record) || current.State == StateFree:
			return nil // another run's by now, deleted, or freed by a lost answer
		case current.same(*seen):
			return err
		}
		*seen = current
	}
	return errors.New("the record keeps changing")
}
