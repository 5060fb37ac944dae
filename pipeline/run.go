package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/fingerprint"
	"example.com/reindex/internal/source"
)

// run is the state of one call of [Run].
type run struct {
	Deps
	opts   Options
	report Report

	lease    *esalias.Lease
	snapshot Snapshot
	build    *esalias.Build
	orphans  orphans // list rows without their document, of all streams

	// For going on after the source has ended a snapshot.
	interrupted   atomic.Pointer[source.InterruptedError] // of the present snapshot
	interruptions int
	unfinished    bool // a snapshot was interrupted, and no pass has been through since

	// For catching up; prints is nil if there is none.
	prints       *fingerprint.Ranges
	compared     string       // state of the last snapshot whose contents were compared
	lastSnapshot time.Time    // when the last one before the swap was asked for
	passes       int          // begun
	passRead     atomic.Int64 // documents read by the present pass
	touched      atomic.Int64 // documents left to a live writer
	passFailed   int64        // rejections in passes
	notDeleted   atomic.Int64 // deletions that were rejected
	own          ownWrites
	explained    []string      // reasons for full passes
	collected    []*Correction // of the present pass over the live index
	// most is the most documents that readers had at any time of this run: what it
	// replaced or what it swapped in. The gates hold against that to the end.
	most      int64
	mostLists map[string]int64
	reading   listCounts // of the present reading of all contents
}

// Run rebuilds the index behind the alias once. The report is filled as far as
// the run came, whatever the error. Whoever calls it, nightly or by hand, on
// however many machines, at most one run at a time gets past the lease, and
// none gets past the fence without it.
//
// Errors: [*esalias.HeldError], [*esalias.ShapeError], [*GateError],
// [*bulk.FailuresError], [esalias.ErrLeaseLost], [esalias.ErrOutcomeUnknown],
// the cause of ctx, or whatever made a step fail. After any but
// ErrOutcomeUnknown the alias is untouched.
func Run(ctx context.Context, deps Deps, opts Options) (Report, error) {
	if deps.Observe == nil {
		deps.Observe = nobody{}
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	r := newRun(deps, opts, time.Now())
	err := WithCause(ctx, r.all(ctx))
	for again := r; r.prints == nil && again != nil; {
		if again = r.beginAgain(ctx, err); again != nil {
			r = again
			err = WithCause(ctx, r.all(ctx))
		}
	}
	if r.prints != nil {
		if err := r.prints.Unspilled(); err != nil {
			r.Log.InfoContext(ctx, "fingerprints took memory for lack of a temporary file", slog.Any("error", err))
		}
		if err := r.prints.Close(); err != nil {
			r.Log.DebugContext(ctx, "the temporary file of fingerprints was not closed", slog.Any("error", err))
		}
	}
	r.report.Duration = time.Since(r.report.Started)
	if err != nil {
		r.report.Outcome = OutcomeOf(err)
	}
	return r.report, err
}

func newRun(deps Deps, opts Options, started time.Time) *run {
	r := &run{Deps: deps, opts: opts, report: Report{
		Alias: deps.Alias.Alias(), RunID: opts.Holder.RunID, Trigger: opts.Holder.Trigger, Started: started,
		Guarantee: GuaranteeNone,
	}}
	if opts.CatchUp != CatchUpOff {
		r.prints = new(fingerprint.Ranges)
	}
	return r
}

// all is the run: lock, create, load, catch up, verify, swap, catch up once
// more, retire, release.
func (r *run) all(ctx context.Context) (err error) {
	if skip, err := r.youngEnough(ctx); skip || err != nil {
		return err
	}
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.tidy(ctx, err)) }()
	leaseCtx := r.lease.Context()
	if skip, err := r.youngEnough(leaseCtx); skip || err != nil {
		return err // whoever held the lease while we waited has done it
	}
	// What would refuse the swap in any case must not come up after hours of loading.
	if _, _, err := r.countLive(leaseCtx); err != nil {
		return WithCause(leaseCtx, err)
	}
	if err := r.create(leaseCtx); err != nil {
		return WithCause(leaseCtx, err)
	}
	if err := r.load(leaseCtx); err != nil {
		return WithCause(leaseCtx, err)
	}
	if err := r.finish(leaseCtx); err != nil {
		return WithCause(leaseCtx, err)
	}
	if err := r.catchUp(leaseCtx); err != nil {
		return WithCause(leaseCtx, err)
	}
	if err := r.verify(leaseCtx); err != nil {
		return WithCause(leaseCtx, err)
	}
	if r.opts.NoSwap {
		return r.leave(leaseCtx)
	}
	if err := r.beginOwnWrites(leaseCtx); err != nil {
		return WithCause(leaseCtx, err)
	}
	swapped, err := r.swap(leaseCtx)
	if err != nil {
		return err
	}
	r.correct(leaseCtx, swapped.Mark)
	r.retire(leaseCtx)
	return nil
}

// youngEnough decides on Options.IfOlderThan.
func (r *run) youngEnough(ctx context.Context) (bool, error) {
	if r.opts.IfOlderThan <= 0 {
		return false, nil
	}
	status, err := r.Alias.Status(ctx)
	if err != nil {
		return false, err
	}
	for _, g := range status.Generations {
		if g.Index == status.Live && time.Since(g.CreatedAt) < r.opts.IfOlderThan {
			r.report.Outcome, r.report.Index, r.report.Token = OutcomeSkipped, g.Index, g.Token
			return true, nil
		}
	}
	return false, nil
}

func (r *run) lock(ctx context.Context) error {
	// A shape that no swap could cope with is found before hours of loading.
	live, err := r.Alias.Live(ctx)
	if err != nil {
		return err
	}
	r.report.Previous = live
	r.lease, err = r.Alias.Acquire(ctx, r.opts.Holder, r.opts.LockTimeout)
	if err != nil {
		return err
	}
	r.report.Token = r.lease.Token()
	r.reached(PhaseLocked)
	return nil
}

func (r *run) create(ctx context.Context) (err error) {
	r.lastSnapshot = time.Now()
	r.snapshot, err = r.takeSnapshot(ctx)
	if err != nil {
		return err
	}
	info := r.snapshot.Info()
	for _, column := range info.Unstable {
		r.Log.WarnContext(ctx, "a column changes each time it is read; documents are compared without it",
			slog.String("alias", r.report.Alias), slog.String("column", column.String()))
	}
	r.report.SnapshotAt, r.compared = info.At, info.State
	r.build, err = r.lease.Create(ctx, r.opts.Body, esalias.Meta{
		StartedAt:   r.report.Started.UTC().Format(time.RFC3339),
		Tool:        r.opts.Tool,
		MappingHash: hash(r.opts.Body),
		Snapshot:    info.Name,
		SnapshotAt:  info.At.UTC().Format(time.RFC3339Nano),
	})
	if err != nil {
		return err
	}
	r.report.Index, r.report.Token = r.build.Index, r.lease.Token()
	r.reached(PhaseCreated)
	r.reached(PhaseLoading)
	return nil
}

func (r *run) swap(ctx context.Context) (esalias.Swapped, error) {
	r.reached(PhaseSwapping)
	swapped, err := r.lease.Swap(ctx, r.build)
	if err != nil {
		return swapped, err
	}
	r.report.Outcome, r.report.Previous, r.report.AliasWarning = OutcomeSwapped, swapped.Previous, swapped.Warning
	r.report.Lag = time.Since(r.lastSnapshot)
	r.reached(PhaseSwapped)
	return swapped, nil
}

// leave ends a run with NoSwap.
func (r *run) leave(ctx context.Context) error {
	if err := r.lease.Leave(ctx); err != nil {
		return err
	}
	r.report.Outcome = OutcomeBuilt
	return nil
}

// retire is best effort: the swap is done, and the next run retires again.
func (r *run) retire(ctx context.Context) {
	retired, err := r.lease.Retire(ctx, r.opts.Keep, false)
	r.report.Deleted, r.report.Left = retired.Deleted, retired.Left
	r.report.AliasWarning = cmp.Or(r.report.AliasWarning, retired.Warning)
	if err != nil {
		r.report.RetireError = err.Error()
		r.Log.WarnContext(ctx, "old generations not retired; the next run tries again",
			slog.String("alias", r.report.Alias), slog.Any("error", err))
	}
	r.reached(PhaseRetired)
}

// tidy gives up whatever the run still has: an unfinished index, the right to
// swap, the lease, the snapshot. The run's context may be the reason for being
// here, so it has its own time.
func (r *run) tidy(ctx context.Context, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	var errs []error
	if r.snapshot != nil {
		errs = append(errs, r.snapshot.Close())
	}
	if failure != nil && !errors.Is(failure, esalias.ErrOutcomeUnknown) {
		errs = append(errs, r.lease.Abandon(ctx))
	}
	errs = append(errs, r.lease.Release(ctx))
	err := errors.Join(errs...)
	if err == nil {
		r.reached(PhaseReleased)
		return nil
	}
	if failure == nil {
		// The run did what it was asked to; the lease runs out by itself.
		r.Log.WarnContext(ctx, "not released", slog.Any("error", err))
		return nil
	}
	return fmt.Errorf("tidy up: %w", err)
}

func (r *run) reached(p Phase) {
	now := time.Now()
	r.report.Phases = append(r.report.Phases, PhaseTime{Phase: p, After: now.Sub(r.report.Started)})
	if !p.Former() {
		r.lease.Report(string(p), r.report.Acknowledged, r.estimate())
	}
	r.Observe.Phase(p, now)
}

func (r *run) estimate() int64 {
	if r.snapshot == nil {
		return 0
	}
	return r.snapshot.Estimate()
}

type nobody struct{}

func (nobody) Phase(Phase, time.Time) {}
func (nobody) Progress(Progress)      {}
