package pipeline

import (
	"context"
	"errors"
	"fmt"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/fingerprint"
)

// sendDifferences sends whatever is new or different, with its version if the
// source has one.
func (r *run) sendDifferences(number int) (differences, deletions bulk.Producer) {
	differences = func(ctx context.Context, add func(document.Document) error) error {
		cursor := r.prints.Cursor(number)
		defer cursor.Close()
		stats, err := r.snapshot.Stream(ctx, func(d document.Document) error {
			r.passRead.Add(1)
			return sendDifference(cursor, d, add)
		})
		r.reading.add(stats.Elements)
		return r.readAll(err)
	}
	return differences, r.sendDeletions(number)
}

// sendNewer does so too, and takes a document for unchanged if its version is.
func (r *run) sendNewer(number int) (differences, deletions bulk.Producer) {
	differences = func(ctx context.Context, add func(document.Document) error) error {
		cursor := r.prints.Cursor(number)
		defer cursor.Close()
		_, err := r.snapshot.StreamChanged(ctx, func(d document.Document) (bool, error) {
			r.passRead.Add(1)
			same, err := cursor.Unchanged(d.Range, d.ID, d.Version)
			return same, named(err, d)
		}, func(d document.Document) error {
			return sendDifference(cursor, d, add)
		})
		return r.readAll(err)
	}
	return differences, r.sendDeletions(number)
}

func sendDifference(cursor *fingerprint.Cursor, d document.Document, add func(document.Document) error) error {
	change, old, err := observe(cursor, d, d.Version)
	if err != nil || change == fingerprint.Same {
		return err
	}
	if d.Version < old.Version {
		return &VersionError{ID: string(d.ID), Before: old.Version, Now: d.Version}
	}
	return add(d)
}

// sendDeletions deletes what the pass has not seen.
func (r *run) sendDeletions(number int) bulk.Producer {
	return func(_ context.Context, add func(document.Document) error) error {
		return r.prints.Sweep(number, func(id []byte, old fingerprint.Print) error {
			return add(document.Document{ID: id, Version: old.Version})
		})
	}
}

// VersionError means that a version went back.
type VersionError struct {
	ID          string
	Before, Now int64
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("document %s: its version went from %d to %d", e.ID, e.Before, e.Now)
}

// Hint says what a version has to do.
func (e *VersionError) Hint() string { return "source.version must grow with every change" }

// recordAll is the comparison of the load itself: everything is sent, and
// recorded. That an id comes a second time in another range is noticed by
// Elasticsearch, as without catching up.
func recordAll(cursor *fingerprint.Cursor, add func(document.Document) error) func(document.Document) error {
	return func(d document.Document) error {
		if _, _, err := observe(cursor, d, d.Version); err != nil {
			return err
		}
		return add(d)
	}
}

// observe records a document, and returns what it was before.
func observe(cursor *fingerprint.Cursor, d document.Document, version int64) (fingerprint.Change, fingerprint.Print, error) {
	change, old, err := cursor.Observe(d.Range, d.ID, fingerprint.Of(comparedText(d), version))
	return change, old, named(err, d)
}

// comparedText is what tells one state of a document from another.
func comparedText(d document.Document) []byte {
	if d.Compared != nil {
		return d.Compared
	}
	return d.JSON
}

// named says which document came twice.
func named(err error, d document.Document) error {
	if errors.Is(err, fingerprint.ErrTwice) {
		return fmt.Errorf("the source produced id %s twice: its document query fans out", d.ID)
	}
	return err
}
