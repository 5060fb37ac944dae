package pipeline

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/source"
)

// Snapshot is one unchanging view of the source; [source.Snapshot] is the real
// one. Its methods may be called at the same time, from several goroutines.
type Snapshot interface {
	// Info says which snapshot it is and when it was taken.
	Info() source.Info
	// Estimate is roughly how many documents there will be; for people only.
	Estimate() int64
	// Count is exactly how many there are, found in another way than by
	// reading them.
	Count(ctx context.Context) (int64, error)
	// Stream passes the documents of the ranges it gets to emit. Several
	// streams share the ranges.
	Stream(ctx context.Context, emit func(document.Document) error) (source.StreamStats, error)
	// StreamChanged asks same for the documents of the ranges it gets, without
	// their JSON, and passes those that it denies to emit. Only sources with
	// versions have it.
	StreamChanged(ctx context.Context, same func(document.Document) (bool, error), emit func(document.Document) error) (source.StreamStats, error)
	// Close ends the snapshot.
	Close() error
}

// Deps are what a run works with.
type Deps struct {
	// Alias locks and swaps.
	Alias *esalias.Client
	// Bulk carries the documents. It must not retry by itself.
	Bulk esapi.Transport
	// Snapshot takes a snapshot of the source; it is called after the lease is
	// held, so that what is loaded is never older than the lease.
	Snapshot func(context.Context) (Snapshot, error)
	// Observe is told what happens. Defaults to nobody.
	Observe Observer
	// Log receives what happens in the background. Defaults to nothing.
	Log *slog.Logger
}

// Observer is told about a run as it goes. Its methods are called one at a
// time and should not block.
type Observer interface {
	// Phase is called when a phase is reached.
	Phase(phase Phase, at time.Time)
	// Progress is called several times a second while documents are loaded.
	Progress(p Progress)
}

// Phase is where a run, or whatever else is done under the lease, is: what it
// has begun (loading) or what is done (verified), in the order of the constants.
type Phase string

// The phases. A run goes through all of them but those that its options leave
// out. A repair is catching-up while it compares, and correcting from then on; a
// rollback is swapping and swapped; prune has retired.
const (
	PhaseLocked      Phase = "locked"
	PhaseLoading     Phase = "loading"
	PhaseReplicating Phase = "replicating" // waits for copies, 15 minutes at most
	PhaseCatchingUp  Phase = "catching-up"
	PhaseVerified    Phase = "verified"
	PhaseSwapping    Phase = "swapping"
	PhaseSwapped     Phase = "swapped"
	PhaseCorrecting  Phase = "correcting" // the live index
	PhaseRetired     Phase = "retired"
	PhaseReleased    Phase = "released"
)

// The names of before stay for programs that wait for them: PhaseCreated comes
// before PhaseLoading, PhaseLoaded before PhaseReplicating.
const (
	PhaseCreated Phase = "created"
	PhaseLoaded  Phase = "loaded"
)

// Former says that p is a name for programs only: another phase says the same.
func (p Phase) Former() bool { return p == PhaseCreated || p == PhaseLoaded }

// Progress is how far the load is.
type Progress struct {
	Token     int64  // of the lease
	Index     string // being filled
	Documents int64  // with an outcome
	Failed    int64  // of those
	Retried   int64
	Bytes     int64 // sent
	Estimate  int64 // of all documents; 0 if unknown
	Elapsed   time.Duration
}

// Options say how one run behaves. The zero value of a field means its default.
type Options struct {
	// Holder is who runs; its RunID is required.
	Holder esalias.Holder
	// LockTimeout is how long to wait for a live holder to finish. Defaults to
	// 0: do not wait.
	LockTimeout time.Duration
	// IfOlderThan skips the run if the live index was created less than this
	// long ago. Defaults to 0: never skip.
	IfOlderThan time.Duration
	// Body is {settings, mappings} as the create-index API takes them. Required.
	Body json.RawMessage
	// Tool names the program and its version in the index's _meta.
	Tool string
	// Workers is the number of bulk requests in flight at most; 0 leaves it to the
	// program. Readers is the number of source streams; 0 likewise.
	Workers, Readers int
	// BatchBytes, MaxFailures, RetryFor and OnFailure are those of
	// [bulk.Options].
	BatchBytes  int
	MaxFailures int64
	RetryFor    time.Duration
	OnFailure   func(bulk.Failure)
	// Gates is what the index must pass.
	Gates Gates
	// CatchUp is what to do about rows that change during the run. Defaults to
	// CatchUpUntilQuiet. Versions says that the source has versions.
	CatchUp  CatchUp
	Versions bool
	// Keep is how many earlier generations stay.
	Keep int
	// NoSwap ends the run before the swap, with the index complete, unswapped
	// and, from the next run on, retired.
	NoSwap bool

	// passClock measures how long a pass takes. Defaults to the machine's. Tests
	// have one of their own, because a busy machine makes every pass a long one.
	passClock func() time.Time
}

func (o Options) passTime() time.Time {
	if o.passClock != nil {
		return o.passClock()
	}
	return time.Now()
}

// cleanup is how long what must be tidied up after a run may take: less than
// the 10 s that docker stop and the 30 s that Kubernetes leave a container.
const cleanup = 8 * time.Second

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return bulk.DefaultWorkers
}

func (o Options) readers() int {
	if o.Readers > 0 {
		return o.Readers
	}
	return defaultReaders
}

const (
	// One stream feeds more than Elasticsearch takes on the same machine; the
	// second one keeps it fed while the first waits for its next range.
	defaultReaders = 2
)
