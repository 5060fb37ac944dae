package esalias

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/reindex/internal/es"
)

// Acquire takes the lease of the alias and the right to swap.
//
// A holder that is alive is recognised by a change of its record, within a few
// tenths of its lease; Acquire then returns a [*HeldError], or, with wait
// above zero, goes on until the holder is done or wait is over. A record that
// stays unchanged for a whole lease belongs to a dead holder, and is taken
// over, whatever wait is. No two clocks are compared.
//
// The lease is renewed in the background until [Lease.Release]. Its context,
// see [Lease.Context], is derived from ctx.
func (c *Client) Acquire(ctx context.Context, holder Holder, wait time.Duration) (*Lease, error) {
	if !validRunID(holder.RunID) {
		return nil, fmt.Errorf("run id %q: want 8 to 32 characters of a-z and 0-9", holder.RunID)
	}
	started := now()
	for {
		lease, busy, err := c.tryAcquire(ctx, holder)
		switch {
		case err != nil:
			return nil, fmt.Errorf("acquire lease: %w", err)
		case lease != nil:
			return lease, nil
		case busy != nil && started.elapsed() >= wait:
			return nil, &HeldError{Alias: c.alias, Record: *busy}
		}
	}
}

// tryAcquire looks once and returns the lease, or the record of the run that is
// alive, or neither: something was deleted, or freed, in between; look again.
func (c *Client) tryAcquire(ctx context.Context, holder Holder) (*Lease, *Record, error) {
	f, err := c.readFence(ctx)
	if err != nil {
		return nil, nil, err
	}
	seen, err := c.readRecord(ctx)
	if err != nil {
		return nil, nil, unlessGone(err)
	}
	if seen.found && seen.State == StateHeld {
		current, err := c.watch(ctx, seen)
		if err != nil {
			return nil, nil, unlessGone(err)
		}
		if !current.found {
			return nil, nil, nil // deleted by hand: no sign of life
		}
		if !current.same(seen) {
			return nil, met(seen, current), nil
		}
	}
	lease, err := c.take(ctx, holder, f, seen)
	var raced *raceError
	if !errors.As(err, &raced) {
		return lease, nil, err
	}
	if raced.winner.State == StateHeld {
		return nil, &raced.winner, nil // somebody was faster, and so is alive
	}
	return nil, nil, nil
}

// unlessGone lets the caller start over when the lock index was deleted while
// it was looked at.
func unlessGone(err error) error {
	if es.IsType(err, "index_not_found_exception") {
		return nil
	}
	return err
}

// met is the record of the holder that was met, as late as it was seen.
func met(seen, current stored) *Record {
	if current.State == StateHeld && current.Holder.RunID == seen.Holder.RunID {
		return &current.Record
	}
	return &seen.Record
}

// watch looks at the record until it changes, or has stayed the same for a
// whole lease on this machine's clock, and returns what it saw last.
func (c *Client) watch(ctx context.Context, seen stored) (stored, error) {
	// Whatever a record says, nobody waits for longer than the longest lease.
	lease := min(max(c.opts.Lease, time.Duration(seen.LeaseMS)*time.Millisecond), maxLease)
	since := now()
	for {
		if err := pause(ctx, lease/30); err != nil {
			return stored{}, err
		}
		// The time is taken before the read: a record that is unchanged then
		// was unchanged for at least so long.
		unchanged := since.elapsed()
		current, err := c.readRecord(ctx)
		if err != nil {
			return stored{}, err
		}
		if !current.same(seen) || unchanged >= lease {
			return current, nil
		}
	}
}

// raceError means that another run changed the record first.
type raceError struct{ winner Record }

func (e *raceError) Error() string { return "another run took the lease first" }

// take writes the holder into the record, on the condition that it is still as
// seen, and claims the fence.
func (c *Client) take(ctx context.Context, holder Holder, f fence, seen stored) (*Lease, error) {
	token, err := c.nextToken(ctx, f, seen.Token)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	record := Record{
		Token: token, State: StateHeld, Holder: holder, Since: at, RenewedAt: at,
		LeaseMS: c.opts.Lease.Milliseconds(), LockUUID: f.lockUUID,
		SwappedAt: seen.SwappedAt, SwappedToken: seen.SwappedToken,
	}
	sent := now()
	mine, err := c.takeRecord(ctx, record, seen)
	if err != nil {
		return nil, err
	}
	lease := newLease(ctx, c, mine, sent)
	if err := lease.claim(lease.Context()); err != nil {
		return nil, errors.Join(err, lease.Release(context.WithoutCancel(ctx)))
	}
	return lease, nil
}

// takeRecord writes the record. An answer that never came is settled by
// reading: the record is mine if it names my run and token, and may be written
// again, on the same condition, if it is as it was.
func (c *Client) takeRecord(ctx context.Context, record Record, seen stored) (stored, error) {
	var mine stored
	err := c.again(ctx, func() error {
		written, err := c.writeRecord(ctx, record, seen)
		if err == nil {
			mine = written
			return nil
		}
		if es.IsRefused(err) && !es.IsStatus(err, http.StatusConflict) && !missing(err) {
			return err
		}
		current, readErr := c.readRecord(ctx)
		switch {
		case es.IsType(readErr, "index_not_found_exception"):
			return &raceError{} // the lock index is gone; start over
		case readErr != nil:
			return errors.Join(err, readErr)
		case current.ownedBy(record):
			mine = current
			return nil
		case !current.same(seen) || es.IsRefused(err):
			return &raceError{winner: current.Record}
		}
		return err
	})
	return mine, err
}

// nextToken is above every token that was ever given out, as far as the lock
// document, the fence and the indices still know: two of the three may be
// deleted by hand without a token coming back.
func (c *Client) nextToken(ctx context.Context, f fence, recorded int64) (int64, error) {
	state, err := c.lookIndices(ctx)
	if err != nil {
		return 0, err
	}
	return max(recorded, f.tag.token, state.highest()) + 1, nil
}
