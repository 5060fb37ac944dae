package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
)

// load reads the snapshot into the new index. When it returns nil, every
// document of the snapshot was read, and has an outcome.
func (r *run) load(ctx context.Context) error {
	loader, err := r.loader(r.build.Writer, true, r.onFailure)
	if err != nil {
		return err
	}
	started := time.Now()
	var counted int64
	g, ctx := errgroup.WithContext(ctx)
	// The count runs beside the load, on the connection that keeps the
	// snapshot and would otherwise idle.
	g.Go(func() (err error) {
		counted, err = r.snapshot.Count(ctx)
		return err
	})
	g.Go(func() error {
		defer r.watch(ctx, loader, started)()
		defer r.refreshBeside(ctx, loader)()
		return loader.Load(ctx, r.producers()...)
	})
	err = g.Wait()
	r.report.Loading = time.Since(started)
	r.count(loader.Counts())
	r.report.Latency = loader.Latency()
	if err != nil {
		return fmt.Errorf("load %s: %w", r.build.Index, err)
	}
	if counted != r.report.Read {
		return &GateError{Gate: "count", Reason: fmt.Sprintf(
			"the snapshot has %d documents and %d were read: ids that are not comparable or not stable within one snapshot?",
			counted, r.report.Read)}
	}
	r.reached(PhaseLoaded)
	return nil
}

// loader sends to target; fresh says that the index has nothing yet.
func (r *run) loader(target string, fresh bool, onFailure func(bulk.Failure)) (*bulk.Loader, error) {
	return bulk.New(r.Bulk, bulk.Options{
		Target:      target,
		Workers:     r.opts.workers(),
		BatchBytes:  r.opts.BatchBytes,
		MaxFailures: r.opts.MaxFailures,
		RetryFor:    r.opts.RetryFor,
		OnFailure:   onFailure,
		Fresh:       fresh,
	})
}

// onFailure is called for every document that was not written.
func (r *run) onFailure(f bulk.Failure) {
	if r.prints != nil {
		r.prints.Fail([]byte(f.ID))
	}
	r.onDeletionFailure(f)
}

// onDeletionFailure is called for every document that was not deleted, and is
// recorded no longer.
func (r *run) onDeletionFailure(f bulk.Failure) {
	if r.opts.OnFailure != nil {
		r.opts.OnFailure(f)
	}
}

// producers are the source streams; each has its own connection.
func (r *run) producers() []bulk.Producer {
	producers := make([]bulk.Producer, r.opts.readers())
	var first sync.Once
	for i := range producers {
		producers[i] = func(ctx context.Context, add func(document.Document) error) error {
			if r.prints != nil {
				cursor := r.prints.Cursor(0)
				defer cursor.Close()
				add = recordAll(cursor, add)
			}
			stats, err := r.snapshot.Stream(ctx, func(d document.Document) error {
				first.Do(func() { r.report.FirstDocument = time.Since(r.report.Started) })
				return add(d)
			})
			r.orphans.Add(stats.OrphanRows)
			return err
		}
	}
	return producers
}

func (r *run) count(c bulk.Counts) {
	r.report.Read, r.report.Acknowledged, r.report.Failed = c.Read, c.Acknowledged, c.Failed
	r.report.Retried, r.report.Bytes = c.Retried, c.Bytes
	r.report.Orphans = r.orphans.Load()
}

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
func (r *run) refreshBeside(ctx context.Context, loader *bulk.Loader) (stop func()) {
	last, shards := int64(0), 1
	return every(ctx, progressEvery, func(ctx context.Context) {
		sent := loader.Counts().Bytes
		if sent-last < refreshBytes*int64(shards) {
			return
		}
		last = sent
		n, err := r.build.RefreshShards(ctx)
		shards = max(1, n)
		if err != nil && ctx.Err() == nil {
			r.Log.DebugContext(ctx, "not refreshed while loading", slog.String("index", r.build.Index), slog.Any("error", err))
		}
	})
}

// progressEvery is how often people are told.
const progressEvery = 200 * time.Millisecond

// watch tells the observer and the lease how far the load is, until the
// function it returns is called.
func (r *run) watch(ctx context.Context, loader *bulk.Loader, started time.Time) (stop func()) {
	estimate := r.estimate()
	tell := func(context.Context) { r.tell(loader.Counts(), estimate, time.Since(started)) }
	end := every(ctx, progressEvery, tell)
	return func() {
		end()
		tell(ctx)
	}
}

// every calls do at intervals, until ctx or the function it returns ends that.
func every(ctx context.Context, interval time.Duration, do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ends with stop, which waits for it
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				do(ctx)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (r *run) tell(c bulk.Counts, estimate int64, elapsed time.Duration) {
	documents := c.Acknowledged + c.Failed
	r.lease.Report(string(PhaseCreated), documents, estimate)
	r.Observe.Progress(Progress{
		Token: r.report.Token, Index: r.report.Index, // known since before the load
		Documents: documents, Failed: c.Failed, Retried: c.Retried, Bytes: c.Bytes,
		Estimate: estimate, Elapsed: elapsed,
	})
}

// hash is the first half of the SHA-256 of the index body, in hex: enough to
// see that two generations were made from the same mapping.
func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}
