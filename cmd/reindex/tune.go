package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// tune sets what Go's runtime would choose for a server of its own. Variables of
// the runtime go before it.
func tune() {
	if os.Getenv("GOMAXPROCS") == "" {
		// The other half is for Elasticsearch, PostgreSQL or what else runs here. One processor is enough for 200,000
		// documents a second, and threads that look for work on a second one took a tenth of the program's time.
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
	if os.Getenv("GOGC") == "" {
		paceCollector()
	}
}

// collectEvery is after how many allocated bytes garbage is collected. Nearly all
// memory is buffers that live as long as the run, so a share of what is in use, as
// GOGC gives it, is too little while they grow (49 collections in the first second at 10 %)
// and too much once they are large (10 MB that are never used).
const collectEvery = 6 << 20

// paceCollector sets the collector's percentage after every collection, so that the
// next comes when collectEvery more bytes were allocated.
func paceCollector() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	debug.SetGCPercent(percent(sample[0].Value.Uint64()))
	// It is garbage when the next collection begins.
	runtime.AddCleanup(new(*int), func(struct{}) { paceCollector() }, struct{}{})
}

// percent is collectEvery as a share of what the last collection left.
func percent(live uint64) int {
	return int(min(max(100*collectEvery/max(1, live), 2), 400))
}
