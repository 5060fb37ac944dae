package pipeline

import "time"

// SetPassClock has passes take what the clock says.
func SetPassClock(o *Options, clock func() time.Time) { o.passClock = clock }
