package drift

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/document"
	"example.com/reindex/internal/fingerprint"
	"example.com/reindex/internal/readback"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

const (
	// maxRounds bounds how often everything is compared. The second round
	// settles all that was written in time; the others are for documents that
	// are edited without a pause.
	maxRounds = 5
	// maxSuspects bounds the memory for documents that differ, to some 30 MB,
	// twice that while two rounds are compared. No live writer is behind a
	// quarter of a million of them: what is beyond needs no second look.
	maxSuspects = 1 << 18
)

// suspects are the documents that differed when they were last looked at, with
// a hash of what the source had.
type suspects struct {
	documents  looks // by id: missing or different
	surplus    looks // by _id: extra or duplicate
	duplicates int64 // differences of this kind in the first round
	limit      int64
	overflow   bool
}

// looks has what this round and the one before saw, by id.
type looks struct{ before, now map[string]fingerprint.Print }

// at records what the source has now, nothing for what it has not.
func (l *looks) at(id []byte, p fingerprint.Print) look {
	if l.now == nil {
		l.now = map[string]fingerprint.Print{}
	}
	l.now[string(id)] = p
	switch before, found := l.before[string(id)]; {
	case !found:
		return lookNew
	case before.Hash != p.Hash:
		return lookMoving
	}
	return lookDrift
}

// look is what another look at a difference makes of it.
type look int

const (
	lookNew    look = iota // seen for the first time
	lookMoving             // differs again, and the source has changed since
	lookDrift              // differs again, and the source is as it was
)

// look tells whether a difference has stood for a round. The writer of an edit
// had all of a round to deliver it; only if the source has changed since the
// last look may another edit be on its way.
func (s *suspects) look(round int, d difference) look {
	if round == 1 && d.kind == Duplicate {
		s.duplicates++
	}
	if s.overflow {
		return lookDrift
	}
	var seen look
	if d.kind == Extra || d.kind == Duplicate {
		seen = s.surplus.at([]byte(d.hit.ID), fingerprint.Print{})
	} else {
		seen = s.documents.at(d.doc.ID, fingerprint.Of(d.doc.JSON, d.doc.Version))
	}
	s.overflow = round == 1 && int64(len(s.documents.now)+len(s.surplus.now)) > s.limit
	return seen
}

// forget drops what did not differ in this round.
func (s *suspects) forget() {
	for _, l := range []*looks{&s.documents, &s.surplus} {
		l.before, l.now = l.now, nil
	}
}

// tally is what one round found.
type tally struct {
	found              map[Kind]Found
	first, moving      int64 // differences that do not count yet
	documents, indexed int64
	newer              int64
	at                 time.Time
}

func (t *tally) count(d difference) {
	if d.kind == "" {
		return // its duplicates are counted
	}
	found := t.found[d.kind]
	found.Count++
	if len(found.First) < firstIDs {
		found.First = append(found.First, d.name())
	}
	t.found[d.kind] = found
}

func (d difference) name() ID {
	switch {
	case d.kind == Duplicate:
		return ID{ID: d.hit.Key.String(), DocID: d.hit.ID}
	case d.hit != nil:
		return ID{ID: d.hit.ID, Field: d.field}
	}
	return ID{ID: string(d.doc.ID)}
}

// round compares everything once. The index is looked at before the snapshot
// is taken: what a writer has put into it was committed before, so the snapshot
// has it, and a document that the snapshot has not is really gone. fix, if not
// nil, is given each difference that counts.
func (v *verification) round(ctx context.Context, n int, s *suspects, fix func(difference) error) (t tally, err error) {
	v.report.Rounds++
	reader, err := readback.Open(ctx, v.Bulk, v.report.Index, v.opts.ID)
	if err != nil {
		return t, err
	}
	defer v.close(ctx, reader)
	snapshot, err := v.Snapshot(ctx)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	if unstable := snapshot.Info().Unstable; len(unstable) > 0 {
		return t, &source.UnstableError{Columns: unstable}
	}

	t = tally{found: map[Kind]Found{}, at: snapshot.Info().At}
	c := &comparison{
		index: v.report.Index, field: v.opts.ID, reader: reader, lists: v.opts.Lists, versions: v.opts.Versions,
		report: func(d difference) error { return t.judge(n, s, d, fix) },
	}
	if err := c.all(ctx, snapshot); err != nil {
		return t, err
	}
	t.documents, t.indexed, t.newer = c.read, reader.Read(), c.newer
	s.forget()
	return t, nil
}

// close costs nothing but a warning: what was read was read.
func (v *verification) close(ctx context.Context, reader *readback.Reader) {
	if err := reader.Close(ctx); err != nil {
		v.Log.WarnContext(ctx, "a point in time is left behind and keeps the index for a few minutes",
			slog.String("index", v.report.Index), slog.Any("error", err))
	}
}

// judge counts a difference if it has stood for a round.
func (t *tally) judge(n int, s *suspects, d difference, fix func(difference) error) error {
	switch s.look(n, d) {
	case lookNew:
		t.first++
		return nil
	case lookMoving:
		t.moving++
		if n < maxRounds {
			return nil
		}
		// The source never shows the same twice: it is not the writers.
	case lookDrift:
	}
	t.count(d)
	if fix == nil {
		return nil
	}
	return fix(d)
}

// all reads the snapshot through the comparison and counts it beside, so that
// a source that lost rows on the way is not taken for an index with too many.
func (c *comparison) all(ctx context.Context, snapshot pipeline.Snapshot) error {
	var counted int64
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		counted, err = snapshot.Count(ctx)
		return err
	})
	g.Go(func() error {
		if err := c.advance(ctx); err != nil {
			return err
		}
		// One stream alone has the ids in ascending order.
		if _, err := snapshot.Stream(ctx, func(d document.Document) error { return c.document(ctx, d) }); err != nil {
			return err
		}
		return c.end(ctx)
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if counted != c.read {
		return fmt.Errorf("the snapshot has %d documents and %d were read: ids that are not stable within one snapshot?", counted, c.read)
	}
	return nil
}
