package bulk

import (
	"math"
	"testing"
	"time"
)

func TestBucketEdges(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{
		0, 1, time.Microsecond, 7 * time.Microsecond, 8 * time.Microsecond, 15 * time.Microsecond,
		16 * time.Microsecond, 999 * time.Microsecond, 123 * time.Millisecond, 61 * time.Second, time.Hour,
	} {
		i := bucket(d)
		if top := edge(i); top <= d.Truncate(time.Microsecond) || float64(top) > 1.126*float64(d)+1001 {
			t.Errorf("%s falls into bucket %d, which ends at %s", d, i, top)
		}
		if i > 0 && edge(i-1) > d {
			t.Errorf("%s falls into bucket %d, but the one before ends at %s", d, i, edge(i-1))
		}
	}
	if i := bucket(math.MaxInt64); i != buckets-1 {
		t.Errorf("the longest duration falls into bucket %d; want the last", i)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	var h histogram
	if got := h.latency(); got != (Latency{}) {
		t.Errorf("latency of nothing = %+v; want zeros", got)
	}
	for i := 1; i <= 100; i++ {
		h.observe(time.Duration(i) * time.Millisecond)
	}
	got := h.latency()
	near := func(d, want time.Duration) bool { return d >= want && d <= want+want/8+time.Microsecond }
	if !near(got.P50, 50*time.Millisecond) || !near(got.P90, 90*time.Millisecond) || !near(got.P99, 99*time.Millisecond) || got.Max != 100*time.Millisecond {
		t.Errorf("latency = %+v; want 50, 90, 99 and 100 ms", got)
	}
}
