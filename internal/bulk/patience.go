package bulk

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// patience decides how long to wait before a batch is sent again, and when to
// stop. Its window starts with the first failure and starts anew whenever a
// document of the batch got through.
type patience struct {
	window  time.Duration
	since   time.Time
	backOff *backoff.ExponentialBackOff
}

func newPatience(window time.Duration) *patience {
	// Factor 1 is full jitter: any wait from nothing to twice the interval, so
	// that senders refused together do not come back together.
	return &patience{window: window, backOff: &backoff.ExponentialBackOff{
		InitialInterval:     100 * time.Millisecond,
		RandomizationFactor: 1,
		Multiplier:          2,
		MaxInterval:         5 * time.Second,
	}}
}

// progress is to be called when part of the batch got through.
func (p *patience) progress() { p.since = time.Time{} }

// wait sleeps at least as long as the server asked for, but never past the
// end of the window, where one last try is due. It reports false once that
// was made.
func (p *patience) wait(ctx context.Context, asked time.Duration) (bool, error) {
	if p.since.IsZero() {
		p.since = time.Now()
	}
	left := p.window - time.Since(p.since)
	if left <= 0 {
		return false, nil
	}
	timer := time.NewTimer(min(left, max(asked, p.backOff.NextBackOff())))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
