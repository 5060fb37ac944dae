package bulk

import (
	"context"

	"example.com/reindex/internal/document"
)

// feeder fills batches for one producer.
type feeder struct {
	loader  *Loader
	ctx     context.Context // of the producer, and lives as long
	batches chan<- *batch
	batch   *batch
	read    int64 // documents not yet in the ledger
	refused int   // of those, how many never made it into the batch
}

// add puts one document into the batch and hands the batch over when the next
// one would not fit. It allocates nothing once the buffers have grown.
func (f *feeder) add(doc document.Document) error {
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	if reason := refuse(doc); reason != "" {
		return f.refuse(doc, reason)
	}
	// A document that fits nowhere goes into a batch of its own.
	if len(f.batch.items) > 0 && len(f.batch.body)+room(doc) > f.limit() {
		if err := f.flush(); err != nil {
			return err
		}
	}
	f.batch.add(doc)
	f.read++
	return nil
}

// limit leaves room for the guard, which only a body of deletions gets.
func (f *feeder) limit() int {
	return int(f.loader.maxBody.Load()) - len(guard)
}

// refuse counts a document that cannot be sent. As with rejected documents the
// limit is looked at once per batch, and here also after some refusals: a
// source whose ids are all wrong never fills one.
func (f *feeder) refuse(doc document.Document, reason string) error {
	f.read++
	f.refused++
	f.loader.fail(Failure{ID: string(doc.ID), Type: notSent, Reason: reason})
	if f.refused < keptFailures {
		return nil
	}
	return f.flush()
}

// flush hands the batch to a sender and takes another one.
func (f *feeder) flush() error {
	f.loader.ledger.add(Counts{Read: f.read})
	f.read, f.refused = 0, 0
	if len(f.batch.items) > 0 {
		select {
		case f.batches <- f.batch:
			f.batch = f.loader.takeBatch()
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		}
	}
	return f.loader.tooMany()
}
