package esalias

import (
	"context"
	"errors"
	"fmt"
)

// TokenError means that the token given to [Client.Unlock] is not the one of
// the lease that is held.
type TokenError struct {
	Given int64
	Held  int64 // or, if Free, the last that was
	Free  bool  // nobody holds the lease
}

func (e *TokenError) Error() string {
	if e.Free {
		return fmt.Sprintf("the lock is free: nobody holds it; token %d does not, and the last that did was %d", e.Given, e.Held)
	}
	return fmt.Sprintf("token %d does not hold the lease, %d does", e.Given, e.Held)
}

// Unlock cuts a holder off: the lease is taken from it, its claim is sealed,
// so that even a swap it has already sent is refused, and the lease is freed.
// token must be the holder's, as [Client.Status] shows it: proof that the
// caller means this holder and not the next one. With token 0 the holder must
// be dead: its record is watched for a whole lease, and a live one is a
// [*HeldError]. It returns the record of the holder that was cut off; a free
// lease is freed again without harm.
func (c *Client) Unlock(ctx context.Context, by Holder, token int64) (Record, error) {
	before, err := c.record(ctx)
	if err != nil {
		return Record{}, fmt.Errorf("unlock: %w", err)
	}
	var lease *Lease
	if token == 0 {
		lease, err = c.Acquire(ctx, by, 0)
	} else {
		lease, err = c.force(ctx, by, token)
	}
	if err != nil {
		return before.Record, fmt.Errorf("unlock: %w", err)
	}
	return before.Record, lease.Release(ctx)
}

// record reads the lease record; no lock index is no record.
func (c *Client) record(ctx context.Context) (stored, error) {
	if _, err := c.readFence(ctx); err != nil {
		return stored{}, err
	}
	return c.readRecord(ctx)
}

// force takes the lease from the holder of token, alive or not.
func (c *Client) force(ctx context.Context, by Holder, token int64) (*Lease, error) {
	for {
		f, err := c.readFence(ctx)
		if err != nil {
			return nil, err
		}
		seen, err := c.readRecord(ctx)
		if err != nil {
			return nil, err
		}
		if seen.Token != token {
			return nil, &TokenError{Given: token, Held: seen.Token, Free: seen.State != StateHeld}
		}
		lease, err := c.take(ctx, by, f, seen)
		// A renewal of the holder came in between: its token is the same.
		if _, raced := errors.AsType[*raceError](err); !raced {
			return lease, err
		}
	}
}
