// Package esalias moves an Elasticsearch alias from one complete index to the
// next, so that of all runs that try at the same time, at most one succeeds
// and a late, repeated or resurrected one cannot succeed at all.
//
// # Promise
//
//   - The alias is on exactly one index from the first swap on, whatever is
//     killed, paused, cut off or started twice.
//   - The right to swap is held by one run at a time. [Lease.Swap] and
//     [Lease.Rollback] are methods of a [Lease], so code that holds no lease
//     cannot name them.
//   - What the alias is besides its name, filter, routing and whether it is
//     hidden, stays: every request that moves it carries [Properties] over.
//   - A swap has three answers: swapped, not swapped, or [ErrOutcomeUnknown].
//     The first two are promises.
//   - An index is deleted only by a request that also proves, in the same
//     cluster state, that another index is live, or that the deleted one was
//     never live, and only if it carries no alias that this package did not
//     make.
//
// # How
//
// The lock index lock-<alias> holds one document, the lease, and one alias,
// the fence. The lease is politeness: it keeps a second run from doing useless
// work and says who is at work; no safety rule depends on it. The fence is the
// safety: its name carries the token and the id of the run that may swap, each
// name is used once, and every request that matters removes the fence it saw by
// that exact name with must_exist. Elasticsearch applies such a request whole
// or not at all. docs/protocol tells it step by step, with the model that was
// checked.
//
// # Use
//
//	c, err := esalias.New(transport, "persons", esalias.Options{}) // a transport that never sends twice
//	lease, err := c.Acquire(ctx, esalias.Holder{Host: host, PID: pid, RunID: esalias.NewRunID()}, 0)
//	defer lease.Release(ctx)
//	build, err := lease.Create(lease.Context(), body, esalias.Meta{})
//	// load through build.Writer with require_alias=true, and prove that all is there
//	short, err := build.Finish(lease.Context())
//	swapped, err := lease.Swap(lease.Context(), build)
//	retired, err := lease.Retire(lease.Context(), 1, false)
//
// # Words
//
//   - lock: what people call the lease; lock-<alias> is its index.
//   - lease: the right of one run to work, renewed while it does ([Lease]).
//   - fence: the one alias on the lock index that says who may swap; claimed
//     (<alias>.claim-<token>-<run>) or spent (<alias>.done-<token>-<run>).
//   - token: the number of a lease, higher than that of every lease before; the
//     index of a run is named <alias>-<token>.
//   - generation: an index of the alias that a run of this package made.
//   - mark: the alias <alias>.swap-<token>-<run> on an index that a swap has made
//     live; it stays as long as the index ([Swapped.Mark]).
//   - writer alias: <alias>.w-<token>-<run>, through which an index is filled
//     until it goes live ([Build.Writer]).
//
// # Limits
//
//   - The names <alias>-<digits>, <alias>.claim-*, <alias>.done-*, <alias>.w-*,
//     <alias>.swap-* and lock-<alias>* belong to this package.
//   - It does not know what is in an index; whether it is complete is for the
//     caller to find out between [Lease.Create] and [Lease.Swap].
//   - It cannot protect an alias from people who edit it by hand; it notices
//     and refuses ([ShapeError]), or, where the edit came between its last look
//     and its request, says that it may be lost ([Swapped.Warning]).
//   - After a snapshot restore of the cluster state the lock index must be
//     deleted: it brings spent fence names back.
package esalias
