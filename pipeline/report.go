package pipeline

import (
	"context"
	"errors"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/source"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run.
const (
	OutcomeSwapped Outcome = "swapped" // the new index is live
	OutcomeSkipped Outcome = "skipped" // the live index is young enough
	OutcomeBuilt   Outcome = "built"   // complete, and not swapped, as asked
	OutcomeLocked  Outcome = "locked"  // another run holds the lease
	OutcomeRefused Outcome = "refused" // a gate said no
	OutcomeFailed  Outcome = "failed"
	OutcomeLost    Outcome = "lost"    // the lease was lost
	OutcomeUnknown Outcome = "unknown" // a swap was sent, and what came of it cannot be learnt
)

// The outcomes of other acts. A rollback is swapped, a repair ends as a comparison
// does.
const (
	OutcomePruned   Outcome = "pruned"
	OutcomeUnlocked Outcome = "unlocked"
)

// Report is what one run did, for people and tools.
type Report struct {
	Outcome      Outcome
	Alias        string
	Index        string // of this run; live if Outcome is swapped
	Previous     string // live before
	Token        int64
	RunID        string
	Trigger      string
	Read         int64 // documents read from the snapshot
	Acknowledged int64
	Failed       int64
	Retried      int64
	Verified     int64        // a search of the new index counted before the swap
	Documents    int64        // a search counts in the end, when the index was corrected after the swap
	Bytes        int64        // sent in bulk requests
	Latency      bulk.Latency // of the load's bulk requests
	Orphans      int64        // list rows without their document
	// OrphanLists has them by list field, with the first of their ids.
	OrphanLists map[string]source.Orphans
	// Lists counts the elements of each list, by field, as of the last snapshot that
	// was read in full.
	Lists map[string]int64
	// Catching up: passes made, documents sent again or for the first time,
	// deleted, and rejected in them.
	Passes                       int
	Changed, Removed, PassFailed int64
	// FullPass is the first reason why a pass read all documents and not only
	// those that had changed; empty if none did.
	FullPass string
	// Lag is the time from the last snapshot before the swap to the swap.
	Lag time.Duration
	// Guarantee is what the pass after the swap can promise; LeftToWriters
	// are the documents it did not write because a live writer had.
	Guarantee     Guarantee
	LeftToWriters int64
	CatchUpError  string // of the pass after the swap; empty if all was well
	Started       time.Time
	Duration      time.Duration
	Loading       time.Duration // of Duration, reading and sending documents
	// FirstDocument is the time from the start of the run until the first
	// document was read; 0 if none was.
	FirstDocument time.Duration
	SnapshotAt    time.Time
	Phases        []PhaseTime
	Deleted       []string          // generations retired
	Left          map[string]string // generations not retired, and why
	RetireError   string            // empty if all was well
	// ReplicasWarning says why the index went live with fewer replicas than its
	// body asks for; empty if it has all of them.
	ReplicasWarning string
	// AliasWarning is not empty if somebody may have changed filter or routing of
	// the alias in the moment that it was moved: that change is lost then.
	AliasWarning string
}

// PhaseTime is when a phase was reached, counted from the start of the run.
type PhaseTime struct {
	Phase Phase
	After time.Duration
}

// DocumentsPerSecond is over the whole load; 0 if nothing was loaded.
func (r Report) DocumentsPerSecond() float64 {
	if r.Loading <= 0 {
		return 0
	}
	return float64(r.Acknowledged) / r.Loading.Seconds()
}

// InterruptError is the cause of a context that a signal ended.
type InterruptError struct{ Signal string }

func (e *InterruptError) Error() string { return "interrupted by " + e.Signal }

// OutcomeOf turns the error of a run, or of another act, into its outcome.
func OutcomeOf(err error) Outcome {
	var held *esalias.HeldError
	var gate *GateError
	switch {
	case errors.As(err, &held):
		return OutcomeLocked
	case errors.Is(err, esalias.ErrOutcomeUnknown):
		return OutcomeUnknown
	case errors.As(err, &gate):
		return OutcomeRefused
	case errors.Is(err, esalias.ErrLeaseLost):
		return OutcomeLost
	}
	return OutcomeFailed
}

// WithCause makes err say why its context ended, when that is the reason.
func WithCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	return errors.Join(cause, err)
}
