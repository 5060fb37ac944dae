package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/changes"
	"example.com/reindex/internal/readback"
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
	newer   int64 // not written: the index had something newer
	idle    bool  // no document has changed since the snapshot before
	again   bool  // to be finished by content, because the gates must see the lists
	took    time.Duration
}

// catchUp brings the index that is not live yet up to the source.
func (r *run) catchUp(ctx context.Context) error {
	if r.prints == nil {
		return nil
	}
	r.reached(PhaseCatchingUp)
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
// is done; a failure here is reported, and costs nothing that the swap had
// promised. What a gate refuses is not written, see [Correction].
func (r *run) correct(ctx context.Context, mark string) {
	if r.prints == nil {
		return
	}
	r.reached(PhaseCorrecting)
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
	r.recount(ctx, mark)
}

// recount says how many documents readers have after the corrections. It stays
// at what was swapped in where that cannot be counted.
func (r *run) recount(ctx context.Context, mark string) {
	err := readback.Refresh(ctx, r.Bulk, mark)
	if err == nil {
		var documents int64
		if documents, err = r.Alias.Count(ctx, r.report.Index); err == nil {
			r.report.Documents = documents
			return
		}
	}
	r.Log.WarnContext(ctx, "the live index was not counted after the corrections", slog.String("index", r.report.Index), slog.Any("error", err))
}

// correctBy makes at most so many passes while they find something. It returns
// false if one has failed, or if one by content can find nothing.
func (r *run) correctBy(ctx context.Context, mark string, how comparing, most int) bool {
	for range most {
		p, err := r.pass(ctx, mark, how, true)
		r.report.LeftToWriters += p.newer + r.touched.Swap(0)
		if err != nil {
			r.gaveUp(ctx, err)
			return false
		}
		if p.idle {
			return r.snapshot.Info().State != r.compared
		}
		if p.changed+p.removed == 0 {
			break
		}
		if r.own.full() {
			r.gaveUp(ctx, fmt.Errorf("more than %d documents were corrected after the swap; "+
				"what of them was edited again since is left to the next run", maxOwnWrites))
			return false
		}
	}
	return true
}

// gaveUp reports that the corrections ended early.
func (r *run) gaveUp(ctx context.Context, err error) {
	r.report.CatchUpError = err.Error()
	r.report.Guarantee = GuaranteeNone
	r.Log.WarnContext(ctx, "edits made just before the swap may be missing until the next run",
		slog.String("alias", r.report.Alias), slog.Any("error", err))
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
// deletions, which are known only when all streams have ended.
type comparer func(number int) (differences, deletions bulk.Producer)

func (r *run) comparer(how comparing, live bool) comparer {
	switch {
	case live && !r.opts.Versions:
		return r.sendUnversioned
	case how == byVersion:
		return r.sendNewer
	}
	return r.sendDifferences
}

// passOnce is a pass with one snapshot: it writes what differs from what was sent
// before, through target. If the snapshot is interrupted, nothing is deleted, and
// nothing written to a live index.
func (r *run) passOnce(ctx context.Context, number int, target string, how comparing, live bool) (p pass, err error) {
	started, began := time.Now(), r.opts.passTime()
	before := r.snapshot
	next, err := r.takeSnapshot(ctx)
	if err != nil {
		return p, err
	}
	r.snapshot = next
	kept := before // as long as it is compared with
	defer func() {
		if kept != nil {
			err = errors.Join(err, kept.Close())
		}
	}()
	earlier, now := before.Info(), next.Info()
	r.lastSnapshot = started
	if !r.unfinished && now.State == earlier.State && (how == byVersion || now.State == r.compared) {
		p.idle = true
		return p, nil
	}
	compare := r.comparer(how, live)
	switch v := r.changesSince(ctx, before); v.Kind {
	case changes.Idle:
		p.idle, r.compared = true, now.State
		return p, nil
	case changes.Some:
		how, compare = byContent, r.sendNamed(before, v.IDs, live)
	case changes.Full:
		kept = nil
		if err := before.Close(); err != nil {
			return p, err
		}
		if how == byVersion && (!r.opts.Versions || now.Day != earlier.Day) {
			how = byContent
			compare = r.comparer(how, live)
		}
	}
	differences, deletions := compare(number)
	if live {
		err = r.correctLive(ctx, target, how, &p, differences, deletions)
	} else {
		err = r.sendPass(ctx, target, how, &p, differences, deletions)
	}
	p.took = r.opts.passTime().Sub(began)
	if err != nil || r.interrupted.Load() != nil || p.again {
		return p, err
	}
	if how == byContent {
		r.compared, r.report.Lists = now.State, r.reading.take()
	}
	r.unfinished = false
	return p, nil
}

// sendPass writes to an index that nobody sees yet, while it reads. What a gate
// would say about it is asked before the swap.
func (r *run) sendPass(ctx context.Context, target string, how comparing, p *pass, differences, deletions bulk.Producer) error {
	loader, err := r.loader(target, false, r.onFailure)
	if err != nil {
		return err
	}
	counted, err := r.readPass(ctx, p, differences, loader.Load)
	c := loader.Counts()
	p.changed, p.newer = c.Created+c.Updated, c.Conflicts
	r.passFailed += c.Failed
	if err != nil || r.interrupted.Load() != nil {
		return err
	}
	if counted != p.read {
		return &GateError{Gate: "count", Reason: countReason(counted, p.read)}
	}
	if p.again = how == byVersion && r.needsLists(p.changed); p.again {
		return nil
	}
	if loader, err = r.loader(target, false, r.onDeletionFailure); err != nil {
		return err
	}
	err = loader.Load(ctx, deletions)
	c = loader.Counts()
	p.removed, p.newer = c.Deleted, p.newer+c.Conflicts
	r.passFailed += c.Failed
	return err
}

// correctLive writes to the index that readers see, when everything was read
// and the gates have nothing against it. What it collects from a snapshot that is
// interrupted waits for the next one: it is judged, and written, together with that.
func (r *run) correctLive(ctx context.Context, mark string, how comparing, p *pass, differences, deletions bulk.Producer) (err error) {
	correction := new(Correction)
	r.collected = append(r.collected, correction)
	counted, err := r.readPass(ctx, p, differences, collectIn(correction))
	if err != nil || r.interrupted.Load() != nil {
		return err
	}
	if how == byVersion && r.needsLists(correction.changes.Len()) {
		p.again = true
		return nil
	}
	if err := deletions(ctx, correction.Add); err != nil {
		return err
	}
	permit := Permit{Gates: r.opts.Gates, Read: p.read, Counted: counted, Change: Change{
		Refused: "the live index was not corrected", Live: r.report.Index, Before: r.most, After: counted,
	}}
	if how == byContent {
		permit.Change.ListsBefore, permit.Change.ListsAfter = r.mostLists, r.reading.take()
	}
	for _, c := range r.collected { // one after the other: a later one may have the same document
		written, err := r.writeLive(ctx, mark, c, permit)
		p.changed, p.removed = p.changed+written.Changes.Created+written.Changes.Updated, p.removed+written.Deletions.Deleted
		p.newer += written.Conflicts()
		r.passFailed += written.Failed()
		if err != nil {
			return err
		}
	}
	return r.forgetCollected()
}

func (r *run) writeLive(ctx context.Context, mark string, c *Correction, permit Permit) (Written, error) {
	options := r.bulkOptions(mark, r.onFailure)
	var condition Conditioner
	if !r.opts.Versions {
		if err := r.refreshOwnWrites(ctx, mark); err != nil {
			return Written{}, err
		}
		condition, options.OnWritten = r.ifUntouched(mark), r.own.add
	}
	return c.Write(ctx, r.Bulk, permit, options, r.onDeletionFailure, condition)
}

// needsLists tells whether a pass by version is about to write so much that a
// list may shrink beyond what the gate allows. It does not read the documents
// that stay, so it cannot count.
func (r *run) needsLists(changes int64) bool {
	return len(r.report.Lists) > 0 && !r.opts.Gates.shrinkOff() && float64(changes) > r.opts.Gates.MaxShrink*float64(r.prints.Len())
}

// forgetCollected gives up the documents that wait to be written, and their files.
func (r *run) forgetCollected() error {
	var errs []error
	for _, c := range r.collected {
		errs = append(errs, c.Close())
	}
	r.collected = nil
	return errors.Join(errs...)
}

// collectIn runs producers at once, and adds what they have to c.
func collectIn(c *Correction) func(context.Context, ...bulk.Producer) error {
	return func(ctx context.Context, producers ...bulk.Producer) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, produce := range producers {
			g.Go(func() error { return produce(ctx, c.Add) })
		}
		return g.Wait()
	}
}

// readPass streams the snapshot through the comparison to consume, and counts
// it beside.
func (r *run) readPass(parent context.Context, p *pass, differences bulk.Producer,
	consume func(context.Context, ...bulk.Producer) error,
) (counted int64, err error) {
	r.passRead.Store(0)
	r.reading.reset()
	g, ctx := errgroup.WithContext(parent)
	g.Go(func() (err error) {
		counted, err = r.snapshot.Count(ctx)
		return r.readAll(err)
	})
	g.Go(func() error {
		producers := make([]bulk.Producer, r.opts.readers())
		for i := range producers {
			producers[i] = differences
		}
		return consume(ctx, producers...)
	})
	err = cmp.Or(g.Wait(), context.Cause(parent)) // a source need not notice that the run has ended
	p.read = r.passRead.Load()
	return counted, err
}

// passed reports a pass, as far as it came.
func (r *run) passed(p pass, err error) {
	r.report.Changed += p.changed
	r.report.Removed += p.removed
	r.report.PassFailed = r.passFailed
	if err != nil {
		return
	}
	r.report.Passes++
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
