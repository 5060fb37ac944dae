package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/source"
)

// load reads the snapshot into the new index. When it returns nil, every
// document of the snapshot was read, and has an outcome.
func (r *run) load(ctx context.Context) error {
	loader, err := r.loader(r.build.Writer, true, r.onFailure)
	if err != nil {
		return err
	}
	started := time.Now()
	var counted atomic.Int64 // 0 as long as it is not known
	g, loading := errgroup.WithContext(ctx)
	// The count runs beside the load, on a connection of its own.
	g.Go(func() error {
		n, err := r.snapshot.Count(loading)
		counted.Store(n)
		if err == nil {
			r.countTables(loading)
		}
		return r.readAll(err)
	})
	g.Go(func() error {
		defer r.watch(loading, loader, started)()
		defer r.refreshBeside(loading, loader, &counted)()
		return loader.Load(loading, r.producers()...)
	})
	err = g.Wait()
	r.report.Loading = time.Since(started)
	r.count(loader.Counts())
	r.report.Latency = loader.Latency()
	if err != nil {
		return fmt.Errorf("load %s: %w", r.build.Index, err)
	}
	if why := r.interrupted.Swap(nil); why != nil {
		if err := r.wholeLoad(ctx, why); err != nil {
			return fmt.Errorf("load %s: %w", r.build.Index, err)
		}
		r.reached(PhaseLoaded)
		return nil
	}
	r.report.Lists = r.reading.take()
	if n := counted.Load(); n != r.report.Read {
		return &GateError{Gate: "count", Reason: countReason(n, r.report.Read)}
	}
	r.reached(PhaseLoaded)
	return nil
}

func countReason(counted, read int64) string {
	return fmt.Sprintf("the snapshot has %d documents and %d were read: ids that are not comparable or not stable within one snapshot?",
		counted, read)
}

// bulkOptions are those of every load of this run. MaxFailures is a limit of the
// run, so what failed in earlier loads and is still not written counts too.
func (r *run) bulkOptions(target string, onFailure func(bulk.Failure)) bulk.Options {
	options := bulk.Options{
		Target:      target,
		Workers:     r.opts.workers(),
		BatchBytes:  r.opts.BatchBytes,
		MaxFailures: r.opts.MaxFailures,
		RetryFor:    r.opts.RetryFor,
		OnFailure:   onFailure,
	}
	if r.prints != nil {
		options.Failed = func() int64 { return r.prints.Failed() + r.notDeleted.Load() }
	}
	return options
}

// loader sends to target; fresh says that the index has nothing yet.
func (r *run) loader(target string, fresh bool, onFailure func(bulk.Failure)) (*bulk.Loader, error) {
	options := r.bulkOptions(target, onFailure)
	options.Fresh = fresh
	return bulk.New(r.Bulk, options)
}

// onFailure is called for every document that was not written.
func (r *run) onFailure(f bulk.Failure) {
	if r.prints != nil {
		r.prints.Fail([]byte(f.ID))
	}
	r.tellFailure(f)
}

// onDeletionFailure is called for every document that was not deleted, and is
// recorded no longer.
func (r *run) onDeletionFailure(f bulk.Failure) {
	r.notDeleted.Add(1)
	r.tellFailure(f)
}

func (r *run) tellFailure(f bulk.Failure) {
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
			r.orphans.add(stats)
			r.reading.add(stats.Elements)
			return r.readAll(err)
		}
	}
	return producers
}

func (r *run) count(c bulk.Counts) {
	r.report.Read, r.report.Acknowledged, r.report.Failed = c.Read, c.Acknowledged, c.Failed
	r.report.Retried, r.report.Bytes = c.Retried, c.Bytes
	r.report.Orphans, r.report.OrphanLists = r.orphans.rows, r.orphans.lists
}

// orphans collects what several streams found.
type orphans struct {
	mu    sync.Mutex
	rows  int64
	lists map[string]source.Orphans // by list field
}

func (o *orphans) add(stats source.StreamStats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rows += stats.OrphanRows
	for field, found := range stats.Orphans {
		if o.lists == nil {
			o.lists = map[string]source.Orphans{}
		}
		all := o.lists[field]
		all.Add(found)
		o.lists[field] = all
	}
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
	r.lease.Report(string(PhaseLoading), documents, estimate)
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
