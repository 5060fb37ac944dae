package bulk

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Latency says how long bulk requests took, from sending to the last byte of
// the reply; requests that were not answered count until they were given up.
// Each figure but Max is the upper edge of a bucket, up to 1/8 too high.
type Latency struct {
	P50, P90, P99, Max time.Duration
}

const (
	// 8 buckets for each power of two of microseconds.
	stepBits = 3
	steps    = 1 << stepBits
	buckets  = 32 * steps // up to 2^32 µs, 71 minutes; longer ones count there
)

// histogram has a fixed size and needs no lock.
type histogram struct {
	counts [buckets]atomic.Int64
	max    atomic.Int64 // nanoseconds
}

func (h *histogram) observe(d time.Duration) {
	h.counts[bucket(d)].Add(1)
	for {
		top := h.max.Load()
		if int64(d) <= top || h.max.CompareAndSwap(top, int64(d)) {
			return
		}
	}
}

func bucket(d time.Duration) int {
	us := max(d.Microseconds(), 0)
	if us < steps {
		return int(us)
	}
	shift := bits.Len64(uint64(us)) - 1 - stepBits
	return min((shift<<stepBits)+int(us>>shift), buckets-1)
}

// edge is the first duration above bucket i.
func edge(i int) time.Duration {
	i++
	if i < steps {
		return time.Duration(i) * time.Microsecond
	}
	shift := i>>stepBits - 1
	return time.Duration((steps+i&(steps-1))<<shift) * time.Microsecond
}

func (h *histogram) latency() Latency {
	var total int64
	for i := range h.counts {
		total += h.counts[i].Load()
	}
	top := time.Duration(h.max.Load())
	quantile := func(percent int64) time.Duration {
		left := (total*percent + 99) / 100
		for i := range h.counts {
			if left -= h.counts[i].Load(); left <= 0 {
				return min(edge(i), top)
			}
		}
		return top
	}
	return Latency{P50: quantile(50), P90: quantile(90), P99: quantile(99), Max: top}
}
