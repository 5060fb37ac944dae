package pipeline

import (
	"context"
	"log/slog"
	"sync/atomic"

	"example.com/reindex/internal/bulk"
)

// refreshBytes is after how many bytes for each shard the index is refreshed
// while it is filled. Elasticsearch keeps up to a tenth of its heap in its buffer,
// and a refresh writes the buffer of a shard with one thread: at the end of the
// load the rest of the machine would have to wait for it, 1.5 s after 350,000
// persons, a sixth of the time. Every 64 MiB, that work is done beside other
// requests, and little is left for the end. bench/README.md has what it gave.
const refreshBytes = 64 << 20

// refreshBeside refreshes the index from time to time, until the function it
// returns is called. Nothing depends on it: the refresh that counts comes after
// the load.
func (r *run) refreshBeside(ctx context.Context, loader *bulk.Loader, counted *atomic.Int64) (stop func()) {
	last, shards := int64(0), 1
	return every(ctx, progressEvery, func(ctx context.Context) {
		c := loader.Counts()
		if !refreshDue(c, counted.Load(), last, int64(shards)) {
			return
		}
		last = c.Bytes
		n, err := r.build.RefreshShards(ctx)
		shards = max(1, n)
		if err != nil && ctx.Err() == nil {
			r.Log.DebugContext(ctx, "not refreshed while loading", slog.String("index", r.build.Index), slog.Any("error", err))
		}
	})
}

// refreshDue tells whether to refresh now, when the last refresh came after so
// many bytes. counted is how many documents there will be, or 0 if that is not known yet.
//
// Towards the end it is due when more was sent since the last than is left, so
// that each takes half as long as the one before, and neither a refresh nor much work
// is left for the end, which one thread does while the others have nothing to do.
func refreshDue(c bulk.Counts, counted, last, shards int64) bool {
	step, since := refreshBytes*shards, c.Bytes-last
	if counted == 0 || c.Read == 0 {
		return since >= step
	}
	left, least := (counted-c.Read)*(c.Bytes/c.Read), step/8 // divided first: a product of totals may pass int64
	return left >= least && since >= min(step, max(left, least))
}
