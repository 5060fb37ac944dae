//go:build !linux

package esalias

import "time"

// sinceBoot stands still: on macOS and Windows the monotonic clock of Go is
// all there is.
func sinceBoot() time.Duration { return 0 }
