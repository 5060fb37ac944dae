package pipeline

import (
	"context"
	"errors"
	"time"

	"example.com/reindex/esalias"
)

// Rollback makes an earlier generation live again: to, or the newest one if to
// is empty. It takes the lease like any run and has the outcomes of a swap.
func Rollback(ctx context.Context, alias *esalias.Client, who esalias.Holder, wait time.Duration, to string) (esalias.Swapped, error) {
	var swapped esalias.Swapped
	err := UnderLease(ctx, alias, who, wait, func(ctx context.Context, l *esalias.Lease) (err error) {
		l.Report("rolling back", 0, 0)
		swapped, err = l.Rollback(ctx, to)
		return err
	})
	return swapped, err
}

// Prune deletes the generations that nobody needs, as [esalias.Lease.Retire]
// tells, under the lease.
func Prune(ctx context.Context, alias *esalias.Client, who esalias.Holder, wait time.Duration, keep int, dryRun bool) (esalias.Retired, error) {
	var retired esalias.Retired
	err := UnderLease(ctx, alias, who, wait, func(ctx context.Context, l *esalias.Lease) (err error) {
		l.Report("pruning", 0, 0)
		retired, err = l.Retire(ctx, keep, dryRun)
		return err
	})
	return retired, err
}

// UnderLease calls do while it holds the lease, which ends do's context when it
// is lost, and releases it afterwards.
func UnderLease(ctx context.Context, alias *esalias.Client, who esalias.Holder, wait time.Duration,
	do func(context.Context, *esalias.Lease) error,
) error {
	lease, err := alias.Acquire(ctx, who, wait)
	if err != nil {
		return WithCause(ctx, err)
	}
	err = WithCause(lease.Context(), do(lease.Context(), lease))
	// The context may be the reason why do ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	releaseErr := lease.Release(ctx)
	if err == nil {
		// Done; a lease that could not be released runs out by itself.
		return nil
	}
	return errors.Join(err, releaseErr)
}
