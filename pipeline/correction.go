package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/readback"
	"example.com/reindex/internal/spool"
)

// Correction is a set of writes to the index that readers see, and the only
// code that sends any: the pass after a swap, a repair, and whatever else is to
// bring a live index up to date. All of them are collected before the first is
// sent, because a gate can judge what readers would have only when everything
// was read: rows that vanish or lose their lists in the middle of a reading
// would else be gone from the index by the time that this is noticed.
//
// The zero value is ready. It holds little memory, see [spool.Spool].
type Correction struct {
	changes, deletions spool.Spool
}

// Add keeps a copy of a document that is to be written, or deleted if it has no
// JSON. It may be called from several goroutines at once.
func (c *Correction) Add(d document.Document) error {
	if d.JSON == nil {
		return c.deletions.Add(d)
	}
	return c.changes.Add(d)
}

// Close gives up what was collected.
func (c *Correction) Close() error { return errors.Join(c.changes.Close(), c.deletions.Close()) }

// Permit is what a correction needs to be let through.
type Permit struct {
	Gates Gates
	// Change is what readers have and what they would have. Its Refused says what is
	// not done if a gate refuses.
	Change Change
	// Read is how many documents were read, Counted how many there are by another
	// count of the same snapshot.
	Read, Counted int64
}

// judge returns a [*GateError] if the correction must not be made.
func (p Permit) judge() error {
	if p.Read != p.Counted {
		return &GateError{Refused: p.Change.Refused, Gate: "count", Reason: countReason(p.Counted, p.Read)}
	}
	return p.Gates.Judge(p.Change)
}

// Conditioner gives documents the condition on which they may be written, and
// passes those that may to add. The slices of docs are its own until it returns.
type Conditioner func(ctx context.Context, docs []document.Document, add func(document.Document) error) error

// Written is what a correction did.
type Written struct {
	Changes, Deletions bulk.Counts
}

// Failed is how many documents were rejected.
func (w Written) Failed() int64 { return w.Changes.Failed + w.Deletions.Failed }

// Conflicts is how many were not written because their condition did not hold.
func (w Written) Conflicts() int64 { return w.Changes.Conflicts + w.Deletions.Conflicts }

// Write sends what was collected through the alias that opts.Target names, if
// the permit is good: first the changes, then the deletions. With nothing
// collected, nothing is judged. notDeleted is opts.OnFailure for the deletions;
// it and condition may be nil. The counts are those so far, whatever the error.
func (c *Correction) Write(ctx context.Context, t esapi.Transport, permit Permit, opts bulk.Options,
	notDeleted func(bulk.Failure), condition Conditioner,
) (w Written, err error) {
	if c.changes.Len()+c.deletions.Len() == 0 {
		return w, nil
	}
	if err := permit.judge(); err != nil {
		return w, err
	}
	if opts.Failed == nil { // one limit for both loads
		var failed atomic.Int64
		opts.Failed = failed.Load
		opts.OnFailure, notDeleted = counting(&failed, opts.OnFailure), counting(&failed, notDeleted)
	}
	if w.Changes, err = send(ctx, t, &c.changes, opts, condition); err != nil {
		return w, err
	}
	opts.OnFailure = notDeleted
	w.Deletions, err = send(ctx, t, &c.deletions, opts, condition)
	return w, err
}

func counting(failed *atomic.Int64, tell func(bulk.Failure)) func(bulk.Failure) {
	return func(f bulk.Failure) {
		failed.Add(1)
		if tell != nil {
			tell(f)
		}
	}
}

func send(ctx context.Context, t esapi.Transport, from *spool.Spool, opts bulk.Options, condition Conditioner) (bulk.Counts, error) {
	if from.Len() == 0 {
		return bulk.Counts{}, nil
	}
	loader, err := bulk.New(t, opts)
	if err != nil {
		return bulk.Counts{}, err
	}
	err = loader.Load(ctx, func(ctx context.Context, add func(document.Document) error) error {
		if condition == nil {
			return from.Each(add)
		}
		return inChunks(from, func(docs []document.Document) error { return condition(ctx, docs, add) })
	})
	return loader.Counts(), err
}

const (
	// chunkDocuments is how many documents get their condition with one request.
	chunkDocuments = readback.MaxPlaces
	// chunkBytes bounds the memory for them.
	chunkBytes = 4 << 20
)

// inChunks calls do with a few documents at a time.
func inChunks(from *spool.Spool, do func([]document.Document) error) error {
	var docs []document.Document
	bytes := 0
	flush := func() error {
		err := do(docs)
		docs, bytes = docs[:0], 0
		return err
	}
	err := from.Each(func(d document.Document) error {
		d.ID, d.JSON = slices.Clone(d.ID), slices.Clone(d.JSON)
		docs, bytes = append(docs, d), bytes+len(d.JSON)
		if len(docs) < chunkDocuments && bytes < chunkBytes {
			return nil
		}
		return flush()
	})
	if err != nil || len(docs) == 0 {
		return err
	}
	return flush()
}
