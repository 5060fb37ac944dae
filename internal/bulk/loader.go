package bulk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/document"
)

// keptFailures is how many failures a Loader remembers for its report.
const keptFailures = 100

// Producer adds documents until it has no more. add copies the document,
// blocks while all workers are busy, and fails once the load is over; it
// belongs to this producer and is not for several goroutines at once, nor for
// use after the producer returned.
type Producer = func(ctx context.Context, add func(document.Document) error) error

// Loader fills one index through its writer alias. It is for one Load.
type Loader struct {
	es       esapi.Transport
	opts     Options
	request  *http.Request // without a body; each batch goes out with a copy
	started  atomic.Bool
	ledger   ledger
	latency  histogram
	gate     *gate
	turn     chan struct{} // who holds it waits at the gate with a new batch
	free     chan *batch   // batches to use again; as many as can exist
	maxBody  atomic.Int64  // BatchBytes, or less after the server answered 413
	failures failures
}

// failures are the first documents that failed. mu is not held during calls
// of Options.OnFailure and OnWritten, which have calls for themselves.
type failures struct {
	calls sync.Mutex
	mu    sync.Mutex
	first []Failure
}

// New checks the options. es must not retry by itself: this package would not
// see which documents were sent twice.
func New(es esapi.Transport, opts Options) (*Loader, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("bulk: %w", err)
	}
	opts = opts.withDefaults()
	request, err := requestTo(opts)
	if err != nil {
		return nil, fmt.Errorf("bulk: %w", err)
	}
	l := &Loader{es: es, opts: opts, request: request, gate: newGate(opts.Workers), turn: make(chan struct{}, 1)}
	l.maxBody.Store(int64(opts.BatchBytes))
	return l, nil
}

// Load runs every producer at once and sends what they add. It returns nil
// when all have returned nil and every document has an outcome. The first
// error of a producer, the first fatal answer (ErrTargetGone, *ServerError,
// *DuplicateError) or too many failures (*FailuresError) end it: the context
// of the producers is cancelled, with the error as its cause, requests in
// flight are given up, and what they wrote is not counted. When ctx ends, the
// error has its cause. Nothing is running any more when Load returns.
func (l *Loader) Load(ctx context.Context, producers ...Producer) error {
	if l.started.Swap(true) {
		return errors.New("a Loader is for one Load, make another")
	}
	l.free = make(chan *batch, l.opts.Workers+len(producers))
	batches := make(chan *batch)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(batches)
		return l.produce(groupCtx, batches, producers)
	})
	for range l.opts.Workers {
		group.Go(func() error { return newSender(l).run(groupCtx, batches) })
	}
	if err := group.Wait(); err != nil {
		return withCause(ctx, err)
	}
	return l.Counts().check()
}

// withCause says why ctx ended where err only says that it did.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) || !errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

func (l *Loader) produce(ctx context.Context, batches chan<- *batch, producers []Producer) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, produce := range producers {
		group.Go(func() error {
			f := &feeder{loader: l, ctx: ctx, batches: batches, batch: l.takeBatch()}
			if err := produce(ctx, f.add); err != nil {
				return err
			}
			return f.flush()
		})
	}
	return group.Wait()
}

func (l *Loader) takeBatch() *batch {
	select {
	case b := <-l.free:
		b.reset()
		return b
	default:
		return newBatch(l.opts.BatchBytes)
	}
}

func (l *Loader) giveBack(b *batch) {
	if cap(b.body) > l.opts.BatchBytes {
		return // grown by one large document; keeping it would unbound the memory
	}
	select {
	case l.free <- b:
	default:
	}
}

// fail is the one place where a failed document is counted.
func (l *Loader) fail(f Failure) {
	l.failures.mu.Lock()
	if len(l.failures.first) < keptFailures {
		l.failures.first = append(l.failures.first, f)
	}
	l.failures.mu.Unlock()
	l.ledger.add(Counts{Failed: 1})

	if l.opts.OnFailure != nil {
		l.failures.calls.Lock()
		defer l.failures.calls.Unlock()
		l.opts.OnFailure(f)
	}
}

// written tells who asked where a document was written.
func (l *Loader) written(id string, a answer) {
	l.failures.calls.Lock()
	defer l.failures.calls.Unlock()
	l.opts.OnWritten(id, a.seqNo, a.term)
}

// tooMany returns a *FailuresError when more documents failed than allowed.
func (l *Loader) tooMany() error {
	counts := l.Counts()
	total := counts.Failed
	if l.opts.Failed != nil {
		total = l.opts.Failed()
	}
	if counts.Failed == 0 || total <= l.opts.MaxFailures {
		return nil
	}
	first := l.Failures()
	return &FailuresError{Counts: counts, Total: total, Limit: l.opts.MaxFailures, First: first[:min(len(first), firstNamed)]}
}

// Counts may be called during Load; documents count as read when their batch
// is handed over.
func (l *Loader) Counts() Counts { return l.ledger.read() }

// Latency may be called during Load.
func (l *Loader) Latency() Latency { return l.latency.latency() }

// Failures returns the first 100 failures; Counts().Failed has their number.
// It may be called during Load.
func (l *Loader) Failures() []Failure {
	l.failures.mu.Lock()
	defer l.failures.mu.Unlock()
	return slices.Clone(l.failures.first)
}
