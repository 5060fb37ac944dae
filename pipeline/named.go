package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/changes"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/fingerprint"
	"example.com/reindex/internal/source"
)

// A pass need not read everything if PostgreSQL can tell which documents may
// have changed since the snapshot before, see package changes. That one is kept
// open until the pass is over. The documents that are named are read by id and
// compared as in any other pass; where none is, the pass is idle, whatever else
// was committed in the database.

const (
	// namedShare is the part of the documents beyond which reading everything is
	// cheaper than reading by id.
	namedShare = 10
	// namedLeast documents are read by id in any case.
	namedLeast = 1000
)

// changesSince asks which documents may have changed since the snapshot before.
// The answer is a full pass where nobody can tell, which is logged once for each
// reason.
func (r *run) changesSince(ctx context.Context, before Snapshot) changes.Verdict {
	older, known := before.(*source.Snapshot)
	newer, alsoKnown := r.snapshot.(*source.Snapshot)
	if !known || !alsoKnown || r.unfinished || r.compared != before.Info().State {
		return changes.Verdict{} // what the index has is not what the snapshot before showed
	}
	most := max(namedLeast, int(r.prints.Len()+r.prints.Failed())/namedShare)
	v, err := newer.Changes(ctx, older, changes.Options{MaxIDs: most})
	if err == nil && v.Kind == changes.Idle {
		v, err = confirmIdle(ctx, newer)
	}
	if err != nil {
		// A comparison that fails costs time and no edits.
		v = changes.Verdict{Reason: changes.Refusal{Why: err.Error()}}
	}
	if v.Kind == changes.Full {
		r.explainFullPass(ctx, v.Reason)
	}
	return v
}

// confirmIdle looks at the catalog once more.
func confirmIdle(ctx context.Context, s *source.Snapshot) (changes.Verdict, error) {
	refusal, err := s.Confirm(ctx)
	if refusal != nil {
		return changes.Verdict{Reason: *refusal}, err
	}
	return changes.Verdict{Kind: changes.Idle}, err
}

// explainFullPass says once for each reason why everything is read again.
func (r *run) explainFullPass(ctx context.Context, why changes.Refusal) {
	if ctx.Err() != nil || slices.Contains(r.explained, why.Why) {
		return
	}
	r.explained = append(r.explained, why.Why)
	if r.report.FullPass == "" {
		r.report.FullPass = why.String()
	}
	r.Log.InfoContext(ctx, "a catch-up pass reads all documents", slog.String("alias", r.report.Alias), slog.String("reason", why.String()))
}

// countTables prepares the first comparison while the load goes on.
func (r *run) countTables(ctx context.Context) {
	s, ok := r.snapshot.(*source.Snapshot)
	if !ok || r.prints == nil {
		return
	}
	if err := s.CountTables(ctx); err != nil {
		// The streams notice it too if the snapshot has ended. Otherwise the comparison
		// counts again, and says why it cannot.
		r.Log.DebugContext(ctx, "the tables were not counted", slog.Any("error", err))
	}
}

// sendNamed makes the differences of a pass that reads only some documents, and
// its deletions. before is the snapshot that the index shows.
func (r *run) sendNamed(before Snapshot, ids []string, live bool) comparer {
	return func(number int) (differences, deletions bulk.Producer) {
		var taken atomic.Bool
		var gone map[int][][]byte
		differences = func(ctx context.Context, add func(document.Document) error) error {
			if taken.Swap(true) {
				return nil // one stream reads them all
			}
			n := namedPass{run: r, number: number, unversioned: live && !r.opts.Versions, add: add, gone: map[int][][]byte{}}
			err := n.read(ctx, before, ids)
			gone = n.gone
			return r.readAll(err)
		}
		// Only now are they forgotten: a pass that is interrupted deletes nothing, and the next
		// one has to know of them.
		deletions = func(_ context.Context, add func(document.Document) error) error {
			for _, number := range slices.Sorted(maps.Keys(gone)) {
				if err := r.prints.Forget(number, gone[number], func(id []byte, old fingerprint.Print) error {
					return add(document.Document{ID: id, Version: old.Version})
				}); err != nil {
					return err
				}
			}
			return nil
		}
		return differences, deletions
	}
}

// namedPass is a pass over documents that are named.
type namedPass struct {
	run         *run
	number      int
	unversioned bool
	add         func(document.Document) error
	now         []fingerprint.Now
	gone        map[int][][]byte // ids by range, of documents that are recorded and exist no longer
	deleted     int64            // of those
}

// read compares the documents of all ids. The pass has read everything then, as
// far as the gates are concerned: what was not named is as it was.
func (n *namedPass) read(ctx context.Context, before Snapshot, ids []string) error {
	r := n.run
	older, known := before.(*source.Snapshot)
	newer, alsoKnown := r.snapshot.(*source.Snapshot)
	if !known || !alsoKnown {
		return errors.New("the snapshots cannot read documents by id")
	}
	now, err := newer.StreamByID(ctx, ids, n.compare)
	if err != nil {
		return err
	}
	// What the lists of these documents had is no longer known to anybody else.
	then, err := older.StreamByID(ctx, ids, func(int, []document.Document) error { return nil })
	if err != nil {
		return err
	}
	r.passRead.Store(r.prints.Len() + r.prints.Failed() - n.deleted)
	r.reading.add(r.report.Lists)
	r.reading.add(now.Elements)
	for list, elements := range then.Elements {
		r.reading.add(map[string]int64{list: -elements})
	}
	refusal, err := newer.Confirm(ctx)
	if err == nil && refusal != nil {
		err = &source.InterruptedError{Why: refusal.Why}
	}
	return err
}

func (n *namedPass) compare(number int, docs []document.Document) error {
	n.now = n.now[:0]
	for _, d := range docs {
		now := fingerprint.Now{ID: d.ID, Gone: d.JSON == nil}
		if !now.Gone {
			now.Print = fingerprint.Of(comparedText(d), n.version(d))
		}
		n.now = append(n.now, now)
	}
	return n.run.prints.Amend(n.number, number, n.now, func(i int, change fingerprint.Change, old fingerprint.Print) error {
		return n.changed(number, docs[i], change, old)
	})
}

func (n *namedPass) version(d document.Document) int64 {
	if n.unversioned {
		return 0
	}
	return d.Version
}

func (n *namedPass) changed(number int, d document.Document, change fingerprint.Change, old fingerprint.Print) error {
	if d.JSON == nil {
		n.gone[number] = append(n.gone[number], slices.Clone(d.ID))
		n.deleted++
		return nil
	}
	if n.unversioned {
		d.Version, d.Create = 0, change == fingerprint.New
		return n.add(d)
	}
	if d.Version < old.Version {
		return &VersionError{ID: string(d.ID), Before: old.Version, Now: d.Version}
	}
	if err := n.add(d); err != nil {
		return fmt.Errorf("document %s: %w", d.ID, err)
	}
	return nil
}
