package pipeline

import (
	"context"
	"errors"
	"time"

	"example.com/reindex/esalias"
)

// Act is what anything that is done under the lease needs, besides a run, which
// has its own options.
type Act struct {
	Alias *esalias.Client
	// Holder is who acts; its RunID is required.
	Holder esalias.Holder
	// LockTimeout is how long to wait for a live holder to finish.
	LockTimeout time.Duration
	// Observe is told of the phases. Defaults to nobody.
	Observe Observer
}

// Held is the lease of an act.
type Held struct {
	*esalias.Lease

	observe Observer
}

// Reached says where the act is, to the observer and to whoever reads the lease.
func (h Held) Reached(p Phase, documents, total int64) {
	h.Report(string(p), documents, total)
	h.observe.Phase(p, time.Now())
}

// Rollback makes an earlier generation live again: to, or the newest one if to
// is empty. It takes the lease like any run and has the outcomes of a swap.
func Rollback(ctx context.Context, act Act, to string) (esalias.Swapped, error) {
	var swapped esalias.Swapped
	err := act.UnderLease(ctx, func(ctx context.Context, l Held) (err error) {
		l.Reached(PhaseSwapping, 0, 0)
		if swapped, err = l.Rollback(ctx, to); err == nil {
			l.Reached(PhaseSwapped, 0, 0)
		}
		return err
	})
	return swapped, err
}

// Prune deletes the generations that nobody needs, as [esalias.Lease.Retire]
// tells, under the lease.
func Prune(ctx context.Context, act Act, keep int, dryRun bool) (esalias.Retired, error) {
	var retired esalias.Retired
	err := act.UnderLease(ctx, func(ctx context.Context, l Held) (err error) {
		if retired, err = l.Retire(ctx, keep, dryRun); err == nil {
			l.Reached(PhaseRetired, 0, 0)
		}
		return err
	})
	return retired, err
}

// UnderLease calls do while it holds the lease, which ends do's context when it
// is lost, and releases it afterwards.
func (a Act) UnderLease(ctx context.Context, do func(context.Context, Held) error) error {
	held := Held{observe: a.Observe}
	if held.observe == nil {
		held.observe = nobody{}
	}
	lease, err := a.Alias.Acquire(ctx, a.Holder, a.LockTimeout)
	if err != nil {
		return WithCause(ctx, err)
	}
	held.Lease = lease
	held.Reached(PhaseLocked, 0, 0)
	err = WithCause(lease.Context(), do(lease.Context(), held))
	// The context may be the reason why do ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	releaseErr := lease.Release(ctx)
	if releaseErr == nil {
		held.observe.Phase(PhaseReleased, time.Now())
	}
	if err == nil {
		// Done; a lease that could not be released runs out by itself.
		return nil
	}
	return errors.Join(err, releaseErr)
}
