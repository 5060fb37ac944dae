package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/bulk"
)

// CatchUp says what a run does about rows that change while it loads.
type CatchUp string

// The modes of catching up.
const (
	// CatchUpOff swaps in what the first snapshot showed.
	CatchUpOff CatchUp = "off"
	// CatchUpOnce reads the source once more before the swap, and once after.
	CatchUpOnce CatchUp = "once"
	// CatchUpUntilQuiet repeats the pass before the swap as long as that
	// brings the index nearer to the source, and the one after it while it
	// finds something, at most maxCorrections times; where versions tell what
	// has changed, one more compares all contents at the end.
	CatchUpUntilQuiet CatchUp = "until-quiet"
)

// Guarantee says what the pass after the swap can promise about the newer
// edits of a live writer.
type Guarantee string

// The guarantees.
const (
	// GuaranteeNone: there was no pass after the swap.
	GuaranteeNone Guarantee = "none"
	// GuaranteeVersions: every write carried the document's version, so
	// nothing newer was overwritten or deleted.
	GuaranteeVersions Guarantee = "versions"
	// GuaranteeUnchanged: only documents that were still as this run wrote
	// them were corrected; what a live writer had touched was left to it.
	GuaranteeUnchanged Guarantee = "unchanged-since-written"
)

const (
	// A pass that takes no longer than this leaves so little behind that
	// another one would gain nothing.
	shortPass = 2 * time.Second
	// maxPasses bounds the passes before the swap, which stop getting shorter
	// soon.
	maxPasses = 10
	// maxCorrections bounds those after it. Where editing never stops and no
	// live writer follows, the index falls behind whatever a run does.
	maxCorrections = 3
)

// pass is what one comparison of a new snapshot with what was sent found.
type pass struct {
	read    int64
	changed int64 // new or different, sent
	removed int64 // no longer in the source, deleted
	failed  int64
	newer   int64 // not written: the index had something newer
	idle    bool  // nothing was committed since the snapshot before
	took    time.Duration
}

// catchUp brings the index that is not live yet up to the source.
func (r *run) catchUp(ctx context.Context) error {
	if r.prints == nil {
		return nil
	}
	// The first pass has the time of the whole load to make up for, the others
	// a few seconds each.
	before, how := time.Duration(0), byContent
	for n := 1; n <= maxPasses; n++ {
		p, err := r.pass(ctx, r.build.Writer, how, false)
		if err != nil {
			return fmt.Errorf("catch-up pass %d: %w", n, err)
		}
		if p.newer > 0 {
			return fmt.Errorf("catch-up pass %d: %d documents were refused because %s has a newer version of them: "+
				"source.version must grow with every change of a document, also when its row is deleted and inserted again",
				n, p.newer, r.build.Index)
		}
		if p.idle || p.changed+p.removed == 0 || p.took <= shortPass || r.opts.CatchUp == CatchUpOnce {
			return nil
		}
		// While people edit at a steady rate every pass finds something; once
		// they have stopped getting shorter, another one brings nothing.
		if before > 0 && p.took > before*4/5 {
			return nil
		}
		before, how = p.took, byVersion
	}
	return nil
}

// correct compares once more, with the live index, for what was committed
// between the last snapshot and the swap. Under CatchUpUntilQuiet it repeats
// that while it finds something: whoever edits until the new index shows
// commits a little after the snapshot of the first time, and a document that
// the first time created may be gone from the source again. Readers wait for these
// edits, so they are looked for by version first, and the last pass is by content.
//
// It writes through the mark of this run's swap, which names its index for as
// long as that exists, so it can never touch the index of a later run. The swap
// is done; a failure here is told, and costs nothing that the swap had promised.
func (r *run) correct(ctx context.Context, mark string) {
	if r.prints == nil {
		return
	}
	r.report.Guarantee = GuaranteeVersions
	if !r.opts.Versions {
		r.report.Guarantee = GuaranteeUnchanged
	}
	switch {
	case r.opts.CatchUp == CatchUpOnce:
		r.correctBy(ctx, mark, byContent, 1)
	case !r.opts.Versions:
		r.correctBy(ctx, mark, byContent, maxCorrections)
	case r.correctBy(ctx, mark, byVersion, maxCorrections):
		r.correctBy(ctx, mark, byContent, 1)
	}
}

// correctBy makes at most so many passes while they find something. It returns
// false if one has failed, or if one by content can find nothing.
func (r *run) correctBy(ctx context.Context, mark string, how comparing, most int) bool {
	for range most {
		p, err := r.pass(ctx, mark, how, true)
		r.report.LeftToWriters += p.newer + r.touched.Swap(0)
		if err != nil {
			r.report.CatchUpError = err.Error()
			r.report.Guarantee = GuaranteeNone
			r.Log.WarnContext(ctx, "edits made just before the swap may be missing until the next run",
				slog.String("alias", r.report.Alias), slog.Any("error", err))
			return false
		}
		if p.idle {
			return r.snapshot.Info().State != r.compared
		}
		if p.changed+p.removed == 0 {
			break
		}
	}
	return true
}

// comparing is what tells a pass that a document has changed.
type comparing int

const (
	// byContent reads all documents. Besides edits it finds what changed because
	// the day did, and what was edited without a new version.
	byContent comparing = iota
	// byVersion reads the documents whose version is not what it was: a fraction
	// of the time, so that less is left behind. Without versions, and on a new
	// day, it is byContent.
	byVersion
)

// comparer makes the producers of a pass: streams of differences, and then the
// deletions.
type comparer func(number int, target string) (differences, deletions bulk.Producer)

func (r *run) comparer(how comparing, live bool) comparer {
	switch {
	case live && !r.opts.Versions:
		return r.sendIfUntouched
	case how == byVersion:
		return r.sendNewer
	}
	return r.sendDifferences
}

// passOnce is a pass with one snapshot. If that is interrupted, nothing is deleted.
func (r *run) passOnce(ctx context.Context, number int, target string, how comparing, live bool) (p pass, err error) {
	started := time.Now()
	earlier := r.snapshot.Info()
	if err := r.nextSnapshot(ctx); err != nil {
		return p, err
	}
	now := r.snapshot.Info()
	if !r.unfinished && now.State == earlier.State && (how == byVersion || now.State == r.compared) {
		p.idle = true
		r.lastSnapshot = started
		return p, nil
	}
	r.lastSnapshot = started
	if how == byVersion && (!r.opts.Versions || now.Day != earlier.Day) {
		how = byContent
	}
	differences, deletions := r.comparer(how, live)(number, target)
	counted, err := r.sendPass(ctx, target, &p, differences)
	if err != nil || r.interrupted.Load() != nil {
		return p, err
	}
	if counted != p.read {
		return p, &GateError{Gate: "count", Reason: fmt.Sprintf("the snapshot has %d documents and %d were read", counted, p.read)}
	}
	// Only now is known which documents no pass has seen.
	loader, err := r.loader(target, false, r.onDeletionFailure)
	if err != nil {
		return p, err
	}
	if err := loader.Load(ctx, deletions); err != nil {
		return p, err
	}
	c := loader.Counts()
	p.removed, p.newer, p.failed = c.Deleted, p.newer+c.Conflicts, p.failed+c.Failed
	p.took = time.Since(started)
	if how == byContent {
		r.compared = now.State
	}
	r.unfinished = false
	return p, nil
}

// nextSnapshot takes a new snapshot in the place of the one before.
func (r *run) nextSnapshot(ctx context.Context) error {
	next, err := r.takeSnapshot(ctx)
	if err != nil {
		return err
	}
	err = r.snapshot.Close()
	r.snapshot = next
	return err
}

// sendPass streams the snapshot through the comparison and counts it beside.
func (r *run) sendPass(ctx context.Context, target string, p *pass, differences bulk.Producer) (counted int64, err error) {
	loader, err := r.loader(target, false, r.onFailure)
	if err != nil {
		return 0, err
	}
	r.passRead.Store(0)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		counted, err = r.snapshot.Count(ctx)
		return r.readAll(err)
	})
	g.Go(func() error {
		producers := make([]bulk.Producer, r.opts.readers())
		for i := range producers {
			producers[i] = differences
		}
		return loader.Load(ctx, producers...)
	})
	err = g.Wait()
	c := loader.Counts()
	p.read, p.changed = r.passRead.Load(), c.Created+c.Updated
	p.newer, p.failed = c.Conflicts, c.Failed
	return counted, err
}

func (r *run) passed(p pass) {
	r.report.Passes++
	r.report.Changed += p.changed
	r.report.Removed += p.removed
	r.report.PassFailed += p.failed
	r.Log.InfoContext(context.Background(), "catch-up pass done", //nolint:contextcheck // a fact, whatever became of the run
		slog.Int("pass", r.report.Passes), slog.Int64("changed", p.changed), slog.Int64("removed", p.removed),
		slog.Duration("took", p.took))
}

// expected is how many documents the new index must have.
func (r *run) expected() (least, most int64) {
	if r.prints == nil {
		return r.report.Acknowledged, r.report.Acknowledged
	}
	// A document whose change was rejected is there as it was before.
	n := r.prints.Len()
	return n, n + r.report.PassFailed
}
