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
		f, err := c.readFence(ctx)
		if err != nil {
			return nil, fmt.Errorf("acquire lease: %w", err)
		}
		seen, err := c.readRecord(ctx)
		if err != nil {
			return nil, fmt.Errorf("acquire lease: %w", err)
		}
		if seen.found && seen.State == StateHeld {
			alive, err := c.watch(ctx, seen)
			if err != nil {
				return nil, fmt.Errorf("acquire lease: %w", err)
			}
			if alive && started.elapsed() >= wait {
				return nil, &HeldError{Alias: c.alias, Record: seen.Record}
			}
			if alive {
				continue
			}
		}
		lease, err := c.take(ctx, holder, f, seen)
		if err == nil {
			return lease, nil
		}
		var raced *raceError
		if !errors.As(err, &raced) {
			return nil, fmt.Errorf("acquire lease: %w", err)
		}
		// Somebody was faster, and so is alive.
		if raced.winner.State == StateHeld && started.elapsed() >= wait {
			return nil, &HeldError{Alias: c.alias, Record: raced.winner}
		}
	}
}

// watch looks at the record until it changes (true: its holder was alive) or
// has stayed the same for a whole lease on this machine's clock (false).
func (c *Client) watch(ctx context.Context, seen stored) (alive bool, err error) {
	lease := max(c.opts.Lease, time.Duration(seen.LeaseMS)*time.Millisecond)
	since := now()
	for {
		if err := pause(ctx, lease/30); err != nil {
			return false, err
		}
		// The time is taken before the read: a record that is unchanged then
		// was unchanged for at least so long.
		unchanged := since.elapsed()
		current, err := c.readRecord(ctx)
		if err != nil {
			return false, err
		}
		if current.seqNo != seen.seqNo || current.term != seen.term || current.found != seen.found {
			return true, nil
		}
		if unchanged >= lease {
			return false, nil
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

// takeRecord writes the record; an answer that never came is settled by
// reading: the record is mine if it names my run and token.
func (c *Client) takeRecord(ctx context.Context, record Record, seen stored) (stored, error) {
	mine, err := c.writeRecord(ctx, record, seen)
	if err == nil {
		return mine, nil
	}
	if es.IsAuth(err) {
		return stored{}, err
	}
	current, readErr := c.readRecord(ctx)
	switch {
	case readErr == nil && current.ownedBy(record):
		return current, nil
	case readErr == nil && (es.IsStatus(err, http.StatusConflict) || es.IsStatus(err, http.StatusNotFound)):
		return stored{}, &raceError{winner: current.Record}
	case es.IsType(readErr, "index_not_found_exception"):
		return stored{}, &raceError{} // the lock index is gone; start over
	}
	return stored{}, errors.Join(err, readErr)
}

// ownedBy reports that the record was written by the run and token of r.
func (s stored) ownedBy(r Record) bool {
	return s.found && s.Holder.RunID == r.Holder.RunID && s.Token == r.Token
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
