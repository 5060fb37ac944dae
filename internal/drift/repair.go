package drift

import (
	"context"
	"errors"
	"fmt"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
	"example.com/reindex/pipeline"
)

// repair levels the live index. It writes what has differed for a round,
// through the mark of the swap that made the index live, and each write only
// if nothing newer has come since. Then everything is compared once more.
func (v *verification) repair(ctx context.Context, lease pipeline.Held) error {
	if err := v.locate(ctx); err != nil { // again: a run may have ended before the lease was ours
		return err
	}
	lease.Reached(pipeline.PhaseCatchingUp, 0, 0)
	s := &suspects{limit: maxSuspects}
	seen, err := v.round(ctx, 1, s, nil)
	if err != nil {
		return err
	}
	v.compared(seen)
	v.report.Found = seen.found
	if seen.first == 0 && !s.overflow {
		return v.conclude(ctx, OutcomeEqual)
	}
	if err := v.write(ctx, lease, s, seen.documents); err != nil {
		return fmt.Errorf("repair %s: %w", v.report.Index, err)
	}
	left, err := v.rounds(ctx)
	if err != nil {
		return err
	}
	v.report.Left = left.found
	if total(v.report.Found) == 0 {
		return v.conclude(ctx, OutcomeEqual) // it was all on its way
	}
	return v.conclude(ctx, OutcomeRepaired)
}

// write is the second round, with a remedy for each difference that has stood.
// They are sent when everything was compared and the gates have nothing against
// it: the tables of the source may have been emptied, or be half full.
func (v *verification) write(ctx context.Context, lease pipeline.Held, s *suspects, total int64) (err error) {
	correction := new(pipeline.Correction)
	defer func() { err = errors.Join(err, correction.Close()) }()
	t, err := v.round(ctx, 2, s, func(d difference) error { return correction.Add(v.remedy(d)) })
	v.report.Found = t.found
	if err != nil {
		return err
	}
	// Copies of a document that stays are no loss.
	permit := pipeline.Permit{Gates: v.opts.Gates, Read: t.documents, Counted: t.documents, Change: pipeline.Change{
		Refused: "nothing repaired", Live: v.report.Index, Before: t.indexed - s.duplicates, After: t.documents,
	}}
	lease.Reached(pipeline.PhaseCorrecting, 0, total)
	written, err := correction.Write(ctx, v.Bulk, permit, bulk.Options{
		Target:      v.mark,
		Workers:     v.opts.Workers,
		BatchBytes:  v.opts.BatchBytes,
		MaxFailures: v.opts.MaxFailures,
		RetryFor:    v.opts.RetryFor,
		OnFailure:   v.opts.OnFailure,
	}, v.opts.OnFailure, nil)
	v.report.Created, v.report.Updated, v.report.Deleted = written.Changes.Created, written.Changes.Updated, written.Deletions.Deleted
	v.report.LeftToWriters, v.report.Failed = written.Conflicts(), written.Failed()
	return err
}

// remedy is the write that levels one document, with the condition that leaves
// to a live writer what it has touched.
//
// With versions, the condition is the version: that of the source for what is
// written, that of the index for what is deleted (external_gte), so that one
// that has become newer is neither replaced nor removed. Without versions, it
// is that the document is still the one that was compared, or still missing.
func (v *verification) remedy(d difference) document.Document {
	deletion := d.kind == Extra || d.kind == Duplicate
	switch {
	case deletion && v.deleteByVersion(d):
		return document.Document{ID: []byte(d.hit.ID), Version: d.hit.Version}
	case deletion:
		return document.Document{ID: []byte(d.hit.ID), SeqNo: d.hit.SeqNo, PrimaryTerm: d.hit.PrimaryTerm}
	case v.opts.Versions:
		return d.doc
	case d.hit == nil:
		d.doc.Create = true
		return d.doc
	}
	d.doc.SeqNo, d.doc.PrimaryTerm = d.hit.SeqNo, d.hit.PrimaryTerm
	return d.doc
}

// deleteByVersion: a deletion by version leaves a tombstone that a later
// version of the document gets past at once; one by sequence number raises the
// version by one, which can shut the next version out for a minute
// (index.gc_deletes). But where the document does not belong under its _id,
// its version says nothing about the one that does.
func (v *verification) deleteByVersion(d difference) bool {
	return v.opts.Versions && d.hit.Version > 0 && d.hit.HasKey && d.hit.Key.String() == d.hit.ID
}
