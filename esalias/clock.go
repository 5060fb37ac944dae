package esalias

import "time"

// instant is a moment that elapsed can be measured from, also across a time in
// which the machine slept: Go's own monotonic clock stands still then, and a
// holder that slept through its lease must not believe in it.
type instant struct {
	mono time.Time
	boot time.Duration
}

func now() instant { return instant{mono: time.Now(), boot: sinceBoot()} }

// elapsed is the larger of the two clocks: each may lag, neither runs ahead.
// The wall clock is not used: it jumps.
func (i instant) elapsed() time.Duration {
	return max(time.Since(i.mono), sinceBoot()-i.boot)
}
